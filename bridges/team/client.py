"""Team API v3, every documented method, typed.

`*_request` functions are pure and describe one request; `TeamClient` sends them through the core's `Http` and reads the
answers. A "no" of the server is a `RemoteError` that says what to do where that is known. Tokens, cookies and keys go
in headers or bodies only, never in `safe_url`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from msgspec.structs import replace
from pydantic import TypeAdapter, ValidationError

from bridges.team.envelope import foreign_words, read_envelope, result_of
from bridges.team.shapes import (
    AddressBook,
    BookContact,
    ChatMessage,
    Country,
    Device,
    Features,
    Group,
    Icons,
    Integration,
    Integrations,
    Invitation,
    Login,
    Me,
    QrLogin,
    SmsLogin,
    Team,
    Usage,
)
from relay.contract import Http
from relay.contract.errors import RemoteError
from relay.contract.model import OutboundRequest, RawResponse
from relay.contract.responses import json_value

T = TypeVar("T")

API = "/api/v3"
MESSAGE_UPDATED = "client.message.updated"  # FACTS 1.4
UI_SETTINGS_BYTES = 16_000  # Team API v3, PUT ui-settings
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server, and as whom we speak to it: by token, by cookie, or as nobody."""

    url: str  # no trailing slash
    token: str = ""
    cookie: str = ""

    def __repr__(self) -> str:
        return f"Target(url={self.url!r})"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """FACTS 1.1: the header is `token`, without "Bearer"."""
        by_token = (("token", self.token),) if self.token else ()
        by_cookie = (("Cookie", self.cookie),) if self.cookie else ()
        return by_token + by_cookie


FEW, FEW_KINDS = 80, 20
_PERCENT = ord("%")
_BYTES = tuple(bytes((b,)) for b in range(256))
_ESCAPED = tuple(b"%%%02X" % b for b in range(256))
_SAFE = string.ascii_letters.encode() + string.digits.encode() + b"_.~- "
_UNSAFE = re.compile(b"[^%b]+" % re.escape(_SAFE))


def form_value(text: str) -> bytes:
    """A value of an urlencoded form. By hand, because it is part of every message's cost: a few kinds of bytes are
    replaced one kind after the other, of many a run at a time."""
    raw = text.encode("utf-8", "replace")
    unsafe = raw.translate(None, _SAFE)
    if len(unsafe) > FEW or len(kinds := set(unsafe)) > FEW_KINDS:
        raw = _UNSAFE.sub(_escape, raw)
    else:
        if _PERCENT in kinds:  # before all that is escaped by it
            raw = raw.replace(b"%", b"%25")
            kinds.remove(_PERCENT)
        for kind in kinds:
            raw = raw.replace(_BYTES[kind], _ESCAPED[kind])
    return raw.replace(b" ", b"+")


def _escape(run: re.Match[bytes]) -> bytes:
    return _escaped(run[0])


@lru_cache(maxsize=4096)  # the same words come again and again
def _escaped(run: bytes) -> bytes:
    return b"%" + run.hex("%").upper().encode()


# --- requests ------------------------------------------------------------------------------------------------------


def message_request(url: str, *, key: str, message: str | None, message_id: str = "") -> OutboundRequest:
    """POST /api/message as the integration of `key`. `message_id` is sent only where given (FACTS 1.8).

    `message=None` leaves the field out, which posts nothing and so tries the key.
    """
    body = b"key=" + form_value(key)
    if message is not None:
        body += b"&message=" + form_value(message)
    if message_id:
        body += b"&message_id=" + form_value(message_id)
    address = f"{url}/api/message"
    return OutboundRequest(
        method="POST",
        url=address,
        safe_url=address,
        headers=(("Accept", _JSON),),
        body=body,
        content_type=_FORM,
        echo=message or "",
    )


