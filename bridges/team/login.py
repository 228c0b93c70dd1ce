"""Logging in as a user: phone, code, and the token into a file that only we can read.

Used by `relay team login`; the steps are functions, so that the command only asks and prints.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from bridges.team.client import TeamClient
from bridges.team.phone import DEFAULT_CODE, default_code, normalise_phone
from bridges.team.settings import TeamSettings
from bridges.team.shapes import Login, Me, QrLogin, SmsLogin
from relay.contract.errors import RelayError, RemoteError

DEVICE_NAME = "Webhook relay"
LISTED = 20  # teams or groups shown at most
CODE_REMEDY = "Ask for a new code and enter it before it expires."
QR_REMEDY = "Show a new QR code and scan it within a minute; each is good once."


async def normal_phone(client: TeamClient, written: str) -> str:
    """The phone as the server writes it, completed by the server's own list of countries. Raises BadPhone."""
    try:
        code = default_code(await client.countries())
    except RelayError:  # the list only completes a missing country code; logging in must not hang on it
        code = DEFAULT_CODE
    return normalise_phone(written, code)


async def request_code(client: TeamClient, phone: str) -> SmsLogin:
    """Have a code sent. Raises BadPhone for what cannot be a phone, RemoteError for the server's "no"."""
    return await client.sms_login(await normal_phone(client, phone))


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


def temp_token_of(text: str, url: str) -> str:
    """The token in what a QR code says, `otv://qr-login/{server}/{temp_token}`, or the token itself.

    Raises RelayError for a code of another server: its token would be shown to ours for nothing.
    """
    written = text.strip()
    if "://" not in written:
        return written
    shown = QrLogin(url=written)
    ours = urlsplit(url).netloc
    if not written.startswith("otv://qr-login/") or not shown.temp_token:
        raise RelayError("This is no QR code for logging in; it begins with otv://qr-login/.")
    if shown.server.lower() != ours.lower():
        raise RelayError(f"This QR code is of the server {shown.server}, and `url` in config.yaml names {ours}.")
    return shown.temp_token


async def hints_of(client: TeamClient, settings: TeamSettings, me: Me) -> tuple[str, ...]:
    """What config.yaml could name now, as sentences: the teams of whoever logged in, and the groups where known."""
    hints = []
    if settings.token is not None and settings.token_file is None:
        hints.append("`token` in config.yaml goes before any file: remove it there.")
    teams = [team for team in me.teams if not team.is_archive]
    if settings.team is None or all(team.uid.lower() != settings.team.lower() for team in teams):
        if settings.team is not None:
            hints.append(f"`team` {settings.team} is none of this user's teams.")
        if not teams:
            hints.append("This user is in no team yet: have them invited, or join with an invitation.")
        hints += [f"`team: {team.uid}` is {team.name or 'a team without a name'}." for team in teams[:LISTED]]
        return tuple(hints)
    if settings.group is None and settings.to is None:
        try:
            groups = await client.groups(settings.team)
        except RelayError:  # v3 documents no list of groups
            groups = []
        hints += [f"`group: {group.jid}` is {group.display_name}." for group in groups[:LISTED]]
    return tuple(hints)


def _device_id() -> str:
    """A device id of its own for every login: the same one on two machines could end the other's session."""
    return f"relay-{secrets.token_hex(8)}"
