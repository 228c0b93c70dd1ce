"""Answering: what goes out, what is kept, what is told before anything is sent."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

from tests.browser.conftest import NETWORK, Sit, sync_api
from tests.browser.office import Office, wait_for

expect = sync_api.expect
REFUSED = r"status of (412|409|422)"


def png(width: int = 40, height: int = 30) -> bytes:
    """A picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x30\x60\xd0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_p_note(office: Office, sit: Sit) -> None:
    """P-note: a note never leaves the relay, looks different in colour and word, and its mode stays."""
    one, other = office.customer("Note"), office.customer("Elsewhere")
    one.write("hello")
    other.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    desk.page.get_by_role("tab", name="Note").click()
    desk.answer("he wants a discount, do not give it")
    note = desk.bubble("he wants a discount")
    expect(note).to_have_class(re.compile("note"))
    expect(note.locator(".note-head")).to_contain_text("only colleagues see this")
    desk.answer("a second note")
    expect(desk.bubble("a second note")).to_be_visible()
    desk.row(other.number).click()
    expect(desk.page.get_by_role("tab", name="Answer")).to_have_attribute("aria-selected", "true")
    desk.row(one.number).click()
    expect(desk.page.get_by_role("tab", name="Note")).to_have_attribute("aria-selected", "true")
    desk.page.get_by_role("tab", name="Answer").click()
    desk.answer("a real answer")
    wait_for(lambda: "a real answer" in one.texts(), what="the customer has the answer")
    assert one.texts() == ["a real answer"]
    assert not any("discount" in text for text in office.written_in_group())


def test_p_canned(office: Office, sit: Sit) -> None:
    """P-canned: / and a few letters find one, Enter puts it in with the name, Escape leaves what was typed; an unknown
    variable is refused when it is saved."""
    office.api("PUT", "/canned-answers/доставка", {"text": "Здравствуйте, {name}! Доставка два дня."})
    office.api("PUT", "/canned-answers/thanks", {"text": "Thank you!"})
    one = office.customer("Мария")
    one.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    field = desk.page.locator("#composer")
    field.click()
    desk.page.keyboard.type("/дос")
    expect(desk.page.locator(".canned [role=option]")).to_have_count(1)
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator(".canned")).to_have_count(0)
    expect(field).to_have_value("/дос")
    field.fill("")
    desk.page.keyboard.type("/дос")
    desk.page.keyboard.press("Enter")
    expect(field).to_have_value("Здравствуйте, Мария! Доставка два дня.")
    assert field.evaluate("e => e.selectionStart === e.value.length")
    assert one.texts() == []
    desk.page.keyboard.press("Escape")
    desk.page.get_by_role("button", name="Settings").first.click()
    desk.page.get_by_role("button", name="Add a canned answer").click()
    desk.page.get_by_label("short name").fill("bad")
    desk.page.get_by_label("The text").fill("Dear {nmae}")
    expect(desk.page.get_by_role("alert").filter(has_text="{nmae} is not known")).to_be_visible()
    expect(desk.page.get_by_role("button", name="Save")).to_be_disabled()


def test_p_attach(office: Office, sit: Sit) -> None:
    """P-attach: pasted, dropped and chosen files go together, one is taken back, the rest arrives in order."""
    one = office.customer("Attach")
    one.write("send me pictures")
    desk = sit("anna")
    desk.open(one.number)
    data = list(png())
    desk.page.evaluate(
        """(bytes) => {
          const file = (name) => new File([new Uint8Array(bytes)], name, { type: "image/png" });
          const pasted = new DataTransfer();
          pasted.items.add(file("pasted.png"));
          document.getElementById("composer").dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true, cancelable: true }));
          const dropped = new DataTransfer();
          dropped.items.add(file("dropped-1.png"));
          dropped.items.add(file("dropped-2.png"));
          const thread = document.querySelector(".thread");
          for (const kind of ["dragenter", "dragover", "drop"]) thread.dispatchEvent(new DragEvent(kind, { dataTransfer: dropped, bubbles: true, cancelable: true }));
        }""",
        data,
    )
    uploads = desk.page.locator(".upload")
    expect(uploads).to_have_count(3)
    desk.page.get_by_role("button", name="Remove dropped-1.png").click()
    expect(uploads).to_have_count(2)
    expect(desk.page.locator(".upload progress")).to_have_count(0)
    desk.page.get_by_role("button", name="Send", exact=True).click()
    wait_for(lambda: len(one.received()) == 2, what="two files have arrived")
    expect(desk.page.locator(".bubble.out .picture img")).to_have_count(2)


