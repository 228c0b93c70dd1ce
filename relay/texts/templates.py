"""The texts of the relay: jinja2 templates, compiled once, strict about facts, escaped for where they go.

`templates/messages` and `templates/notices` are plain text and not escaped; `templates/pages` is HTML and is. A
deployment's own `templates_dir` is looked at first. A template of its own that fails while a message is on its way is
replaced by ours, because a message must not wait for a typing error; `relay check` names it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError, TemplateNotFound

import templates as ours
from relay.contract.errors import Problem, RelayError
from relay.texts import wording
from relay.texts.catalogues import translations
from relay.texts.notices import NOTICES

OURS = Path(ours.__file__).parent
LOCALES = ("en", "ru")
BEGINNING = 60  # characters of a text that notices repeat

# What a template can do wrong: by itself, or by what it does with a fact (`{{ number + 1 }}` with a text).
_FAULTS = (TemplateError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError)

log = logging.getLogger(__name__)


class TextError(RelayError):
    """A template that is not there, or cannot be rendered with the facts it was given."""


def beginning(text: str, limit: int = BEGINNING) -> str:
    """The beginning of a text, on one line, cut at a word where there is one near."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[:limit]
    word = cut.rpartition(" ")[0]
    return (word if len(word) > limit // 2 else cut).rstrip() + "…"


class Templates:
    """`contract.Texts` for one language; also the pages."""

    def __init__(self, locale: str = "en", directory: Path | None = None) -> None:
        self.locale = locale
        self.directory = directory
        folders = [*([directory] if directory else []), OURS]
        self._html = _environment(folders, locale, escape=True)
        # In notices a line with only a tag in it leaves no empty line; in messages every line break counts.
        self._text = {kind: _environment(folders, locale, trim=kind == "notices") for kind in ("messages", "notices")}
        self._ours = {kind: _environment([OURS], locale, trim=kind == "notices") for kind in ("messages", "notices")}
        self._cache: dict[str, Template] = {}  # jinja's own would ask the loader each time

    def message(self, name: str, /, **facts: Any) -> str:
        """Render templates/messages/<name>.txt.j2. Trailing newlines are cut. Raises TextError."""
        return self._render(f"messages/{name}.txt.j2", facts)

    def notice(self, name: str, /, **facts: Any) -> str:
        """Render templates/notices/<locale>/<name>.txt.j2. Raises TextError."""
        return self._render(f"notices/{self.locale}/{name}.txt.j2", facts)

    def page(self, name: str, /, **facts: Any) -> str:
        """Render templates/pages/<name> with every fact escaped. Raises TextError."""
        try:
            return self._html.get_template(f"pages/{name}").render(**facts)
        except _FAULTS as e:
            raise TextError(_words(f"pages/{name}", e)) from e

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the deployment's own templates: each is compiled, each notice rendered with samples."""
        if self.directory is None:
            return
        for path in sorted(self.directory.rglob("*.j2")):
            name = path.relative_to(self.directory).as_posix()
            where = str(path)
            if not (OURS / name).is_file():
                yield Problem(where, "", "replaces no template of the relay; it will not be used")
                continue
            try:
                template = self._text.get(name.partition("/")[0], self._html).get_template(name)
                if name.startswith("notices/"):
                    template.render(**NOTICES[path.name.removesuffix(".txt.j2")].sample)
            except _FAULTS as e:
                yield Problem(where, "", _words(name, e))

    def _render(self, path: str, facts: dict[str, Any]) -> str:
        kind = path.partition("/")[0]
        try:
            template = self._cache.get(path)
            if template is None:
                template = self._cache[path] = self._text[kind].get_template(path)
                # A template's globals are a chain of two mappings that jinja copies at every render; one dict is
                # copied three times as fast.
                template.globals = dict(template.globals)
            return template.render(facts).rstrip("\n")
        except _FAULTS as e:
            if self.directory is None:
                raise TextError(_words(path, e)) from e
            log.warning("the deployment's own template fails, ours is used: %s", _words(path, e))
        try:
            return self._ours[kind].get_template(path).render(facts).rstrip("\n")
        except _FAULTS as e:
            raise TextError(_words(path, e)) from e


def _environment(folders: list[Path], locale: str, *, escape: bool = False, trim: bool = True) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=escape,  # noqa: S701 - off only for plain text, which no browser reads
        trim_blocks=trim,
        lstrip_blocks=trim,
        undefined=StrictUndefined,
        auto_reload=False,
        cache_size=-1,
        extensions=["jinja2.ext.i18n"],
    )
    # Of the extension's own making: mypy does not see it.
    install: Any = environment.install_gettext_translations  # type: ignore[attr-defined]
    install(translations(locale), newstyle=True)
    environment.globals["locale"] = locale
    environment.filters.update(
        span=partial(_with(wording.span), locale=locale),
        ago=partial(_with(wording.ago), locale=locale),
        size=partial(_with(wording.size), locale=locale),
        moment=partial(_with_moment, locale=locale),
        sized=partial(wording.sized, locale=locale),
        number=partial(_with(wording.number), locale=locale),
        beginning=beginning,
    )
    return environment


def _with(worder: Any) -> Any:
    """A filter for seconds or bytes that leaves words alone: facts often come worded already."""

    def apply(value: Any, locale: str) -> str:
        return worder(value, locale) if isinstance(value, int | float) else str(value)

    return apply


def _with_moment(value: Any, locale: str) -> str:
    """A datetime, or RFC 3339, in words; anything else as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    return wording.moment(value, locale) if isinstance(value, datetime) else str(value)


def _words(name: str, error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name or name}"
    line = getattr(error, "lineno", None)
    return f"{name}{f', line {line}' if line else ''}: {getattr(error, 'message', None) or error}"
