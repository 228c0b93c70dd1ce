"""Whether a Redis or Valkey server may hold the relay's data: asked at start and by `relay doctor`.

Most of it stands in INFO, which managed services allow; CONFIG, which many forbid, is only asked for `appendfsync`.
The reasons are PITFALLS 2 (a server with snapshots alone lost 162,759 acknowledged writes at one kill) and A8 (any
policy but noeviction may throw queue entries away), the cases experiment 9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from relay.contract import Check
from relay.contract.errors import StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

MINIMUM: Final = (6, 2)
SECTIONS: Final = ("server", "replication", "persistence", "memory")


@dataclass(frozen=True, slots=True)
class StoreReport:
    """One check a line; `must_refuse` is "" or the sentence with which the relay does not start."""

    checks: tuple[Check, ...]
    must_refuse: str = ""


async def check_store(client: Redis) -> StoreReport:
    """Ask the server. Raises StoreUnavailable, with a sentence, when it cannot be asked at all."""
    info: dict[str, Any] = {}
    try:
        for section in SECTIONS:  # one at a time: before version 7, INFO takes a single section
            info |= await client.info(section)
    except (AuthenticationError, AuthorizationError) as e:
        raise StoreUnavailable(
            f"The store wants a user name and password, or other ones ({e}): `store: redis://user:password@host/0`."
        ) from e
    except BusyLoadingError as e:
        raise StoreUnavailable("The store is still loading its data.") from e
    except (ResponseError, NoPermissionError) as e:
        raise StoreUnavailable(f"The store does not let us ask what it is (INFO): {e}.") from e
    except (RedisError, OSError, TimeoutError) as e:
        raise StoreUnavailable(f"The store does not answer: {e or type(e).__name__}.") from e
    return judge(info, await _appendfsync(client))


async def _appendfsync(client: Redis) -> str | None:
    """The setting's value, or None where CONFIG is forbidden or renamed."""
    try:
        answer = await client.config_get("appendfsync")
    except (ResponseError, NoPermissionError):
        return None
    except (RedisError, OSError, TimeoutError) as e:
        raise StoreUnavailable(f"The store does not answer: {e or type(e).__name__}.") from e
    # Keys are bytes where the client does not decode.
    return next((_text(v) for k, v in answer.items() if _text(k) == "appendfsync"), None)


def judge(info: Mapping[str, Any], appendfsync: str | None) -> StoreReport:
    """Pure: the checks, from INFO's fields and the value of `appendfsync` (None: could not be asked)."""
    facts = {key: _text(value) for key, value in info.items()}
    found = [_version(facts), _mode(facts), _role(facts), _append_only(facts)]
    if facts.get("aof_enabled") == "1":
        found += [_last_write(facts), _fsync(appendfsync)]
    found.append(_eviction(facts))
    return StoreReport(
        tuple(check for check, _ in found),
        " ".join(refusal for check, refusal in found if check.ok is False and refusal),
    )


# Each says what was found and, where the relay must not start with it, the sentence to stop with.
_Found = tuple[Check, str]
UNKNOWN: Final = "could not be asked"


def _found(ok: bool | None, what: str, found: str, remedy: str, trouble: str = "") -> _Found:
    check = Check(ok=ok, what=what, found=found or UNKNOWN, remedy="" if ok else remedy)
    return check, f"{trouble}; {remedy}." if trouble else ""


def _version(facts: Mapping[str, str]) -> _Found:
    # Valkey gives the Redis version it is compatible with, 7.2.4, beside its own.
    name = "Valkey" if "valkey_version" in facts else "Redis"
    shown = facts.get("valkey_version") or facts.get("redis_version", "")
    number = re.match(r"(\d+)\.(\d+)", shown)
    ok = (int(number[1]), int(number[2])) >= MINIMUM if number else None
    found = f"{name} {shown}" if shown else ""
    return _found(ok, "store version", found, "use Redis 6.2 or newer, or Valkey", f"The store is {found}")


def _mode(facts: Mapping[str, str]) -> _Found:
    mode = facts.get("redis_mode") or facts.get("server_mode", "")
    remedy = "use a single server, or one under Sentinel, because a queue's keys must lie on one server"
    ok = {"cluster": False, "": None}.get(mode, True)
    return _found(ok, "store mode", mode, remedy, "The store is a cluster (cluster-enabled yes)")


def _role(facts: Mapping[str, str]) -> _Found:
    role = {"master": "primary", "slave": "replica"}.get(facts.get("role", ""), "")
    remedy = "`store` must name the primary; with Sentinel, write redis+sentinel://host1,host2/service"
    ok = role == "primary" if role else None
    return _found(ok, "store role", role, remedy, "The store is a replica (replicaof)")


def _append_only(facts: Mapping[str, str]) -> _Found:
    state = {"1": "on", "0": "off"}.get(facts.get("aof_enabled", ""), "")
    remedy = "set `appendonly yes` in its configuration; without it a crash loses all that came after the last snapshot"
    ok = state == "on" if state else None
    return _found(ok, "append-only file", state, remedy, "The store keeps no append-only file (appendonly no)")


def _last_write(facts: Mapping[str, str]) -> _Found:
    # No reason to stop: until there is room again the store refuses to write, and hooks are answered 503.
    status = facts.get("aof_last_write_status", "")
    ok = status == "ok" if status else None
    return _found(ok, "last write to disk", status, "make room on the store's disk, and look at its log")


def _fsync(setting: str | None) -> _Found:
    if setting == "no":
        remedy = "set `appendfsync always`, or everysec; as it is, a power cut loses about 30 seconds"
        return _found(False, "appendfsync", setting, remedy, "The store leaves writing to chance (appendfsync no)")
    remedy = "with everysec a power cut may lose the last second; `appendfsync always` loses nothing"
    return _found(True if setting == "always" else None, "appendfsync", setting or "", remedy)


def _eviction(facts: Mapping[str, str]) -> _Found:
    policy = facts.get("maxmemory_policy", "")
    remedy = "set `maxmemory-policy noeviction`; any other throws away what is queued when memory is short"
    ok = policy == "noeviction" if policy else None
    return _found(
        ok, "maxmemory-policy", policy, remedy, f"The store may evict what is queued (maxmemory-policy {policy})"
    )


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
