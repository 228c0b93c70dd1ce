"""Making content suit the side it goes to: pure, and without knowing any bridge.

Texts are split at words within limits of characters *and* UTF-8 bytes, quick-reply options are taken off a desk's text
and checked, files are checked against `Limits`, and what cannot be carried becomes text. Every "no" is a `Refusal`
whose facts are words for people.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence

from relay.contract import FileLimit, Limits
from relay.contract.errors import Refusal
from relay.contract.model import Attachment

ZWJ = "\u200d"
KEYCAP_AND_SELECTORS = frozenset("\u20e3\ufe0e\ufe0f")
NO_BREAK = frozenset("\u00a0\u2007\u202f")  # white space at which a text must not be cut
MB = 1024 * 1024
_PRINTABLE = bytes(range(32, 127))


# --- characters -----------------------------------------------------------------------------------------------------


def is_printable(text: str) -> bool:
    """`text.isprintable()`, five times as fast for ASCII."""
    return not text.encode().translate(None, _PRINTABLE) if text.isascii() else text.isprintable()


def clean(text: str) -> str:
    """Without what no outside system can carry: lone surrogates become U+FFFD, NUL is left out."""
    if is_printable(text):  # most texts, and a tenth of the cost: neither of the two is printable
        return text
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # A pair of escaped surrogates is one character; what is still alone after joining pairs is broken.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def byte_length(text: str) -> int:
    """UTF-8 bytes; a lone surrogate counts as the three bytes of its replacement."""
    return len(text.encode("utf-8", "surrogatepass"))


def clusters(text: str) -> Iterator[str]:
    """What a person takes for single characters: a base with its marks, an emoji joined of several, a flag.

    A close approximation of Unicode's extended grapheme clusters (UAX 29) from the standard library's tables.
    """
    start, flags = 0, 0  # flags: how many regional indicators the cluster has so far
    for i in range(1, len(text)):
        before, here = text[i - 1], text[i]
        if here < "\u0300" and before < "\u0300":  # the common case: Latin letters, digits, spaces
            joined = before == "\r" and here == "\n"
        else:
            flags = flags + 1 if _is_flag(before) else 0
            joined = (
                (_extends(here) and before not in "\r\n")
                or (before == ZWJ and _pictographic(here))
                or (_is_flag(here) and flags % 2 == 1)
                or _hangul_joined(before, here)
            )
        if not joined:
            yield text[start:i]
            start = i
            flags = 0
    if text:
        yield text[start:]


def _extends(c: str) -> bool:
    return (
        c == ZWJ
        or c in KEYCAP_AND_SELECTORS
        or unicodedata.category(c) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= c <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= c <= "\U000e007f"  # tags, as in the flag of Scotland
    )


def _pictographic(c: str) -> bool:
    return unicodedata.category(c) == "So" or c >= "\U0001f000"


def _is_flag(c: str) -> bool:
    return "\U0001f1e6" <= c <= "\U0001f1ff"


def _hangul_joined(before: str, here: str) -> bool:
    """Leading consonant + vowel, vowel + trailing consonant, and syllables written with both (UAX 29, GB6 to GB8)."""
    if not "\u1100" <= here <= "\u11ff" and not "\uac00" <= here <= "\ud7a3":
        return False
    leading = "\u1100" <= before <= "\u115f"
    vowel = "\u1160" <= before <= "\u11a7"
    trailing = "\u11a8" <= before <= "\u11ff"
    syllable = "\uac00" <= before <= "\ud7a3"
    if "\u1100" <= here <= "\u115f" or "\uac00" <= here <= "\ud7a3":
        return leading
    if "\u1160" <= here <= "\u11a7":
        return leading or vowel or (syllable and (ord(before) - 0xAC00) % 28 == 0)
    return vowel or trailing or syllable


# --- texts ----------------------------------------------------------------------------------------------------------


def fits(text: str, limits: Limits) -> bool:
    """Whether the text may go in one piece."""
    return (limits.text_chars is None or len(text) <= limits.text_chars) and (
        limits.text_bytes is None or byte_length(text) <= limits.text_bytes
    )


def split_text(text: str, *, chars: int | None = None, utf8_bytes: int | None = None) -> tuple[str, ...]:
    """The text as pieces of at most `chars` characters and `utf8_bytes` bytes each, in order.

    A text that fits is one piece, untouched; an empty one is none. Otherwise it is cut at white space, which is all
    that gets lost, there and at the two ends. A word longer than a piece is cut between clusters (see `clusters`),
    inside one only where a single cluster is longer than a piece. Raises ValueError for limits nothing fits in.
    """
    if (chars is not None and chars < 1) or (utf8_bytes is not None and utf8_bytes < 4):
        raise ValueError("a piece must hold at least one character of four bytes")
    max_chars = chars if chars is not None else math.inf
    max_bytes = utf8_bytes if utf8_bytes is not None else math.inf
    if not text:
        return ()
    if len(text) <= max_chars and byte_length(text) <= max_bytes:
        return (text,)

    pieces: list[str] = []
    at = 0
    while at < len(text):
        if _breaks(text, at):
            at += 1
            continue
        end = _reach(text, at, max_chars, max_bytes)
        cut = end if end == len(text) or _breaks(text, end) else _last_break(text, at, end)
        if cut == at:  # one word longer than a piece
            cut = _last_boundary(text, at, end)
        if piece := text[at:cut].strip():
            pieces.append(piece)
        at = cut
    return tuple(pieces)


def _reach(text: str, at: int, max_chars: float, max_bytes: float) -> int:
    """How far a piece that begins at `at` may go within both limits."""
    window = text[at : at + int(min(max_chars, max_bytes, len(text)))]
    raw = window.encode("utf-8", "surrogatepass")
    if len(raw) > max_bytes:
        window = raw[: int(max_bytes)].decode("utf-8", "ignore")
        # A lone surrogate is "ignored" as well; what it left out must not be skipped over.
        while not text.startswith(window, at):
            window = text[at : at + len(window) - 1]
    return at + len(window)


def _breaks(text: str, i: int) -> bool:
    """Whether the character there is white space at which a text may be cut."""
    return text[i].isspace() and text[i] not in NO_BREAK and not (i + 1 < len(text) and _extends(text[i + 1]))


def _last_break(text: str, at: int, end: int) -> int:
    """The last such place before `end`; `at` if there is none."""
    return next((i for i in range(end - 1, at, -1) if _breaks(text, i)), at)


def _last_boundary(text: str, at: int, end: int) -> int:
    """The last place before or at `end` between two clusters; `end` if a single cluster goes further."""
    # Clusters are short: a little more than the piece shows whether one goes on past its end.
    found = at
    for cluster in clusters(text[at : end + 64]):
        if found + len(cluster) > end:
            break
        found += len(cluster)
    return found if found > at else end


# --- quick-reply options --------------------------------------------------------------------------------------------


def take_options(text: str) -> tuple[str, tuple[str, ...]]:
    """Takes a last line `> Yes | No | Later` off a desk's text: `("Come today?", ("Yes", "No", "Later"))`.

    A `>` line right below another `>` line is a quotation and stays text. Empty options stay in, for `check_options`
    to refuse.
    """
    lines = text.rstrip().splitlines()
    if not lines:
        return text, ()
    last = lines[-1].strip()
    quoted = len(lines) > 1 and lines[-2].lstrip().startswith(">")
    if not last.startswith(">") or not last.strip("> |\t") or quoted:
        return text, ()
    options = tuple(" ".join(option.split()) for option in last[1:].split("|"))
    return "\n".join(lines[:-1]).rstrip(), options


def check_options(options: Sequence[str], limits: Limits) -> list[Refusal]:
    """Everything that is wrong with these options."""
    refusals: list[Refusal] = []
    if limits.options is not None and len(options) > limits.options:
        refusals.append(_refusal("refused_too_many_options", found=len(options), allowed=limits.options))
    if any(not option.strip() for option in options):
        refusals.append(_refusal("refused_option_empty"))
    for option in options:
        if limits.option_chars is not None and len(option) > limits.option_chars:
            facts = {"option": option[:60], "found": len(option), "allowed": limits.option_chars}
            refusals.append(_refusal("refused_option_too_long", **facts))
    return refusals


# --- files ----------------------------------------------------------------------------------------------------------


def check_files(attachments: Sequence[Attachment], limits: Limits) -> list[Refusal]:
    """Everything that is wrong with these files: empty ones, wrong types, too big ones.

    Kind, mime type and size must be the sniffed ones. A kind that `limits.files` does not name is a wrong type; a size
    that is not known passes.
    """
    refusals = []
    for file in attachments:
        name = file_name(file)
        limit = limits.files.get(file.kind)
        if file.size == 0:
            refusals.append(_refusal("refused_file_empty", filename=name))
        elif limit is None or (limit.mimes and file.mime.lower() not in limit.mimes):
            allowed = allowed_types(limits)
            refusals.append(_refusal("refused_file_type", filename=name, found=file.mime or "?", allowed=allowed))
        elif limit.bytes is not None and file.size is not None and file.size > limit.bytes:
            found, allowed = _sizes(file.size, limit.bytes)
            refusals.append(_refusal("refused_file_too_big", filename=name, found=found, allowed=allowed))
    return refusals


def _refusal(notice: str, **facts: object) -> Refusal:
    return Refusal(notice, tuple((name, str(fact)) for name, fact in facts.items()))


def allowed_types(limits: Limits) -> str:
    """`jpg, png, mp4`: every extension some kind of file may have, each once, in the order of the limits."""
    names: dict[str, None] = {}
    for limit in limits.files.values():
        names.update(dict.fromkeys(_extensions(limit)))
    return ", ".join(names) or "-"


def _extensions(limit: FileLimit) -> list[str]:
    return sorted(limit.extensions) or sorted(limit.mimes)


def file_name(file: Attachment) -> str:
    """What a person may call the file."""
    return file.filename or file.file_id or file.kind.value


def _sizes(found: int, allowed: int) -> tuple[str, str]:
    """Both worded so that they differ: one byte too many is not "25.0 MB of 25.0 MB"."""
    words = human_size(found), human_size(allowed)
    return words if words[0] != words[1] else (f"{found} B", f"{allowed} B")


def human_size(size: int) -> str:
    """Bytes for people: `26.0 MB`, `512 B`. An MB is 1024 * 1024 bytes."""
    if size < 1024:
        return f"{size} B"
    if size < MB:
        return f"{size / 1024:.1f} KB"
    return f"{size / MB:.1f} MB"


def links_as_text(text: str, attachments: Sequence[Attachment]) -> str:
    """The text with a line for each file: `photo.jpg: https://...`. For sides that carry no files (FALLBACK)."""
    lines = [text] if text else []
    for file in attachments:
        name = file_name(file)
        lines.append(f"{name}: {file.url}" if file.url else name)
    return "\n".join(lines)
