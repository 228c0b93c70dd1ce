"""Cursors: opaque, signed, and for the very list they were made for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.web.api.cursors import GOOD_FOR_S, Cursors
from relay.web.api.problems import Problem
from tests.unit.clock import FakeClock


def test_a_cursor_is_read_back():
    cursors = Cursors(["key"])
    cursor = cursors.make("list", {"state": "open"}, [17, "abc"])
    assert cursors.read("list", {"state": "open"}, cursor) == [17, "abc"]
    assert cursors.read("list", {}, None) is None


def test_a_cursor_of_another_list_filter_or_day_is_refused():
    clock = FakeClock()
    cursors = Cursors(["new", "old"], clock=clock)
    cursor = Cursors(["old"], clock=clock).make("list", {"state": "open"}, [1])
    assert cursors.read("list", {"state": "open"}, cursor) == [1]
    for operation, filters in (("other", {"state": "open"}), ("list", {"state": "closed"})):
        with pytest.raises(Problem, match="asked for differently"):
            cursors.read(operation, filters, cursor)
    clock.move(GOOD_FOR_S + 1)
    with pytest.raises(Problem, match="older than a day"):
        cursors.read("list", {"state": "open"}, cursor)


@given(st.text(max_size=100))
def test_whatever_is_not_ours_is_refused_in_words(cursor: str):
    if cursor:
        with pytest.raises(Problem, match="not one of ours"):
            Cursors(["key"]).read("list", {}, cursor)


def test_an_altered_one_is_refused():
    cursors = Cursors(["key"])
    cursor = cursors.make("list", {}, [1])
    for i in range(0, len(cursor) - 1, 5):
        with pytest.raises(Problem):
            cursors.read("list", {}, cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1 :])
