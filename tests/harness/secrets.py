"""The keys and tokens of a test deployment."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


SECRET_KEY = "a secret key that signs the addresses of tests"


TEAM_KEY = "TeamKeyOfTheTests_123456789"


PANEL_TOKEN = "panel-token"


PANEL_HOOK_TOKEN = "panel-hook-token"


INSTA_TOKEN = "TESTS-00000-INSTA-00000-00000"
