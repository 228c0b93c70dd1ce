"""The page in a real browser: what a person sees and does in the group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from bridges.team.settings import SANDBOX_TOKEN
from tests.bridges.team.conftest import Running
from tests.bridges.team.samples import KEY

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed (apt install chromium)"),
]


@pytest.fixture(params=[(1280, 800), (390, 800)], ids=["desktop", "phone"])
async def page(request: pytest.FixtureRequest, sandbox: Running) -> AsyncIterator[Page]:
    width, height = request.param
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        tab = await browser.new_page(viewport={"width": width, "height": height})
        complaints: list[str] = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        await tab.goto(f"{sandbox.url}/")
        await expect(tab.locator("#live")).to_have_text("live")
        yield tab
        assert complaints == []
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await browser.close()


async def post(sandbox: Running, text: str) -> None:
    assert (await sandbox.raw("POST", "/api/message", data={"key": KEY, "message": text}))[0] == 200


async def open_part(page: Page, name: str) -> None:
    """On a narrow screen one part is shown at a time."""
    tab = page.get_by_role("tab", name=name)
    if await tab.is_visible():
        await tab.click()


async def test_a_customer_is_answered(sandbox: Running, page: Page):
    await expect(page.get_by_text("Nothing has been said here")).to_be_visible()
    await sandbox.switch(echo=False)
    await post(sandbox, "#42 Anna (@anna): <b>Hello</b> https://cdn.example.com/a.jpg")
    line = page.locator(".line.integration")
    await expect(line).to_contain_text("#42 Anna (@anna): <b>Hello</b>")  # text, not markup
    await expect(line.get_by_text("integration", exact=True)).to_be_visible()
    await expect(line.get_by_role("link")).to_have_attribute("href", "https://cdn.example.com/a.jpg")

    await page.get_by_role("button", name="Answer #42").click()
    box = page.get_by_label("Message", exact=True)
    await expect(box).to_have_value("#42 ")
    await box.press_sequentially("We open at 9.")
    await box.press("Shift+Enter")
    await box.press_sequentially("> Thanks | When?")
    await page.get_by_label("Write as").select_option(label="Olga Brandt")
    await page.get_by_role("button", name="Send").click()
    mine = page.locator(".line.person")
    await expect(mine).to_contain_text("We open at 9.")
    await expect(mine).to_contain_text("Olga Brandt")
    await expect(box).to_have_value("")
    (hook,) = await sandbox.settle()
    assert (hook["text"], hook["sender_display_name"]) == ("#42 We open at 9.\n> Thanks | When?", "Olga Brandt")

    await page.get_by_role("button", name="/list").click()
    await expect(page.locator(".line.person")).to_have_count(2)
    await page.get_by_role("button", name="/who").click()
    await expect(box).to_have_value("/who #42")


async def test_other_groups_count_what_is_new(sandbox: Running, page: Page):
    await sandbox.act("say", text="over here", chat="g-1b4c1070-2dfb-470e-84a4-f0017d49f1fc")
    await page.get_by_role("button", name="Support · 1 new").click()
    await expect(page.get_by_text("over here")).to_be_visible()
    await expect(page.get_by_role("button", name="Support", exact=True)).to_have_attribute("aria-pressed", "true")


async def test_integration_people_and_logins(sandbox: Running, page: Page):
    await open_part(page, "Team")
    await expect(page.get_by_text(KEY)).to_be_visible()
    await page.get_by_role("button", name="Switch off").click()
    await expect(page.get_by_text("switched off")).to_be_visible()
    assert (await sandbox.state())["integrations"][0]["enabled"] is False

    await page.get_by_role("button", name="Add a colleague").click()
    await page.get_by_label("Name", exact=True).fill("Ivan Ivanov")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("listitem").filter(has_text="Ivan Ivanov")).to_be_visible()

    await sandbox.nobody.sms_login("+79166660002")
    (code,) = (await sandbox.state())["sms"]
    await expect(page.get_by_text(code["code"], exact=True)).to_be_visible()
    async with sandbox.session.get(
        f"{sandbox.url}/api/v3/qr-login.png?value=shown", headers={"token": SANDBOX_TOKEN}
    ) as answer:
        assert answer.content_type == "image/png"
    await expect(page.get_by_alt_text("QR code to log in with")).to_be_visible()

    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("None: posts with the old key are refused.")).to_be_visible()


async def test_switches_and_hooks(sandbox: Running, page: Page):
    await page.get_by_role("button", name="What goes wrong").click()
    await page.get_by_text("Webhook", exact=True).click()
    await page.get_by_label("Body").select_option("multipart")
    await page.get_by_label("Echo of own posts").uncheck()
    await sandbox.act("say", text="hello")
    await expect(page.locator(".log tr").filter(has_text="hello")).to_contain_text("200")
    assert sandbox.hooks.got[0].content_type == "multipart/form-data"
    assert sandbox.kit.switches.echo is False
    await page.get_by_role("button", name="Reset").click()
    await expect(page.get_by_label("Echo of own posts")).to_be_checked()
    await expect(page.get_by_text("Nothing has been sent to the relay yet.")).to_be_visible()
