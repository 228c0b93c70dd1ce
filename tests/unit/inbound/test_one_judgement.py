"""One hook, one judgement, however it travels: the fast door and aiohttp are run over one table of requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import PANEL_HOOK_TOKEN, TEAM_KEY
from tests.unit.inbound.door import MESSAGE, Door

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
TEAM = b"chat=g&created=t&sender=d&sender_display_name=V&text=%231+hi"
SHOP = json.dumps(MESSAGE, ensure_ascii=False).encode()
RUSSIAN = json.dumps(MESSAGE, ensure_ascii=False).replace("hello", "Где мой заказ?")
PANEL = f"token={PANEL_HOOK_TOKEN}&user_id=1&contact_id=42&message=".encode()

# name -> (method, address below /hooks/ with @ for the secret, headers, body, status)
TABLE: dict[str, tuple[str, str, dict[str, str], bytes, int]] = {
    "json": ("POST", "shop/@", {"Content-Type": JSON}, SHOP, 200),
    "a slash at the end": ("POST", "shop/@/", {"Content-Type": JSON}, SHOP, 200),
    "a team address with a slash": ("POST", "sales/", {"Content-Type": FORM, "key": TEAM_KEY}, TEAM, 200),
    "a panel address with a slash": ("POST", "panel/message/", {"Content-Type": FORM}, PANEL + b"hi", 200),
    "two slashes": ("POST", "sales//", {"Content-Type": FORM, "key": TEAM_KEY}, TEAM, 404),
    "a blank behind the key": ("POST", "sales", {"Content-Type": FORM, "key": TEAM_KEY + " "}, TEAM, 200),
    "a tab behind the key": ("POST", "sales", {"Content-Type": FORM, "key": TEAM_KEY + "\t"}, TEAM, 200),
    "a blank before the key": ("POST", "sales", {"Content-Type": FORM, "key": "  " + TEAM_KEY}, TEAM, 200),
    "the key in capitals": ("POST", "sales", {"content-type": FORM, "KEY": TEAM_KEY}, TEAM, 200),
    "no key": ("POST", "sales", {"Content-Type": FORM}, TEAM, 401),
    "a wrong key": ("POST", "sales", {"Content-Type": FORM, "key": TEAM_KEY + "x"}, TEAM, 401),
    "a wrong secret": ("POST", "shop/wrong", {"Content-Type": JSON}, SHOP, 404),
    "no secret": ("POST", "shop", {"Content-Type": JSON}, SHOP, 404),
    "nobody": ("POST", "nobody", {"Content-Type": JSON}, SHOP, 404),
    "a method that is none of ours": ("PUT", "shop/@", {"Content-Type": JSON}, SHOP, 405),
    "no content type": ("POST", "shop/@", {}, SHOP, 200),
    "an unknown content type": ("POST", "shop/@", {"Content-Type": "nonsense"}, SHOP, 200),
    "json labelled as text": ("POST", "shop/@", {"Content-Type": "text/plain"}, SHOP, 200),
    "json labelled as a form": ("POST", "shop/@", {"Content-Type": FORM}, SHOP, 200),
    "a form without a label": ("POST", "sales", {"key": TEAM_KEY}, TEAM, 200),
    "json with a mark": ("POST", "shop/@", {"Content-Type": JSON}, b"\xef\xbb\xbf" + SHOP, 200),
    "json with a mark and no label": ("POST", "shop/@", {}, b"\xef\xbb\xbf" + SHOP, 200),
    "json in windows-1251": (
        "POST", "shop/@", {"Content-Type": JSON + "; charset=windows-1251"}, RUSSIAN.encode("cp1251"), 200,
    ),
    "json in windows-1251, not said": ("POST", "shop/@", {"Content-Type": JSON}, RUSSIAN.encode("cp1251"), 200),
    "json in koi8-r": ("POST", "shop/@", {"Content-Type": JSON + "; charset=KOI8-R"}, RUSSIAN.encode("koi8-r"), 200),
    "json in utf-16": ("POST", "shop/@", {"Content-Type": JSON}, RUSSIAN.encode("utf-16"), 200),
    "a charset in quotes": ("POST", "shop/@", {"Content-Type": JSON + '; charset="UTF-8"'}, SHOP, 200),
    "an unknown charset": ("POST", "shop/@", {"Content-Type": JSON + "; charset=nonsense"}, SHOP, 400),
    "a charset that is quadratic": ("POST", "sales", {"Content-Type": FORM + "; charset=punycode", "key": TEAM_KEY},
                                    b"text=" + b"-a" * 1500, 400),
    "a charset of Python's": (
        "POST", "sales", {"Content-Type": FORM + "; charset=unicode_escape", "key": TEAM_KEY}, b"text=%5Cud800", 400,
    ),
    "a form in windows-1251": (
        "POST", "panel/message", {"Content-Type": FORM}, PANEL + b"%CF%F0%E8%E2%E5%F2", 200,
    ),
    "a raw form in windows-1251": ("POST", "panel/message", {"Content-Type": FORM}, PANEL + "Да".encode("cp1251"), 200),
    "a form in nothing": ("POST", "panel/message", {"Content-Type": FORM}, PANEL + b"%FF%FE%FD", 400),
    "a form in latin-1, not said": ("POST", "panel/message", {"Content-Type": FORM}, PANEL + b"M%FCller", 400),
    "a form in latin-1": (
        "POST", "panel/message", {"Content-Type": FORM + "; charset=iso-8859-1"}, PANEL + b"M%FCller", 200,
    ),
    "not what it says": ("POST", "panel/message", {"Content-Type": FORM + "; charset=utf-8"}, PANEL + b"M%FCller", 400),
    "compressed": ("POST", "shop/@", {"Content-Type": JSON, "Content-Encoding": "gzip"}, b"\x1f\x8b\x08\0", 415),
    "compressed in a way nobody knows": ("POST", "shop/@", {"Content-Encoding": "br, gzip"}, b"\x1f\x8b\x08\0", 415),
    "identity": ("POST", "shop/@", {"Content-Type": JSON, "Content-Encoding": "identity"}, SHOP, 200),
    "empty": ("POST", "shop/@", {"Content-Type": JSON}, b"", 400),
    "nested too deeply": ("POST", "shop/@", {"Content-Type": JSON}, b'{"event":' * 1010 + b"1" + b"}" * 1010, 400),
    "nested, labelled as a form": ("POST", "panel/user", {"Content-Type": FORM}, b"[" * 1010 + b"]" * 1010, 400),
    "brackets in a text": (
        "POST", "shop/@", {"Content-Type": JSON}, SHOP.replace(b"hello", b"[" * 5000), 200,
    ),
    "many values": ("POST", "shop/@", {"Content-Type": JSON}, b"[" + b"[]," * 60_000 + b"[]]", 400),
    "many values of a stranger": ("POST", "panel/user", {"Content-Type": JSON}, b"[" + b"[]," * 10_000 + b"[]]", 400),
    "many fields": ("POST", "sales", {"Content-Type": FORM, "key": TEAM_KEY}, b"a=1&" * 1500, 400),
    "too large": ("POST", "shop/@", {"Content-Type": JSON}, b" " * 250_000 + SHOP, 413),
    "large": ("POST", "shop/@", {"Content-Type": JSON}, SHOP.replace(b"hello", b"long " * 20_000), 200),
    "a wrong token": ("POST", "panel/message", {"Content-Type": JSON}, b'{"token":"x","contact_id":"42"}', 401),
    "half a surrogate and NaN": (
        "POST", "panel/message", {"Content-Type": JSON},
        b'{"token":"%b","contact_id":"42","message":"a \\ud83d b","x":NaN,"y":%d}'
        % (PANEL_HOOK_TOKEN.encode(), 10**30), 200,
    ),
}  # fmt: skip


def written(door: Door, name: str) -> tuple[bytes, bytes]:
    """Head and body as they go over the wire."""
    method, address, headers, body, _ = TABLE[name]
    account = address.partition("/")[0]
    if "@" in address:
        address = address.replace("@", door.accounts.by_name[account].secrets[0])
    lines = [f"{method} /hooks/{address} HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode(), body


def chunked(head: bytes, body: bytes) -> tuple[bytes, bytes]:
    """The same, of unknown length."""
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    lines.insert(1, b"Transfer-Encoding: chunked")
    pieces = [body[i : i + 9000] for i in range(0, len(body), 9000)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces if p) + b"0\r\n\r\n"
    return b"\r\n".join(lines), framed


@pytest.mark.parametrize("name", TABLE)
async def test_the_same_answer_in_whatever_packets(door: Door, name: str) -> None:
    status = TABLE[name][4]
    head, body = written(door, name)
    ways: dict[str, tuple[bytes, ...]] = {
        "whole": (head + body,),
        "head, then body": (head, body),
        "in the first line": (head[:9], head[9:] + body),
        "in a header": (head[: head.index(b"\r\n") + 4], head[head.index(b"\r\n") + 4 :] + body),
        "before the last bytes": ((head + body)[:-3], (head + body)[-3:]),
        "chunked": chunked(head, body),
    }
    if not body:
        del ways["head, then body"]
    answers: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    for way, packets in ways.items():
        door.intake.taken.clear()
        answers[way] = await door.speak(*packets)
        taken[way] = [(account, repr(event), raw) for account, event, raw in door.intake.taken]
    assert {way: answer[0] for way, answer in answers.items()} == dict.fromkeys(ways, status), answers
    assert all(t == taken["whole"] for t in taken.values()), taken
    assert len(set(answers.values())) == 1, answers
    if status != 405:
        said = json.loads(answers["whole"][1])
        assert said["ok"] == (status == 200) and (status == 200 or len(said["error"]) > 10)
    assert all(PANEL_HOOK_TOKEN.encode() not in raw for _, _, raw in taken["whole"]), "nothing keeps our token"


# --- what was found on the running product --------------------------------------------------------------------------

GOLDENS = Path(__file__).parent / "goldens"
BOUNDARY = "multipart/form-data; boundary=BB"


def golden(name: str) -> bytes:
    raw = (GOLDENS / name).read_bytes()
    facts = {"TOKEN": PANEL_HOOK_TOKEN, "N": "42", "CHAT": "g", "UNIQUE": "u1", "K": "1"}
    for key, value in facts.items():
        raw = raw.replace(f"@{key}@".encode(), value.encode())
    return raw


async def test_a_form_in_windows_1251_reaches_the_customer_as_it_was_written(door: Door) -> None:
    body = golden("panel-cp1251-percent.form")
    assert (await door.post(door.path("panel/message"), data=body, headers={"Content-Type": FORM}))[0] == 200
    assert door.intake.taken[0][1].content.text == "Привет"


async def test_a_file_name_in_windows_1251_is_mended(door: Door) -> None:
    body = golden("panel-cp1251-filename.multipart")
    status, said, _ = await door.post(door.path("panel/message"), data=body, headers={"Content-Type": BOUNDARY})
    assert status == 200, said
    (upload,) = door.intake.taken[0][1].uploads
    assert upload.filename == "фото.png" and upload.mime == "image/png"


async def test_a_file_without_a_name_is_a_file(door: Door) -> None:
    body = golden("panel-file-without-filename.multipart")
    status, said, _ = await door.post(door.path("panel/message"), data=body, headers={"Content-Type": BOUNDARY})
    assert status == 200, said
    (upload,) = door.intake.taken[0][1].uploads
    assert upload.field == "attach" and upload.size > 60


@pytest.mark.parametrize("label", [FORM, "", "text/plain"])
async def test_json_that_is_labelled_as_a_form_is_taken_as_it_was_typed(door: Door, label: str) -> None:
    body = golden("insta-json-labelled-form-amp.json").replace(b"Tom & Jerry", b"Tom & Jerry=1 + %25 100%")
    assert (await door.post(door.path("shop"), data=body, headers={"Content-Type": label}))[0] == 200
    assert door.intake.taken[0][1].content.text == "Tom & Jerry=1 + %25 100%"
    body = golden("astrak-json-labelled-form.json")
    assert (await door.post(door.path("chat"), data=body, headers={"Content-Type": label}))[0] == 200
    assert door.intake.taken[1][1].content.text == "astrak labelled as form"


async def test_the_token_of_json_with_a_mark_is_not_kept(door: Door) -> None:
    for body in (
        golden("panel-json-bom.json"),
        golden("panel-json-bom.json").removeprefix(b"\xef\xbb\xbf").decode().encode("utf-16"),
        golden("panel-json-bom.json").replace(b'"token"', b'"to\\u006ben"'),
        golden("panel-json-bom.json").replace(b'"token"', b'"\\u0000token"'),
    ):
        door.intake.taken.clear()
        assert (await door.post(door.path("panel/message"), data=body, headers={"Content-Type": JSON}))[0] == 200
        kept = door.intake.taken[0][2]
        assert PANEL_HOOK_TOKEN.encode() not in kept and b"bom" in kept and kept.isascii()


@pytest.mark.parametrize("name", ["team-trailing-slash.form", "team-key-trailing-space.form"])
async def test_a_group_post_that_was_refused_in_two_packets(door: Door, name: str) -> None:
    slash, blank = ("/", "") if "slash" in name else ("", " ")
    body = golden(name)
    head = f"POST /hooks/sales{slash} HTTP/1.1\r\nHost: x\r\nkey: {TEAM_KEY}{blank}\r\nContent-Type: {FORM}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    assert (await door.speak(head.encode() + body))[0] == 200
    assert (await door.speak(head.encode(), body))[0] == 200
    assert len(door.intake.taken) == 2


# --- multipart ------------------------------------------------------------------------------------------------------


def part(name: str, value: bytes, *headers: str, filename: str | None = None) -> bytes:
    shown = f'; filename="{filename}"' if filename is not None else ""
    lines = [f'Content-Disposition: form-data; name="{name}"{shown}', *headers]
    return b"--BB\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + value + b"\r\n"


def multipart(*parts: bytes, end: bytes = b"--BB--\r\n") -> bytes:
    fields = {"token": PANEL_HOOK_TOKEN, "user_id": "1", "contact_id": "42", "message": "hi"}
    return b"".join(part(k, v.encode()) for k, v in fields.items()) + b"".join(parts) + end


async def send(door: Door, body: bytes) -> tuple[int, dict[str, Any]]:
    status, said, _ = await door.post(door.path("panel/message"), data=body, headers={"Content-Type": BOUNDARY})
    return status, said


@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("base64", b"iVBORw0KGgo\r\nAAAAN"),
        ("Base64", b"iVBORw0KGgoAAAAN"),
        ("quoted-printable", b"=89PNG=0D=0A=1A=0A=00=00=00=\r\n=0D"),
        ("binary", b"\x89PNG\r\n\x1a\n\0\0\0\r"),
    ],
)
async def test_parts_are_decoded(door: Door, coding: str, encoded: bytes) -> None:
    seen: list[bytes] = []
    take = door.intake.take

    async def reading(connection: Any, event: Any, raw: bytes) -> Any:
        seen.extend(u.path.read_bytes() for u in event.uploads)
        return await take(connection, event, raw)

    door.intake.take = reading  # type: ignore[method-assign]
    file = part("attach", encoded, f"Content-Transfer-Encoding: {coding}", "Content-Type: image/png", filename="a.png")
    text = part("author", b"QW5uYQ==", "Content-Transfer-Encoding: base64")
    assert (await send(door, multipart(file, text)))[0] == 200
    assert seen == [b"\x89PNG\r\n\x1a\n\0\0\0\r"]
    assert door.intake.taken[0][1].author == "Anna"


@pytest.mark.parametrize(
    "body",
    [
        b"a preamble\r\n" * 1000 + multipart(),
        multipart() + b"an epilogue\r\n" * 1000,
        multipart(end=b""),
        multipart(end=b"--BB\r\n"),
        multipart(part("x", b"QW5", "Content-Transfer-Encoding: base64")),
        multipart(part("x", b"a", "Content-Transfer-Encoding: uuencode")),
        multipart(part("x", b"\xff\xfe\xfd")),
        multipart(part("x", b"a", "Content-Type: text/plain; charset=utf-7")),
        multipart(part("x", b"a", "X-Long: " + "x" * 9000)),
        multipart(*[part("x", b"")] * 1001),
        multipart(*[part("x", b"a", filename="a.png")] * 21),
        multipart(b"--BB\r\n\r\nno head\r\n"),
        multipart(b"--BB\r\nContent-Type: text/plain\r\n\r\nno name\r\n"),
        multipart(b"--BBB\r\n\r\n"),
    ],
    ids=lambda body: str(len(body)),
)
async def test_forms_that_are_none_get_a_sentence_and_leave_nothing_behind(door: Door, body: bytes) -> None:
    status, said = await send(door, body)
    assert status in (400, 413) and len(said["error"]) > 10
    assert not door.intake.taken and list(door.spool.rglob("*.part")) == []


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
async def test_a_form_in_pieces_of_any_size(door: Door, size: int) -> None:
    body = multipart(part("empty", b""), part("attach", PNG + b"\r\n--B\r\n--Bx", filename="a\\b.png"))
    head = f"POST /hooks/panel/message HTTP/1.1\r\nHost: x\r\nContent-Type: {BOUNDARY}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    assert (await door.speak(head.encode(), *(body[i : i + size] for i in range(0, len(body), size)), pause_s=0))[
        0
    ] == 200
    (upload,) = door.intake.taken[0][1].uploads
    assert upload.size == len(PNG) + 11  # a boundary that only begins is content


async def test_a_wrong_token_before_a_file_is_refused_before_the_file(door: Door) -> None:
    body = part("token", b"wrong") + part("attach", PNG, filename="a.png")[:-20]
    head = f"POST /hooks/panel/message HTTP/1.1\r\nHost: x\r\nContent-Type: {BOUNDARY}\r\nContent-Length: 90000\r\n\r\n"
    assert (await door.speak(head.encode() + body))[0] == 401, "although most of it never came"
    assert list(door.spool.rglob("*.part")) == []


async def test_an_octet_stream_without_a_name_is_a_field_if_it_is_text(door: Door) -> None:
    body = multipart(part("author", "Анна".encode(), "Content-Type: application/octet-stream"))
    assert (await send(door, body))[0] == 200
    assert door.intake.taken[0][1].author == "Анна" and not door.intake.taken[0][1].uploads
