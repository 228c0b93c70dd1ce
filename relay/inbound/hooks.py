"""The way in: POST /hooks/<account>[/<tail>]. Read, verify, parse, make durable, and only then answer 200.

Answers: 200 `{"ok": true}` for what is accepted and for what needs nothing (repeats, echoes, notes, unknown events);
404 for a wrong path secret and for what is not there; 401 for a wrong key or token; 400 for what cannot be read; 408
for a body that does not come; 413; 415 for a compressed one; 429; 503 with Retry-After when the store is away, the disk
is full or too much is being sent: only what is durable is promised. Nothing that is sent is answered 500.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping

from aiohttp import web
from hiredis import ReplyError

from relay.contract import Lookup, QuestionHook, RawRequest
from relay.contract.errors import MalformedPayload, PayloadTooLarge, StoreUnavailable, VerificationFailed
from relay.contract.model import Answer
from relay.inbound.bodies import BodyReader, Crowded, Limits, NoRoom, Spool, UnsupportedEncoding, read, whole
from relay.inbound.bodies.reading import SMALL, forget, judge
from relay.inbound.callers import caller_address
from relay.inbound.intake import AnsweredMeanwhile, Intake, NoSuchContact
from relay.inbound.journalled import is_secret, journalled
from relay.inbound.replies import ACCEPTED, Reply, answered, said
from relay.inbound.wrong_keys import RefusedHooks, TooManyWrongKeys, WrongKeys
from relay.observe.metrics import Metrics
from relay.observe.quiet_log import QuietLog
from relay.routing.accounts import SECRET_TAIL, Account, Accounts
from relay.routing.hook_addresses import check_hook_secret

log = logging.getLogger("relay.inbound.hooks")

PATH = "/hooks/"
RETRY_AFTER_S = 5
_NOWHERE = said(404, "There is no such hook address.")
_AWAY = said(503, "The store is away; please come back.", retry_after_s=RETRY_AFTER_S)
_OLD_ADDRESS = (
    "%s: a hook with a wrong secret in its address came from %s. If that is the channel itself, it uses an old "
    "address: `relay provision` registers the right one, `relay check` prints it."
)

_Read = Callable[[Account, str], Awaitable[RawRequest]]
"""(account, tail) -> the request with its body"""


class Hooks:
    """Handles the hooks of all accounts."""

    def __init__(
        self,
        accounts: Accounts,
        intake: Intake,
        lookups: Mapping[str, Lookup],
        metrics: Metrics,
        *,
        max_body: int,
        max_file: int,
        spool: Spool,
        trusted_proxies: Collection[str] = (),
    ) -> None:
        """`max_body`: bytes of a hook with its files; `max_file`: of one file. Without files it is what the bridge
        says."""
        self.accounts = accounts
        self.intake = intake
        self.lookups = lookups
        self.metrics = metrics
        self.reader = BodyReader(spool)
        self.wrong_keys = WrongKeys()
        self.refused_hooks = RefusedHooks()
        self._trusted = tuple(trusted_proxies)
        self._quiet = QuietLog(log)
        self._max_body, self._max_file = max_body, max_file
        self.refresh()

    def refresh(self) -> None:
        """Look at the accounts anew: they have changed."""
        accounts = self.accounts.by_name.items()
        self._answering = {n: c.bridge for n, c in accounts if isinstance(c.bridge, QuestionHook)}
        self._limits = {n: _limits(c, self._max_body, self._max_file) for n, c in accounts}

    def add_routes(self, app: web.Application) -> None:
        # An address with and without a trailing slash is the same.
        for path in ("{account}", "{account}/", "{account}/{tail}", "{account}/{tail}/"):
            app.router.add_post(PATH + path, self.handle)
        app.router.add_post(PATH + "{anything:.*}", _nowhere)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A hook whose head aiohttp has read, and routed."""
        path = request.match_info
        remote = request.remote or ""
        with self.reader.budget.share() as share:

            async def read_all(account: Account, tail: str) -> RawRequest:
                proven = _proven_before_its_body(account)
                if account.bridge.spec.key_header:
                    account.bridge.verify(_head_of(request.headers, tail))
                return await read(
                    self.reader,
                    request,
                    tail,
                    limits=self._limits[account.name],
                    share=share,
                    proven=proven,
                    prove=lambda form: _proves(account, request.headers, tail, form),
                )

            reply = await self._serve(path["account"], path.get("tail", ""), remote, request.headers, read_all)
        response = reply.response()
        if reply.status >= 400 and request.can_read_body and not request.content.at_eof():
            response.force_close()  # what was not read is not drained either
        return response

    async def handle_complete(
        self, name: str, tail: str, headers: Mapping[str, str], body: bytes, remote: str
    ) -> Reply:
        """A hook with a plain body that has come. Raises only bugs."""
        return await self._serve(name, tail, remote, headers, body)

    async def _serve(self, name: str, tail: str, remote: str, headers: Mapping[str, str], body: bytes | _Read) -> Reply:
        """POST /hooks/<name>[/<tail>]. A body that has not come is read only once it is known whose hook it is."""
        started = time.perf_counter()
        if self._trusted:
            remote = caller_address(remote, headers, self._trusted)
        account = self.accounts.by_name.get(name)
        if account is None:
            return _NOWHERE
        found = self._tail(account, tail, remote)
        if isinstance(found, Reply):
            reply = found
        else:
            try:
                if self.wrong_keys.callers and found != SECRET_TAIL:
                    await self.wrong_keys.turn(remote, name)
                if not isinstance(body, bytes):
                    raw = await body(account, found)
                elif len(body) <= SMALL:
                    raw = judge(headers, body, found)
                else:
                    raw = await self._large(account, found, headers, body)
                try:
                    reply = await self._take(account, raw)
                finally:
                    if raw.uploads:
                        forget(raw.uploads)
            except Exception as e:
                reply = self._refused(account, remote, e)
        self.metrics.hook(name, reply.status, time.perf_counter() - started)
        return reply

    async def _large(self, account: Account, tail: str, headers: Mapping[str, str], body: bytes) -> RawRequest:
        """A body that has come, and is large enough that reading it is work."""
        if account.bridge.spec.key_header:
            account.bridge.verify(_head_of(headers, tail))
        limit, proven = self._limits[account.name].body, _proven_before_its_body(account)
        return await whole(self.reader, headers, body, tail, limit=limit, proven=proven)

    def _tail(self, account: Account, tail: str, remote: str) -> str | Reply:
        """The tail its bridge knows the hook by, or the reply to an address that is none."""
        specified = account.bridge.spec.hooks
        if SECRET_TAIL in specified and (tail == SECRET_TAIL or tail not in specified):
            if check_hook_secret(account.secrets, tail):
                return SECRET_TAIL
            # The same answer as for an account that is not there: a stranger learns nothing. The owner does: it may be
            # the channel itself, registered with another relay or before the secret was changed.
            self.metrics.refused(account.name, "wrong_secret")
            self.refused_hooks.note(account.name)
            self._quiet.say(logging.WARNING, ("secret", account.name), _OLD_ADDRESS, account.name, remote or "?")
            return _NOWHERE
        if tail not in specified:
            known = ", ".join(f"/hooks/{account.name}" + (f"/{t}" if t else "") for t in specified)
            return said(404, f"There is no such hook address; {account.name} has {known}.")
        return tail

    async def _take(self, account: Account, raw: RawRequest) -> Reply:
        bridge = account.bridge
        verified = bridge.verify(raw)
        if (answering := self._answering.get(account.name)) is not None and answering.answers(raw.tail):
            return answered(*await answering.answer(verified, self.lookups[account.name]))
        events = bridge.parse(verified)
        # What a path secret proves needs no proof in its body.
        body = raw.body if raw.tail == SECRET_TAIL and not raw.form and not raw.uploads else journalled(raw)
        unreadable = 0
        for event in events:
            try:
                taken = await self.intake.take(account, event, body)
            except NoSuchContact as e:
                return said(404, str(e))
            except AnsweredMeanwhile as e:
                return answered(412, {"ok": False, "error": str(e), "newest": e.newest})
            unreadable += taken.what == "unreadable"
            self.metrics.event(account.name, taken.what)
            if isinstance(event, Answer) and event.client_id and taken.message_id:
                # Who names answers is told our name of it: that is what `after` takes.
                return answered(200, {"ok": True, "id": taken.message_id})
        if unreadable and unreadable == len(events):
            return said(400, "None of its events can be read.")
        return ACCEPTED

    def _refused(self, account: Account, remote: str, error: Exception) -> Reply:
        """Why a hook was not taken."""
        name = account.name
        caller = (name, remote)
        match error:
            case PayloadTooLarge():
                return self._said(caller, 413, "too_large", error, logging.INFO)
            case UnsupportedEncoding():
                return self._said(caller, 415, "compressed", error, logging.INFO)
            case MalformedPayload():
                return self._said(caller, 400, "unreadable", error, logging.WARNING)
            case VerificationFailed():
                self.wrong_keys.wrong(remote, name)
                self.refused_hooks.note(name)
                return self._said(caller, 401, "wrong_key", error, logging.WARNING)
            case TooManyWrongKeys():
                self.metrics.refused(name, "too_many_wrong_keys")
                return said(429, str(error), retry_after_s=error.retry_after_s)
            case TimeoutError():
                sentence = "The body did not come, or came too slowly."
                return self._said(caller, 408, "slow", sentence, logging.INFO)
            case Crowded() | NoRoom():
                self._said(caller, 503, "no_room", error, logging.ERROR)
                return said(503, str(error), retry_after_s=RETRY_AFTER_S)
            case StoreUnavailable() | ReplyError():
                # An outage of seconds is thousands of hooks; what it is, the first one says.
                self.metrics.refused(name, "store")
                self._quiet.say(logging.ERROR, ("store", type(error)), "%s: a hook was not accepted: %s", name, error)
                return _AWAY
        # A bug: a sender that repeats must not be able to fill the log with it.
        self.metrics.refused(name, "bug")
        kind = ("bug", name, type(error))
        self._quiet.say(logging.ERROR, kind, "%s: a bug while taking a hook: %r", name, error, exc_info=error)
        return said(500, "Something is wrong here; it has been noted.")

    def _said(self, caller: tuple[str, str], status: int, why: str, sentence: object, level: int) -> Reply:
        name, remote = caller
        self.metrics.refused(name, why)
        self._quiet.say(level, (why, name), "%s: refused a hook from %s: %s", name, remote or "?", sentence)
        return said(status, str(sentence))


