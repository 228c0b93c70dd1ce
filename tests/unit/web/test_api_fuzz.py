"""A-fuzz: what nobody would send, and what somebody might, for every operation, against a real relay: no 5xx,
and every answer as the document says.

A short run here; `RELAY_FUZZ=200` (examples an operation) makes it a long one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from relay.web.api.openapi import document
from relay.web.api.table import OPERATIONS
from tests.harness import RelayProcess

EXAMPLES = int(os.environ.get("RELAY_FUZZ", "8"))
A_TOKEN = 400  # requests with one, so that nobody is asked to wait
STREAMS = ("follow_events", "poll_events")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(
    json.loads(json.dumps(document([o for o in OPERATIONS if o.id not in STREAMS])))
)
FOUND = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
FUZZED = {f"{operation.method.upper()} {operation.path}": operation for operation in FOUND}
CONFIG: dict[str, Any] = {
    "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
    "desks": {"inbox": {"kind": "panel"}},
    "routes": [{"channel": "shop", "desks": ["inbox"]}],
}


class Target:
    """A relay with somebody to write to, and tokens enough."""

    def __init__(self, relay: RelayProcess) -> None:
        self.relay = relay
        self.tokens: list[str] = []
        self._count = itertools.count()

    async def prepare(self) -> None:
        for i in range(4 + EXAMPLES * 2 * len(FUZZED) // A_TOKEN):
            ran = await self.relay.cli_here("token", "add", f"fuzz {i}", "--scope", "admin", "--json")
            assert ran.code == 0, ran.err
            self.tokens.append(ran.json["token"])

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[next(self._count) // A_TOKEN % len(self.tokens)]}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    relay = RelayProcess(tmp_path_factory.mktemp("fuzz") / "relay", CONFIG, name="fuzzed")
    await relay.start()
    made = Target(relay)
    await made.prepare()
    yield made
    await relay.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize("name", FUZZED)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_fuzz(target: Target, name: str, mode: GenerationMode, tmp_path: Path):
    operation = FUZZED[name]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        # A request line of more than 8 kB is refused by the HTTP server, before there is a question to answer.
        assume(len(quote(f"{case.formatted_path}{case.query}")) < 6000)
        headers = {**(case.headers or {}), **target.headers()}
        response = case.call(base_url=target.relay.address, headers=headers)
        case.validate_response(response, checks=CHECKS)

    await asyncio.to_thread(ask)
