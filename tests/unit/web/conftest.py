"""The web half behind the log-in, in this process: real store, real database, real bridges, no workers."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import bridges
from relay.config.load import Config, parse
from relay.contract import Check
from relay.history.archiver import Archiver
from relay.history.database import Database
from relay.inbound.desk_commands import DeskCommands
from relay.inbound.intake import Intake
from relay.media.library import MediaStore
from relay.people.people import People
from relay.people.rights import Role, Scope
from relay.people.users import User
from relay.routing.accounts import build
from relay.store.store import Store
from relay.texts.templates import Templates
from relay.web.behind_login import BehindLogin, behind_login
from tests.unit.clock import FakeClock

PUBLIC = "https://relay.test"
PASSWORD = "сиреневый трамвай у реки 7"
KEY = "a secret key of the tests, long enough"
_HIDDEN = re.compile(r'name="csrf" value="([0-9a-f]*)"')


@dataclass
class Office:
    """One deployment's web half, and hands to use it."""

    client: TestClient[web.Request, web.Application]
    made: BehindLogin
    people: People
    store: Store
    database: Database
    config: Config
    clock: FakeClock
    host: str
    woken: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Host": self.host, "User-Agent": "tests"}

    def browser(self) -> Browser:
        return Browser(self)

    async def user(self, name: str = "anna", role: Role = Role.ADMIN, password: str = PASSWORD) -> User:
        made = await self.people.add(name, role, by="tests")
        await self.people.users.set_password_hash(made.id, await self.people.passwords.hash(password))
        found = await self.people.users.by_id(made.id)
        assert found is not None
        return found

    async def token(self, scope: Scope = Scope.ADMIN, name: str = "script") -> dict[str, str]:
        """Headers of a script."""
        _, text = await self.people.tokens.add(name, scope, by="tests")
        return {"Authorization": f"Bearer {text}"}

    async def ask(self, method: str, path: str, **how: Any) -> Said:
        how["headers"] = self.headers | how.pop("headers", {})
        async with self.client.request(method, path, allow_redirects=False, **how) as response:
            return Said(
                response.status,
                response.headers,
                await response.read(),
                response.headers.getall("Set-Cookie", []),
            )


@dataclass
class Said:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: list[str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def hidden(page: str) -> str:
    """The token in a form."""
    found = _HIDDEN.search(page)
    return found[1] if found else ""


class Browser:
    """Keeps cookies as a browser does, and says where its requests come from."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.site = {"Sec-Fetch-Site": "same-origin"}

    async def ask(self, method: str, path: str, **how: Any) -> Said:
        headers = dict(how.pop("headers", {}))
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        said = await self.office.ask(method, path, headers=self.site | headers, **how)
        for line in said.cookies:
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line or value in ("", '""'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return said

    async def api(self, method: str, path: str, body: Any = None, **how: Any) -> Said:
        """A request of our own pages to the API."""
        headers = {"X-Relay-CSRF": self.csrf, **how.pop("headers", {})}
        if body is not None:
            how["json"] = body
        return await self.ask(method, "/api/v1" + path, headers=headers, **how)

    async def form(self, path: str, **fields: str) -> Said:
        """Load a form and send it, filled in."""
        page = await self.ask("GET", path)
        return await self.ask("POST", path.partition("?")[0], data={"csrf": hidden(page.text), **fields})

    async def log_in(self, name: str = "anna", password: str = PASSWORD, **fields: str) -> Said:
        said = await self.form("/login", name=name, password=password, **fields)
        if said.status == 303:
            self.csrf = (await self.api("GET", "/me")).json["csrf"]
        return said

    @property
    def session_cookie(self) -> str:
        return self.cookies.get("__Host-relay") or self.cookies.get("relay", "")


async def _office(
    store: Store, tmp_path: Path, settings: dict[str, Any], host: str, extra: Sequence[web.RouteDef] = ()
) -> AsyncIterator[Office]:
    text = yaml.safe_dump(
        {
            "data_dir": str(tmp_path / "data"),
            "secret_key": KEY,
            "sandboxes": "expose",
            "channels": {"shop": {"kind": "insta", "url": "sandbox"}, "second": {"kind": "insta", "url": "sandbox"}},
            "desks": {"panel": {"kind": "operator", "url": "sandbox"}},
            "routes": [{"channel": "shop", "desks": ["panel"]}, {"channel": "second", "desks": ["panel"]}],
        }
        | settings
    )
    kinds = {b.spec.kind: b for b in bridges.ALL}
    config = parse(text, {k: b.spec for k, b in kinds.items()}, env={}, path=tmp_path / "config.yaml")
    texts = Templates(config.locale, None)
    accounts = build(config, kinds, texts, keys=[KEY], local_origin="http://127.0.0.1", public_url=config.base_url)
    media = MediaStore(tmp_path / "data" / "media")
    await media.prepare()
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'data' / 'history.db'}")
    await database.connect()
    clock = FakeClock(time.time())
    people = People(database, store, [KEY], clock=clock)
    woken: list[str] = []

    async def doctor() -> dict[str, list[Check]]:
        return {"shop": [Check(ok=True, what="token")]}

    made = behind_login(
        config,
        keys=[KEY],
        accounts=accounts,
        store=store,
        database=database,
        people=people,
        intake=Intake(
            accounts,
            store,
            texts,
            media,
            DeskCommands(accounts, store, texts, wake_workers=woken.extend),
            wake_workers=woken.extend,
        ),
        media=media,
        texts=texts,
        problems=list,
        doctor=doctor,
        wake_workers=woken.extend,
        link_file=lambda a: f"/media/{a.file_id}",
    )
    app = web.Application()

    async def shown(request: web.Request, who: Any) -> web.Response:
        return web.Response(text=f"for {who.name}")

    app.add_routes([web.get("/panel", made.gate.page("/panel", shown))])
    app.add_routes(made.routes)
    server = TestServer(app)
    await server.start_server(access_log=None)
    client = TestClient(server, cookie_jar=aiohttp.DummyCookieJar())  # the browsers of these tests keep cookies
    await made.services.archived.start()
    archiving = asyncio.create_task(Archiver(store, database, holder="tests").run())
    yield Office(client, made, people, store, database, config, clock, host, woken)
    await client.close()
    while not archiving.done():  # a cancellation may come at the very moment a wait ends, and is lost with it
        archiving.cancel()
        await asyncio.wait([archiving], timeout=1)
    await made.services.archived.stop()
    await database.close()


@pytest.fixture
async def office(store: Store, tmp_path: Path) -> AsyncIterator[Office]:
    """A public deployment behind https: people log in."""
    async for made in _office(store, tmp_path, {"public_url": PUBLIC, "listen": "127.0.0.1:0"}, "relay.test"):
        yield made


@pytest.fixture
async def plain(store: Store, tmp_path: Path) -> AsyncIterator[Office]:
    """The same over plain http, by name."""
    settings = {"public_url": "http://relay.lan:8080", "listen": "127.0.0.1:0"}
    async for made in _office(store, tmp_path, settings, "relay.lan:8080"):
        yield made


@pytest.fixture
async def demo(store: Store, tmp_path: Path) -> AsyncIterator[Office]:
    """Only sandboxes, on this machine only: no log-in."""
    async for made in _office(store, tmp_path, {"listen": "127.0.0.1:8080", "sandboxes": None}, "127.0.0.1:8080"):
        yield made
