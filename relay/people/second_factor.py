"""The second factor: codes of an authenticator app (TOTP), and recovery codes for whoever lost it.

The app's secret must be readable to check a code, so it is sealed with a key derived from `secret_key`: the database
alone does not give it away. Sealed means encrypted with a key stream of HMAC-SHA256 in counter mode and authenticated
with another HMAC: the standard library has no cipher, and twenty bytes need no more than this.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final

import pyotp

STEP_S: Final = 30
WINDOW: Final = 1  # steps to either side that are taken: clocks differ, and people type slowly
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is mistaken for something else


class Unsealable(Exception):
    """The secret was sealed with a key that is no longer in `secret_key`, or was changed."""


def new_secret() -> str:
    """A new shared secret, base32."""
    return pyotp.random_base32()


def address(secret: str, user: str, issuer: str) -> str:
    """The otpauth:// address that an app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=user, issuer_name=issuer)


def qr_svg(text: str) -> str:
    """A QR code as SVG, without any style or script."""
    import qrcode  # noqa: PLC0415 - only whoever sets up a second factor needs it
    from qrcode.image.svg import SvgPathImage  # noqa: PLC0415

    out = io.BytesIO()
    code = qrcode.QRCode(border=2, image_factory=SvgPathImage)
    code.add_data(text)
    image: Any = code.make_image()
    image.save(out)
    svg = out.getvalue().decode()
    return svg[svg.index("<svg") :]


def matching_step(secret: str, code: str, now: float, last_step: int) -> int | None:
    """The time step whose code this is, if it is within the window and later than the last one used: a code that was
    watched being typed opens nothing a second time."""
    code = "".join(code.split())
    if len(code) != 6 or not code.isascii() or not code.isdigit():
        return None
    totp = pyotp.TOTP(secret)
    current = int(now) // STEP_S
    found = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        if hmac.compare_digest(totp.at(step * STEP_S), code) and step > last_step:
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Ten codes, each good once. Shown once; kept as digests."""
    return [f"{_letters(5)}-{_letters(5)}" for _ in range(RECOVERY_CODES)]


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def recovery_digest(code: str) -> str:
    """What is kept of a recovery code; how it was typed does not matter."""
    plain = "".join(c for c in code.lower() if c.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


# --- sealing ----------------------------------------------------------------------------------------------------------


def seal(keys: Sequence[str], text: str) -> str:
    """Encrypt and authenticate with the first key."""
    nonce = secrets.token_bytes(16)
    cipher, mac = _derived(keys[0])
    body = _stream(cipher, nonce, text.encode())
    tag = hmac.digest(mac, nonce + body, hashlib.sha256)
    return urlsafe_b64encode(nonce + tag + body).decode("ascii")


def unseal(keys: Sequence[str], sealed: str) -> str:
    """What was sealed with any of the keys. Raises Unsealable."""
    raw = urlsafe_b64decode(sealed)
    nonce, tag, body = raw[:16], raw[16:48], raw[48:]
    for key in keys:
        cipher, mac = _derived(key)
        if hmac.compare_digest(tag, hmac.digest(mac, nonce + body, hashlib.sha256)):
            return _stream(cipher, nonce, body).decode()
    raise Unsealable("The second factor was set up with a secret_key that is no longer in config.yaml.")


def _derived(key: str) -> tuple[bytes, bytes]:
    return tuple(hmac.digest(key.encode(), b"relay.second-factor.v1." + use, hashlib.sha256) for use in (b"c", b"m"))  # type: ignore[return-value]


def _stream(key: bytes, nonce: bytes, data: bytes) -> bytes:
    blocks = range((len(data) + 31) // 32)
    stream = b"".join(hmac.digest(key, nonce + i.to_bytes(4, "big"), hashlib.sha256) for i in blocks)
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))
