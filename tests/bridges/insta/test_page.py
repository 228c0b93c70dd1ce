"""The phone of the customers in a real browser: writing, watching ticks, tapping a button, on a wide screen and a
narrow one."""

import asyncio

import pytest

from relay.contract.model import Incoming
from tests.bridges.browser import open_page
from tests.bridges.insta.conftest import FarSide
from tests.bridges.insta.test_sandbox import ANNA, MIKE, send, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


async def test_a_customers_minute(far: FarSide):
    await far.switch(report_delay_s=0.05)
    async with open_page(far.url + "/") as page:
        chat = page.get_by_role("log")
        await page.get_by_label("Message", exact=True).fill("Здравствуйте! <b>Есть</b> места?")
        await page.keyboard.press("Enter")
        await chat.get_by_text("Здравствуйте! <b>Есть</b> места?").wait_for()  # words stay words
        await until(lambda: len(far.relay.requests) == 1)
        assert far.events()[0].content.text == "Здравствуйте! <b>Есть</b> места?"

        await send(far, "На какое время?", options=["Утро", "Вечер"])
        await chat.get_by_role("img", name="read").wait_for()  # the conversation is open
        await chat.get_by_role("button", name="Вечер").click()
        await until(lambda: any(isinstance(e, Incoming) and e.content.text == "Вечер" for e in far.events()))

        await send(far, "Вот фото", file=f"{far.url}/_sandbox/files/photo-0/a.jpg")
        picture = chat.locator("img[src*='_sandbox/files/']")
        await picture.wait_for()
        await page.get_by_label("Send something else").click()
        await page.get_by_role("menuitem", name="Video").click()
        film = chat.locator("video")
        await film.wait_for()
        loaded = "v => new Promise(done => v.readyState ? done() : v.addEventListener('loadedmetadata', () => done()))"
        await film.evaluate(loaded)
        assert await film.evaluate("v => [v.videoWidth, v.duration]") == [128, 2]  # a real film, which plays

        await send(far, "Hello, Mike", user_id=MIKE)
        await page.get_by_label("1 unread").wait_for()
        await page.locator(f"[data-customer='{MIKE}']").click()
        await chat.get_by_text("Hello, Mike").wait_for()
        await chat.get_by_role("img", name="read").wait_for()

        await page.get_by_label("Comment", exact=True).fill("How much is it?")
        await page.get_by_role("button", name="Post", exact=True).click()
        await page.get_by_text("not answered yet").wait_for()
        comment = (await far.state())["comments"][0]
        await send(far, "From 40", user_id=comment["id"])
        await page.get_by_text("answered in direct").wait_for()
        await chat.get_by_text("answered your comment: How much is it?").wait_for()


async def test_ticks_by_hand_and_switches(far: FarSide):
    async with open_page(far.url + "/") as page:
        await page.get_by_role("button", name="What goes wrong").click()
        await page.get_by_text("Delivery reports", exact=True).click()
        await page.get_by_label("Deliver by itself").uncheck()
        await page.get_by_label("Read when open").uncheck()
        await page.locator(".switch.changed").nth(1).wait_for()
        await send(far, "Как дела?")
        chat = page.get_by_role("log")
        for step, seen in (("pending", "pending"), ("delivered", "delivered"), ("read", "read")):
            await chat.get_by_role("button", name=step, exact=True).click()
            await chat.get_by_role("img", name=seen).wait_for()
        await page.get_by_role("button", name="Reset").click()
        await chat.get_by_text("Say hello").wait_for()
        await page.get_by_label("Deliver by itself").and_(page.locator(":checked")).wait_for()


async def test_on_a_phone_in_the_dark(far: FarSide):
    await far.act("write", customer_id=ANNA, text="Сообщение " * 30)
    async with open_page(far.url + "/", dark=True, width=390, height=800) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.get_by_text("live", exact=True).wait_for()
        await page.get_by_label("Message", exact=True).wait_for()  # it begins with the conversation, not the list
        async with asyncio.timeout(5):
            while (await far.state())["open"] != ANNA:
                await asyncio.sleep(0.01)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.get_by_role("button", name="All customers").click()
        await page.get_by_role("button", name="New customer").click()
        await page.get_by_label("User name, without @").fill("третий")
        await page.get_by_role("button", name="Create").click()
        await page.locator("#playing", has_text="третий").wait_for()
        await page.get_by_role("button", name="What goes wrong").click()
        await page.get_by_text("incomingMessage text").wait_for()
