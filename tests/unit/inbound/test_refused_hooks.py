"""Hooks with a wrong secret: one is a stranger who tries, several within minutes are somebody's messages."""

from __future__ import annotations

import pytest

from relay.inbound.wrong_keys import LATELY_S, SEVERAL, RefusedHooks


def test_several_of_late_are_counted_and_old_ones_are_not(monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr("relay.inbound.wrong_keys.time.monotonic", lambda: now)
    refused = RefusedHooks()
    assert refused.lately() == {}
    for _ in range(SEVERAL - 1):
        refused.note("shop")
    assert refused.lately() == {}
    refused.note("shop")
    refused.note("other")
    assert refused.lately() == {"shop": SEVERAL}
    now += LATELY_S + 1
    assert refused.lately() == {}
