"""The keyboard, on any layout."""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import Sit, sync_api
from tests.browser.office import Office, wait_for

expect = sync_api.expect

TO_RUSSIAN = dict(zip("jkernsal", "олукныфд", strict=True))
PRESS = """([code, key, shift]) => {
  const target = document.activeElement ?? document.body;
  target.dispatchEvent(new KeyboardEvent("keydown", { code, key, shiftKey: shift, bubbles: true, cancelable: true }));
}"""


def case(desk: Any, press: Any, one: Any) -> None:
    """From the list to a closed conversation without a mouse."""
    desk.page.locator(".rows .row").first.wait_for()
    press("j")
    expect(desk.page.locator(".row[aria-current=true]")).to_have_count(1)
    press("r")
    expect(desk.page.locator("#composer")).to_be_focused()
    desk.page.keyboard.type("by keys only")
    desk.page.keyboard.press("Enter")
    wait_for(lambda: "by keys only" in one.texts(), what="sent")
    desk.page.keyboard.press("Escape")
    press("a", shift=True)
    wait_for(lambda: one.row["assignee"] == "anna", what="taken")
    press("e")
    wait_for(lambda: one.row["state"] == "closed", what="closed")


def test_p_keys(office: Office, sit: Sit) -> None:
    """P-keys: a whole case without a mouse."""
    one = office.customer("Keys")
    one.write("hello")
    desk = sit("anna")

    def press(letter: str, shift: bool = False) -> None:
        desk.page.keyboard.press(f"{'Shift+' if shift else ''}Key{letter.upper()}")

    case(desk, press, one)


def test_p_keys_on_a_russian_layout(office: Office, sit: Sit) -> None:
    """P-keys: the same where the keys make Cyrillic letters: the place of the key counts."""
    one = office.customer("Клавиши")
    one.write("привет")
    desk = sit("anna")

    def press(letter: str, shift: bool = False) -> None:
        key = TO_RUSSIAN[letter]
        desk.page.evaluate(PRESS, [f"Key{letter.upper()}", key.upper() if shift else key, shift])

    case(desk, press, one)


def test_f_keys_sheet(office: Office, sit: Sit) -> None:
    """F-keys-sheet: "?" shows exactly the keys that work; switched off, single letters do nothing."""
    desk = sit("anna")
    desk.page.keyboard.press("Shift+Slash")
    sheet = desk.page.get_by_role("dialog", name="Keyboard")
    keys = desk.page.evaluate("""async () => {
      const root = document.querySelector("script[type=module]").src.replace(/panel\\/main\\.js$/, "");
      const { KEYS } = await import(root + "panel/model/keys.js");
      return KEYS.map((k) => k.keys);
    }""")
    for key in set(keys):
        expect(sheet.locator("kbd", has_text=key).first).to_be_visible()
    sheet.get_by_label("Single keys do things").uncheck()
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("Shift+Slash")
    expect(sheet).to_have_count(0)
    desk.page.evaluate("localStorage.clear()")
