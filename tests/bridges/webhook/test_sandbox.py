"""Bridge and sandbox, over real HTTP."""

from __future__ import annotations

import pytest

from relay.contract.errors import VerificationFailed
from relay.contract.model import Answer, Command, Contact, Content, Delivery, Incoming, Kind, Report, Verdict
from tests.bridges.support import DictMemory
from tests.coverage.playing import Playing, playing
from tests.harness import until

DELIVERY = Delivery(
    id="1-1",
    destination="desk",
    kind=Kind.ANSWER,
    contact=Contact(id=42, channel="desk", remote_id="u7"),
    content=Content(text="Hello"),
)


async def hook(p: Playing) -> object:
    raw = await until(lambda: p.hooks[-1] if p.hooks else None, what="a hook")
    (event,) = p.events(raw)
    return event


async def test_there_and_back_and_what_became_of_it() -> None:
    async with playing("webhook") as p:
        (part,) = p.bridge.fit(DELIVERY)
        outcome = await p.bridge.send(DELIVERY, part, p.http, DictMemory())
        assert outcome.verdict is Verdict.ACCEPTED
        again = await p.bridge.send(DELIVERY, part, p.http, DictMemory())
        assert again.remote_id == outcome.remote_id, "a repeat is known by its id"
        (event,) = (await p.state())["events"]
        assert (event["type"], event["data"]["text"]) == ("message.created", "Hello")
        await p.act("status", id=outcome.remote_id, status="read")
        report = await hook(p)
        assert isinstance(report, Report) and report.remote_id == outcome.remote_id


@pytest.mark.parametrize("names", ["webhook", "svix"])
async def test_a_customer_writes(names: str) -> None:
    async with playing("webhook") as p:
        await p.switch(names=names)
        await p.act("write", user="u7", text="Hello", name="Anna")
        found = await hook(p)
        assert isinstance(found, Incoming) and (found.remote_user, found.content.text) == ("u7", "Hello")


async def test_a_simple_message_goes_to_the_secret_address() -> None:
    async with playing("webhook") as p:
        await p.act("write", user="u7", text="Hello", simple=True)
        found = await hook(p)
        assert isinstance(found, Incoming) and p.hooks[-1].tail == "<secret>"


async def test_a_desk_answers_and_closes() -> None:
    async with playing("webhook_desk") as p:
        await p.act("write", user="42", text="Yes", name="Olga")
        found = await hook(p)
        assert isinstance(found, Answer) and (found.contact_id, found.author) == (42, "Olga")
        p.hooks.clear()
        await p.act("close", number=42)
        assert isinstance(await hook(p), Command)


@pytest.mark.parametrize("spoilt", ["changed_byte", "old", "unsigned", "other_secret"])
async def test_a_spoilt_signature_is_refused(spoilt: str) -> None:
    async with playing("webhook") as p:
        await p.switch(spoilt=spoilt)
        await p.act("write", user="u7", text="Hello")
        raw = await until(lambda: p.hooks[-1] if p.hooks else None, what="a hook")
        with pytest.raises(VerificationFailed):
            p.bridge.verify(raw)


@pytest.mark.parametrize(
    ("status", "verdict"), [(410, Verdict.CREDENTIALS), (301, Verdict.REJECTED), (429, Verdict.RETRY)]
)
async def test_a_refusal_then_the_recovery(status: int, verdict: Verdict) -> None:
    async with playing("webhook_desk") as p:
        delivery = Delivery(id="1-1", destination="desk", kind=Kind.MESSAGE, contact=DELIVERY.contact,
                            content=Content(text="Hi"))  # fmt: skip
        (part,) = p.bridge.fit(delivery)
        await p.switch(failing=1, failing_status=status, retry_after_s=3)
        outcome = await p.bridge.send(delivery, part, p.http, DictMemory())
        assert outcome.verdict is verdict and (status != 429 or outcome.retry_after_s == 3)
        assert (await p.bridge.send(delivery, part, p.http, DictMemory())).verdict is Verdict.ACCEPTED


async def test_a_wrong_secret_is_told_apart_from_trouble() -> None:
    async with playing("webhook") as p:
        changed = p.bridge.settings.model_copy(update={"secret": type(p.bridge.settings.secret)("whsec_" + "A" * 32)})
        p.bridge.settings = changed
        (part,) = p.bridge.fit(DELIVERY)
        assert (await p.bridge.send(DELIVERY, part, p.http, DictMemory())).verdict is Verdict.CREDENTIALS


async def test_doctor_reaches_it() -> None:
    async with playing("webhook") as p:
        (check,) = await p.bridge.probe(p.http)
        assert check.ok
