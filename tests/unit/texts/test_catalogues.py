"""Every word inside a template is in every catalogue, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import relay
import templates
from relay.texts.catalogues import FOLDER, translations
from relay.texts.templates import LOCALES, Templates

ROOTS = [Path(templates.__file__).parent, Path(relay.__file__).parent / "texts"]


def catalogue(locale: str) -> Catalog:
    with (FOLDER / locale / "LC_MESSAGES" / "relay.po").open("rb") as file:
        return read_po(file, locale=locale)


@pytest.fixture(scope="module")
def said() -> set[str]:
    """Every text that a template, or our own wording, asks the catalogue for."""
    found = set()
    for root in ROOTS:
        rules = [("**.j2", "jinja2.ext:babel_extract"), ("**.py", "python")]
        for _, _, message, _, _ in extract_from_dir(root, rules, {"**.j2": {"silent": "false"}}):
            found.add(message if isinstance(message, str) else message[0])
    return found


@pytest.mark.parametrize("locale", LOCALES)
def test_it_has_all_that_is_said_and_nothing_else(locale: str, said: set[str]):
    there = {m.id for m in catalogue(locale) if m.id}
    assert said <= there, f"not translated: {sorted(said - there)}"
    assert there <= said, f"said by nobody: {sorted(there - said)}"


@pytest.mark.parametrize("locale", LOCALES)
def test_each_is_translated_and_keeps_its_facts(locale: str):
    for message in catalogue(locale):
        if message.id:
            assert message.string and not message.fuzzy, message.id
            assert set(re.findall(r"%\(\w+\)s", str(message.string))) == set(re.findall(r"%\(\w+\)s", str(message.id)))


def test_a_fact_with_a_percent_sign_stays_as_it_is():
    said = Templates("ru").message("team/media", kind="image", url="https://x.example/100%25", filename="100%.png")
    assert said == "фото 100%.png: https://x.example/100%25"
    said = Templates("en").message("operator/mirror", text="100% (yes)", options=(), origin="a%sb", author="")
    assert said == "[answered from a%sb]\n100% (yes)"


def test_what_a_catalogue_lacks_is_said_in_english():
    assert translations("ru").gettext("of no catalogue") == "of no catalogue"
