"""H-erase: afterwards no byte of the text is in any file; and what is older than is kept goes, figures stay."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from relay.contract.model import Upload
from relay.history.database import Database, address
from relay.history.forgetting import export, forget
from relay.history.pruning import prune
from relay.history.schema import conversation, figure, message
from relay.media.library import MediaStore
from relay.store.server.address import StoreAddress
from relay.store.store import Store
from tests.harness import StoreServer
from tests.unit.history.world import World

SECRET = "сиреневый трамвай"
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[StoreServer]:
    server = StoreServer(tmp_path / "store").start()
    yield server
    server.close()


async def test_h_erase_nothing_is_left_in_any_file(durable: StoreServer, tmp_path: Path):
    store, database = Store(StoreAddress.parse(durable.url)), Database(address("sqlite", tmp_path))
    await store.start()
    await database.connect()
    media = MediaStore(tmp_path / "media")
    await media.prepare()
    (tmp_path / "spooled").write_bytes(PIXEL)
    upload = Upload(field="a", filename="a.gif", mime="image/gif", path=tmp_path / "spooled", size=len(PIXEL))
    kept = await media.save(upload)
    world = World(store, database)
    n, _ = await world.customer("zorjana", f"{SECRET} один", files=[{"kind": "image", "id": kept.file_id}])
    for i in range(50):
        await world.customer("zorjana", f"{SECRET} {i}")
        await world.customer("other", f"разговор {i}")
    await world.answer(n, f"отвечаем: {SECRET}")
    await store.redis.zadd(store.key(f"comments:{n}"), {"comment-1": 1})
    await world.send("desk")
    await world.archive()
    assert any(SECRET.encode() in p.read_bytes() for p in files(tmp_path)), "or this proves nothing"

    counts = await forget(n, store=store, database=database, media=media, destinations=["desk", "shop"])
    assert counts == {"messages": 52, "notes": 0, "files": 1}
    stems = [SECRET, "сиренев", "zorjana", "Zorjana"]
    left = [f"{p.name}: {w}" for p in files(tmp_path) for w in stems if w.encode() in p.read_bytes()]
    assert left == []
    assert await store.contact(n) is None
    assert await store.redis.exists(store.key(f"comments:{n}")) == 0
    assert await world.queries.search("трамвай", channels=("shop",), limit=5) == []
    assert await media.open(kept.file_id) is None
    # The others are all there, and the number is not given out again.
    assert len(await world.all(select(message))) == 50
    again, _ = await world.customer("zorjana", "hello again")
    assert again not in (n, 0)
    await world.archive()
    assert (await world.one(again)).name == "Zorjana"
    await store.stop()
    await database.close()


def files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and not p.is_socket()]


async def test_export_is_everything_that_is_kept(store: Store, tmp_path: Path, world: World):
    media = MediaStore(tmp_path / "media")
    await media.prepare()
    (tmp_path / "spooled").write_bytes(PIXEL)
    upload = Upload(field="a", filename="a.gif", mime="image/gif", path=tmp_path / "spooled", size=len(PIXEL))
    kept = await media.save(upload)
    n, first = await world.customer("vera", "look", files=[{"kind": "image", "id": kept.file_id}])
    await world.archive()
    _, second = await world.customer("vera", "only in the store so far")
    path = await export(n, store=store, database=world.database, media=media, to=tmp_path / "out")
    with zipfile.ZipFile(path) as archive:
        said = json.loads(archive.read("conversation.json"))
        assert archive.read(f"files/{kept.file_id}") == PIXEL
    assert [m["id"] for m in said["messages"]] == [first, second]
    assert said["contact"]["username"] == "vera"
    with pytest.raises(LookupError, match="#999"):
        await export(999, store=store, database=world.database, media=media, to=tmp_path)


async def test_what_is_older_than_is_kept_goes_and_figures_stay(world: World):
    for i in range(10):
        await world.customer("anna", str(i))
    await world.archive()
    (latest,) = await world.all(select(func.max(message.c.at)))
    removed = await prune(world.database, int(latest[0]), batch=3)
    assert removed + len(await world.all(select(message))) == 10
    assert all(r.at >= latest[0] for r in await world.all(select(message)))
    await prune(world.database, int(latest[0]) + 1, batch=3)
    assert await world.all(select(message)) == []
    assert (await world.all(select(func.sum(figure.c["count"]))))[0][0] == 10
    assert len(await world.all(select(conversation))) == 1
