"""What we tell a user of the messenger: text, in pieces; files as links; and the wish to take a message back."""

from __future__ import annotations

from collections.abc import Sequence

from bridges.astrak.client import NOT_JSON, answer_of, delete_request, message_id_of, send_request
from bridges.astrak.session import LOGIN_REFUSED, UNSURE
from bridges.astrak.settings import AstrakSettings
from bridges.astrak.spec import SPEC
from relay.contract import BridgeContext
from relay.contract.errors import Refusal, RemoteError, UnsupportedContent
from relay.contract.model import Delivery, Kind, OutboundRequest, Outcome, Part, RawResponse, Verdict
from relay.contract.responses import retry_after_s
from relay.fitting.files import check_files, links_as_text
from relay.fitting.options import check_options
from relay.fitting.texts import clean, split_text


def fit(delivery: Delivery, settings: AstrakSettings, context: BridgeContext) -> Sequence[Part]:
    """Pieces of text first, then each file by itself; for a deletion one part for each of the messages."""
    if delivery.kind is Kind.DELETE:
        parts = [Part(text=remote_id) for remote_id in delivery.remote_ids if remote_id]
        if not parts:
            raise UnsupportedContent(Refusal("refused_unsupported", (("what", "delete"),)))
        return parts
    if delivery.kind is not Kind.ANSWER or delivery.comment_id:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", delivery.kind.value),)))
    content = delivery.content
    refusals = check_options(content.options, SPEC.limits) + check_files(content.attachments, SPEC.limits)
    if not (content.text.strip() or content.attachments or content.options):
        refusals.append(Refusal("refused_empty"))
    if refusals:
        raise UnsupportedContent(*refusals)
    text = clean(context.texts.message("astrak/answer", text=content.text, options=content.options)).strip()
    parts = [Part(text=piece) for piece in split_text(text, chars=settings.max_text)]
    return [*parts, *(Part(attachments=(file,)) for file in content.attachments)]


def text_of(part: Part) -> str:
    """The words of a part; a file is a link by now."""
    return links_as_text(part.text, part.attachments)


def render(delivery: Delivery, part: Part, url: str, token: str) -> OutboundRequest:
    """messages/send or messages/delete."""
    if delivery.kind is Kind.DELETE:
        return delete_request(url, token, part.text)
    return send_request(url, token, delivery.contact.remote_id if delivery.contact else "", text_of(part))


def outcome_of(response: RawResponse, *secrets: str) -> Outcome:
    """What an answer to messages/send or messages/delete means. Never raises."""
    try:
        value = answer_of(response, *secrets)
    except RemoteError as e:
        return outcome_of_error(e, response)
    return Outcome(verdict=Verdict.ACCEPTED, remote_id=message_id_of(value), status=response.status)


def outcome_of_error(error: RemoteError, response: RawResponse | None = None) -> Outcome:
    """A "no" of the messenger, of the login before it, or of something in front of it. Codes are not documented, so
    every negative one but a dead token's is a refusal for good, told to the desk with the messenger's own words."""
    status = error.status or 0
    wait_s = retry_after_s(response) if response is not None else None
    words = str(error)

    def outcome(verdict: Verdict, reason: str, *, certain: bool = True) -> Outcome:
        later = wait_s if verdict is Verdict.RETRY else None
        return Outcome(
            verdict=verdict, reason=reason, words=words, certain=certain, retry_after_s=later, status=error.status
        )

    if error.code == LOGIN_REFUSED:
        return outcome(Verdict.CREDENTIALS, LOGIN_REFUSED)
    if error.code == UNSURE:
        return outcome(Verdict.RETRY, UNSURE)
    if error.code.startswith("-"):
        return outcome(Verdict.REJECTED, "refused")
    if status in (401, 402, 403):
        return outcome(Verdict.CREDENTIALS, "unpaid" if status == 402 else "unauthorised")
    if status in (400, 413, 414, 422, 431):
        return outcome(Verdict.REJECTED, f"http_{status}")
    if error.code == NOT_JSON and status < 400:
        return outcome(Verdict.RETRY, NOT_JSON, certain=False)
    # 404 among them: what the platform answers while the server is being replaced. Only 5xx other than 503, and 408,
    # leave open whether the message was taken.
    certain = (400 <= status < 500 and status != 408) or status == 503
    reason = "rate_limited" if status == 429 else f"http_{status}" if status else error.code
    return outcome(Verdict.RETRY, reason, certain=certain)
