"""A real relay, a real browser, the real policy. Whatever a page complains about in the console, and what it asks of
another host, fails the test: nothing is bypassed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.office import PASSWORDS, Office

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NETWORK = r"Failed to load resource|net::ERR"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(scope="package")  # not longer: while it runs, its event loop is the thread's, and no other can be
def chromium() -> Iterator[Any]:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium).")
    with sync_api.sync_playwright() as driver:
        arguments = [
            "--no-sandbox",
            "--disable-gpu",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
        ]
        browser = driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One relay for all tests; each brings its own customers."""
    office = Office(tmp_path_factory.mktemp("office"))
    yield office
    office.close()


@dataclass
class Desk:
    """One person's browser."""

    context: Any
    page: Any
    troubles: list[str] = field(default_factory=list)
    expected: str = "(?!)"

    def row(self, number: int) -> Any:
        return self.page.locator(f".rows [data-number='{number}']")

    def open(self, number: int) -> None:
        self.page.goto(re.sub(r"/panel.*|/login.*", "", self.page.url) + f"/panel?tab=open&c={number}")
        self.page.locator(".composer").wait_for()
        self.page.locator(".messages .bubble").first.wait_for()

    def answer(self, text: str) -> None:
        self.page.locator("#composer").fill(text)
        self.page.locator("#composer").press("Enter")

    def bubble(self, text: str) -> Any:
        return self.page.locator(".bubble", has_text=text)


Sit = Callable[..., Desk]


@pytest.fixture
def sit(chromium: Any, office: Office) -> Iterator[Sit]:
    """`sit("anna", width=390, …)`: that person's browser, logged in and looking at the panel."""
    desks: list[Desk] = []

    def make(
        name: str = "anna",
        *,
        at: Office | None = None,
        path: str = "/panel?tab=open",
        expected: str = "(?!)",
        **options: Any,
    ) -> Desk:
        where = at or office
        size = {"width": options.pop("width", 1440), "height": options.pop("height", 900)}
        context = chromium.new_context(
            **{
                "viewport": size,
                "locale": "en-GB",
                "timezone_id": "Europe/Moscow",
                "storage_state": _session(chromium, where, name),
                **options,
            }
        )
        context.set_default_timeout(10_000)
        desk = Desk(context, context.new_page(), expected=expected)
        watch(desk, desk.page, where.url)
        desks.append(desk)
        desk.page.goto(where.url + path)
        if path.startswith("/panel"):
            desk.page.locator("#app[aria-busy=false]").wait_for()
            desk.page.locator(".list, .empty").first.wait_for()
        return desk

    yield make
    found = [t for d in desks for t in d.troubles if not re.search(d.expected, t)]
    for desk in desks:
        desk.context.close()
    assert not found


def watch(desk: Desk, page: Any, url: str) -> None:
    """Whatever a page complains about, and whatever it asks elsewhere."""
    ours = urlsplit(url).netloc

    def asked(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != ours:
            desk.troubles.append(f"asked another host: {request.url}")

    page.on("request", asked)
    page.on("console", lambda m: desk.troubles.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda e: desk.troubles.append(f"error: {e}\n{e.stack}"))


_SESSIONS: dict[tuple[str, str], Any] = {}


def _session(browser: Any, office: Office, name: str) -> Any:
    """Cookies of somebody who has logged in through the page."""
    key = (office.url, name)
    if not name:
        return None
    if key not in _SESSIONS:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{office.url}/login?next=/panel")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORDS[name])
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/panel*")
        _SESSIONS[key] = context.storage_state()
        context.close()
    return _SESSIONS[key]


@pytest.fixture
def fresh_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """`fresh_office(locale="ru")`: a relay of the test's own."""
    made: list[Office] = []

    def make(**more: Any) -> Office:
        made.append(Office(tmp_path / f"office{len(made)}", **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
