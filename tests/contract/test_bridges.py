"""What every bridge must keep, asked of each in `bridges.ALL`: a new one is tested by being listed there.

`missing(bridge)` says in sentences what a bridge still lacks; the properties below it are asked of whatever there is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import sys
import time
import types
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

import bridges
from relay.contract import (
    SANDBOX,
    Bridge,
    BridgeContext,
    BridgeSettings,
    BridgeSpec,
    CustomSend,
    Feature,
    Polling,
    Provisioning,
    QuestionHook,
    RawRequest,
    SandboxOptions,
    Support,
    VerifiedRequest,
)
from relay.contract.errors import MalformedPayload, UnsupportedContent, VerificationFailed
from relay.contract.model import (
    AccountWarning,
    Answer,
    Attachment,
    Command,
    Contact,
    Content,
    Delivery,
    Event,
    Incoming,
    Kind,
    MediaKind,
    Misaddressed,
    Note,
    OutboundRequest,
    Outcome,
    Part,
    RawResponse,
    Report,
    Role,
    Unknown,
    Unreadable,
    Verdict,
)
from relay.routing.sandbox_credentials import credential_maker
from relay.texts.refusals import reasons
from relay.texts.templates import Templates
from tests.bridges.support import DictMemory, SessionHttp
from tests.contract.playing import NUMBER, PLAYED, Act
from tests.harness import until

AnyBridge = type[Bridge[Any]]
FILES = ("spec.py", "settings.py", "inbound.py", "outbound.py", "client.py", "sandbox/app.py")
# What a message may hold; of the rest (reports, deleting) nothing said means that there is none.
CARRIED = (Feature.TEXT, Feature.IMAGE, Feature.VIDEO, Feature.AUDIO, Feature.FILE, Feature.OPTIONS)
CANARY = "CANARY0secret0"
URL = "https://other.example.com/api"
EVENTS = (Incoming, Answer, Command, Misaddressed, Note, Report, AccountWarning, Unreadable, Unknown)
FEW = settings(max_examples=60)

each = pytest.mark.parametrize("kind", bridges.ALL, ids=lambda b: b.spec.kind)


# --- building one ---------------------------------------------------------------------------------------------------


def canary_settings(kind: AnyBridge) -> BridgeSettings:
    """An account at a real address whose every secret is a canary."""
    values: dict[str, Any] = {"kind": kind.spec.kind, "url": URL}
    for name, field in kind.spec.settings.model_fields.items():
        if SecretStr in (field.annotation, *get_args(field.annotation)):
            values[name] = f"{CANARY}{name}"
        elif name not in values and (field.is_required() or (field.annotation is str and field.default == "")):
            values[name] = 7 if field.annotation is int else "someone"
    return kind.spec.settings.model_validate(values)


@functools.cache
def build(kind: AnyBridge, locale: str = "en") -> Bridge[Any]:
    return kind(canary_settings(kind), BridgeContext(name="account", texts=Templates(locale), url=URL))


def sandbox_options(kind: AnyBridge) -> SandboxOptions:
    account = kind.spec.settings.model_validate({"kind": kind.spec.kind, "url": SANDBOX})
    hooks = {tail: f"http://127.0.0.1:9/hooks/account/{tail.strip('<>')}" for tail in kind.spec.hooks}
    return SandboxOptions(
        name="account", base_url="http://127.0.0.1:9/sandbox/account", settings=account, hooks=hooks, seed=1
    )


# --- what is missing ------------------------------------------------------------------------------------------------


def missing(kind: AnyBridge) -> Iterator[str]:
    """Sentences about what a bridge lacks; none when it is complete."""
    left = sorted(getattr(kind, "__abstractmethods__", ()))
    if left:
        yield f"{kind.__name__} does not implement {', '.join(left)}."
    spec = getattr(kind, "spec", None)
    if not isinstance(spec, BridgeSpec):
        yield f"{kind.__name__}.spec must be a BridgeSpec."
        return
    if not re.fullmatch(r"[a-z][a-z0-9_]*", spec.kind):
        yield f"spec.kind {spec.kind!r} must be a word of small letters: people write it in config.yaml."
    if spec.settings.model_fields["kind"].default != spec.kind:
        yield f"{spec.settings.__name__}.kind must default to {spec.kind!r}."
    if spec.settings.model_config.get("extra") != "forbid":
        yield f"{spec.settings.__name__} must forbid unknown keys."
    for name, field in spec.settings.model_fields.items():
        if not field.description and name != "kind":
            yield f"{spec.settings.__name__}.{name} needs a description: `relay schema` shows it."
    for name in ("label", "docs"):
        if not getattr(spec, name).strip():
            yield f"spec.{name} is empty."
    if spec.checked_on > date.today():
        yield f"spec.checked_on {spec.checked_on} lies in the future."
    if unsaid := [f.value for f in CARRIED if f not in spec.support]:
        yield f"spec.support does not say what becomes of {', '.join(unsaid)}."
    if spec.support.get(Feature.TEXT) is not Support.FULL:
        yield "spec.support: a bridge that cannot carry text carries nothing."
    if not spec.hooks:
        yield "spec.hooks is empty: how do its events come in?"
    if bad := [t for t in spec.hooks if not re.fullmatch(r"|<secret>|[a-z]+", t)]:
        yield f"spec.hooks: {bad} must be empty, <secret> or words of small letters."
    for media, limit in spec.limits.files.items():
        if limit.bytes is not None and limit.bytes <= 0:
            yield f"spec.limits.files[{media}] allows nothing."
    folder = Path(sys.modules[kind.__module__].__file__ or "").parent
    for name in FILES:
        if not (folder / name).is_file():
            yield f"{folder.name}/{name} is missing: the same files in each bridge."
    if spec.kind not in PLAYED:
        yield f"tests/contract/playing.py does not say how somebody writes in the sandbox of {spec.kind!r}."
    if spec.role is Role.DESK:
        for what in ("message", "comment", "mirror", "notice"):
            path = Path(bridges.__file__).parent.parent / f"templates/messages/{spec.kind}/{what}.txt.j2"
            if not path.is_file():
                yield f"templates/messages/{spec.kind}/{what}.txt.j2 is missing: how does a {what} read there?"


@each
def test_it_is_complete(kind: AnyBridge) -> None:
    # One sentence: pytest would cut a list short.
    assert not (lacks := "\n".join(missing(kind))), lacks


def test_kinds_are_different() -> None:
    kinds = [b.spec.kind for b in bridges.ALL]
    assert len(set(kinds)) == len(kinds) and {b.spec.role for b in bridges.ALL} == set(Role)


def test_a_fifth_bridge_is_told_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("a_fifth_bridge")
    module.__file__ = str(tmp_path / "__init__.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    class FifthSettings(BridgeSettings):
        channel_token: str = ""

    class FifthBridge(Bridge[FifthSettings]):
        spec = BridgeSpec(
            kind="Fifth",
            label="",
            role=Role.DESK,
            docs="a document",
            checked_on=date(9999, 1, 1),
            settings=FifthSettings,
            support={Feature.IMAGE: Support.FULL},
            hooks=(),
        )

        def fit(self, delivery: Delivery) -> list[Part]:
            return []

    FifthBridge.__module__ = module.__name__
    unfinished: Any = FifthBridge
    told = "\n".join(missing(unfinished))
    for what in (
        "classify, parse, render, sandbox, verify",
        "'Fifth' must be a word",
        "channel_token needs a description",
        "spec.label",
        "in the future",
        "text, video",
        "carries nothing",
        "how do its events come in",
        "inbound.py is missing",
        "templates/messages/Fifth/mirror",
        "how somebody writes in the sandbox of 'Fifth'",
    ):
        assert what in told, f"{what!r} not in:\n{told}"


# --- settings -------------------------------------------------------------------------------------------------------


@each
def test_settings_reject_what_they_do_not_know(kind: AnyBridge) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.spec.settings.model_validate({"kind": kind.spec.kind, "url": SANDBOX, "tokn": "x"})
    assert any(e["loc"] == ("tokn",) and e["type"] == "extra_forbidden" for e in caught.value.errors())
    with pytest.raises(ValidationError):
        kind.spec.settings.model_validate({"kind": "another", "url": SANDBOX})


@each
def test_a_sandboxed_account_needs_nothing_more(kind: AnyBridge) -> None:
    account = kind.spec.settings.model_validate({"kind": kind.spec.kind, "url": SANDBOX})
    assert account.sandboxed


@each
def test_a_sandboxed_account_has_the_deployment_s_own_credentials_in_every_process(kind: AnyBridge) -> None:
    """None that only this process knows: with `serve` and `worker` apart, sandbox and sender are two processes."""
    account = kind.spec.settings.model_validate({"kind": kind.spec.kind, "url": SANDBOX})

    def secrets_with(deployment: str) -> dict[str, str]:
        own = account.with_own_credentials(credential_maker(deployment, "shop"))
        values = {k: v.get_secret_value() for k, v in own.model_dump().items() if isinstance(v, SecretStr)}
        given = {k: v for k, v in values.items() if v}
        written = kind.spec.settings.model_validate({"kind": kind.spec.kind, "url": SANDBOX, **given})
        assert written == own, "what is derived could have been written"
        return given

    ours, theirs = secrets_with("one deployment"), secrets_with("another")
    assert ours == secrets_with("one deployment")
    assert all(ours[field] != theirs[field] for field in ours), ours


@each
def test_settings_show_no_secret(kind: AnyBridge) -> None:
    account = canary_settings(kind)
    assert CANARY not in repr(account) + str(account) + account.model_dump_json()
    real = account.model_dump()
    wrong = {**{k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in real.items()}, "url": 7}
    with pytest.raises(ValidationError) as caught:
        kind.spec.settings.model_validate(wrong)
    assert CANARY not in str(caught.value.errors(include_input=False))


# --- in -------------------------------------------------------------------------------------------------------------

words = st.text(max_size=12)
KNOWN_KEYS = """event properties queueId type content body device user_id username profileName status name createdAt
mimeType href comment_id text chat sender created token contact_id message attach key callback_message messages id"""
keys_in_hooks = st.sampled_from(tuple(re.split(r"\s+", KNOWN_KEYS)))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | words
    | st.text("\ud800\udfff\0a", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys_in_hooks | words, inner, max_size=5),
    max_leaves=25,
)
bodies = st.binary(max_size=60) | values.map(lambda v: json.dumps(v).encode())
forms = st.lists(st.tuples(keys_in_hooks | words, words | values.map(json.dumps)), max_size=6).map(tuple)
types_of_bodies = st.sampled_from(
    ["", "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
)


def texts_in(value: Any) -> Iterator[str]:
    """Every string in a value, tuple or plain string."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from texts_in(getattr(value, name))


