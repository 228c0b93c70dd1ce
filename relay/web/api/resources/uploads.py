"""Files that are about to be sent: taken in as a stream, kept in the media library, judged by every channel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import Field
from sqlalchemy import insert, select

from relay.contract.errors import PayloadTooLarge, UnsupportedContent
from relay.contract.model import Attachment, Contact, Content, Delivery, Kind, MediaKind, Upload
from relay.history.schema import upload as upload_table
from relay.routing.accounts import Account
from relay.texts.refusals import reasons
from relay.web.api.operations import Call, Operation
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.resources.from_store import file_shown
from relay.web.api.resources.shapes import FileShown

TAG = "messages"
QUIET_S: Final = 30.0  # a line that is slow is waited for, one that is dead is not
FIELD: Final = "file"
_CHUNK: Final = 256 * 1024
_BROKEN: Final = (BadHttpMessage, web.PayloadAccessError, web.RequestPayloadError, ConnectionError)


class Uploaded(FileShown):
    """A file that is kept now. Name its id in `files` of a message."""

    says: dict[str, str | None] = Field(description="By channel: why it would not take this file; null where it would.")


async def upload_file(call: Call) -> web.StreamResponse:
    services = call.services
    incoming = await _spooled(call)
    try:
        attachment = await services.media.save(incoming, limit=services.config.media.max_file)
    except PayloadTooLarge as e:
        raise Problem("too-large", str(e), limit=services.config.media.max_file) from None
    finally:
        await asyncio.to_thread(incoming.path.unlink, missing_ok=True)
    await _keep(call, attachment)
    said = Uploaded(
        **file_shown(attachment, services.link_file).model_dump(),
        says={a.name: _objection(call, a, attachment) for a in services.accounts.channels()},
    )
    return web.Response(
        status=201,
        body=said.model_dump_json().encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


async def _spooled(call: Call) -> Upload:
    """The request's one file, on our disk. Raises Problem."""
    limit = call.services.config.media.max_file
    too_large = Problem("too-large", f"A file has at most {limit} bytes here.", limit=limit)
    if call.request.content_type != "multipart/form-data":
        raise Problem("unsupported-type", f"Send multipart/form-data with the file in the field {FIELD}.")
    if (call.request.content_length or 0) > limit + 65_536:
        raise too_large
    descriptor, name = await asyncio.to_thread(tempfile.mkstemp, dir=call.services.spool, suffix=".part")
    path, size = Path(name), 0
    try:
        with os.fdopen(descriptor, "wb") as spool:
            part = await _file_part(call.request)
            while chunk := await asyncio.wait_for(part.read_chunk(_CHUNK), QUIET_S):
                size += len(chunk)
                if size > limit:
                    raise too_large
                await asyncio.to_thread(spool.write, chunk)
        return Upload(
            field=FIELD,
            filename=(part.filename or "")[:255],
            mime=part.headers.get("Content-Type", ""),
            path=path,
            size=size,
        )
    except BaseException as e:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(path.unlink, missing_ok=True)
        if isinstance(e, TimeoutError):
            raise Problem("malformed", f"Nothing of the file has come for {QUIET_S:.0f} s.") from None
        if isinstance(e, (*_BROKEN, ValueError)):
            raise Problem("malformed", "The form is broken, or broke off.") from None
        raise


async def _file_part(request: web.Request) -> BodyPartReader:
    reader = await request.multipart()
    while (part := await asyncio.wait_for(reader.next(), QUIET_S)) is not None:
        if isinstance(part, BodyPartReader) and part.name == FIELD:
            return part
        if isinstance(part, BodyPartReader):
            await asyncio.wait_for(part.release(), QUIET_S)
    raise one_invalid(f"/{FIELD}", f"There is no field {FIELD} in the form.")


def _objection(call: Call, channel: Account, attachment: Attachment) -> str | None:
    """What the channel's own bridge says to the file alone."""
    planned = Delivery(
        id="",
        destination=channel.name,
        kind=Kind.ANSWER,
        contact=Contact(id=1, channel=channel.name, remote_id="1"),
        content=Content(attachments=(attachment,)),
        bot_id=channel.bot_id,
    )
    try:
        channel.bridge.fit(planned)
    except UnsupportedContent as e:
        return " ".join(reasons(call.services.texts, e))
    return None


async def _keep(call: Call, attachment: Attachment) -> None:
    row = {
        "id": attachment.file_id,
        "name": attachment.filename,
        "mime": attachment.mime,
        "kind": attachment.kind.value,
        "size": attachment.size,
        "by": call.who.id,
        "at": call.services.now_ms(),
    }
    async with call.services.database.begin() as connection:
        await connection.execute(insert(upload_table).values(**row))


async def attachments(call: Call, ids: list[str]) -> tuple[Attachment, ...]:
    """The uploads of these ids. Raises Problem for one that is not there, or is somebody else's."""
    if not ids:
        return ()
    async with call.services.database.read() as connection:
        query = select(upload_table).where(upload_table.c.id.in_(ids), upload_table.c.by == call.who.id)
        rows = {row.id: row for row in (await connection.execute(query)).all()}
    found = []
    for i, one in enumerate(ids):
        if (row := rows.get(one)) is None:
            raise one_invalid(f"/files/{i}", "There is no upload of yours with this id.")
        found.append(
            Attachment(kind=MediaKind(row.kind), mime=row.mime, filename=row.name, file_id=row.id, size=row.size)
        )
    return tuple(found)


OPERATIONS = (
    Operation(
        id="upload_file",
        method="POST",
        path="/uploads",
        summary="A file to be sent with a message, as the field `file` of a form",
        tag=TAG,
        raw=upload_file,
        body_type="multipart/form-data",
        answer=Uploaded,
        status=201,
        problems=("malformed", "too-large", "unsupported-type"),
    ),
)
