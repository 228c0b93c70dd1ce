"""Logging in and out, as a browser does it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from urllib.parse import urlsplit

import pyotp
import pytest

from relay.people.invitations import Invitation
from relay.people.rights import RIGHTS, Role
from relay.people.second_factor import recovery_digest, seal
from relay.people.sessions import DAY_S
from relay.web.login.pages import own_path
from tests.unit.web.conftest import KEY, PASSWORD, Browser, Office, hidden

WRONG = "a password that nobody has chosen"


# --- log in -----------------------------------------------------------------------------------------------------------


async def test_l_login_right(office: Office):
    await office.user()
    anna = office.browser()
    assert (await anna.ask("GET", "/panel")).headers["Location"] == "/login?next=/panel"
    said = await anna.form(
        "/login?next=%2Fpanel%3Fstate%3Dopen", name=" Anna ", password=PASSWORD, next="/panel?state=open"
    )
    assert (said.status, said.headers["Location"]) == (303, "/panel?state=open")
    session = next(c for c in said.cookies if c.startswith("__Host-relay="))
    for attribute in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
        assert attribute in session
    assert "Domain" not in session
    page = await anna.ask("GET", "/panel")
    assert (page.status, page.text) == (200, "for anna")


async def test_l_login_wrong_unknown_and_disabled_are_told_alike(office: Office):
    await office.user()
    await office.people.disable(await office.user("boris"), by="tests")
    told = set()
    for name, password in (("anna", WRONG), ("nobody", WRONG), ("boris", PASSWORD), ("anna", ""), ("", "")):
        said = await office.browser().form("/login", name=name, password=password)
        told.add((said.status, said.text.replace(f'value="{name}"', "").split("<form")[0]))
        assert not [c for c in said.cookies if c.startswith("__Host-relay=")]
    assert len(told) == 1
    assert told.pop()[0] == 401


async def test_l_login_a_rotated_id_works_and_the_old_one_is_dead(office: Office):
    await office.user()
    anna = office.browser()
    await anna.log_in()
    first = anna.session_cookie
    office.clock.move(DAY_S + 1)
    assert (await anna.api("GET", "/me")).status == 200
    assert anna.session_cookie != first
    assert (await anna.api("GET", "/me")).status == 200
    office.clock.move(60)
    old = office.browser()
    old.cookies["__Host-relay"] = first
    assert (await old.api("GET", "/me")).status == 401


async def test_l_fixation_a_session_from_before_the_log_in_is_never_gone_on_with(office: Office):
    await office.user()
    attacker = office.browser()
    await office.user("mallory", Role.OPERATOR)
    await attacker.log_in("mallory")
    victim = office.browser()
    page = await victim.ask("GET", "/login")
    victim.cookies["__Host-relay"] = attacker.session_cookie  # planted while the form is filled in
    said = await victim.ask("POST", "/login", data={"csrf": hidden(page.text), "name": "anna", "password": PASSWORD})
    assert said.status == 303
    assert victim.session_cookie != attacker.session_cookie
    assert (await attacker.api("GET", "/me")).status == 401  # what was planted has ended


async def test_a_disabled_user_is_out_at_once(office: Office):
    user = await office.user()
    anna = office.browser()
    await anna.log_in()
    await office.people.disable(user, by="tests")
    assert (await anna.api("GET", "/me")).status == 401


async def test_a_changed_role_counts_at_once(office: Office):
    await office.user()
    boris = await office.user("boris", Role.OPERATOR)
    browser = office.browser()
    await browser.log_in("boris")
    assert (await browser.api("GET", "/tokens")).status == 403
    await office.people.users.set_role(boris.id, Role.ADMIN)
    assert (await browser.api("GET", "/tokens")).status == 200


# --- time -------------------------------------------------------------------------------------------------------------


def _p_value(a: list[float], b: list[float]) -> float:
    """Mann-Whitney U, two-sided, by the normal approximation."""
    ranked = sorted([(x, 0) for x in a] + [(x, 1) for x in b])
    u = sum(i + 1 for i, (_, of) in enumerate(ranked) if of == 0) - len(a) * (len(a) + 1) / 2
    mean, deviation = len(a) * len(b) / 2, math.sqrt(len(a) * len(b) * (len(a) + len(b) + 1) / 12)
    return math.erfc(abs(u - mean) / deviation / math.sqrt(2))


async def test_l_same_the_time_does_not_tell_who_exists(office: Office):
    kept = (await office.user()).password
    passwords = office.people.passwords
    await passwords.check(None, WRONG)
    for _ in range(4):  # a fair coin shows a difference one time in twenty
        known: list[float] = []
        unknown: list[float] = []
        for i in range(200):
            order = ((kept, known), (None, unknown))
            for given, times in order if i % 2 else reversed(order):
                started = time.perf_counter()
                await passwords.check(given, WRONG)
                times.append(time.perf_counter() - started)
        if _p_value(known, unknown) > 0.05:
            return
    raise AssertionError("the time tells who exists")


async def test_l_brute_too_many_attempts_are_429_and_told_like_a_wrong_password(office: Office):
    await office.user()
    browser = office.browser()
    said = [await browser.form("/login", name="anna", password=WRONG) for _ in range(8)]
    assert [s.status for s in said][:5] == [401] * 5
    assert said[-1].status == 429
    assert int(said[-1].headers["Retry-After"]) >= 1
    assert said[-1].text.split("<form")[0] == said[0].text.split("<form")[0]
    assert (await browser.form("/login", name="anna", password=PASSWORD)).status == 429
    office.clock.move(20)
    assert (await browser.form("/login", name="anna", password=PASSWORD)).status == 303


async def test_l_brute_her_own_browser_is_not_kept_out_by_strangers(office: Office):
    await office.user()
    anna = office.browser()
    await anna.log_in()
    await anna.form("/login?sudo=1", name="anna", password=PASSWORD)
    del anna.cookies["__Host-relay"]
    for i in range(60):
        await office.people.guessing.begin("anna", f"10.0.{i}.0/24")
    assert (await office.browser().log_in()).status == 429
    assert (await anna.log_in()).status == 303


# --- the second factor ------------------------------------------------------------------------------------------------


async def test_a_second_factor_is_asked_for_and_a_code_is_good_once(office: Office):
    user = await office.user()
    secret = pyotp.random_base32()
    await office.people.users.set_second_factor(user.id, seal([KEY], secret), [recovery_digest("abcde-fghij")])

    async def second_step(code: str) -> tuple[Browser, int]:
        browser = office.browser()
        page = await browser.form("/login", name="anna", password=PASSWORD)
        assert page.status == 200
        assert "one-time-code" in page.text
        assert (await browser.api("GET", "/me")).status == 401
        ticket = page.text.split('name="ticket" value="')[1].split('"')[0]
        said = await browser.form("/login", ticket=ticket, code=code)
        return browser, said.status

    code = pyotp.TOTP(secret).at(int(office.clock()))
    assert (await second_step("000000" if code != "000000" else "111111"))[1] == 401
    browser, status = await second_step(code)
    assert status == 303
    assert (await browser.api("GET", "/me")).json["second_factor"] is True
    assert (await second_step(code))[1] == 401  # seen over the shoulder
    assert (await second_step("ABCDE FGHIJ"))[1] == 303
    assert (await second_step("abcde-fghij"))[1] == 401
    assert (await office.browser().form("/login", ticket="rubbish", code=code)).status == 401


# --- log out ----------------------------------------------------------------------------------------------------------


async def test_l_logout_the_cookie_is_dead_at_once(office: Office):
    await office.user()
    anna = office.browser()
    await anna.log_in()
    cookie = anna.session_cookie
    assert (await anna.ask("POST", "/logout", data={})).status == 403  # another page's form
    said = await anna.ask("POST", "/logout", data={"csrf": anna.csrf})
    assert (said.status, said.headers["Location"]) == (303, "/login")
    assert anna.session_cookie == ""
    thief = office.browser()
    thief.cookies["__Host-relay"] = cookie
    assert (await thief.api("GET", "/me")).status == 401
    # Streams that are open look again when this is announced.
    entries = await office.store.redis.xrange(office.store.key("feed"))
    assert entries[-1][1][b"k"] == b"user"


async def test_one_sees_one_s_sessions_and_ends_others(office: Office):
    await office.user()
    here, there, third = office.browser(), office.browser(), office.browser()
    for browser in (here, there, third):
        await browser.log_in()
    listed = (await here.api("GET", "/sessions")).json["items"]
    assert [s["current"] for s in listed].count(True) == 1
    assert len(listed) == 3
    other = next(s for s in (await there.api("GET", "/sessions")).json["items"] if s["current"])
    assert (await here.api("DELETE", f"/sessions/{other['id']}")).status == 204
    assert (await there.api("GET", "/me")).status == 401
    assert (await here.api("DELETE", "/sessions")).json == {"ended": 1}
    assert (await third.api("GET", "/me")).status == 401
    assert (await here.api("GET", "/me")).status == 200


# --- where it goes on -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "evil.example",
        "",
        "/login?next=/login",
        "/logout",
        "/" + "x" * 3000,
        "/%0d%0aSet-Cookie:x\r\ny",
    ],
)
def test_l_next_only_our_own_paths(hostile: str):
    assert own_path(hostile) == "/panel"


@pytest.mark.parametrize("fine", ["/panel", "/console?tab=dead", "/panel?c=42#m1", "/api/docs"])
def test_l_next_our_own_paths(fine: str):
    assert own_path(fine) == fine


# --- forged requests --------------------------------------------------------------------------------------------------

SITES = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},  # neither Sec-Fetch-Site nor Origin: no browser
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://relay.test"},  # the same name, but anybody on the way can write that page
]


async def test_l_csrf_every_unsafe_route(office: Office):
    """Every route that changes something, with no, a foreign and an old token, from everywhere: 403."""
    await office.user()
    await office.user("mallory", Role.ADMIN)
    anna, mallory = office.browser(), office.browser()
    await mallory.log_in("mallory")
    await anna.log_in()
    old = anna.csrf
    assert (await anna.api("POST", "/me/sudo", {"password": PASSWORD})).status == 204
    anna.csrf = (await anna.api("GET", "/me")).json["csrf"]
    assert anna.csrf != old
    unsafe = [o for o in office.made.services.operations if o.method not in ("GET", "HEAD")]
    assert len(unsafe) > 10
    for operation in unsafe:
        path = operation.path.replace("{n}", "1").replace("{id}", "x").replace("{name}", "x").replace("{mode}", "note")
        for token in ("", mallory.csrf, old):
            anna.site = {"Sec-Fetch-Site": "same-origin"}
            said = await anna.ask(operation.method, "/api/v1" + path, headers={"X-Relay-CSRF": token} if token else {})
            assert (said.status, said.json["type"]) == (403, "/problems/forged"), operation.id
        for site in SITES:
            anna.site = site
            said = await anna.ask(operation.method, "/api/v1" + path, headers={"X-Relay-CSRF": anna.csrf})
            assert (said.status, said.json["type"]) == (403, "/problems/forged"), (operation.id, site)


async def test_l_csrf_the_log_in_form_too(office: Office):
    await office.user()
    for site in SITES:
        browser = office.browser()
        browser.site = site
        said = await browser.log_in()
        assert said.status == 403, site
        assert browser.session_cookie == ""
    browser = office.browser()
    assert (await browser.ask("POST", "/login", data={"name": "anna", "password": PASSWORD})).status == 403
    with_origin = office.browser()
    with_origin.site = {"Origin": "https://relay.test"}
    assert (await with_origin.log_in()).status == 303


async def test_l_csrf_the_demo_too(demo: Office):
    page = demo.browser()
    page.csrf = (await page.api("GET", "/me")).json["csrf"]
    assert (await page.api("PUT", "/me/settings", {"settings": {}})).status == 204
    for site in SITES:
        page.site = site
        assert (await page.api("PUT", "/me/settings", {"settings": {}})).status == 403
    page.site, page.csrf = {"Sec-Fetch-Site": "same-origin"}, "guessed"
    assert (await page.api("PUT", "/me/settings", {"settings": {}})).status == 403


# --- the demo ---------------------------------------------------------------------------------------------------------


async def test_a_demo_on_this_machine_needs_no_log_in(demo: Office):
    assert (await demo.ask("GET", "/api/v1/me")).json["kind"] == "demo"
    assert (await demo.ask("GET", "/panel")).text == "for demo"


async def test_a_name_elsewhere_that_points_here_is_not_this_machine(demo: Office):
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:8080", ""):
        assert (await demo.ask("GET", "/api/v1/me", headers={"Host": host})).status == 401


async def test_a_demo_with_a_user_asks_for_the_log_in(demo: Office):
    await demo.user()
    assert (await demo.ask("GET", "/api/v1/me")).status == 401
    anna = demo.browser()
    assert (await anna.log_in()).status == 303
    assert anna.cookies["__Host-relay"]  # browsers keep it for this machine over http, too
    assert (await anna.ask("GET", "/panel")).text == "for anna"


# --- plain http -------------------------------------------------------------------------------------------------------


async def test_l_http_by_a_plain_http_name_it_works_and_warns(plain: Office):
    await plain.user()
    anna = plain.browser()
    anna.site = {"Origin": "http://relay.lan:8080"}  # browsers say no Sec-Fetch-Site there
    page = await anna.ask("GET", "/login")
    assert "plain http" in page.text
    said = await anna.log_in()
    assert said.status == 303
    cookie = next(c for c in said.cookies if c.startswith("relay="))
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie
    assert (await anna.ask("GET", "/panel")).text == "for anna"
    assert (await anna.api("PUT", "/me/settings", {"settings": {}})).status == 204
    anna.site = {"Origin": "http://evil.lan"}
    assert (await anna.api("PUT", "/me/settings", {"settings": {}})).status == 403


# --- links that work once ---------------------------------------------------------------------------------------------


async def test_l_setup_the_first_user(office: Office, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    secret = await office.people.setup_link()
    browser = office.browser()
    for _ in range(3):  # looking does not use it up
        assert (await browser.ask("GET", f"/setup/{secret}")).status == 200
    weak = await browser.form(f"/setup/{secret}", name="anna", password="short", again="short")
    assert weak.status == 422
    differs = await browser.form(f"/setup/{secret}", name="anna", password=PASSWORD, again=PASSWORD + "!")
    assert differs.status == 422
    assert (await browser.form(f"/setup/{secret}", name="an na!", password=PASSWORD, again=PASSWORD)).status == 422
    done = await browser.form(f"/setup/{secret}", name="Anna", password=PASSWORD, again=PASSWORD)
    assert (done.status, urlsplit(done.headers["Location"]).path) == (303, "/login")
    assert (await browser.log_in()).status == 303
    assert (await browser.api("GET", "/me")).json["role"] == "admin"
    assert (await browser.ask("GET", f"/setup/{secret}")).status == 404
    assert (await browser.ask("POST", f"/setup/{secret}", data={})).status == 404
    assert await office.people.setup_link() == ""
    assert secret not in caplog.text


async def test_l_setup_a_link_for_the_first_user_is_gone_once_there_is_one(office: Office):
    secret = await office.people.setup_link()
    await office.user()
    assert (await office.browser().ask("GET", f"/setup/{secret}")).status == 404


async def test_l_setup_two_at_once_make_one_user(office: Office):
    secret = await office.people.setup_link()
    browsers = [office.browser() for _ in range(5)]
    said = await asyncio.gather(
        *(
            b.form(f"/setup/{secret}", name=f"user{i}", password=PASSWORD, again=PASSWORD)
            for i, b in enumerate(browsers)
        )
    )
    assert sorted(s.status for s in said) == [303, 404, 404, 404, 404]
    assert len(await office.people.users.all()) == 1


async def test_an_invitation_is_for_one_name_and_role(office: Office):
    await office.user()
    boris = await office.people.add("boris", Role.OPERATOR, by="tests")
    assert (await office.browser().log_in("boris")).status == 401  # no password yet
    secret = await office.people.invite(boris, by="tests")
    browser = office.browser()
    assert (await browser.form(f"/setup/{secret}", name="anna", password=PASSWORD, again=PASSWORD)).status == 303
    assert (await browser.log_in("boris")).status == 303
    assert (await browser.api("GET", "/me")).json["role"] == "operator"


async def test_a_link_for_a_new_password_ends_the_sessions(office: Office):
    user = await office.user()
    anna = office.browser()
    await anna.log_in()
    secret = await office.people.invite(user, by="tests")
    new = "зелёный велосипед под дождём 3"
    assert (await office.browser().form(f"/setup/{secret}", name="", password=new, again=new)).status == 303
    assert (await anna.api("GET", "/me")).status == 401
    assert (await anna.log_in()).status == 401
    assert (await office.browser().log_in(password=new)).status == 303


async def test_l_setup_a_link_that_has_ended_is_404(office: Office):
    secret = await office.people.invitations.make(Invitation(purpose="setup", role="admin"), ttl_s=0.01)
    await asyncio.sleep(0.05)
    assert (await office.browser().ask("GET", f"/setup/{secret}")).status == 404


# --- pages ------------------------------------------------------------------------------------------------------------


async def test_every_page_has_the_strict_headers(office: Office):
    secret = await office.people.setup_link()
    for path in ("/login", f"/setup/{secret}", "/setup/nothing"):
        said = await office.ask("GET", path)
        policy = said.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert said.headers["Cache-Control"] == "no-store"
        assert said.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script" not in said.text
        assert "style=" not in said.text


async def test_names_from_strangers_are_text(office: Office):
    said = await office.browser().form("/login", name='"><img src=x onerror=alert(1)>', password=WRONG)
    assert "<img" not in said.text


async def test_the_console_asks_for_the_password_again_after_a_while(office: Office):
    await office.user()
    anna = office.browser()
    await anna.log_in()
    assert (await anna.ask("GET", "/console")).status == 200
    office.clock.move(16 * 60)
    said = await anna.ask("GET", "/console?tab=dead")
    assert (said.status, said.headers["Location"]) == (303, "/login?sudo=1&next=/console?tab%3Ddead")
    assert (await anna.form(said.headers["Location"], name="anna", password=PASSWORD, sudo="1")).status == 303
    assert (await anna.ask("GET", "/console?tab=dead")).status == 200


async def test_what_can_do_harm_asks_for_the_password_again_after_a_while(office: Office):
    await office.user()
    anna = office.browser()
    await anna.log_in()
    office.clock.move(16 * 60)
    said = await anna.api("PUT", "/tokens/script", {"scope": "admin"})
    assert (said.status, said.json["type"]) == (403, "/problems/sudo-needed")
    assert (await anna.api("POST", "/me/sudo", {"password": WRONG})).status == 422
    before = anna.session_cookie
    assert (await anna.api("POST", "/me/sudo", {"password": PASSWORD})).status == 204
    assert anna.session_cookie != before
    anna.csrf = (await anna.api("GET", "/me")).json["csrf"]
    assert (await anna.api("PUT", "/tokens/script", {"scope": "admin"})).status == 201


async def test_an_operator_does_not_see_the_console(office: Office):
    await office.user("boris", Role.OPERATOR)
    boris = office.browser()
    await boris.log_in("boris")
    assert (await boris.ask("GET", "/panel")).status == 200
    assert (await boris.ask("GET", "/console")).status == 403


# --- what is written down ---------------------------------------------------------------------------------------------


async def test_l_audit_log_ins_and_what_follows(office: Office):
    await office.user()
    anna = office.browser()
    await anna.form("/login", name="anna", password=WRONG)
    await anna.log_in()
    await anna.api("PUT", "/users/boris", {"role": "operator", "link": True})
    await anna.api("PUT", "/users/boris", {"disabled": True})
    await anna.api("PUT", "/tokens/script", {"scope": "read"})
    await anna.api("POST", "/destinations/shop/pause", {"reason": "a test"})
    await anna.api("POST", "/destinations/shop/resume", {})
    await anna.api("DELETE", "/users/boris")
    await anna.ask("POST", "/logout", data={"csrf": anna.csrf})
    await anna.log_in()
    entries = (await anna.api("GET", "/audit?limit=200")).json["items"]
    found = [(e["who"], e["what"], e["on"]) for e in reversed(entries) if e["who"] == "anna"]
    assert found == [
        ("anna", "log-in failed", ""),
        ("anna", "logged in", ""),
        ("anna", "user added", "boris"),
        ("anna", "link made: invitation", "boris"),
        ("anna", "user disabled", "boris"),
        ("anna", "token made", "script"),
        ("anna", "destination paused", "shop"),
        ("anna", "destination resumed", "shop"),
        ("anna", "user removed", "boris"),
        ("anna", "logged out", ""),
        ("anna", "logged in", ""),
    ]
    assert all(e["address"] == "127.0.0.1" for e in entries if e["who"] == "anna")
    assert all(e["at"] for e in entries)


async def test_l_canary_no_secret_in_any_log_or_entry(office: Office, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    secret = await office.people.setup_link()
    browser = office.browser()
    await browser.form(f"/setup/{secret}", name="anna", password=PASSWORD, again=PASSWORD)
    await browser.log_in()
    session = browser.session_cookie
    await browser.form("/login", name="anna", password="КАНАРЕЙКА-wrong")
    token = (await browser.api("PUT", "/tokens/script", {"scope": "admin"})).json["token"]
    link = (await browser.api("PUT", "/users/boris", {"link": True})).json["link"]
    await office.ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert token.encode() not in (await browser.api("GET", "/tokens")).body
    audit = (await browser.api("GET", "/audit?limit=200")).text
    said = caplog.text + audit
    for canary in (
        PASSWORD,
        "КАНАРЕЙКА",
        secret,
        session,
        token,
        token[13:],
        link.rpartition("/")[2],
        browser.csrf,
        KEY,
    ):
        assert canary not in said, canary
    stored = b" ".join(await office.store.redis.keys("*"))
    for canary in (session, secret, token):
        assert canary.encode() not in stored


# --- roles ------------------------------------------------------------------------------------------------------------


async def test_l_role_every_operation_for_every_role(office: Office):
    """Made from the table the router is made from: 401 for nobody, 403 for too little, anything else for enough."""
    await office.user()
    await office.user("boris", Role.OPERATOR)
    anna, boris = office.browser(), office.browser()
    await anna.log_in()
    await boris.log_in("boris")
    for operation in office.made.services.operations:
        right = RIGHTS[operation.id]
        path = "/api/v1" + operation.path.replace("{n}", "999").replace("{id}", "x").replace("{name}", "x")
        path = path.replace("{mode}", "note")
        assert (await office.ask(operation.method, path)).status == 401, operation.id
        if operation.id in ("end_other_sessions", "follow_events", "poll_events"):
            continue  # does what it says, or stays open
        said = await boris.ask(operation.method, path, headers={"X-Relay-CSRF": boris.csrf})
        assert (said.status == 403) == (right.role is Role.ADMIN), (operation.id, said.status)
        if right.role is Role.ADMIN and operation.method == "GET":
            said = await anna.ask(operation.method, path)
            assert said.status != 403, operation.id
