"""Signatures, held against the public library of Standard Webhooks in both directions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from relay.contract.errors import VerificationFailed
from relay.contract.signatures import matches, same, sign_standard, standard_secret, verify_standard

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes ...").decode()
OTHER = "whsec_" + base64.b64encode(b"another of 24 bytes ....").decode()
BODY = '{"type":"message.created","data":{"text":"Привет 👋"}}'.encode()
NOW = 1_800_000_000


def signed(secret: str = SECRET, body: bytes = BODY, at: int = NOW, name: str = "webhook") -> dict[str, str]:
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    return {f"{name}-id": "msg_1", f"{name}-timestamp": str(at), f"{name}-signature": signature}


def verify(headers: dict[str, str], body: bytes = BODY, *secrets: str) -> str:
    keys = [standard_secret(s) for s in secrets or (SECRET,)]
    return verify_standard(keys, headers, body, now_s=NOW)


@pytest.mark.parametrize("name", ["webhook", "svix"])
def test_what_the_public_library_signs_is_taken(name: str) -> None:
    assert verify(signed(name=name)) == "msg_1"


def test_the_public_library_takes_what_we_sign() -> None:
    at = int(datetime.now(UTC).timestamp())
    signature = sign_standard([standard_secret(OTHER), standard_secret(SECRET)], "msg_1", at, BODY)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)


def test_a_changed_byte_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="changed on its way"):
        verify(signed(), BODY.replace(b"created", b"Created"))


@pytest.mark.parametrize("off", [-301, 301])
def test_an_old_or_a_future_signature_is_refused(off: int) -> None:
    with pytest.raises(VerificationFailed, match="5 minutes"):
        verify(signed(at=NOW + off))
    assert verify(signed(at=NOW + (300 if off > 0 else -300))) == "msg_1"


def test_a_request_whose_time_is_not_known_is_never_recent() -> None:
    with pytest.raises(VerificationFailed):
        verify_standard([standard_secret(SECRET)], signed(), BODY, now_s=0.0)


def test_the_second_secret_counts_and_a_third_does_not() -> None:
    assert verify(signed(OTHER), BODY, SECRET, OTHER) == "msg_1"
    with pytest.raises(VerificationFailed):
        verify(signed(OTHER), BODY, SECRET)


def test_other_versions_beside_ours_are_skipped() -> None:
    headers = signed()
    headers["webhook-signature"] = f"v1a,{'A' * 86}== v2,abc {headers['webhook-signature']}"
    assert verify(headers) == "msg_1"
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v9,")
    with pytest.raises(VerificationFailed):
        verify(headers)


@pytest.mark.parametrize("left_out", ["id", "timestamp", "signature"])
def test_each_of_the_three_headers_must_be_there(left_out: str) -> None:
    headers = signed()
    del headers[f"webhook-{left_out}"]
    with pytest.raises(VerificationFailed, match="must all be there"):
        verify(headers)


@pytest.mark.parametrize("at", ["", "soon", "-1", "1.5", "٣", "9" * 30])
def test_a_timestamp_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(VerificationFailed):
        verify(signed() | {"webhook-timestamp": at})


def test_no_error_repeats_a_secret_or_a_signature() -> None:
    headers = signed(OTHER)
    with pytest.raises(VerificationFailed) as caught:
        verify(headers)
    assert headers["webhook-signature"][3:] not in str(caught.value) and SECRET[6:] not in str(caught.value)


def test_secrets_are_read_as_the_libraries_read_them() -> None:
    raw = b"25 bytes of a secret now."
    encoded = base64.b64encode(raw).decode()
    assert (
        standard_secret("whsec_" + encoded) == standard_secret(encoded) == standard_secret(encoded.rstrip("=")) == raw
    )
    with pytest.raises(ValueError, match="whsec_"):
        standard_secret("not base64 at all!")


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_digests_in_one_header(algorithm: str) -> None:
    digest = hmac.new(b"k2", BODY, getattr(hashlib, algorithm)).hexdigest()
    keys = (b"k1", b"k2")
    assert matches(keys, BODY, f"{algorithm}={digest}", algorithm=algorithm, prefix=f"{algorithm}=")
    assert not matches(keys, BODY + b" ", f"{algorithm}={digest}", algorithm=algorithm, prefix=f"{algorithm}=")
    assert not matches(keys, BODY, "", algorithm=algorithm)
    assert not same("", "")
