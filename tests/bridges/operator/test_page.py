"""The operator's page in a real browser: a message arrives live, is answered with a file and options, and its trouble
is seen."""

from pathlib import Path

import pytest

from bridges.operator.client import Photo
from relay.contract.model import FilePart
from tests.bridges.browser import open_page
from tests.bridges.operator.far import PNG, far_side

NO_CDN = "502"  # the addresses of the gallery lead nowhere here

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


async def test_an_operators_minute(tmp_path: Path):
    (tmp_path / "cat.png").write_bytes(PNG)
    async with far_side(tmp_path) as far, open_page(far.url + "/", expected=NO_CDN) as page:
        await page.get_by_text("Nobody has written yet").wait_for()
        await far.client().message_sent(user_id=42, contact_id=7, message="<img src=x onerror=alert(1)> привет")
        held = FilePart(field="attach", filename="cat.png", mime="image/png", file_id="f1")
        await far.client().message_sent(user_id=42, contact_id=7, message="", files=[held])
        log = page.get_by_role("log")
        await log.get_by_text("<img src=x onerror=alert(1)> привет").wait_for()  # words stay words
        await log.locator("img").wait_for()
        await page.get_by_text("Remote id", exact=True).wait_for()  # the card, by the user webhook
        await page.get_by_role("link", name="video: 2.mp4").wait_for()  # the gallery, by the media webhook

        await page.get_by_label("Answer", exact=True).fill("Come at six?")
        await page.get_by_role("button", name="Quick replies").click()
        await page.get_by_label("Quick replies, separated by |").fill("Yes | No")
        await page.get_by_label("File to attach").set_input_files(tmp_path / "cat.png")
        await page.get_by_role("button", name="Send", exact=True).click()
        await log.get_by_role("img", name="accepted").wait_for()
        [answer] = far.relay.answers
        assert (answer.content.text, answer.content.options) == ("Come at six?", ("Yes", "No"))
        assert answer.uploads[0].path.read_bytes() == PNG

        await page.get_by_role("button", name="What goes wrong").click()
        await page.get_by_text("Webhooks to the relay").click()
        await page.get_by_label("With a wrong token").check()
        await page.get_by_label("Answer", exact=True).fill("Hello?")
        await page.keyboard.press("Enter")
        await log.get_by_text("The field token is wrong.").wait_for()

        await page.get_by_role("button", name="Reset").click()
        await page.get_by_text("Nobody has written yet").wait_for()


async def test_on_a_phone_in_the_dark_one_part_at_a_time(tmp_path: Path):
    async with far_side(tmp_path) as far:
        await far.client().message_sent(
            user_id=42, contact_id=7, message="hello", photos=[Photo("https://x.test/a.bin")]
        )
        async with open_page(far.url + "/", dark=True, width=390, height=800, expected=NO_CDN) as page:
            await page.get_by_role("button", name="hello").click()
            await page.get_by_role("log").get_by_text("hello").wait_for()
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            await page.get_by_role("tab", name="User", exact=True).click()
            await page.get_by_text("#42, shop, @anna", exact=True).wait_for()
            assert await page.get_by_role("log").is_hidden()
