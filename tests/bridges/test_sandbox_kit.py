"""What every sandbox relies on: live events, clean stops, hooks with growing pauses, deterministic ids."""

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import Field

from bridges.sandbox_kit import (
    ActionError,
    ActionModel,
    HookCall,
    HookFile,
    Ids,
    Preset,
    SandboxKit,
    SandboxSwitches,
)
from relay.contract import BridgeSettings, SandboxOptions


class Switches(SandboxSwitches):
    paid: bool = Field(True, title="Paid")
    mode: Literal["a", "b"] = "a"
    failing: int = Field(0, ge=0, le=10)


class Write(ActionModel):
    text: str


class Far:
    def __init__(self, hook: str = "", seed: int | None = 1) -> None:
        self.said: list[str] = []
        self.kit = SandboxKit(
            SandboxOptions(
                name="far",
                base_url="http://far.test/x",
                settings=BridgeSettings(kind="far", url="sandbox"),
                hooks={"": hook} if hook else {},
                seed=seed,
            ),
            title="Far <side>",
            switches=Switches(),
            state=lambda for_page: {"said": self.said, "page": for_page},
            reset=self.said.clear,
            presets=[
                Preset(name="down", title="Down for a moment", text="", switches={"failing": 5}, for_s=0.1),
                Preset(name="unpaid", title="Not paid", text="", switches={"paid": False}),
            ],
        )
        self.kit.action("write", Write, self.write)

    async def write(self, act: Write) -> dict[str, Any]:
        if not act.text:
            raise ActionError("Write something.")
        self.said.append(act.text)
        self.kit.hub.publish("said", act.text)
        return {"n": len(self.said)}


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
async def client(far: Far) -> AsyncIterator[TestClient[Any, Any]]:
    outer = web.Application()
    outer.add_subapp("/sandbox/far", far.kit.app)
    async with TestClient(TestServer(outer)) as client:
        yield client


async def next_event(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while line := await response.content.readline():
            if line.startswith(b"data: "):
                event: dict[str, Any] = json.loads(line[6:])
                return event
    raise AssertionError("the stream ended")


async def test_the_page_is_a_shell_without_inline_code_and_its_files_are_found_under_a_prefix(client):
    page = await client.get("/sandbox/far/")
    text = await page.text()
    assert "Far &lt;side&gt;" in text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<style" not in text and "javascript:" not in text and " style=" not in text
    css = await client.get("/sandbox/far/_sandbox/static/kit.css")
    script = await client.get("/sandbox/far/_sandbox/static/kit.js")
    assert (css.status, css.content_type) == (200, "text/css")
    assert (script.status, script.content_type) == (200, "text/javascript")
    assert (await client.get("/sandbox/far/_sandbox/static/..%2fkit.py")).status == 404


async def test_actions_change_the_state_tell_the_pages_and_say_no_in_a_sentence(client, far):
    async with client.get("/sandbox/far/_sandbox/events") as events:
        assert (await next_event(events))["kind"] == "hello"
        answer = await client.post("/sandbox/far/_sandbox/act/write", json={"text": "привет"})
        assert await answer.json() == {"n": 1}
        assert await next_event(events) == {"kind": "said", "data": "привет"}
    assert await (await client.get("/sandbox/far/_sandbox/state")).json() == {"said": ["привет"], "page": False}
    assert (await (await client.get("/sandbox/far/_sandbox/state?for=page")).json())["page"] is True
    for body, status, word in (
        ({"text": ""}, 400, "Write something."),
        ({}, 400, "text"),
        ({"text": "x", "z": 1}, 400, "z"),
    ):
        answer = await client.post("/sandbox/far/_sandbox/act/write", json=body)
        assert answer.status == status
        assert word in (await answer.json())["error"]
    assert (await client.post("/sandbox/far/_sandbox/act/nothing", json={})).status == 404
    assert (await client.post("/sandbox/far/_sandbox/act/write", data={"text": "x"})).status == 415
    assert (await client.post("/sandbox/far/_sandbox/act/write", json=[1])).status == 400
    assert far.said == ["привет"]


async def test_switches_change_all_or_none_and_reset_puts_them_back(client, far):
    described = await (await client.get("/sandbox/far/_sandbox/switches")).json()
    assert described["values"] == {"paid": True, "mode": "a", "failing": 0}
    assert [f["name"] for f in described["fields"]] == ["paid", "mode", "failing"]
    refused = await client.post("/sandbox/far/_sandbox/switches", json={"paid": False, "failing": 11})
    assert refused.status == 400 and "failing" in (await refused.json())["error"]
    assert far.kit.switches.paid is True
    assert (await client.post("/sandbox/far/_sandbox/switches", json={"paid": False, "mode": "b"})).status == 200
    assert (far.kit.switches.paid, far.kit.switches.mode) == (False, "b")
    far.said.append("x")
    assert (await client.post("/sandbox/far/_sandbox/reset", json={})).status == 200
    assert far.kit.switches == Switches() and far.said == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("far.test", 200),
        ("FAR.test.:8080", 200),
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("192.0.2.7:80", 200),
        ("evil.example", 421),  # a name that a stranger made to point here
        ("127.0.0.1.evil.example", 421),
        ("far.test.evil.example", 421),
        ("", 421),
    ],
)
async def test_only_who_calls_it_by_a_name_it_knows_is_answered(client, host: str, status: int):
    for path in ("", "_sandbox/state"):
        answer = await client.get(f"/sandbox/far/{path}", headers={"Host": host})
        assert answer.status == status


