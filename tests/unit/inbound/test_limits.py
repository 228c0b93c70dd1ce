"""What strangers may cost: memory, disk, connections, time, lines in the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yarl

from relay.contract.errors import PayloadTooLarge
from relay.inbound import connections, front
from relay.inbound.bodies import Budget, Crowded, NoRoom, Spool, limits
from relay.inbound.bodies import spool as spools
from relay.inbound.callers import caller_address
from relay.media import room
from tests.harness import PANEL_HOOK_TOKEN
from tests.unit.inbound.door import MESSAGE, Door
from tests.unit.inbound.test_one_judgement import BOUNDARY, multipart, part, send

# --- memory ---------------------------------------------------------------------------------------------------------


def test_one_budget_for_all_unverified_bytes() -> None:
    budget = Budget(100)
    with budget.share() as one, budget.share() as two:
        one.take(60)
        with pytest.raises(Crowded):
            two.take(50)
        two.take(40)
        assert budget.used == 100
    assert budget.used == 0


async def test_when_too_much_is_being_sent_who_comes_is_asked_to_come_back(door: Door) -> None:
    door.budget.limit = 150_000
    url = yarl.URL(door.path("panel/message"))
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST {url.raw_path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 190000\r\n\r\n"
    )
    writer.write(head.encode() + b" " * 100_000)
    await asyncio.sleep(0.1)
    assert door.budget.used >= 64_000
    status, said, headers = await door.post(door.path("panel/message"), data=b" " * 190_000)
    assert status == 503 and int(headers["Retry-After"]) > 0 and "come back" in said["error"]
    assert (await door.post(door.path("shop"), json=MESSAGE))[0] == 200, "hooks of usual size are not concerned"
    writer.close()
    await asyncio.sleep(0.1)
    assert door.budget.used == 0, "who hangs up gives back what it held"


# --- disk -----------------------------------------------------------------------------------------------------------


async def test_files_of_callers_who_proved_nothing_share_a_small_part_of_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path, unproven_bytes=100)
    one, two = (spool.file(limit=1000, proven=False) for _ in range(2))
    await one.write(b"x" * 80)
    with pytest.raises(Crowded):
        await two.write(b"x" * 30)
    known = spool.file(limit=1000, proven=True)
    await known.write(b"x" * 500)
    with pytest.raises(PayloadTooLarge):
        await known.write(b"x" * 501)
    for file in (one, two, known):
        file.remove()
    assert spool.unproven == 0 and not list(tmp_path.iterdir())


async def test_four_at_once_and_the_others_are_asked_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "WAIT_S", 0.05)
    spool = Spool(tmp_path, unproven_at_once=1)
    async with spool.place():
        with pytest.raises(Crowded):
            async with spool.place():
                pass
    async with spool.place():
        pass


def test_what_a_killed_process_left_is_gone_at_the_next_start_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    living, dead = Spool(tmp_path), Spool(tmp_path)
    living.prepare()
    dead.prepare()
    for spool in (living, dead):
        (spool.folder / "x.part").write_bytes(b"x")
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert dead._lock is not None
    os.close(dead._lock)  # as its end would
    dead._lock = None
    third = Spool(tmp_path)
    third.prepare()
    assert not dead.folder.exists() and (living.folder / "x.part").exists() and not old.exists() and new.exists()
    for spool in (living, third):
        spool.close()
        assert not spool.folder.exists()


@pytest.mark.parametrize("full", ["bytes", "inodes"])
async def test_a_full_disk_is_a_503_and_readiness_says_so(
    door: Door, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    disk = SimpleNamespace(
        f_bavail=0 if full == "bytes" else 10**9, f_frsize=4096, f_files=1000, f_favail=0 if full == "inodes" else 999
    )
    file = part("attach", b"\x89PNG", filename="a.png")
    assert (await send(door, multipart(file)))[0] == 200
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda _: disk)
        status, said, headers = await door.post(
            door.path("panel/message"), data=multipart(file), headers={"Content-Type": BOUNDARY}
        )
        assert status == 503 and int(headers["Retry-After"]) > 0 and "no room for files" in said["error"]
        assert len(room.room_problems(door.spool)) == 1
        assert (await door.post(door.path("shop"), json=MESSAGE))[0] == 200, "what has no files goes on"
    assert room.room_problems(door.spool) == []
    assert (await send(door, multipart(file)))[0] == 200


async def test_a_disk_that_fails_in_mid_file_is_a_503(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", refuse)
        assert (await send(door, multipart(part("attach", b"\x89PNG", filename="a.png"))))[0] == 503
    with pytest.raises(NoRoom):
        Spool(door.spool / "gone").check_room()


# --- time -----------------------------------------------------------------------------------------------------------


async def test_an_upload_may_take_long_as_long_as_it_flows(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SILENCE_S", 0.3)
    monkeypatch.setattr(limits, "GRACE_S", 0.2)
    monkeypatch.setattr(limits, "LEAST_RATE", 10_000)

    async def pieces(size: int, pause_s: float) -> AsyncIterator[bytes]:
        body = multipart(part("attach", b"x" * 30_000, filename="a.png"))
        for at in range(0, len(body), size):
            yield body[at : at + size]
            await asyncio.sleep(pause_s)

    path = door.path("panel/message")
    kind = {"Content-Type": BOUNDARY}
    assert (await door.post(path, data=pieces(3000, 0.1), headers=kind))[0] == 200, "a second, in ten pieces"
    status, said, _ = await door.post(path, data=pieces(100, 0.1), headers=kind)
    assert status == 408 and "slowly" in said["error"], "drip by drip"
    assert door.budget.used == 0 and not list(door.spool.rglob("*.part"))


# --- connections ----------------------------------------------------------------------------------------------------


async def test_connections_that_bring_nothing_or_take_nothing_end(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    monkeypatch.setattr(front, "LOOK_EVERY_S", 0.05)
    url = yarl.URL(door.base)
    silent, quiet = await asyncio.open_connection(url.host, url.port)
    slow, dripping = await asyncio.open_connection(url.host, url.port)

    async def drip() -> None:
        for letter in b"POST /hooks/shop HTTP/1.1\r\nX: " + b"x" * 1000:
            dripping.write(bytes([letter]))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(drip())
    for reader in (silent, slow):
        with contextlib.suppress(ConnectionError):  # it was sending when it was hung up on
            assert await asyncio.wait_for(reader.read(), 5) == b""
    task.cancel()
    for writer in (quiet, dripping):
        writer.close()
    await asyncio.sleep(0.2)
    assert not door.front.connections


async def test_at_the_most_connections_the_longest_silent_one_makes_room(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.front.limit = 20
    url = yarl.URL(door.base)
    idle = [await asyncio.open_connection(url.host, url.port) for _ in range(60)]
    await asyncio.sleep(0.1)
    assert len(door.front.connections) <= 20
    assert (await door.post(door.path("shop"), json=MESSAGE))[0] == 200, "honest hooks get through"
    lines = [r for r in caplog.records if "connections are open" in r.getMessage()]
    assert len(lines) == 1 and "ulimit -n" in lines[0].getMessage()
    for _, writer in idle:
        writer.close()


def test_the_limit_on_open_files_is_raised_and_leaves_room_for_our_own() -> None:
    assert 0 < front.room_for_connections() <= front.CONNECTIONS


# --- who it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "forwarded", "found"),
    [
        ("9.9.9.9", "1.1.1.1", "9.9.9.9"),  # not our proxy: what it says is its own
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),  # the caller wrote the first one
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.2.3.4", "1.1.1.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "rubbish", "rubbish"),
        ("::1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_who_calls_through_a_proxy_of_ours(remote: str, forwarded: str, found: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert caller_address(remote, headers, ("10.0.0.0/8", "::1")) == found


# --- lines in the log -----------------------------------------------------------------------------------------------


async def test_a_flood_of_anything_is_a_line_and_a_count(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(50):
        await door.post(door.path("sales"), data={"text": "x"}, headers={"key": "wrong"})
        await door.post(door.path("shop"), data=b"{")
        await door.speak(b"\x16\x03\x01 this is no HTTP\r\n\r\n", pause_s=0)
    assert len(caplog.records) <= 4, [r.getMessage() for r in caplog.records]
    assert all(not r.exc_info for r in caplog.records)
    text = door.metrics.text().decode()
    assert 'relay_hooks_refused_total{account="sales",why="wrong_key"} 50.0' in text
    assert 'relay_hooks_refused_total{account="shop",why="unreadable"} 50.0' in text


async def test_nobody_is_told_which_software_this_is(door: Door) -> None:
    url = yarl.URL(door.base)
    for request in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"server:" not in head.lower() and b"aiohttp" not in head.lower(), head
        writer.close()


async def test_half_an_array_is_taken_and_only_all_of_it_is_refused(door: Door) -> None:
    taken: list[str] = []

    async def take(connection: Any, event: Any, raw: bytes) -> Any:
        return SimpleNamespace(what=taken.pop(0))

    door.intake.take = take  # type: ignore[method-assign]
    for whats, status in ((["accepted", "unreadable"], 200), (["unreadable", "unreadable"], 400)):
        taken[:] = whats
        assert (await door.post(door.path("shop"), data=json.dumps([MESSAGE, MESSAGE])))[0] == status
    assert PANEL_HOOK_TOKEN
