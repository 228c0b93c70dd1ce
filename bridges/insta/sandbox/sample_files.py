"""Files for the sandbox, made here so that none has to be shipped: a photo, a short film, a voice message. And the
other way round: what a file is, by its first bytes.

The film is a real MP4 that browsers play: H.264 (ITU-T H.264) in its simplest form, every macroblock uncompressed
(I_PCM), in the boxes of ISO/IEC 14496-12 and -15.
"""

from __future__ import annotations

import io
import math
import re
import struct
import wave
from functools import lru_cache

from PIL import Image, ImageDraw

PALETTES = (
    ((255, 196, 112), (226, 88, 126), (94, 63, 158)),
    ((168, 230, 207), (64, 145, 166), (24, 58, 92)),
    ((255, 236, 179), (137, 190, 120), (45, 106, 79)),
)
FILM_SIDE = 128  # pixels, a multiple of 16
FILM_FRAMES = 16
FILM_FPS = 8


@lru_cache(maxsize=8)
def photo(number: int = 0) -> bytes:
    """A JPEG of hills under a sun, in one of several palettes."""
    out = io.BytesIO()
    _landscape(720, 720, PALETTES[number % len(PALETTES)], number * 0.17 % 1).save(out, "JPEG", quality=84)
    return out.getvalue()


@lru_cache(maxsize=1)
def film() -> bytes:
    """Two seconds of an MP4: the sun goes over the hills."""
    pictures = [
        _idr_picture(_landscape(FILM_SIDE, FILM_SIDE, PALETTES[0], i / FILM_FRAMES), i) for i in range(FILM_FRAMES)
    ]
    return _mp4(pictures)


