"""Links to media: those for channels end by themselves, those in a desk's conversations live as long as the file.

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

from itsdangerous import BadData, SignatureExpired, URLSafeSerializer, URLSafeTimedSerializer

from relay.contract.derived_keys import LINKS, derived_keys
from relay.contract.errors import VerificationFailed
from relay.media.local_files import safe_filename

MEDIA_MAX_AGE_S: Final = 3600  # the default: a channel fetches at once or not at all
_ENDING: Final = "relay.media-link.ending"
_LASTING: Final = "relay.media-link.lasting"


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


def sign_media(keys: Sequence[str], file_id: str, audience: str, filename: str = "", *, lasting: bool = False) -> str:
    """A token for `file_id`, made for `audience` (an account's name). `lasting`: good as long as the file is kept;
    otherwise for the time that whoever reads it gives it."""
    _require(keys)
    signer = _lasting(tuple(keys)) if lasting else _ending(tuple(keys))
    token = signer.dumps([file_id, audience, filename])
    return token if isinstance(token, str) else token.decode("ascii")


def media_path(keys: Sequence[str], file_id: str, audience: str, filename: str = "", *, lasting: bool = False) -> str:
    """`/media/<token>/<filename>`. The name stands there only because some systems judge a file by its address."""
    name = safe_filename(filename) if filename else file_id
    return f"/media/{sign_media(keys, file_id, audience, filename, lasting=lasting)}/{quote(name, safe='')}"


def read_media(keys: Sequence[str], token: str, *, max_age_s: int = MEDIA_MAX_AGE_S) -> MediaLink:
    """What the token says. Raises LinkExpired (older than `max_age_s`, and not a lasting one) or LinkInvalid."""
    _require(keys)
    try:
        if token.count(".") == 1:  # payload and signature, without a time between them
            said = _lasting(tuple(keys)).loads(token)
        else:
            said = _ending(tuple(keys)).loads(token, max_age=max_age_s)
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


# The library's defaults are SHA-1, and one key for everything.
_SIGNER: Final = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


@lru_cache(maxsize=8)
def _ending(keys: tuple[str, ...]) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_oldest_first(keys), salt=_ENDING, signer_kwargs=_SIGNER)


@lru_cache(maxsize=8)
def _lasting(keys: tuple[str, ...]) -> URLSafeSerializer:
    return URLSafeSerializer(_oldest_first(keys), salt=_LASTING, signer_kwargs=_SIGNER)


def _oldest_first(keys: tuple[str, ...]) -> list[bytes]:
    """As the library wants them: it signs with the last."""
    return list(reversed(derived_keys(keys, LINKS)))
