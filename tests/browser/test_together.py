"""Several people at once."""

from __future__ import annotations

import re

from tests.browser.conftest import Sit, sync_api
from tests.browser.office import Office, wait_for

expect = sync_api.expect


def test_p_assign(office: Office, sit: Sit) -> None:
    """P-assign: two take at once, one wins, the other is told by name."""
    one = office.customer("Assign")
    one.write("who is there?")
    anna, oleg = sit("anna", expected="status of 412"), sit("oleg", expected="status of 412")
    anna.open(one.number)
    oleg.open(one.number)
    anna.page.evaluate("document.activeElement.blur()")
    # Oleg's page hears of nothing for a moment: it still shows nobody.
    oleg.page.route(
        re.compile(r"/conversations/\d+$"), lambda r: r.continue_() if r.request.method == "GET" else hold(r)
    )
    held: list[object] = []

    def hold(route: object) -> None:
        held.append(route)

    oleg.page.keyboard.press("Shift+KeyA")
    wait_for(lambda: oleg.page.wait_for_timeout(50) or held, what="Oleg has pressed")
    anna.page.keyboard.press("Shift+KeyA")
    wait_for(lambda: one.row["assignee"] == "anna", what="Anna has it")
    held[0].continue_()  # type: ignore[attr-defined]
    expect(oleg.page.locator(".toast")).to_contain_text("anna was quicker")
    expect(oleg.page.locator(".assign-button")).to_contain_text("anna")
    assert one.row["assignee"] == "anna"


def test_p_presence(office: Office, sit: Sit) -> None:
    """P-presence: who looks is seen within a second, who answers too; it is over when they stop or vanish."""
    one = office.customer("Presence")
    one.write("hello")
    anna, oleg = sit("anna"), sit("oleg")
    anna.open(one.number)
    oleg.open(one.number)
    others = anna.page.locator(".others")
    expect(others).to_contain_text("oleg is looking at this", timeout=3000)
    oleg.page.locator("#composer").press_sequentially("I am", delay=30)
    expect(others).to_contain_text("oleg is answering", timeout=2000)
    expect(anna.row(one.number).locator(".here")).to_contain_text("oleg")
    expect(others).to_contain_text("oleg is looking at this", timeout=8000)
    oleg.page.locator("#composer").fill("")
    oleg.page.goto(office.url + "/panel?tab=open")
    expect(others).to_have_count(0, timeout=5000)


def test_p_close(office: Office, sit: Sit) -> None:
    """P-close: closed, and the customer writes: it is back among those who wait."""
    one = office.customer("Close")
    one.write("bye")
    desk = sit("anna")
    desk.open(one.number)
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.locator(".close-button").click()
    expect(desk.page.locator(".banner")).to_contain_text("Was closed by anna")
    expect(desk.page.get_by_role("button", name="Reopen")).to_be_visible()
    wait_for(lambda: one.row["state"] == "closed", what="it is closed")
    one.write("one more thing")
    expect(desk.page.locator(".close-button")).to_be_visible()
    expect(desk.row(one.number).locator(".waiting")).to_be_visible()


def test_p_snooze_and_label(office: Office, sit: Sit) -> None:
    """P-snooze, P-label: put aside by key until tomorrow, woken by the customer; a label made and seen in the API."""
    one = office.customer("Snooze")
    one.write("later please")
    desk = sit("anna")
    desk.open(one.number)
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.keyboard.press("KeyS")
    desk.page.get_by_role("button", name="Tomorrow morning").click()
    expect(desk.page.locator(".banner")).to_contain_text("Snoozed until")
    wait_for(lambda: one.row["state"] == "snoozed", what="it is snoozed")
    desk.page.keyboard.press("KeyL")
    desk.page.get_by_label("Find or make a label").fill("wedding")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator(".label-line")).to_contain_text("wedding")
    wait_for(lambda: one.row["labels"] == ["wedding"], what="the label is kept")
    one.write("now, actually")
    expect(desk.page.locator(".banner")).to_have_count(0)
    wait_for(lambda: one.row["state"] == "open", what="it is open")
