"""Translations of the words that stand inside messages and pages: gettext catalogues, one `relay.po` for each language.

They are compiled in memory when they are first asked for, so there is no build step and nothing that could be stale.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

import templates as ours

DOMAIN = "relay"
FOLDER = Path(ours.__file__).parent / "locale"


@lru_cache(maxsize=8)
def translations(locale: str) -> Translations:
    """The catalogue of a language; what it lacks is said in English. Raises FileNotFoundError for a language that there
    is not."""
    with (FOLDER / locale / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        catalogue = read_po(file, locale=locale, domain=DOMAIN)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)
