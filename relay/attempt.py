"""One attempt, stage by stage: word it, send it, read what came back, decide what to write.

Before the request leaves, nothing has happened and any problem is ours to tell. After it left, `Outcome.certain` says
whether we know that it did not arrive.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from relay import envelope as envelopes
from relay.contract import Bridge, Http, MultiStep, Texts
from relay.envelope import Envelope
from relay.errors import FetchRefused, RelayError, SendError, StoreUnavailable, UnsupportedContent
from relay.model import Attachment, Delivery, Kind, Outcome, Part, Verdict
from relay.records import Finish, Head, Held, Stored, new_finish
from relay.refusals import reasons
from relay.registry import Connection, Registry
from relay.settle import Settled, settle
from relay.store import Store, StoreMemory, new_id

log = logging.getLogger("relay.attempt")

WORDS_LIMIT = 300
LONG_KEPT = 100  # deliveries of several parts whose parts are remembered

LinkFile = Callable[[str, Attachment], str]
"""(destination, attachment we hold) -> a signed address under which the destination can fetch it."""


class Attempts:
    """Makes the attempts of all destinations of this process."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        texts: Texts,
        senders: Mapping[str, Http],
        link_file: LinkFile,
        *,
        retries: int,
        pause_s: Callable[[int], float],
        on_attempt: Callable[[str, Outcome, float, Head], None] | None = None,
    ) -> None:
        self.registry = registry
        self.store = store
        self.texts = texts
        self.senders = senders
        self.link_file = link_file
        self.retries = retries
        self.pause_s = pause_s
        self.on_attempt = on_attempt
        # Asked once: isinstance() on a protocol costs as much as parsing a message.
        self._multi = {name: c.bridge for name, c in registry.accounts.items() if isinstance(c.bridge, MultiStep)}
        self._memories = {name: StoreMemory(store, name) for name in registry.accounts}
        self._long: OrderedDict[str, Sequence[Part]] = OrderedDict()

    async def __call__(self, destination: str, lane: Held, head: Head, probing: bool) -> Finish:
        """One attempt at the head of a lane. Raises nothing but CancelledError."""
        started = time.time()
        connection = self.registry.accounts[destination]
        e = head.said or envelopes.load(head.envelope)
        bot = self.registry.accounts.get(head.channel)
        delivery = envelopes.delivery(
            head, e, destination, lane.number, is_desk=connection.is_desk, bot_id=bot.bot_id if bot else 0
        )
        left_s = (e.reply_deadline_ms / 1000 - started) if e.reply_deadline_ms else None
        outcome, more = await self._send(connection, delivery, head, left_s)
        took = time.time() - started
        settled = settle(
            outcome,
            more_parts=more,
            failed_before=head.tries,
            retries=self.retries,
            pause_s=self.pause_s,
            probing=probing,
            left_s=left_s,
            random=random.random,
        )
        if self.on_attempt is not None:
            self.on_attempt(destination, outcome, took, head)
        line = _line(outcome, settled, head, started, took, taken_over=lane.taken_over)
        if settled.verdict in ("ok", "dead"):
            self._long.pop(head.delivery_id, None)
        if settled.verdict in ("ok", "part"):
            return new_finish(verdict=settled.verdict, line=line, standing=head.standing, remote_id=outcome.remote_id)
        log.info(
            "%s #%s %s: %s (%s) %s", destination, lane.number, head.delivery_id, settled.verdict, outcome.reason,
            outcome.words,
        )  # fmt: skip
        notice: Stored | None = None
        to: tuple[str, ...] = ()
        if settled.verdict == "dead":
            notice, to = self.failure_notice(delivery, e, settled.reason, outcome.words, head.tries + 1)
        return Finish(
            verdict=settled.verdict,
            line=line,
            standing=head.standing,
            delay_ms=int(settled.delay_s * 1000),
            reason=settled.reason,
            words=outcome.words,
            notice=notice,
            notice_to=to,
        )

    async def _send(
        self, connection: Connection, delivery: Delivery, head: Head, left_s: float | None
    ) -> tuple[Outcome, bool]:
        """(outcome, whether parts remain after this one)."""
        bridge = connection.bridge
        if left_s is not None and left_s <= 0:
            return Outcome(verdict=Verdict.REJECTED, reason="deadline"), False
        try:
            parts = self._parts(bridge, delivery)
            if head.part >= len(parts):
                return Outcome(verdict=Verdict.ACCEPTED, reason="nothing_left"), False
            part = self._with_links(connection.name, parts[head.part])
            more = head.part + 1 < len(parts)
            try:
                outcome = await self._exchange(connection, delivery, part)
            except FetchRefused as e:
                if not connection.is_desk:
                    raise
                # A file that cannot be had must not keep a customer's words from people, nor hold up what comes after.
                outcome = await self._exchange(connection, delivery, self._without_files(part, e))
        except UnsupportedContent as e:
            words = " ".join(reasons(self.texts, e))
            return Outcome(verdict=Verdict.REJECTED, reason="unsupported_content", words=words), False
        except SendError as e:
            return (
                Outcome(verdict=Verdict.RETRY, reason=e.reason, words=e.words[:WORDS_LIMIT], certain=e.certain),
                False,
            )
        except FetchRefused as e:
            return Outcome(verdict=Verdict.REJECTED, reason="file_refused", words=str(e)[:WORDS_LIMIT]), False
        except (RelayError, StoreUnavailable) as e:
            return Outcome(verdict=Verdict.RETRY, reason="trouble", words=str(e)[:WORDS_LIMIT]), False
        except asyncio.CancelledError:
            raise
        except Exception as e:  # a bug in a bridge is one conversation's trouble, not the destination's
            log.exception("bug while sending %s to %s", delivery.id, connection.name)
            return Outcome(verdict=Verdict.RETRY, reason="bug", words=type(e).__name__), False
        if len(outcome.words) > WORDS_LIMIT:
            outcome = replace(outcome, words=outcome.words[:WORDS_LIMIT])
        return outcome, more

    async def _exchange(self, connection: Connection, delivery: Delivery, part: Part) -> Outcome:
        """One part, sent and its answer judged."""
        http = self.senders[connection.name]
        if (multi := self._multi.get(connection.name)) is not None:
            return await multi.send(delivery, part, http, self._memories[connection.name])
        request = connection.bridge.render(delivery, part)
        if request.echo:
            self.store.remember_echo(connection.name, request.echo)
        return connection.bridge.classify(await http(request))

    def _without_files(self, part: Part, error: FetchRefused) -> Part:
        """The part in words: each file by name and address, and why it is not there."""
        lines = [
            self.texts.notice("file_not_fetched", filename=a.filename or a.kind.value, url=a.url, words=str(error))
            for a in part.attachments
        ]
        return replace(part, text="\n".join(filter(None, [part.text, *lines])), attachments=())

    def _parts(self, bridge: Bridge[Any], delivery: Delivery) -> Sequence[Part]:
        """The delivery's parts. Those of long texts are kept from one part to the next: cutting 100 kB takes a tenth of
        a second, and doing it for each of its pieces again would hold up everybody."""
        parts = self._long.get(delivery.id)
        if parts is None:
            parts = bridge.fit(delivery)
            if len(parts) > 1:
                self._long[delivery.id] = parts
                if len(self._long) > LONG_KEPT:
                    self._long.popitem(last=False)
        return parts

    def _with_links(self, destination: str, part: Part) -> Part:
        if not any(a.file_id for a in part.attachments):
            return part
        linked = tuple(replace(a, url=self.link_file(destination, a)) if a.file_id else a for a in part.attachments)
        return replace(part, attachments=linked)

    def failure_notice(
        self, delivery: Delivery, e: Envelope, reason: str, words: str, attempts: int
    ) -> tuple[Stored | None, tuple[str, ...]]:
        """Who is told of a delivery that was given up: the desk that wrote it, or, for a customer's words that did not
        reach a desk, the other desks. Notices and mirrors that fail are told to nobody."""
        if delivery.contact is None or delivery.kind in (Kind.NOTICE, Kind.MIRROR):
            return None, ()
        to: tuple[str, ...]
        if delivery.kind in (Kind.ANSWER, Kind.DELETE):
            to = (delivery.origin,) if delivery.origin in self.registry.accounts else ()
        else:
            desks = self.registry.desks_of.get(delivery.contact.channel, ())
            to = tuple(d for d in desks if d != delivery.destination)
        if not to:
            return None, ()
        text = failure_text(self.texts, delivery, e, reason, words, attempts=attempts)
        return Stored(id=new_id(), kind=Kind.NOTICE, origin="", envelope=notice_envelope(text)), to


