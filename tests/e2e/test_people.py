"""People at a real relay: the first of them, a script, two processes, and a log that knows no secret."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import aiohttp
import pytest

from relay.web.api.table import OPERATIONS
from tests.bridges.browser import open_page
from tests.harness import until

PASSWORD = "сиреневый трамвай у реки 7"
CONFIG: dict[str, Any] = {
    "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
    "desks": {"inbox": {"kind": "panel"}},
    "routes": [{"channel": "shop", "desks": ["inbox"]}],
}
_LINK = re.compile(r"http://\S+/setup/([A-Za-z0-9_-]{22,})")
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class Person:
    """A browser at a real relay."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    async def ask(self, method: str, path: str, **how: Any) -> tuple[int, str]:
        headers = {"Sec-Fetch-Site": "same-origin", "X-Relay-CSRF": self.csrf, **how.pop("headers", {})}
        headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        async with self.session.request(
            method, self.address + path, headers=headers, allow_redirects=False, **how
        ) as said:
            for name, morsel in said.cookies.items():
                self.cookies[name] = morsel.value
            return said.status, await said.text()

    async def form(self, path: str, **fields: str) -> int:
        _, page = await self.ask("GET", path)
        token = _CSRF.search(page)
        assert token is not None, page
        return (await self.ask("POST", path, data={"csrf": token[1], **fields}))[0]

    async def log_in(self) -> None:
        assert await self.form("/login", name="anna", password=PASSWORD) == 303
        async with self.session.get(
            self.address + "/api/v1/me", headers={"Cookie": f"__Host-relay={self.cookies['__Host-relay']}"}
        ) as said:
            self.csrf = (await said.json())["csrf"]


async def test_l_setup_the_link_is_printed_and_is_in_no_log(relay_process: Any):
    # A real account, so people log in; nobody is there, which does not matter here.
    shop = {"kind": "insta", "url": "http://127.0.0.1:9/insta", "token": "0" * 30}
    relay = relay_process({**CONFIG, "channels": {"shop": shop}, "provision": False})
    await relay.start()
    found = _LINK.search(relay.log())
    assert found is not None, relay.log()
    anna = Person(relay.address)
    try:
        path = f"/setup/{found[1]}"
        assert await anna.form(path, name="anna", password=PASSWORD, again=PASSWORD) == 303
        assert (await anna.ask("GET", path))[0] == 404
        await anna.log_in()
        status, _ = await anna.ask("GET", "/panel")
        assert status == 200
        # What stands in the log is what was printed for the person who started it, and nothing after.
        assert relay.log().count(found[1]) == 1
        for secret in (PASSWORD, anna.cookies["__Host-relay"], anna.csrf):
            assert secret not in relay.log()
        # Out means out, for whoever copied the cookie, within a second.
        copied = dict(anna.cookies)
        assert (await anna.ask("POST", "/logout", data={"csrf": anna.csrf}))[0] == 303
        started = time.monotonic()
        anna.cookies = copied
        status, _ = await anna.ask("GET", "/api/v1/me")
        assert status == 401
        assert time.monotonic() - started < 1
        ran = await relay.cli("user", "list", "--json")
        assert [u["name"] for u in ran.json] == ["anna"]
    finally:
        await anna.session.close()
    await relay.restart()
    assert "/setup/" not in relay.log().rpartition("The relay is at")[2]


