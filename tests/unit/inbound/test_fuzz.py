"""Whatever comes to whichever hook: a request, or a sentence. Never an exception that nobody meant."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridges
from relay.config.load import load
from relay.contract.errors import MalformedPayload, VerificationFailed
from relay.inbound.bodies.multipart import MultipartParser
from relay.inbound.bodies.reading import judge
from relay.inbound.journalled import journalled
from relay.routing.accounts import SECRET_TAIL, Account, build
from relay.texts.templates import Templates
from tests.harness import PANEL_HOOK_TOKEN, TEAM_KEY
from tests.unit.inbound.door import CONFIG, NEW

FORM = "application/x-www-form-urlencoded"
GOLDENS = [p.read_bytes() for p in sorted((Path(__file__).parent / "goldens").iterdir())]
KINDS = ["application/json", FORM, "", "text/plain", "a/b+json", "application/json; charset=windows-1251",
         FORM + "; charset=koi8-r", FORM + "; charset=utf-7", "x;;=;charset"]  # fmt: skip
HOOKS = [("shop", SECRET_TAIL), ("chat", SECRET_TAIL), ("sales", ""), ("panel", "message"), ("panel", "user")]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["event", "device", "properties", "content", "type", "name", "body", "token", "contact_id",
                         "message", "text", "chat", "user_id", "from_id", "attach", "attaches", "href"]) | st.text(),
        inner, max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A golden body with a few bytes put in or taken out."""
    body = bytearray(
        draw(st.sampled_from(GOLDENS)).replace(b"@TOKEN@", PANEL_HOOK_TOKEN.encode()).replace(b"@N@", b"4")
    )
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(body)


@st.composite
def proven(draw: st.DrawFn) -> bytes:
    """JSON that proves its sender, whatever else it says."""
    value = draw(json_values)
    fields = value if isinstance(value, dict) else {"event": value}
    return json.dumps({**fields, "token": PANEL_HOOK_TOKEN}).encode()


@cache
def accounts(folder: Path) -> dict[str, Account]:
    (folder / "config.yaml").write_text(CONFIG)
    kinds = {b.spec.kind: b for b in bridges.ALL}
    config = load(folder / "config.yaml", {k: b.spec for k, b in kinds.items()})
    origin = "http://127.0.0.1:1"
    return build(config, kinds, Templates("en"), keys=(NEW,), local_origin=origin, public_url=origin).by_name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@given(data=st.data())
def test_every_hook_reads_it_or_says_why_not(folder: Path, data: st.DataObject) -> None:
    name, tail = data.draw(st.sampled_from(HOOKS))
    body = data.draw(st.one_of(mutated(), proven(), json_values.map(json.dumps).map(str.encode), st.binary()))
    headers = {"Content-Type": data.draw(st.sampled_from(KINDS)), "key": TEAM_KEY}
    bridge = accounts(folder)[name].bridge
    try:
        raw = judge(headers, body, tail)
        verified = bridge.verify(raw)
        kept = journalled(raw)
        bridge.parse(verified)
    except (MalformedPayload, VerificationFailed) as e:
        assert len(str(e)) > 10
        return
    if name == "panel":
        assert PANEL_HOOK_TOKEN.encode() not in kept or raw.body.count(PANEL_HOOK_TOKEN.encode()) > 1


@given(st.lists(st.sampled_from([b"--BB", b"\r\n", b"--", b"\r\n--BB\r\n", b"\r\n--BB--", b"\n", b":", b"x", b"name=",
                                 b'Content-Disposition: form-data; name="a"', b"\r\n\r\n", b"\xff",
                                 b"Content-Transfer-Encoding: base64"])),
       st.integers(1, 30))  # fmt: skip
def test_a_form_means_the_same_in_pieces_of_any_size(tokens: list[bytes], size: int) -> None:
    def read(step: int) -> Any:
        body = b"--BB\r\n" + b"".join(tokens)
        parser = MultipartParser("BB")
        found: list[Any] = []
        try:
            for at in range(0, len(body), step):
                for piece in parser.feed(body[at : at + step]):
                    if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
                        found[-1] += piece
                    else:
                        found.append(piece if isinstance(piece, bytes) else repr(type(piece)))
            parser.close()
        except MalformedPayload:
            return "refused"
        return found

    assert read(size) == read(10_000)
