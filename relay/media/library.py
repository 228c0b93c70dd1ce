"""The media store: files that desks upload, and what was fetched for them, in `data_dir/media`.

`<two letters>/<id>` are the files, named by us (128 random bits and the ending of the sniffed type, so the name alone
says what may be served), mode 600. `incoming/` is where uploads are spooled, on the same disk, so that keeping one is
a rename. `thumbs/` can be thrown away at any time. There is no index: what is not in the directory does not exist.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from relay.contract.errors import PayloadTooLarge, StoreUnavailable
from relay.contract.model import Attachment, MediaKind, Upload
from relay.media.local_files import LocalFile, safe_filename
from relay.media.sniffing import BMP, GIF, HEAD, ICO, JPEG, PNG, UNKNOWN, WEBP, Sniffed, of_extension, sniff

THUMBNAIL_SIZE: Final = (200, 200)  # pixels; what the Operator API calls the usual size of `big`
# An image is decoded only below this. 20 million pixels of four bytes are 80 MB, twice that while it is turned.
PIXEL_LIMIT: Final = 20_000_000
HEADER_READS: Final = 20_000  # pieces read of a picture's header; the largest colour profiles need some hundreds
INCOMING_AGE_S: Final = 24 * 3600.0  # a spooled upload older than this was left by a crash

# Pillow's name of each format that must decode before we call a file an image. Others (HEIC, TIFF) are passed on as
# what they say they are, but only ever served as downloads.
DECODED: Final = {PNG: "PNG", JPEG: "JPEG", GIF: "GIF", WEBP: "WEBP", BMP: "BMP", ICO: "ICO"}

_ID: Final = re.compile(r"([A-Za-z0-9_-]{22})\.([a-z0-9]{1,5})(\.thumb\.jpg)?", re.ASCII)
_THUMB: Final = ".thumb.jpg"
PURGE_STEP: Final = 1000

Needed = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Which of these files something still needs: a delivery under way, a dead letter, a conversation that is kept."""
# Two images are decoded at once, whatever the number of threads: memory is bounded by it.
_decoding: Final = threading.BoundedSemaphore(2)


class MediaStore:
    """Files on disk. All methods may be called at once and from any task; the blocking work happens in threads."""

    def __init__(self, directory: Path) -> None:
        """`directory` is `data_dir/media`; made when first needed."""
        self.directory = directory
        self.incoming = directory / "incoming"

    async def prepare(self) -> None:
        """Make the directories. Raises StoreUnavailable with a sentence where that cannot be."""
        try:
            await asyncio.to_thread(self._prepare)
        except OSError as e:
            raise StoreUnavailable(
                f"The media directory {self.directory} cannot be used: {e.strerror or e}. `data_dir` in config.yaml "
                "names its parent."
            ) from e

    async def save(self, upload: Upload, *, limit: int | None = None) -> Attachment:
        """Keep a spooled upload; its own file is gone afterwards. Durable when this returns.

        Kind, mime and size of the attachment are what the bytes say. An empty file is kept, too: the bridge refuses it
        in words. Raises PayloadTooLarge above `limit` bytes, StoreUnavailable when the disk will not take it.
        """
        try:
            return await asyncio.to_thread(self._save, upload, limit)
        except OSError as e:
            raise StoreUnavailable(f"The file could not be kept: {e.strerror or e} ({self.directory}).") from e

    async def open(self, file_id: str) -> LocalFile | None:
        """The file of that id, or of `thumbnail_id(id)`, or None when there is none (any more)."""
        return await asyncio.to_thread(self._open, file_id)

    async def purge(self, older_than_s: float, needed: Needed | None = None, *, now: float | None = None) -> int:
        """Remove what was saved longer ago than that and is not `needed` any more, which is asked for a thousand files
        at a time. Returns the number of files. What `needed` raises ends it, with nothing of that thousand removed."""
        at = time.time() if now is None else now
        await asyncio.to_thread(self._purge_aside, older_than_s, at)
        old = await asyncio.to_thread(self._old_files, older_than_s, at)
        removed = 0
        for first in range(0, len(old), PURGE_STEP):
            some = old[first : first + PURGE_STEP]
            kept = await needed(some) if needed is not None else ()
            removed += await asyncio.to_thread(self._remove, [file_id for file_id in some if file_id not in kept])
        return removed

    async def remove(self, file_ids: Collection[str]) -> int:
        """Remove these files and their thumbnails, whatever their age. Returns how many there were."""
        return await asyncio.to_thread(self._remove, list(file_ids))

    # --- in threads -------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        for folder in (self.directory, self.incoming, self.directory / "thumbs"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    def _path(self, file_id: str) -> Path:
        return self.directory / file_id[:2] / file_id

    def _save(self, upload: Upload, limit: int | None) -> Attachment:
        size = upload.path.stat().st_size
        if limit is not None and size > limit:
            raise PayloadTooLarge(f"The file is larger than the {limit} bytes this relay takes.")
        with upload.path.open("rb") as f:
            sniffed = sniff(f.read(HEAD), upload.filename)
        if sniffed in DECODED and not _decodes(upload.path, sniffed):
            sniffed = UNKNOWN
        file_id = f"{secrets.token_urlsafe(16)}.{sniffed.extension}"
        target = self._path(file_id)
        self._prepare()
        new_folder = not target.parent.exists()
        target.parent.mkdir(mode=0o700, exist_ok=True)
        source = upload.path
        if source.stat().st_dev != target.parent.stat().st_dev:
            source = self.incoming / f"{secrets.token_urlsafe(16)}.part"
            shutil.copyfile(upload.path, source)
        source.chmod(0o600)
        _sync(source)
        os.utime(source)
        source.rename(target)
        _sync(target.parent)
        if new_folder:
            _sync(self.directory)
        if source != upload.path:
            upload.path.unlink(missing_ok=True)
        return Attachment(
            kind=sniffed.kind,
            mime=sniffed.mime,
            filename=safe_filename(upload.filename, "" if sniffed == UNKNOWN else sniffed.extension),
            file_id=file_id,
            size=size,
        )

    def _open(self, file_id: str) -> LocalFile | None:
        match = _ID.fullmatch(file_id)
        if match is None:
            return None
        original = f"{match[1]}.{match[2]}"
        try:
            if match[3]:
                return self._thumbnail(original)
            path = self._path(original)
            return LocalFile(path=path, size=path.stat().st_size, mime=of_extension(match[2]), filename=original)
        except OSError:
            return None

    def _thumbnail(self, file_id: str) -> LocalFile | None:
        source = self._path(file_id)
        source.stat()  # a thumbnail does not outlive its file
        target = self.directory / "thumbs" / (file_id + _THUMB)
        if not target.exists():
            part = self.incoming / f"{secrets.token_urlsafe(16)}.part"
            self._prepare()
            if not _shrink(source, part):
                return None
            part.chmod(0o600)
            part.replace(target)
        return LocalFile(path=target, size=target.stat().st_size, mime=JPEG.mime, filename=file_id + _THUMB)

    def _old_files(self, older_than_s: float, now: float) -> list[str]:
        found = []
        for folder in _folders(self.directory):
            if folder == self.incoming or folder.name == "thumbs":
                continue
            for file in list(folder.iterdir()):
                with contextlib.suppress(OSError):
                    if _ID.fullmatch(file.name) and now - file.stat().st_mtime > older_than_s:
                        found.append(file.name)
        return found

    def _purge_aside(self, older_than_s: float, now: float) -> None:
        """What a crash left, and thumbnails, which can be made again."""
        for folder, age in ((self.incoming, INCOMING_AGE_S), (self.directory / "thumbs", older_than_s)):
            with contextlib.suppress(OSError):
                for file in list(folder.iterdir()):
                    with contextlib.suppress(OSError):
                        if file.is_file() and now - file.stat().st_mtime > min(age, older_than_s):
                            file.unlink()

    def _remove(self, file_ids: Sequence[str]) -> int:
        removed = 0
        for file_id in file_ids:
            if _ID.fullmatch(file_id) is None:
                continue
            with contextlib.suppress(OSError):
                self._path(file_id).unlink()
                removed += 1
            with contextlib.suppress(OSError):
                (self.directory / "thumbs" / (file_id + _THUMB)).unlink()
        return removed


