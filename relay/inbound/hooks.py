"""The way in: POST /hooks/<account>[/<tail>]. Read, verify, parse, make durable, and only then answer 200.

Answers: 200 `{"ok": true}` for what is accepted and for what needs nothing (repeats, echoes, notes, unknown events);
404 for a wrong path secret and for what is not there; 401 for a wrong key or token; 400 for what cannot be read; 408
for a body that does not come; 413; 429; 503 with Retry-After when the store is away: only what is durable is promised.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from hiredis import ReplyError

from relay.contract import Lookup, QuestionHook, RawRequest
from relay.contract.errors import MalformedPayload, PayloadTooLarge, StoreUnavailable, VerificationFailed
from relay.contract.model import Answer
from relay.inbound import bodies
from relay.inbound.intake import AnsweredMeanwhile, Intake, NoSuchContact
from relay.inbound.replies import ACCEPTED, Reply, answered, said
from relay.observe.metrics import Metrics
from relay.routing.accounts import SECRET_TAIL, Account, Accounts
from relay.routing.hook_addresses import check_hook_secret

log = logging.getLogger("relay.inbound.hooks")

PATH = "/hooks/"
RETRY_AFTER_S = 5
# A caller with a wrong key may ask this often a minute before it is told to slow down; right keys are never counted.
WRONG_A_MINUTE = 120
_SECRET_FIELDS = ("token", "key")
_NOWHERE = said(404, "There is no such hook address.")
_AWAY = said(503, "The store is away; please come back.", retry_after_s=RETRY_AFTER_S)

_Read = Callable[[str, int], Awaitable[RawRequest]]
"""(tail, limit in bytes) -> the request with its body"""


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
        spool: Path,
    ) -> None:
        self.accounts = accounts
        self.intake = intake
        self.lookups = lookups
        self.metrics = metrics
        self.max_body = max_body
        self.spool = spool
        self._answering = {n: c.bridge for n, c in accounts.by_name.items() if isinstance(c.bridge, QuestionHook)}
        self._wrong: dict[str, deque[float]] = {}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"{PATH}{{account}}", self.handle)
        app.router.add_post(f"{PATH}{{account}}/{{tail}}", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A hook that aiohttp has read and routed."""

        async def read(tail: str, limit: int) -> RawRequest:
            return await bodies.read(request, tail, limit=limit, spool=self.spool)

        path = request.match_info
        return (await self._serve(path["account"], path.get("tail", ""), request.remote or "", read)).response()

    async def handle_complete(
        self, name: str, tail: str, headers: Mapping[str, str], body: bytes, remote: str
    ) -> Reply:
        """A hook with a plain body that has come. Raises only bugs."""

        async def read(tail: str, limit: int) -> RawRequest:
            return bodies.whole(headers, body, tail, limit=limit)

        return await self._serve(name, tail, remote, read)

    async def _serve(self, name: str, tail: str, remote: str, read: _Read) -> Reply:
        """POST /hooks/<name>[/<tail>]. The body is read only once it is known whose hook it is."""
        started = time.perf_counter()
        found = self._find(name, tail, remote)
        if isinstance(found, Reply):
            return found
        connection, tail = found
        try:
            raw = await read(tail, min(self.max_body, connection.bridge.spec.max_body))
            try:
                reply = await self._take(connection, raw)
            finally:
                if raw.uploads:
                    bodies.forget(raw.uploads)
        except Exception as e:
            reply = self._refused(connection, remote, e)
        self.metrics.hook(name, reply.status, time.perf_counter() - started)
        return reply

    def _find(self, name: str, tail: str, remote: str) -> tuple[Account, str] | Reply:
        """Whose hook it is, and the tail its bridge knows it by."""
        connection = self.accounts.by_name.get(name)
        if connection is None:
            return _NOWHERE
        specified = connection.bridge.spec.hooks
        if SECRET_TAIL in specified and (tail == SECRET_TAIL or tail not in specified):
            # The same answer as for an account that is not there: a stranger learns nothing.
            if not check_hook_secret(connection.secrets, tail):
                return self._wrong_key(remote, _NOWHERE)
            return connection, SECRET_TAIL
        if tail not in specified:
            known = ", ".join(f"/hooks/{name}" + (f"/{t}" if t else "") for t in specified)
            return said(404, f"There is no such hook address; {name} has {known}.")
        return connection, tail

    async def _take(self, connection: Account, raw: RawRequest) -> Reply:
        bridge = connection.bridge
        verified = bridge.verify(raw)
        if (answering := self._answering.get(connection.name)) is not None and answering.answers(raw.tail):
            return answered(*await answering.answer(verified, self.lookups[connection.name]))
        body = _journalled(raw)
        for event in bridge.parse(verified):
            try:
                taken = await self.intake.take(connection, event, body)
            except NoSuchContact as e:
                return said(404, str(e))
            except AnsweredMeanwhile as e:
                return answered(412, {"ok": False, "error": str(e), "newest": e.newest})
            self.metrics.event(connection.name, taken.what)
            if isinstance(event, Answer) and event.client_id and taken.message_id:
                # Who names answers is told our name of it: that is what `after` takes.
                return answered(200, {"ok": True, "id": taken.message_id})
        return ACCEPTED

    def _refused(self, connection: Account, remote: str, error: Exception) -> Reply:
        """Why a hook was not taken. What is not known to happen is raised again."""
        match error:
            case PayloadTooLarge():
                return said(413, str(error))
            case MalformedPayload():
                log.info("%s: %s", connection.name, error)
                return said(400, str(error))
            case VerificationFailed():
                log.warning("%s: refused a hook: %s", connection.name, error)
                return self._wrong_key(remote, said(401, str(error)))
            case TimeoutError():
                return said(408, f"The body did not come within {bodies.BODY_TIME_S:.0f} s.")
            case StoreUnavailable():
                log.error("%s: a hook was not accepted: %s", connection.name, error)
                return _AWAY
            case ReplyError():
                log.error(
                    "%s: a hook was not accepted: the store did not understand us", connection.name, exc_info=error
                )
                return _AWAY
        raise error

    def _wrong_key(self, remote: str, otherwise: Reply) -> Reply:
        """The answer to a wrong key; 429 to too many. A right key is never held up by somebody else's wrong ones,
        which behind a proxy come from the same address."""
        now = time.monotonic()
        if len(self._wrong) > 10_000:
            self._wrong.clear()
        tries = self._wrong.setdefault(remote, deque(maxlen=WRONG_A_MINUTE))
        too_many = len(tries) == WRONG_A_MINUTE and tries[0] > now - 60
        tries.append(now)
        return said(429, "Too many wrong keys from here.", retry_after_s=60) if too_many else otherwise


def _journalled(raw: RawRequest) -> bytes:
    """The body as it is kept: as it came, but without our key or token; of files only names and sizes."""
    if not raw.form and not raw.uploads:
        return raw.body if b"token" not in raw.body else _without_token(raw.body)
    fields: dict[str, Any] = {k: v for k, v in raw.form if k not in _SECRET_FIELDS}
    if raw.uploads:
        fields["_files"] = [{"field": u.field, "filename": u.filename, "size": u.size} for u in raw.uploads]
    return orjson.dumps(fields)


def _without_token(body: bytes) -> bytes:
    try:
        value = orjson.loads(body)
    except ValueError:
        return body
    if not isinstance(value, dict):
        return body
    return orjson.dumps({k: v for k, v in value.items() if k not in _SECRET_FIELDS})
