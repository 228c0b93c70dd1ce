"""The path secret of a hook address, for systems that neither sign nor send a key.

`keys` is the deployment's `secret_key` list: the first signs, all are accepted, so a key is rotated by putting the new
one in front and taking the old one out when its addresses are no longer in use.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

HOOK_SECRET_BYTES: Final = 24  # 192 bits, 32 characters; at least 128 are asked for (PITFALLS 3.1)
_HOOK_CONTEXT: Final = b"relay.hook-secret.v1"


def hook_secrets(keys: Sequence[str], name: str) -> list[str]:
    """The path secrets of the account called `name`, URL-safe, one for each key; the first is the one to hand out.

    Derived, not stored: the same keys give the same addresses on every machine. The key cannot be found from them.
    """
    if not keys or not all(keys):
        raise ValueError("at least one secret key is needed, and none may be empty")
    digests = (hmac.digest(key.encode(), b"%b\0%b" % (_HOOK_CONTEXT, name.encode()), hashlib.sha256) for key in keys)
    return [urlsafe_b64encode(digest[:HOOK_SECRET_BYTES]).decode("ascii") for digest in digests]


def proof_of_key(key: str, nonce: str) -> str:
    """What only a relay with this secret key can answer to a nonce; nothing else can be made of it."""
    return hmac.digest(key.encode(), b"relay.proof.v1\0" + nonce.encode("utf-8", "replace"), hashlib.sha256).hex()


def check_hook_secret(secrets: Sequence[str], given: str) -> bool:
    """Whether `given` is one of the account's `hook_secrets`. Takes as long for every wrong answer.

    Compares digests, so that not even lengths differ, with all of them, so that not even the matching one shows.
    """
    digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(_digest(secret), digest)
    return found


@lru_cache(maxsize=1024)  # of our own secrets only: as many as there are accounts and keys
def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
