"""The embedded store: a real Valkey (or Redis) server of our own, one per data directory.

Layout of `data_dir/store`: `valkey.conf` (written at every start), `valkey.sock` (mode 700), `valkey.log`,
`valkey.pid`, `appendonlydir/` (the data), `server.lock` and `users.lock`.

Two advisory locks (flock) carry the promises of the design, because the kernel takes them back from a process that
dies, however it dies:

* `server.lock` is locked by us and the open file handed to the server, which holds it as long as it lives. So there is
  never a second server on one directory, a race of two starters has one winner, and a server that outlived a kill -9
  of ours is told from one that died and left its socket behind.
* `users.lock` is held shared by every process that uses the store. Whoever stops last takes it exclusively and may
  shut the server down; a process that crashed counts no more.

Redis RDB snapshots are off: with the append-only file synced they add nothing but load, and alone they lose everything
since the last one (PITFALLS 2).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import subprocess
import time
from importlib.resources import files
from pathlib import Path
from typing import Final

from relay.contract.errors import StoreUnavailable
from relay.store.server import append_only
from relay.store.server.binary import check_version, find_server
from relay.store.server.locks import is_free, open_lock, try_lock
from relay.store.server.socket_path import SOCKET_NAME, socket_path

log = logging.getLogger(__name__)

FSYNC_POLICIES: Final = ("always", "everysec")
READY_TIMEOUT_S: Final = 20.0  # without a sign of life; a server that says it is loading gets LOADING_TIMEOUT_S
LOADING_TIMEOUT_S: Final = 600.0
STOP_TIMEOUT_S: Final = 30.0
RESTART_PAUSE_S: Final = 0.2
RESTART_PAUSE_MAX_S: Final = 5.0  # it must be back within 10 s of, say, space on the disk (PITFALLS experiment 8)
LOG_LIMIT: Final = 4 * 1024 * 1024  # bytes; the log is turned over at start beyond this
# The wheel's server allocates with glibc: a longer list of freed pieces saves it a twentieth of its work (counted:
# 632 to 597 thousand instructions a message). Other systems' libraries do not know the variable.
ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=500"}
PASSED_ON: Final = ("LD_LIBRARY_PATH", "TZ")
CONFIG_TEMPLATE: Final = (files("relay.store.server") / "valkey_template.conf").read_text(encoding="utf-8")


class EmbeddedStore:
    """The server behind `store: embedded`. One object per process that uses it."""

    def __init__(self, data_dir: Path, fsync: str = "always") -> None:
        """`fsync` is "always" or "everysec". Nothing is touched before `start`."""
        if fsync not in FSYNC_POLICIES:
            raise ValueError(f"fsync must be one of {', '.join(FSYNC_POLICIES)}, not {fsync!r}")
        self.fsync = fsync
        self.dir = (data_dir / "store").absolute()
        self.found = False  # True after `start` if the server was running already
        self._pid: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._users: int | None = None  # descriptor of users.lock
        self._socket: Path | None = None

    @property
    def url(self) -> str:
        """`unix:///…/valkey.sock`, as redis-py reads it. Only after `start`."""
        if self._socket is None:
            raise StoreUnavailable("The embedded store is not started.")
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it is not known to run."""
        return self._pid if self.running else None

    @property
    def running(self) -> bool:
        """Whether the server is alive. Costs two system calls; says nothing about whether it answers."""
        if self._pid is None:
            return False
        if self._child is not None:
            return self._child.poll() is None
        return not is_free(self.dir / "server.lock")

    async def start(self) -> str:
        """Find or start the server and wait until it answers. Returns its redis URL. Calling it again is allowed.

        Raises StoreUnavailable with one sentence that says what to do.
        """
        if self._users is not None and self.running:
            return self.url
        try:
            await asyncio.to_thread(self._prepare)
            socket = await asyncio.to_thread(socket_path, self.dir)
        except OSError as e:
            raise StoreUnavailable(
                f"The store's directory {self.dir} cannot be used: {e.strerror or e}. It must be a directory "
                "that this user may write to; `data_dir` in config.yaml names its parent."
            ) from e
        self._socket = socket
        was_user = self._users is not None
        try:
            await self._join_users()
            await self._start_or_find(socket)
        except BaseException:
            if not was_user:
                self._let_go()
            raise
        return self.url

    async def stop(self) -> None:
        """Leave the store; shut the server down cleanly if nobody else uses it, and wait until it is gone."""
        if self._users is None:
            return
        try:
            if self._is_last_user():
                await self._shut_down()
        finally:
            self._let_go()

    async def keep_running(self) -> None:
        """For ever: when the server ends, start it again. Costs nothing while it lives (no polling where the kernel
        has pidfds). Run it as a task between `start` and `stop`, and cancel it before `stop`."""
        pause = RESTART_PAUSE_S
        while True:
            began = time.monotonic()
            await self._ended()
            log.error("store ended by itself; starting it again", extra={"pid": self._pid, "dir": str(self.dir)})
            if time.monotonic() - began > 60:
                pause = RESTART_PAUSE_S
            while True:
                try:
                    await self.start()
                    break
                except StoreUnavailable as e:
                    log.error("store cannot be started: %s", e)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, RESTART_PAUSE_MAX_S)

    async def _ended(self) -> None:
        """Returns once the server is gone."""
        pidfd = -1
        if self._pid is not None:
            with contextlib.suppress(OSError, AttributeError):  # no such process; Linux before 5.3; not Linux
                pidfd = os.pidfd_open(self._pid)
        try:
            if pidfd >= 0 and self.running:
                loop = asyncio.get_running_loop()
                gone = asyncio.Event()
                loop.add_reader(pidfd, gone.set)
                try:
                    await gone.wait()
                finally:
                    loop.remove_reader(pidfd)
            while self.running:  # noqa: ASYNC110  # another process's server on a kernel without pidfds
                await asyncio.sleep(1)
        finally:
            if pidfd >= 0:
                os.close(pidfd)

    # --- starting ---------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        self.dir.chmod(0o700)
        logfile = self.dir / "valkey.log"
        # While a server writes to it, only its own name for it changes; harmless.
        with contextlib.suppress(FileNotFoundError):
            if logfile.stat().st_size > LOG_LIMIT:
                logfile.replace(logfile.with_suffix(".log.1"))

    async def _join_users(self) -> None:
        """Count ourselves among the users. Waits while another process, the last one, is shutting the server down."""
        if self._users is not None:
            return
        fd = open_lock(self.dir / "users.lock")
        deadline = time.monotonic() + STOP_TIMEOUT_S
        try:
            while not try_lock(fd, fcntl.LOCK_SH):
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"Another process has been shutting down the store in {self.dir} for {STOP_TIMEOUT_S:.0f} s. "
                        "Look at valkey.log there, then try again."
                    )
                await asyncio.sleep(0.02)
        except BaseException:
            os.close(fd)
            raise
        self._users = fd

    async def _start_or_find(self, socket: Path) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        repaired = False
        while True:
            lock = open_lock(self.dir / "server.lock")
            try:
                if try_lock(lock, fcntl.LOCK_EX):
                    await asyncio.to_thread(append_only.check_complete, self.dir)
                    started = await self._start_server(lock, socket)
                    if started is None:
                        return
                    if repaired or not append_only.is_torn(started):
                        raise StoreUnavailable(_why_not(started, self.dir))
                    await asyncio.to_thread(append_only.repair, self.dir)
                    repaired = True
                    continue
            finally:
                os.close(lock)  # the server, if there is one now, has its own copy
            if await self._find_server(socket):
                return
            if time.monotonic() > deadline:
                pid = _read_pid(self.dir)
                raise StoreUnavailable(
                    f"A store server{f' (process {pid})' if pid else ''} already runs on {self.dir} but does not "
                    "answer. If it is suspended, resume it; if it hangs, end it (the data is safe) and start again."
                )
            await asyncio.sleep(0.02)

    async def _start_server(self, lock: int, socket: Path) -> str | None:
        """Start a server that inherits `lock`. Returns None once it answers, else what it logged before it ended."""
        binary = await asyncio.to_thread(find_server)
        await asyncio.to_thread(check_version, binary, self.dir)
        logfile = self.dir / "valkey.log"
        try:
            config = CONFIG_TEMPLATE.format(socket=SOCKET_NAME, fsync=self.fsync)
            await asyncio.to_thread(_write_private, self.dir / "valkey.conf", config)
            log_start = logfile.stat().st_size if logfile.exists() else 0
            child = await asyncio.to_thread(_spawn, binary, self.dir, lock)
        except OSError as e:
            raise StoreUnavailable(f"The store's server {binary} cannot be started: {e.strerror or e}.") from e
        try:
            ready = await _await_ready(socket, child)
        except BaseException:
            if child.poll() is None:
                child.kill()
            child.wait()
            raise
        if not ready:
            return await asyncio.to_thread(_read_from, logfile, log_start)
        self._child, self._pid, self.found = child, child.pid, False
        log.info("store started", extra={"pid": child.pid, "dir": str(self.dir), "appendfsync": self.fsync})
        return None

    async def _find_server(self, socket: Path) -> bool:
        """Whether a server that outlived its owner, or was started by another process of ours, answers."""
        if not await _await_ready(socket, None):
            return False
        # The socket was reached through our own directory and the lock is held, so this is that directory's server.
        info = await _command(socket, b"INFO", b"server")
        match = re.search(rb"process_id:(\d+)", info)
        if match is None:
            return False
        self._child, self._pid, self.found = None, int(match[1]), True
        await _command(socket, b"CONFIG", b"SET", b"appendfsync", self.fsync.encode())  # config.yaml may have changed
        log.info("store found running", extra={"pid": self._pid, "dir": str(self.dir), "appendfsync": self.fsync})
        return True

    # --- stopping ---------------------------------------------------------------------------------------------------

    def _is_last_user(self) -> bool:
        assert self._users is not None
        # First we stop being a user, then we ask whether anybody is left. Of two that leave at once, the later one
        # finds nobody; a third that comes in between is a user, and the server stays for it.
        fcntl.flock(self._users, fcntl.LOCK_UN)
        return try_lock(self._users, fcntl.LOCK_EX)

    async def _shut_down(self) -> None:
        if self._socket is None or not self.running:
            return
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            await _command(
                self._socket, b"SHUTDOWN", b"NOSAVE", timeout=STOP_TIMEOUT_S
            )  # NOSAVE: no RDB; AOF is flushed
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self.running:
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"The store's server (process {self._pid}) has not ended {STOP_TIMEOUT_S:.0f} s after it was asked "
                    "to. Everything acknowledged is on disk; end it by hand."
                )
            await asyncio.sleep(0.01)
        log.info("store stopped", extra={"pid": self._pid, "dir": str(self.dir)})

    def _let_go(self) -> None:
        if self._users is not None:
            os.close(self._users)
        if self._child is not None and self._child.poll() is None:
            # It lives on for its other users. Python would warn about a child that nobody waited for.
            self._child.returncode = 0
        self._users = self._child = self._pid = self._socket = None


