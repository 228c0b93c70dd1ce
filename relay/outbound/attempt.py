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
from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from relay.contract import Bridge, CustomSend, Http, Texts
from relay.contract.errors import FetchRefused, RelayError, SendError, StoreUnavailable, UnsupportedContent
from relay.contract.foreign_words import masking
from relay.contract.model import Attachment, Delivery, Kind, OutboundRequest, Outcome, Part, RawResponse, Verdict
from relay.outbound.backoff import RETRY_AFTER_MAX_S
from relay.outbound.next_step import NextStep, next_step
from relay.routing.accounts import Accounts
from relay.routing.routes import is_for_channel, told_of_failure
from relay.store import envelope as envelopes
from relay.store.envelope import Envelope, notice_envelope
from relay.store.records import Finish, Head, LeasedLane, NewMessage
from relay.store.store import Store, StoreMemory, new_id
from relay.texts.refusals import reasons

log = logging.getLogger("relay.outbound.attempt")

WORDS_LIMIT = 300
# How soon it is tried again what the store kept from being sent.
HOLD_S = 1.0
LONG_KEPT = 100  # deliveries of several parts whose parts are remembered

LinkFile = Callable[[str, Attachment], str]
"""(destination, attachment we hold) -> a signed address under which the destination can fetch it."""


