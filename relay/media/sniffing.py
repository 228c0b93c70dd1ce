"""What a file is, by its first bytes. What a sender calls it is only asked where bytes cannot tell (a .docx is a zip).

A small table of our own decides, because the answer is a security decision and must be readable: libraries that know
hundreds of types also answer `text/html` and `image/svg+xml`, which a browser runs. Here markup is never more than
`application/octet-stream`, plain text is `text/plain`, and images that can be decoded must be (see
`relay.media.library`). Numbers and brands are from the formats' own documents (RFC 2083, ISO 14496-12 with the accounts
at mp4ra.org, RFC 3533, RIFF, Matroska's EBML) and the WHATWG MIME Sniffing Standard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from relay.contract.model import MediaKind

HEAD: Final = 4096  # bytes that are looked at


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A type we are sure of. `extension` (no dot) also names it in our media store."""

    mime: str
    extension: str

    @property
    def kind(self) -> MediaKind:
        return MediaKind.of_mime(self.mime)


UNKNOWN: Final = Sniffed("application/octet-stream", "bin")
TEXT: Final = Sniffed("text/plain", "txt")
PNG: Final = Sniffed("image/png", "png")
JPEG: Final = Sniffed("image/jpeg", "jpg")
GIF: Final = Sniffed("image/gif", "gif")
WEBP: Final = Sniffed("image/webp", "webp")
BMP: Final = Sniffed("image/bmp", "bmp")
ICO: Final = Sniffed("image/x-icon", "ico")
MP4: Final = Sniffed("video/mp4", "mp4")
M4A: Final = Sniffed("audio/mp4", "m4a")
QUICKTIME: Final = Sniffed("video/quicktime", "mov")
WEBM: Final = Sniffed("video/webm", "webm")
MATROSKA: Final = Sniffed("video/x-matroska", "mkv")
AVI: Final = Sniffed("video/x-msvideo", "avi")
OGG_AUDIO: Final = Sniffed("audio/ogg", "ogg")
OGG_VIDEO: Final = Sniffed("video/ogg", "ogv")
MP3: Final = Sniffed("audio/mpeg", "mp3")
AAC: Final = Sniffed("audio/aac", "aac")
WAV: Final = Sniffed("audio/wav", "wav")
ZIP: Final = Sniffed("application/zip", "zip")
OLE: Final = Sniffed("application/x-ole-storage", "ole")

# Beginning of the file -> type. Longer beginnings first where one contains another.
_BEGINNINGS: Final[tuple[tuple[bytes, Sniffed], ...]] = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),  # checked further below
    (b"\0\0\1\0", ICO),
    (b"II*\0", Sniffed("image/tiff", "tif")),
    (b"MM\0*", Sniffed("image/tiff", "tif")),
    (b"%PDF-", Sniffed("application/pdf", "pdf")),
    (b"PK\3\4", ZIP),
    (b"PK\5\6", ZIP),  # an empty one
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"Rar!\x1a\7", Sniffed("application/vnd.rar", "rar")),
    (b"7z\xbc\xaf\x27\x1c", Sniffed("application/x-7z-compressed", "7z")),
    (b"\x1f\x8b\x08", Sniffed("application/gzip", "gz")),
    (b"ID3", MP3),
    (b"fLaC", Sniffed("audio/flac", "flac")),
    (b"#!AMR", Sniffed("audio/amr", "amr")),
    (b"MThd", Sniffed("audio/midi", "mid")),
    (b"\0\0\1\xba", Sniffed("video/mpeg", "mpg")),
    (b"\0\0\1\xb3", Sniffed("video/mpeg", "mpg")),
    (b"FLV\1", Sniffed("video/x-flv", "flv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sniffed("video/x-ms-wmv", "wmv")),
    (b"{\\rtf", Sniffed("application/rtf", "rtf")),
)

# Four bytes at offset 8 of an ISO base media file -> type. Brands not listed are video: that is what phones write.
_BRANDS: Final = {
    b"M4A ": M4A,
    b"M4B ": M4A,
    b"qt  ": QUICKTIME,
    b"heic": Sniffed("image/heic", "heic"),
    b"heix": Sniffed("image/heic", "heic"),
    b"mif1": Sniffed("image/heif", "heif"),
    b"avif": Sniffed("image/avif", "avif"),
    b"avis": Sniffed("image/avif", "avif"),
    b"3gp4": Sniffed("video/3gpp", "3gp"),
    b"3gp5": Sniffed("video/3gpp", "3gp"),
    b"3gp6": Sniffed("video/3gpp", "3gp"),
}

# What an archive is, by the ending it was given: none of these does anything in a browser.
_OFFICE: Final = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "epub": "application/epub+zip",
}
_OLD_OFFICE: Final = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
}

_MARKUP: Final = re.compile(rb"<[a-z!?/]", re.IGNORECASE)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # WHATWG's "binary data byte", and DEL


def sniff(head: bytes, name: str = "") -> Sniffed:
    """Pure: the type of a file that begins with `head` (the first `HEAD` bytes). `name` only picks among archives."""
    head = head[:HEAD]
    if len(head) >= 12 and head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], MP4)
    if head[4:8] in (b"moov", b"mdat", b"wide") and len(head) >= 16:
        return QUICKTIME
    if head[:4] == b"RIFF":
        return {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}.get(head[8:12], UNKNOWN)
    if head[:4] == b"OggS":
        return OGG_VIDEO if b"\x80theora" in head[:200] or b"OVP80" in head[:200] else OGG_AUDIO
    if head[:4] == b"\x1aE\xdf\xa3":
        return WEBM if b"webm" in head[:64] else MATROSKA
    for beginning, found in _BEGINNINGS:
        if head.startswith(beginning):
            if found is BMP and not _is_bmp(head):
                break
            return _inside(found, name)
    if len(head) >= 4 and head[0] == 0xFF:
        if head[1] & 0xF6 == 0xF0:  # ADTS: twelve sync bits, layer 00
            return AAC
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0 and head[2] & 0xF0 != 0xF0:
            return MP3  # a frame without an ID3 tag before it
    return _text(head)


def of_extension(extension: str) -> str:
    """The mime type of a file in our store, whose ending is one of ours. Anything else is bytes."""
    return _BY_EXTENSION.get(extension, UNKNOWN.mime)


def _is_bmp(head: bytes) -> bool:
    """Two letters are weak evidence: the header's size and reserved fields must fit, too."""
    return len(head) >= 18 and head[6:10] == b"\0\0\0\0" and head[14] in (12, 40, 52, 56, 64, 108, 124)


def _inside(found: Sniffed, name: str) -> Sniffed:
    ending = name.rpartition(".")[2].lower()
    table = _OFFICE if found is ZIP else _OLD_OFFICE if found is OLE else {}
    return Sniffed(table[ending], ending) if ending in table else found


def _text(head: bytes) -> Sniffed:
    if not head or _CONTROL.search(head) or _MARKUP.search(head):
        return UNKNOWN
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as e:
        if len(head) < HEAD or e.start < len(head) - 4:  # else: a letter cut in two by the end of what we look at
            return UNKNOWN
    return TEXT


_BY_EXTENSION: Final = {
    s.extension: s.mime
    for s in (
        *(found for _, found in _BEGINNINGS), *_BRANDS.values(),
        TEXT, WEBP, MP4, M4A, QUICKTIME, WEBM, MATROSKA, AVI, OGG_AUDIO, OGG_VIDEO, MP3, AAC, WAV,
        *(Sniffed(mime, ending) for table in (_OFFICE, _OLD_OFFICE) for ending, mime in table.items()),
    )
}  # fmt: skip
