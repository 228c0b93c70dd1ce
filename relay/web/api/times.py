"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

Moment = Annotated[datetime, Field(description="RFC 3339, UTC.")]


def moment(ms: int | None) -> datetime | None:
    """Milliseconds since the epoch; None for None and for 0, which is never."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


def ms_of(at: datetime) -> int:
    """Milliseconds since the epoch."""
    return round(at.timestamp() * 1000)
