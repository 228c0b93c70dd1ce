from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridges.operator import OperatorBridge
from bridges.operator.settings import OperatorSettings
from relay.contract import RawRequest
from relay.contract.model import Upload
from tests.bridges.support import context

URL = "https://panel.example.com/operator/api"
TOKEN = "canary-token-out"
WEBHOOK_TOKEN = "canary-token-in"


def settings(**changes: Any) -> OperatorSettings:
    return OperatorSettings.model_validate(
        {"kind": "operator", "url": URL, "token": TOKEN, "webhook_token": WEBHOOK_TOKEN, **changes}
    )


@pytest.fixture
def make_bridge() -> Callable[..., OperatorBridge]:
    def make(url: str = URL, locale: str = "en", **changes: Any) -> OperatorBridge:
        return OperatorBridge(settings(**changes), context("panel", url, locale))

    return make


@pytest.fixture
def bridge(make_bridge: Callable[..., OperatorBridge]) -> OperatorBridge:
    return make_bridge()


def hook(tail: str = "message", *uploads: Upload, **fields: str) -> RawRequest:
    """A hook as the core hands it over, with the right token unless the fields name another."""
    fields = {"token": WEBHOOK_TOKEN, **fields}
    return RawRequest(
        method="POST",
        tail=tail,
        headers={},
        query={},
        body=b"",
        content_type="multipart/form-data",
        form=tuple(fields.items()),
        uploads=uploads,
    )


def json_hook(body: bytes, tail: str = "message") -> RawRequest:
    return RawRequest(method="POST", tail=tail, headers={}, query={}, body=body, content_type="application/json")
