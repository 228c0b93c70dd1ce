"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

Moment = Annotated[datetime, Field(description="RFC 3339, UTC.")]


def moment(ms: int | None) -> datetime | None:
    """Milliseconds since the epoch; None for None and for 0, which is never."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


def time_of(value: Any) -> Any:
    """A time as JSON has it, which has none. What is no text is left for the type to refuse. Raises ValueError."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def ms_of(at: datetime) -> int:
    """Milliseconds since the epoch."""
    return round(at.timestamp() * 1000)
