"""What the server's answers mean: one reading for the client and for the delivery of messages. Pure, never raises.

FACTS 1.2: success is `{"_time": …, "ok": true, "result": …}`, failure `{"ok": false, "error": <code>}` with `details`
(INVALID_DATA) or `reason` (ACCESS_DENIED). `/api/message` fails with free text instead of a code (Team API v3,
integrations, `help`). The body's `ok` decides, whatever the HTTP status; a body that is no JSON comes from something in
between, such as a proxy.

How a failure is sorted, first match wins:

| what came | verdict | because |
| --- | --- | --- |
| `ok: true` | accepted | |
| a code of the table below | as there | |
| free text about a key, token, account or integration | credentials | true for every message; a pause loses none |
| free text about too many requests | retry | |
| free text about an empty or too long message | rejected | the same text would be refused for ever |
| other `ok: false`, HTTP 401, 402, 403 | credentials | |
| other `ok: false`, HTTP 400, 404, 405, 410, 413, 422 | rejected | |
| other `ok: false`, any other status, 200 too | retry | no proof of "never"; the dead letter shows the words |
| no JSON with `ok`, HTTP 401, 402 | credentials | |
| no JSON with `ok`, HTTP 410, 413 | rejected | |
| no JSON with `ok`, any other status | retry | a proxy's page; after 2xx, 502 and 504 the message may have arrived |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from relay.contract.errors import RemoteError
from relay.contract.model import Outcome, RawResponse, Verdict
from relay.contract.responses import is_html, json_value, retry_after_s, short_words, yes_or_no

KEY_REMEDY = "Take the API key from the group's API/Webhook integration and put it into `key` in config.yaml."
TOKEN_REMEDY = "Log in again with `relay team login` and let `token_file` in config.yaml name its file."  # noqa: S105


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code of the server comes to: the verdict, our short reason, what a person can do, its HTTP status."""

    verdict: Verdict
    reason: str
    remedy: str
    status: int


# FACTS 1.2, code -> HTTP status.
CODES: dict[str, Meaning] = {
    "EMPTY_TOKEN": Meaning(Verdict.CREDENTIALS, "no_token", TOKEN_REMEDY, 401),
    "INVALID_TOKEN": Meaning(Verdict.CREDENTIALS, "bad_token", TOKEN_REMEDY, 401),
    "EMPTY_SESSION": Meaning(Verdict.CREDENTIALS, "no_session", TOKEN_REMEDY, 401),
    "ACCOUNT_SUSPENDED": Meaning(
        Verdict.CREDENTIALS, "unpaid", "The team's account is suspended: ask its owner to pay the bill.", 402
    ),
    # The user may not write there or not manage integrations: true for every message, so people must act.
    "ACCESS_DENIED": Meaning(
        Verdict.CREDENTIALS,
        "access_denied",
        "Give this user the right, as an admin of the team, or use another's token.",
        403,
    ),
    "NOT_FOUND": Meaning(
        Verdict.REJECTED,
        "not_found",
        "Check `team`, `group` and `to` in config.yaml: the server knows no such thing.",
        404,
    ),
    "INVALID_METHOD": Meaning(
        Verdict.REJECTED, "bad_method", "Check `url` in config.yaml: this address does not speak Team API v3.", 405
    ),
    "INVALID_DATA": Meaning(Verdict.REJECTED, "bad_data", "The server refuses these fields; see its words.", 422),
    "RATE_LIMIT": Meaning(Verdict.RETRY, "rate_limited", "Wait a little.", 429),
    "ACCOUNT_NOT_FOUND": Meaning(
        Verdict.CREDENTIALS,
        "no_account",
        "This phone or user has no account on this server; check `url` and log in.",
        451,
    ),
    "ACCOUNT_BLOCKED": Meaning(Verdict.CREDENTIALS, "blocked", "The account is blocked: ask the server's people.", 451),
    "INTERNAL_SERVER_ERROR": Meaning(Verdict.RETRY, "server_error", "Try again later.", 500),
    "NO_EMPTY_WORKPLACES": Meaning(
        Verdict.REJECTED, "no_workplaces", "The team's plan has no free place: free one or ask for a larger plan.", 400
    ),
    # Re-sent with a message_id that the server has already: it is there.
    "NOT_MODIFIED": Meaning(Verdict.ACCEPTED, "not_modified", "", 304),
}

