"""The panel's two questions: who is this user, and which media are theirs.

Operator API, "Get user info from site" and "Get user private media from site": one field, `user_id`. The document
calls it "sender (bot)", which can hardly be meant of a question about a *user*; panels may also send `contact_id`, as
they do with a message. So: `contact_id` where it names a contact of ours, else `user_id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from bridges.operator.inbound import MEDIA, USER, fields_of, integer
from relay.contract import ContactProfile, Lookup, VerifiedRequest
from relay.contract.errors import MalformedPayload
from relay.contract.model import Attachment

QUESTIONS = frozenset({USER, MEDIA})


async def answer(verified: VerifiedRequest, lookup: Lookup) -> tuple[int, Any]:
    """(HTTP status, JSON value): 200 with the documented object, 400 or 404 with a sentence under `error`."""
    request = verified.request
    try:
        fields = fields_of(request)
        named = {name: integer(fields, name) for name in ("contact_id", "user_id")}
    except MalformedPayload as e:
        return _refused(HTTPStatus.BAD_REQUEST, str(e))
    profile = await _find(named, lookup)
    if profile is None:
        asked = [f"{name} {value}" for name, value in named.items() if value is not None]
        if not asked:
            return _refused(HTTPStatus.BAD_REQUEST, "user_id is missing: it names the user who is asked about.")
        return _refused(HTTPStatus.NOT_FOUND, f"There is no user with {' or '.join(asked)}.")
    if request.tail == MEDIA:
        return HTTPStatus.OK.value, media_of(await lookup.media(profile.contact.id))
    return HTTPStatus.OK.value, info_of(profile)


async def _find(named: Mapping[str, int | None], lookup: Lookup) -> ContactProfile | None:
    for contact_id in named.values():
        if contact_id is not None and contact_id > 0 and (profile := await lookup.profile(contact_id)) is not None:
            return profile
    return None


def info_of(profile: ContactProfile) -> dict[str, Any]:
    """The documented object. What no channel tells us (gender, avatar, balance, location) is an empty string: the
    document types them all as strings, `balance` too."""
    contact = profile.contact
    username = contact.username.removeprefix("@")
    custom = {
        "Channel": contact.channel,
        "Username": f"@{username}" if username else "",
        "Remote id": contact.remote_id,
        "Conversation": f"#{contact.id}",
        "First seen": profile.first_seen,
        "Last seen": profile.last_seen,
        "Link": profile.link,
    }
    return {
        "id": contact.id,
        "name": contact.name or username or f"#{contact.id}",
        "gender": "",
        "avatar": "",
        "balance": "",
        "location": "",
        "about": f"#{contact.id}, {contact.channel}" + (f", @{username}" if username else ""),
        "custom": [{"name": name, "value": value} for name, value in custom.items() if value],
    }


def media_of(attachments: Sequence[Attachment]) -> dict[str, Any]:
    """`{"media": [{"url", "big"}]}`. `big` may have any dimensions, so the original serves as its own thumbnail."""
    return {"media": [{"url": a.url, "big": a.url} for a in attachments if a.url]}


def _refused(status: HTTPStatus, sentence: str) -> tuple[int, Any]:
    return status.value, {"ok": False, "error": sentence}
