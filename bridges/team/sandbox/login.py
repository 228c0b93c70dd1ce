"""Logging in by SMS and QR code, oneself, devices and address books (Team API v3)."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from bridges.sandbox_kit import json_response
from bridges.team.phone import BadPhone, normalise_phone
from bridges.team.sandbox.answers import COOKIE, No, flag_of, read_object, text_of
from bridges.team.sandbox.group import GroupChat
from bridges.team.sandbox.pictures import qr_png
from bridges.team.sandbox.server import TeamServer
from bridges.team.sandbox.shapes import device_json, me_json
from bridges.team.sandbox.world import QR_VALID_S, SMS_CODE_DIGITS, Device, User, stamp

UI_SETTINGS_BYTES = 16_000  # Team API v3, PUT ui-settings
DEVICES_PER_USER = 100
CONTACTS_PER_BOOK = 5000
DEVICE_TYPES = ("android", "ios", "web", "safari")
_TEMP_TOKEN = re.compile(r"[A-Za-z0-9_\-]{1,64}")

AsUser = Callable[[web.Request, User], Awaitable[Any]]


class LoginMethods:
    def __init__(self, server: TeamServer, group: GroupChat) -> None:
        self.server = server
        self.group = group
        self.world = server.world
        for version in ("/api/v3/sms-login", "/api/v4/auth/sms/send-code"):  # v4: FACTS 1.1
            server.route("POST", version, self.sms_login)
        for version in ("/api/v3/sms-auth", "/api/v4/auth/sms/get-token"):
            server.route("POST", version, self.sms_auth)
        server.route("POST", "/api/v3/sms-cookieauth", self.sms_cookieauth)
        server.route("GET", "/api/v3/qr-login.png", self.as_user(self.qr_login))
        server.route("POST", "/api/v3/qr-auth", self.qr_auth)
        for method in ("POST", "GET"):
            server.route(method, "/api/v3/cookieauth-logout", self.cookieauth_logout)
        for method, path, handler in (
            ("GET", "/me", self.me),
            ("GET", "/ui-settings", self.get_ui_settings),
            ("PUT", "/ui-settings", self.put_ui_settings),
            ("POST", "/devices", self.post_device),
            ("GET", "/devices", self.get_devices),
            ("GET", "/devices/{device_id}", self.get_device),
            ("PUT", "/devices/{device_id}", self.put_device),
            ("DELETE", "/devices/{device_id}", self.delete_device),
            ("GET", "/devices/{device_id}/address-book", self.get_address_book),
            ("PUT", "/devices/{device_id}/address-book", self.put_address_book),
        ):
            server.route(method, f"/api/v3{path}", self.as_user(handler))
        server.kit.app.router.add_get("/_sandbox/qr/{token}.png", self.qr_picture)

    def as_user(self, handler: AsUser) -> Callable[[web.Request], Awaitable[Any]]:
        async def call(request: web.Request) -> Any:
            return await handler(request, self.server.user_of(request))

        return call

    # SMS

    async def sms_login(self, request: web.Request) -> Any:
        phone = phone_of(await read_object(request))
        code = self.world.new_sms(phone)
        self.group.set_up_changed()
        return {"code_length": SMS_CODE_DIGITS, "code_valid_until": stamp(code.until), "phone": phone}

    async def sms_auth(self, request: web.Request) -> Any:
        body = await read_object(request)
        user = self._by_code(body)
        device_id = text_of(body, "device_id", limit=200)
        if device_id:
            save_device(user, device_id, body)
        token = self.world.new_token(user, device_id)
        return {"me": me_json(self.world, self.server.base_url, user), "token": token}

    async def sms_cookieauth(self, request: web.Request) -> Any:
        user = self._by_code(await read_object(request))
        response = json_response(
            {"_time": "1 ms", "ok": True, "result": {"me": me_json(self.world, self.server.base_url, user)}}
        )
        response.set_cookie(COOKIE, self.world.new_cookie(user), httponly=True, samesite="Lax")
        return response

    def _by_code(self, body: dict[str, Any]) -> User:
        """The user whose code this is. A code is good once, for five minutes and five tries."""
        phone = phone_of(body)
        given = text_of(body, "code", required=True, limit=20)
        code = self.world.sms.get(phone)
        if code is None or code.until <= self.world.now() or code.tries_left <= 0:
            raise No("INVALID_DATA", "The code has expired; ask for a new one.", details={"code": "expired"})
        code.tries_left -= 1
        if not hmac.compare_digest(given.encode(), code.code.encode()):
            raise No("INVALID_DATA", "The code is wrong.", details={"code": "wrong code"})
        del self.world.sms[phone]
        user = self.world.user(phone)
        self.group.set_up_changed()
        return user

    # QR

    async def qr_login(self, request: web.Request, user: User) -> Any:
        """A code with which another device becomes this user. `debug` gives its text, `value` its token."""
        value = request.query.get("value", "")
        if value and not _TEMP_TOKEN.fullmatch(value):
            raise No("INVALID_DATA", "value has strange characters.", details={"value": "bad value"})
        code = self.world.new_qr(user, value)
        self.group.set_up_changed()
        url = self._qr_url(code.token)
        if request.query.get("debug"):
            return {"lifetime_sec": int(QR_VALID_S), "url": url}
        return web.Response(body=qr_png(url), content_type="image/png", headers={"Cache-Control": "no-store"})

    def _qr_url(self, token: str) -> str:
        return f"otv://qr-login/{quote(urlsplit(self.server.base_url).netloc, safe='')}/{token}"

    async def qr_picture(self, request: web.Request) -> web.Response:
        """The picture for the sandbox's page."""
        code = self.world.qr.get(request.match_info["token"])
        if code is None or code.until <= self.world.now():
            raise web.HTTPNotFound(text="This code has expired or was used.")
        return web.Response(body=qr_png(self._qr_url(code.token)), content_type="image/png")

    async def qr_auth(self, request: web.Request) -> Any:
        body = await read_object(request)
        given = text_of(body, "temp_token", required=True, limit=100)
        code = self.world.qr.pop(given, None)  # good once
        if code is None or code.until <= self.world.now():
            raise No(
                "INVALID_DATA",
                "The QR code has expired or was used; show a new one.",
                details={"temp_token": "expired or used"},
            )
        device_id = text_of(body, "device_id", limit=200)
        if device_id:
            save_device(code.user, device_id, body)
        self.group.set_up_changed()
        return {
            "me": me_json(self.world, self.server.base_url, code.user),
            "token": self.world.new_token(code.user, device_id),
        }

    async def cookieauth_logout(self, request: web.Request) -> Any:
        self.world.cookies.pop(request.cookies.get(COOKIE, ""), None)
        response = json_response({"_time": "0.1 ms", "ok": True, "result": {"location": "/"}})
        response.del_cookie(COOKIE)
        return response

    # oneself

    async def me(self, _: web.Request, user: User) -> Any:
        return me_json(self.world, self.server.base_url, user)

    async def get_ui_settings(self, _: web.Request, user: User) -> Any:
        return user.ui_settings

    async def put_ui_settings(self, request: web.Request, user: User) -> Any:
        settings = await read_object(request)
        size = len(json.dumps(settings, ensure_ascii=False).encode("utf-8", "replace"))
        if size > UI_SETTINGS_BYTES:
            raise No("INVALID_DATA", f"At most {UI_SETTINGS_BYTES} bytes, found {size}.", details={"": "too large"})
        user.ui_settings = settings
        return settings

    # devices

    async def post_device(self, request: web.Request, user: User) -> Any:
        body = await read_object(request)
        return device_json(save_device(user, text_of(body, "device_id", required=True, limit=200), body))

    async def get_devices(self, _: web.Request, user: User) -> Any:
        return [device_json(device) for device in user.devices.values()]

    async def get_device(self, request: web.Request, user: User) -> Any:
        return device_json(device_of(request, user))

    async def put_device(self, request: web.Request, user: User) -> Any:
        device = device_of(request, user)
        return device_json(save_device(user, device.device_id, await read_object(request), keep=True))

    async def delete_device(self, request: web.Request, user: User) -> Any:
        """Its tokens end with it."""
        device = device_of(request, user)
        del user.devices[device.device_id]
        ended = [
            token
            for token, (owner, device_id) in self.world.tokens.items()
            if owner is user and device_id == device.device_id
        ]
        for token in ended:
            del self.world.tokens[token]

    async def get_address_book(self, request: web.Request, user: User) -> Any:
        return device_of(request, user).address_book

    async def put_address_book(self, request: web.Request, user: User) -> Any:
        device = device_of(request, user)
        contacts = (await read_object(request)).get("contacts")
        if (
            not isinstance(contacts, list)
            or len(contacts) > CONTACTS_PER_BOOK
            or not all(isinstance(one, dict) for one in contacts)
        ):
            raise No("INVALID_DATA", "contacts must be a list of objects.", details={"contacts": "bad value"})
        device.address_book = [self._with_account(contact) for contact in contacts]
        return {"contacts": device.address_book}

    def _with_account(self, contact: dict[str, Any]) -> dict[str, Any]:
        phones = contact.get("phones")
        for written in phones if isinstance(phones, list) else []:
            try:
                user = self.world.users.get(normalise_phone(str(written)))
            except BadPhone:
                continue
            if user is not None:
                account = {"family_name": user.family_name, "given_name": user.given_name, "phone": user.phone}
                return {"account": account, **{k: v for k, v in contact.items() if k != "account"}}
        return {k: v for k, v in contact.items() if k != "account"}


