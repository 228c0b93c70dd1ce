"""Files that something still has to be sent with, on a real Valkey."""

from __future__ import annotations

import orjson

from relay.contract.model import Kind
from relay.store.awaited_files import awaited_files
from relay.store.records import Finish, NewMessage
from relay.store.store import Store, new_id


async def _with_file(store: Store, file_id: str, user: str) -> None:
    envelope = orjson.dumps(
        {"text": file_id, "files": [{"id": file_id, "name": "a.txt"}, {"url": "https://x.invalid"}]}
    )
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=envelope, raw=b"raw")
    await store.accept(message, ("desk",), channel="shop", remote_user=user)


async def test_what_waits_and_what_was_given_up_need_their_files_and_what_was_sent_does_not(store: Store):
    for name in ("sent", "given-up", "waits"):
        await _with_file(store, name, f"user {name}")
    assert await awaited_files(store) == {"sent", "given-up", "waits"}
    lanes = (await store.claim("desk", "w", 10)).lanes
    for lane in lanes:
        assert lane.head is not None
        text = orjson.loads(lane.head.envelope)["text"]
        if text != "waits":
            how = Finish(verdict="ok" if text == "sent" else "dead", line=b'{"at":1,"what":"x"}')
            await store.finish("desk", lane, lane.head.delivery_id, how)
    assert await store.dead_count() == 1
    assert await awaited_files(store) == {"given-up", "waits"}
    await store.drop((await store.dead_ids())[0])
    assert await awaited_files(store) == {"waits"}
