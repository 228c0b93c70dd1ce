"""That this store and this data directory are one deployment's, and that no number is given out twice.

An id lies in both. Where one is there and the other is not, or they differ, something was lost or mixed up: a store
that was emptied, a folder that was not restored, machines that do not share their `data_dir`. Beginning anew without a
word would give customers the numbers of others, so nothing starts until a person has said that it may.

Beside the id the directory keeps how far numbers may have been given out, for the day the store has to begin anew.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from relay.contract.errors import StoreUnavailable
from relay.store.server.append_only import ACCEPT, accepted
from relay.store.server.locks import open_lock

if TYPE_CHECKING:
    from relay.store.store import Store

log = logging.getLogger("relay.store.belonging")

FILE: Final = "deployment.json"
# How far the mark is ahead of what was given out when it was written; it is written anew at half of it.
AHEAD: Final = {"contact": 1_000, "bot": 100, "fence": 1_000_000}
# The layout of keys.py that this version reads and writes. A store with a higher number was written by a newer version.
FORMAT: Final = 1


def contradiction(ours: str, stores: str, data_dir: Path) -> str:
    """Pure: the sentence with which the relay does not start; "" where both are the same, or neither is there."""
    if ours == stores:
        return ""
    accept = f"If what is missing is really gone, start once with {ACCEPT}=yes in the environment"
    if not stores:
        return (
            f"The store is empty, but {data_dir / FILE} says that this deployment had one: messages and numbers in it "
            f"would be lost. Restore the store, or let `store` in the configuration name the right one. {accept}; "
            "numbers then go on above those given out before."
        )
    if not ours:
        return (
            f"The store belongs to a deployment whose data_dir is not {data_dir}: {FILE} is not there. Every process "
            f"and machine of a deployment must share one data_dir; the files customers sent are in it. {accept}."
        )
    return (
        f"The store belongs to another deployment than {data_dir} (its id is {stores}, here it is {ours}). Let `store` "
        f"or `data_dir` in the configuration name the right one. {accept}."
    )


class Belonging:
    """The deployment's mark in its data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.id = ""
        self.mark: dict[str, int] = {}

    def read(self) -> None:
        """Read the file, where there is one. Raises StoreUnavailable for one that cannot be read."""
        path = self.data_dir / FILE
        try:
            found = orjson.loads(path.read_bytes())
            self.id = str(found["id"])
            self.mark = {name: int(found.get(name, 0)) for name in AHEAD}
        except FileNotFoundError:
            self.id, self.mark = "", {}
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise StoreUnavailable(f"{path} cannot be read ({e}). Restore it from a backup.") from e

    def write(self) -> None:
        """Write the file durably."""
        path = self.data_dir / FILE
        temporary = path.with_name(f".{FILE}.{os.getpid()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(fd, orjson.dumps({"id": self.id, **self.mark}))
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)

    def move(self, reached: dict[str, int]) -> bool:
        """Move the mark ahead of what was given out; whether it has to be written."""
        if all(self.mark.get(name, 0) >= reached[name] + AHEAD[name] // 2 for name in AHEAD):
            return False
        self.mark = {name: max(self.mark.get(name, 0), reached[name] + AHEAD[name]) for name in AHEAD}
        return True


async def claim(store: Store, data_dir: Path) -> None:
    """At start: compare, make what is not there yet. Raises StoreUnavailable with a sentence."""
    await asyncio.to_thread(data_dir.mkdir, parents=True, exist_ok=True)
    lock = await asyncio.to_thread(_locked, data_dir / "deployment.lock")
    try:
        ours = Belonging(data_dir)
        await asyncio.to_thread(ours.read)
        stores = await store.deployment()
        if trouble := contradiction(ours.id, stores, data_dir):
            if not accepted():
                raise StoreUnavailable(trouble)
            log.error("goes on all the same, as %s allows: %s", ACCEPT, trouble)
            if not stores:
                await store.begin_above(ours.mark)
        ours.id = stores or ours.id or secrets.token_hex(8)
        await store.belong_to(ours.id)
        ours.move(await store.given_out())
        await asyncio.to_thread(ours.write)
        store.belonging = ours
    except OSError as e:
        raise StoreUnavailable(f"{data_dir} cannot be written to: {e.strerror or e}.") from e
    finally:
        os.close(lock)


def _locked(path: Path) -> int:
    """Two processes that start together must not both be the first."""
    fd = open_lock(path)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd
