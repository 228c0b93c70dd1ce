"""The contract between the core and a bridge, and the nouns they share.

A bridge imports this package and `relay.fitting`, and nothing else of the relay.
"""

from __future__ import annotations

from relay.contract.abilities import (
    CatchingUp,
    Check,
    CodeSent,
    ContactProfile,
    CustomSend,
    HasBotId,
    Identified,
    KnowsOwnPosts,
    LoggedIn,
    LogsIn,
    Lookup,
    Polling,
    Probing,
    Provisioning,
    QuestionHook,
    Reclaiming,
)
from relay.contract.bridge import Bridge, BridgeContext, Http, Memory, Texts
from relay.contract.capabilities import BridgeSpec, Feature, FileLimit, Limits, Support
from relay.contract.requests import RawRequest, VerifiedRequest
from relay.contract.sandbox import FetchedFile, FetchFile, Sandbox, SandboxOptions
from relay.contract.settings import SANDBOX, BridgeSettings, http_address

__all__ = [
    "SANDBOX",
    "Bridge",
    "BridgeContext",
    "BridgeSettings",
    "BridgeSpec",
    "CatchingUp",
    "Check",
    "CodeSent",
    "ContactProfile",
    "CustomSend",
    "Feature",
    "FetchFile",
    "FetchedFile",
    "FileLimit",
    "HasBotId",
    "Http",
    "Identified",
    "KnowsOwnPosts",
    "Limits",
    "LoggedIn",
    "LogsIn",
    "Lookup",
    "Memory",
    "Polling",
    "Probing",
    "Provisioning",
    "QuestionHook",
    "RawRequest",
    "Reclaiming",
    "Sandbox",
    "SandboxOptions",
    "Support",
    "Texts",
    "VerifiedRequest",
    "http_address",
]
