"""`relay explain FILE.json --from NAME`: where would this hook go, and in what words? Nothing is sent or stored.

Routing here knows the configuration only. What the store would know - which number a customer has, in which channel a
conversation is - is shown as `?`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import click
from pydantic import BaseModel, SecretStr
from rich.console import Console
from rich.text import Text

from relay.cli.console import out, write_json
from relay.cli.loading import offline
from relay.cli.options import config_of, config_option, json_option, kinds
from relay.config.masking import MASK
from relay.config.suggestions import hint, quoted
from relay.contract import QuestionHook, RawRequest, Texts, VerifiedRequest
from relay.contract.errors import MalformedPayload, Refusal, RelayError, UnsupportedContent
from relay.contract.model import (
    AccountWarning,
    Answer,
    Command,
    Contact,
    Content,
    Delivery,
    Event,
    Incoming,
    Kind,
    Misaddressed,
    Note,
    OutboundRequest,
    Part,
    Report,
    Unknown,
    Unreadable,
)
from relay.routing.accounts import Account, Accounts
from relay.texts.templates import Templates

UNKNOWN_NUMBER = 7_053_197_841_026  # stands for a number only the store knows; shown as "?"
UNKNOWN_BOT = 7_053_197_841_027


@dataclass(frozen=True, slots=True)
class Shown:
    """One request as it would be sent; secrets are `***`, what only the store knows is `?`."""

    method: str
    url: str
    content_type: str
    body: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()


@dataclass(slots=True)
class Path:
    """What one destination would get."""

    destination: str
    kind: str
    requests: list[Shown] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Explained:
    """One event of the hook, and where it goes."""

    event: str  # "incoming", "answer", ...
    summary: str
    paths: list[Path] = field(default_factory=list)


def explain(accounts: Accounts, name: str, payload: bytes, texts: Texts, *, tail: str | None = None) -> list[Explained]:
    """What the hook would come to. Raises RelayError with a sentence where it would be refused."""
    source = accounts.by_name.get(name)
    if source is None:
        raise RelayError(f"no account {quoted(name)}; {hint(name, accounts.by_name)}")
    request = _request(source, payload, tail)
    # The file stands for a hook that has proved itself: nobody but its owner runs this command.
    verified = VerifiedRequest(request)
    if isinstance(source.bridge, QuestionHook) and source.bridge.answers(request.tail):
        return [Explained("question", "a question, answered from the store; nothing is sent to anyone")]
    events = source.bridge.parse(verified)
    if not events:
        return [Explained("nothing", "nothing in it concerns the relay; it is answered 200")]
    return [_event(accounts, source, event, texts) for event in events]


def _request(source: Account, payload: bytes, tail: str | None) -> RawRequest:
    tails = source.bridge.spec.hooks
    if tail is None:
        answering = source.bridge if isinstance(source.bridge, QuestionHook) else None
        tail = next((t for t in tails if answering is None or not answering.answers(t)), tails[0])
    elif tail not in tails:
        raise RelayError(f"{source.name} has no hook {quoted(tail)}; {hint(tail, [t for t in tails if t])}")
    try:
        json.loads(payload)
    except (ValueError, RecursionError) as e:
        form = tuple(parse_qsl(payload.decode("utf-8", "replace").strip(), keep_blank_values=True))
        if not form or payload.lstrip()[:1] in (b"{", b"["):
            raise MalformedPayload(f"the file is neither JSON nor a form: {e}") from None
        return RawRequest(
            method="POST",
            tail=tail,
            headers={},
            query={},
            body=payload,
            content_type="application/x-www-form-urlencoded",
            form=form,
        )
    return RawRequest(
        method="POST", tail=tail, headers={}, query={}, body=payload, content_type="application/json", form=()
    )


# --- events --------------------------------------------------------------------------------------------------------


def _event(accounts: Accounts, source: Account, event: Event, texts: Texts) -> Explained:
    match event:
        case Incoming():
            return _incoming(accounts, source, event, texts)
        case Answer():
            return _answer(accounts, source, event, texts)
        case Command():
            said = f"the command /{event.name} {event.argument}".rstrip()
            return Explained("command", f"{said}, answered at {source.name}; nothing goes to a customer")
        case Note():
            return Explained("note", f"talk at {source.name}; nothing is sent to anyone")
        case Misaddressed():
            whom = f"#{event.contact_id}" if event.contact_id is not None else f"a customer called @{event.username}"
            return Explained("hint", f"looks as if it were for {whom}; {source.name} is given a hint, nothing is sent")
        case Unreadable():
            return Explained("unreadable", f"{event.sentence} It is kept; nothing is sent to anyone")
        case Report():
            words = f" ({event.words})" if event.words else ""
            return Explained(
                "report", f"says of message {event.remote_id}: {event.status}{words}; a failure is told to its desk"
            )
        case AccountWarning():
            path = _notice(accounts, source, event, texts)
            return Explained("warning", f"{source.name} says something about itself; its desks are told", path)
        case Unknown():
            return Explained("unknown", f"an event of the type {quoted(event.type)}; answered 200 and left alone")


def _incoming(accounts: Accounts, source: Account, event: Incoming, texts: Texts) -> Explained:
    desks = accounts.desks_of.get(source.name, ())
    contact = Contact(
        id=UNKNOWN_NUMBER,
        channel=source.name,
        remote_id=event.remote_user,
        username=event.username,
        name=event.name,
    )
    who = f"@{event.username}" if event.username else event.name or event.remote_user
    what = "comment" if event.comment_id else "message"
    explained = Explained("incoming", f"a {what} of {who} (id {event.remote_user}) for {', '.join(desks) or 'nobody'}")
    for desk in desks:
        delivery = Delivery(
            id="explain",
            destination=desk,
            kind=Kind.COMMENT if event.comment_id else Kind.MESSAGE,
            contact=contact,
            content=event.content,
            origin=source.name,
            comment_id=event.comment_id,
            placeholder=event.placeholder,
            bot_id=source.configured_bot_id or UNKNOWN_BOT,
            created_at=event.sent_at,
            late=event.late,
        )
        explained.paths.append(_path(accounts, delivery, texts))
    return explained


def _answer(accounts: Accounts, source: Account, event: Answer, texts: Texts) -> Explained:
    channels = accounts.channels_of.get(source.name, ())
    number = event.contact_id if event.contact_id is not None else UNKNOWN_NUMBER
    whom = f"conversation #{number}" if event.contact_id is not None else f"@{event.username}"
    one_of = "" if len(channels) == 1 else "; the store knows in which of these channels that is"
    explained = Explained("answer", f"an answer to {whom} through {', '.join(channels) or 'no channel'}{one_of}")
    for channel in channels:
        contact = Contact(id=number, channel=channel, remote_id="?", username=event.username or "?", name="")
        answer = Delivery(
            id="explain",
            destination=channel,
            kind=Kind.ANSWER,
            contact=contact,
            content=event.content,
            origin=source.name,
            author=event.author,
        )
        explained.paths.append(_path(accounts, answer, texts))
        if explained.paths[-1].refused:
            continue  # nothing of it is sent, so other desks are shown nothing either
        for desk in accounts.desks_of.get(channel, ()):
            if desk == source.name or not accounts.by_name[desk].mirror:
                continue
            bot_id = accounts.by_name[channel].configured_bot_id or UNKNOWN_BOT
            mirror = Delivery(
                id="explain",
                destination=desk,
                kind=Kind.MIRROR,
                contact=contact,
                content=event.content,
                origin=source.name,
                author=event.author,
                bot_id=bot_id,
            )
            explained.paths.append(_path(accounts, mirror, texts))
    return explained


def _notice(accounts: Accounts, source: Account, event: AccountWarning, texts: Texts) -> list[Path]:
    words = texts.notice(event.notice, account=source.name, **dict(event.facts))
    desks = (source.name,) if source.is_desk else accounts.desks_of.get(source.name, ())
    return [
        _path(
            accounts,
            Delivery(
                id="explain",
                destination=desk,
                kind=Kind.NOTICE,
                contact=None,
                content=Content(text=words),
                origin=source.name,
            ),
            texts,
        )
        for desk in desks
    ]


# --- one destination -----------------------------------------------------------------------------------------------


def _path(accounts: Accounts, delivery: Delivery, texts: Texts) -> Path:
    to = accounts.by_name[delivery.destination]
    path = Path(delivery.destination, delivery.kind.value)
    hide = _Hider(to)
    try:
        parts: Sequence[Part] = to.bridge.fit(delivery)
        path.requests = [_shown(to.bridge.render(delivery, part), hide) for part in parts]
    except UnsupportedContent as e:
        path.refused = [hide(_refusal(r, texts)) for r in e.refusals]
    return path


def _refusal(refusal: Refusal, texts: Texts) -> str:
    return texts.notice(refusal.notice, **dict(refusal.facts))


class _Hider:
    """Takes an account's secrets out of a text, in every way a request may write them, and the stand-in numbers."""

    def __init__(self, account: Account) -> None:
        secrets = {s for s in _secrets(account.settings) if s} | set(account.secrets)
        forms = {form for s in secrets for form in (s, quote(s, safe=""), quote_plus(s), json.dumps(s)[1:-1])}
        self.pairs = [(form, MASK) for form in sorted(forms, key=len, reverse=True)]
        self.pairs += [(str(UNKNOWN_NUMBER), "?"), (str(UNKNOWN_BOT), "?"), (f"{UNKNOWN_NUMBER:,}", "?")]

    def __call__(self, text: str, *, shortest: int = 1) -> str:
        for form, shown in self.pairs:
            if len(form) >= shortest:
                text = text.replace(form, shown)
        return text


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, dict):
        for below in value.values():
            yield from _secrets(below)
    elif isinstance(value, list | tuple | set | frozenset):
        for below in value:
            yield from _secrets(below)


