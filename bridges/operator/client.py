"""The Operator API's one method, typed; the pure builder of its request and the pure reader of its answer.

Operator API, "Send message to control panel": POST, multipart/form-data, fields `token`, `action`, `user_id`,
`contact_id`, `message`, `attaches` (photos the panel can fetch) or `attach` (a file). How `attaches` is encoded is not
documented; see `Attaching`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridges.operator.settings import Attaching
from relay.contract import Http
from relay.contract.errors import RemoteError
from relay.contract.model import FilePart, OutboundRequest, Outcome, RawResponse, Verdict
from relay.contract.responses import (
    bare_address,
    is_html,
    json_value,
    reason_words,
    retry_after_s,
    short_words,
    yes_or_no,
)
from relay.fitting.texts import clean

ACTION = "message_sent"


@dataclass(frozen=True, slots=True)
class Photo:
    """The document's "Photo object": any public file, in fact."""

    file_url: str
    big: str = ""  # a thumbnail of any size; "" means the file is its own


def multipart(fields: Sequence[tuple[str, str]]) -> tuple[bytes, str]:
    """(body, Content-Type) of text fields whose names are plain words.

    The boundary is a digest of the values: equal messages make equal requests, and nobody can write a message that
    contains it.
    """
    encoded = [(name.encode(), value.encode("utf-8", "replace")) for name, value in fields]
    boundary = hashlib.blake2b(b"".join(value for _, value in encoded), digest_size=18).hexdigest().encode()
    while any(boundary in value for _, value in encoded):
        boundary = hashlib.blake2b(boundary, digest_size=18).hexdigest().encode()
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (boundary, name, value)
        for name, value in encoded
    ]
    return b"%b--%b--\r\n" % (b"".join(parts), boundary), f"multipart/form-data; boundary={boundary.decode()}"


def attaches_fields(photos: Sequence[Photo], attaching: Attaching) -> list[tuple[str, str]]:
    """`attaches` as form fields, PHP's way or as one JSON array."""
    if not photos:
        return []
    if attaching is Attaching.JSON:
        objects = [{"file_url": p.file_url, "big": p.big or p.file_url} for p in photos]
        return [("attaches", json.dumps(objects, ensure_ascii=False, separators=(",", ":")))]
    return [
        field
        for i, p in enumerate(photos)
        for field in ((f"attaches[{i}][file_url]", p.file_url), (f"attaches[{i}][big]", p.big or p.file_url))
    ]


def message_sent_request(
    url: str,
    token: str,
    *,
    user_id: int,
    contact_id: int,
    message: str,
    photos: Sequence[Photo] = (),
    files: Sequence[FilePart] = (),
    attaching: Attaching = Attaching.BRACKETS,
) -> OutboundRequest:
    """The request of `message_sent`. With `files` the core builds the body, for it alone can read or fetch them."""
    fields = [
        ("token", token),
        ("action", ACTION),
        ("user_id", str(user_id)),
        ("contact_id", str(contact_id)),
        ("message", clean(message)),
        *attaches_fields(photos, attaching),
    ]
    safe_url = bare_address(url)
    if files:
        return OutboundRequest(method="POST", url=url, safe_url=safe_url, fields=tuple(fields), files=tuple(files))
    body, content_type = multipart(fields)
    return OutboundRequest(method="POST", url=url, safe_url=safe_url, body=body, content_type=content_type)


# --- reading the answer ---------------------------------------------------------------------------------------------

_NOTHING = frozenset({"none", "null", "ok", "success", "no error", "нет"})
_PLAIN_TROUBLE = re.compile(r"\b(error|exception|denied|fatal|warning|invalid|ошибк)", re.IGNORECASE)
_ID_FIELDS = ("message_id", "id")
REFUSED = {
    400: "bad_request",
    404: "not_found",
    410: "gone",
    413: "too_large",
    422: "invalid",
}
LATER = {408: "timeout", 425: "too_early", 429: "rate_limited"}


def outcome_of(response: RawResponse) -> Outcome:
    """What the panel's answer means. Never raises.

    The document promises JSON and "standard HTTP response codes" and names neither bodies nor ids (FACTS 4). So a 2xx
    counts as success unless it says otherwise, or is a page for people: a panel that answers HTML shows its login or
    error page, and has not taken the message.
    """
    if 200 <= response.status < 300:
        return _outcome_of_success(response)
    return _outcome_of_status(response.status, response)