class Attempts:
    """Makes the attempts of all destinations of this process."""

    def __init__(
        self,
        accounts: Accounts,
        store: Store,
        texts: Texts,
        senders: Mapping[str, Http],
        link_file: LinkFile,
        *,
        retries: int,
        pause_s: Callable[[int], float],
        on_attempt: Callable[[str, Outcome, float, Head], None] | None = None,
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.senders = senders
        self.link_file = link_file
        self.retries = retries
        self.pause_s = pause_s
        self.on_attempt = on_attempt
        self._long: OrderedDict[str, Sequence[Part]] = OrderedDict()
        self.refresh()

    def refresh(self) -> None:
        """Look at the accounts anew: they have changed."""
        accounts = self.accounts.by_name
        # Asked once: isinstance() on a protocol costs as much as parsing a message.
        self._multi = {name: c.bridge for name, c in accounts.items() if isinstance(c.bridge, CustomSend)}
        self._memories = {name: StoreMemory(self.store, name) for name in accounts}

    def begin(self, destination: str, lane: LeasedLane, head: Head, probing: bool) -> Attempt:
        """The next attempt at the head of a lane, worded and ready to be sent."""
        return Attempt(self, destination, lane, head, probing)

    def multi_step(self, destination: str) -> CustomSend | None:
        """The destination's bridge, if it needs several requests for one part."""
        return self._multi.get(destination)

    def memory(self, destination: str) -> StoreMemory:
        """What the destination's bridge remembers between requests."""
        return self._memories[destination]

    def without_files(self, part: Part, error: FetchRefused) -> Part:
        """The part in words: each file by name and address, and why it is not there."""
        lines = [
            self.texts.notice("file_not_fetched", filename=a.filename or a.kind.value, url=a.url, words=str(error))
            for a in part.attachments
        ]
        return replace(part, text="\n".join(filter(None, [part.text, *lines])), attachments=())

    def parts(self, bridge: Bridge[Any], delivery: Delivery) -> Sequence[Part]:
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

    def ended(self, delivery_id: str) -> None:
        """It is not tried again, and has no further part."""
        self._long.pop(delivery_id, None)

    def with_links(self, destination: str, part: Part) -> Part:
        """The part, with addresses under which the destination can fetch the files that we hold."""
        if not any(a.file_id for a in part.attachments):
            return part
        linked = tuple(replace(a, url=self.link_file(destination, a)) if a.file_id else a for a in part.attachments)
        return replace(part, attachments=linked)

    def failure_notice(
        self, delivery: Delivery, e: Envelope, reason: str, words: str, attempts: int, *, certain: bool = True
    ) -> tuple[NewMessage | None, tuple[str, ...]]:
        """What is said of a delivery that was given up, and to which desks."""
        if delivery.contact is None:
            return None, ()
        to = told_of_failure(
            self.accounts, delivery.kind, origin=delivery.origin, channel=delivery.contact.channel,
            destination=delivery.destination,
        )  # fmt: skip
        if not to:
            return None, ()
        text = failure_text(self.texts, delivery, e, reason, words, attempts=attempts, certain=certain)
        elsewhere = ""
        if delivery.kind is Kind.ANSWER and to != (delivery.origin,):
            elsewhere = self.texts.notice(
                "failed_elsewhere", number=delivery.contact.id, text=e.content.text, words=words, origin=delivery.origin
            )
        envelope = notice_envelope(text, wrote=delivery.origin, elsewhere=elsewhere)
        return NewMessage(id=new_id(), kind=Kind.NOTICE, origin="", envelope=envelope), to


class Attempt:
    """One attempt: it is worded when made; then comes `send`, and then `finish`.

    Three steps, because only the middle one takes one of a destination's places: what is done before and after it costs
    the destination nothing.
    """

    __slots__ = ("_by", "_connection", "_delivery", "_e", "_head", "_lane", "_left_s", "_more", "_outcome", "_part",
                 "_parts", "_probing", "_request", "_response", "_started", "_took", "_transient",
                 "_unsent")  # fmt: skip

    def __init__(self, by: Attempts, destination: str, lane: LeasedLane, head: Head, probing: bool) -> None:
        self._by = by
        self._lane = lane
        self._head = head
        self._probing = probing
        self._connection = connection = by.accounts.by_name[destination]
        self._e = e = head.said or envelopes.load(head.envelope)
        bot = by.accounts.by_name.get(head.channel)
        self._delivery = delivery = envelopes.delivery(
            head, e, destination, lane.number, is_desk=connection.is_desk, bot_id=bot.bot_id if bot else 0
        )
        self._part: Part | None = None
        self._more = False  # parts remain after this one
        self._request: OutboundRequest | None = None
        self._response: RawResponse | None = None
        self._outcome: Outcome | None = None  # known without an answer to read
        self._left_s: float | None = None
        self._started = self._took = 0.0
        self._transient = False  # what failed is the destination: its connection, a 5xx
        self._unsent = ""  # why nothing was sent, through no fault of the message or the destination
        self._parts: Sequence[Part] = ()
        if not connection.is_desk and not is_for_channel(delivery.kind, channel=head.channel, destination=destination):
            # The last guard, whatever put it into this lane: a customer's words must not be sent to a customer.
            self._outcome = Outcome(verdict=Verdict.REJECTED, reason="wrong_destination")
            return
        try:
            parts = _cut_before(head.pieces) or by.parts(connection.bridge, delivery)
            self._parts = parts
            if head.part >= len(parts):
                self._outcome = Outcome(verdict=Verdict.ACCEPTED, reason="nothing_left")
                return
            self._part = part = by.with_links(destination, parts[head.part])
            self._more = head.part + 1 < len(parts)
            if by.multi_step(destination) is None:
                self._request = connection.bridge.render(delivery, part)
        except Exception as error:
            self._outcome = self._failed(error)

    async def send(self) -> None:
        """Send it, if there is something to send and its reply window is open. Raises only CancelledError."""
        self._started = started = time.time()
        # What other desks are shown of an answer is no answer: it may come when it can.
        if (deadline_ms := self._e.reply_deadline_ms) and not self._connection.is_desk:
            self._left_s = deadline_ms / 1000 - started
        if self._outcome is not None or self._part is None:
            return
        if self._left_s is not None and self._left_s <= 0:
            self._outcome = Outcome(verdict=Verdict.REJECTED, reason="deadline")
            return
        try:
            try:
                await self._exchange(self._part, self._request)
            except FetchRefused as e:
                if not self._connection.is_desk:
                    raise
                # A file that cannot be had must not keep a customer's words from people, nor hold up what comes after.
                await self._exchange(self._by.without_files(self._part, e), None)
        except Exception as error:
            self._outcome = self._failed(error)
        self._took = time.time() - started

    async def _exchange(self, part: Part, request: OutboundRequest | None) -> None:
        """One part, sent; `request` is how it is worded, if that is known."""
        by, name = self._by, self._connection.name
        http = by.senders[name]
        if not self._is_ours():
            return
        if (multi := by.multi_step(name)) is not None:
            self._outcome = await multi.send(self._delivery, part, http, by.memory(name))
            return
        if request is None:
            request = self._connection.bridge.render(self._delivery, part)
        if request.echo:
            await by.store.remember_echo(name, request.echo)
            if not self._is_ours():
                return
        self._response = await http(request)

    def _is_ours(self) -> bool:
        """Whether nobody else can have been given the lane by now: asked right before the request leaves, because a
        slow loop, or a slow store, may have let the lease run out. What cannot be proven is not sent but given back."""
        if asyncio.get_running_loop().time() < self._lane.lease.until:
            return True
        self._unsent = "lease_ran_out"
        return False

    def _failed(self, error: Exception) -> Outcome:
        """What it means that this came instead of an answer."""
        match error:
            case UnsupportedContent():
                words = " ".join(reasons(self._by.texts, error))
                return Outcome(verdict=Verdict.REJECTED, reason="unsupported_content", words=words)
            case SendError():
                self._transient = True
                return Outcome(
                    verdict=Verdict.RETRY, reason=error.reason, words=error.words[:WORDS_LIMIT], certain=error.certain
                )
            case FetchRefused():
                return Outcome(verdict=Verdict.REJECTED, reason="file_refused", words=str(error)[:WORDS_LIMIT])
            case StoreUnavailable():
                # Of ours, and before anything was sent: the message's tries are not for that.
                self._unsent = "store_away"
                return Outcome(verdict=Verdict.RETRY, reason=self._unsent, words=str(error)[:WORDS_LIMIT])
            case RelayError():
                return Outcome(verdict=Verdict.RETRY, reason="trouble", words=str(error)[:WORDS_LIMIT])
        # A bug in a bridge is one conversation's trouble, not the destination's.
        log.error("bug while sending %s to %s", self._delivery.id, self._connection.name, exc_info=error)
        return Outcome(verdict=Verdict.RETRY, reason="bug", words=type(error).__name__)

    def _read(self) -> Outcome:
        """What came of it."""
        outcome = self._outcome
        if outcome is None and self._unsent:
            outcome = Outcome(verdict=Verdict.RETRY, reason=self._unsent)
        if outcome is None:
            assert self._response is not None
            try:
                outcome = self._connection.bridge.classify(self._response)
            except Exception as error:
                outcome = self._failed(error)
        if outcome.words:
            outcome = replace(outcome, words=masking(outcome.words)[:WORDS_LIMIT])
        return outcome

    def finish(self) -> Finish:
        """What is to be written of it."""
        by, head, lane, destination = self._by, self._head, self._lane, self._connection.name
        outcome = self._read()
        step = next_step(
            outcome,
            more_parts=self._more,
            failed_before=head.tries,
            retries=by.retries,
            pause_s=by.pause_s,
            probing=self._probing,
            left_s=self._left_s,
            random=random.random,
        )
        if self._unsent:
            step = NextStep(verdict="hold", delay_s=HOLD_S if self._unsent == "store_away" else 0.0)
        if by.on_attempt is not None:
            by.on_attempt(destination, outcome, self._took, head)
        line = _line(outcome, step, head, self._started, self._took, taken_over=lane.taken_over)
        if step.verdict in ("ok", "dead"):
            by.ended(head.delivery_id)
        if step.verdict in ("ok", "part"):
            pieces = b""
            if step.verdict == "part" and not head.pieces:
                pieces = msgspec.json.encode(self._parts)
            return Finish(
                verdict=step.verdict, line=line, progress=head.progress, remote_id=outcome.remote_id, pieces=pieces
            )
        log.info(
            "%s #%s %s: %s (%s) %s", destination, lane.number, head.delivery_id, step.verdict, outcome.reason,
            outcome.words,
        )  # fmt: skip
        notice: NewMessage | None = None
        to: tuple[str, ...] = ()
        if step.verdict == "dead":
            # An answer that is a "no" is worth more to people than our doubt whether it holds.
            answered = outcome.certain or outcome.status is not None
            notice, to = by.failure_notice(
                self._delivery, self._e, step.reason, outcome.words, head.tries + 1, certain=answered
            )
        return Finish(
            verdict=step.verdict,
            line=line,
            progress=head.progress,
            delay_ms=int(step.delay_s * 1000),
            reason=step.reason or outcome.reason,
            words=outcome.words,
            told_ms=int(min(outcome.retry_after_s or 0.0, RETRY_AFTER_MAX_S) * 1000),
            transient=self._transient or (outcome.status or 0) >= 500,
            notice=notice,
            notice_to=to,
        )


def failure_text(
    texts: Texts, delivery: Delivery, e: Envelope, reason: str, words: str, *, attempts: int, certain: bool = True
) -> str:
    """The number, the beginning of the text, the other side's own words. Not `certain`: it may have arrived."""
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
    if not certain:
        return texts.notice("once_more", number=number, text=text)
    if attempts > 1:
        return texts.notice("gave_up", number=number, text=text, words=words or reason, attempts=attempts)
    return texts.notice("failed", number=number, text=text, words=words, reason=reason)


def _cut_before(pieces: bytes) -> Sequence[Part]:
    """The parts as they were when the first one went; () where none has gone, or a newer version wrote them."""
    if not pieces:
        return ()
    try:
        return msgspec.json.decode(pieces, type=list[Part])
    except msgspec.MsgspecError:
        return ()


def _line(outcome: Outcome, step: NextStep, head: Head, started: float, took: float, *, taken_over: bool) -> bytes:
    """One line of the delivery's log, an attempt with all its fields."""
    said: dict[str, Any] = {"at": int(started * 1000), "what": step.verdict, "ms": round(took * 1000)}
    if head.part:
        said["part"] = head.part + 1
    for name in ("reason", "words", "status", "remote_id"):
        if value := getattr(outcome, name):
            said[name] = value
    if not outcome.certain:
        said["certain"] = False
    if step.delay_s:
        said["next_in_s"] = round(step.delay_s, 1)
    line = orjson.dumps(said)
    if taken_over:
        first = {"at": int(started * 1000), "what": "taken_over", "certain": False}
        line = orjson.dumps(first) + b"\n" + line
    return line
