"""Fetching what strangers point to: never into a private network (PITFALLS 3.2, PITFALLS experiments 25 and 26)."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from relay.contract.errors import FetchRefused
from relay.contract.model import FilePart, Upload
from relay.media import public_sockets
from relay.media.fetcher import Fetcher
from relay.media.library import MediaStore
from relay.media.public_addresses import carried, is_loopback, is_public
from relay.transport.file_parts import file_opener

# --- addresses ------------------------------------------------------------------------------------------------------

PRIVATE_4 = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.1.2.3",
    "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255",
    "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
]  # fmt: skip
PRIVATE_6 = [
    "::", "::1", "::2", "64:ff9b:1::1", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1",
    "fe80::1", "febf::1", "fec0::1", "ff00::1", "ff02::1", "ff0e::1", "4000::1", "8000::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.9.9.9", "93.184.216.34", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1",
    "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.255.255", "192.169.0.1",
    "198.17.255.255", "198.20.0.1", "203.0.112.255", "203.0.114.1", "223.255.255.255", "87.250.250.242",
    "2001:4860:4860::8888", "2606:4700:4700::1111", "2a02:6b8::2:242", "2620:fe::fe", "2400:cb00::1",
    "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
]  # fmt: skip


def embedded(four: str) -> Iterator[str]:
    """The ways to write an IPv4 address as an IPv6 one that ends up there."""
    number = int(ipaddress.IPv4Address(four))
    for base in ("::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::"):
        yield str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(base)) + number))
    yield str(ipaddress.IPv6Address((0x2002 << 112) + (number << 80)))


@pytest.mark.parametrize("address", [*PRIVATE_4, *PRIVATE_6, *(six for four in PRIVATE_4 for six in embedded(four))])
def test_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str):
    assert is_public(address)


@given(st.ip_addresses())
def test_public_is_never_wider_than_the_standard_library_says(address: ipaddress.IPv4Address | ipaddress.IPv6Address):
    if is_public(address) and (isinstance(address, ipaddress.IPv4Address) or carried(address) is None):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


@pytest.mark.parametrize("odd", ["", "localhost", "fe80::1%lo", "1.1.1", "0x7f.1", "1.1.1.1 ", "١.١.١.١"])
def test_what_is_no_address_is_not_public(odd: str):
    assert not is_public(odd)
    assert not is_loopback(odd)


def test_loopback():
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]))
    assert not any(map(is_loopback, ["0.0.0.0", "10.0.0.1", "::", "8.8.8.8", "::ffff:10.0.0.1"]))


# --- a corpus of addresses that lead inside ---------------------------------------------------------------------------

NAMES = {
    "localhost": "127.0.0.1", "localhost.": "127.0.0.1", "ip6-localhost": "::1", "localtest.me": "127.0.0.1",
    "127.0.0.1.nip.io": "127.0.0.1", "10.0.0.1.nip.io": "10.0.0.1", "metadata.google.internal": "169.254.169.254",
    "metadata": "169.254.169.254", "kubernetes.default.svc": "10.96.0.1", "host.docker.internal": "172.17.0.1",
    "redis": "172.18.0.2", "router.lan": "192.168.1.1", "spoofed.example.com": "127.0.0.1",
    "mapped.example.com": "::ffff:127.0.0.1", "nat64.example.com": "64:ff9b::7f00:1",
    "sixtofour.example.com": "2002:7f00:1::",
    "any.example.com": "0.0.0.0", "any6.example.com": "::", "linklocal.example.com": "fe80::1",
    "metadata6.example.com": "fd00:ec2::254",
    "xn--e1afmkfd.xn--p1ai": "127.0.0.1",  # пример.рф
}  # fmt: skip


def notations(four: str) -> Iterator[str]:
    """The ways inet_aton, browsers and IDN tables read an IPv4 address."""
    a, b, c, d = (int(x) for x in four.split("."))
    number = (a << 24) + (b << 16) + (c << 8) + d
    yield four
    yield f"{number}"
    yield f"{number:#x}"
    yield f"0{number:o}"
    yield f"{a:#x}.{b:#x}.{c:#x}.{d:#x}"
    yield f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield f"{a}.{(b << 16) + (c << 8) + d}"
    yield f"{a}.{b}.{(c << 8) + d}"
    yield f"{a:#x}.{b}.{(c << 8) + d}"
    yield f"00{a}.{b}.{c}.{d}"
    yield f"{four}."
    yield "".join("。" if ch == "." else ch for ch in four)
    yield "".join(chr(0xFF10 + int(ch)) if ch.isdigit() else ch for ch in four)
    if "0" not in four:
        yield "".join("①②③④⑤⑥⑦⑧⑨"[int(ch) - 1] if ch.isdigit() else ch for ch in four)
    for six in embedded(four):
        yield f"[{six}]"


def corpus(port: int) -> list[str]:
    hosts = [n for four in ("127.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1",
                            "100.100.100.200", "127.127.127.127") for n in notations(four)]  # fmt: skip
    hosts += [f"[{six}]" for six in PRIVATE_6] + ["[fe80::1%25lo]", "[::1%25lo]"] + list(NAMES)
    hosts += PRIVATE_4
    urls = [f"{scheme}://{host}:{port}/latest/meta-data" for host in hosts for scheme in ("http", "https")]
    urls += [f"http://{host}/" for host in hosts]
    for tail in ("127.0.0.1", "localhost"):
        urls += [
            f"http://user:password@{tail}:{port}/", f"http://example.com@{tail}:{port}/", f"http://{tail}:{port}#@example.com/",
            f"http://{tail}:{port}?@example.com/", f"http://example.com\\@{tail}:{port}/", f"http:///{tail}:{port}/",
            f"http:{tail}:{port}/", f"//{tail}:{port}/", f"http://{tail}\t:{port}/", f"http://{tail}\n:{port}/",
            f" http://{tail}:{port}/", f"HTTP://{tail.upper()}:{port}/", f"http://{tail}:{port}/%0d%0aX:1",
            f"http://{tail}%00:{port}/", f"http://{tail}%2f:{port}/", f"http://[{tail}]:{port}/", f"http://{tail}:{port}:80/",
            f"http://{tail}:-1/", f"http://{tail}:99999/", f"http://{tail}:0/",
        ]  # fmt: skip
    urls += """
        file:///etc/passwd ftp://127.0.0.1/ gopher://127.0.0.1:6379/_INFO dict://127.0.0.1:6379/ tcp://127.0.0.1:22
        unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/info data:text/html,x javascript:alert(1)
        jar:http://127.0.0.1!/ ws://127.0.0.1/ http:// https://? // about:blank http://[ http://]
    """.split()  # noqa: SIM905
    urls.append("")
    return urls


class Names(AbstractResolver):
    """Answers from a table; a list is answered one after another (rebinding). Numbers are read as inet_aton does."""

    def __init__(self, table: dict[str, str | list[str]]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[ResolveResult]:
        self.asked.append(host)
        known = self.table.get(host)
        if isinstance(known, list):
            known = known.pop(0) if len(known) > 1 else known[0]
        if known is None:
            try:
                known = socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
            except (OSError, UnicodeEncodeError) as e:
                raise OSError(None, f"no such host {host}") from e
        result: ResolveResult = {
            "hostname": host, "host": known, "port": port, "proto": 0, "flags": 0,
            "family": socket.AF_INET6 if ":" in known else socket.AF_INET,
        }  # fmt: skip
        return [result]

    async def close(self) -> None:
        pass


class Inside:
    """A listening socket on every address of this machine, which must never be connected to."""

    def __init__(self) -> None:
        self.connects = 0
        self.port = 0


@pytest.fixture
async def inside() -> AsyncIterator[Inside]:
    it = Inside()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        it.connects += 1
        writer.close()

    listening = socket.socket(socket.AF_INET6)
    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listening.bind(("::", 0))
    server = await asyncio.start_server(connected, sock=listening)
    it.port = listening.getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)  # it does notice
    await reader.read()
    writer.close()
    assert it.connects == 1
    it.connects = 0
    yield it
    server.close()


@pytest.fixture
def let_through(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the guard calls public is written down here, and not connected to: tests stay on this machine."""
    through: list[str] = []

    def guard(address: str) -> bool:
        if is_public(address):
            through.append(address)
        return False

    monkeypatch.setattr(public_sockets, "is_public", guard)
    return through


