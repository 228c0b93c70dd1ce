"""`relay doctor` and `relay provision`: would every outside system work, and do they know our hook addresses?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from relay.cli.console import out, write_json
from relay.cli.loading import Kinds, offline
from relay.cli.options import config_of, config_option, json_option, kinds
from relay.config.load import Config
from relay.contract import Check, Http
from relay.contract.errors import RelayError, SendError
from relay.contract.model import OutboundRequest
from relay.routing.accounts import Account
from relay.service.opening import open_store
from relay.service.provisioning import probe_one, provision_one
from relay.store.server.checks import check_store
from relay.transport.sender import Sender

Found = dict[str, list[Check]]
STORE, PUBLIC = "store", "public address"
START_FIRST = "its sandbox is part of the relay: start `relay run` first"


async def doctor(config: Config, kinds: Kinds) -> Found:
    """Ask everything; one list of checks per account, and for the store and the public address."""
    found: Found = {STORE: await _store(config)}
    async with Sender(timeout_s=config.delivery.timeout) as http:
        found[PUBLIC] = await _public_address(config, kinds, http)
        found |= await _each(config, kinds, http, probe_one)
    return found


async def provision(config: Config, kinds: Kinds) -> Found:
    """Register our hook addresses wherever that is possible."""
    async with Sender(timeout_s=config.delivery.timeout) as http:
        return await _each(config, kinds, http, provision_one)


async def _each(
    config: Config, kinds: Kinds, http: Http, ask: Callable[[Account, Http], Awaitable[list[Check]]]
) -> Found:
    connections = list(offline(config, kinds).by_name.values())
    answers = await asyncio.gather(*(ask(c, http) for c in connections))
    found: Found = {}
    for connection, checks in zip(connections, answers, strict=True):
        found[connection.name] = checks
        if connection.settings.sandboxed and any(c.ok is False for c in checks) and not await _lives(connection, http):
            found[connection.name] = [Check(ok=False, what="sandbox", found="it does not answer", remedy=START_FIRST)]
    return found


async def _lives(connection: Account, http: Http) -> bool:
    url = f"{connection.base}/healthz"
    try:
        await http(OutboundRequest(method="GET", url=url, safe_url=url))
    except SendError:
        return False
    return True


async def _store(config: Config) -> list[Check]:
    try:
        store, embedded = await open_store(config)
    except RelayError as e:
        return [Check(ok=False, what="reachable", found=str(e), remedy="check `store` in config.yaml")]
    try:
        report = await check_store(store.redis)
        await store.ping()
    except RelayError as e:
        return [Check(ok=False, what="writable", found=str(e), remedy="see the server's own log")]
    finally:
        await store.stop()
        if embedded is not None:
            await embedded.stop()
    return [*report.checks, Check(ok=True, what="takes writes")]


async def _public_address(config: Config, kinds: Kinds, http: Http) -> list[Check]:
    """Whether our own web server answers where outside systems will look for it, and our hooks with it."""
    if config.only_own:
        return [Check(ok=None, what="reachable", found="not needed: only sandboxes are configured")]
    url = f"{config.base_url}/healthz"
    try:
        status = (await http(OutboundRequest(method="GET", url=url, safe_url=url))).status
    except SendError as e:
        remedy = "start the relay, and point `public_url` and your proxy at it"
        return [Check(ok=False, what="reachable", found=f"{url}: {e}", remedy=remedy)]
    if status != 200:
        remedy = "something else answers there: check `public_url` and the proxy in front"
        return [Check(ok=False, what="reachable", found=f"{url} answers {status}", remedy=remedy)]
    outside = [c for c in offline(config, kinds).by_name.values() if not c.settings.sandboxed]
    return [Check(ok=True, what="reachable", found=url), await _hooks_answer(outside, http)]


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
