"""What tests need to run the relay for real: processes, stores, the outside systems' receiving side, and a ledger.

Nothing here is a stand-in for the relay: `RelayProcess` is `python -m relay …` with a config.yaml and a store of its
own, `StoreServer` a real Valkey, `Sink` a real HTTP server that writes down what arrives and answers as it is told.
`Customer` writes hooks the way the Insta API does and `Ledger.tally` says what became of them, in the words of
RELIABILITY section 5: lost, out of order, doubled.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import hashlib
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self
from urllib.parse import parse_qsl

import aiohttp
import orjson
import yaml
from aiohttp import web
from click.testing import CliRunner
from multidict import CIMultiDict

import bridges
from relay.cli.main import cli
from relay.store.server.embedded import find_server

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY = "a secret key that signs the addresses of tests"
TEAM_KEY = "TeamKeyOfTheTests_123456789"
PANEL_TOKEN = "panel-token"
PANEL_HOOK_TOKEN = "panel-hook-token"
INSTA_TOKEN = "TESTS-00000-INSTA-00000-00000"


# --- small things -----------------------------------------------------------------------------------------------------


_dice = random.SystemRandom()  # not the one that tests seed: two suites at once would draw the same ports


def free_port() -> int:
    """A port that nobody listens on. Below those that the system gives to outgoing connections (ip_local_port_range),
    so that none of them takes it before the relay does, or while it is down."""
    while True:
        port = _dice.randint(20_000, 32_000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


async def until(condition: Callable[[], Any], timeout_s: float = 10.0, *, what: str = "") -> Any:
    """Ask again and again, with growing pauses, until the answer is true; returns it. Fails with `what` when late.

    A condition that raises AssertionError or KeyError or IndexError is asked again; the last error is shown.
    """
    deadline = time.monotonic() + timeout_s
    pause, last = 0.005, "never true"
    while True:
        try:
            value: Any = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            last = f"last answer: {value!r}"[:500]
        except (AssertionError, KeyError, IndexError) as e:
            last = f"{type(e).__name__}: {e}"[:2000]
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what or getattr(condition, '__name__', '')} ({last})")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class FakeClock:
    """A clock that stands still until it is moved; seconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


_MARK = re.compile(r"\[c(\d+) s(\d+)\]")


def mark(conversation: int, sequence: int, words: str = "hello") -> str:
    """A text that can be told again wherever it turns up, however it is worded around."""
    return f"[c{conversation} s{sequence}] {words}"


def marked(text: str) -> tuple[int, int] | None:
    """(conversation, sequence) of a text made by `mark`, or None."""
    found = _MARK.search(text)
    return (int(found[1]), int(found[2])) if found else None


# --- processes --------------------------------------------------------------------------------------------------------

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
        if b"Hook addresses" not in said:
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
        said = self._log_path.read_bytes()[self._from :].decode("utf-8", "replace")
        for name, address in re.findall(r"^  (\S+) +(http\S+/hooks/\S+)$", said, re.MULTILINE):
            tail = address.partition(f"/hooks/{name}")[2].strip("/")
            self.hooks[f"{name}/{tail}" if tail in ("message", "user", "media") else name] = address

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
        at = 2 if args[0] == "dead" else 1
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


