"""Updates, read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridges.telegram.inbound import HEADER, event_of, verify
from relay.contract import RawRequest
from relay.contract.errors import VerificationFailed
from relay.contract.model import Answer, Command, Content, Incoming, Misaddressed, Note, Role, Unknown

GROUP = -1001234567890


def update(chat: int = 555, **message: Any) -> dict[str, Any]:
    private = chat > 0
    return {
        "update_id": 11,
        "message": {
            "message_id": 5,
            "from": {"id": 555, "is_bot": False, "first_name": "Anna", "last_name": "Bell", "username": "anna"},
            "chat": {"id": chat, "type": "private" if private else "supergroup"},
            "date": 1700000001,
            **message,
        },
    }


def at_desk(text: str, **more: Any) -> Any:
    return event_of(update(GROUP, text=text, **more), Role.DESK, GROUP)


def test_golden_message_of_a_customer() -> None:
    assert event_of(update(text="hi"), Role.CHANNEL) == Incoming(
        remote_user="555",
        remote_id="555:5",
        username="anna",
        name="Anna Bell",
        content=Content(text="hi"),
        sent_at=datetime(2023, 11, 14, 22, 13, 21, tzinfo=UTC),
    )


def test_a_file_is_shown_by_name_with_its_caption() -> None:
    found = event_of(update(photo=[{"file_id": "x"}], caption="this one"), Role.CHANNEL)
    assert isinstance(found, Incoming) and (found.placeholder, found.content.text) == ("photo", "this one")


def test_what_is_said_in_the_group() -> None:
    answer = at_desk("#42 Yes\n> Now | Later")
    assert isinstance(answer, Answer) and (answer.contact_id, answer.author) == (42, "Anna Bell")
    assert answer.content == Content(text="Yes", options=("Now", "Later"))
    assert answer.identity == (str(GROUP), "5")
    command = at_desk("/who@relay_bot #42")
    assert isinstance(command, Command) and (command.name, command.argument) == ("who", "#42")
    assert isinstance(at_desk("lunch?"), Note)
    assert isinstance(at_desk("#42hello"), Misaddressed)


def test_a_file_for_a_customer_is_never_half_sent() -> None:
    value = update(GROUP, photo=[{"file_id": "x"}], caption="#42 here it is")
    found = event_of(value, Role.DESK, GROUP)
    assert isinstance(found, Misaddressed) and (found.notice, found.contact_id) == ("file_not_taken", 42)


def test_other_chats_and_bots_are_left_alone() -> None:
    assert isinstance(event_of(update(GROUP, text="#42 x"), Role.DESK, GROUP - 1), Unknown)
    assert isinstance(event_of(update(GROUP, text="hi"), Role.CHANNEL), Unknown)
    assert isinstance(event_of(update(555, text="#42 x"), Role.DESK, GROUP), Unknown)
    of_a_bot = update(text="x")
    of_a_bot["message"]["from"] = {"id": 1, "is_bot": True}
    assert isinstance(event_of(of_a_bot, Role.CHANNEL), Unknown)
    assert event_of({"update_id": 1, "edited_message": {}}, Role.CHANNEL) == Unknown(type="edited_message")


@pytest.mark.parametrize("given", ["", "secre", "secret2"])
def test_a_wrong_secret_is_refused(given: str) -> None:
    request = RawRequest(
        method="POST", tail="", headers={HEADER: given}, query={}, body=b"{}", content_type="application/json"
    )
    with pytest.raises(VerificationFailed, match="provision"):
        verify(request, "secret")
