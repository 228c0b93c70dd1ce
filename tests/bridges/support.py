"""What the tests of a bridge need of the core, in the smallest form: one HTTP client, a memory."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from relay.contract import BridgeContext, FetchedFile
from relay.contract.errors import FetchRefused, SendError
from relay.contract.model import OutboundRequest, RawResponse
from relay.texts.templates import Templates


def context(name: str, url: str = "https://other.example.com/api", locale: str = "en") -> BridgeContext:
    return BridgeContext(name=name, texts=Templates(locale), url=url)


class SessionHttp:
    """An `Http` over an aiohttp session: described request in, answer out, foreign exceptions mapped."""

    def __init__(self, session: aiohttp.ClientSession, files: dict[str, bytes] | None = None) -> None:
        self.session = session
        self.files = files or {}
        self.sent: list[OutboundRequest] = []

    async def __call__(self, request: OutboundRequest) -> RawResponse:
        self.sent.append(request)
        headers = dict(request.headers)
        data: Any = request.body or None
        if request.files:
            data = aiohttp.FormData()
            for name, value in request.fields:
                data.add_field(name, value)
            for file in request.files:
                held = self.files[file.file_id or urlsplit(file.url).path]
                data.add_field(file.field, held, filename=file.filename, content_type=file.mime)
        elif request.content_type:
            headers["content-type"] = request.content_type
        timeout = aiohttp.ClientTimeout(total=request.timeout_s or 10)
        try:
            async with self.session.request(
                request.method,
                URL(request.url, encoded=True),
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                body = await response.read()
                return RawResponse(
                    status=response.status,
                    headers=tuple((k.lower(), v) for k, v in response.headers.items()),
                    body=body,
                )
        except TimeoutError as e:
            raise SendError("timeout", "no answer in time", certain=False) from e
        except aiohttp.ClientConnectorError as e:
            raise SendError("connect", "could not connect", certain=True) from e
        except aiohttp.ClientError as e:
            raise SendError("cut", "the connection broke", certain=False) from e


class DictMemory:
    """A `Memory` without a store."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.words.get(key)

    async def put(self, key: str, value: str, ttl_s: float | None = None) -> None:
        self.words[key] = value

    async def drop(self, key: str) -> None:
        self.words.pop(key, None)


async def fetch_anywhere(url: str, limit: int) -> FetchedFile:
    """A `FetchFile` without a guard: what sandboxes in tests fetch lies on this machine."""
    try:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            if response.status != 200:
                raise FetchRefused(f"The file's server answered {response.status}.")
            body = await response.read()
            if len(body) > limit:
                raise FetchRefused(f"The file is larger than {limit / 1_000_000:g} MB.")
            return FetchedFile(body=body, mime=response.content_type)
    except (aiohttp.ClientError, TimeoutError) as e:
        raise FetchRefused("The file's server cannot be reached.") from e
