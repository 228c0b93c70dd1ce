"""H-search: one normaliser before any engine, so that both find the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.history import words

FOUND = [
    ("заказ", "Где мои заказы?"), ("заказ", "Спасибо за ЗАКАЗ"), ("заказы", "с заказами всё хорошо"),
    ("заказов", "заказ"), ("доставка", "за доставку"), ("доставки", "о доставке"), ("синий", "в синем есть?"),
    ("синяя", "синий"), ("платье", "платья"), ("платьем", "Платье"), ("размеры", "какой размер"),
    ("ёлка", "Елка"), ("елка", "ёлки"), ("Ещё", "еще раз"), ("оплата", "оплатой"), ("возврат", "возврата"),
    ("цена", "цены"), ("скидка", "скидку"), ("магазин", "магазине"), ("адрес", "адреса"), ("письмо", "письма"),
    ("order", "my orders"), ("orders", "Order"), ("delivery", "delivery"), ("deliver", "delivered"),
    ("shipping", "shipped"), ("blue", "BLUE!"), ("running", "run"), ("shoes", "shoe"), ("refund", "refunded"),
    ("payment", "payments"), ("colours", "colour"), ("sizes", "size"), ("price", "prices"), ("return", "returns"),
    ("12345", "заказ 12345"), ("A-17", "номер A-17"), ("42", "#42"), ("iPhone", "iphone 15"), ("ｆｕｌｌ", "full"),
    ("заказ order", "my order: заказ №5"), ("привет", "«Привет»"), ("café", "CAFÉ"), ("straße", "STRASSE"),
    ("хорошо", "хорошо"), ("заказ", "_заказ_"), ("don't", "don’t do it"), ("ок", "Ок"), ("👍 ок", "ок 👍"),
    ("зака", "заказ"), ("прив", "привет всем"), ("deliv", "delivery"), ("разм", "размер"),
    ('"синее платье"', "есть синее платье?"), ('"blue dress"', "a blue dress"),
]  # fmt: skip
NOT_FOUND = [
    ("заказ", "приказ"), ("кот спит", "который спит"), ("order", "border"), ("1234567", "номер 123456"),
    ('"платье синее"', "синее платье"), ("слон", "мышь"), ("a b c d", "a b c"), ("ship", "relationship"),
]  # fmt: skip


def finds(query: str, text: str) -> bool:
    single, phrases = words.asked(query)
    have = words.stems(text)
    if not single:
        return False
    whole = all(w in have for w in single[:-1]) and any(h.startswith(single[-1]) for h in have)
    joined = f" {' '.join(have)} "
    return whole and all(f" {' '.join(p)} " in joined for p in phrases)


@pytest.mark.parametrize(("query", "text"), FOUND, ids=lambda v: str(v)[:20])
def test_h_search_words_are_found_in_all_their_forms(query: str, text: str):
    assert finds(query, text)


@pytest.mark.parametrize(("query", "text"), NOT_FOUND, ids=lambda v: str(v)[:20])
def test_h_search_what_only_looks_alike_is_not_found(query: str, text: str):
    assert not finds(query, text)


HOSTILE = ['"', '""', "NEAR(a b)", "a AND b", "* * *", "-x", "a:b", "'; DROP TABLE message; --", "c1x", "(", "^a", "\0"]


@pytest.mark.parametrize("query", HOSTILE)
def test_h_search_syntax_is_only_words(query: str):
    built = words.fts5(query)
    assert built.count('"') % 2 == 0
    stripped = "".join(part for i, part in enumerate(built.split('"')) if i % 2 == 0)
    assert set(stripped) <= {" ", "*"}
    outside = "".join(part for i, part in enumerate(words.tsquery(query).split("'")) if i % 2 == 0)
    assert set(outside) <= set(" &:*()<->")


@given(st.text())
def test_h_search_any_text_is_indexed_and_asked_for_without_an_error(text: str):
    assert words.indexed(7, text).startswith("c7x")
    words.fts5(text, 7)
    words.tsquery(text)
    for begin, end in words.marks(text, text):
        assert 0 <= begin < end <= len(text)


def test_marks_show_where_it_was_found():
    text = "Где мои Заказы и заказ №5?"
    assert [text[a:b] for a, b in words.marks(text, "заказ")] == ["Заказы", "заказ"]
    text = "an order"
    assert [text[a:b] for a, b in words.marks(text, "ord")] == ["order"]
