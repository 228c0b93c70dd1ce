"""`relay export` and `relay erase`, as they are typed, on a store and a history with two people in them."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import orjson

import bridges
from relay.config.load import load
from relay.contract.model import Kind
from relay.history.archiver import Archiver
from relay.history.database import Database, address
from relay.service.opening import open_store
from relay.store.records import NewMessage
from relay.store.store import new_id
from tests.unit.cli.test_people_commands import run

__all__ = ["run"]


async def two_people(config_file: Path) -> None:
    """Conversations 1 and 2, both in the history."""
    config = load(config_file, {b.spec.kind: b.spec for b in bridges.ALL})
    store, embedded = await open_store(config)
    database = Database(address(config.history.store, config.data_dir))
    await database.connect()
    for user, text in (("u1", "my address is 1 Sea Street"), ("u2", "good morning")):
        envelope = orjson.dumps({"text": text})
        message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=envelope, raw=b"raw")
        await store.accept(message, ("panel",), channel="shop", remote_user=user)
    assert await Archiver(store, database, holder="test").rebuild() == 2
    await database.close()
    await store.stop()
    if embedded is not None:
        await embedded.stop()


def test_one_person_is_handed_out_and_forgotten_and_the_other_stays(run: Any, tmp_path: Path):
    assert run("export", "#1").exit_code == 1, "nobody there yet"
    asyncio.run(two_people(tmp_path / "config.yaml"))
    said = run("export", "#1", "--to", str(tmp_path / "out"))
    assert said.exit_code == 0, said.output
    with zipfile.ZipFile(tmp_path / "out" / "conversation-1.zip") as archive:
        kept = json.loads(archive.read("conversation.json"))
    assert [m["text"] for m in kept["messages"]] == ["my address is 1 Sea Street"]
    assert kept["contact"]["remote_id"] == "u1"

    assert run("erase", "#1", given="n\n").exit_code == 1
    assert run("export", "1", "--to", str(tmp_path / "out")).exit_code == 0, "who is asked and says no erases nothing"
    said = run("erase", "#1", "--yes")
    assert (said.exit_code, said.output) == (0, "Conversation #1 is forgotten: 1 message, 0 notes, 0 files.\n")
    again = run("export", "#1")
    assert (again.exit_code, "There is no conversation #1." in again.output) == (1, True)
    assert run("erase", "#1", "--yes").exit_code == 1
    assert run("export", "#2", "--to", str(tmp_path / "out")).exit_code == 0
    left = [p for p in (tmp_path / "data").rglob("*") if p.is_file() and b"1 Sea Street" in p.read_bytes()]
    assert left == []


def test_what_is_no_number_is_said(run: Any):
    for wrong in ("anna", "#0", "-1", "#1x", "9" * 30):
        said = run("export", "--", wrong)
        assert (said.exit_code, "is not the number of a conversation" in said.output) == (2, True), said.output
