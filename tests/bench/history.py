"""`python -m tests.bench.history`: how fast the history is written, and how fast people's questions are answered.

Written twice: by the archiver alone from records that are made up in memory, which is what the database costs, and from
a real store that has accepted and delivered them. Asked are the list of conversations, pages of messages, and searches.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import uvloop

from relay.contract.model import Contact, Kind, State
from relay.history.archiver import Archiver
from relay.history.database import Database, address
from relay.history.queries import Filter, Queries
from relay.store import keys
from relay.store.records import ContactCard, DeliveryRecord, Finish, MessageRecord, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.harness.store_server import StoreServer

_STEMS = (
    "заказ доставк цен размер плать оплат возврат скидк адрес магазин товар курьер номер письм вопрос ответ срок цвет "
    "ткан склад обувь куртк футболк сумк подарок карт чек банк перевод звонок"
)
STEMS = _STEMS.split()
ENDINGS = ("", "а", "у", "ом", "е", "ы", "ов", "ами", "ах")
_PLAIN = (
    "есть ли в наличии когда будет можно спасибо здравствуйте добрый день пожалуйста подскажите мне нам очень хорошо "
    "завтра сегодня order delivery size please thanks when where price blue dress shoes"
)
PLAIN = _PLAIN.split()
QUESTIONS = (
    "заказ",
    "доставка завтра",
    "возврат",
    "спасибо",
    "размеры пла",
    "blue dress",
    "order",
    "n123",
    "банками звонок",
    "карт",
)
LONG = 20_000  # messages in the longest conversation
BEGUN_MS = 1_750_000_000_000


def text(chance: random.Random) -> str:
    """A message of about 80 characters, in the forms that the words of the language have."""
    words = []
    for _ in range(chance.randint(3, 18)):
        roll = chance.random()
        if roll < 0.35:
            words.append(chance.choice(STEMS) + chance.choice(ENDINGS))
        elif roll < 0.97:
            words.append(chance.choice(PLAIN))
        else:
            words.append(f"n{chance.randrange(100_000)}")
    return " ".join(words)


class MadeUp:
    """A store's two questions that the archiver asks, answered from memory."""

    def __init__(self, messages: int, conversations: int) -> None:
        self.conversations = conversations
        self.chance = random.Random(7)
        self.made = 0
        self.total = messages
        self.cards: dict[int, dict[str, int]] = {}

    def batch(self, size: int) -> list[MessageRecord]:
        """The next messages, each with one delivery."""
        found = []
        long = min(LONG, self.total // 4)
        for _ in range(min(size, self.total - self.made)):
            self.made += 1
            at = BEGUN_MS + self.made * 1_000
            number = 1 if self.made % max(1, self.total // long) == 0 else self.chance.randint(2, self.conversations)
            kind = Kind.ANSWER if self.chance.random() < 0.4 else Kind.MESSAGE
            card = self.cards.setdefault(number, {"first_ms": at})
            card["answered_ms" if kind is Kind.ANSWER else "last_ms"] = at
            mid = f"{self.made:020x}"
            to = "shop" if kind is Kind.ANSWER else "panel"
            state = State.FAILED if self.chance.random() < 0.001 else State.DELIVERED
            one = DeliveryRecord(id=f"{mid}-0", destination=to, state=state, number=number, tries=1, remote_ids=(mid,))
            origin = "panel" if kind is Kind.ANSWER else "shop"
            envelope = {"text": text(self.chance), **({"author": "Olga"} if kind is Kind.ANSWER else {})}
            found.append(
                MessageRecord(
                    id=mid,
                    kind=kind,
                    origin=origin,
                    number=number,
                    at_ms=at,
                    envelope=envelope,
                    raw=b"",
                    records=(one,),
                )
            )
        self.found = {m.id: m for m in found}
        return found

    async def journals(self, ids: Sequence[str]) -> list[MessageRecord]:
        return [self.found[i] for i in ids]

    async def contacts(self, numbers: Sequence[int]) -> dict[int, ContactCard]:
        return {
            n: ContactCard(
                contact=Contact(id=n, channel="shop", remote_id=str(n), username=f"user{n}", name=f"Имя {n}"),
                first_ms=self.cards[n]["first_ms"],
                last_ms=self.cards[n].get("last_ms", 0),
                answered_ms=self.cards[n].get("answered_ms", 0),
            )
            for n in numbers
        }


async def write(database: Database, messages: int, conversations: int, batch: int) -> float:
    """Messages a second that the archiver writes by itself, of made-up ones."""
    made = MadeUp(messages, conversations)
    store: Any = made
    archiver = Archiver(store, database, holder="bench")
    spent = 0.0
    while part := made.batch(batch):
        begun = time.perf_counter()
        await archiver._put([m.id for m in part], {m.number for m in part}, "made up", f"{made.made}-0")
        spent += time.perf_counter() - begun
        if made.made % 100_000 < batch:
            print(f"  {made.made:,} written, {made.made / spent:,.0f}/s", file=sys.stderr)
    return messages / spent


async def times(name: str, ask: Callable[[int], Awaitable[Any]], runs: int) -> None:
    """Print p50 and p99 of a question."""
    await ask(0)
    took = []
    for i in range(runs):
        begun = time.perf_counter()
        await ask(i)
        took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    print(f"{name:44} p50 {took[len(took) // 2]:8.1f} ms   p99 {took[int(len(took) * 0.99) - 1]:8.1f} ms")


async def ask(database: Database, conversations: int, runs: int) -> None:
    """All questions, one after another."""
    queries = Queries(database)
    chance = random.Random(3)
    now = BEGUN_MS + 10**12
    seen = Filter(channels=("shop",))
    waiting = Filter(channels=("shop",), state="waiting")

    def listed(which: Filter, order: Any) -> Callable[[int], Awaitable[Any]]:
        return lambda i: queries.conversations(which, order=order, after=None, limit=50, reader="anna", now_ms=now)

    await times("list, newest", listed(seen, "newest"), runs)
    await times("list, open, newest", listed(Filter(channels=("shop",), state="open"), "newest"), runs)
    await times("list, waiting longest", listed(waiting, "waiting"), runs)
    await times("list, failed", listed(Filter(channels=("shop",), state="failed"), "newest"), runs)
    await times("list, closed (none)", listed(Filter(channels=("shop",), state="closed"), "newest"), runs)
    await times("list, mine (none)", listed(Filter(channels=("shop",), assignee="anna"), "newest"), runs)
    await times("counts of the tabs", lambda i: queries.counts(("shop",), "anna", now), max(20, runs // 10))
    await times("one row", lambda i: queries.conversation(chance.randint(1, conversations), "anna"), runs)
    await times("one row, longest conversation", lambda i: queries.conversation(1, "anna"), runs)
    await times("page, any", lambda i: queries.messages(chance.randint(2, conversations), limit=50), runs)
    await times("page, longest conversation", lambda i: queries.messages(1, limit=50), runs)
    got = await queries.messages(1, limit=200)
    middle = str(got[0][0].id) if got else ""
    await times("page around, longest conversation", lambda i: queries.messages(1, limit=50, around=middle), runs)
    await times("files, longest conversation", lambda i: queries.files(1, 20), max(20, runs // 10))
    for question in QUESTIONS:

        async def search(_: int, asked: str = question) -> Any:
            return await queries.search(asked, channels=("shop",), limit=50)

        await times(f"search {question!r}", search, max(20, runs // 5))
    await times(
        "search in one conversation", lambda i: queries.search("заказ", channels=("shop",), number=1, limit=50), runs
    )
    await times("search by name", lambda i: queries.named("имя 77", channels=("shop",), limit=20, reader="anna"), runs)


async def from_store(messages: int, where: Path) -> tuple[float, float, float]:
    """(messages a second out of a real store into an empty database, CPU seconds a message, accepts a second)."""
    server = StoreServer(where / "store", durable=False).start()
    store = Store(StoreAddress.parse(server.url))
    await store.start()
    database = Database(address("sqlite", where))
    await database.connect()
    try:
        chance = random.Random(5)

        async def one(i: int) -> None:
            new = NewMessage(
                id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": text(chance)})
            )
            await store.accept(
                new, ("panel",), seen=keys.seen("shop", (str(i),)), channel="shop", remote_user=str(i % 500)
            )

        begun = time.perf_counter()
        for start in range(0, messages, 200):
            await asyncio.gather(*(one(i) for i in range(start, start + 200)))
        accepted = messages / (time.perf_counter() - begun)
        while lanes := (await store.claim("panel", "w", 100)).lanes:
            for lane in lanes:
                assert lane.head is not None
                await store.finish("panel", lane, lane.head.delivery_id, Finish(verdict="ok", line=b'{"what":"sent"}'))
        archiver = Archiver(store, database, holder="bench")
        epoch = await store.feed.epoch()
        position, cpu, begun = "0-0", time.process_time(), time.perf_counter()
        while entries := await store.feed.read(position, 500):
            position = await archiver.write(entries, epoch)
        spent = time.perf_counter() - begun
        return messages / spent, (time.process_time() - cpu) / messages, accepted
    finally:
        await database.close()
        await store.stop()
        server.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--conversations", type=int, default=0, help="default: one for 20 messages")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--postgresql", default="", help="an address; default: SQLite in a folder of its own")
    parser.add_argument("--skip-store", action="store_true")
    args = parser.parse_args()
    conversations = args.conversations or max(2, args.messages // 20)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        if not args.skip_store:
            rate, cpu, accepted = await from_store(5_000, where / "real")
            print(
                f"from a store: {rate:,.0f} messages/s, {cpu * 1e6:,.0f} us of CPU a message; "
                f"accepted {accepted:,.0f}/s"
            )
        database = Database(address(args.postgresql or "sqlite", where))
        await database.connect()
        rate = await write(database, args.messages, conversations, 500)
        print(
            f"archiver by itself: {rate:,.0f} messages/s, {args.messages:,} messages, {conversations:,} conversations"
        )
        if database.is_sqlite:
            size = sum(f.stat().st_size for f in where.glob("history.db*"))
            print(f"file: {size / 1e6:,.0f} MB, {size / args.messages:,.0f} bytes a message")
        await ask(database, conversations, args.runs)
        await database.close()


if __name__ == "__main__":
    uvloop.run(main())