def parse(bridge: Bridge[Any], request: RawRequest) -> list[Event]:
    """Parse what need not have proved itself; only the documented error may come."""
    if isinstance(bridge, QuestionHook) and bridge.answers(request.tail):
        return []  # a question: it is answered, not parsed
    try:
        return list(bridge.parse(VerifiedRequest(request)))
    except MalformedPayload as e:
        assert len(str(e)) > 10, "a sentence, please"
        return []


@each
@FEW
@given(data=st.data(), body=bodies, form=forms, content_type=types_of_bodies)
def test_garbage_is_malformed_or_left_alone(
    kind: AnyBridge, data: st.DataObject, body: bytes, form: Any, content_type: str
) -> None:
    bridge = build(kind)
    tail = data.draw(st.sampled_from(kind.spec.hooks))
    is_form = content_type in ("application/x-www-form-urlencoded", "multipart/form-data")
    request = RawRequest(
        method="POST",
        tail=tail,
        headers={},
        query={},
        body=b"" if is_form and form else body,
        content_type=content_type,
        form=form if is_form else (),
    )
    for event in parse(bridge, request):
        assert isinstance(event, EVENTS)
        for text in texts_in(event):
            text.encode()  # what cannot be UTF-8 could be neither stored nor sent
        if isinstance(event, Answer):
            assert (event.contact_id is None) != (not event.username)
            assert event.identity
        if isinstance(event, Incoming):
            assert event.remote_user


