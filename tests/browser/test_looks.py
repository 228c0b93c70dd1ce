"""How pages look and what they are made of: phone, dark, Russian, first load, the stranger's minute."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from tests.browser.conftest import Sit, sync_api
from tests.browser.office import Office, wait_for

expect = sync_api.expect
STATIC = Path(__file__).parents[2] / "relay" / "web" / "static"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
KEPT_ENGLISH = {"Relay", "Instagram (Insta API)", "Enter", "Ctrl", "Esc", "Shift", "Enter отправляет"}


def test_a_strangers_minute(fresh_office: Any, sit: Sit) -> None:
    """From the start page, without reading anything: written as a customer, answered as an operator, ticks watched."""
    own = fresh_office(people=False)
    began = time.monotonic()
    desk = sit("", at=own, path="/", width=1600)
    expect(desk.page.get_by_role("status")).to_contain_text("Working")
    desk.page.get_by_role("link", name="Open side by side").click()
    customer, panel, group = (desk.page.frame_locator(f"iframe >> nth={i}") for i in range(3))
    customer.get_by_label("Message", exact=True).fill("Is the boat free on Saturday?")
    customer.get_by_role("button", name="Send", exact=True).click()
    panel.locator(".rows a").first.click()
    expect(panel.locator(".bubble", has_text="Is the boat free")).to_be_visible()
    expect(group.get_by_text("Is the boat free on Saturday?")).to_be_visible()
    panel.locator("#composer").fill("Yes, at ten.")
    panel.locator("#composer").press("Enter")
    expect(customer.get_by_role("log").get_by_text("Yes, at ten.").first).to_be_visible()
    expect(group.get_by_text("Yes, at ten.").first).to_be_visible()
    expect(panel.locator(".bubble", has_text="Yes, at ten.").locator(".tick.read")).to_be_visible()
    assert time.monotonic() - began < 60


def test_p_phone(office: Office, sit: Sit) -> None:
    """P-phone: by touch: list, open, answer, back; nothing to scroll sideways at 320 px; nothing too small to touch."""
    one = office.customer("Phone")
    one.write("hello from a small screen " + "w" * 80)
    desk = sit("anna", width=320, height=700, has_touch=True, is_mobile=True)
    expect(desk.row(one.number)).to_be_visible()
    assert desk.page.evaluate(SIDEWAYS) <= 0
    desk.row(one.number).tap()
    expect(desk.bubble("hello from a small screen")).to_be_visible()
    assert desk.page.evaluate(SIDEWAYS) <= 0
    small = desk.page.locator("button:visible").evaluate_all(
        "all => all.map(b => [b.ariaLabel || b.textContent, b.getBoundingClientRect()])"
        ".filter(([, r]) => r.width < 24 || r.height < 24).map(([name]) => name)"
    )
    assert small == []
    desk.page.locator("#composer").fill("answered by thumb")
    desk.page.get_by_role("button", name="Send", exact=True).tap()
    wait_for(lambda: "answered by thumb" in one.texts(), what="the customer has it")
    desk.page.get_by_role("button", name="Back to the list").tap()
    expect(desk.row(one.number)).to_be_visible()


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const over = (top, below) => top.slice(0, 3).map((c, i) => (c * top[3] + below[i] * (255 - top[3])) / 255);
  const light = (c) => { const [r, g, b] = c.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { const layers = []; for (let at = e; at; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, top) => over(top, below), [255, 255, 255]); };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility({ opacityProperty: true })) continue;
    if (e.closest(":disabled, .hidden, [aria-hidden=true], script, noscript")) continue;
    const back = behind(e);
    const [a, b] = [light(over(rgba(getComputedStyle(e).color), back)), light(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push([e.className || e.tagName, e.textContent.slice(0, 30), ((a + 0.05) / (b + 0.05)).toFixed(2)]);
  }
  return poor;
}"""


def test_p_dark(office: Office, sit: Sit) -> None:
    """P-dark: every text can be read in both themes; a chosen one is there before anything is drawn."""
    one = office.customer("Dark")
    one.write("can you read this?")
    for scheme in ("light", "dark"):
        desk = sit("anna", color_scheme=scheme)
        desk.open(one.number)
        desk.answer(f"an answer in the {scheme}")
        expect(desk.bubble(f"an answer in the {scheme}").locator(".tick.delivered")).to_be_visible()
        desk.page.get_by_role("tab", name="Note").click()
        desk.answer(f"a note in the {scheme}")
        expect(desk.bubble(f"a note in the {scheme}").locator("time")).to_be_visible()
        desk.page.wait_for_timeout(300)  # colours arrive by transition
        assert desk.page.evaluate(CONTRAST) == [], scheme
    desk.page.evaluate("localStorage.setItem('relay-theme', 'light')")
    desk.page.reload()
    assert desk.page.evaluate("document.documentElement.dataset.theme") == "light"


