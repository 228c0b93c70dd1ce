"""What we post, typed, and how the answer is read: Standard Webhooks out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from relay.contract import Http
from relay.contract.model import OutboundRequest, Outcome, RawResponse, Verdict
from relay.contract.responses import bare_address, is_html, json_value, retry_after_s, short_words
from relay.contract.signatures import sign_standard

JSON = "application/json"
ID_HEADER = "webhook-id"
_LATER = {408: "timeout", 425: "too_early", 429: "rate_limited"}
_CREDENTIALS = {401: "bad_secret", 403: "bad_secret", 410: "gone"}


def event_request(
    url: str, event_id: str, kind: str, data: Mapping[str, Any], *, at: str, public_only: bool
) -> OutboundRequest:
    """The event as a request that has yet to be signed. `event_id` is the same at every try; `at` is RFC 3339."""
    event = {"type": kind, "timestamp": at, "data": data}
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return OutboundRequest(
        method="POST",
        url=url,
        safe_url=bare_address(url),
        headers=((ID_HEADER, event_id),),
        body=body,
        content_type=JSON,
        public_only=public_only,
    )


def signed(request: OutboundRequest, keys: Sequence[bytes], at_s: int) -> OutboundRequest:
    """The request with the time of this attempt and a signature of each key."""
    event_id = next(value for name, value in request.headers if name == ID_HEADER)
    signature = sign_standard(keys, event_id, at_s, request.body)
    proof = (("webhook-timestamp", str(at_s)), ("webhook-signature", signature))
    return replace(request, headers=(*request.headers, *proof))


def outcome_of(response: RawResponse) -> Outcome:
    """Any 2xx is success, unless it is a page for people; 3xx is failure, because a signed event follows no redirect.

    410 asks us to stop: the destination pauses, and what waits for it waits until a person has looked. An answer
    `{"id": "..."}` is the other side's name of the message, for its reports.
    """
    status = response.status
    if 200 <= status < 300:
        value = json_value(response)
        if value is None and is_html(response):
            return Outcome(verdict=Verdict.RETRY, reason="html", words=short_words(response.body), certain=False,
                           status=status)  # fmt: skip
        found = value.get("id") if isinstance(value, dict) else None
        known = isinstance(found, str | int) and not isinstance(found, bool)
        remote_id = str(found).strip()[:500].encode("utf-8", "replace").decode() if known else ""
        return Outcome(verdict=Verdict.ACCEPTED, remote_id=remote_id, status=status)
    words = _words(response)
    if status in _CREDENTIALS:
        return Outcome(verdict=Verdict.CREDENTIALS, reason=_CREDENTIALS[status], words=words, status=status)
    if status in _LATER or status >= 500 or status < 200:
        return Outcome(
            verdict=Verdict.RETRY,
            reason=_LATER.get(status, "server_error"),
            words=words,
            retry_after_s=retry_after_s(response),
            certain=status in _LATER or status in (501, 503),
            status=status,
        )
    reason = "redirect" if status < 400 else f"http_{status}"
    return Outcome(verdict=Verdict.REJECTED, reason=reason, words=words, status=status)


def _words(response: RawResponse) -> str:
    value = json_value(response)
    for name in ("error", "message", "detail", "title"):
        if isinstance(value, dict) and isinstance(said := value.get(name), str) and said:
            return short_words(said)
    return short_words(response.body)


class WebhookClient:
    """Posts events as the relay does."""

    def __init__(self, http: Http, url: str, keys: Sequence[bytes], now: Callable[[], float]) -> None:
        self.http = http
        self.url = url
        self.keys = keys
        self.now = now

    async def post_event(self, event_id: str, kind: str, data: Mapping[str, Any], *, at: str) -> Outcome:
        """POST {url}: one signed event. Raises SendError."""
        request = event_request(self.url, event_id, kind, data, at=at, public_only=False)
        return outcome_of(await self.http(signed(request, self.keys, int(self.now()))))