@each
@given(body=bodies, form=forms, content_type=types_of_bodies, key=words)
@FEW
def test_nobody_proves_himself_by_chance(kind: AnyBridge, body: bytes, form: Any, content_type: str, key: str) -> None:
    bridge = build(kind)
    for tail in kind.spec.hooks:
        request = RawRequest(
            method="POST",
            tail=tail,
            headers={"key": key, "authorization": key},
            query={"token": key},
            body=body,
            content_type=content_type,
            form=form,
        )
        if tail == "<secret>":
            assert bridge.verify(request).request is request, "the core has checked the path"
            continue
        with pytest.raises((VerificationFailed, MalformedPayload)):
            bridge.verify(request)


# --- out ------------------------------------------------------------------------------------------------------------

plain = st.text(st.sampled_from("abcdeЫжш \n👍é"), max_size=80)
sentences = plain | st.integers(1, 40).flatmap(lambda n: plain.map(lambda t: (t + " слово ") * n))
attachments = st.builds(
    Attachment,
    kind=st.sampled_from(MediaKind),
    mime=st.sampled_from(["image/png", "image/svg+xml", "video/mp4", "audio/mpeg", "application/pdf", ""]),
    filename=st.sampled_from(["a.png", "film.mp4", "имя файла.pdf", ""]),
    url=st.just("https://files.example.com/f/1"),
    size=st.none() | st.integers(0, 40 * 1024 * 1024),
)
contents = st.builds(
    Content,
    text=sentences,
    attachments=st.lists(attachments, max_size=3).map(tuple),
    options=st.lists(st.text(st.sampled_from("abc ы"), max_size=24), max_size=15).map(tuple),
)
CONTACT = Contact(id=42, channel="shop", remote_id="47367670001", username="anna.travels", name="Анна")


