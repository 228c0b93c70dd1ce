"""A relay that kills itself (SIGKILL) at a named point: `python -m tests.faults.killable run -c config.yaml`.

The points are around the steps of a message, not inside the core, which knows nothing of them: before and after a
message is stored, a lane claimed, a request sent, its result written, a failed lane put to sleep, a lease renewed.
`RELAY_KILL_AT` names the point. Only the first message that this process takes in itself is fatal; what an earlier
process left is delivered before.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from relay.inbound.handover import Handover
from relay.store.store import Store
from relay.transport.sender import Sender

STEPS = ("store", "claim", "send", "finish", "sleep", "renew")
POINTS = tuple(f"{when}_{step}" for step in STEPS for when in ("before", "after"))
# At these the message is on its way or has just arrived, and nothing of that is written down: it comes twice.
IN_DOUBT = ("after_send", "before_finish", "before_renew", "after_renew")

Step = Callable[..., Awaitable[Any]]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Make this process die at `point`. Raises ValueError for a point there is none of."""
    when, _, step = point.partition("_")
    if point not in POINTS:
        raise ValueError(f"no point {point!r}; there are {', '.join(POINTS)}")
    fresh = 0  # messages this process has taken in

    def around(inner: Step, name: str) -> Step:
        async def outer(*args: Any, **kwargs: Any) -> Any:
            nonlocal fresh
            here = fresh > 0
            if name == "store":
                here = fresh > 0 and when == "before"
            elif name == "finish" and step in ("finish", "sleep"):
                here = here and args[4].verdict == ("retry" if step == "sleep" else "ok")
            elif name == "send":  # not what the relay asks of a channel now and then
                here = here and args[1].url.endswith("/operator")
            if here and when == "before" and name == ("finish" if step == "sleep" else step):
                _die()
            answer = await inner(*args, **kwargs)
            if name == "store" and answer.fresh:
                fresh += 1
                if point == "after_store":
                    _die()
            if name == "claim" and not answer.lanes:
                return answer
            if here and when == "after" and name == ("finish" if step == "sleep" else step) and name != "store":
                _die()
            return answer

        return outer

    for kind, method, name in (
        (Store, "accept", "store"),
        (Store, "claim", "claim"),
        (Store, "finish", "finish"),
        (Store, "renew", "renew"),
        (Sender, "__call__", "send"),
    ):
        setattr(kind, method, around(getattr(kind, method), name))
    if step == "claim":
        # In one process acceptance hands a message to the worker, and nothing would be claimed.
        assert callable(Handover.reserve)  # a method renamed in the core must not leave this without effect
        Handover.reserve = lambda self, to: []  # type: ignore[method-assign]


def shift_clock(file: str) -> None:
    """Make this process's wall clock wrong by as many seconds as the file says, which may change at any time."""
    right, right_ns, path = time.time, time.time_ns, Path(file)
    time.time = lambda: right() + float(path.read_text() or 0)
    time.time_ns = lambda: right_ns() + int(float(path.read_text() or 0) * 1e9)


def main() -> None:
    """What `python -m relay` does, armed."""
    if clock := os.environ.get("RELAY_TEST_CLOCK"):
        shift_clock(clock)
    if point := os.environ.get("RELAY_KILL_AT"):
        arm(point)
    from relay.__main__ import main as relay

    relay()


if __name__ == "__main__":
    main()