def api_request(
    target: Target, method: str, *path: str, json_body: Any = None, query: Mapping[str, str] | None = None
) -> OutboundRequest:
    """A request to /api/v3/<path>, each piece of `path` quoted. `json_body=None` sends no body."""
    address = f"{target.url}{API}/" + "/".join(_quoted(piece) for piece in path)
    return OutboundRequest(
        method=method,
        url=f"{address}?{urlencode(query)}" if query else address,
        safe_url=address,
        headers=(("Accept", _JSON), *target.headers),
        body=b"" if json_body is None else json.dumps(json_body, ensure_ascii=False).encode("utf-8", "replace"),
        content_type="" if json_body is None else _JSON,
    )


def _quoted(piece: str) -> str:
    """One piece of a path, which can name nothing outside its place."""
    return piece.replace(".", "%2E") if piece in (".", "..") else quote(piece, safe="")


def ws_request(target: Target, team_uid: str, event: str, params: Mapping[str, Any]) -> OutboundRequest:
    """POST /api/v3/teams/{team_uid}/ws/{client_event_name}: the event's params are the body."""
    return api_request(target, "POST", "teams", team_uid, "ws", event, json_body=dict(params))


def updated_request(target: Target, team_uid: str, *, to: str, text: str, message_id: str = "") -> OutboundRequest:
    """A new message as the token's user. Our own `message_id` makes a retry the same message (FACTS 1.3)."""
    params: dict[str, Any] = {"content": {"text": text, "type": "plain"}, "to": to}
    if message_id:
        params["message_id"] = message_id
    return replace(ws_request(target, team_uid, MESSAGE_UPDATED, params), echo=text)


def icon_request(target: Target, team_uid: str, image: bytes, filename: str, mime: str) -> OutboundRequest:
    """POST /api/v3/teams/{team_uid}/icons: multipart, the picture in the field `file`."""
    boundary = "icon" + hashlib.sha256(image).hexdigest()[:32]
    name = "".join(c for c in filename if c.isalnum() or c in "._-") or "icon"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {mime}\r\n\r\n"
    )
    return replace(
        api_request(target, "POST", "teams", team_uid, "icons"),
        body=head.encode() + image + f"\r\n--{boundary}--\r\n".encode(),
        content_type=f"multipart/form-data; boundary={boundary}",
    )


# --- the client ----------------------------------------------------------------------------------------------------


