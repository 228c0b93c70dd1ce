"""The console: what runs, what was given up, and what a person does about it. A page that complains fails the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import NETWORK, Desk, Sit
from tests.browser.office import PASSWORDS, Office, wait_for

CANARY = "canary-7f31-of-the-group"
XSS = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def console(sit: Sit, at: Office, path: str = "/console", **options: Any) -> Desk:
    """The page of the administrator, once it is drawn."""
    desk = sit("anna", at=at, path=path, **options)
    desk.page.locator("#app[aria-busy=false]").wait_for()
    return desk


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A relay of these tests' own: they break things."""
    office = Office(
        tmp_path_factory.mktemp("console"),
        desks={"inbox": {"kind": "panel"}, "sales": {"kind": "team", "url": "sandbox", "key": CANARY}},
        delivery={
            "retries": 0,
            "timeout": "3s",
            "breaker": {"failures": 3, "lanes": 2, "probe": {"first": "1s", "factor": 1, "max": "1s"}},
        },
    )
    yield office
    office.close()


def node(desk: Desk, name: str, state: str) -> Any:
    return desk.page.locator(f"[data-node='{name}'][data-state='{state}']")


def answered(office: Office, number: int, text: str, key: str) -> None:
    office.api("POST", f"/conversations/{number}/messages", {"kind": "answer", "text": text}, key=key)


def dead(office: Office, *texts: str) -> int:
    """Answers that the channel refuses; how many dead letters there are then."""
    who = office.customer("Нина")
    who.write("здравствуйте")
    before = int(office.api("GET", "/dead-letters")["total"])
    office.switch("shop", refuse_next=len(texts))
    for i, text in enumerate(texts):
        answered(office, who.number, text, f"{who.id}-{i}")
    total = before + len(texts)
    wait_for(lambda: office.api("GET", "/dead-letters")["total"] == total, 15, "the dead letters")
    return total


def test_c_map_a_trouble_appears_with_its_remedy_and_goes_again(sit: Sit, shop: Office) -> None:
    who = shop.customer("Пётр")
    who.write("работаете?")
    desk = console(sit, shop)
    assert node(desk, "shop", "working").is_visible() and node(desk, "sales", "working").is_visible()
    shop.switch("shop", unpaid="402")
    answered(shop, who.number, "да", "c-map-1")
    found = node(desk, "shop", "credentials")
    found.wait_for(timeout=4000)
    assert "Key refused" in found.inner_text() and "or pay" in found.inner_text() and "1 waits" in found.inner_text()
    assert desk.page.locator(".line.held").count() == 2, "the lines of what is held are dashed"
    desk.page.get_by_role("link", name="As a table").click()
    row = desk.page.get_by_role("row", name="shop")
    assert "Key refused" in row.inner_text() and "sales" in row.inner_text()
    desk.page.get_by_role("link", name="As a map").click()
    shop.switch("shop", unpaid="no")
    node(desk, "shop", "working").wait_for(timeout=15_000)
    wait_for(lambda: "да" in who.texts(), 10, "the answer that waited")


def test_c_act_pause_with_a_reason_and_resume(sit: Sit, shop: Office) -> None:
    desk = console(sit, shop)
    node(desk, "sales", "working").get_by_role("button", name="Pause").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("a test of the console")
    dialog.get_by_role("button", name="Pause").click()
    paused = node(desk, "sales", "paused")
    paused.wait_for()
    assert "Resume it when it may go on" in paused.inner_text()
    noted = json.loads(shop.cli("status", "--json"))
    assert next(c for c in noted["connections"] if c["name"] == "sales")["state"] == "paused"
    paused.get_by_role("button", name="Resume").click()
    desk.page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    node(desk, "sales", "working").wait_for()


def test_c_dead_replay_and_drop_name_the_number_and_leave_the_rest(sit: Sit, shop: Office) -> None:
    total = dead(shop, "первое", "второе", XSS)
    desk = console(sit, shop, "/console?tab=dead&destination=shop")
    rows = desk.page.locator("[data-letter]")
    rows.first.wait_for()
    assert rows.count() == total
    assert XSS in desk.page.locator(".letters").inner_text(), "C-xss: a stranger's text is text"
    rows.filter(has_text="первое").get_by_role("checkbox").check()
    desk.page.get_by_role("button", name="Send again").click()
    dialog = desk.page.get_by_role("dialog")
    assert "Send 1 dead letter again?" in dialog.inner_text()
    dialog.get_by_role("button", name="Send again (1)").click()
    desk.page.get_by_role("dialog").get_by_text("sent again to shop").wait_for()
    desk.page.get_by_role("button", name="Close").click()
    wait_for(lambda: rows.count() == total - 1, 5, "one less")

    # C-bulk: what dies while somebody looks is not meant by "all".
    desk.page.get_by_label("Select all shown").check()
    dead(shop, "умерло позже")
    desk.page.get_by_role("button", name="Drop").click()
    desk.page.get_by_role("dialog").get_by_label("Reason").fill("a test")
    desk.page.get_by_role("button", name=f"Drop ({total - 1})").click()
    desk.page.get_by_role("dialog").get_by_text("dropped").first.wait_for()
    (left,) = shop.api("GET", "/dead-letters")["items"]
    assert left["text"] == "умерло позже"
    desk.page.get_by_role("button", name="Close").click()
    desk.page.locator("[data-letter]").filter(has_text="умерло позже").get_by_role("link", name="What happened").click()
    hops = desk.page.locator(".hops li")
    hops.first.wait_for()
    assert hops.count() >= 2 and "m=" in desk.page.url


