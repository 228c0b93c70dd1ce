"""What goes to the Insta API: fitting a delivery into sendMsg requests, and reading the answers. Pure.

Source: the document's section "sendMsg (POST)" and its table of statuses; FACTS 2 for bytes, and for an HTTP 200 that
says `success: false`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridges.insta.client import error_words, send_message_request, succeeded
from bridges.insta.settings import InstaSettings
from bridges.insta.spec import SPEC
from relay.contract.errors import Refusal, UnsupportedContent
from relay.contract.model import Delivery, Kind, OutboundRequest, Outcome, Part, RawResponse, Verdict
from relay.contract.responses import is_html, json_value, retry_after_s, short_words
from relay.fitting.files import check_files
from relay.fitting.options import check_options
from relay.fitting.texts import byte_length, split_text

LIMITS = SPEC.limits
_CHARS = LIMITS.text_chars or 0
_BYTES = LIMITS.text_bytes or 0

# Words in an `error` of a 200 that mean the account, not the message (the texts themselves are not documented).
_UNPAID_WORDS = ("оплач", "активных каналов", "not paid", "unpaid", "active channel")
_TOKEN_WORDS = ("недействительный токен", "invalid token", "wrong token")
_REJECTING = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})  # asking again would not help
_REASONS = {400: "bad_request", 410: "gone", 413: "too_large", 422: "bad_request"}
# The other side may have queued the message before it failed; not so when it says that it is busy or away.
_CERTAIN_5XX = frozenset({501, 503})


def fit(delivery: Delivery) -> Sequence[Part]:
    """One sendMsg each: files first, the text from the last file's request on, the options with the last of all.

    An answer to a comment is one text. Raises UnsupportedContent with everything that is wrong at once.
    """
    if delivery.kind is Kind.DELETE:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", "delete"),)))
    parts = _comment_parts(delivery) if delivery.comment_id else _message_parts(delivery)
    return tuple(parts)


def _message_parts(delivery: Delivery) -> Sequence[Part]:
    content = delivery.content
    refusals = check_files(content.attachments, LIMITS) + check_options(content.options, LIMITS)
    text = content.text if content.text.strip() else ""
    if not text and not content.attachments:
        refusals.append(Refusal("refused_empty"))
    if refusals:
        raise UnsupportedContent(*refusals)
    texts = split_text(text, chars=_CHARS, utf8_bytes=_BYTES) or ("",)
    *before, last = content.attachments or (None,)
    pieces = [("", file) for file in before] + [(texts[0], last)] + [(text, None) for text in texts[1:]]
    return [
        Part(
            text=text,
            attachments=(file,) if file else (),
            options=content.options if i == len(pieces) else (),
        )
        for i, (text, file) in enumerate(pieces, 1)
    ]


def _comment_parts(delivery: Delivery) -> Sequence[Part]:
    """ "Ответить на комментарий можно только текстовым сообщением", once: so never in several parts."""
    content = delivery.content
    refusals = []
    if content.attachments:
        refusals.append(Refusal("refused_file_to_comment"))
    if content.options:
        refusals.append(Refusal("refused_options_to_comment"))
    text = content.text.strip()
    if not text and not content.attachments:
        refusals.append(Refusal("refused_empty"))
    for unit, found, allowed in (("characters", len(text), _CHARS), ("bytes", byte_length(text), _BYTES)):
        if found > allowed:
            facts = (("found", str(found)), ("allowed", str(allowed)), ("unit", unit))
            refusals.append(Refusal("refused_comment_too_long", facts))
            break
    if refusals:
        raise UnsupportedContent(*refusals)
    return [Part(text=text)]


def render(base_url: str, settings: InstaSettings, delivery: Delivery, part: Part) -> OutboundRequest:
    """The sendMsg request of one part. A comment's id stands in place of the customer's, as documented."""
    contact = delivery.contact
    if contact is None:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", "no recipient"),)))
    return send_message_request(
        base_url,
        settings.token.get_secret_value(),
        username=contact.username,
        user_id=delivery.comment_id or contact.remote_id,
        caption=part.text,
        file=part.attachments[0].url if part.attachments else "",
        options=part.options,
        encoding=settings.encoding,
    )


def classify(response: RawResponse) -> Outcome:
    """What one sendMsg came to. Total: any status and any body gives an outcome."""
    status, value = response.status, json_value(response)
    words = error_words(value)
    if 200 <= status < 300:
        return _classify_2xx(response, value, words)
    said = words or short_words(response.body)
    if status in (401, 402):
        return Outcome(
            verdict=Verdict.CREDENTIALS, reason="bad_token" if status == 401 else "unpaid", words=said, status=status
        )
    if status in _REJECTING:
        return Outcome(verdict=Verdict.REJECTED, reason=_REASONS.get(status, "refused"), words=said, status=status)
    reason = "rate_limited" if status == 429 else "server_error" if status >= 500 else f"http_{status}"
    return Outcome(
        verdict=Verdict.RETRY,
        reason=reason,
        words=said,
        retry_after_s=retry_after_s(response),
        certain=status < 500 or status in _CERTAIN_5XX,
        status=status,
    )


def _classify_2xx(response: RawResponse, value: object, words: str) -> Outcome:
    status, success = response.status, succeeded(value)
    if success is None:  # a page, an empty body, something cut short: it may have been queued all the same
        return Outcome(
            verdict=Verdict.RETRY,
            reason="not_json" if is_html(response) or value is None else "unexpected_answer",
            words=words or short_words(response.body),
            retry_after_s=retry_after_s(response),
            certain=False,
            status=status,
        )
    if success:
        result = value["result"] if isinstance(value, dict) else {}
        queue_id = result.get("queue_id")
        known = isinstance(queue_id, str | int) and not isinstance(queue_id, bool)
        return Outcome(verdict=Verdict.ACCEPTED, remote_id=str(queue_id).strip() if known else "", status=status)
    told = words.lower()
    if any(word in told for word in _UNPAID_WORDS):
        return Outcome(verdict=Verdict.CREDENTIALS, reason="unpaid", words=words, status=status)
    if any(word in told for word in _TOKEN_WORDS):
        return Outcome(verdict=Verdict.CREDENTIALS, reason="bad_token", words=words, status=status)
    return Outcome(verdict=Verdict.REJECTED, reason="refused", words=words or "success: false", status=status)
