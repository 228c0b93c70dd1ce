"""multipart/form-data bodies, written by hand: of known length, never chunked.

Names and file names are written as browsers write them (WHATWG HTML, "multipart/form-data encoding algorithm"): UTF-8
as it is, with quotes and line breaks as %22, %0D, %0A. `filename*=` of RFC 5987, which HTTP libraries like to add, is
forbidden in forms by RFC 7578 and not understood by PHP. A known length matters too: many PHP set-ups refuse chunked.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from relay.contract.errors import FetchRefused
from relay.contract.model import FilePart
from relay.media.local_files import LocalFile, safe_filename

IN_MEMORY: Final = 512 * 1024  # bytes; a body up to this size is made at once, a larger one is streamed from disk
CHUNK: Final = 256 * 1024

Data = bytes | AsyncGenerator[bytes, None]
FileOpener = Callable[[FilePart], Awaitable[LocalFile]]


@dataclass(slots=True, kw_only=True)
class Body:
    """A request's body: bytes, or a stream of exactly `size` bytes. `close` lets go of the files behind it."""

    data: Data
    size: int
    content_type: str
    files: list[LocalFile] = field(default_factory=list)

    def close(self) -> None:
        for file in self.files:
            file.close()


async def form_body(fields: Sequence[tuple[str, str]], parts: Sequence[FilePart], open_file: FileOpener) -> Body:
    """The fields, then the files, in order. Raises FetchRefused for a file that cannot be had; nothing is sent then."""
    boundary = f"relay-{secrets.token_hex(16)}"
    content_type = f"multipart/form-data; boundary={boundary}"
    pieces: list[bytes | LocalFile] = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quote(name)}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    files: list[LocalFile] = []
    try:
        for part in parts:
            file = await open_file(part)
            files.append(file)
            name = safe_filename(part.filename or file.filename)
            head = (
                f"--{boundary}\r\n"
                f'Content-Disposition: form-data; name="{_quote(part.field)}"; filename="{_quote(name)}"\r\n'
                f"Content-Type: {_mime(part.mime or file.mime)}\r\n\r\n"
            )
            pieces += [head.encode(), file, b"\r\n"]
        pieces.append(f"--{boundary}--\r\n".encode())
        size = sum(len(p) if isinstance(p, bytes) else p.size for p in pieces)
        if size <= IN_MEMORY:
            data: bytes | AsyncGenerator[bytes, None] = (
                await asyncio.to_thread(_join, pieces) if files else _join(pieces)
            )
        else:
            data = _stream(pieces)
    except BaseException:
        for file in files:
            file.close()
        raise
    return Body(data=data, size=size, content_type=content_type, files=files)


def _join(pieces: Sequence[bytes | LocalFile]) -> bytes:
    return b"".join(p if isinstance(p, bytes) else _whole(p) for p in pieces)


def _whole(file: LocalFile) -> bytes:
    try:
        content = file.path.read_bytes()
    except OSError as e:
        raise FetchRefused(f"The file {file.filename!r} cannot be read: {e.strerror}.") from e
    if len(content) != file.size:
        raise FetchRefused(f"The file {file.filename!r} has changed its size.")
    return content


async def _stream(pieces: Sequence[bytes | LocalFile]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        left = piece.size
        with contextlib.closing(await asyncio.to_thread(piece.path.open, "rb")) as f:
            while left and (chunk := await asyncio.to_thread(f.read, min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
        if left:
            raise FetchRefused(f"The file {piece.filename!r} has changed its size.")


def _quote(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _mime(mime: str) -> str:
    """A media type that cannot break out of its header line."""
    clean = "".join(c for c in mime if c.isascii() and c.isprintable())
    return clean if "/" in clean else "application/octet-stream"