def phone_of(body: dict[str, Any]) -> str:
    """The field `phone`, normalised. Raises No."""
    try:
        return normalise_phone(text_of(body, "phone", required=True, limit=60))
    except BadPhone as e:
        raise No("INVALID_DATA", str(e), details={"phone": str(e)}) from None


def device_of(request: web.Request, user: User) -> Device:
    device = user.devices.get(request.match_info["device_id"])
    if device is None:
        raise No("NOT_FOUND", "There is no such device.")
    return device


def save_device(user: User, device_id: str, body: dict[str, Any], *, keep: bool = False) -> Device:
    """Make or change a device. `keep`: fields that are not named stay as they are. Raises No."""
    before = user.devices.get(device_id)
    base = before if keep and before is not None else Device(device_id)
    kind = text_of(body, "type", limit=20) or base.type
    if kind and kind not in DEVICE_TYPES:
        raise No("INVALID_DATA", f"type must be one of {', '.join(DEVICE_TYPES)}.", details={"type": "unknown"})
    texts = {
        name: text_of(body, name, limit=4000) if name in body else getattr(base, name)
        for name in ("name", "notification_token", "voip_notification_token")
    }
    device = Device(
        device_id,
        kind,
        **texts,
        allowed_notifications=flag_of(body, "allowed_notifications", base.allowed_notifications),
        data_pushes=flag_of(body, "data_pushes", base.data_pushes),
        address_book=before.address_book if before is not None else [],
    )
    if before is None and len(user.devices) >= DEVICES_PER_USER:
        user.devices.popitem(last=False)
    user.devices[device_id] = device
    return device