def _shown(request: OutboundRequest, hide: _Hider) -> Shown:
    content_type = request.content_type.partition(";")[0].strip().lower()
    fields: Sequence[tuple[str, str]] = request.fields
    body = ""
    if not request.files and not fields:
        body = request.body.decode("utf-8", "replace")
        if content_type == "application/x-www-form-urlencoded":
            fields, body = tuple(parse_qsl(body, keep_blank_values=True)), ""
        elif content_type == "multipart/form-data":
            fields, body = tuple(_multipart(request)), ""
        elif content_type == "application/json":
            body = _pretty(body)
    return Shown(
        method=request.method,
        url=hide(request.safe_url, shortest=8),  # bridges keep it free of secrets; "sandbox" is a token and a path
        content_type=content_type or ("multipart/form-data" if fields or request.files else ""),
        body=hide(body),
        fields=tuple((name, hide(value)) for name, value in fields),
        files=tuple(hide(f"{f.field}: {f.filename or f.url} ({f.mime})") for f in request.files),
    )


def _multipart(request: OutboundRequest) -> Iterator[tuple[str, str]]:
    """The fields of a body that the bridge has put together itself; a file is named, not shown."""
    head = f"Content-Type: {request.content_type}\r\n\r\n".encode()
    for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
        name = str(part.get_param("name", "?", header="content-disposition"))
        content = part.get_payload(decode=True)
        raw = content if isinstance(content, bytes) else b""
        filename = part.get_filename()
        yield name, f"file {filename}, {len(raw)} bytes" if filename else raw.decode("utf-8", "replace")


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body


