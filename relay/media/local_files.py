"""Files on our own disk, and names for them that are safe to write into headers and show to people."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILENAME_LIMIT: Final = 120  # characters; most file systems allow 255 bytes, and a Cyrillic letter takes two

# Separators, control and format characters (a right-to-left override turns "gpj.exe" into "exe.jpg"), and what a
# shell, a header or a file system reads as more than a letter.
_UNSAFE: Final = re.compile(r'[/\\:*?"<>|%\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file that is here. `temporary` ones go with `close`."""

    path: Path
    size: int  # bytes
    mime: str  # decided by its first bytes (`relay.media.sniffing`)
    filename: str = ""
    temporary: bool = False

    def close(self) -> None:
        if self.temporary:
            with contextlib.suppress(OSError):
                self.path.unlink()


def safe_filename(name: str, extension: str = "", default: str = "file") -> str:
    """What a sender called a file, as a bare name: no path, no control characters, of sane length, never empty.

    With `extension` (without the dot) the name ends in it, whatever it ended in before, so that a name never claims
    another type than the sniffed one. The name a multipart form carries reaches us verbatim (PITFALLS 3.3).
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join("" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else c for c in name)
    name = _UNSAFE.sub("_", name).strip(" .")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    if extension and ending.lower() not in SAME_ENDING.get(extension, (extension,)):
        # "photo.jpg" that is HTML becomes "photo.jpg.bin": nothing of the name is lost, and the last word is ours.
        stem, ending = name, extension
    ending = ending[:16]
    stem = stem[: FILENAME_LIMIT - len(ending) - 1].strip(" .") or default
    return f"{stem}.{ending}" if ending else stem


# Endings that mean the same type as ours.
SAME_ENDING: Final = {
    "jpg": ("jpg", "jpeg", "jpe", "jfif"),
    "mp4": ("mp4", "m4v"),
    "m4a": ("m4a", "mp4"),
    "mov": ("mov", "qt"),
    "ogg": ("ogg", "oga", "opus"),
    "ogv": ("ogv", "ogg"),
    "tif": ("tif", "tiff"),
    "mpg": ("mpg", "mpeg"),
    "mid": ("mid", "midi"),
    "txt": ("txt", "log", "csv", "md"),
    "zip": ("zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "apk", "jar"),
    "ole": ("doc", "xls", "ppt", "msi"),
}
