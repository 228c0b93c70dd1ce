"""Starting on a store that would lose messages is refused; the sentence names the setting (PITFALLS experiment 9)."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import redis.asyncio as redis

from relay.contract.errors import StoreUnavailable
from relay.store.server.checks import check_store, judge
from relay.store.server.embedded import EmbeddedStore

GOOD = {
    "redis_version": "7.0.15",
    "redis_mode": "standalone",
    "role": "master",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "maxmemory_policy": "noeviction",
}
REDIS_SERVER = Path("/usr/bin/redis-server")


def test_a_good_store_passes():
    report = judge(GOOD, "always")
    assert report.must_refuse == ""
    assert [c.ok for c in report.checks] == [True] * 7
    assert {c.remedy for c in report.checks} == {""}


@pytest.mark.parametrize(
    ("changed", "appendfsync", "names"),
    [
        ({"redis_version": "6.0.16"}, "always", "Redis 6.0.16"),
        ({"aof_enabled": 0}, "always", "appendonly no"),
        ({"maxmemory_policy": "volatile-lru"}, "always", "maxmemory-policy volatile-lru"),
        ({"maxmemory_policy": b"allkeys-lfu"}, "always", "maxmemory-policy allkeys-lfu"),
        ({"role": "slave"}, "always", "replicaof"),
        ({"redis_mode": "cluster"}, "always", "cluster-enabled"),
        ({}, "no", "appendfsync no"),
    ],
)
def test_what_would_lose_messages_is_refused_by_name(changed: dict[str, object], appendfsync: str, names: str):
    report = judge(GOOD | changed, appendfsync)
    assert names in report.must_refuse
    assert [c.ok for c in report.checks].count(False) == 1


def test_all_reasons_are_told_at_once():
    report = judge(GOOD | {"role": "slave", "aof_enabled": 0, "maxmemory_policy": "volatile-ttl"}, None)
    for name in ("replicaof", "appendonly", "maxmemory-policy"):
        assert name in report.must_refuse


@pytest.mark.parametrize(
    ("changed", "appendfsync", "ok"),
    [
        ({}, "everysec", None),  # a warning
        ({}, None, None),  # CONFIG is forbidden
        ({"aof_last_write_status": "err"}, "always", False),  # mends itself; hooks answer 503 until then
    ],
)
def test_what_is_only_worth_a_word(changed: dict[str, object], appendfsync: str | None, ok: bool | None):
    report = judge(GOOD | changed, appendfsync)
    assert report.must_refuse == ""
    [check] = [c for c in report.checks if c.ok is not True]
    assert check.ok is ok
    assert check.remedy


def test_a_managed_service_that_says_little_is_not_refused():
    report = judge({"redis_version": "7.1.0"}, None)
    assert report.must_refuse == ""
    assert {c.found for c in report.checks if c.ok is None} == {"could not be asked"}


def test_valkey_is_known_by_its_own_number():
    report = judge(GOOD | {"redis_version": "7.2.4", "valkey_version": "8.1.8", "server_name": "valkey"}, "always")
    assert report.checks[0].found == "Valkey 8.1.8"


async def test_our_own_store_passes(tmp_path: Path):
    store = EmbeddedStore(tmp_path, "always")
    async with redis.Redis.from_url(await store.start()) as client:
        report = await check_store(client)
    await store.stop()
    assert report.must_refuse == ""
    assert all(c.ok for c in report.checks), report.checks


# --- Debian's redis-server ------------------------------------------------------------------------------------------

Start = Callable[..., Awaitable[redis.Redis]]


@pytest.fixture
async def debian(tmp_path: Path) -> AsyncIterator[Start]:
    if not REDIS_SERVER.exists():
        pytest.skip("Debian's redis-server is not installed")
    started: list[subprocess.Popen[bytes]] = []
    clients: list[redis.Redis] = []

    async def start(*options: str) -> redis.Redis:
        folder = tmp_path / f"redis{len(started)}"
        folder.mkdir()
        command = [str(REDIS_SERVER), "--port", "0", "--unixsocket", "s", "--dir", str(folder), *options]
        started.append(await asyncio.to_thread(subprocess.Popen, command, cwd=folder, stdout=subprocess.DEVNULL))
        client = redis.Redis(unix_socket_path=str(folder / "s"))
        clients.append(client)
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.ping()
                    break
                except (redis.ResponseError, redis.AuthenticationError):
                    break
                except (redis.ConnectionError, OSError):
                    await asyncio.sleep(0.02)
        return client

    yield start
    for client in clients:
        await client.aclose()
    for process in started:
        process.kill()
        await asyncio.to_thread(process.wait)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--appendonly", "no"], "appendonly no"),  # Debian's default: snapshots alone
        (["--appendonly", "yes", "--maxmemory", "50mb", "--maxmemory-policy", "volatile-lru"], "volatile-lru"),
        (["--appendonly", "yes", "--replicaof", "127.0.0.1 1"], "replicaof"),
    ],
)
async def test_experiment_9(debian: Start, options: list[str], names: str):
    report = await check_store(await debian(*options))
    assert names in report.must_refuse


async def test_debians_server_with_the_right_settings_passes(debian: Start):
    client = await debian("--appendonly", "yes", "--appendfsync", "always")
    report = await check_store(client)
    assert report.must_refuse == ""
    assert all(c.ok for c in report.checks), report.checks
    await client.config_set("appendfsync", "everysec")
    [warning] = [c for c in (await check_store(client)).checks if not c.ok]
    assert (warning.ok, warning.what, warning.found) == (None, "appendfsync", "everysec")


async def test_forbidden_config_is_a_warning(debian: Start):
    report = await check_store(await debian("--appendonly", "yes", "--rename-command", "CONFIG", ""))
    assert report.must_refuse == ""
    assert [c.found for c in report.checks if c.ok is None] == ["could not be asked"]


async def test_a_missing_password_is_a_sentence(debian: Start):
    client = await debian("--appendonly", "yes", "--requirepass", "pw")
    with pytest.raises(StoreUnavailable, match="wants a user name and password"):
        await check_store(client)


async def test_a_store_that_is_away_is_a_sentence(tmp_path: Path):
    async with redis.Redis(unix_socket_path=str(tmp_path / "none")) as client:
        with pytest.raises(StoreUnavailable, match="The store does not answer"):
            await check_store(client)
