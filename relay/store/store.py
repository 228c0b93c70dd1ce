"""The store: accepting, claiming and finishing deliveries, each in one atomic script; and what people ask of it.

Hot scripts go over `relay.store.server.pipeline`, everything else over redis-py. Both raise StoreUnavailable when the
store is away, frozen or refuses writes. See `relay.store.keys` for every key.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import orjson
import redis.asyncio as aioredis
from redis.exceptions import RedisError

from relay.contract.errors import StoreUnavailable
from relay.contract.model import Contact, Kind, Report, ReportStatus, State
from relay.store import keys
from relay.store.belonging import AHEAD, FORMAT, Belonging
from relay.store.feed import Feed
from relay.store.records import (
    Accepted,
    Breaker,
    Claimed,
    ContactCard,
    DeliveryRecord,
    Destination,
    Finish,
    Finished,
    Head,
    Lease,
    LeasedLane,
    MessageRecord,
    NewMessage,
)
from relay.store.server import connecting as connections
from relay.store.server.address import StoreAddress
from relay.store.server.pipeline import StorePipeline

# Each script with the parts it needs: what stands in a script is built anew in every call.
SCRIPTS = {
    "accept": ("job", "arming", "feed", "putting"),
    "claim": ("job", "records", "lanes"),
    "finish": ("job", "records", "lanes", "feed", "waking", "holding", "ladder", "endings", "claims"),
    "fail": ("job", "arming", "feed", "putting", "records", "lanes", "holding", "ladder", "endings", "claims"),
    "renew": (),
    "release": ("job",),
    "regain": (),
    "report": ("records", "feed", "ladder", "endings", "claims"),
    "sweep": ("job", "arming", "records", "lanes"),
    "revive": (),
    "replay": ("job", "arming", "records", "feed", "endings", "claims"),
    "resume": ("feed", "waking"),
    "lease": (),
    "drop": ("records", "feed", "endings", "claims"),
    "close": ("feed",),
}
_CODES = {
    ReportStatus.PENDING: "p",
    ReportStatus.DELIVERED: "d",
    ReportStatus.READ: "r",
    ReportStatus.FAILED: "x",
}


def load_scripts(*, feed: bool = True) -> dict[str, str]:
    """Each script with what it needs in front. `feed`: whether changes are announced in the feed."""
    folder = files("relay.store") / "lua"
    switch = f"local FEED = {'true' if feed else 'false'}\n"
    return {
        name: switch
        + "".join(
            [
                *((folder / "parts" / f"{part}.lua").read_text() for part in ("common", *parts)),
                (folder / f"{name}.lua").read_text(),
            ]
        )
        for name, parts in SCRIPTS.items()
    }


def new_id() -> str:
    """A message id: 20 hex digits; sorts by the microsecond it was made in."""
    # Unique is enough, nobody has to guess it; and a random number that nobody can guess is a call of the system.
    return f"{time.time_ns() // 1000:014x}{random.getrandbits(24):06x}"


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


def _int(value: bytes | None) -> int:
    return int(float(value)) if value else 0


def _head(row: Sequence[Any]) -> Head:
    return Head(
        delivery_id=row[0].decode(),
        tries=int(row[1]),
        part=int(row[2]),
        kind=_text(row[3]),
        origin=_text(row[4]),
        envelope=row[5],
        at_ms=int(row[6] or 0),
        channel=_text(row[7]),
        remote_id=_text(row[8]),
        username=_text(row[9]),
        name=_text(row[10]),
        tried_before=row[11] == b"1",
        pieces=row[12] if len(row) > 12 else b"",
    )


class Store:
    """One deployment's store. `start` connects; every method may raise StoreUnavailable."""

    def __init__(
        self,
        where: StoreAddress,
        *,
        retention_s: float = 90 * 86400,
        lease_s: float = 6.0,
        breaker: Breaker | None = None,
        tell_others: bool = True,
        feed: bool = True,
        timeout_s: float = 3.0,
        prefix: str = keys.PREFIX,
    ) -> None:
        self.where = where
        self.prefix = prefix
        self.feed = Feed(self)
        self.retention_ms = int(retention_s * 1000)
        self.lease_ms = int(lease_s * 1000)
        self.breaker = b = breaker or Breaker()
        # Arguments that are the same in every call, as the bytes they become on the wire.
        self._prefix = prefix.encode()
        self._retention = b"%d" % self.retention_ms
        self._lease = b"%d" % self.lease_ms
        self._breaker = tuple(b"%d" % n for n in (b.failures, b.lanes, b.first_ms, b.max_ms))
        self.wire = StorePipeline(connections.locator(where), scripts=load_scripts(feed=feed), timeout_s=timeout_s)
        self._redis: aioredis.Redis | None = None
        self.belonging: Belonging | None = None
        self._reached = 0  # the contact's number known to have been given out last
        self._bell = b"1" if tell_others else b"0"

    async def start(self) -> None:
        """Connect. Raises StoreUnavailable with a sentence."""
        await self.wire.start()
        self._redis = connections.client(self.where)
        written = _int(await self.wire.call("HGET", self.key("deployment"), "format"))
        if written > FORMAT:
            raise StoreUnavailable(
                f"The store was written by a newer version of the relay (format {written}; this version knows "
                f"{FORMAT}). Start that version, or restore the backup made before the upgrade."
            )

    async def stop(self) -> None:
        await self.wire.stop()
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    @property
    def redis(self) -> aioredis.Redis:
        """redis-py, for what is not hot."""
        if self._redis is None:
            raise StoreUnavailable("The store has not been opened.")
        return self._redis

    @asynccontextmanager
    async def _slow(self) -> AsyncIterator[Any]:  # Any: redis-py types each command as sync or async
        try:
            yield self.redis
        except (RedisError, OSError, TimeoutError) as e:
            raise StoreUnavailable(f"The store did not answer: {e or type(e).__name__}") from e

    def key(self, name: str) -> str:
        return self.prefix + name

    # --- the way in ----------------------------------------------------------------------------------------------

    async def accept(
        self,
        message: NewMessage,
        to: Sequence[str],
        *,
        seen: str = "",
        seen_ttl_s: float = keys.SEEN_TTL_S,
        number: int | None = None,
        channel: str = "",
        remote_user: str = "",
        username: str = "",
        name: str = "",
        comment_id: str = "",
        single_use_key: str = "",
        worker: str = "",
        handover_to: Sequence[str] = (),
        after: str | None = None,
    ) -> Accepted:
        """Accept one message durably. With `number` None the contact is found, or made, by channel and remote user;
        then `worker` may be given the lanes of the destinations `handover_to` at once, as if it had claimed them.
        `after`: the newest answer that the writer of this one has seen ("": none); when the conversation has another
        by now, nothing is accepted. None: not checked.
        """
        until = asyncio.get_running_loop().time() + self.lease_ms / 1000
        reply = await self.wire.run(
            "accept",
            self._prefix,
            seen,
            max(1, int(seen_ttl_s * 1000)),
            b"in" if number is None else number,
            channel,
            remote_user,
            username,
            username.lower(),
            name,
            message.id,
            message.kind.value,
            message.origin,
            message.envelope,
            message.raw,
            comment_id,
            single_use_key,
            self._retention,
            self._bell,
            worker,
            self._lease,
            f" {' '.join(handover_to)} " if handover_to else b"",
            b"*" if after is None else after,
            self._reached,
            *to,
        )
        status, n = reply[0], int(reply[1])
        if status != 1:
            other = _text(reply[2])
            return Accepted(
                fresh=False,
                number=n,
                message_id=other,
                already_answered_by=other if status == 2 else "",
                newest_answer=other if status == 3 else "",
            )
        woken, held = [], []
        for name_, generation in zip(reply[6::2], reply[7::2], strict=True):
            destination = name_.decode()
            if not generation:
                woken.append(destination)
                continue
            g = str(generation)
            head = Head(
                delivery_id=f"{message.id}-{to.index(destination)}",
                tries=0,
                part=0,
                kind=message.kind.value,
                origin=message.origin,
                envelope=message.envelope,
                at_ms=reply[3],
                channel=channel,
                remote_id=remote_user,
                username=_text(reply[4]),
                name=_text(reply[5]),
                tried_before=False,
            )
            lane = LeasedLane(
                number=n, job=f"{destination}:{n}:{g}", token=g, taken_over=False, head=head, lease=Lease(until=until)
            )
            held.append((destination, lane))
        return Accepted(fresh=True, number=n, message_id=message.id, woken=tuple(woken), held=tuple(held))

    async def report(self, account: str, report: Report, line: bytes) -> tuple[str, str, int, str]:
        """Move a delivery along the ladder. Returns (early|same|changed, delivery id, number, state)."""
        what, did, number, state = await self.wire.run(
            "report",
            self.prefix,
            account,
            report.remote_id,
            _CODES[report.status],
            line,
            int(keys.EARLY_TTL_S * 1000),
            report.words,
            self.retention_ms,
        )
        return what.decode(), did.decode(), int(number), state.decode()

    # --- the way out ---------------------------------------------------------------------------------------------

    async def claim(self, destination: str, worker: str, most: int) -> Claimed:
        """Take up to `most` due lanes of a destination under a fenced lease."""
        until = asyncio.get_running_loop().time() + self.lease_ms / 1000
        reply = await self.wire.run("claim", self._prefix, destination, worker, self._lease, most)
        state = _text(reply[2])
        if len(reply) == 3 and state not in ("", "probe"):
            return Claimed(next_due_ms=int(reply[0]), now_ms=int(reply[1]), state=state, lanes=())
        lanes = tuple(
            LeasedLane(
                number=int(row[0] or 0),
                job=row[1].decode(),
                token=row[2].decode(),
                taken_over=row[3] == b"1",
                unknown_job=_text(row[4]),
                lease=Lease(until=until),
                head=_head(row[5:]) if len(row) > 5 else None,
            )
            for row in reply[3:]
        )
        return Claimed(next_due_ms=int(reply[0]), now_ms=int(reply[1]), state=state, lanes=lanes)

    async def finish(self, destination: str, lane: LeasedLane, delivery_id: str, what: Finish) -> Finished:
        """Write what an attempt came to and get the lane's next head, in one step."""
        accepted = what.verdict in ("ok", "part")
        until = asyncio.get_running_loop().time() + self.lease_ms / 1000
        rest: tuple[str | bytes | int, ...]
        if accepted:
            rest = (what.remote_id, what.words, what.pieces)
        else:
            notice = what.notice
            rest = (
                what.delay_ms,
                what.words,
                what.reason,
                *self._breaker,
                self._bell,
                what.told_ms,
                b"1" if what.transient else b"0",
                notice.id if notice else b"",
                notice.envelope if notice else b"",
                *(what.notice_to if notice else ()),
            )
        reply = await self.wire.run(
            "finish" if accepted else "fail",
            self._prefix,
            destination,
            lane.number,
            lane.job,
            lane.token,
            delivery_id,
            what.verdict,
            what.line,
            what.progress,
            b"1" if what.go_on else b"0",
            self._lease,
            self._retention,
            *rest,
        )
        if reply[0] == b"next":
            lane.lease.until = until
        status = reply[0].decode()
        return Finished(
            status=status,
            state=_text(reply[1]),
            state_change=_text(reply[2]),
            woken=tuple(_text(reply[3]).split()),
            head=_head(reply[4:]) if status == "next" else None,
            due_ms=int(reply[4]) if status == "asleep" else 0,
        )

    async def renew(self, destination: str, lanes: Sequence[LeasedLane]) -> set[str]:
        """Renew leases; returns the jobs that are no longer ours."""
        until = asyncio.get_running_loop().time() + self.lease_ms / 1000
        reply = await self.wire.run("renew", self.prefix, destination, self.lease_ms, *_triples(lanes))
        lost = {job.decode() for job in reply}
        for lane in lanes:
            lane.lease.until = 0.0 if lane.job in lost else until
        return lost

    async def release(self, destination: str, lanes: Sequence[LeasedLane]) -> None:
        """Give lanes back untouched."""
        if lanes:
            await self.wire.run("release", self.prefix, destination, *_triples(lanes))

    async def reclaim_lost_replies(self, destination: str, worker: str, known: Collection[str]) -> int:
        """Make due at once what the store holds for this worker but for the jobs it knows of: the answer that gave it
        such a lane was lost with a connection. Nothing that might still bring one may be on its way. Returns how many.
        """
        return int(await self.wire.run("regain", self.prefix, destination, worker, self.lease_ms, *known))

    async def sweep(self, destination: str) -> int:
        """Wake every lane that holds messages and has no job; returns how many that were."""
        cursor, armed = "0", 0
        while True:
            reply = await self.wire.run("sweep", self.prefix, destination, cursor)
            cursor, armed = reply[0].decode(), armed + reply[1]
            if cursor == "0":
                return int(armed)

    async def drop_unknown_job(self, destination: str, job: str, payload: str) -> str:
        """A job that no version of us we know has written becomes a dead letter (PITFALLS experiment 38). Returns
        its delivery id."""
        mid = new_id()
        did = f"{mid}-0"
        now = int(await self.now_s() * 1000)
        async with self._slow() as redis, redis.pipeline(transaction=True) as pipe:
            envelope = orjson.dumps({"text": payload[:2000]})
            pipe.hset(
                self.key(f"m:{mid}"),
                mapping={
                    "k": "notice",
                    "o": "arq",
                    "n": "0",
                    "at": now,
                    "e": envelope,
                    "raw": payload,
                    "d": destination,
                    "open": "1",
                    "to": destination,
                    "s": "failed",
                    "reason": "unknown_job",
                    "words": f"The queue held a job this version does not know: {job}",
                    "dead": now,
                    "done": "1",
                },
            )
            pipe.zadd(self.key("dead"), {did: now})
            pipe.zrem(self.key(f"arq:{destination}"), job)
            pipe.delete(f"arq:job:{job}")
            await pipe.execute()
        return did

    async def remember_echo(self, desk: str, text: str) -> None:
        """Note that we are about to post this text, so that its echo is known. Awaited before the post leaves: the echo
        may come back through another process, and sooner than a command that is still on its way to the store."""
        await self.wire.call("SET", self.key(keys.echo(desk, text)), "1", "PX", str(int(keys.ECHO_TTL_S * 1000)))

    async def is_echo(self, desk: str, text: str) -> bool:
        """Whether we posted exactly this text to this desk lately."""
        return bool(await self.wire.call("EXISTS", self.key(keys.echo(desk, text))))

    # --- who is who ----------------------------------------------------------------------------------------------

    async def contact(self, number: int) -> ContactCard | None:
        """A contact by its number, or None."""
        flat = await self.wire.call("HGETALL", self.key(f"contact:{number}"))
        return _card(number, dict(zip(flat[::2], flat[1::2], strict=True)))

    async def contacts(self, numbers: Sequence[int]) -> dict[int, ContactCard]:
        """Many contacts by their numbers; those that are gone are left out."""
        async with self._slow() as redis, redis.pipeline(transaction=False) as pipe:
            for n in numbers:
                pipe.hgetall(self.key(f"contact:{n}"))
            found = await pipe.execute()
        cards = {n: _card(n, h) for n, h in zip(numbers, found, strict=True)}
        return {n: card for n, card in cards.items() if card is not None}

    async def number_of_name(self, channel: str, username: str) -> int | None:
        """The latest holder of a user name in a channel."""
        found = await self.wire.call("HGET", self.key(f"name:{channel}"), username.lower())
        return int(found) if found else None

    async def comments(self, number: int, since_ms: int, limit: int) -> list[tuple[str, int]]:
        """A contact's comments since then, newest first: (the channel's id, when it came in ms)."""
        rows = await self.wire.call(
            "ZREVRANGEBYSCORE", self.key(f"comments:{number}"), "+inf", str(since_ms), "WITHSCORES",
            "LIMIT", "0", str(limit),
        )  # fmt: skip
        return [(_text(c), _int(at)) for c, at in zip(rows[::2], rows[1::2], strict=True)]

    async def are_claimed(self, single_use: Sequence[str]) -> list[bool]:
        """Of each of these, whether what may happen once has happened."""
        found = await self.wire.call("MGET", *map(self.key, single_use)) if single_use else []
        return [value is not None for value in found]

    async def recent(self, limit: int = 20, offset: int = 0) -> list[int]:
        """Conversation numbers, latest activity first."""
        rows = await self.wire.call("ZREVRANGE", self.key("recent"), str(offset), str(offset + limit - 1))
        return [int(n) for n in rows]

    async def active_between(self, from_ms: int, to_ms: int) -> list[int]:
        """Numbers of conversations whose last activity lies in that span."""
        rows = await self.wire.call("ZRANGEBYSCORE", self.key("recent"), str(from_ms), str(to_ms), "LIMIT", "0", "1000")
        return [int(n) for n in rows]

    async def close(self, number: int) -> None:
        """Close a conversation; it opens again when somebody writes. Times are the store's clock, as everywhere."""
        await self.wire.run("close", self.prefix, number)

    async def identity(self, account: str, found: str) -> str:
        """The account id this account had when it was first seen; `found` is kept when it is the first."""
        if found:
            await self.wire.call("HSETNX", self.key("identity"), account, found)
        return _text(await self.wire.call("HGET", self.key("identity"), account))

    async def bot_id(self, channel: str, configured: int | None, *, among: Collection[str] = ()) -> int:
        """The channel's integer for the Operator API: the configured one, else allotted once and kept. No two channels
        have the same: the panel would answer the customers of one through the other. Raises ValueError with a sentence
        where the configured one is that of another channel `among` those of the configuration."""
        async with self._slow() as redis:
            others = {int(n): c.decode() for c, n in (await redis.hgetall(self.key("bot"))).items()}
            if configured is not None:
                if (had_by := others.get(configured, channel)) != channel and had_by in among:
                    raise ValueError(
                        f"bot_id {configured} of {channel} is {had_by}'s already, and the panels know it "
                        f"by that; set another"
                    )
                await redis.hset(self.key("bot"), channel, str(configured))
                return configured
            had = await redis.hget(self.key("bot"), channel)
            while had is None:
                new = await redis.hincrby(self.key("seq"), "bot", 1)
                if new in others:
                    continue  # configured for another channel
                await redis.hsetnx(self.key("bot"), channel, str(new))
                had = await redis.hget(self.key("bot"), channel)
            return int(had)

    # --- what people ask -----------------------------------------------------------------------------------------

    async def messages(self, number: int, limit: int = 50) -> list[str]:
        """Ids of a conversation's latest messages, oldest first."""
        async with self._slow() as redis:
            rows = await redis.zrevrange(self.key(f"log:{number}"), 0, limit - 1)
        return [r.decode() for r in reversed(rows)]

    async def journal(self, message_id: str) -> MessageRecord | None:
        """A message with its deliveries, or None."""
        async with self._slow() as redis:
            m = await redis.hgetall(self.key(f"m:{message_id}"))
            if b"e" not in m:
                return None
            ids = _delivery_ids(message_id, m)
            within = [m] if b"s" in m else []
            async with redis.pipeline(transaction=False) as pipe:
                for did in ids[len(within) :]:
                    pipe.hgetall(self.key(keys.record(did)))
                rows = within + await pipe.execute()
        return _message(message_id, m, ids, rows)

    async def journals(self, message_ids: Sequence[str]) -> list[MessageRecord]:
        """Many messages with their deliveries, in the order asked for; those that are gone are left out."""
        async with self._slow() as redis:
            async with redis.pipeline(transaction=False) as pipe:
                for mid in message_ids:
                    pipe.hgetall(self.key(f"m:{mid}"))
                found = await pipe.execute()
            wanted: list[tuple[str, dict[bytes, bytes], list[str]]] = []
            async with redis.pipeline(transaction=False) as pipe:
                for mid, m in zip(message_ids, found, strict=True):
                    if b"e" not in m:
                        continue
                    ids = _delivery_ids(mid, m)
                    wanted.append((mid, m, ids))
                    for did in ids[int(b"s" in m) :]:
                        pipe.hgetall(self.key(keys.record(did)))
                rest = iter(await pipe.execute())
        out = []
        for mid, m, ids in wanted:
            rows = [m] if b"s" in m else []
            rows += [next(rest) for _ in ids[len(rows) :]]
            out.append(_message(mid, m, ids, rows))
        return out

    async def find(self, some_id: str, accounts: Sequence[str]) -> str | None:
        """Our message id for a message id, a delivery id, or an id the other side gave (queueId), or None."""
        async with self._slow() as redis:
            if await redis.exists(self.key(f"m:{some_id}")):
                return some_id
            head = some_id.rpartition("-")[0]
            if head and await redis.exists(self.key(f"m:{head}")):
                return head
            for account in accounts:
                bound = await redis.get(self.key(f"remote:{account}:{some_id}"))
                if bound:
                    return str(bound.decode().split()[0].rpartition("-")[0])
                came = await redis.get(self.key(keys.seen(account, (some_id,))))
                if came:
                    return str(came.decode())
        return None

    async def bound(self, account: str, remote_id: str) -> str | None:
        """Our delivery id for the other side's id, or None while we do not know it."""
        found = await self.wire.call("GET", self.key(f"remote:{account}:{remote_id}"))
        return found.decode().split()[0] if found else None

    async def dead_ids(self) -> list[str]:
        """Delivery ids of all dead letters, oldest message first: replayed in this order lanes stay in order. The
        ids alone do not: each begins with the time of the host that made it, and hosts disagree."""
        found = [row.decode() for row in await self.wire.call("ZRANGE", self.key("dead"), "0", "-1")]
        out: list[tuple[int, str]] = []
        for i in range(0, len(found), 1000):
            page = found[i : i + 1000]
            times = await asyncio.gather(
                *(self.wire.call("HGET", self.key(f"m:{did.rpartition('-')[0]}"), "at") for did in page)
            )
            out += [(_int(at), did) for at, did in zip(times, page, strict=True)]
        return [did for _, did in sorted(out)]

    async def record(self, delivery_id: str) -> DeliveryRecord | None:
        """One delivery, or None."""
        async with self._slow() as redis:
            row = await redis.hgetall(self.key(keys.record(delivery_id)))
        return _record(delivery_id, row) if b"to" in row else None

    async def replay(self, delivery_id: str, to: str = "", by: str = "") -> tuple[str, str] | None:
        """Send a dead letter again. Returns (new delivery id, destination), None when it is no dead letter. Raises
        ValueError with a short reason when it must not be sent again: `comment_already_answered`."""
        reply = await self.wire.run("replay", self.prefix, delivery_id, to, self.retention_ms, by)
        if not reply:
            return None
        if not reply[0]:
            raise ValueError(_text(reply[1]))
        return reply[0].decode(), reply[1].decode()

    async def drop(self, delivery_id: str) -> bool:
        """Give a dead letter up for good; False when it is none."""
        return bool(await self.wire.run("drop", self.prefix, delivery_id, self.retention_ms))

    async def destination(self, name: str) -> Destination:
        """Where a destination stands."""
        async with self._slow() as redis:
            async with redis.pipeline(transaction=False) as pipe:
                pipe.hgetall(self.key(f"dest:{name}"))
                pipe.zcard(self.key(f"lanes:{name}"))
                pipe.zrange(self.key(f"lanes:{name}"), 0, 0, withscores=True)
                pipe.zrange(self.key(f"lanes:{name}"), 0, 999)
                pipe.zrange(self.key(f"arq:{name}"), 0, 0, withscores=True)
                h, lanes, oldest, numbers, queue = await pipe.execute()
            async with redis.pipeline(transaction=False) as pipe:
                for n in numbers:
                    pipe.llen(self.key(f"lane:{name}:{n.decode()}"))
                lengths = await pipe.execute()
        return Destination(
            name=name,
            paused=_text(h.get(b"paused")),
            words=_text(h.get(b"words")),
            since_ms=_int(h.get(b"since")),
            open_ms=_int(h.get(b"open")),
            fails=_int(h.get(b"fails")),
            failing_ms=_int(h.get(b"down")),
            last_words=_text(h.get(b"last")),
            next_try_ms=int(queue[0][1]) if queue else 0,
            told=b"told" in h,
            lanes=lanes,
            # Beyond a thousand lanes the rest are counted as one message each: this is asked every few seconds.
            backlog=sum(lengths) + max(0, lanes - len(lengths)),
            oldest_ms=int(oldest[0][1]) if oldest else 0,
        )

    async def mark_told(self, name: str) -> bool:
        """Note that people are told of an outage, so that its end is told as well; False when somebody has noted it
        already."""
        return bool(await self.wire.call("HSETNX", self.key(f"dest:{name}"), "told", "1"))

    async def pause(self, name: str, why: str, words: str = "") -> None:
        """Hold a destination: its messages wait, none is lost, no try is used."""
        async with self._slow() as redis:
            await redis.hset(
                self.key(f"dest:{name}"),
                mapping={"paused": why, "words": words, "since": int(await self.now_s() * 1000)},
            )

    async def paused_for_credentials(self, names: Sequence[str]) -> set[str]:
        """Those of these destinations that wait for their key to be accepted again."""
        found = set()
        for name in names:
            if await self.wire.call("HGET", self.key(f"dest:{name}"), "paused") == b"credentials":
                found.add(name)
        return found

    async def resume(self, name: str) -> bool:
        """Release a destination, whatever held it, and wake what sleeps; False when nothing held it."""
        held, _ = await self.wire.run("resume", self.prefix, name, "1")
        return bool(held)

    async def retry(self, name: str) -> int:
        """Try now what sleeps on its schedule, lane after lane; a destination that is held stays held. Returns how
        many lanes there were."""
        _, woken = await self.wire.run("resume", self.prefix, name, "0")
        return int(woken)

    async def now_s(self) -> float:
        """The store's clock, which all due times are in. Hosts disagree: one whose own clock is minutes ahead would
        take every worker for dead and every lane for stuck."""
        seconds, micros = await self.wire.call("TIME")
        return int(seconds) + int(micros) / 1e6

    # --- processes -----------------------------------------------------------------------------------------------

    async def beat(self, worker: str, destinations: Sequence[str]) -> None:
        """Say that this process lives and works for these destinations. Believed for `WORKER_TTL_S`."""
        said = {"until": await self.now_s() + keys.WORKER_TTL_S, "serves": list(destinations)}
        await self.wire.call("HSET", self.key("workers"), worker, orjson.dumps(said))

    async def unregister(self, worker: str) -> None:
        """A process stopped, by itself or otherwise."""
        await self.wire.call("HDEL", self.key("workers"), worker)

    async def workers(self) -> dict[str, list[str]]:
        """Living processes and what they serve; those not heard of for an hour are forgotten."""
        flat = await self.wire.call("HGETALL", self.key("workers"))
        out: dict[str, list[str]] = {}
        now = await self.now_s()
        for name, said in zip(flat[::2], flat[1::2], strict=True):
            entry = orjson.loads(said)
            if entry["until"] > now:
                out[name.decode()] = entry["serves"]
            elif entry["until"] < now - 3600:
                await self.unregister(name.decode())
        return out

    async def known_workers(self) -> list[str]:
        """Names of all processes that have not said goodbye, living or dead."""
        return [name.decode() for name in await self.wire.call("HKEYS", self.key("workers"))]

    async def free_dead_workers_lanes(self, destination: str, dead: Sequence[str]) -> int:
        """Give back the lanes that dead processes held; returns how many."""
        return int(await self.wire.run("revive", self.prefix, destination, *dead))

    async def try_lease(self, what: str, holder: str, ttl_s: float) -> bool:
        """Take or renew a lease on something only one process may do at a time."""
        return bool(await self.wire.run("lease", self.prefix, what, holder, max(1, int(ttl_s * 1000))))

    async def ping(self) -> None:
        """Prove that the store takes writes and is still ours. Raises StoreUnavailable."""
        await self.wire.call("SET", self.key("held:probe"), "1", "PX", "60000")
        if (ours := self.belonging) is None:
            return
        found = await self.deployment()
        if found != ours.id:
            what = "has been emptied (FLUSHALL?)" if not found else f"now belongs to another deployment ({found})"
            raise StoreUnavailable(
                f"The store {what} while the relay ran; messages that waited are gone. Restore it from a backup and "
                "start the relay again."
            )
        if ours.move(await self.given_out()):
            await asyncio.to_thread(ours.write)

    async def deployment(self) -> str:
        """The id of the deployment that this store belongs to, or ""."""
        return _text(await self.wire.call("HGET", self.key("deployment"), "id"))

    async def belong_to(self, deployment: str) -> None:
        """Keep the deployment's id, and the format that is written from now on."""
        await self.wire.call("HSET", self.key("deployment"), "id", deployment, "format", str(FORMAT))

    async def given_out(self) -> dict[str, int]:
        """How far numbers have been given out."""
        values = await self.wire.call("HMGET", self.key("seq"), *AHEAD)
        reached = {name: _int(value) for name, value in zip(AHEAD, values, strict=True)}
        self._reached = max(self._reached, reached["contact"])
        return reached

    async def begin_above(self, mark: Mapping[str, int]) -> None:
        """Give out no number up to the mark."""
        for name, number in mark.items():
            had = _int(await self.wire.call("HGET", self.key("seq"), name))
            if number > had:
                await self.wire.call("HINCRBY", self.key("seq"), name, str(number - had))

    async def stuck(self, destinations: Sequence[str], for_s: float) -> list[str]:
        """Destinations, neither paused nor broken off, with a lane that has been due and untouched for so long."""
        due_before = int((await self.now_s() - for_s) * 1000)
        found = []
        for name in destinations:
            held = await self.wire.call("HMGET", self.key(f"dest:{name}"), "paused", "open")
            if held[0] or held[1]:
                continue
            if await self.wire.call("ZCOUNT", self.key(f"arq:{name}"), "-inf", str(due_before)):
                found.append(name)
        return found

    async def orphans(self, names: Collection[str]) -> list[str]:
        """Destinations for which messages wait although they are none of `names` (taken out of the configuration).
        `names` are remembered, for the next time."""
        known = {d.decode() for d in await self.wire.call("SMEMBERS", self.key("dests"))}
        if names:
            await self.wire.call("SADD", self.key("dests"), *names)
        return sorted([d for d in known - set(names) if await self.wire.call("ZCARD", self.key(f"lanes:{d}"))])

    async def dead_count(self) -> int:
        """How many dead letters wait for a person."""
        return int(await self.wire.call("ZCARD", self.key("dead")))


