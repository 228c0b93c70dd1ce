"""Logging in as a user: phone, code, and the token into a file that only we can read.

Used by `relay team login`; the steps are functions, so that the command only asks and prints.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from bridges.team.client import TeamClient
from bridges.team.phone import DEFAULT_CODE, default_code, normalise_phone
from bridges.team.shapes import Login, SmsLogin
from relay.errors import RelayError, RemoteError

DEVICE_NAME = "Webhook relay"
CODE_REMEDY = "Ask for a new code and enter it before it expires."
QR_REMEDY = "Show a new QR code and scan it within a minute; each is good once."


async def request_code(client: TeamClient, phone: str) -> SmsLogin:
    """Have a code sent. Raises BadPhone for what cannot be a phone, RemoteError for the server's "no"."""
    try:
        code = default_code(await client.countries())
    except RelayError:  # the list only completes a missing country code; logging in must not hang on it
        code = DEFAULT_CODE
    return await client.sms_login(normalise_phone(phone, code))


async def finish_login(client: TeamClient, phone: str, code: str, *, device_id: str = "") -> Login:
    """Code for token. `phone` is the one `request_code` answered. Raises RemoteError with a remedy for a wrong code."""
    digits = "".join(code.split())
    try:
        return await client.sms_auth(
            phone, digits, device_id=device_id or _device_id(), name=DEVICE_NAME, type="android"
        )
    except RemoteError as e:
        raise RemoteError(e.code, e.words, status=e.status, remedy=CODE_REMEDY) from None


async def finish_qr_login(client: TeamClient, temp_token: str, *, device_id: str = "") -> Login:
    """A QR code's token for a token of ours. Raises RemoteError with a remedy for an expired or used code."""
    try:
        return await client.qr_auth(temp_token, device_id=device_id or _device_id(), name=DEVICE_NAME, type="android")
    except RemoteError as e:
        raise RemoteError(e.code, e.words, status=e.status, remedy=QR_REMEDY) from None


def _device_id() -> str:
    """A device id of its own for every login: the same one on two machines could end the other's session."""
    return f"relay-{secrets.token_hex(8)}"
