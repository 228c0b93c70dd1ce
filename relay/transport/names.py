"""Host names to addresses, so that name servers which do not answer hold up nobody but who asks for their names.

The event loop's own way asks in four threads that it has for everything; four names whose servers are silent keep them
all waiting. c-ares needs no threads. What was once found is used until something newer is, for a day: addresses
change far more rarely than name servers fail.
"""

from __future__ import annotations

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

FRESH_S: Final = 30.0
STALE_S: Final = 86_400.0
PATIENCE_S: Final = 1.0  # for something newer than what is known
QUERY_S: Final = 2.0  # of the first try; each of the next two waits twice as long
TRIES: Final = 3
KEPT: Final = 10_000
# Name servers answered, and know of no such name: the system may (mDNS, a plug-in of its own).
_NOT_THERE: Final = frozenset({aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_ENODATA})


class Names(AbstractResolver):
    """One for a process. `nameservers`: others than the system's."""

    def __init__(self, nameservers: list[str] | None = None, *, patience_s: float = PATIENCE_S) -> None:
        self._nameservers = nameservers
        self._patience_s = patience_s
        self._dns: aiodns.DNSResolver | None = None
        self._known: dict[tuple[str, int], tuple[float, list[ResolveResult]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[ResolveResult]]] = {}
        self._threads: ThreadPoolExecutor | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """What connectors ask. Raises OSError."""
        key = (host, int(family))
        known = self._known.get(key)
        age = time.monotonic() - known[0] if known else STALE_S
        if known is not None and age < FRESH_S:
            return _with_port(known[1], port)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(host, family), name=f"name {host}")
            task.add_done_callback(lambda done: self._answered(key, done))
        if known is None or age >= STALE_S:
            return _with_port(await asyncio.shield(task), port)
        await asyncio.wait({task}, timeout=self._patience_s)
        if task.done() and not task.cancelled() and task.exception() is None:
            return _with_port(task.result(), port)
        return _with_port(known[1], port)

    async def close(self) -> None:
        for task in tuple(self._asking.values()):
            task.cancel()
        if self._dns is not None:
            await self._dns.close()
            self._dns = None
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def _answered(self, key: tuple[str, int], task: asyncio.Task[list[ResolveResult]]) -> None:
        self._asking.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[key] = (time.monotonic(), task.result())

    async def _ask(self, host: str, family: socket.AddressFamily) -> list[ResolveResult]:
        if self._dns is None:
            self._dns = aiodns.DNSResolver(nameservers=self._nameservers, timeout=QUERY_S, tries=TRIES)
        try:
            found = await self._dns.getaddrinfo(host, family=family, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as e:
            if e.args[0] in _NOT_THERE and self._nameservers is None:
                return await self._ask_the_system(host, family)
            raise OSError(None, e.args[1] if len(e.args) > 1 else "The name cannot be resolved.") from e
        results = [
            _result(host, node.family, node.addr[0].decode("ascii"))
            for node in found.nodes
            if node.family in (socket.AF_INET, socket.AF_INET6)
        ]
        if not results:
            raise OSError(None, "The name has no address.")
        return results

    async def _ask_the_system(self, host: str, family: socket.AddressFamily) -> list[ResolveResult]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(2, thread_name_prefix="names")
        loop = asyncio.get_running_loop()
        found: list[Any] = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
        )
        return [_result(host, kind, str(address[0])) for kind, _, _, _, address in found]


def _result(host: str, family: int, address: str) -> ResolveResult:
    return ResolveResult(hostname=host, host=address, port=0, family=family, proto=0, flags=socket.AI_NUMERICHOST)


def _with_port(results: list[ResolveResult], port: int) -> list[ResolveResult]:
    return [{**result, "port": port} for result in results]
