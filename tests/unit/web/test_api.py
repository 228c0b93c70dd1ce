"""The frame of the API: one table, problems for whatever goes wrong, keys that send once, scopes, the document."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from openapi_spec_validator import validate

from relay.contract.model import Kind
from relay.people.rights import RIGHTS, Scope, includes_scope
from relay.store.records import Accepted, NewMessage
from relay.store.store import Store, new_id
from relay.web.api.openapi import document
from relay.web.api.operations import PREFIX
from relay.web.api.problems import KINDS
from relay.web.api.table import OPERATIONS
from tests.unit.web.conftest import Office

GOLDEN = Path(__file__).parent / "openapi.json"


async def customer(store: Store, text: str = "hello", user: str = "u1", channel: str = "shop") -> Accepted:
    """Somebody writes."""
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin=channel, envelope=orjson.dumps({"text": text}))
    return await store.accept(
        message, ["panel"], channel=channel, remote_user=user, username=user, name=f"Customer {user}"
    )


# --- the table --------------------------------------------------------------------------------------------------------


def test_a_complete_every_operation_has_a_right_and_every_right_an_operation():
    ids = [o.id for o in OPERATIONS]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(RIGHTS)


async def test_a_complete_every_route_is_in_the_document(office: Office):
    paths = document(OPERATIONS)["paths"]
    for resource in office.client.app.router.resources():
        path = resource.canonical
        if not path.startswith(PREFIX):
            continue
        for route in resource:
            method = "get" if route.method == "HEAD" else route.method.lower()
            assert method in paths[path], f"{route.method} {path}"


def test_the_document_is_valid_openapi_3_1():
    said = document(OPERATIONS)
    assert said["openapi"].startswith("3.1")
    validate(json.loads(json.dumps(said)))


def test_a_lock_the_document_changes_only_on_purpose():
    """`python -m tests.unit.web.test_api` writes it anew."""
    assert json.loads(GOLDEN.read_text()) == json.loads(json.dumps(document(OPERATIONS)))


async def test_the_document_and_its_page(office: Office):
    assert (await office.ask("GET", "/api/openapi.json")).json["info"]["title"] == "Relay"
    assert (await office.ask("GET", "/api/docs")).status == 303
    await office.user()
    anna = office.browser()
    await anna.log_in()
    page = await anna.ask("GET", "/api/docs")
    assert page.status == 200
    assert "unsafe" not in page.headers["Content-Security-Policy"]


# --- problems ---------------------------------------------------------------------------------------------------------


async def test_a_problem_whatever_goes_wrong_is_a_problem(office: Office):
    script = await office.token()
    json_body = {"Content-Type": "application/json"}
    asked: list[tuple[int, str, str, dict[str, Any]]] = [
        (401, "GET", "/me", {"headers": {"Authorization": ""}}),
        (401, "GET", "/me", {"headers": {"Authorization": "Bearer rly_aaaaaaaa_" + "x" * 32}}),
        (404, "GET", "/nothing", {}),
        (404, "GET", "/messages/nothing", {}),
        (404, "GET", "/messages/" + "x" * 101, {}),
        (404, "GET", "/contacts/abc", {}),
        (404, "DELETE", "/tokens/%00", {}),
        (405, "PUT", "/me", {}),
        (413, "PUT", "/tokens/x", {"data": b" " * 1_000_001, "headers": json_body}),
        (415, "PUT", "/tokens/x", {"data": b"<a/>", "headers": {"Content-Type": "text/xml"}}),
        (415, "PUT", "/tokens/x", {"data": gzip.compress(b"{}"), "headers": json_body | {"Content-Encoding": "gzip"}}),
        (400, "PUT", "/tokens/x", {"data": b"{", "headers": json_body}),
        (400, "PUT", "/tokens/x", {"data": b"\xff\xfe", "headers": json_body}),
        (422, "PUT", "/tokens/x", {"json": []}),
        (422, "PUT", "/tokens/x", {"json": {"scope": "all", "unknown": 1}}),
        (422, "PUT", "/tokens/x", {"json": {"days": "7"}}),
        (422, "GET", "/audit?limit=201", {}),
        (422, "GET", "/audit?unknown=1", {}),
        (422, "GET", "/audit?limit=1&limit=2", {}),
        (400, "GET", "/audit?cursor=abc", {}),
        (403, "DELETE", "/sessions", {}),
    ]
    for status, method, path, how in asked:
        headers = script | how.pop("headers", {})
        said = await office.ask(method, "/api/v1" + path, headers=headers, **how)
        assert said.status == status, (method, path, said.text)
        assert said.headers["Content-Type"].startswith("application/problem+json")
        problem = said.json
        assert problem["status"] == status
        assert problem["detail"].endswith((".", '"7".')) or problem["detail"]
        assert problem["instance"]
        page = await office.ask("GET", problem["type"])
        assert page.status == 200
        if status == 405:
            assert said.headers["Allow"] == "GET"
        if status == 401:
            assert said.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_problem_wrong_fields_are_pointed_at_and_not_repeated(office: Office):
    said = await office.ask(
        "PUT", "/api/v1/tokens/x", headers=await office.token(), json={"scope": "<script>", "days": 0, "a/b": 1}
    )
    assert {e["pointer"] for e in said.json["errors"]} == {"/scope", "/days", "/a~1b"}
    assert "<script>" not in said.text


async def test_a_problem_a_bug_tells_nothing_of_itself(office: Office, monkeypatch: pytest.MonkeyPatch):
    async def broken() -> dict[str, Any]:
        raise RuntimeError("inner words")

    monkeypatch.setattr(office.made.services, "doctor", broken)
    said = await office.ask("GET", "/api/v1/doctor", headers=await office.token())
    assert (said.status, said.json["type"]) == (500, "/problems/bug")
    assert "inner words" not in said.text


async def test_a_problem_a_store_that_is_away_is_503(office: Office):
    script = await office.token()
    await office.store.stop()
    said = await office.ask("GET", "/api/v1/status", headers=script)
    assert (said.status, said.json["type"]) == (503, "/problems/unavailable")
    assert said.headers["Retry-After"]


def test_every_type_of_problem_has_a_page_with_a_sentence():
    for name, kind in KINDS.items():
        assert re.fullmatch(r"[a-z-]+", name)
        assert kind.help.endswith(".")


# --- keys that send once ----------------------------------------------------------------------------------------------


async def _send(office: Office, number: int, script: dict[str, str], key: str, **body: Any) -> Any:
    headers = script | ({"Idempotency-Key": key} if key else {})
    return await office.ask("POST", f"/api/v1/conversations/{number}/messages", headers=headers, json=body)


async def test_a_idem_a_repeat_gets_the_same_answer_and_sends_once(office: Office):
    number, script = (await customer(office.store)).number, await office.token(Scope.WRITE)
    first = await _send(office, number, script, "k1", text="hello")
    assert first.status == 201
    assert first.json["client_id"] == "k1"
    assert first.json["author"] == "script"
    for _ in range(3):
        again = await _send(office, number, script, "k1", text="hello")
        assert (again.status, again.body) == (201, first.body)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert len(await office.store.messages(number)) == 2
    assert (await _send(office, number, script, "k2", text="hello")).json["id"] != first.json["id"]


async def test_a_idem_without_a_key_nothing_is_sent(office: Office):
    number, script = (await customer(office.store)).number, await office.token(Scope.WRITE)
    for key in ("", " ", "x" * 201):
        said = await _send(office, number, script, key, text="hello")
        assert (said.status, said.json["type"]) == (400, "/problems/idempotency-key-missing")
    assert len(await office.store.messages(number)) == 1


async def test_a_idem_another_body_with_the_same_key_is_refused(office: Office):
    number, script = (await customer(office.store)).number, await office.token(Scope.WRITE)
    await _send(office, number, script, "k1", text="hello")
    said = await _send(office, number, script, "k1", text="something else")
    assert (said.status, said.json["type"]) == (422, "/problems/key-reused")


async def test_a_idem_twenty_at_once_send_once(office: Office):
    number, script = (await customer(office.store)).number, await office.token(Scope.WRITE)
    said = await asyncio.gather(*(_send(office, number, script, "k1", text="hello") for _ in range(20)))
    assert {s.status for s in said} <= {201, 409}
    assert [s for s in said if s.status == 201]
    assert len({s.json["id"] for s in said if s.status == 201}) == 1
    assert len(await office.store.messages(number)) == 2


async def test_a_idem_the_reply_was_lost_and_with_it_what_we_knew(office: Office):
    """A process that died between sending and answering: the repeat finds the message itself."""
    number, script = (await customer(office.store)).number, await office.token(Scope.WRITE)
    first = await _send(office, number, script, "k1", text="hello")
    for key in await office.store.redis.keys(office.store.key("idem:*")):
        await office.store.redis.delete(key)
    again = await _send(office, number, script, "k1", text="hello")
    assert again.json["id"] == first.json["id"]
    assert len(await office.store.messages(number)) == 2


async def test_two_callers_may_use_the_same_key(office: Office):
    number = (await customer(office.store)).number
    one, two = await office.token(Scope.WRITE, "one"), await office.token(Scope.WRITE, "two")
    first, second = await _send(office, number, one, "k1", text="a"), await _send(office, number, two, "k1", text="b")
    assert first.json["id"] != second.json["id"]


# --- answering --------------------------------------------------------------------------------------------------------


async def test_an_answer_in_ignorance_of_another_is_412_with_what_came_since(office: Office):
    number, script = (await customer(office.store)).number, await office.token(Scope.WRITE)
    first = (await _send(office, number, script, "k1", text="first", after="")).json
    late = await _send(office, number, script, "k2", text="late", after="")
    assert (late.status, late.json["type"]) == (412, "/problems/answered")
    assert [m["text"] for m in late.json["newer"]] == ["first"]
    assert "script" in late.json["detail"]
    second = await _send(office, number, script, "k3", text="second", after=first["id"])
    assert second.status == 201
    # The same key once more, and this time on purpose.
    forced = await _send(office, number, script, "k2", text="late", after="", force=True)
    assert forced.status == 201
    assert len(await office.store.messages(number)) == 4


async def test_what_the_channel_cannot_take_is_told_in_words_and_not_sent(office: Office):
    number, script = (await customer(office.store)).number, await office.token(Scope.WRITE)
    said = await _send(office, number, script, "k1", text="pick", options=[f"option {i}" for i in range(14)])
    assert (said.status, said.json["type"]) == (422, "/problems/refused")
    assert "13" in said.json["detail"]
    empty = await _send(office, number, script, "k2", text="  ")
    assert empty.status == 422
    assert len(await office.store.messages(number)) == 1
    # Nothing was decided for good: mended, it goes with the same key.
    assert (await _send(office, number, script, "k1", text="pick", options=["one"])).status == 201


async def test_nobody_there(office: Office):
    said = await _send(office, 4711, await office.token(Scope.WRITE), "k1", text="hello")
    assert (said.status, said.json["type"]) == (404, "/problems/not-found")


async def test_one_message_with_its_hops_and_sent_again_when_it_failed(office: Office):
    store, script = office.store, await office.token(Scope.WRITE)
    number = (await customer(store)).number
    sent = (await _send(office, number, script, "k1", text="hello")).json
    assert sent["state"] == "queued"
    found = (await office.ask("GET", f"/api/v1/messages/{sent['id']}", headers=script)).json
    assert [h["what"] for h in found["hops"]][:2] == ["received", "queued"]
    retry = f"/api/v1/messages/{sent['id']}/retry"
    early = await office.ask("POST", retry, headers=script | {"Idempotency-Key": "r0"})
    assert early.status == 409
    await store.wire.call("HSET", store.key(f"m:{sent['id']}"), "s", "failed", "words", "blocked", "dead", "1")
    await store.wire.call("ZADD", store.key("dead"), "1", f"{sent['id']}-0")
    listed = (await office.ask("GET", "/api/v1/dead-letters", headers=script)).json
    assert [(d["text"], d["said"]) for d in listed["items"]] == [("hello", "blocked")]
    done = await office.ask("POST", retry, headers=script | {"Idempotency-Key": "r1"})
    assert done.status == 200, done.text
    assert done.json["state"] == "queued"
    again = await office.ask("POST", retry, headers=script | {"Idempotency-Key": "r1"})
    assert again.body == done.body
    assert await store.dead_count() == 0


# --- scopes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_scope_every_operation_for_every_scope(office: Office, scope: Scope):
    script = await office.token(scope)
    for operation in OPERATIONS:
        right = RIGHTS[operation.id]
        if operation.id in ("follow_events", "poll_events"):
            continue
        path = (
            operation.path.replace("{n}", "999").replace("{id}", "x").replace("{name}", "x").replace("{mode}", "note")
        )
        said = await office.ask(operation.method, PREFIX + path, headers=script)
        may = includes_scope(scope, right.scope) and not right.people_only
        if right.role.value == "admin" and scope is Scope.READ:
            may = False
        assert (said.status != 403) == may, (operation.id, said.status)


async def test_a_token_that_was_revoked_or_has_ended_is_dead_at_once(office: Office):
    script = await office.token()
    assert (await office.ask("GET", "/api/v1/me", headers=script)).status == 200
    (token,) = await office.people.tokens.all()
    assert token.used_ms
    await office.people.tokens.remove(token.id)
    assert (await office.ask("GET", "/api/v1/me", headers=script)).status == 401
    brief = await office.token(name="brief")
    office.clock.move(366 * 86_400)
    assert (await office.ask("GET", "/api/v1/me", headers=brief)).status == 401


async def test_the_six_hundred_and_first_request_of_a_minute_waits(office: Office):
    script = await office.token()
    office.made.services.limits.a_minute = 5
    said = [await office.ask("GET", "/api/v1/me", headers=script) for _ in range(6)]
    if said[-1].status == 200:  # a new minute had just begun
        said = [await office.ask("GET", "/api/v1/me", headers=script) for _ in range(6)]
    assert (said[-1].status, said[-1].json["type"]) == (429, "/problems/too-many")
    assert 1 <= int(said[-1].headers["Retry-After"]) <= 60
    assert said[0].headers["RateLimit-Policy"]


# --- paging -----------------------------------------------------------------------------------------------------------


async def test_a_page_nothing_twice_or_missed_while_more_comes(office: Office):
    script = await office.token()
    for i in range(7):
        await office.people.audit.note("tests", f"act {i}")
    seen: list[str] = []
    path = "/api/v1/audit?limit=3"
    while path:
        said = await office.ask("GET", path, headers=script)
        seen += [e["what"] for e in said.json["items"]]
        await office.people.audit.note("tests", "meanwhile")
        following = said.json["next"]
        assert ("Link" in said.headers) == (following is not None)
        path = f"/api/v1/audit?limit=3&cursor={following}" if following else ""
    assert [s for s in seen if s != "meanwhile"] == [f"act {i}" for i in range(6, -1, -1)]


# --- dead letters -----------------------------------------------------------------------------------------------------


async def test_c_bulk_all_of_them_are_those_that_were_shown(office: Office):
    store, script = office.store, await office.token()

    async def die(user: str) -> str:
        accepted = await customer(store, user=user)
        did = f"{accepted.message_id}-0"
        now = await store.wire.call("TIME")
        ms = str(int(now[0]) * 1000 + int(now[1]) // 1000)
        await store.wire.call("HSET", store.key(f"m:{accepted.message_id}"), "s", "failed", "dead", ms)
        await store.wire.call("ZADD", store.key("dead"), ms, did)
        await asyncio.sleep(0.005)
        return did

    a = await die("a")
    shown = (await office.ask("GET", "/api/v1/dead-letters", headers=script)).json
    assert shown["total"] == 1
    b = await die("b")
    body = {"snapshot": shown["snapshot"], "expected": 1}
    key = {"Idempotency-Key": "k1"}
    done = await office.ask("POST", "/api/v1/dead-letters/replay", headers=script | key, json=body)
    assert [d["id"] for d in done.json["items"]] == [a]
    assert await store.dead_ids() == [b]
    dropped = await office.ask("POST", "/api/v1/dead-letters/drop", headers=script, json={"ids": [b, "nothing-0"]})
    assert {d["id"]: d["done"] for d in dropped.json["items"]} == {b: True, "nothing-0": False}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(document(OPERATIONS), indent=1, ensure_ascii=False) + "\n")
    _ = web