# --- files ------------------------------------------------------------------------------------------------


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


def _read_from(path: Path, offset: int) -> str:
    try:
        with path.open("rb") as f:
            f.seek(offset)
            return f.read(64 * 1024).decode("utf-8", "replace")
    except OSError:
        return ""


def _read_pid(store_dir: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((store_dir / "valkey.pid").read_text())
    return None


def _spawn(binary: Path, store_dir: Path, lock: int) -> subprocess.Popen[bytes]:
    """The server in a session of its own: neither Ctrl-C in our terminal nor our death reaches it."""
    with (store_dir / "valkey.log").open("ab") as output:
        return subprocess.Popen(  # noqa: S603  # our own server with our own file
            [binary, "valkey.conf"],
            cwd=store_dir,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(lock,),
            # Not our whole environment: it holds the deployment's secrets.
            env=ENVIRONMENT | {k: os.environ[k] for k in PASSED_ON if k in os.environ},
        )


# --- talking to it before there is a client -------------------------------------------------------------------------


async def _command(socket: Path, *words: bytes, timeout: float = 5.0) -> bytes:
    """One command, one reply as it stands on the wire (bulk strings without their length line)."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        try:
            writer.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
            await writer.drain()
            line = await reader.readline()
            if not line.startswith(b"$"):
                return line
            return await reader.readexactly(max(int(line[1:]), 0))
        finally:
            writer.close()


async def _await_ready(socket: Path, child: subprocess.Popen[bytes] | None) -> bool:
    """Wait until the server answers. With `child`: False once it has ended. Without: False unless it is there now."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    pause = 0.002
    while True:
        try:
            answer = await _command(socket, b"PING", timeout=2.0)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            answer = b""
        if answer.startswith(b"+PONG"):
            return True
        if answer.startswith(b"-LOADING"):
            deadline = max(deadline, time.monotonic() + LOADING_TIMEOUT_S)
        elif child is None:
            return False
        if child is not None and child.poll() is not None:
            return False
        if time.monotonic() > deadline:
            raise StoreUnavailable("The store's server was started but does not answer; valkey.log may say why.")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


# --- what went wrong ------------------------------------------------------------------------------------------------


def _why_not(logged: str, store_dir: Path) -> str:
    """The server's last words, as a sentence for people."""
    if "No space left on device" in logged:
        return f"The disk that holds {store_dir} is full. Free some space and start again; nothing stored is lost."
    if "Can't handle RDB format version" in logged:
        return (
            f"The store in {store_dir} was written by a newer server than the one installed now. Install that one "
            "again, or a newer one."
        )
    if "Read-only file system" in logged or "Permission denied" in logged:
        return f"The store's server may not write to {store_dir}. Give this user the right to, or change `data_dir`."
    lines = [line for line in logged.splitlines() if line.strip()]
    complaints = [line for line in lines if " # " in line or "***" in line or ">>>" in line or "rror" in line]
    last = re.sub(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ [#*.-] ", "", (complaints or lines or ["it said nothing"])[-1])
    return f"The store's server ended at once: {last.strip()[:300]} ({store_dir / 'valkey.log'} has it all)."
