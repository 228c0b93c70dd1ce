"""All experiments, listed by hand: importing a module registers what is in it."""

from __future__ import annotations

import re

from tests.faults import canaries, echoing, failover, keeping, killing, modelling, receiving, storing, strangers
from tests.faults.experiment import ALL

MODULES = (killing, storing, receiving, keeping, modelling, failover, echoing, strangers, canaries)


def in_order() -> list[str]:
    """The numbers of PITFALLS 5; a letter marks a variation of ours."""

    def place(number: str) -> tuple[int, str]:
        found = re.fullmatch(r"(\d+)(\w*)", number)
        return (int(found[1]), found[2]) if found else (10_000, number)

    return sorted(ALL, key=place)


__all__ = ["ALL", "MODULES", "in_order"]