class TeamClient:
    """Every method of the document. Raises RemoteError for the server's "no" and SendError where no answer came."""

    def __init__(self, http: Http, target: Target) -> None:
        self._http = http
        self.target = target

    def logged_in(self, login: Login) -> TeamClient:
        """The same server, spoken to as whoever just logged in."""
        return TeamClient(self._http, dataclasses.replace(self.target, token=login.token, cookie=login.cookie))

    async def _call(
        self, as_: type[T] | Any, method: str, *path: str, json_body: Any = None, query: Mapping[str, str] | None = None
    ) -> T:
        response = await self._http(api_request(self.target, method, *path, json_body=json_body, query=query))
        result: T = read_as(as_, result_of(response), response)
        return result

    # ping, time, countries

    async def ping(self, *, delay_sec: int = 0, error: bool = False) -> str:
        """GET /api/v3/ping -> "pong". `delay_sec` and `error` make the server late or fail, for tests of ours."""
        query = {name: value for name, value in (("delay_sec", str(delay_sec or "")), ("error", "1" * error)) if value}
        return await self._call(str, "GET", "ping", query=query)

    async def post_ping(self) -> str:
        """POST /api/v3/ping -> "pong"."""
        return await self._call(str, "POST", "ping", json_body={})

    async def time(self) -> datetime:
        """GET /api/v3/time: the server's clock, UTC."""
        return await self._call(datetime, "GET", "time")

    async def countries(self) -> list[Country]:
        """GET /api/v3/countries."""
        return await self._call(list[Country], "GET", "countries")

    # logging in and out

    async def sms_login(self, phone: str) -> SmsLogin:
        """POST /api/v3/sms-login: have a code sent. The phone may be written in any way."""
        return await self._call(SmsLogin, "POST", "sms-login", json_body={"phone": phone})

    async def sms_auth(self, phone: str, code: str, *, device_id: str, name: str, type: str = "android") -> Login:
        """POST /api/v3/sms-auth: code for token. `type` is ios or android."""
        body = {"phone": phone, "code": code, "type": type, "device_id": device_id, "name": name}
        return await self._call(Login, "POST", "sms-auth", json_body=body)

    async def sms_cookieauth(self, phone: str, code: str) -> Login:
        """POST /api/v3/sms-cookieauth: code for cookie, without a device."""
        request = api_request(self.target, "POST", "sms-cookieauth", json_body={"phone": phone, "code": code})
        response = await self._http(request)
        login: Login = read_as(Login, result_of(response), response)
        return login.model_copy(update={"cookie": cookie_of(response)})

    async def qr_login(self, *, value: str = "") -> QrLogin:
        """GET /api/v3/qr-login.png?debug=True: what the picture says, as data. `value` asks for a certain token."""
        query = {"debug": "True"} | ({"value": value} if value else {})
        return await self._call(QrLogin, "GET", "qr-login.png", query=query)

    async def qr_login_png(self, *, value: str = "") -> bytes:
        """GET /api/v3/qr-login.png: the picture itself."""
        query = {"value": value} if value else None
        return png_of(await self._http(api_request(self.target, "GET", "qr-login.png", query=query)))

    async def qr_auth(self, temp_token: str, *, device_id: str, name: str, type: str = "android") -> Login:
        """POST /api/v3/qr-auth: a scanned code for a token."""
        body = {"temp_token": temp_token, "type": type, "device_id": device_id, "name": name}
        return await self._call(Login, "POST", "qr-auth", json_body=body)

    async def cookieauth_logout(self, *, method: str = "POST") -> str:
        """POST or GET /api/v3/cookieauth-logout -> where a browser should go."""
        body: dict[str, str] | None = {} if method == "POST" else None
        found: dict[str, str] = await self._call(dict[str, str], method, "cookieauth-logout", json_body=body)
        return found.get("location", "/")

    # oneself

    async def me(self) -> Me:
        """GET /api/v3/me."""
        return await self._call(Me, "GET", "me")

    async def ui_settings(self) -> dict[str, Any]:
        """GET /api/v3/ui-settings: any JSON object the client keeps there."""
        return await self._call(dict[str, Any], "GET", "ui-settings")

    async def put_ui_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """PUT /api/v3/ui-settings, at most 16,000 bytes."""
        size = len(json.dumps(dict(settings), ensure_ascii=False).encode("utf-8", "replace"))
        if size > UI_SETTINGS_BYTES:
            raise RemoteError("too_large", f"The settings have {size} bytes; the server takes {UI_SETTINGS_BYTES}.")
        return await self._call(dict[str, Any], "PUT", "ui-settings", json_body=dict(settings))

    async def save_device(self, device: Device) -> Device:
        """POST /api/v3/devices: makes the device, or writes all fields of the one with this device_id."""
        return await self._call(Device, "POST", "devices", json_body=device.model_dump())

    async def devices(self) -> list[Device]:
        """GET /api/v3/devices."""
        return await self._call(list[Device], "GET", "devices")

    async def device(self, device_id: str) -> Device:
        """GET /api/v3/devices/{device_id}."""
        return await self._call(Device, "GET", "devices", device_id)

    async def change_device(self, device_id: str, **changes: str | bool) -> Device:
        """PUT /api/v3/devices/{device_id}: the named fields only."""
        return await self._call(Device, "PUT", "devices", device_id, json_body=changes)

    async def delete_device(self, device_id: str) -> None:
        """DELETE /api/v3/devices/{device_id}."""
        await self._call(Any, "DELETE", "devices", device_id)

    async def address_book(self, device_id: str) -> list[BookContact]:
        """GET /api/v3/devices/{device_id}/address-book."""
        return await self._call(list[BookContact], "GET", "devices", device_id, "address-book")

    async def put_address_book(self, device_id: str, contacts: Sequence[Mapping[str, Any]]) -> list[BookContact]:
        """PUT /api/v3/devices/{device_id}/address-book: entries whose phone has an account come back with it."""
        body = {"contacts": [dict(contact) for contact in contacts]}
        book: AddressBook = await self._call(AddressBook, "PUT", "devices", device_id, "address-book", json_body=body)
        return list(book.contacts)

    # teams

    async def create_team(self, name: str, contacts: Sequence[Mapping[str, str]] = ()) -> Team:
        """POST /api/v3/teams. Of a contact only `phone` is needed; `given_name`, `role`, `status` may be given."""
        body = {"name": name, "contacts": [dict(contact) for contact in contacts]}
        return await self._call(Team, "POST", "teams", json_body=body)

    async def teams(self) -> list[Team]:
        """GET /api/v3/teams."""
        return await self._call(list[Team], "GET", "teams")

    async def team(self, team_uid: str) -> Team:
        """GET /api/v3/teams/{team_uid}."""
        return await self._call(Team, "GET", "teams", team_uid)

    async def change_team(self, team_uid: str, *, name: str) -> Team:
        """PUT /api/v3/teams/{team_uid}."""
        return await self._call(Team, "PUT", "teams", team_uid, json_body={"name": name})

    async def delete_team(self, team_uid: str) -> Team:
        """DELETE /api/v3/teams/{team_uid}: it stays, as an archive."""
        return await self._call(Team, "DELETE", "teams", team_uid)

    async def usage(self, team_uid: str) -> Usage:
        """GET /api/v3/teams/{team_uid}/usage."""
        return await self._call(Usage, "GET", "teams", team_uid, "usage")

    async def set_icon(
        self, team_uid: str, image: bytes, *, filename: str = "icon.png", mime: str = "image/png"
    ) -> Icons:
        """POST /api/v3/teams/{team_uid}/icons: the server makes the sizes it needs."""
        response = await self._http(icon_request(self.target, team_uid, image, filename, mime))
        icons: Icons = read_as(Icons, result_of(response), response)
        return icons

    async def delete_icon(self, team_uid: str) -> Icons:
        """DELETE /api/v3/teams/{team_uid}/icons."""
        return await self._call(Icons, "DELETE", "teams", team_uid, "icons")

    # integrations

    async def create_integration(
        self,
        team_uid: str,
        *,
        group: str,
        comment: str = "",
        webhook_url: str = "",
        kind: str = "raw",
        enabled: bool = True,
    ) -> Integration:
        """POST /api/v3/teams/{team_uid}/integrations. The server makes the key."""
        body = {"comment": comment, "enabled": enabled, "group": group, "kind": kind}
        if webhook_url:
            body["webhook_url"] = webhook_url
        return await self._call(Integration, "POST", "teams", team_uid, "integrations", json_body=body)

    async def integrations(self, team_uid: str) -> Integrations:
        """GET /api/v3/teams/{team_uid}/integrations: those there are, and the kinds that could be made."""
        return await self._call(Integrations, "GET", "teams", team_uid, "integrations")

    async def integration(self, team_uid: str, uid: str) -> Integration:
        """GET /api/v3/teams/{team_uid}/integrations/{integration_uid}."""
        return await self._call(Integration, "GET", "teams", team_uid, "integrations", uid)

    async def change_integration(self, team_uid: str, uid: str, **changes: str | bool) -> Integration:
        """PUT /api/v3/teams/{team_uid}/integrations/{integration_uid}: comment, group, webhook_url, enabled."""
        return await self._call(Integration, "PUT", "teams", team_uid, "integrations", uid, json_body=changes)

    async def delete_integration(self, team_uid: str, uid: str) -> None:
        """DELETE /api/v3/teams/{team_uid}/integrations/{integration_uid}."""
        await self._call(Any, "DELETE", "teams", team_uid, "integrations", uid)

    # invitations

    async def create_invitation(self, team_uid: str) -> Invitation:
        """POST /api/v3/teams/{team_uid}/invitations."""
        return await self._call(Invitation, "POST", "teams", team_uid, "invitations", json_body={})

    async def invitations(self, team_uid: str) -> list[Invitation]:
        """GET /api/v3/teams/{team_uid}/invitations."""
        return await self._call(list[Invitation], "GET", "teams", team_uid, "invitations")

    async def invitation(self, team_uid: str, uid: str) -> Invitation:
        """GET /api/v3/teams/{team_uid}/invitations/{invitation_uid}."""
        return await self._call(Invitation, "GET", "teams", team_uid, "invitations", uid)

    async def invitation_png(self, team_uid: str, invitation: Invitation) -> bytes:
        """The QR picture that the invitation's `qr` names: otv://qr-join/{host}/{token}."""
        request = api_request(self.target, "GET", "teams", team_uid, "invitations", f"{invitation.token}.png")
        return png_of(await self._http(replace(request, safe_url=request.safe_url.rpartition("/")[0] + "/…png")))

    async def delete_invitation(self, team_uid: str, uid: str) -> None:
        """DELETE /api/v3/teams/{team_uid}/invitations/{invitation_uid}."""
        await self._call(Any, "DELETE", "teams", team_uid, "invitations", uid)

    async def join(self, token: str) -> Team:
        """POST /api/v3/teams/join: become a member by an invitation's token."""
        return await self._call(Team, "POST", "teams", "join", json_body={"token": token})

    # messages

    async def ws(self, team_uid: str, event: str, params: Mapping[str, Any]) -> Any:
        """POST /api/v3/teams/{team_uid}/ws/{client_event_name} with any event."""
        return result_of(await self._http(ws_request(self.target, team_uid, event, params)))

    async def post(self, team_uid: str, *, to: str, text: str, message_id: str = "") -> ChatMessage:
        """A message as this user: the event `client.message.updated`."""
        response = await self._http(updated_request(self.target, team_uid, to=to, text=text, message_id=message_id))
        message: ChatMessage = read_as(ChatMessage, result_of(response), response)
        return message

    # beside the document

    async def groups(self, team_uid: str) -> list[Group]:
        """GET /api/v4/teams/{team_uid}/groups: v3 documents no such list, newer servers have it (FACTS 1.6)."""
        address = f"{self.target.url}/api/v4/teams/{quote(team_uid, safe='')}/groups"
        request = replace(api_request(self.target, "GET"), url=address, safe_url=address)
        response = await self._http(request)
        groups: list[Group] = read_as(list[Group], result_of(response), response)
        return groups

    async def features(self) -> Features:
        """GET /features.json: the server's limits (FACTS 1.5)."""
        address = f"{self.target.url}/features.json"
        response = await self._http(replace(api_request(self.target, "GET"), url=address, safe_url=address, headers=()))
        features: Features = read_as(Features, json_value(response), response)
        return features

    # the integration

    async def message(self, key: str, message: str, *, message_id: str = "") -> None:
        """POST /api/message as the integration of `key`."""
        result_of(await self._http(message_request(self.target.url, key=key, message=message, message_id=message_id)))


def read_as(as_: Any, result: Any, response: RawResponse) -> Any:
    """A result in its documented shape. Raises RemoteError where it has another."""
    try:
        return TypeAdapter(as_).validate_python(result)
    except ValidationError as e:
        first = e.errors(include_input=False, include_url=False)[0]
        at = ".".join(str(piece) for piece in first["loc"]) or "result"
        raise RemoteError(
            "unreadable", f"The answer does not look as documented: {at}: {first['msg']}", status=response.status
        ) from None


def cookie_of(response: RawResponse) -> str:
    """All Set-Cookie headers as one Cookie header's value; "" where there is none."""
    jar: SimpleCookie = SimpleCookie()
    for name, value in response.headers:
        if name == "set-cookie":
            try:
                jar.load(value)
            except CookieError:
                continue
    return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())


def png_of(response: RawResponse) -> bytes:
    """The picture. Raises RemoteError when the answer is none, with the server's words if it gave some."""
    if response.body.startswith(b"\x89PNG"):
        return response.body
    if read_envelope(response).ok is False:
        result_of(response)
    raise RemoteError("not_their_answer", foreign_words(response), status=response.status)
