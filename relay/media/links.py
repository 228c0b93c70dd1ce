"""Links to media that end by themselves.

`keys` is the deployment's `secret_key` list everywhere: the first signs, all are accepted, so a key is rotated by
putting the new one in front and taking the old one out when its links are no longer in use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from relay.contract.errors import VerificationFailed
from relay.media.local_files import safe_filename

MEDIA_MAX_AGE_S: Final = 3600  # PITFALLS 3.3: an hour at most
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
