"""`relay history` and what `relay trace` finds in it, as they are typed."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.cli.test_people_commands import run

__all__ = ["run"]


def test_an_empty_history_is_complete(run: Any):
    said = run("history", "check")
    assert (said.exit_code, said.output.splitlines()) == (
        0,
        ["0 messages in the store, 0 in the history.", "Everything in the store is in the history."],
    )
    found = json.loads(run("history", "check", "--json").output)
    assert (found["complete"], found["behind"], found["missing"]) == (True, False, [])
    assert run("history", "rebuild").output == "0 messages of the store are in the history.\n"
    assert run("trace", "nobody").exit_code == 1
