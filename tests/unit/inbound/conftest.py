"""Fixtures of the way in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.inbound.door import Door, open_door


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A door of one's own."""
    async with open_door(tmp_path) as opened:
        yield opened
