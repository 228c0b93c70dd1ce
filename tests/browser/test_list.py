"""The list of conversations."""

from __future__ import annotations

import re

from tests.browser.conftest import Sit, sync_api
from tests.browser.office import Office, wait_for

expect = sync_api.expect


def test_p_list(office: Office, sit: Sit) -> None:
    """P-list: three customers write: rows in order, a badge each, names of strangers are only text."""
    desk = sit("anna")
    people = [office.customer(n) for n in ("Анна Ковалёва", "محمد العلي", "<img src=x onerror=alert(1)>")]
    for i, one in enumerate(people):
        one.write(f"good day {i} " + "and a long text that is cut by the style sheet, not by words " * 3)
    for one in people:
        expect(desk.row(one.number)).to_be_visible()
        expect(desk.row(one.number).locator(".badge")).to_have_text("1")
        expect(desk.row(one.number).locator(".name")).to_have_text(one.name)
    order = desk.page.locator(".rows .row").evaluate_all("rows => rows.map(r => Number(r.dataset.number))")
    numbers = [one.number for one in reversed(people)]
    assert order[:3] == numbers
    cut = desk.row(people[0].number).locator(".last").evaluate("e => e.scrollWidth > e.clientWidth")
    assert cut
    people[1].write("again")
    expect(desk.page.locator(".rows .row").first).to_have_attribute("data-number", str(people[1].number))
    expect(desk.row(people[1].number).locator(".badge")).to_have_text("2")


def test_p_tabs(office: Office, sit: Sit) -> None:
    """P-tabs: each act moves the row at once in both browsers; counts equal the API's."""
    one = office.customer("Tabs")
    one.write("who takes me?")
    anna, oleg = sit("anna", path="/panel?tab=unassigned"), sit("oleg", path="/panel?tab=unassigned")
    for desk in (anna, oleg):
        expect(desk.row(one.number)).to_be_visible()
    office.api("PATCH", f"/conversations/{one.number}", {"assignee": "oleg"})
    for desk in (anna, oleg):
        expect(desk.row(one.number)).to_have_count(0)
    oleg.page.get_by_role("link", name="Mine").click()
    expect(oleg.row(one.number)).to_be_visible()
    anna.page.get_by_role("link", name="All open").click()
    expect(anna.row(one.number)).to_be_visible()
    office.api("PATCH", f"/conversations/{one.number}", {"state": "closed"})
    for desk in (anna, oleg):
        expect(desk.row(one.number)).to_have_count(0)
    counts = office.api("GET", "/conversations/counts")
    shown = {
        tab: anna.page.locator(f".tab-list a[href='/panel?tab={tab}'] .tab-count")
        for tab in ("open", "closed", "waiting")
    }
    for tab, place in shown.items():
        expect(place).to_have_text(str(counts[tab] or ""))


def test_p_filter(office: Office, sit: Sit) -> None:
    """P-filter: what was set stands in the address, survives a reload, and Back undoes it."""
    one = office.customer("Filter")
    one.write("label me")
    office.api("PATCH", f"/conversations/{one.number}", {"labels": ["wholesale"]})
    desk = sit("anna")
    desk.page.get_by_role("button", name="Filter").click()
    desk.page.get_by_role("menuitemradio", name="wholesale").click()
    expect(desk.page).to_have_url(re.compile("label=wholesale"))
    expect(desk.page.locator(".rows .row")).to_have_count(1)
    desk.page.reload()
    expect(desk.page.get_by_role("button", name="No longer only wholesale")).to_be_visible()
    expect(desk.page.locator(".rows .row")).to_have_count(1)
    desk.page.go_back()
    expect(desk.page).not_to_have_url(re.compile("label="))
    desk.page.goto(office.url + "/panel")  # nothing in the address: what was set last
    expect(desk.page).to_have_url(re.compile("tab=open"))


def test_p_unread(office: Office, sit: Sit) -> None:
    """P-unread: what one reads stays unread for the other; colleagues' acts make nothing unread."""
    one = office.customer("Unread")
    one.write("first")
    anna, oleg = sit("anna"), sit("oleg")
    for desk in (anna, oleg):
        expect(desk.row(one.number).locator(".badge")).to_have_text("1")
    anna.row(one.number).click()
    expect(anna.row(one.number).locator(".badge")).to_have_count(0)
    expect(oleg.row(one.number).locator(".badge")).to_have_text("1")
    anna.answer("an answer")
    expect(anna.bubble("an answer")).to_be_visible()
    office.api("PATCH", f"/conversations/{one.number}", {"assignee": "anna", "labels": ["vip"]})
    expect(oleg.row(one.number).locator(".label")).to_have_text("vip")
    expect(oleg.row(one.number).locator(".badge")).to_have_text("1")
    anna.page.keyboard.press("Escape")
    anna.page.keyboard.press("Shift+KeyU")
    expect(anna.row(one.number).locator(".badge")).to_be_visible()
    oleg.page.reload()
    expect(oleg.row(one.number).locator(".badge")).to_have_text("1")


def test_p_waiting(office: Office, sit: Sit) -> None:
    """P-waiting: the wait counts from the first unanswered message, and an answer from the group ends it."""
    one = office.customer("Waiting")
    desk = sit("anna", path="/panel?tab=waiting&order=waiting")
    one.write("first")
    since = wait_for(lambda: one.row["waiting_since"], what="it waits")
    one.write("second")
    assert one.row["waiting_since"] == since
    waiting = desk.row(one.number).locator(".waiting")
    expect(waiting).to_have_class(re.compile("fresh"))
    desk.page.clock.install()
    desk.page.clock.fast_forward("20:00")
    expect(waiting).to_have_text("20 min")
    expect(waiting).to_have_class(re.compile("soon"))
    office.say_in_group(f"#{one.number} we are on it")
    expect(desk.row(one.number)).to_have_count(0)
    assert one.row["waiting_since"] is None


def test_p_jump(office: Office, sit: Sit) -> None:
    """P-jump: the row under the pointer stays there; what would move is announced instead."""
    people = [office.customer(f"Jump {i}") for i in range(4)]
    for one in people:
        one.write("hello")
    desk = sit("anna")
    third = desk.page.locator(".rows .row").nth(2)
    number = third.get_attribute("data-number")
    third.hover()
    people[0].write("me first, please")
    pill = desk.page.locator(".held-pill")
    expect(pill).to_be_visible()
    expect(desk.page.locator(".rows .row").nth(2)).to_have_attribute("data-number", str(number))
    desk.page.mouse.move(900, 300)
    expect(pill).to_have_count(0)
    expect(desk.page.locator(".rows .row").first).to_have_attribute("data-number", str(people[0].number))