async def test_a_form_of_another_site_changes_nothing(client, far):
    for path in ("reset", "switches", "act/write"):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await client.post(f"/sandbox/far/_sandbox/{path}", data=b"{}", headers={"Content-Type": kind})
            assert answer.status == 415
    assert far.said == []


async def test_no_other_site_shows_it_in_a_frame(client, far):
    page = await client.get("/sandbox/far/")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    options = dataclasses.replace(far.kit.options, framed=True)
    kit = SandboxKit(options, title="", switches=Switches(), state=lambda _: {}, reset=lambda: None)
    async with TestClient(TestServer(kit.app)) as framed:
        page = await framed.get("/")
        assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]


async def test_hooks_go_to_the_addresses_it_was_started_with_and_nowhere_else():
    posted: list[str] = []

    async def take(request: web.Request) -> web.Response:
        posted.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{tail:.*}", take)
    async with TestServer(app) as server:
        given = str(server.make_url("/hooks/far/secret"))
        far = Far(given)
        for path in (
            "/hooks/far/secret",
            "/hooks/far/secret/",
            "/hooks/far/secret?id=1",
            "/hooks/far/other",
            "/internal",
        ):
            url = str(server.make_url(path))
            far.kit.hooks.send(HookCall(url=url, label=path))
            answer = await far.kit.hooks.ask(HookCall(url=url, label=path))
            allowed = path.startswith("/hooks/far/secret")
            assert answer.status == (200 if allowed else 0)
            if not allowed:
                assert "only to the hook addresses" in answer.words
        await far.kit.hooks.settle()
        await far.kit.hooks.close()
    assert set(posted) == {"/hooks/far/secret", "/hooks/far/secret/"}


async def test_a_page_that_does_not_read_is_told_to_read_the_state_again(client, far):
    async with client.get("/sandbox/far/_sandbox/events") as events:
        assert (await next_event(events))["kind"] == "hello"
        for n in range(2000):  # without a break, so that the stream cannot be written meanwhile
            far.kit.hub.publish("said", n)
        assert (await next_event(events))["kind"] == "resync"


async def test_an_application_with_open_streams_stops_at_once():
    far = Far()
    server = TestServer(far.kit.app)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        streams = [await session.get(server.make_url("/_sandbox/events")) for _ in range(5)]
        for stream in streams:
            await next_event(stream)
        assert far.kit.hub.pages == 5
        started = time.perf_counter()
        await server.close()
        assert time.perf_counter() - started < 1.0
        assert far.kit.hub.pages == 0
        for stream in streams:
            stream.close()


