"""How a receiver answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.harness.ledger import Arrival


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How to answer one request; the default is the system's own yes.

    `cut`: "before" closes the connection as if the request had never been read, "after" takes it and closes without
    an answer, "middle" closes in the middle of the answer. `hang_s` takes it and says nothing for so long.
    """

    status: int = 200
    body: Any = None  # None: the system's yes (its no when status is an error); bytes and str as they are; else JSON
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    delay_s: float = 0.0
    cut: Literal["", "before", "after", "middle"] = ""
    hang_s: float = 0.0
    taken: bool | None = None  # None: as the answer says


YES = Reply()


HTML = Reply(body="<!doctype html><html><body><h1>It works</h1></body></html>", content_type="text/html", taken=False)


NOT_OK = Reply(body={"ok": False, "error": "the group is archived"}, taken=False)  # the team chat, with HTTP 200


UNPAID = Reply(status=402, body={"result": {"success": False}, "error": "нет активных каналов"})


BUSY = Reply(status=503)


BROKEN = Reply(status=500)


Script = Callable[[Arrival], Reply | None]
