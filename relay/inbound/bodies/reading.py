"""Reading a hook's body: what it is, is judged by its bytes, and by its label where these leave it open.

A body that came whole and one that aiohttp reads in pieces become the same request by the same code. Limited are: its
size, how slowly it may come, how much memory and disk all unverified bodies take together, and what parsing it may
cost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Any, Final

import msgspec
import orjson
from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMessage

from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload, PayloadTooLarge, RelayError
from relay.contract.model import Upload
from relay.contract.requests import json_of
from relay.inbound.bodies.charsets import codec_of, decode
from relay.inbound.bodies.content_types import JSON, MULTIPART, UNNAMED, URLENCODED, content_type_of
from relay.inbound.bodies.json_bodies import DEPTH, VALUES, VALUES_UNPROVEN, check_bounds, looks_like_json, utf8
from relay.inbound.bodies.limits import Budget, Pace, Share
from relay.inbound.bodies.multipart import Head, MultipartParser
from relay.inbound.bodies.spool import Spool, SpooledFile
from relay.inbound.bodies.urlencoded import fields, looks_like_a_form

SMALL: Final = 64 * 1024  # bytes; what is larger is parsed in a thread
FORM_BYTES: Final = 1024 * 1024  # of everything in a form but its files
FILES: Final = 20
PARSING: Final = 2  # large bodies at once, whose parsing keeps the interpreter busy
UNJUDGED: Final = frozenset({UNNAMED, "text/plain", "text/json", "text/javascript"})
# A part without a file name is a file all the same if this is what it is.
_FIELD_KINDS: Final = ("text/", "application/json", "application/x-www-form-urlencoded", "multipart/")
_NO_QUERY: Mapping[str, str] = MappingProxyType({})
_BROKEN = (BadHttpMessage, web.PayloadAccessError, web.RequestPayloadError, ConnectionError)

Prove = Callable[[tuple[tuple[str, str], ...]], bool]
"""Whether the fields of a form that have come so far prove its sender. Raises VerificationFailed for a wrong proof."""


class UnsupportedEncoding(RelayError):
    """A body that is compressed -> 415. Nobody here inflates what a stranger sends."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes: of a body without files, of one with them, of one file."""

    body: int
    form: int
    file: int


class BodyReader:
    """Reads the bodies of this process's hooks; all share one budget and one spool."""

    def __init__(self, spool: Spool, budget: Budget | None = None) -> None:
        self.spool = spool
        self.budget = budget or Budget()
        self.parsing = asyncio.Semaphore(PARSING)


def judge(
    headers: Mapping[str, str],
    body: bytes,
    tail: str,
    *,
    query: Mapping[str, str] = _NO_QUERY,
    values: int = VALUES,
) -> RawRequest:
    """Pure: a POST with this body, which is no multipart form. Raises MalformedPayload."""
    kind, charset, _ = content_type_of(headers.get("Content-Type", ""))
    if kind == JSON and charset is None and body.count(b"{") + body.count(b"[") <= DEPTH and len(body) <= values:
        # What nearly every hook is.
        try:
            parsed = orjson.loads(body)
            return RawRequest(
                method="POST",
                tail=tail,
                headers=headers,
                query=query,
                body=body,
                content_type=kind,
                parsed=parsed,
                received_at=time.time(),
            )
        except ValueError:
            pass
    return _judge(headers, body, tail, query, values)


def _judge(headers: Mapping[str, str], body: bytes, tail: str, query: Mapping[str, str], values: int) -> RawRequest:
    kind, charset, _ = content_type_of(headers.get("Content-Type", ""))
    form: tuple[tuple[str, str], ...] = ()
    parsed: Any = msgspec.UNSET
    if kind != JSON:
        if kind == URLENCODED or kind in UNJUDGED or "/" not in kind:
            if looks_like_json(body):
                kind = JSON
            elif kind == URLENCODED or looks_like_a_form(body):
                kind = URLENCODED
                form = fields(body, charset)
        elif kind.endswith("+json"):
            kind = JSON
        else:
            codec_of(charset)
    if kind == JSON:
        if len(body) > values or body.count(b"{") + body.count(b"[") > DEPTH:
            check_bounds(body, values)
        if charset is None or charset in ("utf-8", "UTF-8"):
            try:  # `suppress` would cost as much as parsing does
                parsed = orjson.loads(body)
            except ValueError:
                parsed = msgspec.UNSET
        if parsed is msgspec.UNSET:
            body = utf8(body, charset)
            check_bounds(body, values)
            parsed = json_of(body)
    return RawRequest(
        method="POST",
        tail=tail,
        headers=headers,
        query=query,
        body=body,
        content_type=kind,
        form=form,
        parsed=parsed,
        received_at=time.time(),
    )


async def whole(
    reader: BodyReader, headers: Mapping[str, str], body: bytes, tail: str, *, limit: int, proven: bool
) -> RawRequest:
    """A large body that has come. `limit` in bytes. Raises PayloadTooLarge, MalformedPayload."""
    if len(body) > limit:
        raise PayloadTooLarge(f"The body may hold at most {limit} bytes.")
    values = VALUES if proven else VALUES_UNPROVEN
    with reader.budget.share() as share:
        share.take(len(body))
        async with reader.parsing:
            return await asyncio.to_thread(judge, headers, body, tail, values=values)


