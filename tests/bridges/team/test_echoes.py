"""Our own posts, given back by the chat server in forty ways: none of them is an answer to the customer."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

import pytest

from relay.contract import KnowsOwnPosts
from relay.contract.model import Answer, Contact, Kind, Misaddressed
from tests.bridges.team.samples import bridge, delivery, hook

BRIDGE = bridge()
ANNA = Contact(id=42, channel="shop", remote_id="9", username="anna.p", name="Анна <3 Petróva & Co")
WORDS = 'Tom & Jerry <b>now</b>, "когда" привезёте? https://shop.example/a?b=1&c=2 👍\n  second line'
POST = BRIDGE.fit(delivery(text=WORDS, contact=ANNA))[0].text

CHANGES: dict[str, Callable[[str], str]] = {
    "escaped": html.escape,
    "escaped twice": lambda t: html.escape(html.escape(t)),
    "escaped but for quotes": lambda t: html.escape(t, quote=False),
    "unescaped": html.unescape,
    "NFC": lambda t: unicodedata.normalize("NFC", t),
    "NFD": lambda t: unicodedata.normalize("NFD", t),
    "NFKC": lambda t: unicodedata.normalize("NFKC", t),
    "trimmed": str.strip,
    "cut at 60": lambda t: t[:60],
    "cut at 45": lambda t: t[:45],
    "cut with an ellipsis": lambda t: t[:70] + "…",
    "cut in the header": lambda t: t[:28],
    "white space collapsed": lambda t: " ".join(t.split()),
    "line breaks as spaces": lambda t: t.replace("\n", " "),
    "carriage returns": lambda t: t.replace("\n", "\r\n"),
    "line breaks as tags": lambda t: t.replace("\n", "<br>"),
    "no-break spaces": lambda t: t.replace(" ", "\u00a0"),
    "entities for spaces": lambda t: t.replace(" ", "&nbsp;", 2),
    "thin spaces": lambda t: t.replace(" ", "\u2009"),
    "zero-width removed": lambda t: re.sub("[\u200b-\u200f\ufeff\u2060]", "", t),
    "zero-width put in": lambda t: t.replace("(", "\u200b(").replace("@", "@\u2060"),
    "zero-width in the words": lambda t: "\u200b".join(t.split(" ")).replace("#42\u200b", "#42 "),
    "a mark in front": lambda t: "\u200e" + t,
    "a byte order mark": lambda t: "\ufeff" + t,
    "link wrapped": lambda t: re.sub(r"(https://\S+)", r"[\1](\1)", t),
    "link as a tag": lambda t: re.sub(r"(https://\S+)", r'<a href="\1">\1</a>', t),
    "link in angle brackets": lambda t: re.sub(r"(https://\S+)", r"<\1>", t),
    "name linked": lambda t: t.replace("@anna.p", '<a href="https://chat.example/u/7">@anna.p</a>'),
    "name linked, marked down": lambda t: t.replace("@anna.p", "[@anna.p](https://chat.example/u/7)"),
    "name with its address": lambda t: t.replace("@anna.p", "@anna.p https://chat.example/u/7"),
    "emoji as words": lambda t: t.replace("👍", ":thumbsup:"),
    "emoji dropped": lambda t: t.replace("👍", ""),
    "quotes made round": lambda t: t.replace('"', "“"),
    "bold header": lambda t: re.sub(r"^(#42 )(.*?:)", r"\1*\2*", t),
    "bold header as a tag": lambda t: re.sub(r"^(#42 )(.*?:)", r"\1<b>\2</b>", t),
    "in capitals": str.upper,
    "small": str.lower,
    "full-width number sign": lambda t: "＃" + t[1:],
    "numero sign": lambda t: "№" + t[1:],
    "space behind the sign": lambda t: "# " + t[1:],
    "control characters": lambda t: t.replace(" ", " \x0b", 3),
    "a line added": lambda t: t + "\nYes, tomorrow",
    "a line added below a cut": lambda t: t[:70] + "\n\nYes, tomorrow",
    "another post below": lambda t: t + "\n#43 Oleg (@oleg): hi",
    "ё as е": lambda t: t.replace("ё", "е"),
}


def taken_for_ours(text: str, contact: Contact = ANNA) -> bool:
    """As the core asks: of what the bridge takes for an answer, or nearly one."""
    fields = {"chat": "g", "created": "2026-11-21T10:00:00Z", "sender": "d", "text": text}
    (event,) = BRIDGE.parse(BRIDGE.verify(hook(fields)))
    if not isinstance(event, Answer | Misaddressed):
        return True  # talk: it goes nowhere
    assert isinstance(BRIDGE, KnowsOwnPosts)
    return BRIDGE.is_own_post(event.raw_text, contact, ["sales", "panel"])


@pytest.mark.parametrize("change", CHANGES)
def test_a_post_that_was_changed_is_still_ours(change: str):
    changed = CHANGES[change](POST)
    assert taken_for_ours(changed), changed


@pytest.mark.parametrize(
    "contact",
    [
        Contact(id=42, channel="shop", remote_id="9", name="Анна"),
        Contact(id=42, channel="shop", remote_id="9", username="anna"),
        Contact(id=42, channel="shop", remote_id="9", username="anna", name="🌸🌸"),
        Contact(id=42, channel="shop", remote_id="9", name="🌸🌸"),
        Contact(id=42, channel="shop", remote_id="9", name="Shop: the best (really)"),
        Contact(id=42, channel="shop", remote_id="9"),
    ],
    ids=lambda c: c.name or c.username or "nameless",
)
@pytest.mark.parametrize("locale", ["en", "ru"])
def test_whatever_the_customer_is_called(contact: Contact, locale: str):
    for kind in (Kind.MESSAGE, Kind.COMMENT):
        post = bridge(locale=locale).fit(delivery(text="Tom & Jerry", contact=contact, kind=kind))[0].text
        assert bridge(locale=locale).is_own_post(html.escape(post), contact, ["sales"])
        assert bridge(locale=locale).is_own_post(post + "\nYes", contact, ["sales"])


def test_another_desks_answer_without_its_arrow():
    assert taken_for_ours("#42 Olga (panel): yes, in blue")
    assert not taken_for_ours("#42 the red one (large): yes")


@pytest.mark.parametrize(
    "text",
    [
        "#42 hello",
        "#42 Анна, добрый день!",
        "#42 Анна <3 Petróva, yes",
        "#42 anna.p wrote to us as well",
        "#42 yes: tomorrow",
        "#42 Tom & Jerry: on Sunday",
        "#42 our colleague (@olga): she knows",
        "#42",
        "#42 A",
        "@anna.p: hello",
        "#42 @anna.p",
    ],
)
def test_what_people_write_is_an_answer(text: str):
    assert not taken_for_ours(text)


@pytest.mark.parametrize("text", ["#42 Анна, добрый день", "#42 anna, hello", "#42 Anna"])
def test_a_name_alone_is_a_salutation(text: str):
    for contact in (
        Contact(id=42, channel="shop", remote_id="9", name="Анна"),
        Contact(id=42, channel="shop", remote_id="9", username="anna"),
        Contact(id=42, channel="shop", remote_id="9", username="anna", name="🌸"),
    ):
        assert not taken_for_ours(text, contact)


def test_a_long_text_is_looked_at_in_no_time():
    assert not taken_for_ours("#42 " + "Анна " * 50_000)
    assert not taken_for_ours("#42 " + "<" * 100_000)
    assert not taken_for_ours("#42 " + "&amp;" * 100_000)