async def refused(fetcher: Fetcher, url: str, limit: int = 1000) -> str:
    with pytest.raises(FetchRefused) as caught:
        await fetcher.fetch(url, limit)
    return str(caught.value)


async def test_no_address_of_the_corpus_leads_inside(tmp_path: Path, inside: Inside, let_through: list[str]):
    urls = corpus(inside.port)
    assert len(set(urls)) >= 300
    names = Names(dict(NAMES))
    # Every port and plain http allowed, so that the guard stands alone.
    async with Fetcher(tmp_path, http_hosts=["*"], ports=(), timeout_s=3, resolver=names) as fetcher:
        for url in urls:
            said = await refused(fetcher, url)
            assert "127." not in said and "10." not in said
    assert inside.connects == 0
    assert [a for a in let_through if a not in ("93.184.216.34",)] == []
    assert list(tmp_path.iterdir()) == []


async def test_the_defaults_refuse_before_anything_is_asked(tmp_path: Path, inside: Inside, let_through: list[str]):
    names = Names({"example.com": "93.184.216.34"})
    async with Fetcher(tmp_path, resolver=names) as fetcher:
        assert "https://" in await refused(fetcher, "http://example.com/a.jpg")
        assert "unusual port" in await refused(fetcher, "https://example.com:8443/a.jpg")
        assert "user name" in await refused(fetcher, "https://a:b@example.com/a.jpg")
        assert names.asked == []
    async with Fetcher(tmp_path, resolver=names, only_hosts=["files.example.com"]) as fetcher:
        assert "not among those" in await refused(fetcher, "https://example.com/")
    assert let_through == []


