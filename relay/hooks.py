"""The way in: POST /hooks/<account>[/<tail>]. Read, verify, parse, make durable, and only then answer 200.

Answers: 200 `{"ok": true}` for what is accepted and for what needs nothing (repeats, echoes, notes, unknown events);
404 for a wrong path secret and for what is not there; 401 for a wrong key or token; 400 for what cannot be read; 408
for a body that does not come; 413; 429; 503 with Retry-After when the store is away: only what is durable is promised.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from hiredis import ReplyError

from relay import bodies
from relay.acknowledgement import acknowledge
from relay.contract import Answering, Lookup, RawRequest
from relay.errors import MalformedPayload, PayloadTooLarge, StoreUnavailable, VerificationFailed
from relay.intake import Intake, NoSuchContact
from relay.metrics import Metrics
from relay.registry import SECRET_TAIL, Connection, Registry
from relay.signing import check_hook_secret

log = logging.getLogger("relay.hooks")

PATH = "/hooks/"
RETRY_AFTER_S = 5
# A caller with a wrong key may ask this often a minute before it is told to slow down; right keys are never counted.
WRONG_A_MINUTE = 120
_SECRET_FIELDS = ("token", "key")


class Hooks:
    """Handles the hooks of all accounts."""

    def __init__(
        self,
        registry: Registry,
        intake: Intake,
        lookups: Mapping[str, Lookup],
        metrics: Metrics,
        *,
        max_body: int,
        spool: Path,
    ) -> None:
        self.registry = registry
        self.intake = intake
        self.lookups = lookups
        self.metrics = metrics
        self.max_body = max_body
        self.spool = spool
        self._answering = {n: c.bridge for n, c in registry.accounts.items() if isinstance(c.bridge, Answering)}
        self._wrong: dict[str, deque[float]] = {}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"{PATH}{{account}}", self.handle)
        app.router.add_post(f"{PATH}{{account}}/{{tail}}", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One hook, found by aiohttp's router."""
        return await self.take(request, request.match_info["account"], request.match_info.get("tail", ""))

    def straight(self, request: web.BaseRequest) -> tuple[str, str] | None:
        """(account, tail) of a hook whose address needs no decoding, without asking the router, which would take a
        tenth of the time a hook takes. None: ask it."""
        path = request.rel_url.raw_path
        if not path.startswith(PATH) or request.method != "POST" or "%" in path or "Expect" in request.headers:
            return None
        name, _, tail = path.removeprefix(PATH).partition("/")
        return None if "/" in tail else (name, tail)

    async def take(self, request: web.BaseRequest, name: str, tail: str) -> web.StreamResponse:
        """POST /hooks/<name>[/<tail>]."""
        started = time.perf_counter()
        connection = self.registry.accounts.get(name)
        if connection is None:
            return _say(404, "There is no such hook address.")
        specified = connection.bridge.spec.hooks
        if SECRET_TAIL in specified:
            # The same answer as for an account that is not there: a stranger learns nothing.
            if not check_hook_secret(connection.secrets, tail):
                return self._wrong_key(request, 404, "There is no such hook address.")
            tail = SECRET_TAIL
        elif tail not in specified:
            known = ", ".join(f"/hooks/{name}" + (f"/{t}" if t else "") for t in specified)
            return _say(404, f"There is no such hook address; {name} has {known}.")
        response = await self._read(request, connection, tail)
        self.metrics.hook(name, response.status, time.perf_counter() - started)
        return response

    async def _read(self, request: web.BaseRequest, connection: Connection, tail: str) -> web.StreamResponse:
        limit = min(self.max_body, connection.bridge.spec.max_body)
        try:
            raw = await bodies.read(request, tail, limit=limit, spool=self.spool)
            try:
                return await self._take(request, connection, raw)
            finally:
                if raw.uploads:
                    bodies.forget(raw.uploads)
        except PayloadTooLarge as e:
            return _say(413, str(e))
        except MalformedPayload as e:
            log.info("%s: %s", connection.name, e)
            return _say(400, str(e))
        except VerificationFailed as e:
            log.warning("%s: refused a hook: %s", connection.name, e)
            return self._wrong_key(request, 401, str(e))
        except TimeoutError:
            return _say(408, f"The body did not come within {bodies.BODY_TIME_S:.0f} s.")
        except StoreUnavailable as e:
            log.error("%s: a hook was not accepted: %s", connection.name, e)
            return _say(503, "The store is away; please come back.", retry_after_s=RETRY_AFTER_S)
        except ReplyError:
            log.exception("%s: a hook was not accepted: the store did not understand us", connection.name)
            return _say(503, "The store is away; please come back.", retry_after_s=RETRY_AFTER_S)

    async def _take(self, request: web.BaseRequest, connection: Connection, raw: RawRequest) -> web.StreamResponse:
        bridge = connection.bridge
        verified = bridge.verify(raw)
        if (answering := self._answering.get(connection.name)) is not None and answering.answers(raw.tail):
            status, value = await answering.answer(verified, self.lookups[connection.name])
            return _json(status, value)
        body = _journalled(raw)
        for event in bridge.parse(verified):
            try:
                taken = await self.intake.take(connection, event, body)
            except NoSuchContact as e:
                return _say(404, str(e))
            self.metrics.event(connection.name, taken.what)
        return acknowledge(request)

    def _wrong_key(self, request: web.BaseRequest, status: int, sentence: str) -> web.Response:
        """The answer to a wrong key; 429 to too many. A right key is never held up by somebody else's wrong ones,
        which behind a proxy come from the same address."""
        now = time.monotonic()
        if len(self._wrong) > 10_000:
            self._wrong.clear()
        tries = self._wrong.setdefault(request.remote or "", deque(maxlen=WRONG_A_MINUTE))
        too_many = len(tries) == WRONG_A_MINUTE and tries[0] > now - 60
        tries.append(now)
        if too_many:
            return _say(429, "Too many wrong keys from here.", retry_after_s=60)
        return _say(status, sentence)


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


def _say(status: int, sentence: str, *, retry_after_s: int | None = None) -> web.Response:
    response = _json(status, {"ok": False, "error": sentence})
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
