"""`relay run`, `serve` and `worker` as processes of their own, and the commands beside them."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

import aiohttp
import yaml
from click.testing import CliRunner

import bridges
from relay.cli.loading import offline
from relay.cli.main import cli
from relay.config.load import load
from tests.harness.secrets import ROOT, SECRET_KEY
from tests.harness.waiting import free_port, until

_children: set[subprocess.Popen[bytes]] = set()


@atexit.register
def _kill_children() -> None:
    """The last net: a test run that is itself interrupted leaves nothing behind."""
    for child in list(_children):
        with contextlib.suppress(OSError):
            child.kill()
    for relay in list(RelayProcess.known):
        end_embedded_store(relay.data_dir)


def end_embedded_store(data_dir: Path) -> bool:
    """Kill the embedded store that runs on this data directory, if one does; it outlives a kill -9 of the relay.

    Only a process whose working directory is that store's is touched, whatever the pid file says.
    """
    folder = data_dir / "store"
    try:
        pid = int((folder / "valkey.pid").read_text())
        if Path(f"/proc/{pid}/cwd").readlink() != folder.resolve():
            return False
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return False
    deadline = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return True


def _alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """How a process ended."""

    code: int
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one command printed and its exit status."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class RelayProcess:
    """`relay run|serve|worker` as a process of its own, on a config.yaml written for it.

    `config` is the whole file but for `listen`, `data_dir` and `secret_key`, which are filled in. The port and the
    data directory stay the same over `kill` and `start`, as they do for a deployment. Use it as `async with`, or call
    `start` and, always, `close`.
    """

    known: ClassVar[set[RelayProcess]] = set()
    module: ClassVar[str] = "relay"  # what `python -m` starts

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        *,
        command: Literal["run", "serve", "worker"] = "run",
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        name: str = "relay",
    ) -> None:
        self.folder = folder
        self.command = command
        self.args = tuple(args)
        self.env = dict(env or {})
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        full: dict[str, Any] = {"secret_key": SECRET_KEY, **config}
        full.setdefault("listen", f"127.0.0.1:{free_port()}")
        full.setdefault("data_dir", str(folder / "data"))
        accounts = [*full.get("channels", {}).values(), *full.get("desks", {}).values()]
        if len({account.get("url") == "sandbox" for account in accounts if account.get("url")}) > 1:
            full.setdefault("sandboxes", "expose")  # beside servers of the tests, which count as real
        self.config = full
        self.data_dir = Path(full["data_dir"])
        self.config_path = folder / "config.yaml"
        self.address = f"http://{full['listen']}"
        self.hooks: dict[str, str] = {}  # "shop", "sales", "panel/message", "panel/user", ... -> address
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.write_config()

    def write_config(self) -> None:
        """Write `config` out; call it after changing it, before the next start."""
        self.config_path.write_text(yaml.safe_dump(self.config, allow_unicode=True, sort_keys=False), "utf-8")

    @property
    def pid(self) -> int:
        """The relay's own process id. Raises when it does not run."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def store_pid(self) -> int:
        """The embedded store's process id."""
        return int((self.data_dir / "store" / "valkey.pid").read_text())

    @property
    def _log_path(self) -> Path:
        return self.folder / f"{self.name}.log"

    def log(self) -> str:
        """Everything it has said so far on both streams, over all its starts."""
        try:
            return self._log_path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""

    async def start(self, timeout_s: float = 30.0, *, ready: bool = True) -> Self:
        """Start it and, unless told otherwise, wait until /readyz is green. A worker is ready when it says so."""
        self.launch()
        if ready:
            await self.ready(timeout_s)
        return self

    def launch(self) -> None:
        """Start the process and wait for nothing."""
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        self.starts += 1
        self._from = self._log_path.stat().st_size if self._log_path.exists() else 0
        self._process = self._spawn()
        _children.add(self._process)
        RelayProcess.known.add(self)

    @property
    def _command_line(self) -> list[str]:
        return [sys.executable, "-m", self.module, self.command, "-c", str(self.config_path), *self.args]

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **self.env}

    def _spawn(self) -> subprocess.Popen[bytes]:
        """The process itself, its words going to the log."""
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                self._command_line,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._environment,
                start_new_session=True,
            )

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Wait until it is ready. Fails at once, with its log, when it ends instead."""
        async with aiohttp.ClientSession() as session:
            await until(lambda: self._is_ready(session), timeout_s, what=f"{self.name} ready")
        self._read_hooks()

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self._process.returncode} at its start:\n{self.log()[-4000:]}")
        said = self._log_path.read_bytes()[self._from :]
        if self.command == "worker":
            return b"Working for " in said
        if b"The relay is at " not in said:
            return False
        return await self._readyz(session) == 200

    async def _readyz(self, session: aiohttp.ClientSession) -> int:
        try:
            timeout = aiohttp.ClientTimeout(total=5)
            async with session.get(f"{self.address}/readyz", timeout=timeout) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def readyz(self) -> int:
        """The status of /readyz; 0 when it cannot be reached or does not answer within 5 s."""
        async with aiohttp.ClientSession() as session:
            return await self._readyz(session)

    def _read_hooks(self) -> None:
        """As `relay check` shows them; a start does not, for whoever reads its log could post there."""
        kinds = {bridge.spec.kind: bridge for bridge in bridges.ALL}
        config = load(self.config_path, {kind: bridge.spec for kind, bridge in kinds.items()}, self._environment)
        for account in offline(config, kinds).by_name.values():
            for tail, address in account.hooks().items():
                self.hooks[f"{account.name}/{tail}" if tail in ("message", "user", "media") else account.name] = address

    async def stop(self, timeout_s: float = 30.0) -> Stopped:
        """SIGTERM, as a deploy does it, and wait. Fails when it is not gone in time."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        try:
            await until(lambda: not self.running, timeout_s, what=f"{self.name} stopped after SIGTERM")
        except AssertionError:
            self.kill()
            raise
        return Stopped(code=self._reap(), took_s=time.monotonic() - began)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. The embedded store lives on."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._reap()

    def _reap(self) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        _children.discard(process)
        return process.wait()

    async def restart(self, timeout_s: float = 30.0) -> None:
        """Stop (when it runs) and start again on the same port and data."""
        if self.running:
            await self.stop()
        await self.start(timeout_s)

    async def close(self) -> None:
        """End it and its embedded store, by force if need be. Leaves nothing behind."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(AssertionError):
                await until(lambda: not self.running, 15)
            self.kill()
        await asyncio.to_thread(end_embedded_store, self.data_dir)
        RelayProcess.known.discard(self)

    async def __aenter__(self) -> Self:
        try:
            return await self.start()
        except BaseException:
            await self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def cli(self, *args: str, timeout_s: float = 30.0) -> Ran:
        """Another `relay …` command on the same config.yaml, in a process of its own."""
        return await asyncio.to_thread(run_cli, *self._with_config(args), cwd=ROOT, timeout_s=timeout_s)

    async def cli_here(self, *args: str) -> Ran:
        """The same through the real command line, but in this process: starting one costs a second or more."""
        done = await asyncio.to_thread(CliRunner().invoke, cli, self._with_config(args), obj=bridges.ALL)
        return Ran(code=done.exit_code, out=done.stdout, err=done.stderr)

    def _with_config(self, args: Sequence[str]) -> list[str]:
        """The arguments with `-c FILE` where click wants it: after the last command word."""
        at = 2 if args[0] in ("dead", "history", "token", "user", "team") else 1
        return [*args[:at], "-c", str(self.config_path), *args[at:]]


def run_cli(*args: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None, timeout_s: float = 30.0) -> Ran:
    """`python -m relay …` to its end. Blocks."""
    done = subprocess.run(
        [sys.executable, "-m", "relay", *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        timeout=timeout_s,
        check=False,
    )
    return Ran(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())
