"""Other ways to set it up, against receiving sides that write down exactly what came: no mirror, files as JSON or as
bytes, Russian, two channels that share a desk, no dedupe."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.test_conversations import PNG
from tests.e2e.world import QUICK
from tests.harness import (
    NOT_OK,
    Colleague,
    Customer,
    Panel,
    RelayProcess,
    Reply,
    Sink,
    insta_message,
    insta_report,
    sinks,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Office:
    """Two shops, a panel that takes JSON, a panel that takes files, a group; none sees the others' answers."""

    def __init__(self, relay: RelayProcess, session: aiohttp.ClientSession, far: list[Sink]) -> None:
        self.relay = relay
        self.session = session
        self.shop, self.second, self.panel, self.files, self.sales = far
        self.customer = Customer(session, relay.hooks["shop"])
        self.other = Customer(session, relay.hooks["second"])
        self.operator = Panel(session, relay.hooks["panel/message"])
        self.colleague = Colleague(session, relay.hooks["sales"])

    async def number(self, user: int, text: str, **content: Any) -> int:
        """A customer of the first shop writes; their conversation's number, from the group's post."""
        payload = insta_message(user, f"{user}-{text}", text, content={"body": text, **content})
        assert (await self.customer.post(payload))[0] == 200
        post = await self.sales.got(text)
        found = re.match(r"#(\d+) ", post.text)
        assert found is not None
        return int(found[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder: Path = tmp_path_factory.mktemp("office")
    async with sinks("insta", "insta", "operator", "operator", "team") as far:
        shop, second, panel, files, sales = far
        config = {
            "locale": "ru",
            "channels": {"shop": shop.account(bot_id=77), "second": second.account()},
            "desks": {
                "panel": panel.account(mirror=False, attaches="json", dedupe="0"),
                "files": files.account(mirror=False, attaches="file"),
                "sales": sales.account(mirror=False),
            },
            "routes": [
                {"channel": "shop", "desks": ["panel", "files", "sales"]},
                {"channel": "second", "desks": ["sales"]},
            ],
            "delivery": QUICK,
        }
        async with RelayProcess(folder, config) as relay, aiohttp.ClientSession() as session:
            yield Office(relay, session, far)


async def test_an_answer_stays_between_its_desk_and_the_customer(office: Office) -> None:
    number = await office.number(1, "без зеркала")
    assert await office.operator.answer(number, "ответ без зеркала") == 200
    answer = await office.shop.got("ответ без зеркала")
    assert answer.fields["user_id"] == "1" and answer.fields["username"] == "customer1" and "file" not in answer.fields
    assert await office.colleague.write(f"#{number} ещё ответ") == 200
    await office.shop.got("ещё ответ")
    await asyncio.sleep(0.1)
    for desk in (office.panel, office.files, office.sales):
        assert not [t for t in desk.ledger.texts if "ответ без зеркала" in t or "ещё ответ" in t]


async def test_files_to_panels_as_json_and_as_bytes(office: Office) -> None:
    number = await office.number(2, "фото", mimeType="image/png", href="https://files.example.com/a.png")
    arrival = await office.panel.got("фото")
    assert arrival.fields["action"] == "message_sent" and arrival.fields["user_id"] == str(number)
    assert arrival.fields["contact_id"] == "77", "the bot id of the config"
    assert [p["file_url"] for p in json.loads(arrival.fields["attaches"])] == ["https://files.example.com/a.png"]
    assert await office.operator.answer(number, "с файлом", file=("a.png", b"not an image", "image/png")) == 200
    told = await office.panel.got("с файлом")
    assert "[релей" in told.text
    assert await office.operator.answer(number, "с картинкой", file=("a.png", PNG, "image/png")) == 200
    answer = await office.shop.got("с картинкой")
    async with office.session.get(answer.fields["file"]) as response:
        assert (response.status, await response.read(), response.content_type) == (200, PNG, "image/png")


async def test_without_dedupe_the_same_words_are_two_answers(office: Office) -> None:
    number = await office.number(3, "дважды")
    for _ in range(2):
        assert await office.operator.answer(number, "да") == 200
    await until(lambda: [a.text for a in office.shop.ledger.taken if a.fields["user_id"] == "3"] == ["да", "да"])


async def test_a_number_leads_to_its_own_channel_and_a_desk_reaches_only_its_channels(office: Office) -> None:
    """The same customer id in two shops is two people."""
    number = await office.number(4, "первый магазин")
    assert (await office.other.post(insta_message(4, "s-1", "второй магазин")))[0] == 200
    post = await office.sales.got("второй магазин")
    second = int(post.text.split()[0].lstrip("#"))
    assert second != number
    await office.colleague.write(f"#{second} вам во второй")
    await office.second.got("вам во второй")
    await office.colleague.write("@customer4: по имени")
    await office.second.got("по имени")
    assert await office.operator.answer(second, "чужой разговор") == 404, "the panel has nothing to do with it"
    assert not [t for t in office.shop.ledger.texts if t in ("вам во второй", "по имени", "чужой разговор")]


async def test_answers_lost_on_the_way_back_keep_order_and_say_that_they_are_in_doubt(office: Office) -> None:
    """The other side took it and hung up: it is sent again, and the trace says that it may have come twice."""
    number = await office.number(5, "обрыв")
    office.shop.script = [Reply(cut="after"), Reply(cut="middle", taken=True)]
    await office.colleague.write(f"#{number} раз")
    await office.colleague.write(f"#{number} два")
    await until(lambda: [a.text for a in office.shop.ledger.taken if a.fields["user_id"] == "5"][-1:] == ["два"])
    texts = [a.text for a in office.shop.ledger.taken if a.fields["user_id"] == "5"]
    assert texts == ["раз", "раз", "раз", "два"]
    ran = await office.relay.cli_here("trace", "--json", office.shop.ledger.all[-1].queue_id)
    assert ran.code == 0 and ran.json["state"] == "accepted"
    first = [a for a in office.shop.ledger.all if a.text == "раз"][-1]
    hops = (await office.relay.cli_here("trace", "--json", first.queue_id)).json["hops"]
    assert [h.get("note") for h in hops if h["what"] == "failed, will be tried again"] == [
        "may have been sent twice"
    ] * 2


async def test_a_report_before_the_answer(office: Office) -> None:
    number = await office.number(6, "рано")
    reported = asyncio.Event()

    async def report(queue_id: str) -> None:
        for status in ("read", "delivered"):
            assert (await office.customer.post(insta_report(queue_id, status)))[0] == 200
        reported.set()

    tasks: list[asyncio.Task[None]] = []
    office.shop.on_taken = lambda a: tasks.append(asyncio.create_task(report(a.queue_id)))
    office.shop.script = [Reply(delay_s=0.3)]
    await office.colleague.write(f"#{number} раньше ответа")
    arrival = await office.shop.got("раньше ответа")
    await reported.wait()
    office.shop.on_taken = None

    async def read() -> bool:
        ran = await office.relay.cli_here("trace", "--json", arrival.queue_id)
        return ran.code == 0 and ran.json["state"] == "read"

    await until(read, what="read, by a report that came before the answer")


async def test_a_group_that_says_no_with_200_is_tried_again_and_told_elsewhere(office: Office) -> None:
    office.sales.script = lambda a: NOT_OK if "архив" in a.text and a.text.startswith("#") else None
    payload = insta_message(7, "7-1", "группа в архиве")
    assert (await office.customer.post(payload))[0] == 200
    told = await until(lambda: [t for t in office.panel.ledger.texts if "sales" in t and "группа в архиве" in t])
    assert "the group is archived" in told[0], "in the other side's own words"
    assert not [t for t in office.sales.ledger.texts if "группа в архиве" in t and t.startswith("#")]
    office.sales.script = None
    ran = await office.relay.cli_here("dead", "list", "--json")
    letters = [d for d in ran.json if d["text"] == "группа в архиве"]
    assert [d["destination"] for d in letters] == ["sales"]
    assert (await office.relay.cli_here("dead", "replay", letters[0]["id"])).code == 0
    await until(lambda: [t for t in office.sales.ledger.texts if "группа в архиве" in t and t.startswith("#")])