@lru_cache(maxsize=1)
def voice() -> bytes:
    """A short melody as a WAV file, in place of a voice message."""
    rate, notes = 16_000, ((523.25, 0.22), (659.25, 0.22), (783.99, 0.22), (1046.5, 0.5))
    samples = bytearray()
    for pitch, length_s in notes:
        count = int(rate * length_s)
        for i in range(count):
            loudness = 9000 * math.sin(math.pi * i / count)
            samples += struct.pack("<h", int(loudness * math.sin(2 * math.pi * pitch * i / rate)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(samples))
    return out.getvalue()


def sample(what: str, number: int = 0) -> bytes:
    """`photo` (of which there are several), `film` or `voice`."""
    if what == "photo":
        return photo(number % len(PALETTES))
    return film() if what == "film" else voice()


def _landscape(width: int, height: int, palette: tuple[tuple[int, int, int], ...], sun: float) -> Image.Image:
    """Sky, sun (its way from 0 to 1), two rows of hills."""
    sky, near, far = palette
    picture = Image.new("RGB", (width, height), sky)
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        share = y / height
        mixed = tuple(round(a + (b - a) * share) for a, b in zip(sky, near, strict=True))
        draw.line([(0, y), (width, y)], fill=mixed)
    radius = width // 9
    across, down = width * (0.12 + 0.76 * sun), height * (0.5 - 0.3 * math.sin(math.pi * (0.1 + 0.8 * sun)))
    draw.ellipse([across - radius, down - radius, across + radius, down + radius], fill=(255, 246, 214))
    for base, swing, colour in ((0.62, 0.07, near), (0.76, 0.09, far)):
        ridge = [
            (px, height * (base + swing * math.sin(px / width * 7 + base * 20)))
            for px in range(0, width + 8, max(1, width // 90))
        ]
        draw.polygon([*ridge, (width, height), (0, height)], fill=colour)
    return picture


# --- H.264 and MP4 --------------------------------------------------------------------------------------------------


class _Bits:
    """Writes the bits of a NAL unit's payload."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, value: int, width: int) -> _Bits:
        self._bits.append(f"{value:0{width}b}")
        return self

    def ue(self, *values: int) -> _Bits:
        """Exp-Golomb codes (H.264 section 9.1); a signed zero is written the same."""
        for value in values:
            code = f"{value + 1:b}"
            self._bits.append("0" * (len(code) - 1) + code)
        return self

    def aligned(self, stop_bit: bool) -> bytes:
        """Filled up with zeros to whole bytes, after a stop bit if this ends the payload."""
        bits = "".join(self._bits) + ("1" if stop_bit else "")
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _nal(header: int, payload: bytes) -> bytes:
    """A NAL unit; a third byte is put where the payload could be taken for a start code (H.264 section 7.4.1)."""
    return bytes([header]) + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def _sps() -> bytes:
    blocks = FILM_SIDE // 16
    bits = _Bits().u(66, 8).u(0b11000000, 8).u(30, 8)  # constrained baseline, level 3.0
    bits.ue(0, 0, 2, 0).u(0, 1)  # id, frame numbers of 4 bits, order of output = order of decoding, no references
    bits.ue(blocks - 1, blocks - 1).u(1, 1).u(1, 1).u(0, 1).u(0, 1)  # size, no fields, no cropping, no more
    return _nal(0x67, bits.aligned(stop_bit=True))


def _pps() -> bytes:
    bits = _Bits().ue(0, 0).u(0, 1).u(0, 1).ue(0, 0, 0).u(0, 1).u(0, 2).ue(0, 0, 0).u(1, 1).u(0, 1).u(0, 1)
    return _nal(0x68, bits.aligned(stop_bit=True))


def _idr_picture(picture: Image.Image, number: int) -> bytes:
    """One picture that needs no other, each macroblock given sample by sample."""
    y, cb, cr = picture.convert("YCbCr").split()
    half = FILM_SIDE // 2
    # No sample is near 0, so none can look like a start code; 16 to 235 is also what video expects.
    planes = [
        plane.point([16 + round(v * 219 / 255) for v in range(256)])
        for plane in (y, cb.resize((half, half)), cr.resize((half, half)))
    ]
    header = _Bits().ue(0, 7, 0).u(0, 4).ue(number % 2).u(0, 1).u(0, 1).ue(0, 1)
    out, blocks = bytearray(), FILM_SIDE // 16
    for index in range(blocks * blocks):
        row, column = divmod(index, blocks)
        bits = header if index == 0 else _Bits()
        out += bits.ue(25).aligned(stop_bit=False)  # mb_type I_PCM
        for plane, size in zip(planes, (16, 8, 8), strict=True):
            box = (column * size, row * size, (column + 1) * size, (row + 1) * size)
            out += plane.crop(box).tobytes()
    return _nal(0x65, bytes(out) + b"\x80")


def _box(name: bytes, *contents: bytes) -> bytes:
    body = b"".join(contents)
    return struct.pack(">I4s", len(body) + 8, name) + body


def _full(name: bytes, *contents: bytes, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", flags), *contents)


def _mp4(pictures: list[bytes]) -> bytes:
    """One video track; the media data first, so that the offset of the samples is known."""
    samples = [struct.pack(">I", len(p)) + p for p in pictures]
    ftyp = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    mdat = _box(b"mdat", *samples)
    count, side, first = len(samples), FILM_SIDE, len(ftyp) + 8
    matrix = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    sps, pps = _sps(), _pps()
    config = b"\x01" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps
    config += b"\x01" + struct.pack(">H", len(pps)) + pps
    entry = _box(
        b"avc1",
        bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HHII", side, side, 0x480000, 0x480000),
        bytes(4) + struct.pack(">H", 1) + bytes(32) + struct.pack(">Hh", 24, -1),
        _box(b"avcC", config),
    )
    table = _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), entry),
        _full(b"stts", struct.pack(">III", 1, count, 1)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, count, 1)),
        _full(b"stsz", struct.pack(">II", 0, count), *(struct.pack(">I", len(s)) for s in samples)),
        _full(b"stco", struct.pack(">II", 1, first)),
    )
    media = _box(
        b"minf",
        _full(b"vmhd", bytes(8), flags=1),
        _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1))),
        table,
    )
    track = _box(
        b"trak",
        _full(
            b"tkhd",
            struct.pack(">IIIII", 0, 0, 1, 0, count) + bytes(16) + matrix + struct.pack(">II", side << 16, side << 16),
            flags=3,
        ),
        _box(
            b"mdia",
            _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, FILM_FPS, count, 0x55C4, 0)),
            _full(b"hdlr", bytes(4), b"vide", bytes(12), b"film\0"),
            media,
        ),
    )
    head = struct.pack(">IIIIIH", 0, 0, FILM_FPS, count, 0x10000, 0x100) + bytes(10) + matrix + bytes(24)
    return ftyp + mdat + _box(b"moov", _full(b"mvhd", head, struct.pack(">I", 2)), track)


# --- what a file is -------------------------------------------------------------------------------------------------

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
)


def sniff(head: bytes, claimed: str = "") -> str:
    """The mime type told by the first bytes, "" for none that Instagram takes. `claimed` tells sound from film where
    both are MP4."""
    if head[4:8] == b"ftyp":
        audio = head[8:12] in (b"M4A ", b"M4B ") or claimed.lower().startswith("audio/")
        return "audio/mp4" if audio else "video/mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    return next((mime for signature, mime in _SIGNATURES if head.startswith(signature)), "")
