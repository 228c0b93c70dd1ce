"""Refusals as sentences."""

from __future__ import annotations

from relay.contract import Texts
from relay.contract.errors import UnsupportedContent


def reasons(texts: Texts, error: UnsupportedContent) -> list[str]:
    """Each refusal as a sentence, in the deployment's language."""
    return [texts.notice(r.notice, **dict(r.facts)) for r in error.refusals]
