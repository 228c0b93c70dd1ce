"""The embedded store against the real server: found again, never twice, nothing left behind, torn ends repaired."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis.asyncio as redis

from relay.contract.errors import StoreUnavailable
from relay.store.server import append_only, embedded
from relay.store.server.binary import find_server
from relay.store.server.embedded import EmbeddedStore
from relay.store.server.socket_path import SOCKET_PATH_LIMIT, socket_path

OWNER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from relay.store.server.embedded import EmbeddedStore

    async def main() -> None:
        store = EmbeddedStore(Path(sys.argv[1]), "always")
        await store.start()
        print(store.pid, store.found, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await store.stop()

    asyncio.run(main())
    """
)


def start_owner(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def read_line(owner: subprocess.Popen[str]) -> list[str]:
    assert owner.stdout is not None
    return owner.stdout.readline().split()


def finish(owner: subprocess.Popen[str], line: str = "\n") -> int:
    owner.communicate(line, timeout=30)
    return owner.returncode


def servers_of(store_dir: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(store_dir) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_starts_within_a_second_with_our_settings_and_leaves_nothing(tmp_path: Path):
    store = EmbeddedStore(tmp_path, "always")
    began = time.monotonic()
    url = await store.start()
    took = time.monotonic() - began
    assert url == f"unix://{tmp_path}/store/valkey.sock"
    assert took < 1.0
    assert store.running
    assert store.pid is not None
    pid = store.pid
    assert os.getsid(pid) == pid  # a session of its own: Ctrl-C in our terminal does not reach it
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "store/valkey.sock").stat().st_mode) == 0o700
    client = redis.Redis.from_url(url, decode_responses=True)
    async with client:
        wanted = {
            "appendonly": "yes", "appendfsync": "always", "save": "", "port": "0", "maxmemory-policy": "noeviction",
            "aof-load-truncated": "no",
        }  # fmt: skip
        assert await client.config_get(*wanted) == wanted
        await client.set("k", "v")
    assert await store.start() == url  # again is allowed
    assert store.pid == pid
    await store.stop()
    assert not store.running
    assert store.pid is None
    assert servers_of(tmp_path / "store") == []
    await store.stop()  # again is allowed

    again = EmbeddedStore(tmp_path, "everysec")
    client = redis.Redis.from_url(await again.start(), decode_responses=True)
    async with client:
        assert await client.get("k") == "v"
        assert (await client.config_get("appendfsync"))["appendfsync"] == "everysec"
    await again.stop()


async def test_the_server_does_not_inherit_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RELAY_SECRET_KEY", "canary-7f3a")
    store = EmbeddedStore(tmp_path, "always")
    await store.start()
    try:
        assert store.pid is not None
        assert "canary-7f3a" not in Path(f"/proc/{store.pid}/environ").read_text()
    finally:
        await store.stop()


async def test_survives_a_kill_of_its_owner_and_is_found_again(tmp_path: Path):
    owner = await asyncio.to_thread(start_owner, tmp_path)
    pid, found = await asyncio.to_thread(read_line, owner)
    assert found == "False"
    owner.kill()
    await asyncio.to_thread(finish, owner, "")
    assert psutil.pid_exists(int(pid))

    store = EmbeddedStore(tmp_path, "everysec")
    client = redis.Redis.from_url(await store.start(), decode_responses=True)
    assert store.found
    assert store.pid == int(pid)
    async with client:  # the policy of config.yaml holds for a server that was found, too
        assert (await client.config_get("appendfsync"))["appendfsync"] == "everysec"
    await store.stop()
    assert servers_of(tmp_path / "store") == []


async def test_two_starters_at_once_share_one_server_and_the_last_one_stops_it(tmp_path: Path):
    owners = [await asyncio.to_thread(start_owner, tmp_path) for _ in range(4)]
    lines = [await asyncio.to_thread(read_line, owner) for owner in owners]
    assert len({pid for pid, _ in lines}) == 1
    assert sorted(found for _, found in lines) == ["False", "True", "True", "True"]
    assert servers_of(tmp_path / "store") == [int(lines[0][0])]
    # The one that started it leaves first.
    order = sorted(range(4), key=lambda n: lines[n][1] == "True")
    for owner in (owners[n] for n in order[:3]):
        assert await asyncio.to_thread(finish, owner) == 0
        assert len(servers_of(tmp_path / "store")) == 1
    assert await asyncio.to_thread(finish, owners[order[3]]) == 0
    assert servers_of(tmp_path / "store") == []


