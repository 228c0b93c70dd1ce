"""Tokens and keys of sandboxed accounts: unlike any other deployment's, and known to nobody outside.

A sandbox of this process plays a system that asks for a token. Where config.yaml names none, one is derived from the
deployment's own secret key: the same over restarts and in all processes, and never a constant of the source text, with
which a stranger could read and write here.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

_CONTEXT: Final = b"relay.sandbox.v1"
_BYTES: Final = 18  # 144 bits, 24 letters, digits, - and _


def credential_maker(key: str, account: str) -> Callable[[str], str]:
    """Gives the credential of one account, by the name of its field."""

    def make(field: str) -> str:
        digest = hmac.digest(key.encode(), b"%b\0%b\0%b" % (_CONTEXT, account.encode(), field.encode()), hashlib.sha256)
        return urlsafe_b64encode(digest[:_BYTES]).decode("ascii")

    return make