class StoreServer:
    """A real Valkey on a unix socket (and, where asked, a port), held by the test and by nobody else.

    `durable` servers keep an append-only file and pass the relay's own checks; others write nothing and are fast.
    """

    def __init__(self, folder: Path, *, durable: bool = True, fsync: str = "always", port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.socket = folder / "store.sock"
        self.url = f"unix://{self.socket}"
        self.port = port
        lines = [
            f"dir {folder}",
            f"port {port}",
            "bind 127.0.0.1",
            f"unixsocket {self.socket}",
            'save ""',
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if durable else 'no'}",
            f"appendfsync {fsync}",
            f"logfile {folder / 'store.log'}",
        ]
        (folder / "store.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 15.0) -> Self:
        """Start it and wait until it answers. Blocks."""
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [find_server(), str(self.folder / "store.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _children.add(self._process)
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "store.log").read_text() if (self.folder / "store.log").exists() else ""
                raise RuntimeError(f"the store's server did not come up:\n{said[-2000:]}")
            time.sleep(0.01)
        return self

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith(b"+PONG")
        except OSError:
            return False

    def command(self, *words: str) -> bytes:
        """One command over a connection of its own; the first bytes of the reply. Blocks."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self.socket))
            s.sendall(
                b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w.encode()), w.encode()) for w in words)
            )
            return s.recv(65536)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """SIGSTOP: the connection stands, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. `start` brings it back on the same data."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            _children.discard(self._process)
            self._process = None

    def close(self) -> None:
        """The same, for the end of a test."""
        self.kill()


# --- the outside systems' receiving side ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as it came in. `taken`: the far side acted on it, whatever it answered then."""

    at: float  # time.time()
    method: str  # "message", "message_sent", "sendMsg", "getInfo", ...
    text: str
    fields: dict[str, Any]
    files: dict[str, bytes]
    digest: str  # of the whole body
    conversation: int = -1  # of `mark`; -1 where the text has none
    sequence: int = -1
    queue_id: str = ""  # insta: what the answer names it
    taken: bool = True
    status: int = 200  # 0: the connection was closed without an answer


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


class Ledger:
    """Every arrival, in order."""

    def __init__(self) -> None:
        self.all: list[Arrival] = []
        self.changed = asyncio.Event()

    def add(self, arrival: Arrival) -> None:
        self.all.append(arrival)
        self.changed.set()

    @property
    def taken(self) -> list[Arrival]:
        """Those the far side acted on."""
        return [a for a in self.all if a.taken]

    @property
    def texts(self) -> list[str]:
        return [a.text for a in self.all if a.taken]

    def of(self, conversation: int) -> list[int]:
        """The sequence numbers taken of one conversation, as they came."""
        return [a.sequence for a in self.all if a.taken and a.conversation == conversation]

    def clear(self) -> None:
        self.all.clear()

    def tally(self, acknowledged: Mapping[int, Iterable[int]], dead: Iterable[tuple[int, int]] = ()) -> Tally:
        """What became of everything that was acknowledged (RELIABILITY section 5). `dead`: (conversation, sequence) of
        dead letters; they are seen by people and so not lost."""
        first: dict[tuple[int, int], int] = {}
        doubled: list[tuple[int, int]] = []
        for i, a in enumerate(a for a in self.all if a.taken and a.conversation >= 0):
            if (a.conversation, a.sequence) in first:
                doubled.append((a.conversation, a.sequence))
            else:
                first[a.conversation, a.sequence] = i
        highest: dict[int, int] = {}
        out_of_order = []
        for conversation, sequence in first:
            if sequence < highest.get(conversation, -1):
                out_of_order.append((conversation, sequence))
            highest[conversation] = max(sequence, highest.get(conversation, -1))
        known = set(first) | set(dead)
        wanted = [(c, s) for c, sequences in acknowledged.items() for s in sequences]
        return Tally(
            sent=len(wanted),
            lost=tuple(w for w in wanted if w not in known),
            out_of_order=tuple(out_of_order),
            doubled=tuple(doubled),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """(conversation, sequence) of everything that went wrong."""

    sent: int
    lost: tuple[tuple[int, int], ...]
    out_of_order: tuple[tuple[int, int], ...]
    doubled: tuple[tuple[int, int], ...]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.out_of_order or self.doubled)

    def __str__(self) -> str:
        shown = [f"{self.sent} messages"]
        for name in ("lost", "out_of_order", "doubled"):
            found = getattr(self, name)
            shown.append(f"{len(found)} {name.replace('_', ' ')}" + (f" {found[:5]}" if found else ""))
        return ", ".join(shown)


Kind = Literal["insta", "operator", "team"]


class Sink:
    """One outside system's receiving side: a ledger, and a script for its answers.

    `script` is a callable that is asked for each message (None: yes), or a list of replies for the next messages;
    after the last one everything is yes again. `account()` is its entry for config.yaml.
    """

    def __init__(self, kind: Kind, script: Script | Sequence[Reply] | None = None) -> None:
        self.kind: Kind = kind
        self.ledger = Ledger()
        self.script = script
        self.port = 0
        self.webhook = ""  # insta: what setWebHook said last
        self.on_taken: Callable[[Arrival], None] | None = None  # called for each message taken, before the answer
        self._count = 0
        self._runner: web.ServerRunner | None = None
        self._hanging: set[asyncio.Event] = set()

    @property
    def script(self) -> Script | None:
        """The script as a callable."""
        return self._script

    @script.setter
    def script(self, script: Script | Sequence[Reply] | None) -> None:
        if script is None or callable(script):
            self._script = script
        else:
            replies = deque(script)
            self._script = lambda _: replies.popleft() if replies else None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def account(self, **more: Any) -> dict[str, Any]:
        """What config.yaml says about it. Call it after `start`: it names the port."""
        common: dict[Kind, dict[str, Any]] = {
            "insta": {"kind": "insta", "url": f"{self.url}/insta", "token": INSTA_TOKEN},
            "operator": {
                "kind": "operator",
                "url": f"{self.url}/operator",
                "token": PANEL_TOKEN,
                "webhook_token": PANEL_HOOK_TOKEN,
            },
            "team": {"kind": "team", "url": self.url, "key": TEAM_KEY},
        }
        return {**common[self.kind], **more}

    async def start(self) -> Self:
        """Listen; on the same port as before when it was down."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Be down: connections are refused until `start`."""
        for event in self._hanging:
            event.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def arrived(self, count: int, timeout_s: float = 20.0) -> list[Arrival]:
        """Wait until so many messages were taken in all; returns them."""
        await until(
            lambda: len(self.ledger.taken) >= count,
            timeout_s,
            what=f"{count} messages at the {self.kind} sink",
        )
        return self.ledger.taken

    async def complete(
        self, acknowledged: Mapping[int, Iterable[int]], timeout_s: float = 20.0, dead: Iterable[tuple[int, int]] = ()
    ) -> Tally:
        """Wait until nothing that was acknowledged is missing; what is still lost at the end is in the tally."""
        with contextlib.suppress(AssertionError):
            await until(lambda: not self.ledger.tally(acknowledged, dead).lost, timeout_s)
        return self.ledger.tally(acknowledged, dead)

    async def got(self, words: str, timeout_s: float = 10.0) -> Arrival:
        """Wait for a message whose text contains these words; the first one taken."""
        found: Arrival = await until(
            lambda: next((a for a in self.ledger.all if a.taken and words in a.text), None),
            timeout_s,
            what=f"{words!r} at the {self.kind} sink",
        )
        return found

    # --- answering ----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if self.kind == "insta":
            method = request.path.rpartition("/")[2]
            if method != "sendMsg":
                return self._insta_method(method, body)
        elif self.kind == "team":
            method = request.path.rpartition("/")[2]
            if method != "message":
                return _team_method(method)
        else:
            method = "message_sent"
            if request.method != "POST":
                return web.Response(status=405)
        fields, files = read_fields(request.content_type, request.headers.get("Content-Type", ""), body)
        text = str(fields.get("caption" if self.kind == "insta" else "message") or "")
        place = marked(text) or (-1, -1)
        self._count += 1
        arrival = Arrival(
            at=time.time(),
            method=method,
            text=text,
            fields=fields,
            files=files,
            digest=hashlib.blake2s(body, digest_size=16).hexdigest(),
            conversation=place[0],
            sequence=place[1],
            queue_id=f"q{self._count:08x}{os.urandom(8).hex()}" if self.kind == "insta" else "",
        )
        reply = (self._script(arrival) if self._script is not None else None) or YES
        return await self._answer(request, arrival, reply)

    async def _answer(self, request: web.BaseRequest, arrival: Arrival, reply: Reply) -> web.StreamResponse:
        taken = reply.taken
        if taken is None:
            taken = bool(reply.cut != "before" and reply.status < 300)
        status = 0 if reply.cut or reply.hang_s else reply.status
        if not (taken and status == 200):
            arrival = Arrival(
                **{name: getattr(arrival, name) for name in Arrival.__slots__ if name not in ("taken", "status")},
                taken=taken,
                status=status,
            )
        self.ledger.add(arrival)
        if taken and self.on_taken is not None:
            self.on_taken(arrival)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.hang_s:
            release = asyncio.Event()
            self._hanging.add(release)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(release.wait(), reply.hang_s)
            self._hanging.discard(release)
        if reply.cut == "middle" and request.transport is not None:
            request.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
            )
        if (reply.cut or reply.hang_s) and request.transport is not None:
            request.transport.abort()
            return web.Response()
        content_type = reply.content_type or "application/json"
        if reply.body is None:
            data = orjson.dumps(self._yes(arrival) if reply.status < 300 else self._no(reply.status))
        elif isinstance(reply.body, bytes | str):
            data = reply.body.encode() if isinstance(reply.body, str) else reply.body
        else:
            data = orjson.dumps(reply.body)
        headers = CIMultiDict(reply.headers)
        return web.Response(status=reply.status, body=data, content_type=content_type, headers=headers)

    def _yes(self, arrival: Arrival) -> Any:
        if self.kind == "insta":
            return {"result": {"success": True, "queue_id": arrival.queue_id}, "error": None}
        return {"ok": True}

    def _no(self, status: int) -> Any:
        if self.kind == "insta":
            return {"result": {"success": False}, "error": f"status {status}"}
        return {"ok": False, "error": f"status {status}"}

    def _insta_method(self, method: str, body: bytes) -> web.Response:
        channel: dict[str, Any] = {"id": "235", "user_id": "47367670531", "username": "getcourseru"}
        if method == "setWebHook":
            self.webhook = str(orjson.loads(body)["url"])
        if method in ("setWebHook", "getWebHook"):
            channel["webhook"] = self.webhook
        elif method == "getInfo":
            channel["status"] = True
        else:
            channel["url"] = "https://ig.me/m/getcourseru"
        return web.json_response({"result": {"success": True}, "channel": channel, "error": None})


def _team_method(method: str) -> web.Response:
    """What the relay asks a team chat at its start."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    result: Any = {"ping": "pong", "time": now}.get(method, {})
    return web.json_response({"ok": True, "result": result})


def read_fields(kind: str, header: str, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A form or JSON body: (fields, files). Written for speed: our own sender made the body."""
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode(), keep_blank_values=True)), {}
    if kind == "multipart/form-data":
        boundary = re.search(r'boundary="?([^";]+)', header)
        assert boundary is not None, header
        fields: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for piece in body.split(b"--" + boundary[1].encode())[1:-1]:
            head, _, value = piece.partition(b"\r\n\r\n")
            name = re.search(rb'name="([^"]*)"', head)
            key = name[1].decode() if name else ""
            if b"filename=" in head:
                files[key] = value[:-2]
            else:
                fields[key] = value[:-2].decode()
        return fields, files
    found = orjson.loads(body) if body else {}
    return (found if isinstance(found, dict) else {"": found}), {}


