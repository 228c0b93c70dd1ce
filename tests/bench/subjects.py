"""What is measured: each subject is one or more processes, perhaps with a store, that turn hooks into posts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path

import aiohttp

from relay.routing.hook_addresses import hook_secrets
from relay.store.server.binary import find_server
from relay.store.server.embedded import CONFIG_TEMPLATE
from tests.bench.driver import Target

ROOT = Path(__file__).parents[2]
SECRET_KEY = "a key for measuring only, not for anything else"
HOST = "127.0.0.1"
START_S = 30.0


class DidNotStart(Exception):
    """A subject's process ended or stayed silent; the text holds the end of its log."""


def free_port() -> int:
    with socket.create_server((HOST, 0)) as s:
        port: int = s.getsockname()[1]
        return port


class Process:
    """One process of ours, its output in a file."""

    def __init__(self, args: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, env={**os.environ, **(env or {})}
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def check(self) -> None:
        """Raises DidNotStart if it has ended."""
        if self.popen.poll() is not None:
            raise DidNotStart(f"{self.log.name}: exit status {self.popen.returncode}\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    async def stop(self, grace_s: float = 15.0) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self.popen.wait, grace_s)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        await asyncio.to_thread(self.popen.wait)


class StoreServer:
    """A store of the bench's own, configured as the relay configures its embedded one."""

    def __init__(self, where: Path, fsync: str, preload: Path | None = None) -> None:
        self.where = where
        self.socket = where / "s"
        self.fsync = fsync
        self.preload = preload
        self.process: Process | None = None

    async def start(self) -> None:
        self.where.mkdir(parents=True, exist_ok=True)
        config = CONFIG_TEMPLATE.format(socket="s", fsync=self.fsync)
        config = config.replace("dir .\n", f"dir {self.where}\n").replace(
            "unixsocket s\n", f"unixsocket {self.socket}\n"
        )
        config = config.replace("logfile valkey.log\n", "").replace("pidfile valkey.pid\n", "")
        path = self.where / "store.conf"
        path.write_text(config)
        env = {"LD_PRELOAD": str(self.preload)} if self.preload else None
        self.process = Process([str(find_server()), str(path)], self.where / "store.log", env)
        deadline = time.monotonic() + START_S
        while not self.socket.exists():
            self.process.check()
            if time.monotonic() > deadline:
                raise DidNotStart(self.process.tail())
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop()


class Subject(ABC):
    """One system under measurement. `start`, then `target`, `apps`, `stores`; `stop` ends all of it."""

    durable = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.processes: list[Process] = []
        self.stores: list[int] = []  # process ids of its store
        self.where = Path()
        self.port = 0

    @property
    def apps(self) -> list[int]:
        """Process ids of everything but the store."""
        return [p.pid for p in self.processes]

    @property
    @abstractmethod
    def target(self) -> Target: ...

    @abstractmethod
    async def start(self, where: Path, sink: str, preload: Path | None = None) -> None:
        """Start with an empty store in `where`. `preload`: a library for the store's process."""

    def suspend(self) -> None:
        """Not its turn. Even one that waits for nothing but work looks about now and then, and plain arq asks its store
        fifty times a second; on two cores the one whose turn it is would be slower for it."""
        for pid in (*self.apps, *self.stores):
            os.kill(pid, signal.SIGSTOP)

    async def go_on(self) -> None:
        """Its turn again: back when it answers."""
        for pid in (*self.stores, *self.apps):
            os.kill(pid, signal.SIGCONT)
        await self.ready()

    @abstractmethod
    async def ready(self) -> None:
        """Wait until it takes hooks. Raises DidNotStart."""

    async def stop(self) -> None:
        for pid in (*self.stores, *self.apps):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)  # who is suspended is not even told to end
        for process in self.processes:
            await process.stop()
        self.processes.clear()
        self.stores.clear()

    def said(self) -> str:
        """The ends of all logs, for a person who asks why it broke off."""
        logs = sorted(log for log in self.where.rglob("*.log") if log.stat().st_size)
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)

    def spawn(self, name: str, *args: str) -> Process:
        process = Process([sys.executable, "-m", *args], self.where / f"{name}.log")
        self.processes.append(process)
        return process

    async def answering(self, path: str, *, status: int | None = None) -> None:
        """Wait until `path` is answered at all, or with `status`."""
        deadline = time.monotonic() + START_S
        async with aiohttp.ClientSession() as session:
            while True:
                for process in self.processes:
                    process.check()
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.get(f"http://{HOST}:{self.port}{path}") as response:
                        if status is None or response.status == status:
                            return
                if time.monotonic() > deadline:
                    raise DidNotStart(f"{self.name} does not answer\n" + "\n".join(p.tail() for p in self.processes))
                await asyncio.sleep(0.05)


