"""Being called: sound, title, desktop."""

from __future__ import annotations

import re

from tests.browser.conftest import Sit, sync_api, watch
from tests.browser.office import Office, wait_for

expect = sync_api.expect

STUBS = """
window.called = { sounds: 0, shown: [] };
class Voice { constructor() { this.frequency = { value: 0 }; } connect(to) { return to; } start() { window.called.sounds += 0.5; } stop() {} }
class Loud { constructor() { this.gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} }; } connect(to) { return to; } }
window.AudioContext = class { constructor() { this.state = window.name === "mute" ? "suspended" : "running"; this.currentTime = 0; }
  async resume() { if (window.name !== "mute") this.state = "running"; } createOscillator() { return new Voice(); } createGain() { return new Loud(); } };
window.Notification = class { static permission = "granted"; static async requestPermission() { return "granted"; }
  constructor(title, options) { window.called.shown.push([title, options.body]); } close() {} };
"""
WISH = 'localStorage.setItem("relay-notify", JSON.stringify({wish}))'


def test_p_notify(office: Office, sit: Sit) -> None:
    """P-notify: sound and notice for what one is not looking at, none for what is on the screen; "mine" and "off"."""
    desk = sit("anna")
    desk.page.add_init_script(STUBS)
    desk.page.evaluate(WISH.replace("{wish}", '{who: "all", sound: true, desktop: true}'))
    desk.page.reload()
    desk.page.locator(".inbox").click(position={"x": 200, "y": 20})
    open_one, other = office.customer("Open one"), office.customer("Other one")
    other.write("first")
    wait_for(lambda: desk.page.evaluate("called.sounds") == 1, what="a sound")
    open_one.write("hello")
    wait_for(lambda: desk.page.evaluate("called.sounds") == 2, what="another")
    desk.row(open_one.number).click()
    expect(desk.bubble("hello")).to_be_visible()
    open_one.write("I see you looking")
    expect(desk.bubble("I see you looking")).to_be_visible()
    assert desk.page.evaluate("called.sounds") == 2
    expect(desk.page).to_have_title(re.compile(r"^\(\d+\)"))
    office.api("PATCH", f"/conversations/{other.number}", {"assignee": "oleg"})
    desk.page.evaluate(WISH.replace("{wish}", '{who: "mine", sound: true, desktop: true}'))
    desk.page.reload()
    desk.page.locator(".inbox").click(position={"x": 200, "y": 20})
    desk.page.locator(".rows .row").first.wait_for()
    other.write("for Oleg")
    expect(desk.row(other.number)).to_contain_text("for Oleg")
    assert desk.page.evaluate("called.sounds") == 0
    desk.page.evaluate("localStorage.removeItem('relay-notify')")


def test_p_onesound(office: Office, sit: Sit) -> None:
    """P-onesound: three tabs, one sound."""
    desk = sit("anna")
    pages = [desk.page, desk.context.new_page(), desk.context.new_page()]
    for page in pages:
        if page is not desk.page:
            watch(desk, page, office.url)
        page.add_init_script(STUBS)
        page.goto(office.url + "/panel?tab=open")
        page.locator(".inbox").click(position={"x": 200, "y": 20})
    one = office.customer("One sound")
    one.write("ring")
    for page in pages:
        page.locator(f"[data-number='{one.number}']").wait_for()
    wait_for(lambda: sum(p.evaluate("called.sounds") for p in pages) >= 1, what="a sound")
    pages[0].wait_for_timeout(500)
    assert sum(p.evaluate("called.sounds") for p in pages) == 1


def test_p_notify_says_that_sound_is_blocked(office: Office, sit: Sit) -> None:
    """P-notify: a browser that keeps us silent is said so, until a click."""
    desk = sit("anna")
    desk.page.add_init_script(f"window.name = 'mute';{STUBS}")
    desk.page.reload()
    one = office.customer("Blocked")
    one.write("ring")
    hint = desk.page.get_by_role("button", name="Sound is blocked")
    expect(hint).to_be_visible()
    desk.page.evaluate("window.name = ''")
    hint.click()
    expect(hint).to_have_count(0)
