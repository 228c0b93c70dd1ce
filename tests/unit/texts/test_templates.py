"""The relay's words: every notice in every language, nothing unused, nothing unknown, nothing that answers itself."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, meta

import bridges
import relay
from relay.texts import wording
from relay.texts.notices import NOTICES
from relay.texts.templates import LOCALES, OURS, Templates, TextError, beginning

SOURCES = [*Path(relay.__file__).parent.rglob("*.py"), *Path(bridges.__file__).parent.rglob("*.py")]


def template(locale: str, name: str) -> str:
    return (OURS / "notices" / locale / f"{name}.txt.j2").read_text("utf-8")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_templates_are_those_of_the_list(locale: str):
    assert {p.name.removesuffix(".txt.j2") for p in (OURS / "notices" / locale).iterdir()} == set(NOTICES)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", NOTICES)
def test_each_notice_reads_well(locale: str, name: str):
    notice = NOTICES[name]
    text = Templates(locale).notice(name, **notice.sample)
    assert text == text.strip()
    assert not re.search(r"\n\n\n|  |\{\{|\}\}|None|Undefined", text)
    if locale == "ru":
        assert re.search("[а-яё]{3}", text), text
    else:
        assert not re.search("[а-яё]", text), text
    if name != "help":
        # A group may send our own posts back: none may look like an answer (`#42 text`, `@name text`) or a command.
        assert not re.match(r"[#@/>]", text), text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_uses_only_its_facts(locale: str, name: str):
    used = meta.find_undeclared_variables(Environment().parse(_without_filters(template(locale, name))))
    assert used <= set(NOTICES[name].facts) | {"locale"}


def _without_filters(source: str) -> str:
    return re.sub(r"\|\s*(beginning|ago|span|sized|size|moment|number)", "", source)


@pytest.mark.parametrize("name", [n for n, notice in NOTICES.items() if set(notice.facts) & {"text", "words", "rows"}])
def test_facts_that_may_be_empty_may_be_empty(name: str):
    sample = dict(NOTICES[name].sample)
    for fact in sample:
        if fact in ("text", "words", "link", "name", "username", "filename", "new"):
            sample[fact] = ""
        if fact == "rows":
            sample[fact] = ()
    for locale in LOCALES:
        text = Templates(locale).notice(name, **sample)
        assert text
        assert not re.search(r'""|«»|\n\n\n|\(\)', text), text


def test_every_name_the_code_says_is_in_the_list():
    """Calls such as texts.notice("failed", ...) and Refusal("refused_empty", ...) in the whole source."""
    said = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("notice", "Refusal") and node.args and isinstance(node.args[0], ast.Constant):
                said.add(node.args[0].value)
            if called in ("CannotReply", "AccountWarning"):
                said |= {
                    k.value.value for k in node.keywords if k.arg == "notice" and isinstance(k.value, ast.Constant)
                }
    assert "failed" in said
    assert said <= set(NOTICES)


def test_every_message_template_belongs_to_a_bridge():
    kinds = {bridge.spec.kind for bridge in bridges.ALL}
    for path in (OURS / "messages").iterdir():
        assert path.name in kinds


# --- strictness, escaping, overriding ------------------------------------------------------------------------------


def test_a_missing_fact_is_an_error_not_an_empty_word():
    with pytest.raises(TextError, match="'number' is undefined"):
        Templates().notice("closed")


def test_an_unknown_template_is_named():
    with pytest.raises(TextError, match=r"there is no template notices/en/nope\.txt\.j2"):
        Templates().notice("nope")


def test_a_fact_may_be_called_name():
    assert "@anna" in Templates().notice("unknown_name", name="anna")


def test_text_is_not_escaped_and_is_no_template():
    text = Templates().notice("credentials", account="shop", words="<b>{{ 7 * 6 }}</b> & {% raw %}")
    assert "<b>{{ 7 * 6 }}</b> & {% raw %}" in text


def test_pages_are_escaped(tmp_path: Path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "own.html").write_text("<p title='{{ title }}'>{{ text }}</p>")
    page = Templates(directory=tmp_path).page("own.html", title="'x", text="<script>1</script>")
    assert page == "<p title='&#39;x'>&lt;script&gt;1&lt;/script&gt;</p>"


def test_messages_keep_their_line_breaks_notices_lose_lines_of_tags(tmp_path: Path):
    (tmp_path / "messages" / "own").mkdir(parents=True)
    (tmp_path / "messages" / "own" / "x.txt.j2").write_text("a\n{% if true %}\nb\n{% endif %}\n")
    assert Templates(directory=tmp_path).message("own/x") == "a\n\nb"


def own(tmp_path: Path, name: str, source: str) -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


def test_a_deployment_can_have_its_own_words(tmp_path: Path):
    own(tmp_path, "notices/en/closed.txt.j2", "Done with #{{ number }}!\n")
    texts = Templates("en", tmp_path)
    assert texts.notice("closed", number=42) == "Done with #42!"
    assert "#42" in texts.notice("already_closed", number=42)
    assert list(texts.problems()) == []


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("notices/en/closed.txt.j2", "{{ nubmer }}", "'nubmer' is undefined"),
        ("notices/en/closed.txt.j2", "{% if %}", "line 1: Expected an expression"),
        ("notices/en/closed.txt.j2", "{{ number + 1 }}", "can only concatenate str"),
        ("notices/en/closed.txt.j2", "{{ number | nope }}", "No filter named 'nope'"),
        ("notices/en/closd.txt.j2", "x", "replaces no template of the relay"),
        ("messages/nobody/x.txt.j2", "x", "replaces no template of the relay"),
    ],
)
def test_what_is_wrong_with_own_words_is_named_and_stops_no_message(
    tmp_path: Path, name: str, source: str, problem: str, caplog: pytest.LogCaptureFixture
):
    path = own(tmp_path, name, source)
    texts = Templates("en", tmp_path)
    (found,) = texts.problems()
    assert found.where == str(path)
    assert problem in found.message
    assert texts.notice("closed", number="42") == Templates("en").notice("closed", number="42")
    assert ("its own template" in caplog.text or "own template fails" in caplog.text) is ("closed" in name)


# --- numbers, times, sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "en", "ru"),
    [
        (0, "just now", "только что"),
        (59, "just now", "только что"),
        (60, "1 min ago", "1 мин назад"),
        (3600, "1 h ago", "1 ч назад"),
        (86400, "24 h ago", "24 ч назад"),
        (2 * 86400, "2 d ago", "2 дн. назад"),
        (-5, "just now", "только что"),
    ],
)
def test_ago(seconds: float, en: str, ru: str):
    assert (wording.ago(seconds, "en"), wording.ago(seconds, "ru")) == (en, ru)


@pytest.mark.parametrize(
    ("count", "en", "ru"),
    [
        (26_000_000, "26.0 MB", "26,0 МБ"),
        (1500, "1.5 kB", "1,5 кБ"),
        (0, "0 byte", "0 Б"),
        (3 * 10**9, "3.0 GB", "3,0 ГБ"),
    ],
)
def test_sizes(count: int, en: str, ru: str):
    assert (wording.size(count, "en"), wording.size(count, "ru")) == (en, ru)


def test_sizes_that_come_as_words():
    assert wording.sized("26.0 MB", "ru") == "26,0 МБ"
    assert wording.sized("26.0 MB", "en") == "26.0 MB"
    assert wording.sized("many", "ru") == "many"


def test_moments_are_in_utc_and_say_so():
    at = datetime(2026, 11, 21, 21, 5, tzinfo=UTC)
    assert wording.moment(at, "en") == "21 Nov 2026, 21:05 UTC"
    assert wording.moment(at, "ru") == "21 нояб. 2026, 21:05 UTC"
    who = dict(NOTICES["who"].sample) | {"first_seen": "2026-11-21T23:05:00+02:00", "last_seen": "unknown"}
    assert "First message: 21 Nov 2026, 21:05 UTC\nLast message: unknown" in Templates().notice("who", **who)


@given(st.text(max_size=300))
def test_the_beginning_of_a_text_is_one_short_line(text: str):
    short = beginning(text)
    assert len(short) <= 61
    assert "\n" not in short
    assert short.endswith("…") or short == " ".join(text.split())


@given(st.floats(0, 1e9), st.sampled_from(LOCALES))
def test_spans_never_round_up(seconds: float, locale: str):
    assert wording.span(seconds, locale)
    assert int(re.sub(r"[^0-9]", "", wording.span(seconds, locale))) <= seconds
