"""The faults can still be put in, and the tests that should notice are still there. Running them is `make mutants`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant, find

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_it_can_be_put_in_and_somebody_should_notice(mutant: Mutant):
    assert find(ROOT, mutant.before)
    assert mutant.before != mutant.after
    there = "\n".join(
        path.read_text("utf-8")
        for name in mutant.run
        for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("test_*.py")))
    )
    for name in mutant.caught_by:
        assert re.search(rf"def {name}\(", there), f"{name} is in none of {', '.join(mutant.run)}"


def test_there_are_enough_and_each_is_named_once():
    names = [m.name for m in MUTANTS]
    assert len(names) == len(set(names)) >= 25