def test_c_bulk_all_that_match_are_those_of_the_snapshot(sit: Sit, shop: Office) -> None:
    total = dead(shop, *(f"много {i}" for i in range(51)))
    desk = console(sit, shop, "/console?tab=dead")
    desk.page.get_by_label("Select all shown").check()
    desk.page.get_by_role("button", name=f"Select all {total} that match").click()
    dead(shop, "после снимка")
    desk.page.get_by_role("button", name="Drop").click()
    confirm = desk.page.get_by_role("button", name=f"Drop ({total})")
    assert confirm.is_disabled(), "more than twenty: the number is typed first"
    desk.page.get_by_label(f"Type {total} to confirm").fill(str(total))
    confirm.click()
    desk.page.get_by_role("dialog").get_by_text(f"{total} done").wait_for()
    (left,) = shop.api("GET", "/dead-letters")["items"]
    assert left["text"] == "после снимка"


def test_c_config_is_masked_and_doctor_answers(sit: Sit, shop: Office) -> None:
    desk = console(sit, shop, "/console?tab=setup")
    desk.page.locator(".config").wait_for()
    desk.page.get_by_role("button", name="Ask now").click()
    desk.page.locator(".checks li").first.wait_for()
    content = desk.page.content()
    assert "***" in content and "kind: team" in desk.page.locator(".config").inner_text()
    for secret in (CANARY, "a secret key of the browser tests", PASSWORDS["anna"], shop.token):
        assert secret not in content


def test_c_figures_plots_stand_beside_a_table(sit: Sit, shop: Office) -> None:
    shop.customer("Вера").write("для графика")
    desk = console(sit, shop, "/console?tab=figures")
    desk.page.locator(".plot canvas").first.wait_for()
    row = desk.page.locator(".numbers tbody tr").first
    row.wait_for()
    assert int(row.locator("td").first.inner_text()) >= 1


@pytest.mark.parametrize("width", [390, 1024])
def test_c_phone_nothing_is_wider_than_the_screen(sit: Sit, shop: Office, width: int) -> None:
    desk = console(sit, shop, width=width, height=844)
    for tab in ("Overview", "Dead letters", "Figures", "Set-up"):
        desk.page.locator("nav").get_by_role("link", name=tab).first.click()
        desk.page.locator("main > * > *").first.wait_for()
        if tab == "Figures":
            desk.page.locator(".plot canvas").first.wait_for()
        wide = desk.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, tab


def test_c_restart_every_number_is_right_afterwards(sit: Sit, shop: Office) -> None:
    total = dead(shop, "переживёт перезапуск")
    desk = console(sit, shop, "/console?tab=dead", expected=NETWORK)
    desk.page.get_by_role("heading", name=f"{total} dead letter").wait_for()
    shop.kill()
    desk.page.get_by_text("The relay cannot be reached").wait_for()
    shop.start()
    desk.page.get_by_text("The relay cannot be reached").wait_for(state="hidden", timeout=20_000)
    desk.page.get_by_role("heading", name=f"{total} dead letter").wait_for()
    assert desk.page.locator(".tab .badge").inner_text() == str(total)
    desk.page.get_by_role("link", name="Overview").click()
    node(desk, "shop", "working").wait_for(timeout=15_000)


def test_an_operator_and_a_stranger_do_not_see_it(sit: Sit, shop: Office) -> None:
    desk = sit("oleg", at=shop, path="/console", expected=r"403|Failed to load")
    assert "does not include this page" in desk.page.content()


def test_the_russian_console_has_every_text(sit: Sit, fresh_office: Callable[..., Office]) -> None:
    office = fresh_office(locale="ru", people=False)
    desk = sit("", at=office, path="/console")
    for tab in ("Обзор", "Недоставленные", "Графики", "Настройка"):
        desk.page.locator("nav").get_by_role("link", name=tab).first.click()
        desk.page.locator("main > * > *").first.wait_for()
        text = desk.page.locator("#app").inner_text()
        assert not any(word in text for word in ("tab.", "state.", "dead.", "Loading", "Working"))
