"""Proofs that a hook came from whom it says: HMACs over its raw body, compared in constant time.

`matches` serves senders that put one digest into a header; `sign_standard` and `verify_standard` speak Standard
Webhooks (standardwebhooks.com), which Svix and many others send. Pure: the time is handed in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence

from relay.contract.errors import VerificationFailed

TOLERANCE_S = 300.0  # how far the sender's clock and ours may be apart; older signatures could be replayed
SECRET_PREFIX = "whsec_"  # noqa: S105 - how such secrets begin, none itself
STANDARD_HEADERS = ("webhook", "svix")  # `webhook-id` and `svix-id` mean the same
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURES_READ = 20  # of one header; a stranger must not make us compare for long


def same(ours: str, theirs: str) -> bool:
    """Whether two secrets are equal. The time it takes tells neither length nor content; an empty one equals none."""
    digests = (hashlib.sha256(s.encode("utf-8", "surrogatepass")).digest() for s in (ours, theirs))
    return hmac.compare_digest(*digests) and bool(ours)


def matches(
    secrets: Iterable[bytes],
    message: bytes,
    given: str,
    *,
    algorithm: str = "sha256",
    encoding: str = "hex",
    prefix: str = "",
) -> bool:
    """Whether `given` is `prefix` and the HMAC of `message` under one of the secrets. `encoding`: "hex" or "base64"."""
    found = False
    for secret in secrets:  # no early exit: the time must not tell which secret was the right one
        digest = hmac.digest(secret, message, algorithm)
        text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode("ascii")
        found |= same(prefix + text, given)
    return found


def standard_secret(text: str) -> bytes:
    """The key in `whsec_<base64>`, with or without the prefix and the padding. Raises ValueError with a sentence."""
    encoded = text.strip().removeprefix(SECRET_PREFIX)
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a signing secret is whsec_ and 24 to 64 bytes in base64") from None


def sign_standard(secrets: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: one `v1,<base64>` for each secret, so that a receiver can change over."""
    signed = b"%b.%d.%b" % (message_id.encode(), at_s, body)
    digests = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a request carries a signature of this kind, right or wrong."""
    return any(f"{name}-signature" in headers for name in STANDARD_HEADERS)


def standard_id(headers: Mapping[str, str]) -> str:
    """The event's id, the same at every try; "" where there is none."""
    return next((value for name in STANDARD_HEADERS if (value := headers.get(f"{name}-id", ""))), "")


def verify_standard(
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now_s: float,
    tolerance_s: float = TOLERANCE_S,
) -> str:
    """The event's id, once its signature is proved. `body` is the request's body as it came, byte for byte.

    Raises VerificationFailed with a sentence that says what to look at; it never repeats a signature or a secret.
    """
    name = next((n for n in STANDARD_HEADERS if f"{n}-signature" in headers), STANDARD_HEADERS[0])
    message_id, at, given = (headers.get(f"{name}-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (message_id and at and given):
        raise VerificationFailed(f"The headers {name}-id, {name}-timestamp and {name}-signature must all be there.")
    if not _TIMESTAMP.fullmatch(at):
        raise VerificationFailed(f"{name}-timestamp must be whole seconds since 1970.")
    if abs(now_s - int(at)) > tolerance_s:
        raise VerificationFailed(
            f"{name}-timestamp is more than {tolerance_s / 60:g} minutes from our time: a repeat of an old request, "
            "or a clock that is wrong."
        )
    # The timestamp is signed as it was written: "007" and "7" are different bytes.
    signed = b"%b.%b.%b" % (message_id.encode("utf-8", "surrogatepass"), at.encode(), body)
    candidates = [sig for version, _, sig in (s.partition(",") for s in given.split()) if version == "v1"]
    found = False
    for candidate in candidates[:_SIGNATURES_READ]:
        found |= matches(secrets, signed, candidate, encoding="base64")
    if not found:
        raise VerificationFailed(
            "The signature is not right: another secret, or a body that was changed on its way (a proxy that "
            "re-encodes JSON, say)."
        )
    return message_id
