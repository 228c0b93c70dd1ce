"""Hook secrets: strong, rotatable, and compared without telling anything."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.routing.hook_addresses import check_hook_secret, hook_secrets

OLD, NEW = "old-key-" + "o" * 32, "new-key-" + "n" * 32


def test_a_hook_secret_is_stable_strong_and_url_safe():
    [secret] = hook_secrets([NEW], "shop")
    assert hook_secrets([NEW], "shop") == [secret]
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", secret)  # 192 bits
    # Pinned: a new version that derived differently would silently change every address handed out.
    assert hook_secrets(["k"], "shop") == ["YiK7RvxfcRbsYbKQKEhSMZ_TYEElURHg"]


def test_hook_secrets_differ_by_account_and_key():
    seen = {hook_secrets([key], name)[0] for key in (OLD, NEW) for name in ("shop", "shop2", "", "магазин")}
    assert len(seen) == 8


def test_rotation_accepts_both_and_then_only_the_new():
    before, during, after = (hook_secrets(keys, "shop") for keys in ([OLD], [NEW, OLD], [NEW]))
    assert during == [*after, *before]
    assert check_hook_secret(during, before[0])
    assert check_hook_secret(during, after[0])
    assert not check_hook_secret(after, before[0])


@given(st.text())
def test_nothing_else_is_accepted(guess: str):
    assert not check_hook_secret(hook_secrets([NEW, OLD], "shop"), guess)


def test_odd_guesses_are_no_errors():
    for guess in ("", "\udcff", "\0", "x" * 100_000, hook_secrets([NEW], "shop")[0] + "="):
        assert not check_hook_secret(hook_secrets([NEW], "shop"), guess)


@pytest.mark.parametrize("keys", [[], [""], [NEW, ""]])
def test_no_key_is_an_error_and_never_a_weak_secret(keys: list[str]):
    with pytest.raises(ValueError, match="secret key"):
        hook_secrets(keys, "shop")