class Receiver:
    """Stands where the relay would: answers with the given statuses, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[Any] = []
        self.types: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        status = self.statuses.pop(0) if self.statuses else 200
        self.types.append(request.content_type)
        if request.content_type == "application/json":
            self.bodies.append(await request.json())
        else:
            form = await request.post()
            self.bodies.append({k: v.file.read() if isinstance(v, web.FileField) else v for k, v in form.items()})
        return web.json_response({"ok": status == 200}, status=status)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    async with TestServer(app) as server:
        yield receiver, str(server.make_url("/hook"))


async def test_hooks_are_tried_again_with_growing_pauses_and_the_answers_are_kept(receiver, client):
    there, url = receiver
    there.statuses = [503, 500]
    far = Far(url)
    far.kit.hooks.pauses_s = (0.01, 0.05)
    far.kit.hooks.send(HookCall(url=far.kit.hook(), label="greeting", json={"a": "я"}))
    await far.kit.hooks.settle()
    assert there.bodies == [{"a": "я"}] * 3
    (entry,) = far.kit.hooks.log
    assert (entry["state"], entry["tries"], entry["status"]) == ("done", 3, 200)
    assert json.loads(entry["answer"]) == {"ok": True}

    there.statuses = [500] * 3
    far.kit.hooks.send(HookCall(url=url, label="greeting", json={}))
    await far.kit.hooks.settle()
    assert far.kit.hooks.log[-1]["state"] == "given up" and far.kit.hooks.log[-1]["tries"] == 3
    await far.kit.hooks.close()


async def test_hooks_of_one_lane_keep_their_order_although_the_first_fails(receiver):
    there, url = receiver
    there.statuses = [500]
    far = Far(url)
    far.kit.hooks.pauses_s = (0.05,)
    for n in range(5):
        far.kit.hooks.send(HookCall(url=url, label="n", json={"n": n}, lane="customer"))
    await far.kit.hooks.settle()
    assert [b["n"] for b in there.bodies] == [0, 0, 1, 2, 3, 4]
    await far.kit.hooks.close()


async def test_hooks_in_all_encodings_and_questions(receiver):
    there, url = receiver
    far = Far(url)
    urlencoded = await far.kit.hooks.ask(HookCall(url=url, label="f", form=(("a", "1"), ("b", "ю"))))
    await far.kit.hooks.ask(HookCall(url=url, label="m", form=(("a", "1"),), multipart=True))
    file = HookFile(field="f", filename="я.txt", mime="text/plain", body=b"x")
    await far.kit.hooks.ask(HookCall(url=url, label="file", form=(("a", "1"),), files=(file,)))
    await far.kit.hooks.ask(HookCall(url=url, label="raw", raw=b'{"n": 1}', content_type="application/json"))
    assert urlencoded.status == 200 and json.loads(urlencoded.body) == {"ok": True}
    assert there.types == [
        "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data", "application/json"
    ]  # fmt: skip
    assert there.bodies == [{"a": "1", "b": "ю"}, {"a": "1"}, {"a": "1", "f": b"x"}, {"n": 1}]
    nobody = await far.kit.hooks.ask(HookCall(url="http://127.0.0.1:1/", label="nobody"))
    assert nobody.status == 0 and nobody.body
    far.kit.hooks.send(HookCall(url="", label="alone"))
    assert far.kit.hooks.log[-1]["state"] == "no address"
    await far.kit.hooks.close()


def test_the_same_seed_gives_the_same_identifiers():
    one, two, other = Ids(7), Ids(7), Ids(8)
    first = [one.hex(40), one.number(11), one.uuid(), one.pick("abc")]
    assert first == [two.hex(40), two.number(11), two.uuid(), two.pick("abc")]
    assert first[:3] != [other.hex(40), other.number(11), other.uuid()]
    assert len(first[0]) == 40 and len(first[1]) == 11 and len(first[2]) == 36
    one.restart()
    assert one.hex(40) == first[0]
    assert Ids(None).hex(40) != Ids(None).hex(40)


async def test_a_preset_sets_its_switches_another_takes_its_place_and_one_with_an_end_ends(client, far):
    assert (await client.post("/sandbox/far/_sandbox/presets/unpaid", json={})).status == 200
    assert far.kit.switches.paid is False
    await client.post("/sandbox/far/_sandbox/presets/down", json={})
    assert (far.kit.switches.paid, far.kit.switches.failing) == (True, 5)
    async with asyncio.timeout(5):
        while far.kit.switches.failing:
            await asyncio.sleep(0.01)
    shown = await (await client.get("/sandbox/far/_sandbox/switches")).json()
    assert shown["preset"] == "" and [p["name"] for p in shown["presets"]] == ["down", "unpaid"]
    assert (await client.post("/sandbox/far/_sandbox/presets/nonsense", json={})).status == 404


async def test_pages_hear_over_a_websocket_and_other_sites_do_not(client, far):
    async with client.ws_connect("/sandbox/far/_sandbox/live") as socket:
        assert (await socket.receive_json(timeout=5))["kind"] == "hello"
        await far.write(Write(text="hi"))
        assert await socket.receive_json(timeout=5) == {"kind": "said", "data": "hi"}
        assert far.kit.hub.pages == 1
    async with asyncio.timeout(5):
        while far.kit.hub.pages:
            await asyncio.sleep(0.01)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await client.ws_connect("/sandbox/far/_sandbox/live", origin="https://elsewhere.example")
