"""Strangers: experiments 25 to 30, and what the worst they can send costs everybody else."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import random
import resource
import statistics
import string
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import yarl
from PIL import Image

from relay.contract.errors import FetchRefused, PayloadTooLarge
from relay.contract.model import OutboundRequest, Upload
from relay.media.fetcher import Fetcher
from relay.media.library import MediaStore
from relay.media.serving import INLINE
from relay.routing.hook_addresses import check_hook_secret, hook_secrets
from relay.transport.sender import Sender
from tests.faults.bench import Bench
from tests.faults.experiment import Report, experiment, quantile
from tests.harness import PANEL_HOOK_TOKEN, TEAM_KEY, insta_message
from tests.unit.inbound.door import Door, open_door
from tests.unit.media.test_fetcher import corpus

FORM = "application/x-www-form-urlencoded"
NOISE = (b"\xff", b"\0", b'"', b"{", b"&", b"\\ud83d", b"%", b"=", b"\r\n")
STATUSES = {200, 400, 401, 404, 405, 408, 411, 413, 415, 417, 429, 503}


@contextlib.asynccontextmanager
async def _trap() -> Any:
    """A server that must not be reached; yields its port and how many did."""
    reached: list[int] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(1)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], reached
    finally:
        server.close()


@experiment("25", "redirects to inside, to elsewhere and in a loop", short={"each": 2}, full={"each": 50})
async def redirects(folder: Path, report: Report, *, each: int) -> None:
    """A post is never sent on; a file's redirect never leads inside."""
    async with _trap() as (port, reached):
        hits = 0

        async def lead_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal hits
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                await reader.readexactly(2)
            _, status, where = head.split()[1].decode().split("/", 2)
            hits += 1
            target = {
                "in": f"http://127.0.0.1:{port}/",
                "out": "https://example.com/",
                "loop": head.split()[1].decode(),
            }
            lines = [f"HTTP/1.1 {status} x", f"Location: {target[where]}", "Connection: close", "Content-Length: 0"]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            writer.close()

        server = await asyncio.start_server(lead_on, "127.0.0.1", 0)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Sender(timeout_s=5) as sender, Fetcher(folder, allow_private=[base]) as fetcher:
            for status in (301, 302, 303, 307, 308) * each:
                for where in ("in", "out", "loop"):
                    url = f"{base}/{status}/{where}"
                    answer = await sender(OutboundRequest(method="POST", url=url, safe_url="x", body=b"{}"))
                    report.check(answer.status == status, f"a post to {where} came back as {answer.status}")
                    if where == "out":
                        continue  # nobody is asked outside of this machine
                    try:
                        await fetcher.fetch(url, 1000)
                        report.check(False, f"something was fetched by way of {where}")
                    except FetchRefused:
                        pass
        server.close()
        report.check(not reached, f"{len(reached)} connections to where nobody may go")
        report.note(f"{hits} redirects answered, none followed by a post")


@experiment("26", "addresses that lead inside, in every notation", short={"rounds": 1}, full={"rounds": 5})
async def forgery(folder: Path, report: Report, *, rounds: int) -> None:
    """Server-side request forgery: not one connection, whatever an address looks like."""
    async with _trap() as (port, reached):
        urls = corpus(port)
        for _ in range(rounds):
            async with Fetcher(folder, http_hosts=["*"], ports=(), timeout_s=5, at_once=32) as fetcher:

                async def one(url: str, by: Fetcher = fetcher) -> bool:
                    try:
                        (await by.fetch(url, 1000)).close()
                    except FetchRefused:
                        return False
                    return True

                fetched = await asyncio.gather(*map(one, urls))
                report.check(not any(fetched), f"fetched: {[u for u, f in zip(urls, fetched, strict=True) if f][:5]}")
        report.check(not reached, f"{len(reached)} connections to where nobody may go")
        report.check(len(urls) >= 300, f"only {len(urls)} addresses")
        report.note(f"{len(urls)} addresses")


def _files(rng: random.Random, count: int) -> Any:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(picture, "PNG")
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 48), "blue").save(jpeg, "JPEG")
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (10**5).to_bytes(4, "big") * 2 + b"\x08\x06\0\0\0" + b"\0" * 99
    seeds = [
        picture.getvalue(), jpeg.getvalue(), bomb, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<html><script>alert(1)</script>", b"GIF89a<script>alert(1)</script>", b"%PDF-1.4 <script>", b"PK\3\4" * 20,
        b"\0\0\0\x18ftypmp42" + b"\0" * 40, b"RIFF\0\0\0\0WEBP", b"",
    ]  # fmt: skip
    for i in range(count):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(6)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            data = data[: rng.randrange(len(data) + 1)]
        yield f"f{i}." + rng.choice(["jpg", "png", "svg", "html", "exe", "jpg.html", "mp4", "docx"]), bytes(data)