async def test_leaving_and_coming_at_the_same_moment_never_leaves_a_user_without_a_server(tmp_path: Path):
    async def use(n: int) -> None:
        for _ in range(5):
            store = EmbeddedStore(tmp_path, "everysec")
            client = redis.Redis.from_url(await store.start())
            async with client:
                await client.incr("n")
            await store.stop()

    await asyncio.gather(*(use(n) for n in range(4)))
    assert servers_of(tmp_path / "store") == []
    store = EmbeddedStore(tmp_path, "everysec")
    client = redis.Redis.from_url(await store.start(), decode_responses=True)
    async with client:
        assert await client.get("n") == "20"
    await store.stop()


async def test_a_socket_left_behind_by_a_killed_server_is_no_server(tmp_path: Path):
    store = EmbeddedStore(tmp_path, "always")
    client = redis.Redis.from_url(await store.start(), decode_responses=True)
    first = store.pid
    assert first is not None
    async with client:
        await client.set("acknowledged", "yes")
        os.kill(first, signal.SIGKILL)
    while store.running:
        await asyncio.sleep(0.01)
    assert (tmp_path / "store/valkey.sock").exists()
    client = redis.Redis.from_url(await store.start(), decode_responses=True)  # the same object starts it again
    assert store.pid != first
    async with client:
        assert await client.get("acknowledged") == "yes"
    await store.stop()
    assert servers_of(tmp_path / "store") == []


async def test_keep_running_starts_it_again(tmp_path: Path):
    store = EmbeddedStore(tmp_path, "everysec")
    await store.start()
    keeper = asyncio.create_task(store.keep_running())
    for _ in range(2):
        first = store.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(5):
            while store.pid in (None, first):
                await asyncio.sleep(0.01)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    await store.stop()
    assert servers_of(tmp_path / "store") == []


@pytest.mark.parametrize("name", ["x" * 120, "with space and ümlaut"])
async def test_a_path_too_long_or_too_odd_for_a_socket_address_gets_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: f"/tmp/relay-test-{os.getpid()}")
    short = Path(f"/tmp/relay-test-{os.getpid()}")
    short.mkdir()
    try:
        data_dir = tmp_path / name
        path = socket_path(data_dir / "store")
        assert path == socket_path(data_dir / "store")
        assert len(os.fsencode(path)) <= SOCKET_PATH_LIMIT
        one, two = EmbeddedStore(data_dir, "always"), EmbeddedStore(data_dir, "always")
        client = redis.Redis.from_url(await one.start())
        async with client:
            assert await client.ping()
        await two.start()
        assert two.found
        assert two.pid == one.pid
        await one.stop()
        await two.stop()
    finally:
        for entry in sorted(short.rglob("*"), reverse=True):
            entry.unlink() if entry.is_symlink() else entry.rmdir()
        short.rmdir()


def test_a_runtime_directory_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / f"webhook-relay-{os.getuid()}").symlink_to("/")
    with pytest.raises(PermissionError):
        socket_path(tmp_path / ("x" * 120))


async def filled(data_dir: Path) -> Path:
    """A store with ten keys, killed. Returns the file that new writes go to."""
    store = EmbeddedStore(data_dir, "always")
    client = redis.Redis.from_url(await store.start())
    async with client:
        for n in range(10):
            await client.set(f"k{n}", "v")
        assert store.pid is not None
        os.kill(store.pid, signal.SIGKILL)
    while store.running:
        await asyncio.sleep(0.01)
    await store.stop()
    return next((data_dir / "store/appendonlydir").glob("*.incr.aof"))


