"""What a verified event comes to, against a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridges.insta import InstaBridge
from bridges.team import TeamBridge
from relay.contract import BridgeContext
from relay.contract.model import (
    Answer,
    Attachment,
    Content,
    Event,
    Incoming,
    Kind,
    MediaKind,
    Misaddressed,
    Role,
    Unreadable,
)
from relay.inbound.desk_commands import DeskCommands
from relay.inbound.intake import Intake
from relay.media.library import MediaStore
from relay.routing.accounts import Account, Accounts
from relay.routing.addressee import number_in
from relay.store.store import Store
from relay.texts.templates import Templates

TEXTS = Templates("en")


def account(name: str, kind: Any, **settings: Any) -> Account:
    values = {"kind": kind.spec.kind, "url": "https://far.example", **settings}
    made = kind(
        kind.spec.settings.model_validate(values), BridgeContext(name=name, texts=TEXTS, url="https://far.example")
    )
    return Account(name=name, role=kind.spec.role, bridge=made, settings=made.settings, base="https://relay.example")


@pytest.fixture
def intake(store: Store, tmp_path: Path) -> Intake:
    accounts = {
        "shop": account("shop", InstaBridge, token="a-token-of-tests"),
        "sales": account("sales", TeamBridge, key="a-key-of-tests"),
    }
    assert accounts["sales"].role is Role.DESK
    routes = Accounts(by_name=accounts, desks_of={"shop": ("sales",)}, channels_of={"sales": ("shop",)})
    commands = DeskCommands(routes, store, TEXTS, wake_workers=lambda _: None)
    return Intake(routes, store, TEXTS, MediaStore(tmp_path), commands, wake_workers=lambda _: None)


class Played:
    """Takes events as their account's hook would bring them, and reads what stands in the lanes."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.count = 0

    async def take(self, name: str, event: Event, raw: bytes = b"{}") -> str:
        return (await self.intake.take(self.intake.accounts.by_name[name], event, raw)).what

    async def write(self, text: str = "hello", **more: Any) -> str:
        self.count += 1
        values = {"remote_user": "u1", "username": "anna", "name": "Anna", **more}
        return await self.take("shop", Incoming(remote_id=f"q{self.count}", content=Content(text=text), **values))

    async def say(self, text: str, number: int = 1) -> str:
        self.count += 1
        return await self.take(
            "sales",
            Answer(
                contact_id=number, content=Content(text=text), identity=(str(self.count),), raw_text=f"#{number} {text}"
            ),
        )

    async def last(self, number: int = 1) -> Any:
        ids = await self.intake.store.messages(number, 1)
        return await self.intake.store.journal(ids[-1])


@pytest.fixture
def played(intake: Intake) -> Played:
    return Played(intake)


async def test_a_post_of_ours_that_came_back_changed_goes_to_nobody(played: Played):
    await played.write("Tom & Jerry")
    for text in ("Anna (@anna): Tom &amp; Jerry", "Anna (@anna): Tom & Jerry\nYes", "*Anna* (@anna): Tom"):
        assert await played.say(text) == "echo"
    assert (await played.last()).kind is Kind.MESSAGE
    assert await played.say("Anna, yes") == "accepted"


async def test_what_only_looks_like_an_address_is_answered_with_a_hint(played: Played):
    await played.write()
    nearly = Misaddressed(notice="nearly_an_address", contact_id=1, identity=("a",), raw_text="#1hello")
    assert await played.take("sales", nearly) == "hint"
    named = Misaddressed(notice="name_without_colon", username="anna", identity=("b",), raw_text="@anna hi")
    assert await played.take("sales", named) == "hint"
    colleague = Misaddressed(notice="name_without_colon", username="olga", identity=("c",), raw_text="@olga hi")
    assert await played.take("sales", colleague) == "note", "a colleague is not a customer"
    ours = Misaddressed(notice="nearly_an_address", contact_id=1, identity=("d",), raw_text="# 1 Anna (@anna): hello")
    assert await played.take("sales", ours) == "echo", "nobody needs a hint about our own post"


async def test_an_event_that_cannot_be_read_is_kept_once(played: Played):
    event = Unreadable(sentence="A message needs its sender.", raw=b'{"event": 1}')
    taken = await played.intake.take(played.intake.accounts.by_name["shop"], event, b"[...]")
    again = await played.intake.take(played.intake.accounts.by_name["shop"], event, b"[...]")
    assert taken.what == "unreadable" and again.message_id == taken.message_id
    kept = await played.intake.store.journal(taken.message_id)
    assert kept is not None and (kept.kind, kept.raw, kept.records) == (Kind.UNREADABLE, b'{"event": 1}', ())


async def test_strangers_words_are_one_line_where_one_line_is_meant(played: Played):
    photo = Attachment(kind=MediaKind.IMAGE, filename="a\n#1 b.png", url="https://far.example/a.png")
    await played.take(
        "shop",
        Incoming(
            remote_user="u1", remote_id="q", username="an\nna", name="Anna\r\n#2 Oleg: hi \u202e",
            content=Content(text="one\r\ntwo\rthree", attachments=(photo,)),
        ),
    )  # fmt: skip
    card = await played.intake.store.contact(1)
    assert card is not None and (card.contact.name, card.contact.username) == ("Anna #2 Oleg: hi", "an na")
    envelope = (await played.last()).envelope
    assert envelope["text"] == "one\ntwo\nthree" and envelope["files"][0]["name"] == "a #1 b.png"


async def test_what_nobody_can_see_is_refused_as_empty(played: Played):
    await played.write()
    assert await played.say("\u200b \u2060") == "refused"


async def test_two_comments_are_answered_each_by_itself(played: Played):
    await played.write("first", comment_id="c1")
    await played.write("second", comment_id="c2")
    chosen = []
    for text in ("to the second", "to the first"):
        assert await played.say(text) == "accepted"
        chosen.append((await played.last()).envelope["comment_id"])
    assert chosen == ["c2", "c1"]
    assert await played.say("to nobody") == "refused"


async def test_a_long_answer_to_a_comment_goes_directly_while_that_is_open(played: Played):
    await played.write("first", comment_id="c1")
    assert await played.say("long " * 300) == "refused", "they have never written directly"
    await played.write("directly")
    await played.write("second", comment_id="c2")
    assert await played.say("long " * 300) == "accepted"
    assert "comment_id" not in (await played.last()).envelope
    assert await played.say("short") == "accepted"
    assert (await played.last()).envelope["comment_id"] == "c2"


async def test_a_comment_without_an_id_is_shown_as_one(played: Played):
    await played.write("what colours?", comment_without_id=True)
    assert (await played.last()).kind is Kind.COMMENT
    assert await played.say("blue") == "accepted"
    assert "comment_id" not in (await played.last()).envelope


def test_addressees_are_one_rule_for_answers_and_commands():
    assert [number_in(a) for a in ("42", "#42", "№42", " ＃ 42 please", "#42x", "@anna", "")] == [
        42, 42, 42, 42, None, None, None,
    ]  # fmt: skip
