"""The append-only file: told apart are a torn end, which is cut off, and damage, about which a person decides.

A torn end is what a power cut leaves: behind the last complete command (or transaction) the beginning of one that was
being written, or a block of rubbish, and nothing whole behind it. Whatever is whole behind the fault was acknowledged
once, so cutting there would lose it: such a file is damaged, however near its end.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relay.contract.errors import StoreUnavailable
from relay.store.server.binary import find_server

log = logging.getLogger("relay.store.server.append_only")

# The most that is cut off without a question: what one sync may have been writing when the power went, a few messages
# of the longest kind side by side.
REPAIR_LIMIT: Final = 4 * 1024 * 1024  # bytes
# The word of a person that what is lost is lost; see `accepted`.
ACCEPT: Final = "RELAY_ACCEPT_STORE_LOSS"
_COMMAND: Final = re.compile(rb"\*[1-9]\d{0,5}\r\n\$\d{1,9}\r\n")
_LENGTH: Final = re.compile(rb"\$(\d{1,9})\r\n")
# What may begin a command in a file of ours; words of a customer that look like one are then no command.
_NAMES: Final = frozenset(
    b"SELECT MULTI EXEC SET DEL UNLINK PEXPIREAT PEXPIRE PERSIST HSET HDEL HINCRBY HSETNX HMSET SADD SREM ZADD ZREM "
    b"ZREMRANGEBYSCORE ZREMRANGEBYRANK RPUSH LPUSH LPOP RPOP LREM LTRIM LSET XADD XTRIM XDEL INCR INCRBY".split()
)


@dataclass(frozen=True, slots=True)
class Tail:
    """What stands behind the first fault of a file: how many bytes, and how many whole commands among them."""

    length: int
    whole: int


def accepted() -> bool:
    """Whether a person has said, for this start, that what cannot be read may be lost."""
    return os.environ.get(ACCEPT, "").strip().lower() in ("1", "yes", "true")


def examine(tail: bytes) -> Tail:
    """Pure: what stands behind the last complete command of a file."""
    position, whole, in_transaction = 0, 0, False
    while (found := _command_at(tail, position)) is not None:
        name, position = found
        in_transaction = name == b"MULTI" or (in_transaction and name != b"EXEC")
        # Commands of a transaction that was not finished never took effect, so they are no loss.
        whole = 0 if in_transaction else whole + 1
    for match in _COMMAND.finditer(tail, position + 1):
        found = _command_at(tail, match.start())
        if found is not None and found[0] in _NAMES:
            whole += 1
    return Tail(len(tail), whole)


def _command_at(data: bytes, position: int) -> tuple[bytes, int] | None:
    """The name of the complete command that begins at `position`, and where it ends; None where there is none."""
    head = _COMMAND.match(data, position)
    if head is None:
        return None
    count = int(data[position + 1 : data.index(b"\r\n", position)])
    at, name = data.index(b"\r\n", position) + 2, b""
    for i in range(count):
        length = _LENGTH.match(data, at)
        if length is None:
            return None
        end = length.end() + int(length[1])
        if data[end : end + 2] != b"\r\n":
            return None
        if i == 0:
            name = data[length.end() : end].upper()
        at = end + 2
    return name, at


def check_complete(store_dir: Path) -> None:
    """Raises StoreUnavailable where data is there but not what names it: the server would begin anew over it."""
    folder = store_dir / "appendonlydir"
    parts = sorted(p.name for p in folder.glob("appendonly.aof.*")) if folder.is_dir() else []
    if parts and not (folder / "appendonly.aof.manifest").exists():
        raise StoreUnavailable(
            f"{folder / 'appendonly.aof.manifest'} is missing, though {', '.join(parts)} are there: the store's server "
            f"would start empty over them. Restore the folder from a backup. To start empty, move {folder} away and "
            f"start once with {ACCEPT}=yes."
        )


def repair(store_dir: Path) -> None:
    """Cut a torn end off the append-only file, keeping a copy. Raises StoreUnavailable where that is no torn end.

    Also one that merely ends early. The server could load that by itself (aof-load-truncated), but where the file
    ends inside a command of a transaction it leaves the transaction's beginning standing (measured with Valkey
    8.1): half a script takes effect, and the next repair cuts off everything written since. The check tool cuts
    before the transaction.
    """
    binary = find_server()
    target = entry(store_dir)
    torn = last_file(store_dir)
    if target is None or torn is None or not torn.exists():
        raise StoreUnavailable(f"The append-only file in {store_dir} cannot be read, and no part of it is there.")
    size = torn.stat().st_size
    good = ok_up_to(_check(binary, target, fix=False), torn.name)
    if good is None:
        raise StoreUnavailable(
            f"A file of the store other than its last one ({torn.name}) is damaged; valkey.log in {store_dir} names "
            "it. Restore the store from a backup."
        )
    behind = Tail(size - good, 0) if size - good > 256 * 1024 * 1024 else examine(_read(torn, good))
    copy = store_dir / f"torn-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{torn.name}"
    if (behind.whole or behind.length > REPAIR_LIMIT) and not accepted():
        lost = f"at least {behind.whole} writes" if behind.whole else "what they held"
        raise StoreUnavailable(
            f"The append-only file {torn} is damaged before its end, from byte {good} of {size}. Without a repair "
            f"{behind.length} bytes behind that cannot be read, and {lost} would be lost, among them acknowledged "
            f"messages. Restore the file from a backup, or start once with {ACCEPT}=yes in the environment: then the "
            f"file is cut there, and a copy kept as {copy.name} beside it."
        )
    shutil.copy2(torn, copy)
    _check(binary, target, fix=True)
    cut = size - torn.stat().st_size
    if behind.whole or behind.length > REPAIR_LIMIT:
        log.error("store cut at damage, as %s allows: %d bytes of %s are lost; copy: %s", ACCEPT, cut, torn, copy)
        return
    log.warning(
        "store repaired: the torn end of the append-only file was cut off",
        extra={"file": str(torn), "bytes_cut": cut, "copy": str(copy)},
    )


def _read(file: Path, offset: int) -> bytes:
    with file.open("rb") as f:
        f.seek(offset)
        return f.read()


def is_torn(logged: str) -> bool:
    """Whether what the server said means an end that was not written properly. Rubbish there may also make it ask for
    more than the file holds, an error of which the system says "Success", or read half a command's name."""
    return (
        "Bad file format reading the append only file" in logged
        or "Unexpected end of file reading" in logged
        or re.search(r"error reading the append only file .*: Success", logged) is not None
        or re.search(r"Error reading the append only file .*, error: unknown command", logged) is not None
    )


