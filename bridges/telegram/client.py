"""The Bot API's methods that the relay uses, typed, and how its answers are read.

The token is part of every address, so no address is ever shown: `safe_url` has three asterisks in its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from relay.contract import Http
from relay.contract.errors import RemoteError
from relay.contract.model import FilePart, OutboundRequest, Outcome, RawResponse, Role, Verdict
from relay.contract.responses import json_value, retry_after_s, short_words

UPDATES = ("message", "edited_message", "my_chat_member")
POLL_S = 25

# Beginnings of a description, in lower case, that mean the whole desk and not this one message.
_DESK_LOST = ("chat not found", "not enough rights", "chat_write_forbidden", "have no rights", "need administrator")


def method_request(
    url: str,
    token: str,
    method: str,
    fields: Mapping[str, Any],
    *,
    files: Sequence[FilePart] = (),
    timeout_s: float | None = None,
    max_answer: int | None = None,
) -> OutboundRequest:
    """POST of one method: JSON, or a form where a file goes with it (then objects are JSON strings)."""
    address, safe_url = f"{url}/bot{token}/{method}", f"{url}/bot***/{method}"
    if files:
        form = tuple((k, v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)) for k, v in fields.items())
        return OutboundRequest(
            method="POST", url=address, safe_url=safe_url, fields=form, files=tuple(files), timeout_s=timeout_s
        )
    return OutboundRequest(
        method="POST",
        url=address,
        safe_url=safe_url,
        body=json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"),
        content_type="application/json",
        timeout_s=timeout_s,
        max_answer=max_answer,
    )


def outcome_of(response: RawResponse, role: Role) -> Outcome:
    """What an answer means. Never raises. `ok` and `result.message_id` say it arrived."""
    status, value = response.status, json_value(response)
    answer = value if isinstance(value, dict) else {}
    if 200 <= status < 300 and answer.get("ok") is True:
        result = answer.get("result")
        found = result.get("message_id") if isinstance(result, dict) else None
        known = isinstance(found, int) and not isinstance(found, bool)
        return Outcome(verdict=Verdict.ACCEPTED, remote_id=str(found) if known else "", status=status)
    words = short_words(answer["description"]) if isinstance(answer.get("description"), str) else ""
    told = words.lower()
    if status == 429:
        parameters = answer.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        wait_s = float(wait) if isinstance(wait, int) and 0 < wait <= 86400 else retry_after_s(response)
        return Outcome(verdict=Verdict.RETRY, reason="rate_limited", words=words, status=status,
                       retry_after_s=wait_s)  # fmt: skip
    if status in (401, 404):  # 404 on every method: the token is malformed or revoked
        return Outcome(verdict=Verdict.CREDENTIALS, reason="bad_token", words=words, status=status)
    if status == 403:
        if role is Role.DESK:
            return Outcome(verdict=Verdict.CREDENTIALS, reason="not_in_group", words=words, status=status)
        reason = "blocked" if "blocked" in told else "cannot_write"
        return Outcome(verdict=Verdict.REJECTED, reason=reason, words=words, status=status)
    if status == 400:
        if "message is not modified" in told:
            return Outcome(verdict=Verdict.ACCEPTED, status=status)
        if role is Role.DESK and any(lost in told for lost in _DESK_LOST):
            return Outcome(verdict=Verdict.CREDENTIALS, reason="group_lost", words=words, status=status)
        if role is Role.DESK and "upgraded to a supergroup" in told:
            return Outcome(verdict=Verdict.CREDENTIALS, reason="group_moved", words=words, status=status)
        return Outcome(verdict=Verdict.REJECTED, reason="bad_request", words=words, status=status)
    if status in (405, 406, 410, 411, 413, 414, 415, 422):
        reason = "too_large" if status == 413 else "bad_request"
        return Outcome(verdict=Verdict.REJECTED, reason=reason, words=words, status=status)
    return Outcome(
        verdict=Verdict.RETRY,
        reason="server_error" if status >= 500 else "unexpected_answer",
        words=words or short_words(response.body),
        retry_after_s=retry_after_s(response),
        certain=status in (408, 409, 425),
        status=status,
    )


class TelegramClient:
    """One bot. Each method returns the answer's `result`; a "no" is a RemoteError, no answer a SendError."""

    def __init__(self, http: Http, url: str, token: str) -> None:
        self.http = http
        self.url = url
        self.token = token

    async def get_me(self) -> Any:
        return await self.call("getMe", {})

    async def get_webhook_info(self) -> Any:
        return await self.call("getWebhookInfo", {})

    async def set_webhook(self, url: str, secret_token: str) -> Any:
        fields = {"url": url, "secret_token": secret_token, "allowed_updates": UPDATES}
        return await self.call("setWebhook", fields)

    async def delete_webhook(self) -> Any:
        return await self.call("deleteWebhook", {})

    async def get_updates(self, offset: int = 0, timeout: int = POLL_S) -> Any:
        fields = {"offset": offset, "timeout": timeout, "limit": 100, "allowed_updates": UPDATES}
        return await self.call("getUpdates", fields, timeout_s=timeout + 10, max_answer=8 * 1024 * 1024)

    async def send_message(self, chat_id: int, text: str) -> Any:
        return await self.call("sendMessage", {"chat_id": chat_id, "text": text})

    async def delete_message(self, chat_id: int, message_id: int) -> Any:
        return await self.call("deleteMessage", {"chat_id": chat_id, "message_id": message_id})

    async def get_chat(self, chat_id: int) -> Any:
        return await self.call("getChat", {"chat_id": chat_id})

    async def call(
        self, method: str, fields: Mapping[str, Any], *, timeout_s: float | None = None, max_answer: int | None = None
    ) -> Any:
        request = method_request(self.url, self.token, method, fields, timeout_s=timeout_s, max_answer=max_answer)
        response = await self.http(request)
        value = json_value(response)
        if isinstance(value, dict) and value.get("ok") is True:
            return value.get("result")
        words = value.get("description") if isinstance(value, dict) else None
        raise RemoteError(
            f"http_{response.status}",
            short_words(words or response.body),
            status=response.status,
            remedy="Check `token`." if response.status in (401, 404) else "",
        )