async def read(
    reader: BodyReader, request: web.BaseRequest, tail: str, *, limits: Limits, share: Share, proven: bool, prove: Prove
) -> RawRequest:
    """The request with its body read; what it takes of the budget is `share`'s. The caller removes uploads with
    `forget`.

    Raises UnsupportedEncoding, PayloadTooLarge, MalformedPayload, Crowded, NoRoom, TimeoutError (it comes too slowly),
    and what `prove` raises.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedEncoding("Bodies must not be compressed: leave out Content-Encoding.")
    kind, _, boundary = content_type_of(request.headers.get(hdrs.CONTENT_TYPE, ""))
    limit = limits.form if kind == MULTIPART else limits.body
    if request.content_length is not None and request.content_length > limit:
        raise PayloadTooLarge(f"The body may hold at most {limit} bytes.")
    query = request.query if request.query_string else _NO_QUERY
    if kind == MULTIPART:
        parser = MultipartParser(boundary)
        form, uploads = await _Form(reader.spool, parser, share, limits, prove=None if proven else prove).read(
            _pieces(request, limit)
        )
        return RawRequest(
            method="POST",
            tail=tail,
            headers=request.headers,
            query=query,
            body=b"",
            content_type=kind,
            form=form,
            uploads=uploads,
            received_at=time.time(),
        )
    chunks = []
    async for chunk in _pieces(request, limit):
        share.take(len(chunk))
        chunks.append(chunk)
    body = b"".join(chunks)
    if len(body) <= SMALL:
        return judge(request.headers, body, tail, query=query)
    values = VALUES if proven else VALUES_UNPROVEN
    async with reader.parsing:
        return await asyncio.to_thread(judge, request.headers, body, tail, query=query, values=values)


def forget(uploads: Iterable[Upload]) -> None:
    """Remove spooled files."""
    for upload in uploads:
        upload.path.unlink(missing_ok=True)


async def _pieces(request: web.BaseRequest, limit: int) -> AsyncIterator[bytes]:
    if not request.can_read_body:
        return
    pace = Pace()
    size = 0
    try:
        while True:
            async with asyncio.timeout(pace.patience_s()):
                chunk = await request.content.readany()
            if not chunk:
                return
            size += len(chunk)
            if size > limit:
                raise PayloadTooLarge(f"The body may hold at most {limit} bytes.")
            pace.came(len(chunk))
            yield chunk
    except (*_BROKEN, ValueError) as e:
        raise MalformedPayload("The body broke off.") from e


class _Form:
    """A multipart form on its way in."""

    def __init__(
        self, spool: Spool, parser: MultipartParser, share: Share, limits: Limits, *, prove: Prove | None
    ) -> None:
        self._spool = spool
        self._parser = parser
        self._share = share
        self._limits = limits
        self._prove = prove  # None: proved already
        self._waiting = AsyncExitStack()
        self._text = 0
        self._head: Head | None = None
        self._value = bytearray()
        self._file: SpooledFile | None = None
        self._form: list[tuple[str, str]] = []
        self._files: list[SpooledFile] = []
        self._uploads: list[Upload] = []

    async def read(self, pieces: AsyncIterator[bytes]) -> tuple[tuple[tuple[str, str], ...], tuple[Upload, ...]]:
        done = False
        try:
            async with self._waiting:
                async for chunk in pieces:
                    for piece in self._parser.feed(chunk):
                        if isinstance(piece, Head):
                            await self._begin(piece)
                        elif isinstance(piece, bytes):
                            await self._more(piece)
                        else:
                            await self._end()
                self._parser.close()
            done = True
            return tuple(self._form), tuple(self._uploads)
        finally:
            for file in self._files:
                if done:
                    file.settle()
                else:
                    file.remove()

    async def _begin(self, head: Head) -> None:
        self._head = head
        if not _is_file(head):
            return
        if len(self._files) == FILES:
            raise MalformedPayload(f"The form has more than {FILES} files.")
        if self._prove is not None and self._prove(tuple(self._form)):
            self._prove = None
        if self._prove is not None and not self._files:
            await self._waiting.enter_async_context(self._spool.place())
        self._file = self._spool.file(limit=self._limits.file, proven=self._prove is None)
        self._files.append(self._file)

    async def _more(self, data: bytes) -> None:
        if self._file is not None:
            await self._file.write(data)
            return
        self._text += len(data)
        if self._text > FORM_BYTES:
            raise PayloadTooLarge(f"The fields of a form may hold at most {FORM_BYTES} bytes.")
        self._share.take(len(data))
        self._value += data

    async def _end(self) -> None:
        head, file = self._head, self._file
        assert head is not None
        if file is not None:
            self._file = None
            await file.finish()
            upload = Upload(
                field=head.name, filename=head.filename or "", mime=head.mime, path=file.path, size=file.size
            )
            if head.filename is None and head.mime == UNNAMED and (text := _as_field(upload)) is not None:
                self._form.append((head.name, text))
                self._files.remove(file)
                file.remove()
            else:
                self._uploads.append(upload)
            return
        self._form.append((head.name, decode(bytes(self._value), codec_of(head.charset), what=f"field {head.name!r}")))
        self._value.clear()


def _is_file(head: Head) -> bool:
    return head.filename is not None or (bool(head.mime) and not head.mime.startswith(_FIELD_KINDS))


def _as_field(upload: Upload) -> str | None:
    """Some clients call every field application/octet-stream: text is a field, if it is short."""
    if upload.size > SMALL:
        return None
    try:
        text = upload.path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else None