@experiment("27", "files that are not what they are called", short={"files": 300}, full={"files": 5000})
async def disguises(folder: Path, report: Report, *, files: int) -> None:
    """Nothing that a browser would run is ever served as such; no picture is decoded beyond bounds."""
    store = MediaStore(folder / "media")
    await store.prepare()
    rng = random.Random(27)
    before = psutil.Process().memory_info().rss
    served: set[str] = set()
    for name, data in _files(rng, files):
        path = store.incoming / name
        path.write_bytes(data)
        try:
            kept = await store.save(
                Upload(field="f", filename=name, mime="text/html", path=path, size=len(data)), limit=100_000
            )
        except PayloadTooLarge:
            continue
        file = await store.open(kept.file_id)
        assert file is not None
        served.add(file.mime)
        await store.open(kept.file_id + ".thumb.jpg")
    active = {m for m in served if m in ("text/html", "image/svg+xml", "text/xml", "application/xml")}
    report.check(not active, f"served as {active}")
    unknown = {m for m in served & INLINE if m.partition("/")[0] not in ("image", "audio", "video")}
    report.check(not unknown, f"shown in place: {unknown}")
    grown = psutil.Process().memory_info().rss - before
    report.check(grown < 256 * 2**20, f"memory grew by {grown >> 20} MiB")
    report.note(f"{files} files became {len(served)} types; memory {grown >> 20:+} MiB")


def requests_of(rng: random.Random, door: Door, count: int) -> Any:
    """Raw requests: goldens and mutations of them, wrong labels, encodings, framings, nestings."""
    shop, chat = (door.accounts.by_name[n].secrets[0] for n in ("shop", "chat"))
    bodies = [
        json.dumps(insta_message(1, "q", "hello")).encode(), b"token=" + PANEL_HOOK_TOKEN.encode() + b"&contact_id=42",
        json.dumps({"token": PANEL_HOOK_TOKEN, "contact_id": "42", "message": "x"}).encode(),
        b'{"type":"new_message","event":{"message_id":1,"from_id":5,"text":"x"}}', b"chat=g&sender=d&text=%231+hi",
        *(p.read_bytes() for p in sorted((Path(__file__).parent.parent / "unit/inbound/goldens").iterdir())),
        b"[" * 3000, b'{"a":' * 1500 + b"1" + b"}" * 1500, b'{"event":' + b"9" * 5000 + b"}", b"\0" * 50, b"",
        b'{"token":"\\ud800","contact_id":NaN,"message":Infinity}', b'{"event":{"name":{"a":[]}},"device":[]}',
        gzip.compress(b" " * 100_000), "Привет".encode("utf-16"), b"a=%ff&b=%u0041&c=%", b"--BB\r\n" * 400,
        b'--BB\r\nContent-Disposition: form-data; name="token"; filename*=x\'\'%ff\r\n\r\nv\r\n--BB--',
    ]  # fmt: skip
    kinds = ["application/json", FORM, "multipart/form-data; boundary=BB", "text/plain", "", "multipart/form-data",
             "application/json; charset=punycode", FORM + "; charset=unicode_escape", "x; charset=\"", "a/b+json",
             FORM + "; charset=utf-7", "application/json; charset=utf-16", "multipart/form-data; boundary=\xff",
    ]  # fmt: skip
    paths = [f"shop/{shop}", f"chat/{chat}", "panel/message", "panel/user", "panel/media", "sales", "sales/", "nobody",
             f"shop/{shop}/", "shop/%ff", "panel/message?x=%ff&y=%00", "panel/%6dessage", "shop/" + "x" * 3000,
    ]  # fmt: skip
    for _ in range(count):
        body = bytearray(rng.choice(bodies).replace(b"@TOKEN@", PANEL_HOOK_TOKEN.encode()).replace(b"@N@", b"42"))
        for _ in range(rng.choice([0, 0, 1, 3, 10])):
            if body:
                at = rng.randrange(len(body))
                body[at : at + rng.randrange(3)] = rng.choice(
                    [b"\xff", b"\0", b'"', b"{", b"&", b"\\ud83d", b"%", b"=", b"\r\n"]
                )
        headers = [("Host", "x"), ("Content-Type", rng.choice(kinds)), ("key", rng.choice([TEAM_KEY, "x", "\xff"]))]
        if rng.random() < 0.1:
            headers.append(("Content-Encoding", rng.choice(["gzip", "br", "identity", "nonsense"])))
        if rng.random() < 0.1:
            headers += [(f"X-{i}", "x" * rng.choice([1, 9000])) for i in range(rng.choice([2, 130]))]
        framing = rng.random()
        raw = bytes(body)
        if framing < 0.2:
            headers.append(("Transfer-Encoding", "chunked"))
            raw = b"%x%b\r\n%b\r\n0\r\n\r\n" % (len(raw), rng.choice([b"", b";x=y"]), raw) if raw else b"0\r\n\r\n"
            if rng.random() < 0.3:
                headers.append(("Content-Length", str(len(raw))))
        elif framing < 0.95:
            headers.append(("Content-Length", str(len(raw))))
        method = rng.choice(["POST"] * 12 + ["GET", "PUT", "OPTIONS", "p\xffst"])
        lines = [f"{method} /hooks/{rng.choice(paths)} HTTP/1.{rng.choice('1110')}", *(f"{k}: {v}" for k, v in headers)]
        lines.append("Connection: close")
        yield "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n", raw


