"""Reading a hook's body: limited in size and in time, forms taken apart, files spooled to disk.

aiohttp limits neither a slow body (measured: open after 25 s with a 3 s keep-alive) nor the size of a multipart one
(RELIABILITY 3.4), so both are counted here.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload, PayloadTooLarge
from relay.contract.model import Upload

BODY_TIME_S = 20.0
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
MAX_FIELDS = 1000
MAX_FIELD_BYTES = 1024 * 1024
_CHUNK = 64 * 1024
_NO_QUERY: Mapping[str, str] = MappingProxyType({})
_BROKEN = (BadHttpMessage, web.PayloadAccessError, web.RequestPayloadError, ConnectionError)


async def read(request: web.BaseRequest, tail: str, *, limit: int, spool: Path) -> RawRequest:
    """The request with its body read. `limit` in bytes. The caller removes what was spooled with `forget`.

    Raises PayloadTooLarge, MalformedPayload, TimeoutError (a body that took longer than `BODY_TIME_S`).
    """
    if request.content_length is not None and request.content_length > limit:
        raise PayloadTooLarge(f"The body may hold at most {limit} bytes.")
    content_type = _content_type(request.headers.get("Content-Type", ""))
    uploads: list[Upload] = []
    form: list[tuple[str, str]] = []
    body = b""
    if content_type == MULTIPART:
        try:
            async with asyncio.timeout(BODY_TIME_S):
                await _multipart(request, form, uploads, limit, spool)
        except BaseException:
            forget(uploads)
            raise
    else:
        async with asyncio.timeout(BODY_TIME_S):
            body = await _bytes(request, limit)
        if content_type == URLENCODED:
            form = _urlencoded(body, request.charset)
    return RawRequest(
        method=request.method,
        tail=tail,
        headers=request.headers,  # looks names up in any case
        query=request.query if request.query_string else _NO_QUERY,
        body=body,
        content_type=content_type,
        form=tuple(form),
        uploads=tuple(uploads),
        received_at=time.time(),
    )


def is_plain(content_type: str) -> bool:
    """Whether `whole` can read a body with this Content-Type."""
    kind = _content_type(content_type)
    return kind != MULTIPART and (kind != URLENCODED or "charset" not in content_type.lower())


def whole(headers: Mapping[str, str], body: bytes, tail: str, *, limit: int) -> RawRequest:
    """A POST whose body has come, without a query; `limit` in bytes. Raises PayloadTooLarge, MalformedPayload."""
    if len(body) > limit:
        raise PayloadTooLarge(f"The body may hold at most {limit} bytes.")
    content_type = _content_type(headers.get("Content-Type", ""))
    return RawRequest(
        method="POST",
        tail=tail,
        headers=headers,
        query=_NO_QUERY,
        body=body,
        content_type=content_type,
        form=tuple(_urlencoded(body, None)) if content_type == URLENCODED else (),
        received_at=time.time(),
    )


@lru_cache(maxsize=256)
def _content_type(header: str) -> str:
    """Its type in lower case, without parameters."""
    return header.partition(";")[0].strip().lower() or "application/octet-stream"


def forget(uploads: Iterable[Upload]) -> None:
    """Remove spooled files."""
    for upload in uploads:
        upload.path.unlink(missing_ok=True)


async def _bytes(request: web.BaseRequest, limit: int) -> bytes:
    if not request.can_read_body:
        return b""
    chunks, size = [], 0
    try:
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > limit:
                raise PayloadTooLarge(f"The body may hold at most {limit} bytes.")
            chunks.append(chunk)
    except (*_BROKEN, ValueError) as e:
        raise MalformedPayload("The body broke off.") from e
    return b"".join(chunks)


def _urlencoded(body: bytes, charset: str | None) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            encoding=charset or "utf-8",
            errors="strict",
        )
    except UnicodeDecodeError:
        # Some senders do not escape; what they then send is UTF-8 or it is nothing.
        try:
            return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise MalformedPayload("The form is not UTF-8.") from None
    except (ValueError, LookupError):
        raise MalformedPayload("The form cannot be read.") from None


async def _multipart(
    request: web.BaseRequest, form: list[tuple[str, str]], uploads: list[Upload], limit: int, spool: Path
) -> None:
    try:
        reader = await request.multipart()
        total = 0
        count = 0
        while (part := await reader.next()) is not None:
            count += 1
            if count > MAX_FIELDS:
                raise MalformedPayload(f"The form has more than {MAX_FIELDS} fields.")
            if not isinstance(part, BodyPartReader):
                raise MalformedPayload("A form inside a form cannot be read.")
            name = part.name or ""
            if part.filename is None:
                value = bytearray()
                while chunk := await part.read_chunk(_CHUNK):
                    value += chunk
                    total += len(chunk)
                    if total > limit or len(value) > MAX_FIELD_BYTES:
                        raise PayloadTooLarge(f"The form may hold at most {limit} bytes.")
                form.append((name, bytes(value).decode(part.get_charset("utf-8"))))
                continue
            with tempfile.NamedTemporaryFile(dir=spool, delete=False) as file:
                size = 0
                upload = Upload(
                    field=name,
                    filename=part.filename,
                    mime=part.headers.get("Content-Type", ""),
                    path=Path(file.name),
                    size=0,
                )
                uploads.append(upload)
                while chunk := await part.read_chunk(_CHUNK):
                    size += len(chunk)
                    total += len(chunk)
                    if total > limit:
                        raise PayloadTooLarge(f"The form may hold at most {limit} bytes.")
                    file.write(chunk)
                uploads[-1] = Upload(
                    field=name, filename=upload.filename, mime=upload.mime, path=upload.path, size=size
                )
    except UnicodeDecodeError:
        raise MalformedPayload("A field of the form is not in the encoding it names.") from None
    except LookupError:
        raise MalformedPayload("A field of the form names an encoding nobody knows.") from None
    except ConnectionError:
        raise MalformedPayload("The body broke off.") from None
    except (*_BROKEN, ValueError, AssertionError, RuntimeError) as e:
        raise MalformedPayload(f"The form cannot be read: {e}" if str(e) else "The form cannot be read.") from None