@st.composite
def deliveries(draw: st.DrawFn, role: Role) -> Delivery:
    kinds = [Kind.ANSWER] if role is Role.CHANNEL else [Kind.MESSAGE, Kind.COMMENT, Kind.MIRROR, Kind.NOTICE]
    kind = draw(st.sampled_from(kinds))
    about_nobody = kind is Kind.NOTICE and draw(st.booleans())
    return Delivery(
        id="0660d02029f3bde41285-1",
        destination="account",
        kind=kind,
        contact=None if about_nobody else CONTACT,
        content=Content(text=draw(sentences)) if kind is Kind.NOTICE else draw(contents),
        origin="shop",
        author=draw(st.sampled_from(["", "Olga"])),
        comment_id=draw(st.sampled_from(["", "17900001"])),
        placeholder=draw(st.sampled_from(["", "story_mention"])) if kind is Kind.MESSAGE else "",
        bot_id=7,
        late=draw(st.booleans()),
        attempt=draw(st.integers(0, 3)),
    )


def solid(text: str) -> str:
    return "".join(text.split())


def within(part: Part, kind: AnyBridge) -> None:
    """A part keeps the limits that its spec names."""
    limits = kind.spec.limits
    if limits.text_chars is not None:
        assert len(part.text) <= limits.text_chars
    if limits.text_bytes is not None:
        assert len(part.text.encode()) <= limits.text_bytes
    if limits.options is not None:
        assert len(part.options) <= limits.options
    if limits.option_chars is not None:
        assert all(len(option) <= limits.option_chars for option in part.options)
    for file in part.attachments:
        limit = limits.files.get(file.kind)
        if limit is not None and limit.bytes is not None:
            assert (file.size or 0) <= limit.bytes


@each
@FEW
@given(data=st.data())
def test_what_fits_keeps_the_limits_and_loses_nothing(kind: AnyBridge, data: st.DataObject) -> None:
    bridge = build(kind, data.draw(st.sampled_from(["en", "ru"])))
    delivery = data.draw(deliveries(kind.spec.role))
    try:
        parts = list(bridge.fit(delivery))
    except UnsupportedContent as e:
        assert e.refusals and all(reasons(Templates("ru"), e)), "every reason is a sentence"
        with pytest.raises(UnsupportedContent) as again:
            bridge.fit(delivery)
        assert again.value.refusals == e.refusals
        return
    assert parts and parts == list(bridge.fit(delivery)), "the same both times"
    for part in parts:
        within(part, kind)
        request = bridge.render(delivery, part)
        check_request(request)
        assert bridge.render(delivery, part) == request
    said = solid("".join(part.text for part in parts))
    if kind.spec.role is Role.CHANNEL and not delivery.content.options:
        assert said == solid(delivery.content.text)
    elif len(parts) == 1:
        assert solid(delivery.content.text.replace("\r", "")) in said
    assert len([f for p in parts for f in p.attachments]) in (0, len(delivery.content.attachments))