class StoreMemory:
    """What one account remembers between restarts (contract.Memory)."""

    def __init__(self, store: Store, account: str) -> None:
        self._store, self._account = store, account

    def _key(self, key: str) -> str:
        return self._store.key(f"mem:{self._account}:{key}")

    async def get(self, key: str) -> str | None:
        found = await self._store.wire.call("GET", self._key(key))
        return found.decode() if found is not None else None

    async def put(self, key: str, value: str, ttl_s: float | None = None) -> None:
        extra = () if ttl_s is None else ("PX", str(int(ttl_s * 1000)))
        await self._store.wire.call("SET", self._key(key), value, *extra)

    async def drop(self, key: str) -> None:
        await self._store.wire.call("DEL", self._key(key))


def listen(store: Store, channel: str, hear: Callable[[str], None]) -> StorePipeline:
    """A connection that calls `hear(payload)` for everything published to a channel of ours."""
    return StorePipeline(connections.locator(store.where), timeout_s=3.0, subscribe=(store.key(channel), hear))


def bell(store: Store, ring: Callable[[str], None]) -> StorePipeline:
    """A connection that calls `ring(destination)` whenever another process arms a lane."""
    return listen(store, "bell", ring)


def _triples(lanes: Sequence[LeasedLane]) -> list[str]:
    return [x for lane in lanes for x in (str(lane.number), lane.job, lane.token)]


