"""Forgetting one person everywhere, and handing out everything that is kept of one."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from relay.history.database import Database
from relay.history.schema import (
    conversation,
    conversation_label,
    delivery,
    draft,
    message,
    note,
    read_position,
    turn,
)
from relay.media.library import MediaStore
from relay.store import forgetting
from relay.store.store import Store

_OF_A_CONVERSATION = (delivery, message, note, conversation_label, draft, read_position, turn)


async def forget(
    number: int, *, store: Store, database: Database | None, media: MediaStore, destinations: Sequence[str]
) -> dict[str, int]:
    """Delete everything of one conversation: store, history, search words, files. Returns how much of each.

    The store's log and the database's file are written anew, so that nothing is left in what was freed. Raises
    StoreUnavailable, HistoryUnavailable; called again it goes on where it stopped.
    """
    kept = await forgetting.messages_of(store, number)
    files = set(_file_ids(m.envelope for m in kept))
    counts = {"messages": len(kept), "notes": 0, "files": 0}
    if database is not None:
        async with database.begin() as connection:
            rows = (await connection.execute(select(message.c.content).where(message.c.conversation == number))).all()
            files |= set(_file_ids(r.content for r in rows))
            notes = (await connection.execute(select(note.c.files).where(note.c.conversation == number))).all()
            files |= {f["id"] for r in notes for f in r.files}
            counts["messages"] = max(counts["messages"], len(rows))
            counts["notes"] = len(notes)
            for table in _OF_A_CONVERSATION:
                await connection.execute(delete(table).where(table.c.conversation == number))
            await connection.execute(delete(conversation).where(conversation.c.number == number))
    await forgetting.forget(store, number, kept, destinations)
    counts["files"] = await media.remove(files)
    await forgetting.rewrite_log(store)
    if database is not None:
        await database.vacuum()
    await store.feed.announce("erased", number)
    return counts


async def export(number: int, *, store: Store, database: Database | None, media: MediaStore, to: Path) -> Path:
    """Everything kept of one conversation as `conversation-<number>.zip` in a folder: conversation.json, and the files
    that we hold. Raises LookupError with a sentence when there is no such conversation."""
    card = await store.contact(number)
    said: dict[str, Any] = {"number": number, "contact": None, "messages": [], "notes": []}
    if card is not None:
        c = card.contact
        said["contact"] = {
            "channel": c.channel,
            "remote_id": c.remote_id,
            "username": c.username,
            "name": c.name,
            "first_ms": card.first_ms,
            "last_ms": card.last_ms,
        }
    messages: dict[str, dict[str, Any]] = {}
    if database is not None:
        async with database.read() as connection:
            query = select(message).where(message.c.conversation == number).order_by(message.c.at, message.c.id)
            for row in (await connection.execute(query)).all():
                messages[row.id] = {
                    "id": row.id, "at_ms": row.at, "kind": row.kind, "origin": row.origin, "author": row.author,
                    "text": row.text, **row.content,
                }  # fmt: skip
            query = select(note).where(note.c.conversation == number).order_by(note.c.at)
            for row in (await connection.execute(query)).all():
                said["notes"].append({"id": row.id, "at_ms": row.at, "author": row.author, "text": row.text})
            fields = select(conversation.c.fields).where(conversation.c.number == number)
            said["fields"] = (await connection.execute(fields)).scalar() or []
    for one in await forgetting.messages_of(store, number):
        messages.setdefault(
            one.id,
            {"id": one.id, "at_ms": one.at_ms, "kind": one.kind.value, "origin": one.origin, **one.envelope},
        )
    said["messages"] = sorted(messages.values(), key=lambda m: (m["at_ms"], m["id"]))
    if card is None and not messages:
        raise LookupError(f"There is no conversation #{number}.")
    path = to / f"conversation-{number}.zip"
    files = {f: await media.open(f) for f in dict.fromkeys(_file_ids(said["messages"]))}
    await asyncio.to_thread(_zip, path, said, [(name, file.path) for name, file in files.items() if file is not None])
    return path


def _file_ids(envelopes: Iterable[Any]) -> list[str]:
    return [f["id"] for e in envelopes for f in e.get("files", ()) if f.get("id")]


def _zip(path: Path, said: dict[str, Any], files: Sequence[tuple[str, Path]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversation.json", json.dumps(said, ensure_ascii=False, indent=1, default=str))
        for name, file in files:
            archive.write(file, f"files/{name}")
    path.chmod(0o600)