def entry(store_dir: Path) -> Path | None:
    """What the check tool must be given: the manifest (Redis 7 and newer, Valkey) or the one file (Redis 6)."""
    candidates = (store_dir / "appendonlydir" / "appendonly.aof.manifest", store_dir / "appendonly.aof")
    return next((p for p in candidates if p.exists()), None)


def last_file(store_dir: Path) -> Path | None:
    """The file that new writes go to: the only one whose end can be torn."""
    found = entry(store_dir)
    if found is None or found.suffix != ".manifest":
        return found
    names = re.findall(r"^file (\S+) seq \d+ type i", found.read_text(), re.MULTILINE)
    return found.parent / names[-1] if names else None


def check_tool(binary: Path) -> str:
    return binary.name.replace("-server", "-check-aof")


def _check(binary: Path, target: Path, *, fix: bool) -> str:
    """Run the server's check tool, which is the same program under another name. Its report, whatever it found."""
    arguments = [check_tool(binary), *(["--fix"] if fix else []), str(target)]
    try:
        done = subprocess.run(  # noqa: S603  # our own server
            arguments, executable=binary, input=b"y\n", capture_output=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise StoreUnavailable(f"The append-only file {target} is torn and cannot be checked: {e}.") from e
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def ok_up_to(report: str, name: str) -> int | None:
    """The offset of the first bad byte in the file called `name`, from the check tool's report."""
    found = re.findall(r"AOF analyzed: (?:filename=(\S+), )?size=\d+, ok_up_to=(\d+)", report)
    return next((int(good) for file, good in reversed(found) if not file or Path(file).name == name), None)