# --- the outside systems' sending side --------------------------------------------------------------------------------


def insta_message(user: int | str, queue_id: str, text: str, **more: Any) -> dict[str, Any]:
    """An `incomingMessage` as the Insta document's example has it. `more` overrides `properties`."""
    return {
        "event": {
            "name": "incomingMessage",
            "properties": {"queueId": queue_id, "type": "text", "content": {"body": text}, **more},
            "createdAt": "2022-12-07T12:29:21+03:00",
        },
        "device": {"user_id": str(user), "username": f"customer{user}", "profileName": f"Customer {user}"},
    }


_REPORTS = {
    "pending": "whatsappSuccess",
    "delivered": "reportActionReceived",
    "read": "reportActionExecuted",
    "fail": "errorActionFail",
}


def insta_report(queue_id: str, status: str) -> dict[str, Any]:
    """A delivery report as the Insta document's examples have it: `pending`, `delivered`, `read` or `fail`."""
    return {
        "event": {
            "name": _REPORTS.get(status, status),
            "properties": {"queueId": queue_id, "status": status},
            "createdAt": "2020-00-00T00:00:00+00:00",
        },
        "device": {"mdn": "79955069706", "profileName": "Customer"},
    }


class Customer:
    """Writes as many customers through the Insta API's hooks, in order in each conversation.

    With `retry` it behaves as a real sender: what is not answered 200 is sent again, unchanged, until it is. Everything
    answered 200 is in `acknowledged`; what was given up unanswered in `unsure`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *hooks: str,
        retry: bool = False,
        retry_for_s: float = 60.0,
        first_user: int = 1000,
        run: str = "",
    ) -> None:
        self.session = session
        self._hooks = itertools.cycle(hooks)  # of several, each in its turn
        self.retry = retry
        self.retry_for_s = retry_for_s
        self.first_user = first_user
        self.run = run or os.urandom(4).hex()
        self.acknowledged: dict[int, list[int]] = defaultdict(list)
        self.unsure: list[tuple[int, int]] = []
        self.acks_s: list[float] = []  # how long each 200 took
        self.statuses: dict[int, int] = defaultdict(int)  # 0: no answer
        self._next: dict[int, int] = defaultdict(int)

    async def post(self, payload: Any, timeout_s: float = 10.0) -> tuple[int, str]:
        """One hook, once: (status, body); status 0 when there was no answer."""
        data = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        try:
            async with self.session.post(
                next(self._hooks),
                data=data,
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, ""

    async def write(self, conversation: int, words: str = "hello") -> bool:
        """The next message of a conversation; whether it was acknowledged."""
        sequence = self._next[conversation]
        self._next[conversation] += 1
        queue_id = f"{self.run}-{conversation}-{sequence}"
        body = orjson.dumps(
            insta_message(self.first_user + conversation, queue_id, mark(conversation, sequence, words))
        )
        deadline = time.monotonic() + self.retry_for_s
        pause = 0.05
        while True:
            began = time.perf_counter()
            status, _ = await self.post(body)
            self.statuses[status] += 1
            if status == 200:
                self.acks_s.append(time.perf_counter() - began)
                self.acknowledged[conversation].append(sequence)
                return True
            if not self.retry or time.monotonic() > deadline:
                self.unsure.append((conversation, sequence))
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def write_all(self, conversations: int, each: int, *, at_once: int = 50, words: str = "hello") -> None:
        """`each` messages in every conversation, in order there, `at_once` conversations side by side."""
        waiting = deque(range(conversations))

        async def one() -> None:
            while waiting:
                conversation = waiting.popleft()
                for _ in range(each):
                    await self.write(conversation, words)

        await asyncio.gather(*(one() for _ in range(min(at_once, conversations))))


@dataclass
class Panel:
    """An operator at the panel of the Operator API: answers by its webhooks."""

    session: aiohttp.ClientSession
    hook: str  # .../hooks/<desk>/message
    token: str = PANEL_HOOK_TOKEN
    bot_id: int = 1

    async def answer(self, contact: int | str, text: str | None, *, file: tuple[str, bytes, str] | None = None) -> int:
        """As multipart, the documented encoding. `file`: (name, bytes, mime). Returns the status."""
        form = aiohttp.FormData()
        form.add_field("token", self.token)
        form.add_field("user_id", str(self.bot_id))
        form.add_field("contact_id", str(contact))
        if text is not None:
            form.add_field("message", text)
        if file is not None:
            form.add_field("attach", file[1], filename=file[0], content_type=file[2])
        async with self.session.post(self.hook, data=form) as response:
            await response.read()
            return response.status


@dataclass
class Colleague:
    """A member of the team group: what they write comes to us as the group's webhook."""

    session: aiohttp.ClientSession
    hook: str
    key: str = TEAM_KEY
    name: str = "Olga"
    _written: int = field(default=0, repr=False)

    def payload(self, text: str) -> dict[str, str]:
        """The hook's fields; each call is a message of its own, by its time."""
        self._written += 1
        return {
            "chat": "g-edb35028-b3ff-48ef-afc4-6fcd4c86b5ad",
            "chat_display_name": "Sales",
            "created": f"2026-11-21T10:00:00.{self._written:06d}Z",
            "sender": "d-7a1c3a36-0c5f-4f0e-8a1b-1f5a6a3d2b10",
            "sender_display_name": self.name,
            "text": text,
        }

    async def write(self, text: str, payload: dict[str, str] | None = None) -> int:
        """Post it urlencoded; returns the status."""
        data = payload or self.payload(text)
        async with self.session.post(self.hook, data=data, headers={"key": self.key}) as response:
            await response.read()
            return response.status


# --- put together -----------------------------------------------------------------------------------------------------


def deployment(shop: Any, panel: Any = None, sales: Any = None, **more: Any) -> dict[str, Any]:
    """A config for one channel "shop" and desks "panel" and "sales" (each an account dict; None: left out)."""
    desks = {name: account for name, account in (("panel", panel), ("sales", sales)) if account is not None}
    return {
        "channels": {"shop": shop},
        "desks": desks,
        "routes": [{"channel": "shop", "desks": list(desks)}],
        **more,
    }


@contextlib.asynccontextmanager
async def sinks(*kinds: Kind) -> AsyncIterator[list[Sink]]:
    """Several sinks, started and stopped together."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Sink(kind)) for kind in kinds]
