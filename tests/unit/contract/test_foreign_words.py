"""Foreign words: no secret of ours comes back in them, and no terminal obeys them."""

from __future__ import annotations

import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.contract.foreign_words import MASK, Masking, for_terminal

TOKEN = "to/ken+with=special&chars%2Fä"


@pytest.mark.parametrize(
    "as_written",
    [
        TOKEN,
        quote(TOKEN),
        quote(TOKEN, safe=""),
        quote(TOKEN, safe="").replace("%2F", "%2f"),
        quote_plus(TOKEN),
        quote(quote(TOKEN, safe=""), safe=""),
        json.dumps(TOKEN)[1:-1],
        json.dumps(TOKEN)[1:-1].replace("/", "\\/"),
        json.dumps(TOKEN, ensure_ascii=False)[1:-1],
        html.escape(TOKEN),
        "".join(f"%{b:02x}" for b in TOKEN.encode()),
    ],
)
def test_a_secret_is_masked_however_it_is_spelt(as_written: str) -> None:
    page = f"<title>404</title> POST https://api.example/insta/{as_written}/sendMsg: no such route"
    masked = Masking([TOKEN, "another secret"])(page)
    assert as_written not in masked and MASK in masked
    assert masked.startswith("<title>404</title> POST https://api.example/insta/***/sendMsg")


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    masking = Masking(["sandbox-key", "sandbox-key-of-ours", "short"])
    assert masking("sandbox-key-of-ours, sandbox-key, short") == "***, ***, short"
    masking.learn("a token that a login gave")
    assert masking("x a token that a login gave x") == "x *** x"
    assert Masking()("anything") == "anything"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;cm0gLXJmIC8=\x07", "\\x1b]52;c;cm0gLXJmIC8=\\x07"),
        ("\x1b]0;title\x1b\\", "\\x1b]0;title\\x1b\\"),
        ("\x9b31m", "\\x9b31m"),
        ("photo\u202egpj.exe", "photo\\u202egpj.exe"),
        ("a\u2066b\u2069c\u200fd", "a\\u2066b\\u2069c\\u200fd"),
        ("a\rb", "a\\rb"),
        ("a\r\nb\nc", "a\nb\nc"),
        ("half \ud83d", "half \\ud83d"),
        ("Анна 👩‍👩‍👧 naïve", "Анна 👩‍👩‍👧 naïve"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert for_terminal(text) == shown


def test_one_line_is_one_line() -> None:
    assert for_terminal("a\nb\u2028c", one_line=True) == "a\\nb\\u2028c"


@given(st.text())
def test_nothing_gets_through(text: str) -> None:
    shown = for_terminal(text, one_line=True)
    assert all(ord(c) >= 32 and not 0x7F <= ord(c) < 0xA0 and not 0xD800 <= ord(c) < 0xE000 for c in shown)