def test_p_limit(office: Office, sit: Sit) -> None:
    """P-limit: what the channel does not take is said with its limit, and nothing is uploaded."""
    one = office.customer("Limit")
    one.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    asked: list[str] = []
    desk.page.on("request", lambda r: asked.append(r.url) if "/uploads" in r.url else None)
    desk.page.locator("#picker").set_input_files(
        [{"name": "big.png", "mimeType": "image/png", "buffer": b"x" * 9_500_000}]
    )
    expect(desk.page.locator(".upload.bad")).to_contain_text(re.compile("more than the channel takes"))
    expect(desk.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    assert asked == []
    desk.page.get_by_role("button", name="Remove big.png").click()
    expect(desk.page.locator(".upload")).to_have_count(0)


def test_p_quick(office: Office, sit: Sit) -> None:
    """P-quick: too long and too many replies are marked where they are written; sent ones are shown as chips."""
    one = office.customer("Quick")
    one.write("which day?")
    desk = sit("anna")
    desk.open(one.number)
    desk.page.get_by_role("button", name="Quick replies").click()
    first = desk.page.get_by_label("Reply 1", exact=True)
    first.fill("x" * 21)
    expect(desk.page.locator(".options-edit .bad-text")).to_have_text("At most 20 characters each.")
    first.fill("Saturday")
    for n in range(2, 14):
        desk.page.get_by_role("button", name="Add a reply").click()
        desk.page.get_by_label(f"Reply {n}", exact=True).fill(f"Day {n}")
    expect(desk.page.get_by_role("button", name="Add a reply")).to_have_count(0)
    desk.answer("choose one")
    bubble = desk.bubble("choose one")
    expect(bubble.locator(".options li")).to_have_count(13)
    options = wait_for(one.received, what="the customer has it")[-1]["options"]
    assert options[:2] == ["Saturday", "Day 2"] and len(options) == 13


def test_p_split(office: Office, sit: Sit) -> None:
    """P-split: 1,200 Cyrillic letters are told to become three messages, cut at words, and do so in order."""
    one = office.customer("Split")
    one.write("tell me everything")
    desk = sit("anna")
    desk.open(one.number)
    text = " ".join(["длинное слово"] * 92)[:1200].strip()
    desk.page.locator("#composer").fill(text)
    expect(desk.page.locator(".split strong")).to_have_text("Will be sent as 3 messages")
    expect(desk.page.locator(".cut")).to_have_count(2)
    expect(desk.page.locator(".counter")).to_contain_text("/ 1000")
    desk.page.locator("#composer").press("Enter")
    wait_for(lambda: len(one.received()) == 3, what="three messages")
    assert " ".join(one.texts()) == text
    expect(desk.bubble("длинное").last.locator(".foot")).to_contain_text("sent as 3 messages")


def test_p_draft(office: Office, sit: Sit) -> None:
    """P-draft: what was typed is there after switching, after a reload and in another browser; sent, it is gone."""
    one, other = office.customer("Draft"), office.customer("Beside")
    one.write("hello")
    other.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    field = desk.page.locator("#composer")
    field.fill("half an answ")
    desk.page.get_by_role("tab", name="Note").click()
    field.fill("half a note")
    desk.row(other.number).click()
    expect(field).to_have_value("")
    desk.row(one.number).click()
    expect(field).to_have_value("half a note")
    desk.page.reload()  # within the half second: sent as the page goes away
    expect(desk.page.locator("#composer")).to_have_value("half an answ")
    second = sit("anna")
    second.open(one.number)
    expect(second.page.locator("#composer")).to_have_value("half an answ")
    desk.page.locator("#composer").press("Enter")
    expect(desk.bubble("half an answ")).to_be_visible()
    desk.page.wait_for_timeout(800)
    second.page.reload()
    second.page.get_by_role("tab", name="Answer").click()
    expect(second.page.locator("#composer")).to_have_value("")


def test_p_draft_cross(office: Office, sit: Sit) -> None:
    """P-draft-cross: what is typed for one customer is never sent to another, however fast one goes on."""
    one, other = office.customer("Cross"), office.customer("Wrong")
    other.write("hello")
    one.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    desk.page.locator("#composer").fill("only for the first")
    desk.page.locator("#composer").press("Escape")
    desk.page.keyboard.press("KeyJ")
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_timeout(600)
    assert "only for the first" not in other.texts() + one.texts()


def test_p_double(office: Office, sit: Sit) -> None:
    """P-double: pressing five times, and a connection cut after the request was read, make one message; two honest "ok"
    make two."""
    one = office.customer("Double")
    one.write("hello")
    desk = sit("anna", expected=NETWORK)
    desk.open(one.number)
    field = desk.page.locator("#composer")
    field.fill("only once")
    for _ in range(5):
        field.press("Enter")
    expect(desk.bubble("only once").locator(".tick.read, .tick.delivered")).to_be_visible()
    lost = {"count": 0}

    def lose_the_answer(route: Any) -> None:
        if route.request.method == "POST" and lost["count"] == 0:
            lost["count"] += 1
            route.fetch()  # the relay has it; the page never hears of it
            route.abort()
        else:
            route.continue_()

    desk.page.route(re.compile(r"/conversations/\d+/messages$"), lose_the_answer)
    desk.answer("cut off")
    expect(desk.bubble("cut off").locator(".tick.read, .tick.delivered")).to_be_visible(timeout=15_000)
    desk.page.unroute_all()
    for _ in range(2):
        desk.answer("ok")
    wait_for(lambda: one.texts().count("ok") == 2, what="two honest ones")
    assert one.texts() == ["only once", "cut off", "ok", "ok"]
    assert lost["count"] == 1


def test_p_collision(office: Office, sit: Sit) -> None:
    """P-collision: an answer written in ignorance of another is refused and shows it; "send anyway" sends it."""
    one = office.customer("Collision")
    one.write("is there a table at eight?")
    anna, oleg = sit("anna", expected=f"{REFUSED}|{NETWORK}"), sit("oleg")
    anna.open(one.number)
    oleg.open(one.number)
    anna.page.route(re.compile("/events"), lambda route: route.abort())
    anna.page.reload()
    expect(anna.bubble("is there a table at eight?")).to_be_visible()
    oleg.answer("yes, there is")
    wait_for(lambda: "yes, there is" in one.texts(), what="the first answer is out")
    anna.answer("no, we are full")
    dialog = anna.page.get_by_role("dialog")
    expect(dialog).to_contain_text("oleg has answered meanwhile")
    expect(dialog).to_contain_text("yes, there is")
    assert one.texts() == ["yes, there is"]
    dialog.get_by_role("button", name="Back to my answer").click()
    expect(anna.page.locator("#composer")).to_have_value("no, we are full")
    anna.page.unroute_all()
    anna.page.locator("#composer").fill("")
    one.write("well?")
    anna.page.reload()
    expect(anna.bubble("yes, there is")).to_be_visible()


def test_p_collision_send_anyway(office: Office, sit: Sit) -> None:
    """P-collision, the other way out: the second answer goes, because somebody wanted it to."""
    one = office.customer("Anyway")
    one.write("hello?")
    desk = sit("anna", expected=REFUSED)
    desk.open(one.number)
    desk.page.route(re.compile("/events"), lambda route: route.abort())
    desk.expected = f"{REFUSED}|{NETWORK}"
    desk.page.reload()
    expect(desk.bubble("hello?")).to_be_visible()
    office.say_in_group(f"#{one.number} from the group")
    wait_for(lambda: "from the group" in one.texts(), what="the group has answered")
    desk.answer("from the panel")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("from the group")
    dialog.get_by_role("button", name="Send anyway").click()
    wait_for(lambda: "from the panel" in one.texts(), what="the second is out")
    assert one.texts() == ["from the group", "from the panel"]


def test_p_offline(office: Office, sit: Sit) -> None:
    """P-offline: sent without a network and the page reloaded, it is still there and goes out; older than five minutes
    it is only offered."""
    one = office.customer("Offline")
    one.write("hello")
    desk = sit("anna", expected=NETWORK)
    desk.open(one.number)
    desk.context.set_offline(True)
    desk.answer("written on the train")
    expect(desk.bubble("written on the train")).to_have_class(re.compile("pending"))
    expect(desk.bubble("written on the train")).to_contain_text("Will be sent when the relay can be reached")
    desk.context.set_offline(False)
    desk.page.reload()
    wait_for(lambda: one.texts() == ["written on the train"], what="it went out by itself")
    expect(desk.bubble("written on the train")).not_to_have_class(re.compile("pending"))
    desk.page.evaluate(
        """(number) => localStorage.setItem("relay-unsent", JSON.stringify([{ number, client_id: "old-1", kind: "answer", text: "too old",
          options: [], files: [], at: new Date(Date.now() - 600000).toISOString(), status: "waiting", problem: "", tries: 1, force: false }]))""",
        one.number,
    )
    desk.page.reload()
    expect(desk.bubble("too old")).to_contain_text("more than five minutes old")
    desk.page.wait_for_timeout(1500)
    assert "too old" not in one.texts()
    desk.bubble("too old").get_by_role("button", name="Send now").click()
    wait_for(lambda: "too old" in one.texts(), what="sent by hand")


def test_p_emoji_and_altgr(office: Office, sit: Sit) -> None:
    """P-emoji, P-altgr: the picker by keyboard, with Russian words too; letters made with AltGr arrive as typed."""
    one = office.customer("Emoji")
    one.write("hello")
    desk = sit("anna")
    desk.open(one.number)
    field = desk.page.locator("#composer")
    field.fill("thank you ")
    desk.page.get_by_role("button", name="Emoji").click()
    desk.page.keyboard.type("спасибо")
    desk.page.keyboard.press("Enter")
    expect(field).to_have_value("thank you 🙏")
    field.fill("")
    field.click()
    for letter in "ąęńó@€":
        desk.page.keyboard.press("AltGraph")
        desk.page.keyboard.insert_text(letter)
    expect(field).to_have_value("ąęńó@€")
