"""H-erase: what was deleted is gone from every table, from the index, and from the file's very bytes."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, insert, select

from relay.contract.model import Kind
from relay.history import forgetting
from relay.history.database import Database
from relay.history.forgetting import erase, is_erased, prune
from relay.history.schema import conversation, delivery, draft, figure, message, note, turn
from tests.unit.history.test_queries import Told

SECRET = "Пароль сверхсекретный zyxwvut"


async def count(database: Database, table: object) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar() or 0)  # type: ignore[arg-type]


async def test_h_erase_no_byte_of_it_is_left(database: Database, tmp_path: Path):
    told = Told(database)
    for i in range(50):
        await told.wrote(1, 1000 + i, f"{SECRET} {i}")
        await told.wrote(2, 1000 + i, "kept qwertyuiop")
    await told.wrote(1, 2000, "answer", kind=Kind.ANSWER)
    async with database.begin() as connection:
        await connection.execute(
            insert(note).values(
                id="n1", conversation=1, at=1, author="anna", author_id="a", text=SECRET, files=[], client_id=""
            )
        )
        await connection.execute(insert(draft).values(user="anna", conversation=1, mode="note", text=SECRET, at=1))
    assert not await is_erased(database, 1)

    assert await erase(database, 1) == 51

    assert await is_erased(database, 1)
    assert await told.found("сверхсекретный") == []
    assert len(await told.found("qwertyuiop")) == 50
    assert await count(database, delivery) == 50
    row = await told.queries.conversation(1, "")
    assert row is None
    async with database.read() as connection:
        kept = (await connection.execute(select(conversation.c.number))).scalars().all()
    assert sorted(kept) == [1, 2], "a number is never given out again"
    if database.is_sqlite:
        files = [f for f in tmp_path.iterdir() if f.name.startswith("history.db")]
        assert files
        # The text, its stems, and the name.
        for word in ("Пароль", "сверхсекретн", "zyxwvut", "Имя 1"):
            assert not [f.name for f in files if word.encode() in f.read_bytes()], word
        assert any(b"qwertyuiop" in f.read_bytes() for f in files)


async def test_prune_takes_what_is_old_and_leaves_people_and_figures(database: Database, monkeypatch):
    monkeypatch.setattr(forgetting, "PART", 3)
    told = Told(database)
    for at in range(100, 110):
        await told.wrote(1, at, f"old {at}")
    await told.wrote(1, 105, "answered", kind=Kind.ANSWER)
    await told.wrote(1, 500, "new one")
    figures, turns = await count(database, figure), await count(database, turn)
    assert turns == 1

    assert await prune(database, 200) == 11
    assert await prune(database, 200) == 0

    assert await told.found("old") == []
    assert await told.found("new") == ["new one"]
    assert (await count(database, message), await count(database, delivery)) == (1, 1)
    assert await count(database, figure) == figures
    assert await count(database, turn) == 0
    row = await told.queries.conversation(1, "")
    assert row is not None and row.row.name == "Имя 1"
