"""Everything of the web half that asks who is there: log-in pages, `/api/v1`, its document, and the gate for pages."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from relay.config.load import Config
from relay.contract import Check
from relay.contract.model import Attachment
from relay.history.archived import ArchivedPosition
from relay.history.database import Database
from relay.history.queries import Queries
from relay.inbound.intake import Intake
from relay.media.library import MediaStore
from relay.people.people import People
from relay.routing.accounts import Accounts
from relay.store.store import Store
from relay.texts.templates import Templates
from relay.web.api.cursors import Cursors
from relay.web.api.docs_page import docs_routes
from relay.web.api.idempotency import Idempotency
from relay.web.api.limits import Limits
from relay.web.api.resources.events import read_event
from relay.web.api.services import Services
from relay.web.api.serving import Api
from relay.web.api.table import OPERATIONS
from relay.web.assets import assets
from relay.web.client_address import ClientAddresses
from relay.web.console.page import console_routes
from relay.web.feed.reader import FeedReader
from relay.web.feed.streams import Streams
from relay.web.login.gate import Gate
from relay.web.login.pages import LoginPages
from relay.web.panel.page import panel_routes


@dataclass(slots=True, kw_only=True)
class BehindLogin:
    """What pages need (`gate`, `services`), and the routes."""

    gate: Gate
    services: Services
    routes: Sequence[web.RouteDef]


def behind_login(
    config: Config,
    *,
    keys: Sequence[str],
    accounts: Accounts,
    store: Store,
    database: Database,
    people: People,
    intake: Intake,
    media: MediaStore,
    texts: Templates,
    problems: Callable[[], list[str]],
    doctor: Callable[[], Awaitable[dict[str, list[Check]]]],
    wake_workers: Callable[[Sequence[str]], None],
    link_file: Callable[[Attachment], str],
) -> BehindLogin:
    """Build it all."""
    gate = Gate(
        people,
        ClientAddresses(config.trusted_proxies, config.public_url),
        keys,
        public_url=config.public_url,
        demo=needs_no_login(config),
    )
    queries = Queries(database)
    archived = ArchivedPosition(store, queries)
    services = Services(
        config=config,
        accounts=accounts,
        store=store,
        database=database,
        people=people,
        gate=gate,
        intake=intake,
        media=media,
        spool=media.incoming,
        cursors=Cursors(keys),
        limits=Limits(store),
        idempotency=Idempotency(store),
        problems=problems,
        doctor=doctor,
        wake_workers=wake_workers,
        link_file=link_file,
        texts=texts,
        operations=OPERATIONS,
        queries=queries,
        archived=archived,
    )
    services.feed = FeedReader(store, partial(read_event, services), archived)
    services.streams = Streams()
    api = Api(OPERATIONS, services)
    pages = LoginPages(gate, people, texts, keys)
    demo = needs_no_login(config)
    panel = panel_routes(assets(), texts, accounts, gate, locale=config.locale, framed=demo) if accounts.panels else ()
    console = console_routes(assets(), texts, accounts, gate, locale=config.locale)
    return BehindLogin(
        gate=gate,
        services=services,
        routes=[*pages.routes(), *panel, *console, *docs_routes(OPERATIONS, gate, texts), *api.routes()],
    )


def needs_no_login(config: Config) -> bool:
    """Whether this deployment may do without log-in while it has no users: it talks to nobody outside, and only this
    machine reaches it."""
    return config.only_own and _is_loopback(config.host) and not config.public_url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
