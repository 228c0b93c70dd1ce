"""From a request to an answer, for every operation alike: who asks, may they, is it well formed, came it before."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import hdrs, web
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as DatabaseTimeout

from relay.contract.errors import RelayError, StoreUnavailable
from relay.history.database import HistoryUnavailable
from relay.people.rights import RIGHTS
from relay.people.who import Who
from relay.web.api.idempotency import HEADER, Answered, Idempotency
from relay.web.api.limits import BODY_BYTES
from relay.web.api.operations import PREFIX, Call, Given, Nothing, Operation, Reply
from relay.web.api.problems import Problem, invalid, problem_page
from relay.web.api.services import Services

log = logging.getLogger("relay.web.api")

RETRY_AFTER_S: Final = 2
_JSON: Final = "application/json"
_MARKER: Final = re.compile(r"\{(\w+)\}")
_VERSION: Final = re.compile(r'(?:W/)?"?(\d{1,15})"?')
Served = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """All operations, served."""

    def __init__(self, operations: Sequence[Operation], services: Services) -> None:
        missing = [o.id for o in operations if o.id not in RIGHTS]
        if missing:
            raise RuntimeError(f"no entry in relay.people.rights for: {', '.join(missing)}")
        self.operations = tuple(operations)
        self.services = services
        self._paths = [(re.compile(PREFIX + _MARKER.sub("[^/]+", o.path) + "/?"), o.method) for o in operations]

    def routes(self) -> list[web.RouteDef]:
        """Every operation, what explains problems, and a problem for whatever else is asked under /api/."""
        made = [web.route(o.method, PREFIX + o.path, self._served(o)) for o in self.operations]
        made.append(web.get("/problems/{kind}", problem_page))
        made.append(web.route("*", "/api/{tail:.*}", self._nothing_here))
        return made

    def _served(self, operation: Operation) -> Served:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._guarded(request, lambda rid: self._serve(operation, request, rid))

        return serve

    async def _nothing_here(self, request: web.Request) -> web.StreamResponse:
        allowed = sorted({method for path, method in self._paths if path.fullmatch(request.path)})
        if allowed:
            problem = Problem(
                "method-not-allowed", f"This address takes {', '.join(allowed)}.", headers={"Allow": ", ".join(allowed)}
            )
        else:
            problem = Problem("not-found", "There is no such address; /api/docs lists them all.")
        return problem.response(_request_id())

    async def _guarded(
        self, request: web.Request, work: Callable[[str], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Whatever happens becomes an answer in the API's own words."""
        request_id = _request_id()
        try:
            return await work(request_id)
        except Problem as e:
            response = e.response(request_id)
        except StoreUnavailable as e:
            response = _away(str(e)).response(request_id)
        except (InterfaceError, OperationalError, DatabaseTimeout) as e:
            log.warning("%s: the history did not answer: %s", request_id, e.__class__.__name__)
            response = _away("The history does not answer at the moment.").response(request_id)
        except HistoryUnavailable as e:
            response = _away(str(e)).response(request_id)
        except RelayError as e:
            response = Problem("conflict", str(e)).response(request_id)
        except web.HTTPException as e:
            response = _of_framework(e).response(request_id)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            log.exception("%s: a bug while answering %s", request_id, request.path)
            response = Problem("bug").response(request_id)
        self.services.gate.finish(request, response)
        return response

    # --- one request -------------------------------------------------------------------------------------------------

    async def _serve(self, operation: Operation, request: web.Request, request_id: str) -> web.StreamResponse:
        services = self.services
        who = await self._who(operation, request)
        allowance = await services.limits.count(who.id)
        path = _path(operation, request)
        query = _query(operation, request)
        raw = b"" if operation.raw is not None or operation.body is None else await _body(request)
        body = _parsed(operation, request, raw)
        call = Call(
            operation=operation,
            services=services,
            who=who,
            request=request,
            request_id=request_id,
            given_path=path,
            given_query=query,
            given_body=body,
            if_match=_if_match(request) if operation.conditional else None,
        )
        if operation.raw is not None:
            streamed = await operation.raw(call)
            if not streamed.prepared:
                services.gate.finish(request, streamed)
            return streamed
        if operation.sends:
            response = await self._once(call, raw)
        else:
            response = await self._answer(call)
        response.headers.update(allowance.headers())
        services.gate.finish(request, response, new_session_id=call.new_session_id)
        return response

    async def _who(self, operation: Operation, request: web.Request) -> Who:
        gate = self.services.gate
        who = await gate.who(request, refresh=operation.refreshes)
        if who is None:
            raise Problem(
                "not-logged-in",
                "Nobody is logged in, and there is no good token.",
                headers={"WWW-Authenticate": 'Bearer realm="relay"'},
            )
        if why := gate.forged(request, who):
            raise Problem("forged", why)
        right = RIGHTS[operation.id]
        if right.people_only and not who.is_person:
            raise Problem("not-allowed", "This is about the person who asks; a token is none.")
        if not who.may(right):
            if who.kind == "token":
                raise Problem("not-allowed", f"This needs a token of scope {right.scope.value}.")
            raise Problem("not-allowed", f"This is for the role {right.role.value}.")
        if who.must_prove(right, self.services.people.clock()):
            raise Problem("sudo-needed", "Give your password once more: POST it to /api/v1/me/sudo.")
        return who

    async def _answer(self, call: Call) -> web.Response:
        operation = call.operation
        assert operation.handler is not None
        made = await operation.handler(call)
        reply = made if isinstance(made, Reply) else Reply(body=made)
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **reply.headers}
        if reply.version is not None:
            headers["ETag"] = f'"{reply.version}"'
        if reply.body is None:
            return web.Response(status=reply.status or 204, headers=headers)
        if (following := getattr(reply.body, "next", None)) is not None:
            url = call.request.rel_url.update_query(cursor=following)
            headers["Link"] = f'<{url.path_qs}>; rel="next"'
        body = reply.body.model_dump_json(by_alias=True).encode()
        return web.Response(status=reply.status or operation.status, body=body, content_type=_JSON, headers=headers)

    async def _once(self, call: Call, raw: bytes) -> web.Response:
        """Answer a request that may be sent again: what was decided is decided, what failed in passing is not."""
        idempotency, who = self.services.idempotency, call.who.id
        key = call.idempotency_key = Idempotency.check(call.request.headers.get(HEADER))
        fingerprint = Idempotency.fingerprint(call.request.method, call.request.path, raw)
        before = await idempotency.begin(who, key, fingerprint)
        if before is not None:
            headers = {"Cache-Control": "no-store", "Idempotent-Replayed": "true"}
            return web.Response(
                status=before.status, body=before.body, content_type=before.content_type, headers=headers
            )
        try:
            response = await self._answer(call)
        except Problem as e:
            # Nothing was done. The same request may come to something later: after the store is back, or with the
            # newest answer read.
            await idempotency.give_up(who, key)
            raise e
        except BaseException:
            await idempotency.give_up(who, key)
            raise
        body = response.body if isinstance(response.body, bytes) else b""
        answered = Answered(status=response.status, body=body, content_type=response.content_type)
        await idempotency.end(who, key, fingerprint, answered)
        return response