@experiment("28", "whatever a stranger may send to a hook", short={"requests": 1500}, full={"requests": 100_000})
async def nonsense(folder: Path, report: Report, *, requests: int) -> None:
    """Each gets an answer that is none of ours to be ashamed of; none takes long; nothing is left behind."""
    rng = random.Random(28)
    folder.mkdir(exist_ok=True)
    async with open_door(folder) as door:
        url = yarl.URL(door.base)
        answered: dict[int, int] = {}
        slowest = 0.0

        async def one(head: bytes, body: bytes) -> None:
            nonlocal slowest
            reader, writer = await asyncio.open_connection(url.host, url.port)
            cut = rng.choice([0, 0, len(head), len(head) // 2])
            try:
                began = time.perf_counter()
                data = head + body
                writer.write(data[:cut])
                if cut:
                    await asyncio.sleep(0.002)
                writer.write(data[cut:])
                answer = await asyncio.wait_for(reader.read(100), 20)
                slowest = max(slowest, time.perf_counter() - began)
                status = int(answer.split()[1]) if answer.startswith(b"HTTP/1.") else 0
                answered[status] = answered.get(status, 0) + 1
                report.check(status not in (500, 502, 503, 504), f"{status} to {head[:300]!r} {body[:200]!r}")
            except ConnectionError:
                answered[0] = answered.get(0, 0) + 1
            finally:
                writer.close()

        at_once = asyncio.Semaphore(20)

        async def bounded(head: bytes, body: bytes) -> None:
            async with at_once:
                await one(head, body)

        await asyncio.gather(*(bounded(*r) for r in requests_of(rng, door, requests)))
        unknown = set(answered) - STATUSES - {0}
        report.check(not unknown, f"unknown statuses {unknown}")
        report.check(door.budget.used == 0, f"{door.budget.used} bytes are still counted as unverified")
        report.check(not list(door.spool.rglob("*.part")), "files are left in the spool")
        bugs = [line for line in door.metrics.text().decode().splitlines() if 'why="bug"' in line]
        report.check(not bugs, f"bugs: {bugs}")
        report.note(f"{dict(sorted(answered.items()))}; the slowest took {slowest:.2f} s")


BOMB = gzip.compress(b" " * 48_000_000)
WORST: tuple[tuple[str, dict[str, str], bytes], ...] = (
    ("panel/message", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, BOMB),
    ("panel/message", {"Content-Type": "application/json"}, b"[" + b"[]," * 300_000 + b"[]]"),
    ("panel/message", {"Content-Type": "application/json"}, b'{"a":"' + b"\\u00e9" * 150_000 + b'"}'),
    ("panel/message", {"Content-Type": FORM + "; charset=punycode"}, b"a=" + b"-b" * 4000),
    ("panel/message", {"Content-Type": FORM}, b"token=x&" + b"a=%D0%9F" * 100_000),
    ("panel/message", {"Content-Type": "multipart/form-data; boundary=B"}, b"\r\n" * 400_000),
    ("panel/message", {"Content-Type": "multipart/form-data; boundary=B"},
     b'--B\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n' + b"\r\n--" * 200_000),
    ("panel/user", {"Content-Type": "application/json"}, b'{"x":' * 1010 + b"1" + b"}" * 1010),
    ("sales", {"Content-Type": FORM, "key": "wrong"}, b"a=b&" * 200_000),
    ("shop/wrong", {"Content-Type": "application/json"}, b" " * 900_000),
)  # fmt: skip


@experiment(
    "28b", "a stream of the worst requests beside honest ones",
    # The short one notices a standstill; how much slower others get is for a quiet machine, and the long one.
    short={"seconds": 4.0, "factor": 4.0, "slack_s": 1.0}, full={"seconds": 60.0, "factor": 2.0, "slack_s": 0.02},
    alone=True,
)  # fmt: skip
async def standstill(folder: Path, report: Report, *, seconds: float, factor: float, slack_s: float) -> None:
    """Who sends hooks of the usual size waits at most twice as long; nothing is lost, and memory stays."""
    async with Bench(folder) as bench:
        base = bench.relay.hooks["shop"].partition("/hooks/")[0] + "/hooks/"
        customer = bench.customer(retry=True)
        await customer.write_all(5, 3)

        async def honest(first: int) -> float:
            customer.acks_s.clear()
            until = time.monotonic() + seconds
            number = first
            while time.monotonic() < until:
                await customer.write(number)
                number += 1
                await asyncio.sleep(0.01)
            return quantile(customer.acks_s, 0.99)

        calm = await honest(1000)
        process = psutil.Process(bench.relay.pid)
        before = process.memory_info().rss
        most = before
        sent = 0
        stop = asyncio.Event()
        refused: dict[int, int] = {}

        async def attack(kind: int) -> None:
            nonlocal sent, most
            while not stop.is_set():
                address, headers, body = WORST[kind]
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with bench.session.post(base + address, headers=headers, data=body) as response:
                        refused[response.status] = refused.get(response.status, 0) + 1
                sent += 1
                most = max(most, process.memory_info().rss)
                await asyncio.sleep(0.2)

        attackers = [asyncio.create_task(attack(kind)) for kind in range(len(WORST))]
        beside = await honest(200_000)
        stop.set()
        await asyncio.gather(*attackers)
        limit_s = max(calm * factor, calm + slack_s)
        report.check(beside <= limit_s, f"honest p99 {beside * 1000:.1f} ms beside, {calm * 1000:.1f} ms alone")
        report.check(most - before < 160 * 2**20, f"memory grew by {(most - before) >> 20} MiB")
        report.check(not any(status in (200, 500, 502, 504) for status in refused), f"answers: {refused}")
        report.count(await bench.drained(30))
        report.note(
            f"{sent} of the worst answered {dict(sorted(refused.items()))}; honest p99 {calm * 1000:.1f} ms alone, "
            f"{beside * 1000:.1f} ms beside; memory {(most - before) >> 20:+} MiB"
        )


@experiment("28c", "files of strangers that fill the disk", short={"files": 12}, full={"files": 200})
async def spooled(folder: Path, report: Report, *, files: int) -> None:
    """What is sent without a proof takes a bounded part of the disk, and is gone with who sent it."""
    async with Bench(folder) as bench:
        base = bench.relay.hooks["shop"].partition("/hooks/")[0]
        url = yarl.URL(base)
        head = (
            b"POST /hooks/panel/message HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n"
            b"Content-Length: 40000000\r\n\r\n--B\r\n"
            b'Content-Disposition: form-data; name="attach"; filename="x"\r\n\r\n'
        )
        incoming = Path(bench.config.get("data_dir", folder / "data")) / "media" / "incoming"
        most = 0

        async def one() -> None:
            _, writer = await asyncio.open_connection(url.host, url.port)
            with contextlib.suppress(ConnectionError, OSError):
                writer.write(head)
                for _ in range(40):
                    writer.write(b"x" * 500_000)
                    await asyncio.wait_for(writer.drain(), 3)
            writer.close()

        tasks = [asyncio.create_task(one()) for _ in range(files)]
        pending: set[asyncio.Task[None]] = set(tasks)
        while pending:
            _, pending = await asyncio.wait(pending, timeout=0.2)
            sizes = [f.stat().st_size for f in incoming.rglob("*.part") if f.exists()]
            most = max(most, sum(sizes))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(1)
        left = list(incoming.rglob("*.part"))
        report.check(most <= 130 * 2**20, f"{most >> 20} MiB of the disk at once")
        report.check(not left, f"{len(left)} files are left")
        customer = bench.customer()
        await customer.write_all(3, 2)
        report.count(await bench.drained(20))
        report.note(
            f"at most {most >> 20} MiB on the disk; {sum(isinstance(r, TimeoutError) for r in results)} held up"
        )


@experiment(
    "29", "a thousand slow connections", short={"connections": 150, "wait_s": 24.0, "share": 0.8, "slack_s": 0.3},
    full={"connections": 1000, "wait_s": 32.0, "share": 0.99, "slack_s": 0.02}, alone=True,
)  # fmt: skip
async def slow(folder: Path, report: Report, *, connections: int, wait_s: float, share: float, slack_s: float) -> None:
    """Slow heads and slow bodies are all closed within 30 s, and honest hooks pass meanwhile."""
    async with Bench(folder) as bench:
        url = yarl.URL(bench.relay.hooks["shop"])
        customer = bench.customer()

        async def honest(first: int) -> float:
            customer.acks_s.clear()
            for number in range(100):
                await customer.write(first + number)
                await asyncio.sleep(0.02)
            return quantile(customer.acks_s, share)

        await customer.write_all(5, 3)
        calm = await honest(50_000)
        body_head = f"POST {url.raw_path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode()
        began = time.monotonic()
        lasted: list[float] = []

        async def one(index: int) -> None:
            reader, writer = await asyncio.open_connection(url.host, url.port)
            text = body_head if index % 2 else b"POST /hooks/shop HTTP/1.1\r\nX: "
            with contextlib.suppress(ConnectionError, OSError):
                writer.write(text if index % 2 else text[:5])
                ending = asyncio.ensure_future(reader.read())
                while not ending.done():
                    writer.write(b"x")
                    await asyncio.wait({ending}, timeout=1.0)
            lasted.append(time.monotonic() - began)
            writer.close()

        crowd = [asyncio.create_task(one(i)) for i in range(connections)]
        beside = await honest(100_000)
        _, open_still = await asyncio.wait(crowd, timeout=wait_s)
        for task in open_still:
            task.cancel()
        report.check(not open_still, f"{len(open_still)} of {connections} are open after 30 s")
        found = f"{share:.0%} of honest hooks in {beside * 1000:.0f} ms, {calm * 1000:.0f} alone"
        report.check(beside <= max(2 * calm, calm + slack_s), found)
        report.count(await bench.drained(30))
        report.note(f"all closed within {max(lasted, default=0):.0f} s; {found}")


@experiment("29b", "more idle connections than descriptors", short={"spare": 60}, full={"spare": 600})
async def descriptors(folder: Path, report: Report, *, spare: int) -> None:
    """The most connections there may be are all taken by somebody who says nothing; hooks are answered all the same."""
    folder.mkdir(exist_ok=True)
    async with open_door(folder) as door:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        door.front.limit = 200
        url = yarl.URL(door.base)
        idle = [await asyncio.open_connection(url.host, url.port) for _ in range(door.front.limit + spare)]
        for number in range(20):
            status, _, _ = await door.post(door.path("shop"), json=insta_message(1, f"q{number}", "hello"))
            report.check(status == 200, f"an honest hook was answered {status}")
        report.check(len(door.front.connections) <= 200, f"{len(door.front.connections)} connections are open")
        for _, writer in idle:
            writer.close()
        report.note(f"open files: {soft} of {hard} allowed")


@experiment(
    "30", "guessing secrets", short={"tries": 20_000, "samples": 4000}, full={"tries": 1_000_000, "samples": 100_000}
)
async def guesses(folder: Path, report: Report, *, tries: int, samples: int) -> None:
    """No guess is accepted, and the time of a refusal does not tell how near it was; rotation takes both, then one."""
    rng = random.Random(30)
    old, new = "o" * 32, "n" * 32
    both = hook_secrets([new, old], "shop")
    letters = string.ascii_letters + string.digits + "-_"
    accepted = sum(check_hook_secret(both, "".join(rng.choices(letters, k=32))) for _ in range(tries))
    report.check(not accepted, f"{accepted} guesses were accepted")
    report.check(all(check_hook_secret(both, s) for s in both), "a rotated secret is refused")
    report.check(not check_hook_secret(hook_secrets([new], "shop"), both[1]), "the old one is taken after its time")
    first, last = "A" + both[0][1:], both[0][:-1] + "A"
    times: dict[str, list[int]] = {first: [], last: []}
    for i in range(samples):
        for guess in (first, last) if i % 2 else (last, first):
            began = time.perf_counter_ns()
            check_hook_secret(both, guess)
            times[guess].append(time.perf_counter_ns() - began)
    middles = [statistics.median(t) for t in times.values()]
    report.check(abs(middles[0] - middles[1]) <= max(middles) * 0.05, f"medians of {middles} ns")
    report.note(f"{tries} guesses, none accepted; medians {middles} ns for a wrong first and a wrong last letter")