def _outcome_of_status(status: int, response: RawResponse, *, certain_5xx: bool = True) -> Outcome:
    words = _words(response)
    wait_s = retry_after_s(response)
    if 300 <= status < 400:
        where = bare_address(response.header("location")) if response.header("location") else "another address"
        words = f"The panel sends us on to {where}; put the final address into `url`."
        return Outcome(verdict=Verdict.RETRY, reason="redirected", words=words, status=response.status)
    if status in (401, 402, 403):
        reason = "unpaid" if status == 402 else "unauthorised"
        return Outcome(verdict=Verdict.CREDENTIALS, reason=reason, words=words, status=response.status)
    if status in LATER:
        certain = status != 408
        return Outcome(
            verdict=Verdict.RETRY,
            reason=LATER[status],
            words=words,
            retry_after_s=wait_s,
            certain=certain,
            status=response.status,
        )
    if 400 <= status < 500:
        reason = REFUSED.get(status, f"http_{status}")
        return Outcome(verdict=Verdict.REJECTED, reason=reason, words=words, status=response.status)
    # 5xx, and numbers that are no HTTP statuses. Only 503 says that the request was not worked on.
    return Outcome(
        verdict=Verdict.RETRY,
        reason=f"http_{status}",
        words=words,
        retry_after_s=wait_s,
        certain=status == 503 and certain_5xx,
        status=response.status,
    )


def _outcome_of_success(response: RawResponse) -> Outcome:
    status = response.status
    body = response.body.strip()
    if not body:
        return Outcome(verdict=Verdict.ACCEPTED, status=status)
    value = json_value(response)
    if isinstance(value, dict):
        if (within := _status_within(value)) is not None:
            return _outcome_of_status(within, response, certain_5xx=False)
        trouble = _trouble(value)
        if trouble is None:
            return Outcome(verdict=Verdict.ACCEPTED, remote_id=_remote_id(value), status=status)
        return Outcome(verdict=Verdict.REJECTED, reason="refused", words=trouble, status=status)
    if value is not None or body == b"null":
        if value is False:
            return Outcome(verdict=Verdict.REJECTED, reason="refused", words="The panel answered false.", status=status)
        return Outcome(verdict=Verdict.ACCEPTED, status=status)
    words = short_words(response.body, 200)
    if is_html(response):
        said = "The panel answered with a web page (a login or error page, or `url` is not its API address)"
        return Outcome(
            verdict=Verdict.RETRY,
            reason="html",
            words=f"{said}: {words}" if words else said,
            status=status,
            certain=False,
        )
    if _PLAIN_TROUBLE.search(words):
        # PHP prints its warnings and errors into a page it then serves with 200.
        return Outcome(verdict=Verdict.RETRY, reason="not_json", words=words, status=status, certain=False)
    return Outcome(verdict=Verdict.ACCEPTED, status=status)


def _trouble(value: dict[str, Any]) -> str | None:
    """What a JSON object says went wrong, or None when it says nothing of the kind."""
    no_code = any(value.get(name) in (0, "0") for name in ("error_code", "errno"))
    for name in ("error", "errors", "error_message"):
        said = value.get(name)
        if not said or yes_or_no(said) is False or (isinstance(said, str) and said.strip().lower() in _NOTHING):
            continue
        if name == "error_message" and no_code:
            continue  # `error_code: 0, error_message: "OK"`
        return _reason(value) or "refused" if yes_or_no(said) else reason_words(said) or _reason(value) or "refused"
    if any(yes_or_no(value.get(name)) is False for name in ("ok", "success", "result", "status")):
        return _reason(value) or "The panel refused the message without a reason."
    return None


def _reason(value: dict[str, Any]) -> str:
    return reason_words(value.get("message")) or reason_words(value.get("description"))


def _status_within(value: dict[str, Any]) -> int | None:
    """An HTTP status that a body served with 200 names: `{"status": 500}`, `{"code": "403"}`."""
    for name in ("status", "code", "status_code", "error_code"):
        found = value.get(name)
        if isinstance(found, str) and found.strip().isdigit():
            found = int(found.strip()[:9])
        if isinstance(found, int) and not isinstance(found, bool) and 400 <= found <= 599:
            return found
    return None


def _words(response: RawResponse) -> str:
    value = json_value(response)
    if isinstance(value, dict) and (said := _trouble(value) or _reason(value)):
        return said
    return short_words(response.body)


def _remote_id(value: dict[str, Any]) -> str:
    for name in _ID_FIELDS:
        found = value.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and 0 < len(str(found)) <= 64:
            return str(found)
    return ""


class OperatorClient:
    """A panel, for scripts and tests. Raises SendError without an answer, RemoteError when the panel says no."""

    def __init__(self, http: Http, url: str, token: str, attaching: Attaching = Attaching.BRACKETS) -> None:
        self._http = http
        self._url = url
        self._token = token
        self._attaching = attaching

    async def message_sent(
        self,
        *,
        user_id: int,
        contact_id: int,
        message: str,
        photos: Sequence[Photo] = (),
        files: Sequence[FilePart] = (),
    ) -> Outcome:
        """Hands a user's message to the panel. The outcome names the panel's id of it where it gives one."""
        request = message_sent_request(
            self._url,
            self._token,
            user_id=user_id,
            contact_id=contact_id,
            message=message,
            photos=photos,
            files=files,
            attaching=self._attaching,
        )
        outcome = outcome_of(await self._http(request))
        if outcome.verdict is not Verdict.ACCEPTED:
            remedy = "check `token`" if outcome.verdict is Verdict.CREDENTIALS else ""
            raise RemoteError(outcome.reason, outcome.words, status=outcome.status, remedy=remedy)
        return outcome