def check_request(request: OutboundRequest) -> None:
    assert request.method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    assert request.url.startswith(URL)
    assert CANARY not in request.safe_url and request.safe_url.startswith("https://other.example.com")
    assert not re.search(r"[\x00-\x20]", request.url)
    for name, value in request.headers:
        assert "\n" not in name + value and "\r" not in name + value
    if request.timeout_s is not None:
        assert request.timeout_s > 0


# --- what came back -------------------------------------------------------------------------------------------------

answers = (
    st.binary(max_size=40)
    | values.map(lambda v: json.dumps(v).encode())
    | st.sampled_from(
        [
            b"",
            b"null",
            b"[]",
            b'{"ok": false}',
            b'{"ok": false, "error": "no"}',
            b'{"ok": "yes"}',
            b'{"result": {"success": false}, "error": "no"}',
            b'{"result": null}',
            b'{"code": -1, "response": "no"}',
            b"<html><body>502</body></html>",
            b"[" * 5000,
        ]
    )
)
headers = st.lists(
    st.tuples(st.sampled_from(["retry-after", "content-type", "date", "location"]), words), max_size=3
).map(tuple)


@each
@settings(max_examples=150)
@given(status=st.integers(100, 599), body=answers, headers=headers)
def test_classify_is_total(kind: AnyBridge, status: int, body: bytes, headers: Any) -> None:
    outcome = build(kind).classify(RawResponse(status=status, headers=headers, body=body))
    assert isinstance(outcome, Outcome) and isinstance(outcome.verdict, Verdict)
    # Some systems say yes in the body alone, whatever the status (the team chat, FACTS 1.2).
    if not 200 <= status < 300 and b'"ok":true' not in body.replace(b" ", b""):
        assert outcome.verdict is not Verdict.ACCEPTED
    if outcome.verdict is not Verdict.ACCEPTED:
        assert re.fullmatch(r"[a-z0-9_]+", outcome.reason), "a short code that metrics and people can count on"
    assert outcome.retry_after_s is None or outcome.retry_after_s >= 0
    assert outcome == build(kind).classify(RawResponse(status=status, headers=headers, body=body))


@each
@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_what_passes_is_tried_again(kind: AnyBridge, status: int) -> None:
    outcome = build(kind).classify(RawResponse(status=status, body=b"<html>try later</html>"))
    assert outcome.verdict is Verdict.RETRY


@each
def test_a_refused_key_uses_up_no_try(kind: AnyBridge) -> None:
    assert build(kind).classify(RawResponse(status=401)).verdict is Verdict.CREDENTIALS


@each
def test_a_page_for_people_is_no_success(kind: AnyBridge) -> None:
    html = RawResponse(status=200, headers=(("content-type", "text/html"),), body=b"<!doctype html><h1>Log in</h1>")
    assert build(kind).classify(html).verdict is not Verdict.ACCEPTED


# --- sandbox --------------------------------------------------------------------------------------------------------


@each
async def test_its_sandbox_runs_anywhere(kind: AnyBridge) -> None:
    made = kind.sandbox(sandbox_options(kind))
    assert made.page.startswith("/")
    assert kind.sandbox(sandbox_options(kind)).app is not made.app, "two accounts, two sandboxes"
    outer = web.Application()
    outer.add_subapp("/sandbox/account", made.app)
    async with TestServer(outer) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("/sandbox/account"))
        async with session.get(base + made.page) as response:
            page = await response.text()
            assert response.status == 200 and response.content_type == "text/html"
            assert "script-src" in response.headers.get("Content-Security-Policy", "") or "default-src" in (
                response.headers.get("Content-Security-Policy", "")
            )
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|(?:src|href)=.https?://", page), "no inline code"
        for path in ("state", "switches"):
            async with session.get(f"{base}/_sandbox/{path}") as response:
                assert response.status == 200 and isinstance(await response.json(), dict)
        async with session.post(f"{base}/_sandbox/switches", json={"no such switch": 1}) as response:
            assert response.status == 400
        async with session.post(f"{base}/_sandbox/reset", json={}) as response:
            assert response.status == 200