def _card(number: int, h: dict[bytes, bytes]) -> ContactCard | None:
    if b"id" not in h:
        return None
    return ContactCard(
        contact=Contact(
            id=number,
            channel=_text(h.get(b"ch")),
            remote_id=_text(h.get(b"id")),
            username=_text(h.get(b"user")),
            name=_text(h.get(b"name")),
        ),
        first_ms=_int(h.get(b"first")),
        last_ms=_int(h.get(b"last")),
        last_kind=_text(h.get(b"lk")),
        dm_ms=_int(h.get(b"dm")),
        comment_id=_text(h.get(b"cid")),
        comment_ms=_int(h.get(b"cat")),
        answered_ms=_int(h.get(b"ans")),
        closed_ms=_int(h.get(b"closed")),
    )


def _delivery_ids(message_id: str, m: dict[bytes, bytes]) -> list[str]:
    """Of a message's deliveries. Number 0 is kept in the message; before there was one, they were numbered from 1."""
    first = 0 if b"s" in m else 1
    return [f"{message_id}-{first + i}" for i in range(len(_text(m.get(b"d")).split()))]


def _message(
    message_id: str, m: dict[bytes, bytes], ids: Sequence[str], rows: Sequence[dict[bytes, bytes]]
) -> MessageRecord:
    return MessageRecord(
        id=message_id,
        kind=Kind(_text(m.get(b"k"))),
        origin=_text(m.get(b"o")),
        number=_int(m.get(b"n")),
        at_ms=_int(m.get(b"at")),
        envelope=orjson.loads(m[b"e"]),
        raw=m.get(b"raw", b""),
        records=tuple(_record(did, row) for did, row in zip(ids, rows, strict=True) if row),
    )


def _record(did: str, row: dict[bytes, bytes]) -> DeliveryRecord:
    lines = row.get(b"l", b"").split(b"\n") if row.get(b"l") else []
    return DeliveryRecord(
        id=did,
        destination=_text(row.get(b"to")),
        state=State(_text(row.get(b"s")) or "queued"),
        number=_int(row.get(b"n")),
        tries=_int(row.get(b"t")),
        due_ms=_int(row.get(b"due")),
        reason=_text(row.get(b"reason")),
        words=_text(row.get(b"words")),
        dead_ms=_int(row.get(b"dead")),
        remote_ids=tuple(_text(row.get(b"r")).split("\n")) if row.get(b"r") else (),
        log=tuple(orjson.loads(line) for line in lines),
        replay_of=_text(row.get(b"re")),
        replayed_as=_text(row.get(b"replayed")),
        dropped_ms=_int(row.get(b"dropped")),
    )