# --- reading a request ------------------------------------------------------------------------------------------------


def _path(operation: Operation, request: web.Request) -> Given:
    if operation.parameters is Nothing:
        return Nothing()
    try:
        return operation.parameters.model_validate(dict(request.match_info))
    except ValidationError:
        raise Problem("not-found", "There is no such thing: the address names none.") from None


def _query(operation: Operation, request: web.Request) -> Given:
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise Problem("invalid", f"The query parameter {name[:60]} is there twice.")
        given[name] = value
    try:
        return operation.query.model_validate(given)
    except ValidationError as e:
        raise invalid(e, query=True) from None


async def _body(request: web.Request) -> bytes:
    too_large = Problem("too-large", f"At most {BODY_BYTES} bytes are taken here.", limit=BODY_BYTES)
    if (request.content_length or 0) > BODY_BYTES:
        raise too_large
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Problem("unsupported-type", "The body must not be compressed.")
    raw = bytearray()
    async for chunk in request.content.iter_chunked(65_536):
        raw += chunk
        if len(raw) > BODY_BYTES:
            raise too_large
    return bytes(raw)


def _parsed(operation: Operation, request: web.Request, raw: bytes) -> Given | None:
    if operation.body is None or operation.raw is not None:
        return None
    if not raw and operation.body_optional:
        return operation.body()
    if request.content_type != _JSON:
        raise Problem("unsupported-type", f"The body must be {_JSON}.")
    try:
        return operation.body.model_validate_json(raw, strict=True)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise Problem("malformed", f"The body is not JSON: {first['ctx']['error']}.") from None
        raise invalid(e) from None


def _if_match(request: web.Request) -> int | None:
    given = request.headers.get(hdrs.IF_MATCH)
    if given is None or given.strip() == "*":
        return None
    found = _VERSION.fullmatch(given.strip())
    if found is None:
        raise Problem("malformed", 'If-Match must be a version, such as "7".')
    return int(found[1])


def _away(words: str) -> Problem:
    return Problem("unavailable", words, headers={"Retry-After": str(RETRY_AFTER_S)}, retry_after=RETRY_AFTER_S)


def _of_framework(error: web.HTTPException) -> Problem:
    match error.status:
        case 413:
            return Problem("too-large")
        case 404:
            return Problem("not-found")
        case 405:
            return Problem("method-not-allowed")
        case 415:
            return Problem("unsupported-type")
        case status if status < 500:
            return Problem("malformed", error.reason)
        case _:
            return Problem("bug")


def _request_id() -> str:
    return secrets.token_hex(8)