async def test_a_name_that_turns_private_on_the_second_look_is_caught(
    tmp_path: Path, inside: Inside, let_through: list[str]
):
    names = Names({"rebind.example.com": ["93.184.216.34", "127.0.0.1"]})
    async with Fetcher(tmp_path, http_hosts=["*"], ports=(), resolver=names) as fetcher:
        for _ in range(5):
            await refused(fetcher, f"http://rebind.example.com:{inside.port}/")
    assert let_through == ["93.184.216.34"]  # the first look: that very address would have been connected to
    assert inside.connects == 0


GOOD = [
    *(f"https://host{n}.example.com/ig/2022/{n}.jpg" for n in range(30)),
    *(f"https://{a}/x.png" for a in PUBLIC if ":" not in a),
    *(f"https://[{a}]/x.png" for a in PUBLIC if ":" in a),
    "https://files.getloo.ru/ig/20221207/87b1e67f/пример.jpg", "https://пример.рф/кот.png", "https://EXAMPLE.com:443/a?b=c#d",
    "https://xn--e1afmkfd.xn--p1ai/", "https://example.com/a%20b/%D1%8F.jpg", "https://cdn.example.co.uk/?sig=a%2Fb==",
]  # fmt: skip


async def test_no_good_address_is_blocked(tmp_path: Path, let_through: list[str]):
    assert len(GOOD) >= 50

    class Everywhere(Names):
        async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[ResolveResult]:
            self.table.setdefault(host, "93.184.216.34")
            return await super().resolve(host, port, family)

    async with Fetcher(tmp_path, resolver=Everywhere({})) as fetcher:
        for n, url in enumerate(GOOD, 1):
            await refused(fetcher, url)
            assert len(let_through) == n, url


# --- against servers ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(*answers: bytes, pause_s: float = 0, chunk: int = 1 << 20) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that gives the answers in turn (the last one again and again). Yields its base and the heads it got."""
    heads: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            answer = answers[min(len(heads), len(answers)) - 1]
            for at in range(0, len(answer), chunk):
                writer.write(answer[at : at + chunk])
                await writer.drain()
                await asyncio.sleep(pause_s)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)


def ok(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{h}\r\n" for h in (f"Content-Length: {len(body)}", *headers))
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_a_file_of_our_own_sandbox_is_fetched_with_nothing_of_ours(tmp_path: Path):
    body = b"\x89PNG\r\n\x1a\n" + b"x" * 200_000
    async with (
        serving(ok(body, "Content-Type: text/html", "Set-Cookie: a=1")) as (base, heads),
        Fetcher(tmp_path, allow_private=[base + "/sandbox/insta"]) as fetcher,
    ):
        for _ in range(2):
            file = await fetcher.fetch(base + "/sandbox/insta/files/%D0%BA%D0%BE%D1%82.html?x=1", 300_000)
            assert (file.size, file.mime, file.filename, file.temporary) == (
                len(body),
                "image/png",
                "кот.html.png",
                True,
            )
            assert file.path.read_bytes() == body
            file.close()
        assert list(tmp_path.iterdir()) == []
        names = sorted(line.partition(b":")[0].lower() for line in heads[1].split(b"\r\n")[1:-2])
        assert names == [b"accept", b"accept-encoding", b"connection", b"host", b"user-agent"]


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/hooks/shop", "/sandbox/panel/x", "/sandbox/insta", "/sandbox/insta2/x", "/sandbox/insta/../panel/x",
     "/sandbox/insta/%2e%2e/panel/x", "/sandbox/insta/..%2fpanel/x", "/sandbox/%69nsta/../../metrics"],
)  # fmt: skip
async def test_a_sandbox_opens_its_own_addresses_and_nothing_else_of_our_port(tmp_path: Path, path: str):
    async with serving(ok(b"secret")) as (base, heads), Fetcher(tmp_path, allow_private=[base + "/sandbox/insta"]) as f:
        with pytest.raises(FetchRefused):
            await f.fetch(base + path, 1000)
        assert heads == []


