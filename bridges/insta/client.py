"""Every documented method of the Insta API, typed: getInfo, sendMsg, getUrl, getWebHook, setWebHook.

`*_request` builds a request, purely; `InstaClient` sends it through the core's `Http` and reads the answer. The token
stands in every address, so `safe_url` shows `***` in its place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bridges.insta.settings import Encoding
from relay.contract import Http
from relay.contract.errors import RemoteError
from relay.contract.model import OutboundRequest, RawResponse
from relay.contract.responses import is_html, json_value, reason_words, short_words, yes_or_no
from relay.fitting.texts import clean

# What to do about an answer's status; the document's section "Коды (http-статусы) ответов".
REMEDIES = {
    401: "check `token` in config.yaml against the access key of the Insta API",
    402: "pay for the channel or log the Instagram account in again, at getloo.ru",
    404: "check `url` in config.yaml: it should be https://api.getloo.ru/insta",
}
INACTIVE_REMEDY = REMEDIES[402]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_text_or_empty(value: Any) -> Any:
    return "" if value is None else _as_text(value)


Identifier = Annotated[str, BeforeValidator(_as_text)]
Words = Annotated[str, BeforeValidator(_as_text_or_empty)]


class _Answer(BaseModel):
    """Fields we do not know are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


A = TypeVar("A", bound=_Answer)


class Channel(_Answer):
    """getInfo: the account. Only `user_id` identifies it, the name may change."""

    id: Words = ""  # of the channel or group of channels
    user_id: Identifier
    username: Words = ""
    status: bool = False  # paid for and logged in


class ProfileLink(_Answer):
    """getUrl: the link that opens a direct chat with the account, in the mobile application only."""

    id: Words = ""
    user_id: Words = ""
    username: Words = ""
    url: str


class WebHook(_Answer):
    """getWebHook, setWebHook: the one address that hears of events. "" if none is set."""

    id: Words = ""
    webhook: Words = ""


class Sent(_Answer):
    """sendMsg: taken into the queue; delivery reports name `queue_id`."""

    queue_id: Words = ""


# --- requests -------------------------------------------------------------------------------------------------------


def method_request(base_url: str, token: str, method: str, http_method: str = "GET") -> OutboundRequest:
    """A method without arguments: getInfo, getUrl, getWebHook."""
    return OutboundRequest(
        method=http_method,
        url=f"{base_url}/{quote(token, safe='')}/{method}",
        safe_url=f"{base_url}/***/{method}",
        headers=(("accept", "application/json"),),
    )


def send_message_request(
    base_url: str,
    token: str,
    *,
    username: str,
    user_id: str,
    caption: str = "",
    file: str = "",
    options: Sequence[str] = (),
    encoding: Encoding = Encoding.JSON,
) -> OutboundRequest:
    """sendMsg. `user_id` is the customer's id, or the id of the comment to answer. `file` and the optional fields are
    left out where there is nothing to say: the document calls `file` required, yet comments take text only (FACTS 2).
    """
    fields: dict[str, Any] = {"username": username.removeprefix("@"), "user_id": user_id}
    fields |= {name: value for name, value in (("file", file), ("caption", caption)) if value}
    if options:
        fields["options"] = list(options)
    return _post(base_url, token, "sendMsg", fields, encoding)


def set_webhook_request(base_url: str, token: str, url: str, *, encoding: Encoding = Encoding.JSON) -> OutboundRequest:
    """setWebHook: from now on events go to `url`, and to nobody else."""
    return _post(base_url, token, "setWebHook", {"url": url}, encoding)


def _post(base_url: str, token: str, method: str, fields: dict[str, Any], encoding: Encoding) -> OutboundRequest:
    bare = method_request(base_url, token, method, "POST")
    if encoding is Encoding.JSON:
        body, content_type = json.dumps(_clean(fields), ensure_ascii=False).encode(), "application/json; charset=utf-8"
    else:
        pairs: list[tuple[str, str]] = []
        for name, value in _clean(fields).items():
            pairs += [(f"{name}[]", v) for v in value] if isinstance(value, list) else [(name, value)]
        body, content_type = urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    return OutboundRequest(
        method=bare.method,
        url=bare.url,
        safe_url=bare.safe_url,
        headers=bare.headers,
        body=body,
        content_type=content_type,
    )


