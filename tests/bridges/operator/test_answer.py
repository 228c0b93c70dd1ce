"""The panel's two questions, answered with exactly the documented fields."""

from collections.abc import Sequence

import pytest

from bridges.operator import OperatorBridge
from relay.contract import ContactProfile, Probing, QuestionHook, RawRequest
from relay.contract.model import Attachment, Contact, MediaKind
from tests.bridges.operator.conftest import WEBHOOK_TOKEN, hook, json_hook

ANNA = Contact(id=42, channel="shop", remote_id="17841", username="anna", name="Анна 🌷")
NAMELESS = Contact(id=43, channel="messenger", remote_id="9")


class People:
    """A `Lookup` over two contacts."""

    async def profile(self, contact_id: int) -> ContactProfile | None:
        if contact_id == ANNA.id:
            return ContactProfile(contact=ANNA, first_seen="2026-03-01T09:05:00Z")
        return ContactProfile(contact=NAMELESS) if contact_id == NAMELESS.id else None

    async def media(self, contact_id: int, limit: int = 100) -> Sequence[Attachment]:
        if contact_id != ANNA.id:
            return []
        return [
            Attachment(kind=MediaKind.IMAGE, url="https://cdn.example.com/1.jpg"),
            Attachment(kind=MediaKind.VIDEO, url="https://cdn.example.com/2.mp4"),
            Attachment(kind=MediaKind.IMAGE, file_id="without an address"),
        ]


async def ask(bridge: OperatorBridge, request: RawRequest) -> tuple[int, object]:
    return await bridge.answer(bridge.verify(request), People())


def test_the_core_finds_the_abilities(bridge: OperatorBridge):
    assert isinstance(bridge, QuestionHook) and isinstance(bridge, Probing)
    assert [bridge.answers(tail) for tail in ("user", "media", "message", "")] == [True, True, False, False]


async def test_user_golden(bridge: OperatorBridge):
    status, value = await ask(bridge, hook("user", user_id="42"))
    assert status == 200
    assert value == {
        "id": 42,
        "name": "Анна 🌷",
        "gender": "",
        "avatar": "",
        "balance": "",
        "location": "",
        "about": "#42, shop, @anna",
        "custom": [
            {"name": "Channel", "value": "shop"},
            {"name": "Username", "value": "@anna"},
            {"name": "Remote id", "value": "17841"},
            {"name": "Conversation", "value": "#42"},
            {"name": "First seen", "value": "2026-03-01T09:05:00Z"},
        ],
    }


async def test_a_user_of_whom_little_is_known(bridge: OperatorBridge):
    status, value = await ask(bridge, json_hook(b'{"token": "%s", "user_id": 43}' % WEBHOOK_TOKEN.encode(), "user"))
    assert status == 200 and isinstance(value, dict)
    assert value["name"] == "#43" and isinstance(value["balance"], str)
    assert {"name": "Remote id", "value": "9"} in value["custom"]


async def test_media_golden(bridge: OperatorBridge):
    status, value = await ask(bridge, hook("media", user_id="42"))
    assert status == 200
    urls = ["https://cdn.example.com/1.jpg", "https://cdn.example.com/2.mp4"]
    assert value == {"media": [{"url": url, "big": url} for url in urls]}
    assert await ask(bridge, hook("media", user_id="43")) == (200, {"media": []})


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"user_id": "7", "contact_id": "42"}, 42),  # the document's "sender (bot)", and the user beside it
        ({"user_id": "42", "contact_id": "7"}, 42),
        ({"user_id": "43", "contact_id": "42"}, 42),  # both are contacts: the one who is spoken to
    ],
)
async def test_which_field_names_the_user(bridge: OperatorBridge, fields: dict[str, str], found: int):
    status, value = await ask(bridge, hook("user", **fields))
    assert status == 200 and isinstance(value, dict) and value["id"] == found


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"user_id": "999"}, 404, "There is no user with user_id 999."),
        ({"user_id": "-1"}, 404, "There is no user with user_id -1."),
        ({"user_id": "1", "contact_id": "2"}, 404, "There is no user with contact_id 2 or user_id 1."),
        ({}, 400, "user_id is missing: it names the user who is asked about."),
        ({"user_id": "anna"}, 400, "user_id must be an integer, found 'anna'."),
    ],
)
async def test_who_is_not_known(bridge: OperatorBridge, fields: dict[str, str], status: int, says: str):
    for tail in ("user", "media"):
        assert await ask(bridge, hook(tail, **fields)) == (status, {"ok": False, "error": says})
