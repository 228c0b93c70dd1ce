"""Who gets what. Pure, and shared by intake, failure notices and `relay explain`."""

from __future__ import annotations

from collections.abc import Sequence

from relay.contract.model import Kind
from relay.routing.accounts import Accounts


def desks_of_message(accounts: Accounts, channel: str) -> tuple[str, ...]:
    """Where a customer's words go: every desk on the channel's routes."""
    return accounts.desks_of[channel]


def mirrors_of_answer(accounts: Accounts, desk: str, channel: str) -> tuple[str, ...]:
    """The other desks that are shown what `desk` answers a customer of `channel`."""
    desks = accounts.desks_of.get(channel, ())
    return tuple(d for d in desks if d != desk and accounts.by_name[d].mirror)


def told_of_failure(accounts: Accounts, kind: Kind, *, origin: str, channel: str, destination: str) -> tuple[str, ...]:
    """Which desks are told that something was given up.

    Of an answer: the desk that wrote it, and those that were shown it. Of a customer's words that did not reach a desk:
    the other desks. Of notices and mirrors nobody, and of a request to take something back only who asked.
    """
    match kind:
        case Kind.ANSWER | Kind.DELETE:
            wrote = (origin,) if origin in accounts.by_name else ()
            shown = mirrors_of_answer(accounts, origin, channel) if kind is Kind.ANSWER else ()
            return (*wrote, *shown)
        case Kind.MESSAGE | Kind.COMMENT:
            return tuple(d for d in accounts.desks_of.get(channel, ()) if d != destination)
    return ()


def may_be_sent_to(kind: Kind, *, channel: str, destination: str, is_desk: bool, desks: Sequence[str]) -> bool:
    """Whether a person may send a message anew to this destination: answers to the contact's own channel, or shown to
    its desks; a customer's words and notices to those desks alone. Anything else would reach a stranger.

    `channel`: the contact's, "" where none is concerned; `desks`: those on its routes; `is_desk`: of the destination.
    """
    if not is_desk:
        return is_for_channel(kind, channel=channel, destination=destination)
    return not channel or destination in desks


def is_for_channel(kind: Kind, *, channel: str, destination: str) -> bool:
    """Whether a message may go to a channel at all: only what is for a customer, through that customer's channel."""
    return kind in (Kind.ANSWER, Kind.DELETE) and channel == destination
