"""What colleagues do with conversations, through the API."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import aiohttp
import pyotp
from PIL import Image

from relay.people.rights import Role, Scope
from tests.unit.web.conftest import Browser, Office
from tests.unit.web.test_api import customer


async def _logged_in(office: Office, name: str = "anna", role: Role = Role.ADMIN) -> Browser:
    await office.user(name, role)
    browser = office.browser()
    await browser.log_in(name)
    return browser


async def _answer(browser: Browser, number: int, key: str, **body: Any) -> Any:
    return await browser.api("POST", f"/conversations/{number}/messages", body, headers={"Idempotency-Key": key})


async def test_two_take_a_conversation_at_once_and_one_wins(office: Office):
    number = (await customer(office.store)).number
    anna, boris = await _logged_in(office), await _logged_in(office, "boris", Role.OPERATOR)
    etag = (await anna.api("GET", f"/conversations/{number}")).headers["ETag"]
    said = await asyncio.gather(
        *(
            b.api("PATCH", f"/conversations/{number}", {"assignee": name}, headers={"If-Match": etag})
            for b, name in ((anna, "anna"), (boris, "boris"))
        )
    )
    assert sorted(s.status for s in said) == [200, 412]
    won = next(s for s in said if s.status == 200).json
    lost = next(s for s in said if s.status == 412)
    assert lost.json["type"] == "/problems/changed"
    now = await boris.api("GET", f"/conversations/{number}")
    assert now.json["assignee"] == won["assignee"]
    assert now.headers["ETag"] == f'"{won["version"]}"'


async def test_what_is_changed_is_announced_after_it_is_written(office: Office):
    number = (await customer(office.store)).number
    anna = await _logged_in(office)
    await anna.api("PATCH", f"/conversations/{number}", {"labels": ["vip", "vip", " refund "]})
    await _answer(anna, number, "k1", kind="note", text="for colleagues")
    entries = await office.store.redis.xrange(office.store.key("feed"))
    kinds = [(e[1][b"k"].decode(), e[1][b"n"].decode()) for e in entries]
    assert ("conversation", str(number)) in kinds
    assert ("note", str(number)) in kinds
    row = (await anna.api("GET", f"/conversations/{number}")).json
    assert row["labels"] == ["refund", "vip"]
    assert [label["name"] for label in (await anna.api("GET", "/labels")).json["items"]] == ["refund", "vip"]


async def test_a_note_is_for_colleagues_and_is_left_once(office: Office):
    number = (await customer(office.store)).number
    anna = await _logged_in(office)
    first = await _answer(anna, number, "k1", kind="note", text="careful with this one")
    assert (first.status, first.json["kind"], first.json["author"]) == (201, "note", "anna")
    for key in await office.store.redis.keys(office.store.key("idem:*")):
        await office.store.redis.delete(key)
    again = await _answer(anna, number, "k1", kind="note", text="careful with this one")
    assert again.json["id"] == first.json["id"]
    assert len(await office.store.messages(number)) == 1  # nothing of it is on its way to anybody
    assert (await _answer(anna, number, "k2", kind="note", text=" ")).status == 422
    assert (await _answer(anna, number, "k3", kind="note", text="x", options=["yes"])).status == 422


async def test_drafts_are_one_s_own_and_kept_for_each_mode(office: Office):
    number = (await customer(office.store)).number
    anna, boris = await _logged_in(office), await _logged_in(office, "boris", Role.OPERATOR)
    path = f"/conversations/{number}/drafts"
    assert (await anna.api("PUT", f"{path}/answer", {"text": "Dear"})).status == 204
    assert (await anna.api("PUT", f"{path}/note", {"text": "he is"})).status == 204
    assert (await anna.api("PUT", f"{path}/answer", {"text": "Dear customer"})).status == 204
    assert (await anna.api("GET", f"/conversations/{number}")).json["drafts"] == {
        "answer": "Dear customer",
        "note": "he is",
    }
    assert (await boris.api("GET", f"{path}/answer")).json == {"text": ""}
    assert (await anna.api("DELETE", f"{path}/answer")).status == 204
    assert (await anna.api("PUT", f"{path}/note", {"text": ""})).status == 204
    assert (await anna.api("GET", f"/conversations/{number}")).json["drafts"] == {"answer": "", "note": ""}
    assert (await anna.api("PUT", f"{path}/other", {"text": "x"})).status == 404


async def test_a_script_has_no_drafts_and_reads_for_nobody(office: Office):
    number = (await customer(office.store)).number
    script = await office.token(Scope.ADMIN)
    for method, path in (("PUT", f"/conversations/{number}/drafts/note"), ("POST", f"/conversations/{number}/read")):
        assert (await office.ask(method, "/api/v1" + path, headers=script, json={"text": "x"})).status == 403


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return out.getvalue()


async def _upload(browser: Browser, data: bytes, name: str = "photo.png", mime: str = "image/png") -> Any:
    form = aiohttp.FormData()
    form.add_field("comment", "first")
    form.add_field("file", data, filename=name, content_type=mime)
    return await browser.api("POST", "/uploads", data=form)


async def test_a_file_is_taken_in_judged_by_every_channel_and_sent(office: Office):
    number = (await customer(office.store)).number
    anna, boris = await _logged_in(office), await _logged_in(office, "boris", Role.OPERATOR)
    said = await _upload(anna, _picture())
    assert said.status == 201, said.text
    assert said.json["mime"] == "image/png"
    assert said.json["says"] == {"shop": None, "second": None}
    assert (await anna.ask("GET", said.json["url"])).status != 500
    strange = await _upload(anna, b"MZ" + b"\0" * 100, "tool.exe", "image/png")
    assert strange.json["says"]["shop"]  # in words
    sent = await _answer(anna, number, "k1", text="", files=[said.json["id"]])
    assert (sent.status, [f["mime"] for f in sent.json["attachments"]]) == (201, ["image/png"])
    foreign = await _answer(boris, number, "k2", text="", files=[said.json["id"]])
    assert (foreign.status, foreign.json["errors"][0]["pointer"]) == (422, "/files/0")


async def test_what_is_too_large_or_no_form_is_refused_and_leaves_no_file(office: Office):
    anna = await _logged_in(office)
    limit = office.config.media.max_file
    object.__setattr__(office.config.media, "max_file", 1000)
    said = await _upload(anna, b"x" * 1001)
    assert (said.status, said.json["type"], said.json["limit"]) == (413, "/problems/too-large", 1000)
    object.__setattr__(office.config.media, "max_file", limit)
    assert (await anna.api("POST", "/uploads", {"file": "x"})).status == 415
    form = aiohttp.FormData()
    form.add_field("other", b"x", filename="x")
    assert (await anna.api("POST", "/uploads", data=form)).status == 422
    assert list(office.made.services.spool.iterdir()) == []


async def test_canned_answers_are_kept_and_mistakes_in_them_told(office: Office):
    anna = await _logged_in(office)
    assert (await anna.api("PUT", "/canned-answers/hello", {"text": "Hello {name}!"})).status == 200
    wrong = await anna.api("PUT", "/canned-answers/hello", {"text": "Hello {nmae}!"})
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "/text")
    assert "{nmae}" in wrong.json["detail"]
    assert [(c["name"], c["text"]) for c in (await anna.api("GET", "/canned-answers")).json["items"]] == [
        ("hello", "Hello {name}!")
    ]
    assert (await anna.api("DELETE", "/canned-answers/hello")).status == 204
    assert (await anna.api("DELETE", "/canned-answers/hello")).status == 404


async def test_the_last_administrator_is_not_locked_out(office: Office):
    anna = await _logged_in(office)
    for body in ({"role": "operator"}, {"disabled": True}):
        assert (await anna.api("PUT", "/users/anna", body)).status == 409
    assert (await anna.api("DELETE", "/users/anna")).status == 409
    await office.user("olga")
    assert (await anna.api("PUT", "/users/anna", {"role": "operator"})).status == 200


async def test_a_new_password_ends_the_other_sessions_and_gives_this_one_a_new_id(office: Office):
    anna = await _logged_in(office)
    other = office.browser()
    await other.log_in()
    before = anna.session_cookie
    new = "зелёный велосипед под дождём 3"
    assert (await anna.api("PUT", "/me/password", {"current": "wrong", "new": new})).status == 422
    weak = await anna.api("PUT", "/me/password", {"current": "сиреневый трамвай у реки 7", "new": "short"})
    assert weak.json["errors"][0]["pointer"] == "/new"
    done = await anna.api("PUT", "/me/password", {"current": "сиреневый трамвай у реки 7", "new": new})
    assert done.status == 204, done.text
    assert anna.session_cookie != before
    assert (await anna.api("GET", "/me")).status == 200
    assert (await other.api("GET", "/me")).status == 401


async def test_a_second_factor_is_set_up_with_a_code_and_taken_away(office: Office):
    anna, other = await _logged_in(office), office.browser()
    await other.log_in()
    begun = (await anna.api("POST", "/me/second-factor")).json
    assert begun["address"].startswith("otpauth://totp/")
    assert begun["qr_svg"].startswith("<svg")
    code = pyotp.TOTP(begun["secret"]).at(int(office.clock()))
    wrong = "000000" if code != "000000" else "111111"
    assert (await anna.api("PUT", "/me/second-factor", {"secret": begun["secret"], "code": wrong})).status == 422
    done = await anna.api("PUT", "/me/second-factor", {"secret": begun["secret"], "code": code})
    assert (done.status, len(done.json["recovery_codes"])) == (200, 10)
    assert (await other.api("GET", "/me")).status == 401  # a session without the second factor does not outlive it
    anna.csrf = (await anna.api("GET", "/me")).json["csrf"]
    asked = await office.browser().form("/login", name="anna", password="сиреневый трамвай у реки 7")
    assert "one-time-code" in asked.text
    assert (await anna.api("DELETE", "/me/second-factor")).status == 204
    assert (await office.browser().log_in()).status == 303


async def test_a_person_is_forgotten_by_an_administrator_who_has_just_given_the_password(office: Office):
    number = (await customer(office.store)).number
    anna, boris = await _logged_in(office), await _logged_in(office, "boris", Role.OPERATOR)
    await _answer(anna, number, "k1", kind="note", text="about them")
    assert (await boris.api("DELETE", f"/contacts/{number}")).status == 403
    done = await anna.api("DELETE", f"/contacts/{number}")
    assert (done.status, done.json["erased"]["notes"]) == (200, 1), done.text
    assert (await anna.api("GET", f"/contacts/{number}")).status == 404
    audit = (await anna.api("GET", "/audit")).json["items"]
    assert ("contact erased", f"#{number}") in [(e["what"], e["on"]) for e in audit]
    assert (await anna.api("DELETE", f"/contacts/{number}")).status == 404


async def test_a_conversation_is_put_aside_until_a_time_and_nonsense_is_told(office: Office):
    number = (await customer(office.store)).number
    anna = await _logged_in(office)
    for until, status in (("2099-01-01T06:00:00.000Z", 200), ("tomorrow", 422), (5, 422), ("2099-01-01T06:00:00", 422)):
        said = await anna.api("PATCH", f"/conversations/{number}", {"state": "snoozed", "snoozed_until": until})
        assert said.status == status, (until, said.json)
    row = (await anna.api("GET", f"/conversations/{number}")).json
    assert row["state"] == "snoozed"
    assert row["snoozed_until"].startswith("2099-01-01T06:00:00")