# --- for people ----------------------------------------------------------------------------------------------------


def _as_json(found: Sequence[Explained]) -> list[dict[str, Any]]:
    return [asdict(e) for e in found]


def show(found: Sequence[Explained], console: Console) -> None:
    for event in found:
        hidden = event.summary.replace(str(UNKNOWN_NUMBER), "?")
        console.print(Text.assemble((event.event, "bold cyan"), "  ", hidden))
        for path in event.paths:
            console.print(Text.assemble("\n  → ", (path.destination, "bold"), f"  ({path.kind})"))
            for reason in path.refused:
                console.print(Text.assemble("    ", ("refused: ", "bold red"), reason))
            for request in path.requests:
                console.print(
                    Text.assemble(f"    {request.method} {request.url}", (f"  {request.content_type}", "dim"))
                )
                for name, value in request.fields:
                    console.print(Text.assemble("      ", (f"{name}: ", "dim"), _indented(value, 8 + len(name))))
                for file in request.files:
                    console.print(Text.assemble("      ", ("file ", "dim"), file))
                if request.body:
                    console.print(Text.assemble("      ", _indented(request.body, 6)))
    console.print(Text("\nNothing was sent.", "dim"))


def _indented(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)


@click.command("explain")
@config_option
@click.argument("file", type=click.File("rb"))
@click.option("--from", "source", required=True, metavar="NAME", help="The channel or desk this hook comes from.")
@click.option("--hook", "tail", metavar="TAIL", help="Which of its hooks, where it has several; see `relay check`.")
@json_option
@click.pass_context
def command(ctx: click.Context, file: Any, source: str, tail: str | None, as_json: bool) -> None:
    """Dry run: where would the payload in FILE (- for standard input) go, and how worded? Sends nothing."""
    config = config_of(ctx)
    accounts = offline(config, kinds(ctx))
    found = explain(accounts, source, file.read(), Templates(config.locale, config.templates_dir), tail=tail)
    if as_json:
        write_json(_as_json(found))
    else:
        show(found, out())
