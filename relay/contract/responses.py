"""Reading another system's answer, whatever it is: small pure helpers for `classify`. None of them raises."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from relay.contract.foreign_words import masking
from relay.contract.model import RawResponse

RETRY_AFTER_MAX_S = 7 * 86400.0  # beyond this a Retry-After is taken for nonsense
WORDS_MAX = 300  # characters of another system's words that we keep

_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def json_value(response: RawResponse) -> Any:
    """The body as JSON whatever its Content-Type says, or None when it is no JSON (a JSON `null` is None too)."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
        return None


_YES = frozenset({"1", "true", "yes", "y", "on", "ok", "okay", "success", "succeeded", "да"})
_NO = frozenset(
    {"0", "false", "no", "n", "off", "error", "fail", "failed", "failure", "denied", "refused", "rejected", "нет"}
)


def yes_or_no(value: Any) -> bool | None:
    """What a field such as `ok` or `success` says, however it is written: true, 1, "1", "true", "ok"; false, 0, "0",
    "false", "error". None for anything else, null among it: it says neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return True if value == 1 else False if value == 0 else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _YES else False if word in _NO else None
    return None


def reason_words(value: Any, limit: int = WORDS_MAX) -> str:
    """The words of a reason, given as text, as an object (`{"message": "no such user", "code": 3}`) or as a list of
    either; "" where there are none."""
    try:
        return _reason(value, limit)
    except (RecursionError, ValueError):
        return "(a reason too deeply nested to be read)"


def _reason(value: Any, limit: int) -> str:
    if isinstance(value, dict):
        named = (value.get(k) for k in ("message", "text", "description", "error", "reason", "title", "detail"))
        return next((words for said in named if (words := _reason(said, limit))), "") or (
            short_words(json.dumps(value, ensure_ascii=False), limit) if value else ""
        )
    if isinstance(value, list):
        return short_words("; ".join(filter(None, (_reason(v, limit) for v in value[:5]))), limit)
    if value is None or isinstance(value, bool) or value == "":
        return ""
    return short_words(value, limit)


def is_html(response: RawResponse) -> bool:
    """Whether a page for people came back where a program's answer was due.

    The header alone proves nothing: PHP says text/html of whatever it prints.
    """
    head = response.body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"<") or (b"<" in head and response.header("content-type").lower().startswith("text/html"))


def short_words(value: Any, limit: int = WORDS_MAX) -> str:
    """Anything as one line of text for people, at most `limit` characters; markup is cut out of pages, and no secret of
    ours is repeated from them."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if "<" in text:
        title = _TITLE.search(text[:20_000])
        text = title[1] if title and title[1].strip() else _TAG.sub(" ", text[:20_000])
    text = masking(_SPACE.sub(" ", "".join(c if c.isprintable() else " " for c in text[: limit * 20])).strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def retry_after_s(response: RawResponse) -> float | None:
    """The Retry-After header in seconds, or None when it is absent, in the past or nonsense.

    A date is measured from the answer's own Date header, so neither our clock nor theirs matters (PITFALLS experiment
    17).
    """
    value = response.header("retry-after").strip()
    if not value:
        return None
    seconds: float | None = None
    if value.isascii() and value.isdigit():
        seconds = float(value[:12])
    else:
        try:
            due, now = parsedate_to_datetime(value), parsedate_to_datetime(response.header("date"))
            seconds = (due - now).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return seconds if 0 < seconds <= RETRY_AFTER_MAX_S else None


def bare_address(url: str) -> str:
    """`https://user:pass@host/path?token=x` -> `https://host/path`: what logs may show of a configured address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(unreadable address)"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{port}{parts.path}"
