"""Splitting loses nothing and breaks no character; options and files are checked with words for people."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.contract import FileLimit, Limits
from relay.contract.errors import Refusal
from relay.contract.model import Attachment, MediaKind
from relay.fitting.files import MB, check_files, human_size, links_as_text, web_address
from relay.fitting.graphemes import clusters, is_visible
from relay.fitting.options import check_options, take_options
from relay.fitting.texts import byte_length, clean, one_line, split_text, unix_lines

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"

pieces_of_text = st.lists(
    st.one_of(
        st.sampled_from(
            [FAMILY, SCOTLAND, "🇷🇺", "👍🏽", "e\u0301", "\r\n", " ", "\n", "\u00a0", "각", "1\ufe0f\u20e3", "#42"]
        ),
        st.text(max_size=12),
        st.text(alphabet="абвгд ", max_size=40),
        st.text(alphabet="abc", min_size=20, max_size=60),
    ),
    max_size=30,
).map("".join)
limits_of_pieces = st.tuples(st.integers(1, 60), st.integers(4, 90))


def without_space(text: str) -> str:
    return "".join(text.split())


@given(pieces_of_text, limits_of_pieces)
@example("слово " * 300, (50, 60))
@example(" " * 100, (10, 10))
@example("e" + "\u0301" * 100, (10, 10))
def test_every_piece_fits_and_nothing_but_white_space_is_lost(text, limit):
    chars, utf8_bytes = limit
    pieces = split_text(text, chars=chars, utf8_bytes=utf8_bytes)
    assert all(len(p) <= chars and byte_length(p) <= utf8_bytes for p in pieces)
    assert without_space("".join(pieces)) == without_space(text)
    at = 0  # the pieces lie in the text in order, and only white space lies between them
    for piece in pieces:
        found = text.index(piece, at)
        assert text[at:found].strip() == ""
        at = found + len(piece)
    assert text[at:].strip() == ""
    assert all(pieces)


@given(pieces_of_text)
def test_what_fits_stays_as_it_is(text):
    assert split_text(text, chars=len(text) + 1, utf8_bytes=byte_length(text) + 4) == ((text,) if text else ())
    assert split_text(text) == ((text,) if text else ())


@given(st.lists(st.text(alphabet="абв", min_size=1, max_size=10), min_size=1, max_size=200))
def test_words_that_fit_are_never_cut(words):
    pieces = split_text(" ".join(words), chars=20, utf8_bytes=24)
    assert [w for p in pieces for w in p.split()] == words


@given(pieces_of_text)
def test_pieces_begin_where_a_cluster_begins(text):
    longest = max([len(c) for c in clusters(text)], default=1)
    starts, at = set(), 0
    for cluster in clusters(text):
        starts.add(at)
        at += len(cluster)
    at = 0
    for piece in split_text(text, chars=max(longest, 12)):
        at = text.index(piece, at)
        assert at in starts
        at += len(piece)


@given(st.text())
def test_clusters_are_the_text_and_never_begin_with_a_mark(text):
    found = list(clusters(text))
    assert "".join(found) == text
    assert all(found)
    for before, cluster in pairwise(found):  # but for a mark after a control character, which stands alone
        assert unicodedata.category(cluster[0]) not in ("Mn", "Me") or unicodedata.category(before[-1])[0] in "CZ"


@pytest.mark.parametrize(
    "cluster",
    [FAMILY, SCOTLAND, "🇷🇺", "👍🏽", "e\u0301", "\r\n", "\u1112\u1161\u11ab", "1\ufe0f\u20e3", "ก\u0e31\u0e48"],
)
def test_what_people_take_for_one_character_stays_whole(cluster):
    assert list(clusters(f"a{cluster}b")) == ["a", cluster, "b"]


def test_neighbouring_flags_are_two():
    assert list(clusters("🇷🇺🇰🇿a🇬🇪")) == ["🇷🇺", "🇰🇿", "a", "🇬🇪"]


def test_cyrillic_is_cut_by_bytes():
    text = "слово " * 200  # 1,200 characters, 2,200 bytes
    pieces = split_text(text, chars=1000, utf8_bytes=1000)
    assert len(pieces) == 3
    assert " ".join(pieces) == text.strip()


def test_a_word_longer_than_a_piece_is_cut_between_characters():
    pieces = split_text("see " + "x" * 25 + "👍🏽" * 3, chars=10)
    assert pieces == ("see", "x" * 10, "x" * 10, "xxxxx👍🏽👍🏽", "👍🏽")


def test_a_long_text_takes_linear_time():
    text = "слово слово длинноесловобезконца " * 30_000  # a megabyte
    pieces = split_text(text, chars=1000, utf8_bytes=1000)
    assert without_space("".join(pieces)) == without_space(text)


@pytest.mark.parametrize("limit", [{"chars": 0}, {"utf8_bytes": 3}])
def test_impossible_limits_are_refused(limit):
    with pytest.raises(ValueError, match="at least one character"):
        split_text("x", **limit)


def test_clean_mends_what_cannot_be_encoded():
    assert clean("a\ud83d\ude00b") == "a😀b"  # a pair, written as two escapes
    assert clean("a\ud83db\0c") == "a\ufffdbc"
    assert clean("как есть 👍") == "как есть 👍"


@given(st.text(alphabet=st.characters()))
def test_what_is_clean_can_be_encoded(text):
    clean(text).encode("utf-8")


@pytest.mark.parametrize(
    ("text", "rest", "options"),
    [
        ("Come today?\n> Yes | No | Later", "Come today?", ("Yes", "No", "Later")),
        ("Come today?\n\n>Yes|No\n  \n", "Come today?", ("Yes", "No")),
        ("> Call me", "", ("Call me",)),
        ("a\r\n> Да | Нет", "a", ("Да", "Нет")),
        ("a\n> b | | c", "a", ("b", "", "c")),
        ("a\n> Call   me\t now | x", "a", ("Call me now", "x")),
        ("Sorry\n>_<", "Sorry\n>_<", ()),
        ("Look\n>>> https://example.com/a|b", "Look\n>>> https://example.com/a|b", ()),
        ("Sorry\n> _<", "Sorry\n> _<", ()),
        ("Sorry\n>:|", "Sorry\n>:|", ()),
        ("Was it good?\n> 👍 | 👎", "Was it good?", ("👍", "👎")),
        ("Was it good?\n> 👍", "Was it good?\n> 👍", ()),
        ("a > b | c", "a > b | c", ()),
        ("> first\n> second | x", "> first\n> second | x", ()),
        ("> a | b\nand more", "> a | b\nand more", ()),
        ("text\n>", "text\n>", ()),
        ("text\n> | |", "text\n> | |", ()),
        ("", "", ()),
        ("  \n ", "  \n ", ()),
    ],
)
def test_options_are_a_last_line(text, rest, options):
    assert take_options(text) == (rest, options)


@given(st.text())
def test_taking_options_never_fails_and_leaves_other_texts_alone(text):
    rest, options = take_options(text)
    assert options or rest == text


LIMITS = Limits(
    options=13,
    option_chars=20,
    files={
        MediaKind.IMAGE: FileLimit(bytes=8 * MB, mimes=frozenset({"image/png"}), extensions=frozenset({"png"})),
        MediaKind.VIDEO: FileLimit(bytes=25 * MB, mimes=frozenset({"video/mp4"}), extensions=frozenset({"mp4"})),
    },
)


def test_options_are_checked_all_at_once():
    assert check_options(["x" * 20] * 13, LIMITS) == []
    assert check_options(["ok"] * 13 + ["x" * 21], LIMITS) == [
        Refusal("refused_too_many_options", (("found", "14"), ("allowed", "13"))),
        Refusal("refused_option_too_long", (("option", "x" * 21), ("found", "21"), ("allowed", "20"))),
    ]
    assert check_options(["a", " "], LIMITS) == [Refusal("refused_option_empty")]
    assert check_options(["x" * 500] * 50, Limits()) == []


def image(size: int | None, mime: str = "image/png", kind: MediaKind = MediaKind.IMAGE) -> Attachment:
    return Attachment(kind=kind, mime=mime, filename="a.png", size=size)


def test_files_are_checked_all_at_once():
    assert check_files([image(8 * MB), image(None)], LIMITS) == []
    assert check_files([image(0), image(26 * MB), image(5, "image/svg+xml")], LIMITS) == [
        Refusal("refused_file_empty", (("filename", "a.png"),)),
        Refusal("refused_file_too_big", (("filename", "a.png"), ("found", "26.0 MB"), ("allowed", "8.0 MB"))),
        Refusal("refused_file_type", (("filename", "a.png"), ("found", "image/svg+xml"), ("allowed", "png, mp4"))),
    ]
    (document,) = check_files([image(5, "application/pdf", MediaKind.FILE)], LIMITS)
    assert document.notice == "refused_file_type"


def test_one_byte_too_many_is_said_so_that_it_can_be_seen():
    (refusal,) = check_files([image(8 * MB + 1)], LIMITS)
    assert dict(refusal.facts) == {"filename": "a.png", "found": "8388609 B", "allowed": "8388608 B"}


def test_sizes_for_people():
    assert [human_size(n) for n in (0, 1023, 2048, 26 * MB)] == ["0 B", "1023 B", "2.0 KB", "26.0 MB"]


def test_files_become_lines_of_text():
    photo = Attachment(kind=MediaKind.IMAGE, filename="a.png", url="https://x.example/a")
    bare = Attachment(kind=MediaKind.VIDEO)
    assert links_as_text("Look", [photo, bare]) == "Look\na.png: https://x.example/a\nvideo"
    assert links_as_text("", [photo]) == "a.png: https://x.example/a"
    assert links_as_text("Look", []) == "Look"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("https://files.example/ig/фото 1.jpg", "https://files.example/ig/фото%201.jpg"),
        ("  https://files.example/a\nhttps://evil.example/b ", "https://files.example/a%0Ahttps://evil.example/b"),
        ("https://files.example/a%20b", "https://files.example/a%20b"),
        ('https://files.example/"><script>', "https://files.example/%22%3E%3Cscript%3E"),
        ("https://files.example/\u202egpj.exe", "https://files.example/%E2%80%AEgpj.exe"),
        ("javascript:alert(1)", ""),
        ("https://", ""),
        ("https://bad host/a", ""),
        ("http://[::1", ""),
        ("", ""),
    ],
)
def test_an_address_is_one_word(given, found):
    assert web_address(given) == found


def test_a_name_is_one_line():
    assert one_line("Anna\n#1 Oleg:  hi") == "Anna #1 Oleg: hi"
    assert one_line(" \u202eanna\x07 ") == "anna"
    assert one_line("Анна 👍") == "Анна 👍"


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\u2060 \ufeff", "\u200e\u200f", "\u3164", "\u2800", "\x07"])
def test_what_nobody_sees_is_no_text(text):
    assert not is_visible(text)
    assert is_visible(text + "a") and is_visible("👍") and is_visible(".")


def test_line_breaks_are_of_one_kind():
    assert unix_lines("a\r\nb\rc\nd") == "a\nb\nc\nd"