@contextlib.asynccontextmanager
async def far_side(kind: AnyBridge) -> AsyncIterator[tuple[Bridge[Any], SessionHttp, Act, list[Event]]]:
    """A bridge, its own sandbox on a port, the page's actions, and what comes in at the hook."""
    events: list[Event] = []

    async def hook(request: web.Request) -> web.Response:
        tail = request.match_info["tail"]
        form: tuple[tuple[str, str], ...] = ()
        if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
            form = tuple((k, v) for k, v in (await request.post()).items() if isinstance(v, str))
        raw = RawRequest(
            method="POST",
            tail="<secret>" if tail == "secret" else tail,
            headers={k.lower(): v for k, v in request.headers.items()},
            query=dict(request.query),
            body=b"" if form else await request.read(),
            content_type=request.content_type,
            form=form,
            received_at=time.time(),
        )
        events.extend(bridge.parse(bridge.verify(raw)))
        return web.json_response({"ok": True})

    relay, far = web.Application(), web.Application()
    relay.router.add_post("/hooks/account/{tail:.*}", hook)
    async with TestServer(relay) as hooks, aiohttp.ClientSession() as session:
        options = sandbox_options(kind)
        at = str(hooks.make_url("/hooks/account"))
        addresses = {tail: f"{at}/{tail.strip('<>')}" for tail in kind.spec.hooks}
        options = dataclasses.replace(options, hooks=addresses)
        far.add_subapp("/sandbox/account", kind.sandbox(options).app)
        async with TestServer(far) as server:
            base = str(server.make_url("/sandbox/account"))
            bridge = kind(options.settings, BridgeContext(name="account", texts=Templates("en"), url=base))
            http = SessionHttp(session)
            if isinstance(bridge, Provisioning):
                await bridge.provision(http, addresses)

            async def act(name: str, /, **arguments: Any) -> dict[str, Any]:
                async with session.post(f"{base}/_sandbox/act/{name}", json=arguments) as response:
                    found: dict[str, Any] = await response.json()
                    assert response.status == 200, found
                    return found

            yield bridge, http, act, events


async def sent(bridge: Bridge[Any], http: SessionHttp, delivery: Delivery) -> list[Outcome]:
    """All parts of a delivery, as the core would send them."""
    if isinstance(bridge, CustomSend):
        memory = DictMemory()
        return [await bridge.send(delivery, part, http, memory) for part in bridge.fit(delivery)]
    return [bridge.classify(await http(bridge.render(delivery, part))) for part in bridge.fit(delivery)]


@each
async def test_its_own_sandbox_takes_what_it_says_and_what_is_done_there_comes_back(kind: AnyBridge) -> None:
    """A green suite is worth little if the two halves of one bridge do not understand each other."""
    async with far_side(kind) as (bridge, http, act, events):
        is_desk = kind.spec.role is Role.DESK
        contact = Contact(id=NUMBER, channel="shop", remote_id="u1", username="anna", name="Anna")
        if not is_desk:
            await PLAYED[kind.spec.kind](act, "a question")
            await until(lambda: any(isinstance(e, Incoming) for e in events), what="the customer's words as an event")
            said = next(e for e in events if isinstance(e, Incoming))
            assert said.content.text == "a question"
            contact = msgspec.structs.replace(contact, channel="account", remote_id=said.remote_user)
        delivery = Delivery(
            id="d-1", destination="account", kind=Kind.MESSAGE if is_desk else Kind.ANSWER, contact=contact, bot_id=1,
            content=Content(text="Tom & Jerry, 100 % 👋"), origin="shop" if is_desk else "sales",
        )  # fmt: skip
        outcomes = await sent(bridge, http, delivery)
        assert outcomes and [(o.verdict, o.words) for o in outcomes] == [(Verdict.ACCEPTED, "")] * len(outcomes)
        if is_desk:
            await PLAYED[kind.spec.kind](act, "an answer")
            # Our own post may have come back as well.
            await until(
                lambda: (
                    [e.contact_id for e in events if isinstance(e, Answer) and e.content.text == "an answer"]
                    == [NUMBER]
                ),
                what="the colleague's words as an event",
            )


# --- optional abilities ---------------------------------------------------------------------------------------------


@each
def test_abilities_are_used(kind: AnyBridge) -> None:
    bridge = build(kind)
    if isinstance(bridge, QuestionHook):
        assert any(bridge.answers(tail) for tail in kind.spec.hooks)
        assert not bridge.answers("no such hook")
    if isinstance(bridge, Polling):
        assert isinstance(bridge.polls(), bool)