async def _nowhere(_: web.Request) -> web.StreamResponse:
    return _NOWHERE.response()


def _limits(account: Account, max_body: int, max_file: int) -> Limits:
    spec = account.bridge.spec
    body = min(spec.max_body, max_body)
    return Limits(body=body, form=max_body if spec.takes_files else body, file=max_file if spec.takes_files else body)


def _proven_before_its_body(account: Account) -> bool:
    spec = account.bridge.spec
    return bool(spec.key_header) or spec.hooks == (SECRET_TAIL,)


def _head_of(headers: Mapping[str, str], tail: str, form: tuple[tuple[str, str], ...] = ()) -> RawRequest:
    return RawRequest(
        method="POST",
        tail=tail,
        headers=headers,
        query={},
        body=b"",
        content_type="",
        form=form,
        received_at=time.time(),
    )


def _proves(account: Account, headers: Mapping[str, str], tail: str, form: tuple[tuple[str, str], ...]) -> bool:
    """Whether what has come of a form proves its sender. Raises VerificationFailed where the proof has come and is
    wrong; without one the rest may still bring it."""
    try:
        account.bridge.verify(_head_of(headers, tail, form))
    except MalformedPayload:
        return False
    except VerificationFailed:
        if any(is_secret(name) for name, _ in form):
            raise
        return False
    return True
