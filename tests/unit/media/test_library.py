"""The media store and the way to it: types by the bytes, nothing active, links that end (PITFALLS experiment 27)."""

from __future__ import annotations

import io
import os
import random
import re
import stat
import struct
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from yarl import URL

from relay.contract.errors import PayloadTooLarge, StoreUnavailable
from relay.contract.model import Attachment, MediaKind, Upload
from relay.media import links as signing
from relay.media.library import MediaStore, thumbnail_id
from relay.media.links import media_path
from relay.media.local_files import FILENAME_LIMIT, safe_filename
from relay.media.serving import INLINE, media_routes
from relay.media.sniffing import UNKNOWN, of_extension, sniff

KEYS = ("k" * 40,)
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def picture(kind: str, size: tuple[int, int] = (8, 8), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **options)
    return out.getvalue()


def huge_png(side: int = 100_000) -> bytes:
    """A PNG that claims 10^5 x 10^5 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0isommp42" + b"\0" * 64


@pytest.fixture
async def store(tmp_path: Path) -> MediaStore:
    store = MediaStore(tmp_path / "media")
    await store.prepare()
    return store


def spool(store: MediaStore, content: bytes, filename: str = "a", mime: str = "", folder: Path | None = None) -> Upload:
    path = (folder or store.incoming) / f"spool-{random.randrange(10**12)}"
    path.write_bytes(content)
    return Upload(field="attach", filename=filename, mime=mime, path=path, size=len(content))


SAMPLES = [
    (picture("PNG"), "image/png", "png"),
    (picture("JPEG"), "image/jpeg", "jpg"),
    (picture("GIF"), "image/gif", "gif"),
    (picture("WEBP"), "image/webp", "webp"),
    (picture("BMP"), "image/bmp", "bmp"),
    (picture("ICO", (16, 16)), "image/x-icon", "ico"),
    (ftyp(b"isom"), "video/mp4", "mp4"),
    (ftyp(b"mp42"), "video/mp4", "mp4"),
    (ftyp(b"M4A "), "audio/mp4", "m4a"),
    (ftyp(b"qt  "), "video/quicktime", "mov"),
    (ftyp(b"heic"), "image/heic", "heic"),
    (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webm", "video/webm", "webm"),
    (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav", "wav"),
    (b"RIFF\x10\0\0\0AVI LIST", "video/x-msvideo", "avi"),
    (b"OggS\0\2" + b"\0" * 20 + b"\1\x1eOpusHead", "audio/ogg", "ogg"),
    (b"OggS\0\2" + b"\0" * 20 + b"\1\x2a\x80theora", "video/ogg", "ogv"),
    (b"ID3\4\0\0\0\0\0\0", "audio/mpeg", "mp3"),
    (b"\xff\xfb\x90\x64" + b"\0" * 100, "audio/mpeg", "mp3"),
    (b"\xff\xf1\x50\x80" + b"\0" * 100, "audio/aac", "aac"),
    (b"%PDF-1.7\n", "application/pdf", "pdf"),
    (b"PK\3\4\x14\0", "application/zip", "zip"),
    ("Привет, мир\n".encode(), "text/plain", "txt"),
]


@pytest.mark.parametrize(("content", "mime", "extension"), SAMPLES, ids=[s[2] + str(n) for n, s in enumerate(SAMPLES)])
async def test_the_type_is_what_the_bytes_say(store: MediaStore, content: bytes, mime: str, extension: str):
    upload = spool(store, content, "evil.html", "text/html")
    kept = await store.save(upload)
    assert (kept.mime, kept.kind, kept.size) == (mime, MediaKind.of_mime(mime), len(content))
    assert kept.filename == f"evil.html.{extension}"
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}\." + extension, kept.file_id)
    assert not upload.path.exists()
    file = await store.open(kept.file_id)
    assert file is not None
    assert (file.mime, file.size, file.path.read_bytes()) == (mime, len(content), content)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert of_extension(extension) == mime


@pytest.mark.parametrize(
    "content",
    [
        HTML, SVG, b"\xef\xbb\xbf" + SVG, b"  \n\t<svg onload=alert(1)>", b"a" * 100 + b"<script>", b"<?php system(1)",
        b"", b"\0\0\0\0", b"MZ\x90\0", b"\x7fELF", b"BM" + HTML, b"\x89PNG\r\n\x1a\n" + HTML, b"GIF89a" + HTML,
        b"\xff\xd8\xff" + HTML, b"RIFF\0\0\0\0HTML" + HTML, b"\xfe\xff\0<\0s\0v\0g", b"\0\0\1\0" + HTML,
        b"text \xff\xfe not utf-8",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["photo.jpg", "page.html", "pic.svg"])
async def test_markup_rubbish_and_false_pictures_are_only_bytes(store: MediaStore, content: bytes, name: str):
    kept = await store.save(spool(store, content, name, "image/jpeg"))
    assert (kept.mime, kept.kind, kept.size) == ("application/octet-stream", MediaKind.FILE, len(content))
    assert thumbnail_id(kept) == ""


async def test_a_polyglot_stays_the_picture_it_is(store: MediaStore):
    content = picture("GIF") + HTML
    kept = await store.save(spool(store, content, "x.html", "text/html"))
    assert (kept.mime, kept.filename) == ("image/gif", "x.html.gif")


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.html", "application/zip"),
        ("a", "application/zip"),
    ],
)
def test_only_among_archives_the_name_decides(name: str, mime: str):
    assert sniff(b"PK\3\4", name).mime == mime
    assert sniff(HTML, name) == UNKNOWN


@given(st.binary(max_size=64), st.text(max_size=20))
def test_no_bytes_make_an_active_type(content: bytes, name: str):
    for beginning in (b"", b"\xff", b"RIFF", b"OggS", b"<svg", b"\0\0\0\x18ftyp"):
        mime = sniff(beginning + content, name).mime
        assert not re.search("html|xml(?!formats)|svg|script|shockwave", mime)


async def test_an_upload_on_another_disk_is_copied(store: MediaStore, tmp_path: Path):
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    upload = spool(store, b"hello", "a.txt", folder=shm)
    kept = await store.save(upload)
    assert not upload.path.exists()
    file = await store.open(kept.file_id)
    assert file is not None
    assert file.path.read_bytes() == b"hello"
    assert list(store.incoming.iterdir()) == []


async def test_too_large_is_refused_and_nothing_is_kept(store: MediaStore):
    with pytest.raises(PayloadTooLarge):
        await store.save(spool(store, b"x" * 11), limit=10)
    assert (await store.save(spool(store, b"x" * 10), limit=10)).size == 10


async def test_a_disk_that_refuses_is_a_sentence(tmp_path: Path):
    (tmp_path / "media").write_text("in the way")
    store = MediaStore(tmp_path / "media")
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        await store.prepare()
    upload = Upload(field="a", filename="a", mime="", path=tmp_path / "gone", size=1)
    with pytest.raises(StoreUnavailable, match="could not be kept: No such file"):
        await store.save(upload)


@pytest.mark.parametrize(
    "file_id",
    ["", "../../etc/passwd", "a" * 22, "a" * 22 + ".png/../x", "a" * 22 + ".png\0", "a" * 22 + ".png", "%2e%2e/x",
     "a" * 22 + ".png.thumb.jpg"],
)  # fmt: skip
async def test_no_id_leads_outside(store: MediaStore, file_id: str):
    assert await store.open(file_id) is None


async def test_retention_takes_old_files_their_thumbnails_and_forgotten_uploads(store: MediaStore):
    old, young = [await store.save(spool(store, picture("PNG"))) for _ in range(2)]
    forgotten = spool(store, b"left by a crash")
    fresh = spool(store, b"being uploaded")
    assert await store.open(thumbnail_id(old)) is not None
    for path in (*store.directory.rglob(old.file_id + "*"), forgotten.path):
        os.utime(path, (time.time() - 100_000,) * 2)
    assert await store.purge(90_000) == 1
    assert await store.open(old.file_id) is None
    assert await store.open(thumbnail_id(old)) is None
    assert await store.open(young.file_id) is not None
    assert not forgotten.path.exists()
    assert fresh.path.exists()
    assert await MediaStore(store.directory / "never-made").purge(1) == 0


# --- thumbnails -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "ICO"])
async def test_a_thumbnail_fits(store: MediaStore, kind: str):
    kept = await store.save(spool(store, picture(kind, (256, 128))))
    small = await store.open(thumbnail_id(kept))
    assert small is not None
    assert small.mime == "image/jpeg"
    with Image.open(small.path) as image:
        assert image.format == "JPEG"
        assert image.size == ((128, 64) if kind == "ICO" else (200, 100))  # an icon holds sizes of its own
        r, g, b = image.getpixel((50, 30))  # type: ignore[misc]
        assert r > 240 and g < 15 and b < 15
    assert list(store.incoming.iterdir()) == []


async def test_a_thumbnail_stands_upright_and_on_white(store: MediaStore):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    out = io.BytesIO()
    Image.new("RGB", (400, 100)).save(out, "JPEG", exif=exif)
    small = await store.open(thumbnail_id(await store.save(spool(store, out.getvalue()))))
    assert small is not None
    with Image.open(small.path) as image:
        assert image.size == (50, 200)
    out = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(out, "PNG")
    small = await store.open(thumbnail_id(await store.save(spool(store, out.getvalue()))))
    assert small is not None
    with Image.open(small.path) as image:
        assert image.getpixel((5, 5)) == (255, 255, 255)


async def test_a_picture_of_ten_thousand_million_pixels_gets_no_thumbnail(store: MediaStore):
    kept = await store.save(spool(store, huge_png()))
    assert await store.open(thumbnail_id(kept)) is None
    kept = await store.save(spool(store, huge_png(side=12_000)))  # within Pillow's own limit, beyond ours
    assert await store.open(thumbnail_id(kept)) is None
    assert list((store.directory / "thumbs").iterdir()) == []


async def test_mutated_pictures_never_raise_and_never_become_active(store: MediaStore):
    rng = random.Random(27)
    for n in range(300):
        content = bytearray(picture(rng.choice(["PNG", "JPEG", "GIF", "WEBP", "BMP", "ICO"]), (16, 16)))
        for _ in range(rng.randrange(1, 8)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        kept = await store.save(spool(store, bytes(content[: rng.randrange(1, len(content) + 1)]), f"{n}.jpg"))
        assert kept.mime in INLINE | {"application/octet-stream", "text/plain", "image/tiff"}
        if wanted := thumbnail_id(kept):
            await store.open(wanted)


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "extension", "safe"),
    [
        ("photo.jpg", "jpg", "photo.jpg"),
        ("photo.JPEG", "jpg", "photo.JPEG"),
        ("../../etc/passwd", "", "passwd"),
        ("C:\\Users\\me\\кот.png", "png", "кот.png"),
        ("evil\u202egpj.exe", "", "evilgpj.exe"),
        ('a"b\r\nSet-Cookie: x.txt', "txt", "a_bSet-Cookie_ x.txt"),
        ("", "jpg", "file.jpg"),
        ("...", "", "file"),
        (".htaccess", "txt", "htaccess.txt"),
        ("photo.php.jpg", "jpg", "photo.php.jpg"),
        ("photo.jpg", "bin", "photo.jpg.bin"),
        ("ш" * 500 + ".png", "png", "ш" * 116 + ".png"),
        ("и\u0306.txt", "txt", "й.txt"),
    ],
)
def test_names_are_made_safe(name: str, extension: str, safe: str):
    assert safe_filename(name, extension) == safe


@given(st.text(), st.sampled_from(["", "jpg", "bin"]))
def test_every_name_is_a_name(name: str, extension: str):
    made = safe_filename(name, extension)
    assert made
    assert len(made) <= FILENAME_LIMIT
    assert not re.search(r'[/\\"\r\n\0]', made)
    assert made not in (".", "..")
    assert not made.startswith(".")
    made.encode()


# --- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(store: MediaStore) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    app.add_routes(media_routes(store, KEYS))
    async with TestClient(TestServer(app)) as client:
        yield client


def link(kept: Attachment, name: str | None = None) -> str:
    return media_path(KEYS, kept.file_id, "shop", kept.filename if name is None else name)


async def test_a_picture_is_shown_and_locked_down(store: MediaStore, client):
    content = picture("PNG")
    kept = await store.save(spool(store, content, "мой кот.png"))
    path = link(kept)
    for url in (path, path.rpartition("/")[0]):
        answer = await client.get(url)
        assert answer.status == 200
        assert await answer.read() == content
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Disposition"] == (
            "inline; filename=\"___ ___.png\"; filename*=UTF-8''%D0%BC%D0%BE%D0%B9%20%D0%BA%D0%BE%D1%82.png"
        )
    head = await client.head(path)
    assert (head.status, head.headers["Content-Length"], await head.read()) == (200, str(len(content)), b"")
    part = await client.get(path, headers={"Range": "bytes=1-3"})
    assert (part.status, await part.read()) == (206, b"PNG")
    beyond = await client.get(path, headers={"Range": "bytes=100000-"})
    assert beyond.status == 416


@pytest.mark.parametrize("content", [HTML, SVG, b"PK\3\4", b"%PDF-1.4", b"plain"])
async def test_all_else_is_a_download(store: MediaStore, client, content: bytes):
    kept = await store.save(spool(store, content, "x.html", "text/html"))
    answer = await client.get(link(kept))
    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert not re.search("html|xml|svg|script", answer.headers["Content-Type"])
    assert await answer.read() == content


async def test_the_name_in_the_address_decides_nothing(store: MediaStore, client):
    kept = await store.save(spool(store, b"plain", "note.txt"))
    token = link(kept).split("/")[2]
    answer = await client.get(f"/media/{token}/evil.html")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert 'filename="note.txt"' in answer.headers["Content-Disposition"]


async def test_a_link_that_ended_and_one_that_never_was(store: MediaStore, client, monkeypatch: pytest.MonkeyPatch):
    kept = await store.save(spool(store, b"plain", "note.txt"))
    path = link(kept)
    for wrong in ("/media/x", "/media/x/y", path[:-20] + "x" + path[-19:].rpartition("/")[0], "/media/..%2f..%2fetc"):
        answer = await client.get(wrong)
        assert answer.status == 404
    gone = await client.get(media_path(KEYS, "a" * 22 + ".png", "shop"))
    assert (gone.status, await gone.text()) == (410, "This file is no longer kept.\n")
    later = time.time() + signing.MEDIA_MAX_AGE_S + 5
    monkeypatch.setattr(time, "time", lambda: later)
    ended = await client.get(path)
    assert ended.status == 410
    assert "has ended" in await ended.text()
    assert ended.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "name", ["{a}.txt", "a}{b.txt", "100%.txt", "a b.txt", "кот #1?.txt", "'quoted'.txt", "a;b=c.txt"]
)
async def test_a_file_is_found_whatever_it_is_called(store: MediaStore, client, name: str):
    kept = await store.save(spool(store, b"plain", name))
    answer = await client.get(URL(link(kept), encoded=True))
    assert (answer.status, await answer.read()) == (200, b"plain")


async def test_a_file_lives_as_long_as_something_needs_it(store: MediaStore):
    """Under a dead letter, in a conversation that is kept, or on its way to a desk that is down for a month."""
    old = [await store.save(spool(store, b"plain %d" % i, f"{i}.txt")) for i in range(3)]
    asked: list[list[str]] = []

    async def needed(file_ids) -> set[str]:
        asked.append(sorted(file_ids))
        return {old[1].file_id}

    later = time.time() + 100 * 86_400
    assert await store.purge(86_400, needed, now=later) == 2
    assert asked == [sorted(a.file_id for a in old)]
    assert [await store.open(a.file_id) is not None for a in old] == [False, True, False]

    async def away(file_ids) -> set[str]:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await store.purge(86_400, away, now=later)
    assert await store.open(old[1].file_id) is not None, "who cannot be asked has not said no"
    assert await store.purge(200 * 86_400, away, now=later) == 0, "what is young enough is not asked for"
    assert await store.remove([old[1].file_id, "../x", "nothing"]) == 1
