"""The whole Astrak API v1.0, typed: pure builders of requests, one pure reader of answers, and a client of both.

How the wire differs from the document (FACTS 3): everything is `application/x-www-form-urlencoded`, also where the
document shows JSON; `GET` methods carry their parameters in a form *body*, and we send them in the query as well;
`users/check` is a GET in the document and a POST in the one client there is. Every answer is JSON with an integer
`code`: below 0 it is an error whose text is in `response`.

The token is a JWT with the user's password inside and no expiry: it *is* a password. It appears in no address that is
logged, no error and no repr.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from relay.contract import Http
from relay.contract.errors import RemoteError
from relay.contract.model import OutboundRequest, RawResponse
from relay.contract.responses import bare_address, is_html, json_value, short_words

FORM = "application/x-www-form-urlencoded"
CALLBACK_SET = 10  # "Если все успешно, то мы получаем JSON с полем code: 10"
NOT_JSON = "not_json"  # code of a RemoteError: "server trouble", as the one client calls it
POLL_TIMEOUT_S = 90.0  # the platform named in the document cuts an idle request after about 30 s
LIST_LIMIT = 16 * 1024 * 1024  # bytes of a list of dialogs or messages
PASSWORD_MIN = 8  # "Пароль не может быть короче 8 символов"
USERNAME_MAX = 15  # "Имя пользователя не может быть длиннее 15 символов"

_JWT = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*|eyJ[\w-]{8,}")


# --- requests -------------------------------------------------------------------------------------------------------


def request(
    url: str,
    method: str,
    path: str,
    fields: Mapping[str, str | int],
    *,
    timeout_s: float | None = None,
    max_answer: int | None = None,
) -> OutboundRequest:
    """One form-encoded call. A GET carries its fields in the body and in the query; `safe_url` shows neither."""
    address = f"{url.rstrip('/')}{path}"
    body = urlencode([(k, str(v)) for k, v in fields.items()], encoding="utf-8", errors="replace")
    return OutboundRequest(
        method=method,
        url=f"{address}?{body}" if method == "GET" else address,
        safe_url=bare_address(address),
        body=body.encode(),
        content_type=FORM,
        timeout_s=timeout_s,
        max_answer=max_answer,
    )


def register_request(url: str, username: str, password: str, phone: str) -> OutboundRequest:
    return request(url, "POST", "/users/register", {"username": username, "password": password, "phone": phone})


def confirm_request(url: str, phone: str, code: str) -> OutboundRequest:
    return request(url, "POST", "/users/confirm", {"phone": phone, "code": code})


def login_request(url: str, username: str, password: str) -> OutboundRequest:
    return request(url, "POST", "/users/login", {"username": username, "password": password})


def check_request(url: str, token: str, method: str = "POST") -> OutboundRequest:
    return request(url, method, "/users/check", {"token": token})


def callback_request(url: str, token: str, callback: str) -> OutboundRequest:
    return request(url, "POST", "/events/callback/start", {"token": token, "callback": callback})


def polling_request(url: str, token: str, timeout_s: float = POLL_TIMEOUT_S) -> OutboundRequest:
    return request(url, "POST", "/events/polling", {"token": token}, timeout_s=timeout_s)


def send_request(url: str, token: str, to: str, text: str) -> OutboundRequest:
    return request(url, "POST", "/messages/send", {"token": token, "text": text, "to": to})


def dialogs_request(url: str, token: str) -> OutboundRequest:
    return request(url, "GET", "/messages/dialogs", {"token": token}, max_answer=LIST_LIMIT)


def dialog_request(url: str, token: str, user_id: str) -> OutboundRequest:
    return request(url, "GET", "/messages/dialog", {"token": token, "id": user_id}, max_answer=LIST_LIMIT)


def delete_request(url: str, token: str, message_id: str) -> OutboundRequest:
    return request(url, "POST", "/messages/delete", {"token": token, "message_id": message_id})


# --- answers --------------------------------------------------------------------------------------------------------


def hide(words: str, *secrets: str) -> str:
    """Words of the other side without anything that is, or looks like, a token or a password."""
    for secret in secrets:
        if secret:
            words = words.replace(secret, "…")
    return _JWT.sub("…", words)


def answer_of(response: RawResponse, *secrets: str) -> dict[str, Any]:
    """The JSON object of a success. Raises RemoteError: `not_json` for anything that is not JSON, the negative `code`
    as text with the words of `response` for an error, `http_<status>` for an error status without one."""
    value = json_value(response)
    status = response.status
    if not isinstance(value, dict):
        what = "a web page" if is_html(response) else "no JSON"
        said = hide(short_words(response.body, 120), *secrets)
        raise RemoteError(
            NOT_JSON, f"The messenger answered {what} (HTTP {status})" + (f": {said}" if said else "."), status=status
        )
    code = integer(value.get("code"))
    if code is not None and code < 0:
        said = hide(short_words(value.get("response") or f"error {code}"), *secrets)
        raise RemoteError(str(code), said, status=status)
    if not 200 <= status < 300:  # a redirect is no success either: posts are not sent on to another address
        said = hide(short_words(value.get("response") or value.get("error") or f"HTTP {status}"), *secrets)
        raise RemoteError(f"http_{status}", said, status=status)
    return value


def integer(value: Any) -> int | None:
    """42, "42" and 42.0 are 42; anything else is None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        return int(value)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whom a token belongs to."""

    id: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """One line of `messages/dialogs`; `id` is the other user's."""

    id: int
    username: str = ""
    last_message: str = ""
    time: int = 0  # seconds since 1970
    last_user: int | None = None
    unread_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogMessage:
    """One message of `messages/dialog`."""

    message_id: int
    from_id: int
    to_id: int | None = None
    created_at: int = 0  # seconds since 1970
    text: str = ""
    read: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """`message_id` only where the answer has one: its shape is not documented."""

    code: int
    message_id: str = ""


