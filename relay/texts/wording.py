"""Numbers, sizes and times in the words of a language, through Babel's tables. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_datetime
from babel.numbers import format_decimal
from babel.units import format_unit

from relay.texts.catalogues import translations

_SPANS = ((86400.0, "duration-day"), (3600.0, "duration-hour"), (60.0, "duration-minute"), (1.0, "duration-second"))
_SIZES = ((1000**3, "digital-gigabyte"), (1000**2, "digital-megabyte"), (1000, "digital-kilobyte"))
_SHORT = {"en": {"day": "d", "hour": "h", "minute": "min", "second": "s"}}  # CLDR's "24 hr" is nobody's habit


def span(seconds: float, locale: str) -> str:
    """86400 -> `24 h` / `24 ч`: up to two days in hours, as people speak of deadlines; rounded down, one unit."""
    seconds = max(0.0, seconds)
    for size_s, unit in _SPANS:
        if seconds >= (2 * size_s if unit == "duration-day" else size_s):
            return _unit(int(seconds // size_s), unit, locale)
    return _unit(0, "duration-second", locale)


def _unit(count: int, unit: str, locale: str) -> str:
    short = _SHORT.get(locale, {}).get(unit.removeprefix("duration-"))
    if short:
        return f"{number(count, locale)} {short}"
    return _clean(format_unit(count, unit, length="short", locale=locale))


def ago(seconds: float, locale: str) -> str:
    """`24 h ago` / `24 ч назад`; less than a minute is `just now`."""
    _ = translations(locale).gettext
    if seconds < 60:
        return _("just now")
    return _("%(span)s ago") % {"span": span(seconds, locale)}


def size(count: int, locale: str) -> str:
    """26000000 bytes -> `26.0 MB` / `26,0 МБ`."""
    for unit_size, unit in _SIZES:
        if count >= unit_size:
            return _clean(format_unit(count / unit_size, unit, length="short", format="#,##0.0", locale=locale))
    return _clean(format_unit(count, "digital-byte", length="short", locale=locale))


def sized(words: str, locale: str) -> str:
    """`26.0 MB`, as the rules of a channel say it, in the language: `26,0 МБ`."""
    count, _, unit = words.partition(" ")
    units = {"B": "Б", "KB": "КБ", "MB": "МБ", "GB": "ГБ"}
    if locale != "ru" or unit not in units:
        return words
    return f"{count.replace('.', ',')} {units[unit]}"


def moment(at: datetime, locale: str) -> str:
    """`21 Nov 2026, 21:00 UTC`; a time without a zone is taken for UTC."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return _clean(format_datetime(at, "d MMM y, HH:mm", locale=locale)) + " UTC"


def number(value: float, locale: str) -> str:
    """12345 -> `12,345` / `12 345`."""
    return _clean(format_decimal(value, locale=locale))


def _clean(text: str) -> str:
    """Babel's no-break spaces as plain ones: what we write goes into chats, where people search for it."""
    return str(text).replace("\u00a0", " ").replace("\u202f", " ")
