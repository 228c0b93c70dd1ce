"""What comes, comes: over cuts, restarts and many tabs."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

from tests.browser.conftest import NETWORK, Sit, sync_api, watch
from tests.browser.office import Customer, Office, wait_for

expect = sync_api.expect
RESTART = rf"{NETWORK}|status of (502|503|504)"


def shown(page: Any) -> list[list[str]]:
    """The list as it stands on a page."""
    return page.locator(".rows .row").evaluate_all(  # type: ignore[no-any-return]
        "rows => rows.map(r => [r.dataset.number, r.querySelector('.last').textContent, r.className])"
    )


def test_r_gap(office: Office, sit: Sit) -> None:
    """R-gap: what happened during a cut is there afterwards, as on a page opened anew."""
    people = [office.customer(f"Gap {i}") for i in range(5)]
    for one in people:
        one.write("before")
    desk = sit("anna", expected=NETWORK)
    desk.open(people[0].number)
    desk.context.set_offline(True)
    for round_ in range(10):
        for one in people:
            office.act("write", customer_id=one.id, text=f"during {round_}")
    people[0].write("the last of it")
    desk.context.set_offline(False)
    expect(desk.bubble("the last of it")).to_be_visible(timeout=15_000)
    expect(desk.page.locator(".bubble")).to_have_count(12)
    fresh = sit("anna")
    fresh.page.locator(".rows .row").first.wait_for()
    ours = [row[:2] for row in shown(desk.page)][:5]
    assert ours == [row[:2] for row in shown(fresh.page)][:5]


def test_r_502(fresh_office: Any, sit: Sit) -> None:
    """R-502: over a restart of the relay every page is live again by itself."""
    own = fresh_office()
    one = Customer(own, "47367670001", "Анна Кузнецова", "anna.travels")  # who is there after a restart too
    one.write("before")
    desk = sit("anna", at=own, expected=RESTART)
    desk.open(one.number)
    own.stop()
    expect(desk.page.locator(".offline")).to_contain_text("Reconnecting", timeout=10_000)
    desk.page.locator("#composer").fill("half an answer")
    own.start()
    one.write("after")
    expect(desk.bubble("after")).to_be_visible(timeout=15_000)
    expect(desk.page.locator("#composer")).to_have_value("half an answer")
    expect(desk.page.locator(".offline")).to_be_empty(timeout=10_000)


def test_r_10tabs(office: Office, sit: Sit) -> None:
    """R-10tabs: ten tabs of the panel and the sandboxes' pages all load, over one stream; when the leading tab closes,
    another takes over at once."""
    desk = sit("anna")
    streams: list[str] = []
    desk.context.on("request", lambda r: streams.append(r.url) if re.search(r"/events(\?|$)", r.url) else None)
    pages = [desk.page]
    for path in ["/panel?tab=open"] * 9 + ["/sandbox/shop/", "/sandbox/sales/", "/"]:
        page = desk.context.new_page()
        watch(desk, page, office.url)
        began = time.monotonic()
        page.goto(office.url + path)
        page.locator(".list, .panes, .sides").first.wait_for(timeout=5000)
        assert time.monotonic() - began < 5
        pages.append(page)
    assert len(streams) <= 1
    one = office.customer("Ten tabs")
    one.write("all of you")
    for page in pages[:10]:
        expect(page.locator(f"[data-number='{one.number}']")).to_be_visible()
    pages[0].close()
    one.write("without the first")
    for page in pages[1:10]:
        expect(page.locator(f"[data-number='{one.number}']")).to_contain_text("without the first", timeout=5000)


def test_r_latency(office: Office, sit: Sit) -> None:
    """R-latency: from the customer's pressing Enter to the visible bubble; most within a second on a shared machine."""
    one = office.customer("Latency")
    one.write("begin")
    desk = sit("anna")
    desk.open(one.number)
    took = []
    for i in range(12):
        sent: list[float] = []

        def press(text: str, sent: list[float] = sent) -> None:
            sent.append(time.time())
            office.act("write", customer_id=one.id, text=text)

        worker = threading.Thread(target=press, args=(f"ping {i}",))
        worker.start()
        desk.bubble(f"ping {i}").first.wait_for(timeout=5000)
        worker.join()
        took.append(time.time() - sent[0])
    took.sort()
    assert took[len(took) // 2] < 1.0, took


def test_p_down(office: Office, sit: Sit) -> None:
    """P-down: a channel that does not take messages is said in its conversations, and no longer when it is back."""
    one = office.customer("Down")
    one.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    office.switch(token_rejected=True)
    try:
        desk.answer("into the dark")
        banner = desk.page.locator(".banner.warn")
        expect(banner).to_contain_text("shop does not take messages", timeout=15_000)
    finally:
        office.switch(token_rejected=False)
    wait_for(lambda: "into the dark" in one.texts(), 60, "it went out after all")
    expect(banner).to_have_count(0, timeout=15_000)