@pytest.mark.parametrize(
    "tail",
    [
        b"*3\r\n$3\r\nSET\r\n$2\r\nk",  # ends early
        b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",  # ends within a transaction
        b"\0" * 4096,  # zeros: space given to the file, never written
        b"*3\r\n$3\r\nSET\r\n" + b"\xfe\xed" * 50,
    ],
)
async def test_a_torn_end_is_cut_off_and_what_was_acknowledged_is_there(tmp_path: Path, tail: bytes):
    torn = await filled(tmp_path)
    before = torn.read_bytes()
    torn.write_bytes(before + tail)
    store = EmbeddedStore(tmp_path, "always")
    client = redis.Redis.from_url(await store.start())
    async with client:
        assert await client.dbsize() == 10
    await store.stop()
    copies = list((tmp_path / "store").glob("torn-*"))
    assert [c.read_bytes() for c in copies] == [before + tail]


async def test_a_transaction_torn_in_the_middle_of_a_command_leaves_nothing_behind(tmp_path: Path):
    """Loaded as it is, its beginning would stay in the file: the next repair would cut there, and with it everything
    acknowledged since."""
    torn = await filled(tmp_path)
    transaction = b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$1\r\nv\r\n*3\r\n$3\r\nSE"
    with torn.open("ab") as f:
        f.write(transaction)
    store = EmbeddedStore(tmp_path, "always")
    client = redis.Redis.from_url(await store.start())
    async with client:
        assert await client.get("half") is None
        assert await client.set("later", "v")
    await store.stop()
    with torn.open("ab") as f:
        f.write(bytes(500))
    client = redis.Redis.from_url(await store.start())
    async with client:
        assert await client.get("later") == b"v" and await client.dbsize() == 11
    await store.stop()


def zeroed(content: bytes) -> bytes:
    middle = content.index(b"*3\r\n", 100)
    return content[:middle] + b"\0" * 4 + content[middle + 4 :]


def longer(content: bytes) -> bytes:
    """A length with one bit more: the command that follows seems to reach beyond the end."""
    middle = content.index(b"$2\r\nk3")
    return content[:middle] + b"$9999999" + content[middle + 2 :]


def shorter(content: bytes) -> bytes:
    middle = content.index(b"$2\r\nk3")
    return content[:middle] + b"$1" + content[middle + 2 :]


@pytest.mark.parametrize("damage", [zeroed, longer, shorter])
async def test_damage_in_the_middle_is_not_repaired_behind_anybodys_back(
    tmp_path: Path, damage: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
):
    """It is near the end and small, yet what stands behind it was acknowledged: six of ten keys would be lost."""
    torn = await filled(tmp_path)
    torn.write_bytes(damaged := damage(torn.read_bytes()))
    store = EmbeddedStore(tmp_path, "always")
    with pytest.raises(StoreUnavailable) as refused:
        await store.start()
    said = str(refused.value)
    assert str(torn) in said
    assert re.search(r"is damaged before its end, from byte \d+ of \d+", said)
    assert re.search(r"at least \d+ writes would be lost", said)
    assert f"{append_only.ACCEPT}=yes" in said
    assert torn.read_bytes() == damaged
    assert servers_of(tmp_path / "store") == []
    assert list((tmp_path / "store").glob("torn-*")) == []

    monkeypatch.setenv(append_only.ACCEPT, "yes")
    client = redis.Redis.from_url(await store.start())
    async with client:
        assert 0 < await client.dbsize() < 10
    await store.stop()
    assert [c.read_bytes() for c in (tmp_path / "store").glob("torn-*")] == [damaged]


async def test_a_large_end_that_cannot_be_read_is_no_torn_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(append_only, "REPAIR_LIMIT", 1000)
    torn = await filled(tmp_path)
    with torn.open("ab") as f:
        f.write(bytes(1001))
    with pytest.raises(StoreUnavailable, match="1001 bytes behind that cannot be read"):
        await EmbeddedStore(tmp_path, "always").start()


