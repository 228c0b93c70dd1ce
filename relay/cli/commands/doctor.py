"""`relay doctor` and `relay provision`: would every outside system work, and do they know our hook addresses?"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from relay.cli.console import out, write_json
from relay.cli.loading import Kinds, offline
from relay.cli.open_store import opened_store
from relay.cli.options import config_of, config_option, json_option, kinds
from relay.config.load import Config
from relay.config.secret_keys import secret_keys
from relay.contract import Check, Http
from relay.contract.errors import RelayError, SendError
from relay.contract.model import OutboundRequest
from relay.contract.sizes import format_size
from relay.routing.accounts import Account
from relay.routing.hook_addresses import proof_of_key
from relay.service.provisioning import probe_one, provision_one
from relay.store.server.checks import check_store
from relay.transport.sender import Sender

Found = dict[str, list[Check]]
STORE, PUBLIC = "store", "public address"
START_FIRST = "its sandbox is part of the relay: start `relay run` first"


async def doctor(config: Config, kinds: Kinds) -> Found:
    """Ask everything; one list of checks per account, and for the store and the public address."""
    checks, running = await _store(config)
    found: Found = {STORE: checks}
    async with Sender(timeout_s=config.delivery.timeout) as http:
        found[PUBLIC] = await _public_address(config, kinds, http, running=running)
        found |= await _each(config, kinds, http, probe_one, running=running)
    return found


async def provision(config: Config, kinds: Kinds) -> Found:
    """Register our hook addresses wherever that is possible."""
    async with Sender(timeout_s=config.delivery.timeout) as http:
        return await _each(config, kinds, http, provision_one, running=True)


async def _each(
    config: Config,
    kinds: Kinds,
    http: Http,
    ask: Callable[[Account, Http], Awaitable[list[Check]]],
    *,
    running: bool,
) -> Found:
    connections = list(offline(config, kinds).by_name.values())
    answers = await asyncio.gather(*(ask(c, http) for c in connections))
    found: Found = {}
    for connection, checks in zip(connections, answers, strict=True):
        found[connection.name] = checks
        if connection.settings.sandboxed and any(c.ok is False for c in checks) and not await _lives(connection, http):
            said = f"{connection.bridge.context.url} does not answer"
            ok = False if running else None  # before the first start nothing of our own can answer
            found[connection.name] = [Check(ok=ok, what="sandbox", found=said, remedy=START_FIRST)]
    return found


async def _lives(connection: Account, http: Http) -> bool:
    url = f"{connection.base}/healthz"
    try:
        await http(OutboundRequest(method="GET", url=url, safe_url=url))
    except SendError:
        return False
    return True


async def _store(config: Config) -> tuple[list[Check], bool]:
    """How the store does, and whether a relay runs on it."""
    try:
        async with opened_store(config) as store:
            try:
                report = await check_store(store.redis)
                await store.ping()
                running = bool(await store.workers())
            except RelayError as e:
                return [Check(ok=False, what="writable", found=str(e), remedy="see the server's own log")], False
    except RelayError as e:
        return [Check(ok=False, what="reachable", found=str(e), remedy="check `store` in config.yaml")], False
    return [*report.checks, Check(ok=True, what="takes writes")], running


async def _public_address(config: Config, kinds: Kinds, http: Http, *, running: bool) -> list[Check]:
    """Whether it is this relay, with this secret key, that answers where outside systems look for it."""
    if config.only_own:
        return [Check(ok=None, what="reachable", found="not needed: only sandboxes are configured")]
    if not running:
        said = "no relay runs on this store yet, so its address cannot be tried"
        return [Check(ok=None, what="reachable", found=said, remedy="start it with `relay run`, and ask again")]
    url, nonce = f"{config.base_url}/healthz", secrets.token_hex(16)
    try:
        answer = await http(OutboundRequest(method="GET", url=f"{url}?nonce={nonce}", safe_url=url))
    except SendError as e:
        remedy = "start the relay, and point `public_url` and your proxy at it"
        return [Check(ok=False, what="reachable", found=f"{url}: {e}", remedy=remedy)]
    if answer.status != HTTPStatus.OK:
        remedy = "something else answers there: check `public_url` and the proxy in front"
        return [Check(ok=False, what="reachable", found=f"{url} answers {answer.status}", remedy=remedy)]
    proof = _proof_in(answer.body)
    if not any(hmac.compare_digest(proof, proof_of_key(key, nonce)) for key in secret_keys(config)[:1]):
        remedy = (
            "compare `public_url` and `secret_key` with those the relay was started with; with another key every hook "
            "address is another, and hooks end in 404"
        )
        said = f"what answers at {url} is another relay, or one with another secret_key"
        return [Check(ok=False, what="this relay", found=said, remedy=remedy)]
    outside = [c for c in offline(config, kinds).by_name.values() if not c.settings.sandboxed]
    found = [Check(ok=True, what="this relay", found=url), await _hooks_answer(outside, http)]
    if outside and config.public_url:
        found.append(await _takes(outside[0], config, http))
    return found


def _proof_in(body: bytes) -> str:
    with contextlib.suppress(ValueError, TypeError, KeyError, UnicodeDecodeError):
        return str(json.loads(body)["proof"]).encode("ascii", "replace").decode()
    return ""


async def _takes(account: Account, config: Config, http: Http) -> Check:
    """Whether a body as large as we take comes through the proxy in front: posted where nothing is, so that the relay
    itself says 404 before it has read it."""
    what, size = "large bodies", format_size(config.max_body)
    url = f"{account.base}/hooks/{account.name}/of/this/size"
    body = bytes(config.max_body - 1024)
    request = OutboundRequest(method="POST", url=url, safe_url=url, body=body, content_type="application/octet-stream")
    try:
        status = (await http(request)).status
    except SendError as e:
        return Check(ok=None, what=what, found=f"could not be tried: {e}")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        remedy = (
            f"raise the proxy's limit (nginx: client_max_body_size {size.replace('MB', 'm')};), or set `max_body` lower"
        )
        return Check(
            ok=False, what=what, found=f"the proxy in front refuses {size}: photos will not arrive", remedy=remedy
        )
    return Check(ok=True, what=what, found=f"{size} come through")


async def _hooks_answer(connections: Sequence[Account], http: Http) -> Check:
    """Whether each hook address leads to us. Asked with GET, which a hook of ours refuses with 405: a proxy that lets
    only some paths through, or another application behind it, answers something else."""
    what = "hook addresses"
    wrong = []
    for connection in connections:
        for address in connection.hooks().values():
            shown = f"{connection.name} at …/hooks/{connection.name}"
            request = OutboundRequest(method="GET", url=address, safe_url=f"…/hooks/{connection.name}")
            try:
                status = (await http(request)).status
            except SendError as e:
                wrong.append(f"{shown}: {e}")
                continue
            if status != HTTPStatus.METHOD_NOT_ALLOWED:
                wrong.append(f"{shown} answers {status}")
    if wrong:
        remedy = "let the proxy pass /hooks/ on to the relay unchanged"
        return Check(ok=False, what=what, found="; ".join(dict.fromkeys(wrong)), remedy=remedy)
    return Check(ok=True, what=what, found="answer from outside")


def fine(found: Found) -> bool:
    """False when anything would not work."""
    return not any(c.ok is False for checks in found.values() for c in checks)


def rows_of(found: Found) -> list[dict[str, Any]]:
    """A flat list: name, ok, what, found, remedy."""
    return [{"name": name} | asdict(check) for name, checks in found.items() for check in checks]


def show(found: Mapping[str, list[Check]], console: Console, *, nothing: str) -> None:
    """One line each, with the remedy."""
    for name, checks in found.items():
        if not checks:
            console.print(Text.assemble("  ·  ", (name, "bold"), f": {nothing}"))
        for c in checks:
            mark, style = {True: ("ok", "green"), False: ("NO", "bold red"), None: (" ·", "")}[c.ok]
            line = Text.assemble((f"  {mark} ", style), (name, "bold"), f": {c.what}")
            if c.found:
                line.append(f": {c.found}")
            if c.remedy:
                line.append(f" → {c.remedy}", "yellow")
            console.print(line)


@click.command("doctor")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Ask every outside system and the store whether they would work; exit status 1 if any would not."""
    found = asyncio.run(doctor(config_of(ctx), kinds(ctx)))
    if as_json:
        write_json(rows_of(found))
    else:
        show(found, out(), nothing="cannot be asked without sending")
    return 0 if fine(found) else 1
