"""The second factor: codes, recovery codes, and how the secret is kept."""

from __future__ import annotations

import pyotp
import pytest

from relay.people.second_factor import (
    Unsealable,
    address,
    matching_step,
    new_recovery_codes,
    new_secret,
    qr_svg,
    recovery_digest,
    seal,
    unseal,
)

NOW = 1_700_000_010.0


def test_a_code_is_good_once_and_a_step_to_either_side():
    secret = new_secret()
    totp, step = pyotp.TOTP(secret), int(NOW) // 30
    for off in (-1, 0, 1):
        assert matching_step(secret, totp.at((step + off) * 30), NOW, 0) == step + off
    for off in (-2, 2):
        assert matching_step(secret, totp.at((step + off) * 30), NOW, 0) is None
    code = totp.at(step * 30)
    assert matching_step(secret, f"{code[:3]} {code[3:]}", NOW, 0) == step
    assert matching_step(secret, code, NOW, step) is None  # seen over the shoulder
    for wrong in ("", "12345", "abcdef", "１２３４５６", code + "0"):
        assert matching_step(secret, wrong, NOW, 0) is None


def test_the_secret_is_sealed_with_the_deployment_s_key():
    secret = new_secret()
    sealed = seal(["old key of the deployment"], secret)
    assert secret not in sealed
    assert seal(["old key of the deployment"], secret) != sealed
    assert unseal(["new key", "old key of the deployment"], sealed) == secret
    with pytest.raises(Unsealable):
        unseal(["new key"], sealed)
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    with pytest.raises(Unsealable):
        unseal(["old key of the deployment"], changed)


def test_recovery_codes_are_many_and_kept_as_digests():
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(len(c) == 11 for c in codes)
    assert recovery_digest(codes[0].upper().replace("-", " ")) == recovery_digest(codes[0])


def test_the_picture_for_the_app_has_no_script_and_no_style_of_its_own():
    svg = qr_svg(address(new_secret(), "anna", "Relay"))
    assert svg.startswith("<svg")
    assert "<script" not in svg
    assert "style=" not in svg