def message_id_of(value: Mapping[str, Any]) -> str:
    """The id of the message just sent. Only a field of that very name is believed: a wrong id would delete a wrong
    message one day."""
    inner = value.get("response")
    for place in (value, inner if isinstance(inner, dict) else {}):
        found = integer(place.get("message_id"))
        if found is not None:
            return str(found)
    return ""


def _dialog(value: Any) -> Dialog | None:
    if not isinstance(value, dict) or (user_id := integer(value.get("id"))) is None:
        return None
    return Dialog(
        id=user_id,
        username=_text(value.get("username")),
        last_message=_text(value.get("last_message")),
        time=integer(value.get("time")) or 0,
        last_user=integer(value.get("last_user")),
        unread_count=integer(value.get("unread_count")) or 0,
    )


def _dialog_message(value: Any) -> DialogMessage | None:
    if not isinstance(value, dict):
        return None
    message_id, from_id = integer(value.get("message_id")), integer(value.get("from_id"))
    if message_id is None or from_id is None:
        return None
    return DialogMessage(
        message_id=message_id,
        from_id=from_id,
        to_id=integer(value.get("to_id")),
        created_at=integer(value.get("created_at")) or 0,
        text=_text(value.get("text")),
        read=value.get("read") is True,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: Mapping[str, Any]) -> Sequence[Any]:
    found = value.get("response")
    return found if isinstance(found, list) else ()


# --- the client -----------------------------------------------------------------------------------------------------


class AstrakClient:
    """Every documented method. Raises SendError without an answer, RemoteError when the messenger says no."""

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url

    async def register(self, username: str, password: str, phone: str) -> str:
        """Makes an account and gives its token; it must be confirmed by the code that comes by SMS. Raises ValueError
        for what the document forbids."""
        if len(password) < PASSWORD_MIN:
            raise ValueError(f"A password has at least {PASSWORD_MIN} characters.")
        if not 0 < len(username) <= USERNAME_MAX:
            raise ValueError(f"A user name has 1 to {USERNAME_MAX} characters.")
        value = answer_of(await self._http(register_request(self._url, username, password, phone)), password)
        return _text(value.get("token")) or _text(value.get("response"))

    async def confirm(self, phone: str, code: str) -> None:
        """Confirms an account with the code from the SMS."""
        answer_of(await self._http(confirm_request(self._url, phone, code)))

    async def login(self, username: str, password: str) -> Login:
        """The token and the account's own id. A RemoteError with a negative code means that name or password are
        wrong; its `remedy` says so."""
        try:
            value = answer_of(await self._http(login_request(self._url, username, password)), password)
        except RemoteError as e:
            if e.code.startswith("-") or e.status in (401, 403):
                remedy = "check `username` and `password`"
                raise RemoteError(e.code, e.words, status=e.status, remedy=remedy) from None
            raise
        user_id, token = integer(value.get("id")), _text(value.get("token"))
        if user_id is None or not token:
            raise RemoteError("no_token", "The messenger's answer to the login has no token or no id.")
        return Login(id=user_id, token=token)

    async def check(self, token: str) -> None:
        """Raises RemoteError with a negative code when the token is not valid. POST, as the one client does; where the
        server will not have that, GET, as the document says."""
        try:
            answer_of(await self._http(check_request(self._url, token)), token)
        except RemoteError as e:
            if e.code != NOT_JSON and e.status not in (404, 405):
                raise
            answer_of(await self._http(check_request(self._url, token, "GET")), token)

    async def start_callback(self, token: str, callback: str) -> int:
        """Events go to that address from now on; the answer's code, which should be 10."""
        value = answer_of(await self._http(callback_request(self._url, token, callback)), token)
        return integer(value.get("code")) or 0

    async def poll(self, token: str, timeout_s: float = POLL_TIMEOUT_S) -> dict[str, Any]:
        """Waits for the next event and gives it as it came. An idle server answers a page instead, after about half a
        minute: RemoteError `not_json`."""
        return answer_of(await self._http(polling_request(self._url, token, timeout_s)), token)

    async def send(self, token: str, to: str, text: str) -> Sent:
        value = answer_of(await self._http(send_request(self._url, token, to, text)), token)
        return Sent(code=integer(value.get("code")) or 0, message_id=message_id_of(value))

    async def dialogs(self, token: str) -> list[Dialog]:
        value = answer_of(await self._http(dialogs_request(self._url, token)), token)
        return [d for item in _listed(value) if (d := _dialog(item)) is not None]

    async def dialog(self, token: str, user_id: str) -> list[DialogMessage]:
        value = answer_of(await self._http(dialog_request(self._url, token, user_id)), token)
        return [m for item in _listed(value) if (m := _dialog_message(item)) is not None]

    async def delete(self, token: str, message_id: str) -> None:
        answer_of(await self._http(delete_request(self._url, token, message_id)), token)