def notice_envelope(text: str) -> bytes:
    """The envelope of the relay's own words."""
    return orjson.dumps({"text": text})


def failure_text(texts: Texts, delivery: Delivery, e: Envelope, reason: str, words: str, *, attempts: int) -> str:
    """The number, the beginning of the text, the other side's own words."""
    number = delivery.contact.id if delivery.contact else 0
    text = e.content.text
    if delivery.kind is Kind.DELETE:
        return texts.notice("delete_failed", number=number, words=words or reason)
    if reason == "deadline":
        return texts.notice("deadline_passed", number=number, text=text)
    if delivery.kind in (Kind.MESSAGE, Kind.COMMENT):
        return texts.notice(
            "not_delivered_to_desk", number=number, text=text, destination=delivery.destination, words=words or reason
        )
    if attempts > 1:
        return texts.notice("gave_up", number=number, text=text, words=words or reason, attempts=attempts)
    return texts.notice("failed", number=number, text=text, words=words, reason=reason)


def _line(outcome: Outcome, settled: Settled, head: Head, started: float, took: float, *, taken_over: bool) -> bytes:
    """One line of the delivery's log, an attempt with all its fields."""
    said: dict[str, Any] = {"at": int(started * 1000), "what": settled.verdict, "ms": round(took * 1000)}
    if head.part:
        said["part"] = head.part + 1
    for name in ("reason", "words", "status", "remote_id"):
        if value := getattr(outcome, name):
            said[name] = value
    if not outcome.certain:
        said["certain"] = False
    if settled.delay_s:
        said["next_in_s"] = round(settled.delay_s, 1)
    line = orjson.dumps(said)
    if taken_over:
        first = {"at": int(started * 1000), "what": "taken_over", "certain": False}
        line = orjson.dumps(first) + b"\n" + line
    return line
