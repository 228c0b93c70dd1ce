"""A "no" as data: a notice's name, and facts that are words for people."""

from __future__ import annotations

from relay.contract.errors import Refusal


def refusal(notice: str, **facts: object) -> Refusal:
    """`refusal("refused_too_many_options", found=14, allowed=13)`."""
    return Refusal(notice, tuple((name, str(fact)) for name, fact in facts.items()))