def test_p_ru(fresh_office: Any, sit: Sit) -> None:
    """P-ru: no English word on the Russian page, its settings and its keys; plurals as Russian has them."""
    own = fresh_office(locale="ru", people=False)
    one = own.customer("Анна")
    one.write("добрый день")
    desk = sit("", at=own)
    desk.open(one.number)
    for step in (None, "Настройки", "Клавиатура"):
        if step:
            desk.page.get_by_role("button", name=step).first.click()
        words = desk.page.locator("body").evaluate(
            """(e) => { const out = []; const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
              for (let n = walk.nextNode(); n; n = walk.nextNode())
                if (!n.parentElement.closest("script, kbd, bdi, noscript, .name, .channel, .at, .who, .avatar, .author, .canned-editor")) out.push(n.textContent.trim());
              for (const x of e.querySelectorAll("[aria-label], [title], [placeholder]")) if (!x.closest("bdi, .row, time"))
                out.push(x.getAttribute("aria-label") ?? "", x.getAttribute("placeholder") ?? "");
              return out; }"""
        )
        english = {w for w in words if re.search(r"[A-Za-z]{4,}", w)} - KEPT_ENGLISH
        assert not {w for w in english if not re.search("[а-яё]", w)}, step
        if step:
            desk.page.keyboard.press("Escape")
    plural = desk.page.evaluate(
        """async () => {
          const root = document.querySelector("script[type=module]").src.replace(/panel\\/main\\.js$/, "");
          const { t } = await import(root + "ui/i18n.js");
          return [1, 2, 5, 21].map((count) => t("messages.new", { count }));
        }"""
    )
    assert plural == ["1 новое сообщение", "2 новых сообщения", "5 новых сообщений", "21 новое сообщение"]


def test_p_search(office: Office, sit: Sit) -> None:
    """P-search-name, P-search-text: part of a name, a number; other forms of a word, ё as е; a hit opens in its place."""
    one = office.customer("Ярослава Ёлкина")
    one.write("я ждала три заказа с ёлками")
    for i in range(60):
        office.act("write", customer_id=one.id, text=f"и ещё строка {i}")
    one.write("последняя строка")
    desk = sit("anna")
    field = desk.page.locator("#search")
    field.fill("рослав")
    expect(desk.page.locator(".results .hit", has_text="Ярослава").first).to_be_visible()
    field.fill(f"#{one.number}")
    expect(desk.page.get_by_role("link", name=f"Open #{one.number}")).to_be_visible()
    field.fill("заказ елка")
    hit = desk.page.locator(".results .hit", has_text="три заказа")
    expect(hit.first).to_be_visible()
    expect(hit.first.locator("mark").first).to_be_visible()
    hit.first.click()
    aimed = desk.page.locator(".bubble.aimed")
    expect(aimed).to_contain_text("три заказа")
    expect(aimed).to_be_in_viewport()


def test_f_grep() -> None:
    """F-grep: nothing of ours makes markup from text, or runs it."""
    words = r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|DOMParser|\beval\(|new Function|document\.write"
    ours = [p for p in STATIC.rglob("*.js") if "vendor" not in p.parts]
    assert len(ours) > 40
    assert [str(p) for p in ours if re.search(words, p.read_text("utf-8"))] == []
    templates = STATIC.parents[2] / "templates" / "pages"
    inline = r"\sstyle=|\son\w+=\"|javascript:|<style|<script>"
    assert [str(p) for p in templates.rglob("*.j2") if re.search(inline, p.read_text("utf-8"))] == []


def test_f_budget(office: Office, sit: Sit) -> None:
    """F-budget: the first load is at most 200 kB, with one style sheet to wait for."""
    desk = sit("anna")
    desk.page.wait_for_timeout(500)
    found = desk.page.evaluate(
        "performance.getEntriesByType('resource').map(r => [r.name, r.transferSize, r.initiatorType, r.renderBlockingStatus])"
    )
    size = sum(entry[1] for entry in found)
    assert size <= 200_000, sorted(found, key=lambda entry: -entry[1])[:8]
    assert len([entry for entry in found if entry[0].endswith(".css") and entry[3] == "blocking"]) == 1


def test_p_pwa(office: Office, sit: Sit) -> None:
    """P-pwa: it can be installed: the manifest is right and its icons are there."""
    desk = sit("anna")
    manifest = desk.page.evaluate("fetch('/panel/manifest.webmanifest').then(r => r.json())")
    assert manifest["start_url"] == "/panel"
    statuses = desk.page.evaluate(
        "(all) => Promise.all(all.map(i => fetch(i.src).then(r => r.status)))", manifest["icons"]
    )
    assert statuses and set(statuses) == {200}
