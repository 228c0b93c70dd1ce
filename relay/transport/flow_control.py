"""Connections whose peer may take nothing more for a while."""

from __future__ import annotations

import asyncio


class FlowControl(asyncio.Protocol):
    """Keeps what a writer may wait for. `connection_lost` must call `resume_writing`, so that nobody waits for ever."""

    __slots__ = ("_loop", "_writable")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._writable: asyncio.Future[None] | None = None  # set while the peer takes nothing more

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