class Forwarder(Subject):
    """(a), see `tests.bench.forwarder`."""

    durable = False

    def __init__(self) -> None:
        super().__init__("forwarder")

    @property
    def target(self) -> Target:
        return Target(host=HOST, port=self.port, path="/hooks/shop")

    async def start(self, where: Path, sink: str, preload: Path | None = None) -> None:
        self.where, self.port = where, free_port()
        self.spawn("forwarder", "tests.bench.forwarder", str(self.port), sink)
        await self.ready()

    async def ready(self) -> None:
        await self.answering("/")


class PlainArq(Subject):
    """(b), see `tests.bench.naive_arq`."""

    def __init__(self, fsync: str) -> None:
        super().__init__(f"arq, {fsync}")
        self.fsync = fsync
        self.store: StoreServer | None = None

    @property
    def target(self) -> Target:
        return Target(host=HOST, port=self.port, path="/hooks/shop")

    async def start(self, where: Path, sink: str, preload: Path | None = None) -> None:
        self.where, self.port = where, free_port()
        self.store = StoreServer(where / "store", self.fsync, preload)
        await self.store.start()
        assert self.store.process is not None
        self.stores = [self.store.process.pid]
        for half in ("worker", "web"):
            self.spawn(half, "tests.bench.naive_arq", half, str(self.store.socket), str(self.port), sink)
        await self.ready()

    async def ready(self) -> None:
        await self.answering("/")

    async def stop(self) -> None:
        await super().stop()
        if self.store is not None:
            await self.store.stop()
            self.store = None  # the next start may have another


CONFIG = """\
listen: {host}:{port}
secret_key: {secret_key}
store: {store}
data_dir: {data}
provision: false
channels:
  shop: {{kind: insta, url: "{sink}/insta", token: BENCH-TOKEN}}
desks:
  sales: {{kind: team, url: "{sink}", key: bench}}
routes:
  - {{channel: shop, desks: [sales]}}
delivery:
  backoff: {backoff}
  breaker: {breaker}
"""


class Relay(Subject):
    """The relay with everything on: `relay run`, or `relay serve` beside `relay worker`.

    Its embedded store is used as it is; only a slowed disk needs a store that we start ourselves, and growth one that
    outlives it (`on`). The schedule of retries is 0.2 s long instead of hours, so that a run with refused messages ends
    today.
    """

    def __init__(
        self,
        fsync: str,
        *,
        split: bool = False,
        backoff: str = "[200ms]",
        breaker: bool = True,
        on: StoreServer | None = None,
    ) -> None:
        super().__init__(f"{'serve + worker' if split else 'run'}, {fsync}")
        self.fsync = fsync
        self.split = split
        self.backoff = backoff
        self.breaker = breaker
        self.on = on
        self.store: StoreServer | None = None
        self.config = Path()

    @property
    def target(self) -> Target:
        secret = hook_secrets((SECRET_KEY,), "shop")[0]
        return Target(host=HOST, port=self.port, path=f"/hooks/shop/{secret}")

    async def start(self, where: Path, sink: str, preload: Path | None = None) -> None:
        self.where, self.port, self.config = where, free_port(), where / "config.yaml"
        store = f"embedded\nfsync: {self.fsync}"
        if preload is not None:
            self.store = StoreServer(where / "slow", self.fsync, preload)
            await self.store.start()
        if (server := self.store or self.on) is not None:
            store = f"unix://{server.socket}"
        self.config.write_text(
            CONFIG.format(
                host=HOST,
                port=self.port,
                secret_key=SECRET_KEY,
                store=store,
                data=where / "data",
                sink=sink,
                backoff=self.backoff,
                breaker="true" if self.breaker else "false",
            )
        )
        for half in ("serve", "worker") if self.split else ("run",):
            self.spawn(half, "relay", half, "-c", str(self.config))
        await self.ready()
        if server is None:
            self.stores = [int((where / "data/store/valkey.pid").read_text())]
        elif server.process is not None:
            self.stores = [server.process.pid]

    async def ready(self) -> None:
        await self.answering("/readyz", status=200)

    async def stop(self) -> None:
        await super().stop()
        if self.store is not None:
            await self.store.stop()
            self.store = None  # the next start may have another
