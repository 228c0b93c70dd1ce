"""Files: checked against a side's limits, or put into words where it carries none. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from relay.contract import FileLimit, Limits
from relay.contract.errors import Refusal
from relay.contract.model import Attachment
from relay.fitting.refusing import refusal
from relay.fitting.texts import one_line

MB = 1024 * 1024


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
            refusals.append(refusal("refused_file_empty", filename=name))
        elif limit is None or (limit.mimes and file.mime.lower() not in limit.mimes):
            allowed = allowed_types(limits)
            refusals.append(refusal("refused_file_type", filename=name, found=file.mime or "?", allowed=allowed))
        elif limit.bytes is not None and file.size is not None and file.size > limit.bytes:
            found, allowed = _sizes(file.size, limit.bytes)
            refusals.append(refusal("refused_file_too_big", filename=name, found=found, allowed=allowed))
    return refusals


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
    return one_line(file.filename) or file.file_id or file.kind.value


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


# What ends an address where people and programs read it, or hides where it leads.
_NOT_OF_ADDRESSES = re.compile(r"[\s\x00-\x20\x7f-\xa0<>\"\\^`{|}\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def web_address(text: str) -> str:
    """An http or https address as it may be written into a chat: one word, with blanks, line breaks and the like
    percent-encoded. "" for anything else."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or _NOT_OF_ADDRESSES.search(parts.netloc):
        return ""
    return _NOT_OF_ADDRESSES.sub(lambda found: quote(found[0], safe=""), text)
