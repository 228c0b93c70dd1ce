"""One conversation: what was said, where answers stand, what went wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tests.browser.conftest import Sit, sync_api
from tests.browser.office import Office, wait_for

expect = sync_api.expect


def test_p_view(office: Office, sit: Sit) -> None:
    """P-view: bubbles with day lines, and of an answer from the group who wrote it and where."""
    one = office.customer("View")
    one.write("is it open on Sunday? see https://example.com/a?b=<c> & tell me")
    desk = sit("anna")
    desk.open(one.number)
    expect(desk.page.locator(".day").first).to_have_text("Today")
    link = desk.bubble("is it open").locator("a")
    expect(link).to_have_attribute("href", "https://example.com/a?b=")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    office.say_in_group(f"#{one.number} yes, from ten")
    answer = desk.bubble("yes, from ten")
    expect(answer).to_have_class(re.compile("out"))
    expect(answer.locator(".desk")).to_have_text("sales")


def test_p_ticks(office: Office, sit: Sit) -> None:
    """P-ticks: each step of the channel moves the tick, in words too; a late report does not move it back."""
    one = office.customer("Ticks")
    office.switch(auto_deliver=False, auto_read=False)
    try:
        one.write("hello")
        desk = sit("anna")
        desk.open(one.number)
        desk.answer("step by step")
        tick = desk.bubble("step by step").locator(".tick")
        expect(tick).to_have_class(re.compile("accepted"))
        expect(tick).to_contain_text("Accepted by the channel")
        message = wait_for(one.received, what="the sandbox has it")[-1]["id"]
        steps, passed = ("delivered", "read", "delivered"), False
        for status in steps:
            office.act("report", message_id=message, status=status)
            desk.page.wait_for_timeout(300)
            expect(tick).to_have_class(re.compile("delivered" if status == steps[0] and not passed else "read"))
            passed = True
        expect(tick).to_have_class(re.compile("read"))
    finally:
        office.switch(auto_deliver=True, auto_read=True)


def test_p_failed(office: Office, sit: Sit) -> None:
    """P-failed: a refusal is red in the list, counted in the title, explained in the bubble, and Retry really sends."""
    one = office.customer("Failed")
    one.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    office.switch(refuse_next=1, refuse_error="They have blocked you")
    desk.answer("this will be refused")
    bubble = desk.bubble("this will be refused")
    expect(bubble.locator(".why")).to_contain_text("They have blocked you")
    expect(desk.row(one.number)).to_have_class(re.compile("failed"))
    expect(desk.page).to_have_title(re.compile("not delivered"))
    expect(desk.page.locator(".banner.bad")).to_contain_text("1 message was not delivered")
    sent = len(one.received())
    bubble.get_by_role("button", name="Send again").click()
    wait_for(lambda: len(one.received()) == sent + 1, what="the customer has it")
    expect(bubble.locator(".why")).to_have_count(0)
    expect(desk.row(one.number)).not_to_have_class(re.compile("failed"))
    assert one.texts()[-1] == "this will be refused"


def test_p_failed_quiet(office: Office, sit: Sit) -> None:
    """P-failed-quiet: what failed while nobody looked is on the first screen of whoever comes next."""
    one = office.customer("Quiet")
    one.write("hello")
    office.switch(refuse_next=1)
    office.api("POST", f"/conversations/{one.number}/messages", {"text": "nobody sees this fail"}, key="quiet-1")
    wait_for(lambda: one.row["failed"] == 1, what="it failed")
    desk = sit("oleg")
    tab = desk.page.locator(".tab-list").get_by_role("link", name="Not delivered")
    expect(tab.locator(".tab-count")).not_to_have_text("")
    tab.click()
    expect(desk.row(one.number)).to_be_visible()
    office.api("PATCH", f"/conversations/{one.number}", {"state": "closed"})


def test_p_comment(office: Office, sit: Sit) -> None:
    """P-comment: a comment is marked, the composer says how long its one answer is possible, a second is refused."""
    one = office.customer("Comment")
    one.comment("what does it cost?")
    desk = sit("anna")
    desk.open(one.number)
    expect(desk.bubble("what does it cost?").locator(".comment-head")).to_contain_text("Comment")
    expect(desk.page.locator(".window.comment")).to_contain_text("One answer to this comment")
    desk.answer("forty euros")
    expect(desk.bubble("forty euros")).to_be_visible()
    wait_for(lambda: "forty euros" in one.texts(), what="the customer has it")
    expect(desk.page.locator(".composer-shut")).to_contain_text("can no longer be answered")
    expect(desk.page.locator("#composer")).to_have_count(0)


def test_p_window(office: Office, sit: Sit) -> None:
    """P-window: the countdown, and after it a composer that says why it is closed and what can be done."""
    one = office.customer("Window")
    one.write("hello")
    desk = sit("anna")
    desk.page.clock.install()
    desk.open(one.number)
    expect(desk.page.locator(".window")).to_have_count(0)
    until = datetime.fromisoformat(one.row["reply_until"])
    desk.page.clock.set_fixed_time(until - timedelta(minutes=31))
    desk.page.clock.run_for(6000)
    expect(desk.page.locator(".window")).to_contain_text(re.compile("3[01] min left to answer"))
    desk.page.clock.set_fixed_time(until + timedelta(minutes=1))
    desk.page.clock.run_for(6000)
    expect(desk.page.locator(".composer-shut")).to_contain_text("until the customer writes again")
    assert datetime.now(UTC) < until
    desk.page.get_by_role("tab", name="Note").click()
    expect(desk.page.locator("#composer")).to_be_visible()


def test_p_scroll(office: Office, sit: Sit) -> None:
    """P-scroll: who reads in the middle is not moved by what comes; a pill says how much that is."""
    one = office.customer("Scroll")
    for i in range(40):
        office.act("write", customer_id=one.id, text=f"line {i} " + "words " * 20)
    one.write("the last line")
    desk = sit("anna", height=700)
    desk.open(one.number)
    box = desk.page.locator(".messages")
    wait_for(lambda: box.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight") <= 2, what="it is at the end")
    box.evaluate("e => { e.scrollTop = e.scrollHeight / 2 }")
    desk.page.wait_for_timeout(200)
    seen = """e => { const top = e.getBoundingClientRect().top;
        const c = [...e.querySelectorAll('[data-id]')].find((x) => x.getBoundingClientRect().bottom > top);
        return [c.dataset.id, c.getBoundingClientRect().top]; }"""
    before = box.evaluate(seen)
    for i in range(5):
        office.act("write", customer_id=one.id, text=f"new {i}")
    office.act("send", customer_id=one.id, what="photo", text="a picture")
    expect(desk.page.locator(".new-pill")).to_contain_text("new message")
    expect(desk.bubble("a picture").locator("img")).to_have_count(1)
    after = box.evaluate(seen)
    assert after[0] == before[0] and abs(after[1] - before[1]) <= 1
    desk.page.locator(".new-pill").click()
    expect(desk.page.locator(".new-pill")).to_have_count(0)
    assert box.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight") <= 4


def test_p_order_and_leave(office: Office, sit: Sit) -> None:
    """P-order, P-leave: the page shows what the API has, in its order, also after going away and coming back."""
    one, other = office.customer("Order"), office.customer("Other")
    one.write("one")
    other.write("elsewhere")
    desk = sit("anna")
    desk.open(one.number)
    desk.answer("two")
    wait_for(lambda: "two" in one.texts(), what="the answer is out")
    one.write("three")
    desk.row(other.number).click()
    expect(desk.bubble("elsewhere")).to_be_visible()
    one.write("four")
    desk.row(one.number).click()
    expect(desk.bubble("four")).to_be_visible()
    items = office.api("GET", f"/conversations/{one.number}/messages")["items"]
    shown = desk.page.locator(".bubble").evaluate_all("all => all.map(b => b.dataset.id)")
    assert shown == [m["id"] for m in items]


def test_p_media(office: Office, sit: Sit) -> None:
    """P-media: pictures open large, arrows go on, Escape gives the focus back; nothing plays by itself."""
    one = office.customer("Media")
    one.send("photo", "first picture")
    one.send("photo", "second picture")
    one.send("film", "a film")
    desk = sit("anna")
    desk.open(one.number)
    thumb = desk.page.locator(".card .thumb").first
    thumb.click()
    viewer = desk.page.locator("dialog.viewer")
    expect(viewer).to_contain_text("1 / 3")
    desk.page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("2 / 3")
    desk.page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    expect(thumb).to_be_focused()
    assert desk.page.locator("video, audio").evaluate_all("all => all.every(m => m.paused && !m.autoplay)")


def test_p_card(office: Office, sit: Sit) -> None:
    """P-card: details are changed in place, survive a reload, and a colleague sees them at once."""
    one = office.customer("Card")
    one.write("hello")
    anna, oleg = sit("anna"), sit("oleg")
    for desk in (anna, oleg):
        desk.open(one.number)
    anna.page.get_by_role("button", name="Change the details").click()
    anna.page.get_by_label("Name", exact=True).fill("Order")
    anna.page.get_by_label("Value", exact=True).fill("48213")
    anna.page.get_by_role("button", name="Save").click()
    expect(anna.page.locator(".fields dd")).to_have_text("48213")
    expect(oleg.page.locator(".fields dd")).to_have_text("48213")
    anna.page.reload()
    expect(anna.page.locator(".fields dd")).to_have_text("48213")


def test_p_rtl(office: Office, sit: Sit) -> None:
    """P-rtl: Arabic text runs from the right, and an Arabic name does not turn its row round."""
    one = office.customer("محمد العلي")
    one.write("هل يمكنني تغيير العنوان؟")
    desk = sit("anna")
    desk.open(one.number)
    text = desk.bubble("العنوان").locator(".text")
    assert text.evaluate("e => e.matches(':dir(rtl)')")
    name = desk.row(one.number).locator(".name")
    left = name.evaluate("e => e.firstElementChild.getBoundingClientRect().left - e.getBoundingClientRect().left")
    assert left < 2
