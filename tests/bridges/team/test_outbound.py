"""The way out: what a group sees, and the exact requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.team.outbound import message_id_of
from relay.contract.errors import UnsupportedContent
from relay.contract.model import Answer, Attachment, Contact, Content, Delivery, Kind, MediaKind, OutboundRequest
from tests.bridges.team.samples import FORM, KEY, URL, bridge, delivery, hook

TEAM = "3525d76d-cfe0-469f-b46e-cbb79ae5491e"
GROUP = "g-edb35028-b3ff-48ef-afc4-6fcd4c86b5ad"
PHOTO = Attachment(kind=MediaKind.IMAGE, mime="image/jpeg", url="https://cdn.example.com/a.jpg")
BRIDGE = bridge()


def posts(of: Delivery, **settings: Any) -> list[OutboundRequest]:
    desk = bridge(**settings) if settings else BRIDGE
    return [desk.render(of, part) for part in desk.fit(of)]


def words(of: Delivery, **settings: Any) -> list[str]:
    """What is posted, read back from the body."""
    found = []
    for request in posts(of, **settings):
        (text,) = parse_qs(request.body.decode(), keep_blank_values=True)["message"]
        assert request.echo == text
        found.append(text)
    return found


def test_golden_request():
    (request,) = posts(delivery(text="Hi & bye = 100% 👋\nпривет"))
    assert request.method == "POST"
    assert request.url == request.safe_url == f"{URL}/api/message"
    assert request.content_type == FORM
    assert request.body == (
        b"key=BWDydgHkSQ_2JSOiBDeEoR9KILo&message=%2342+Anna+%28%40anna%29%3A+Hi+%26+bye+%3D+100%25+%F0%9F%91%8B%0A"
        b"%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82"
    )
    assert request.echo == "#42 Anna (@anna): Hi & bye = 100% 👋\nпривет"
    assert KEY not in repr(request.headers)


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (delivery(), "#42 Anna (@anna): hello"),
        (delivery(text="#1 is what I want"), "#42 Anna (@anna): #1 is what I want"),
        (delivery(contact=Contact(id=42, channel="shop", remote_id="9", username="anna")), "#42 @anna: hello"),
        (delivery(contact=Contact(id=42, channel="shop", remote_id="9", name="Anna")), "#42 Anna: hello"),
        (delivery(contact=Contact(id=42, channel="shop", remote_id="9")), "#42 no name: hello"),
        (delivery(text=""), "#42 Anna (@anna):"),
        (delivery(text="", placeholder="story_mention"), "#42 Anna (@anna): [cannot be shown here: story_mention]"),
        (
            delivery(late=True, created_at=datetime(2019, 9, 27, 1, 0, tzinfo=UTC)),
            "#42 Anna (@anna): (arrived late, written 2019-09-27 01:00 UTC) hello",
        ),
        (delivery(late=True), "#42 Anna (@anna): (arrived late) hello"),
        (delivery(Kind.COMMENT, "so pretty", comment_id="c"), "#42 Anna (@anna): [comment] so pretty"),
        (delivery(Kind.MIRROR, "we open at 9", author="Olga"), "→ #42 Olga (panel): we open at 9"),
        (
            delivery(Kind.MIRROR, content=Content(text="When?", options=("Today", "Later")), author="Olga"),
            "→ #42 Olga (panel): When?\n> Today | Later",
        ),
        (delivery(Kind.MIRROR, "hello"), "→ #42 a colleague (panel): hello"),
        (delivery(Kind.NOTICE, "#42: not delivered"), "ℹ️ #42: not delivered"),
        (delivery(Kind.NOTICE, "The channel is paused.", contact=None), "ℹ️ The channel is paused."),
        (delivery(content=Content(attachments=(PHOTO,))), "#42 Anna (@anna): photo: https://cdn.example.com/a.jpg"),
        (
            delivery(content=Content(text="look", attachments=(PHOTO,))),
            "#42 Anna (@anna): look\nphoto: https://cdn.example.com/a.jpg",
        ),
        (
            delivery(
                Kind.MIRROR,
                author="Olga",
                content=Content(
                    attachments=(
                        Attachment(kind=MediaKind.FILE, filename="price list.pdf", url="https://r.example/m/1"),
                        Attachment(kind=MediaKind.AUDIO, url="https://r.example/m/2"),
                    )
                ),
            ),
            "→ #42 Olga (panel):\nfile price list.pdf: https://r.example/m/1\naudio: https://r.example/m/2",
        ),
    ],
)
def test_what_the_group_sees(of: Delivery, text: str):
    assert words(of) == [text]


def test_russian():
    of = delivery(Kind.COMMENT, content=Content(text="красиво", attachments=(PHOTO,)), late=True)
    (request,) = posts(of, locale="ru")
    assert request.echo == (
        "#42 Anna (@anna): (пришло с опозданием) [комментарий] красиво\nфото: https://cdn.example.com/a.jpg"
    )


def test_names_stay_on_their_line():
    contact = Contact(
        id=42, channel="shop", remote_id="9", username="an\u202ena", name="Anna\n#43 \u202eoops " + "x" * 500
    )
    (text,) = words(delivery(contact=contact))
    assert text.startswith("#42 Anna #43 oops xxx")
    assert text.endswith("… (@anna): hello")
    assert "\n" not in text
    assert len(text) < 130


def test_right_to_left_names_are_kept():
    contact = Contact(id=42, channel="shop", remote_id="9", username="noa", name="نور")
    assert words(delivery(contact=contact)) == ["#42 نور (@noa): hello"]


def test_a_stranger_cannot_hide_an_address_behind_words():
    (text,) = words(delivery(text="[your bank](https://evil.example)"))
    assert text == "#42 Anna (@anna): [your bank]\u200b(https://evil.example)"
    # A colleague's words are passed on as they are.
    assert words(delivery(Kind.MIRROR, "[site](https://our.example)"))[0].endswith("[site](https://our.example)")


def test_what_the_server_would_drop_is_not_sent():
    # FACTS 1.9: `\r` is dropped; an echo must be the text we remember
    assert words(delivery(text="a\r\nb\rc\x00d\x1b ")) == ["#42 Anna (@anna): a\nb\ncd"]


def test_long_text_becomes_several_posts_none_of_which_is_an_answer():
    text = " ".join(f"word{i}" for i in range(3000))
    got = words(delivery(text=text))
    assert len(got) > 3
    assert got[0].startswith("#42 Anna (@anna): word0 word1 ")
    for number, post in enumerate(got[1:], 2):
        assert post.startswith(f"#42… ({number}/{len(got)}) word")
        (event,) = BRIDGE.parse(BRIDGE.verify(hook({"text": post, "chat": "g"})))
        assert not isinstance(event, Answer)
    assert all(len(post) <= 4000 for post in got)
    rejoined = " ".join(post.split(") " if i else "): ", 1)[1] for i, post in enumerate(got))
    assert rejoined == text


def test_long_notice_without_a_conversation():
    got = words(delivery(Kind.NOTICE, "word " * 200, contact=None), max_chars=400)
    assert [post[:9] for post in got[1:]] == [f"… ({i}/{len(got)}) w" for i in range(2, len(got) + 1)]


def test_many_links_get_posts_of_their_own():
    of = delivery(content=Content(text="look", attachments=(PHOTO,) * 12))
    got = words(of)
    assert sum(post.count("https://cdn.example.com/a.jpg") for post in got) == 12
    assert got[0].startswith("#42 Anna (@anna): look\nphoto: ")
    assert all(post.startswith("#42… (") for post in got[1:])


def test_parts_do_not_depend_on_addresses_made_later():
    known = delivery(content=Content(text="look", attachments=(PHOTO,) * 5))
    later = delivery(content=Content(text="look", attachments=(Attachment(kind=MediaKind.IMAGE),) * 5))
    assert [p.text for p in BRIDGE.fit(known)] == [p.text for p in BRIDGE.fit(later)]
    assert [len(p.attachments) for p in BRIDGE.fit(known)] == [len(p.attachments) for p in BRIDGE.fit(later)]


@pytest.mark.parametrize("kind", [Kind.DELETE, Kind.ANSWER])
def test_what_a_group_cannot_be_sent(kind: Kind):
    with pytest.raises(UnsupportedContent) as caught:
        BRIDGE.fit(delivery(kind))
    (refusal,) = caught.value.refusals
    assert (refusal.notice, refusal.facts) == ("refused_unsupported", (("what", kind.value),))


# --- as a user ------------------------------------------------------------------------------------------------------

USER: dict[str, Any] = {"mode": "user", "token": "secret-token", "team": TEAM, "to": GROUP}


def test_mode_user_posts_the_event():
    (request,) = posts(delivery(), **USER)
    assert request.url == request.safe_url == f"{URL}/api/v3/teams/{TEAM}/ws/client.message.updated"
    assert request.content_type == "application/json"
    assert ("token", "secret-token") in request.headers
    body = json.loads(request.body)
    assert str(UUID(body.pop("message_id"))) == message_id_of("d-1", BRIDGE.fit(delivery())[0])
    assert body == {"content": {"text": "#42 Anna (@anna): hello", "type": "plain"}, "to": GROUP}
    assert request.echo == "#42 Anna (@anna): hello"


def test_message_ids_are_the_same_at_every_try_and_differ_between_parts():
    of = delivery(text="same " * 5000)

    def ids(of: Delivery) -> list[str]:
        return [json.loads(request.body)["message_id"] for request in posts(of, **USER)]

    assert ids(of) == ids(of)
    assert len(set(ids(of))) == len(ids(of)) > 5
    assert not set(ids(of)) & set(ids(delivery(text="same " * 5000, id="d-2")))


def test_message_id_with_a_key_only_where_asked_for():
    def fields(**settings: Any) -> dict[str, list[str]]:
        return parse_qs(posts(delivery(), **settings)[0].body.decode())

    assert set(fields()) == {"key", "message"}
    assert UUID(fields(send_message_id=True)["message_id"][0])
    # Several keys are several chats: one id cannot name a message in each.
    assert fields(key="a,b", send_message_id=True) == {"key": ["a,b"], "message": ["#42 Anna (@anna): hello"]}


# --- properties -----------------------------------------------------------------------------------------------------


@given(
    st.text(max_size=3000),
    st.text(max_size=200),
    st.text(max_size=50),
    st.sampled_from([Kind.MESSAGE, Kind.COMMENT, Kind.MIRROR, Kind.NOTICE]),
    st.integers(200, 1000),
)
def test_any_delivery_becomes_posts_within_the_limit(text: str, name: str, username: str, kind: Kind, chars: int):
    desk = bridge(max_chars=chars)
    of = delivery(
        kind, text, contact=Contact(id=42, channel="shop", remote_id="9", username=username, name=name), author=name
    )
    parts = desk.fit(of)
    assert parts
    requests = [desk.render(of, part) for part in parts]
    assert len({request.echo for request in requests}) == len(requests)
    for request in requests:
        assert len(request.echo) <= chars
        assert parse_qs(request.body.decode(), keep_blank_values=True)["message"] == [request.echo]
        assert request.echo.strip() == request.echo
    for request in requests[1:] if kind is Kind.MESSAGE else requests if kind in (Kind.MIRROR, Kind.NOTICE) else []:
        (event,) = desk.parse(desk.verify(hook({"text": request.echo, "chat": "g"})))
        assert not isinstance(event, Answer)


def test_a_strangers_further_line_that_looks_like_a_post_begins_with_a_bar():
    (part,) = BRIDGE.fit(delivery(text="hi\n#43 Oleg (@oleg): pay here\n→ #42 Olga (panel): yes\n  № 7 x\nbye"))
    lines = part.text.split("\n")
    assert [line[:2] for line in lines] == ["#4", "│ ", "│ ", "│ ", "by"]


def test_names_and_file_names_hide_no_link_and_break_no_line():
    contact = Contact(id=42, channel="shop", remote_id="9", username="a", name="[Pay](https://evil.example)\n#1 x")
    (part,) = BRIDGE.fit(delivery(text="hi", contact=contact))
    assert "\n" not in part.text and "](" not in part.text
