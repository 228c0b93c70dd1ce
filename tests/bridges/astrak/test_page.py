"""The messenger's page in a real browser: being a customer, hearing the answer, and making trouble."""

import pytest

from relay.contract.model import AccountWarning
from tests.bridges.astrak.far import ANNA, far_side
from tests.bridges.browser import open_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


async def test_a_customers_minute():
    async with far_side() as far, open_page(far.url + "/") as page:
        bridge = far.bridge()
        await bridge.provision(far.http, {"<secret>": far.hook})
        log = page.get_by_role("log")
        trouble = page.get_by_role("button", name="What goes wrong")
        await trouble.click()
        await page.get_by_text("posted to 127.0.0.1").wait_for()  # the account's card is live
        await trouble.click()
        await page.get_by_label("Message", exact=True).fill("<b>Привет</b>")
        await page.keyboard.press("Enter")
        await log.get_by_text("<b>Привет</b>").wait_for()  # words stay words
        await far.until(lambda: far.said() == ["<b>Привет</b>"])
        await far.send(bridge, "Добрый день!", to=ANNA)
        await log.get_by_text("Добрый день!").wait_for()

        await page.get_by_role("button", name="boris").click()
        await page.get_by_text("you are boris").wait_for()
        assert await log.get_by_text("Добрый день!").count() == 0
        await far.send(bridge, "Anna only", to=ANNA)
        await page.get_by_label("1 unread").wait_for()

        await page.get_by_role("button", name="New user").click()
        await page.get_by_label("Name, up to 15 characters").fill("Ия")
        await page.get_by_role("button", name="Join").click()
        await page.get_by_text("you are Ия").wait_for()
        await page.get_by_label("Send an event without text").click()
        await log.get_by_text("no text").wait_for()

        await page.get_by_role("button", name="What goes wrong").click()
        await page.get_by_role("button", name="Another server takes the callback").click()
        await page.get_by_text("posted to somebody.else.example").wait_for()
        await far.until(lambda: any(isinstance(e, AccountWarning) for e in far.relay.events))
        await page.get_by_role("button", name="Revoke its tokens").click()
        await page.get_by_text("Every token of the business account is dead").wait_for()
        [outcome] = await far.send(bridge, "and yet it works", to=5)
        await log.get_by_text("and yet it works").wait_for()
        assert outcome.remote_id and "and yet it works" not in far.said()

        await page.get_by_role("button", name="Reset").click()
        await page.get_by_text("you are anna").wait_for()
        assert await page.get_by_role("button", name="Ия").count() == 0


async def test_on_a_phone_in_the_dark_one_part_at_a_time():
    async with far_side() as far, open_page(far.url + "/", dark=True, width=390, height=800) as page:
        await page.get_by_role("tab", name="You are").click()
        await page.get_by_role("button", name="Ольга").click()
        await page.get_by_text("you are Ольга").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.get_by_role("button", name="What goes wrong").click()
        await page.get_by_text("waiting; nobody asks for them").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_role("tab", name="You are").click()
        assert await page.get_by_role("log").is_hidden()
