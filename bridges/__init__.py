"""The bridges, listed by hand: one line a system. `README.md` beside this file tells how to add one."""

from __future__ import annotations

from typing import Any

from bridges.astrak import AstrakBridge
from bridges.insta import InstaBridge
from bridges.operator import OperatorBridge
from bridges.team import TeamBridge
from bridges.telegram import TelegramBridge, TelegramDeskBridge
from bridges.webhook import WebhookBridge, WebhookDeskBridge
from relay.contract import Bridge

ALL: tuple[type[Bridge[Any]], ...] = (
    InstaBridge,
    AstrakBridge,
    OperatorBridge,
    TeamBridge,
    WebhookBridge,
    WebhookDeskBridge,
    TelegramBridge,
    TelegramDeskBridge,
)