async def test_our_own_base_opens_no_other_door(tmp_path: Path, inside: Inside):
    async with (
        serving(
            redirect(f"http://127.0.0.1:{inside.port}/"),
            redirect(f"http://localhost:{inside.port}/"),
            redirect(f"http://[::1]:{inside.port}/"),
            redirect(f"//0.0.0.0:{inside.port}/"),
            redirect("https://127.0.0.1/"),
            redirect("file:///etc/passwd"),
            redirect(""),
        ) as (base, heads),
        Fetcher(tmp_path, allow_private=[base], http_hosts=["*"], ports=()) as fetcher,
    ):
        for _ in range(6):
            await refused(fetcher, base + "/a.jpg")
        assert len(heads) == 6
        assert "leads on more than 3 times" in await refused(fetcher, base + "/a.jpg")
        assert len(heads) == 10
    assert inside.connects == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_within_bounds_are_followed(tmp_path: Path, status: int):
    async with (
        serving(redirect("/b", status), redirect("c?d", status), redirect("/e.txt", status), ok(b"hello")) as (
            base,
            heads,
        ),
        Fetcher(tmp_path, allow_private=[base]) as fetcher,
    ):
        file = await fetcher.fetch(base + "/x/a", 10)
        assert (file.path.read_bytes(), file.filename) == (b"hello", "e.txt")
        assert [h.split(b" ")[1] for h in heads] == [b"/x/a", b"/b", b"/c?d", b"/e.txt"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ok(b"x" * 101), "larger than 0.0001 MB"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na0\r\n" + b"x" * 160 + b"\r\n0\r\n\r\n", "larger"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "broke off"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 206 Partial\r\nContent-Length: 0\r\n\r\n", "answered 206"),
        (ok(gzip.compress(b"\0" * 10_000_000)[:90], "Content-Encoding: gzip"), "compressed"),
        (b"rubbish\r\n\r\n", "cannot be reached"),
        (b"", "cannot be reached"),
    ],
)  # fmt: skip
async def test_what_is_no_good_file_leaves_nothing(tmp_path: Path, answer: bytes, said: str):
    async with serving(answer) as (base, _), Fetcher(tmp_path, allow_private=[base]) as fetcher:
        assert said in await refused(fetcher, base + "/a.jpg", limit=100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "transient"),
    [
        (b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 429 Slowly\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", True),
        (b"", True),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", False),
        (ok(b"x" * 101), False),
        (redirect("http://127.0.0.1:9/"), False),
    ],
)
async def test_what_another_try_may_mend(tmp_path: Path, answer: bytes, transient: bool):
    async with serving(answer) as (base, _), Fetcher(tmp_path, allow_private=[base]) as fetcher:
        with pytest.raises(FetchRefused) as caught:
            await fetcher.fetch(base + "/a.jpg", 100)
    assert caught.value.transient is transient


async def test_exactly_the_limit_and_nothing_at_all_are_files(tmp_path: Path):
    async with serving(ok(b"x" * 100), ok(b"")) as (base, _), Fetcher(tmp_path, allow_private=[base]) as fetcher:
        assert (await fetcher.fetch(base, 100)).size == 100
        assert (await fetcher.fetch(base, 100)).size == 0


async def test_one_byte_at_a_time_ends_in_time(tmp_path: Path):
    async with (
        serving(ok(b"x" * 1000), pause_s=0.02, chunk=1) as (base, _),
        Fetcher(tmp_path, allow_private=[base], timeout_s=0.3) as fetcher,
    ):
        began = time.monotonic()
        assert "in time" in await refused(fetcher, base)
        assert time.monotonic() - began < 1
    assert list(tmp_path.iterdir()) == []


async def test_nobody_there_says_no_more_than_that(tmp_path: Path, unused_tcp_port: int):
    base = f"http://127.0.0.1:{unused_tcp_port}"
    async with Fetcher(tmp_path, allow_private=[base]) as fetcher:
        assert await refused(fetcher, base + "/secret") == "The file's server cannot be reached."


async def test_form_files_come_from_the_store_or_from_a_fetch(tmp_path: Path):
    media = MediaStore(tmp_path / "media")
    await media.prepare()
    spooled = media.incoming / "u"
    spooled.write_bytes(b"held")
    kept = await media.save(Upload(field="a", filename="a.txt", mime="", path=spooled, size=4))
    async with serving(ok(b"fetched")) as (base, _), Fetcher(media.incoming, allow_private=[base]) as fetcher:
        opener = file_opener(media, fetcher, 100)
        held = await opener(FilePart(field="a", filename="", mime="", file_id=kept.file_id))
        assert held.path.read_bytes() == b"held"
        held.close()
        assert held.path.exists()  # the store's own
        fetched = await opener(FilePart(field="a", filename="", mime="", url=base + "/b"))
        assert fetched.path.read_bytes() == b"fetched"
        fetched.close()
        assert not fetched.path.exists()
        with pytest.raises(FetchRefused, match=re.escape("'x.png' is no longer kept")):
            await opener(FilePart(field="a", filename="x.png", mime="", file_id="a" * 22 + ".png"))
