"""Secrets in addresses: the path secret of a hook, and links to media that end by themselves.

`keys` is the deployment's `secret_key` list everywhere: the first signs, all are accepted, so a key is rotated by
putting the new one in front and taking the old one out when its links and addresses are no longer in use.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from relay.errors import VerificationFailed
from relay.files import safe_filename

MEDIA_MAX_AGE_S: Final = 3600  # RELIABILITY 3.3: an hour at most
HOOK_SECRET_BYTES: Final = 24  # 192 bits, 32 characters; at least 128 are asked for (RELIABILITY 3.1)
_HOOK_CONTEXT: Final = b"relay.hook-secret.v1"
_MEDIA_SALT: Final = "relay.media-link.v1"


class LinkInvalid(VerificationFailed):
    """The link was not made by us, or was changed."""


class LinkExpired(LinkInvalid):
    """The link was ours and has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLink:
    """What a media link says. `audience` is the account it was made for."""

    file_id: str
    audience: str
    filename: str


def hook_secrets(keys: Sequence[str], name: str) -> list[str]:
    """The path secrets of the account called `name`, URL-safe, one for each key; the first is the one to hand out.

    Derived, not stored: the same keys give the same addresses on every machine. The key cannot be found from them.
    """
    _require(keys)
    digests = (hmac.digest(key.encode(), b"%b\0%b" % (_HOOK_CONTEXT, name.encode()), hashlib.sha256) for key in keys)
    return [urlsafe_b64encode(digest[:HOOK_SECRET_BYTES]).decode("ascii") for digest in digests]


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


def sign_media(keys: Sequence[str], file_id: str, audience: str, filename: str = "") -> str:
    """A token for `file_id`, made for `audience` (an account's name), good for MEDIA_MAX_AGE_S from now."""
    token = _serializer(tuple(keys)).dumps([file_id, audience, filename])
    return token if isinstance(token, str) else token.decode("ascii")


def media_path(keys: Sequence[str], file_id: str, audience: str, filename: str = "") -> str:
    """`/media/<token>/<filename>`. The name stands there only because some systems judge a file by its address."""
    name = safe_filename(filename) if filename else file_id
    return f"/media/{sign_media(keys, file_id, audience, filename)}/{quote(name)}"


def read_media(keys: Sequence[str], token: str, *, max_age_s: int = MEDIA_MAX_AGE_S) -> MediaLink:
    """What the token says. Raises LinkExpired or LinkInvalid. Ages above an hour are cut to one."""
    try:
        said = _serializer(tuple(keys)).loads(token, max_age=min(max_age_s, MEDIA_MAX_AGE_S))
    except SignatureExpired:
        raise LinkExpired("This link has ended.") from None
    except BadData:
        raise LinkInvalid("This link is not valid.") from None
    match said:
        case [str(file_id), str(audience), str(filename)]:
            return MediaLink(file_id=file_id, audience=audience, filename=filename)
        case _:
            raise LinkInvalid("This link is not valid.")


def _require(keys: Sequence[str]) -> None:
    if not keys or not all(keys):
        raise ValueError("at least one secret key is needed, and none may be empty")


@lru_cache(maxsize=8)
def _serializer(keys: tuple[str, ...]) -> URLSafeTimedSerializer:
    _require(keys)
    return URLSafeTimedSerializer(
        list(reversed(keys)),  # the library wants the oldest first and signs with the last
        salt=_MEDIA_SALT,
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},  # its default is SHA-1
    )
