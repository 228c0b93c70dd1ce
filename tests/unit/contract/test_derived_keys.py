"""Keys of one use say nothing about those of another."""

from __future__ import annotations

import pytest

from relay.contract.derived_keys import CURSORS, LINKS, SESSIONS, derived_key, derived_keys


def test_each_use_has_a_key_of_its_own() -> None:
    keys = ("a" * 32, "b" * 32)
    found = {use: derived_keys(keys, use) for use in (CURSORS, LINKS, SESSIONS)}
    assert len({key for both in found.values() for key in both}) == 6 and all(len(k) == 32 for k in found[LINKS])
    assert derived_key(keys[0], LINKS) == found[LINKS][0], "the first key signs"


@pytest.mark.parametrize("keys", [(), ("",), ("a", "")])
def test_without_a_key_there_is_none(keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret key"):
        derived_keys(keys, LINKS)