def _clean(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: [clean(v) for v in value] if isinstance(value, list) else clean(value) for k, value in fields.items()}


# --- answers --------------------------------------------------------------------------------------------------------


def succeeded(value: Any) -> bool | None:
    """`result.success` of an answer, told leniently; None where there is none."""
    result = value.get("result") if isinstance(value, dict) else None
    success = result.get("success") if isinstance(result, dict) else None
    return yes_or_no(success)


def error_words(value: Any) -> str:
    """`error` of an answer as one line for people, whatever it holds."""
    error = value.get("error") if isinstance(value, dict) else None
    return reason_words(error)


def read_answer(response: RawResponse) -> dict[str, Any]:
    """The JSON object of an answer that says yes. Raises RemoteError with a remedy where one is known."""
    value = json_value(response)
    words = error_words(value)
    if response.status in (401, 402):
        code = "bad_token" if response.status == 401 else "unpaid"
        default = "the token is not valid" if response.status == 401 else "there is no active channel"
        raise RemoteError(code, words or default, status=response.status, remedy=REMEDIES[response.status])
    if not 200 <= response.status < 300:
        said = words or short_words(response.body) or "no words"
        remedy = REMEDIES.get(response.status, "")
        raise RemoteError(
            f"http_{response.status}", f"{response.status}: {said}", status=response.status, remedy=remedy
        )
    success = succeeded(value)
    if not isinstance(value, dict) or success is None:
        what = "a page instead of JSON" if is_html(response) else "something else than documented"
        raise RemoteError("unexpected_answer", f"answered {what}", status=response.status, remedy=REMEDIES[404])
    if not success:
        # "result.success отдает success false, если активных каналов нет у юзера"
        raise RemoteError("refused", words or "success: false", status=response.status, remedy=INACTIVE_REMEDY)
    return value


class InstaClient:
    """The API over the core's HTTP. Every method raises RemoteError when the other side says no, SendError when it
    does not answer."""

    def __init__(self, http: Http, base_url: str, token: str, *, encoding: Encoding = Encoding.JSON) -> None:
        self._http = http
        self._base_url = base_url
        self._token = token
        self._encoding = encoding

    async def get_info(self, *, http_method: str = "GET") -> Channel:
        """`http_method` is GET or POST: the document has both."""
        request = method_request(self._base_url, self._token, "getInfo", http_method)
        return self._channel(Channel, await self._ask(request))

    async def get_url(self) -> ProfileLink:
        return self._channel(ProfileLink, await self._ask(method_request(self._base_url, self._token, "getUrl")))

    async def get_webhook(self) -> WebHook:
        return self._channel(WebHook, await self._ask(method_request(self._base_url, self._token, "getWebHook")))

    async def set_webhook(self, url: str) -> WebHook:
        request = set_webhook_request(self._base_url, self._token, url, encoding=self._encoding)
        return self._channel(WebHook, await self._ask(request))

    async def send_message(
        self, *, username: str, user_id: str, caption: str = "", file: str = "", options: Sequence[str] = ()
    ) -> Sent:
        request = send_message_request(
            self._base_url,
            self._token,
            username=username,
            user_id=user_id,
            caption=caption,
            file=file,
            options=options,
            encoding=self._encoding,
        )
        return self._read(Sent, (await self._ask(request))["result"])

    async def _ask(self, request: OutboundRequest) -> dict[str, Any]:
        return read_answer(await self._http(request))

    def _channel(self, kind: type[A], answer: dict[str, Any]) -> A:
        return self._read(kind, answer.get("channel"))

    def _read(self, kind: type[A], value: Any) -> A:
        try:
            return kind.model_validate(value)
        except ValidationError as e:
            fields = ", ".join(".".join(map(str, error["loc"])) or "channel" for error in e.errors())
            raise RemoteError("unexpected_answer", f"the answer lacks or misstates: {fields}", status=200) from None
