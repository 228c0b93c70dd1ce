"""Bridge and sandbox over real HTTP, and a public client against the same sandbox."""

from __future__ import annotations

import asyncio

import pytest

from relay.contract.model import Answer, Attachment, Contact, Content, Delivery, Incoming, Kind, MediaKind, Verdict
from tests.bridges.support import DictMemory
from tests.coverage.playing import Playing, playing
from tests.harness import until

CONTACT = Contact(id=42, channel="desk", remote_id="555", name="Anna", username="anna")


def delivery(kind: Kind = Kind.ANSWER, **content: object) -> Delivery:
    return Delivery(id="1-1", destination="desk", kind=kind, contact=CONTACT, content=Content(**content))  # type: ignore[arg-type]


async def send(p: Playing, what: Delivery) -> list[object]:
    return [p.bridge.classify(await p.http(p.bridge.render(what, part))) for part in p.bridge.fit(what)]


async def test_what_is_sent_and_taken_back() -> None:
    async with playing("telegram") as p:
        p.http.files["f"] = b"a picture"
        file = Attachment(kind=MediaKind.IMAGE, mime="image/png", filename="a.png", file_id="f")
        for what in (delivery(text="Hello", options=("Yes", "No")), delivery(text="see", attachments=(file,))):
            outcomes = await send(p, what)
            assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED]  # type: ignore[attr-defined]
        first, second = (await p.state())["messages"]
        assert [row[0]["text"] for row in first["reply_markup"]["keyboard"]] == ["Yes", "No"]
        assert second["photo"] and second["caption"] == "see"
        gone = Delivery(id="2-1", destination="desk", kind=Kind.DELETE, contact=CONTACT, content=Content(),
                        remote_ids=(str(first["message_id"]),))  # fmt: skip
        await send(p, gone)
        assert [m["message_id"] for m in (await p.state())["messages"]] == [second["message_id"]]


async def test_a_customer_writes_and_a_colleague_answers() -> None:
    async with playing("telegram") as p:
        await p.act("write", text="Hello")
        (event,) = p.events(await until(lambda: p.hooks[-1] if p.hooks else None, what="a hook"))
        assert isinstance(event, Incoming) and event.content.text == "Hello"
    async with playing("telegram_desk") as p:
        await send(p, delivery(Kind.MESSAGE, text="Hello"))
        (post,) = (await p.state())["messages"]
        assert post["text"] == "#42 Anna (@anna): Hello"
        await p.act("write", text="#42 Yes")
        (event,) = p.events(await until(lambda: p.hooks[-1] if p.hooks else None, what="a hook"))
        assert isinstance(event, Answer) and event.contact_id == 42


async def test_the_hook_is_set_and_taken_away() -> None:
    async with playing("telegram") as p:
        client = p.client()
        await client.delete_webhook()
        (check,) = await p.bridge.provision(p.http, {"": p.hook})
        assert check.ok and check.changed and (await client.get_webhook_info())["url"] == p.hook
        p.bridge.settings = p.bridge.settings.model_copy(update={"receive": "polling"})
        (check,) = await p.bridge.provision(p.http, {"": p.hook})
        assert check.ok and (await client.get_webhook_info())["url"] == ""
        assert await p.bridge.identity(p.http) == str((await client.get_me())["id"])


async def test_polling_confirms_only_what_was_taken() -> None:
    async with playing("telegram") as p:
        await p.client().delete_webhook()
        await p.act("write", text="one")
        for _ in range(2):  # the first poller broke off before it asked again: the message comes once more
            events = p.bridge.events(p.http, DictMemory())
            (event,) = await anext(events)
            assert event.content.text == "one"
            await events.aclose()
        events = p.bridge.events(p.http, DictMemory())
        await anext(events)
        following = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.1)
        await p.act("write", text="two")
        (event,) = await following
        assert event.content.text == "two"
        await events.aclose()


async def test_busy_then_blocked_then_well_again() -> None:
    async with playing("telegram") as p:
        for switches, verdict in (
            ({"busy": 1, "retry_after_s": 14}, Verdict.RETRY),
            ({"blocked": True}, Verdict.REJECTED),
            ({"blocked": False, "broken": True}, Verdict.RETRY),
            ({"broken": False}, Verdict.ACCEPTED),
        ):
            await p.switch(**switches)
            (outcome,) = await send(p, delivery(text="x"))
            assert outcome.verdict is verdict, switches  # type: ignore[attr-defined]


async def test_doctor() -> None:
    async with playing("telegram_desk") as p:
        assert [c.ok for c in await p.bridge.probe(p.http)] == [True, True]
        await p.switch(privacy=True)
        checks = await p.bridge.probe(p.http)
        assert [c.ok for c in checks] == [True, None, True] and "setprivacy" in checks[1].remedy


async def test_a_public_client_unmodified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # else its own warning of a change to come fails the test
    telegram = pytest.importorskip("telegram")
    async with playing("telegram") as p:
        bot = telegram.Bot(
            p.bridge.settings.token.get_secret_value(), base_url=f"{p.url}/bot", base_file_url=f"{p.url}/file/bot"
        )
        async with bot:
            assert bot.username == "relay_sandbox_bot"
            sent = await bot.send_message(555, "Hello")
            assert (sent.text, sent.chat.id) == ("Hello", 555)
            photo = await bot.send_photo(555, b"a picture", caption="see")
            assert photo.photo and photo.caption == "see"
            assert await bot.delete_message(555, sent.message_id)
            with pytest.raises(telegram.error.BadRequest):
                await bot.delete_message(555, sent.message_id)
            await bot.set_webhook("")
            await p.act("write", text="by polling")
            (update,) = await bot.get_updates(timeout=1)
            assert update.message.text == "by polling" and update.message.chat.type == "private"
            await p.switch(busy=1, retry_after_s=7)
            with pytest.raises(telegram.error.RetryAfter):
                await bot.send_message(555, "too much")