async def test_a_missing_manifest_does_not_let_the_server_begin_anew_over_the_data(tmp_path: Path):
    torn = await filled(tmp_path)
    before = torn.read_bytes()
    (torn.parent / "appendonly.aof.manifest").unlink()
    with pytest.raises(StoreUnavailable, match=r"appendonly\.aof\.manifest is missing, though .*incr\.aof"):
        await EmbeddedStore(tmp_path, "always").start()
    assert torn.read_bytes() == before
    assert servers_of(tmp_path / "store") == []


def test_a_customers_words_that_look_like_a_command_are_none():
    words = b"*1\r\n$5\r\nHELLO\r\n"
    tail = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$900\r\n" + words
    assert append_only.examine(tail) == append_only.Tail(len(tail), 0)


async def test_a_frozen_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded, "READY_TIMEOUT_S", 0.5)
    owner = await asyncio.to_thread(start_owner, tmp_path)
    pid = int((await asyncio.to_thread(read_line, owner))[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable, match=rf"\(process {pid}\) already runs on .* does not answer"):
            await EmbeddedStore(tmp_path, "always").start()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await asyncio.to_thread(finish, owner) == 0


async def test_a_directory_that_cannot_be_used_is_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"cannot be used: .* `data_dir` in config.yaml names its parent"):
        await EmbeddedStore(tmp_path / "file", "always").start()


def fake_server(folder: Path, name: str, version: str, body: str = "exit 1") -> Path:
    binary = folder / name
    binary.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "{version}"; exit; }}\n{body}\n')
    binary.chmod(0o755)
    return binary


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.usefixtures("no_wheel")
def test_without_the_wheel_the_path_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreUnavailable, match="apt install redis-server"):
        find_server()
    redis_server = fake_server(tmp_path, "redis-server", "Redis server v=7.0.15")
    assert find_server() == redis_server
    valkey_server = fake_server(tmp_path, "valkey-server", "Valkey server v=8.1.8")
    assert find_server() == valkey_server


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("Redis server v=6.0.16 sha=0", r"is version 6\.0; the store needs Redis 6\.2 or newer"),
        ("something else", "is no Valkey or Redis server"),
        ("Redis server v=6.2.1", r"was written by a newer server than .* \(version 6\.2\)"),
    ],
)
async def test_a_server_that_would_not_do_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, words: str
):
    fake_server(tmp_path, "redis-server", version)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "data/store/appendonlydir").mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match=words):
        await EmbeddedStore(tmp_path / "data", "always").start()


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    ("logged", "words"),
    [
        ("1:M 01 Jan 2030 00:00:00.000 # Write error: No space left on device", "The disk that holds .* is full"),
        ("1:M 01 Jan 2030 00:00:00.000 # Can't handle RDB format version 80", "written by a newer server"),
        ("1:M 01 Jan 2030 00:00:00.000 # open: Permission denied", "may not write to"),
        ("1:M 01 Jan 2030 00:00:00.000 # Fatal: the moon is wrong", r"ended at once: Fatal: the moon is wrong \("),
    ],
)
async def test_a_server_that_ends_at_once_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: str, words: str
):
    fake_server(tmp_path, "redis-server", "Redis server v=7.0.15", f'echo "{logged}" >> valkey.log')
    monkeypatch.setenv("PATH", f"{tmp_path}")
    with pytest.raises(StoreUnavailable, match=words):
        await EmbeddedStore(tmp_path / "data", "always").start()


@pytest.mark.usefixtures("no_wheel")
async def test_debians_redis_server_serves_too(tmp_path: Path):
    if not Path("/usr/bin/redis-server").exists():
        pytest.skip("Debian's redis-server is not installed")
    store = EmbeddedStore(tmp_path, "always")
    client = redis.Redis.from_url(await store.start())
    async with client:
        assert await client.set("k", "v")
    await store.stop()
    torn = next((tmp_path / "store/appendonlydir").glob("*.incr.aof"))
    with torn.open("ab") as f:
        f.write(b"\0" * 100)
    client = redis.Redis.from_url(await store.start())
    async with client:
        assert await client.get("k") == b"v"
    await store.stop()


def test_only_safe_fsync_policies():
    with pytest.raises(ValueError, match="always, everysec"):
        EmbeddedStore(Path("x"), "no")