def thumbnail_id(attachment: Attachment) -> str:
    """What to ask the store for, and to sign, for a small JPEG of an image it holds. "" where there is none."""
    known = any(attachment.file_id.endswith(f".{s.extension}") for s in DECODED)
    return attachment.file_id + _THUMB if attachment.kind is MediaKind.IMAGE and known else ""


def _folders(directory: Path) -> list[Path]:
    try:
        return [p for p in directory.iterdir() if p.is_dir()]
    except OSError:
        return []


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class _Patient(io.RawIOBase):
    """A file of which only so many pieces are read. Pillow looks for a JPEG's next marker byte by byte: 26 MB of zeros
    after a good beginning took it eight seconds, and everybody else's messages with it."""

    def __init__(self, file: BinaryIO, reads: int = HEADER_READS) -> None:
        self._file = file
        self._left = reads

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise OSError("the header does not end")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _patient(file: BinaryIO) -> IO[bytes]:
    return cast("IO[bytes]", _Patient(file))


def _decodes(path: Path, sniffed: Sniffed) -> bool:
    """Whether Pillow finds a picture of just that format in it. Reads the header only: no pixel is decoded."""
    from PIL import Image  # noqa: PLC0415 - five megabytes that a relay without uploads never needs

    try:
        with path.open("rb") as file, Image.open(_patient(file), formats=[DECODED[sniffed]]) as image:
            return image.width > 0 and image.height > 0
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return True  # a picture all right; nobody here will decode it
    except Exception:  # Pillow's readers raise whatever their arithmetic raises on rubbish
        return False


def _shrink(source: Path, target: Path) -> bool:
    """Write a JPEG that fits into THUMBNAIL_SIZE. False, and no file, where the source can or must not be decoded."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - see _decodes

    try:
        with _decoding, Image.open(source, formats=list(DECODED.values())) as image:
            if image.width * image.height > PIXEL_LIMIT:
                return False
            image.draft("RGB", THUMBNAIL_SIZE)  # a large JPEG is decoded at a fraction of its size
            # A palette cannot be averaged, only true colours can.
            whole = image.convert("RGBA") if image.mode in ("P", "1", "PA") else image
            whole.thumbnail(THUMBNAIL_SIZE)
            small = ImageOps.exif_transpose(whole).convert("RGBA")
            flat = Image.new("RGB", small.size, "white")
            flat.paste(small, mask=small.getchannel("A"))
            flat.save(target, "JPEG", quality=85, optimize=True)
    except Exception:  # see _decodes
        target.unlink(missing_ok=True)
        return False
    return True