async def test_a_script_answers_a_customer_and_follows_what_happens(relay_process: Any, session: aiohttp.ClientSession):
    relay = relay_process(CONFIG)
    await relay.start()
    ran = await relay.cli("token", "add", "script", "--scope", "write", "--json")
    script = {"Authorization": f"Bearer {ran.json['token']}"}
    base = relay.address

    async def act(action: str, **arguments: Any) -> Any:
        async with session.post(f"{base}/sandbox/shop/_sandbox/act/{action}", json=arguments) as said:
            return await said.json()

    async def api(method: str, path: str, **how: Any) -> Any:
        headers = script | how.pop("headers", {})
        async with session.request(method, f"{base}/api/v1{path}", headers=headers, **how) as said:
            return said.status, await said.json()

    customer = await act("customer", username="maria", name="Maria")
    await act("write", customer_id=customer["id"], text="Is it in stock?")

    async def rows() -> Any:
        return (await api("GET", "/conversations"))[1]["items"]

    row = (await until(rows, what="the conversation is in the list"))[0]
    assert row["contact"]["name"] == "Maria"
    body = {"kind": "answer", "text": "Yes, in three colours.", "after": row["last_answer"]}
    sends = [
        api("POST", f"/conversations/{row['number']}/messages", json=body, headers={"Idempotency-Key": "answer-1"})
        for _ in range(5)
    ]
    statuses = {status for status, _ in await asyncio.gather(*sends)}
    assert statuses <= {201, 409}

    async def answers() -> Any:
        async with session.get(f"{base}/sandbox/shop/_sandbox/state") as said:
            return [m for m in (await said.json())["messages"] if not m["mine"]]

    await until(answers, what="the customer has it")
    await asyncio.sleep(0.3)
    assert [m["text"] for m in await answers()] == ["Yes, in three colours."]


@pytest.mark.browser
async def test_the_api_s_page_under_the_strict_policy(relay_process: Any):
    """Swagger UI out of our own files; a request that is tried there comes back; nothing of another host is asked."""
    relay = relay_process(CONFIG)
    await relay.start()
    async with open_page(relay.address + "/api/docs") as page:
        hosts: set[str] = set()
        page.on("request", lambda r: hosts.add(r.url.split("/")[2]))
        await page.get_by_text("Who asks").first.wait_for()
        await page.get_by_text("Who asks").first.click()
        await page.get_by_role("button", name="Try it out").first.click()
        await page.get_by_role("button", name="Execute").first.click()
        await page.get_by_text('"kind": "demo"').first.wait_for()
        assert hosts <= {relay.address.removeprefix("http://")}
        operations = await page.locator(".opblock").count()
        assert operations == len(OPERATIONS)


@pytest.mark.browser
async def test_the_log_in_in_a_real_browser(relay_process: Any):
    """Chromium keeps the `__Host-` cookie of this machine over http, and says where its requests come from."""
    relay = relay_process(CONFIG)
    await relay.start()
    ran = await relay.cli("user", "add", "anna", "--role", "admin", "--link")
    link = next(w for w in ran.out.split() if "/setup/" in w)
    async with open_page(relay.address + "/setup/" + link.rpartition("/")[2]) as page:
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_label("Password again").fill(PASSWORD)
        await page.get_by_role("button").click()
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url("**/panel*")
        cookies = {c["name"]: c for c in await page.context.cookies()}
        assert cookies["__Host-relay"]["httpOnly"]
        assert cookies["__Host-relay"]["sameSite"] == "Lax"


async def test_l_canary_no_secret_in_metrics_or_problems(relay_process: Any, session: aiohttp.ClientSession):
    relay = relay_process(CONFIG)
    await relay.start()
    ran = await relay.cli("token", "add", "script", "--scope", "admin", "--json")
    token = ran.json["token"]
    ran = await relay.cli("user", "add", "anna", "--role", "admin", "--link")
    link = next(w for w in ran.out.split() if "/setup/" in w).rpartition("/")[2]
    said = ""
    for path in ("/api/v1/me", "/api/v1/config", "/api/v1/tokens", "/api/v1/audit", "/api/v1/users", "/api/v1/nothing"):
        async with session.get(relay.address + path, headers={"Authorization": f"Bearer {token}"}) as answer:
            said += await answer.text()
    async with session.get(f"{relay.address}/setup/{link}x") as answer:
        said += await answer.text()
    async with session.get(relay.address + "/metrics") as answer:
        said += await answer.text()
    said += relay.log()
    for secret in (token, token[13:], link):
        assert secret not in said