# Free text, English and Russian. The document gives no list ("Описание ошибки"), so these look for what it must name.
_ABOUT_KEY = re.compile(r"\b(api[ _-]?)?key\b|\btoken\b|\bintegration\b|\bunauthori[sz]ed\b|ключ|токен|интеграци", re.I)
_ABOUT_ACCOUNT = re.compile(
    r"suspend|\bblocked\b|\bunpaid\b|\bpayment\b|\bpaid\b|оплат|заблокирован|приостановлен", re.IGNORECASE
)
_ABOUT_RATE = re.compile(r"too (many|often|fast)|rate.?limit|слишком (много|часто)", re.I)
_ABOUT_TEXT = re.compile(
    r"\b(message|text)\b.*\b(long|large|big|empty|blank|required|missing)\b|\b(empty|too long) (message|text)\b"
    r"|(сообщени|текст)\w*.*(длин|пуст|больш|обязат)|(длинн|пуст)\w* (сообщени|текст)",
    re.I | re.S,
)
_CODE = re.compile(r"[A-Z][A-Z_]{3,60}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """An answer's body taken apart. `ok` is None when the body is not the server's: no JSON object with `ok`."""

    ok: bool | None
    result: Any = None
    error: str = ""
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The other side's own words, for people."""
        parts = [self.error, self.reason, *(f"{name}: {text}" for name, text in self.details.items())]
        return short_words("; ".join(part for part in parts if part))


def read_envelope(response: RawResponse) -> Envelope:
    """Take the body apart. Never raises, whatever came."""
    body = json_value(response)
    ok = body.get("ok") if isinstance(body, dict) else None
    if not isinstance(ok, bool):  # written in another way, it counts where the status does not contradict it
        ok = yes_or_no(ok) if 200 <= response.status < 300 else None
    if ok is None or not isinstance(body, dict):
        return Envelope(ok=None)
    details = body.get("details")
    return Envelope(
        ok=ok,
        result=body.get("result"),
        error=_words(body.get("error")),
        reason=_words(body.get("reason")),
        details={short_words(k, 60): _words(v) for k, v in list(details.items())[:20]}
        if isinstance(details, dict)
        else {},
    )


def _words(value: object) -> str:
    return "" if value is None else short_words(value)


def meaning_of(envelope: Envelope, status: int) -> Meaning:
    """What an answer other than `ok: true` comes to, by the table in this module's docstring."""
    if envelope.ok is None:
        if status in (401, 402):
            return Meaning(Verdict.CREDENTIALS, "unpaid" if status == 402 else "unauthorized", KEY_REMEDY, status)
        if status in (410, 413):
            return Meaning(Verdict.REJECTED, "gone" if status == 410 else "too_large", "", status)
        reason = "rate_limited" if status == 429 else "server_error" if status >= 500 else "not_their_answer"
        return Meaning(Verdict.RETRY, reason, "Check `url` in config.yaml: something else answered there.", status)
    known = CODES.get(envelope.error)
    if known:
        return known
    if not _CODE.fullmatch(envelope.error):
        if _ABOUT_TEXT.search(envelope.error):
            return Meaning(Verdict.REJECTED, "bad_text", "", status)
        if _ABOUT_RATE.search(envelope.error):
            return CODES["RATE_LIMIT"]
        if _ABOUT_ACCOUNT.search(envelope.error):
            return CODES["ACCOUNT_SUSPENDED"]
        if _ABOUT_KEY.search(envelope.error):
            return Meaning(Verdict.CREDENTIALS, "bad_key", KEY_REMEDY, status)
    if status in (401, 402, 403):
        return Meaning(Verdict.CREDENTIALS, "unpaid" if status == 402 else "unauthorized", KEY_REMEDY, status)
    if status in (400, 404, 405, 410, 413, 422):
        return Meaning(Verdict.REJECTED, "refused", "", status)
    reason = "rate_limited" if status == 429 else "server_error" if status >= 500 else "refused_unclear"
    return Meaning(Verdict.RETRY, reason, "", status)


# The documented answer to a post, word for word, with and without the space: nearly all there are.
DOCUMENTED = (b'{"ok": true}', b'{"ok":true}')
POSTED = Outcome(verdict=Verdict.ACCEPTED, status=200)


def classify_response(response: RawResponse) -> Outcome:
    """The outcome of one post. Never raises."""
    if response.status == 200 and response.body in DOCUMENTED:
        return POSTED
    envelope = read_envelope(response)
    if envelope.ok:
        result = envelope.result
        remote_id = result.get("message_id") if isinstance(result, dict) else None
        return Outcome(
            verdict=Verdict.ACCEPTED,
            remote_id=remote_id if isinstance(remote_id, str) else "",
            status=response.status,
        )
    meaning = meaning_of(envelope, response.status)
    return Outcome(
        verdict=meaning.verdict,
        reason=meaning.reason,
        words=envelope.words or foreign_words(response),
        retry_after_s=retry_after_s(response) if meaning.verdict is Verdict.RETRY else None,
        certain=not (
            meaning.verdict is Verdict.RETRY
            and (meaning.reason == "server_error" or (envelope.ok is None and 200 <= response.status < 300))
        ),
        status=response.status,
    )


def foreign_words(response: RawResponse) -> str:
    """What to tell people about a body that is not the server's own JSON."""
    said = short_words(response.body[:20_000])
    kind = "a page" if is_html(response) else "no JSON"
    return short_words(f"HTTP {response.status}, {kind} instead of an answer" + (f": {said}" if said else ""))


def result_of(response: RawResponse) -> Any:
    """The `result` of a successful answer. Raises RemoteError, with a remedy where one is known, for any other."""
    envelope = read_envelope(response)
    if envelope.ok:
        return envelope.result
    meaning = meaning_of(envelope, response.status)
    code = envelope.error if _CODE.fullmatch(envelope.error) else meaning.reason
    raise RemoteError(code, envelope.words or foreign_words(response), status=response.status, remedy=meaning.remedy)
