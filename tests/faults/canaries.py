"""Secrets as canaries: put through every path, and looked for wherever they must not turn up (experiment 33)."""

from __future__ import annotations

import json
import logging
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from relay.contract.errors import RemoteError, SendError
from relay.contract.foreign_words import Masking
from relay.contract.model import RawResponse
from relay.contract.responses import short_words
from relay.observe.redaction import Redaction
from relay.observe.sentry import cleaned
from tests.faults.bench import Bench
from tests.faults.experiment import Report, experiment
from tests.harness import INSTA_TOKEN, PANEL_HOOK_TOKEN, PANEL_TOKEN, Reply, until


@experiment("33", "canary secrets in every path", short={"messages": 5}, full={"messages": 200})
async def canaries(folder: Path, report: Report, *, messages: int) -> None:
    """A desk that repeats our own request to it, hooks with tokens in every place, all spellings, log and Sentry."""

    def repeats(_: Any) -> Reply:
        words = (
            f"<h1>404</h1> no such page: token={PANEL_TOKEN}&x={quote(PANEL_TOKEN, safe='')} {json.dumps(PANEL_TOKEN)}"
        )
        return Reply(status=400, body=json.dumps({"success": False, "message": words}).encode())

    secrets = (INSTA_TOKEN, PANEL_TOKEN, PANEL_HOOK_TOKEN)
    async with Bench(folder, script=repeats, delivery={"retries": 0}, log_level="debug") as bench:
        hooks = bench.relay.hooks
        customer = bench.customer()
        for number in range(messages):
            await customer.write(number)
        for body in ({"token": PANEL_HOOK_TOKEN, "message": "x"}, {"token": PANEL_HOOK_TOKEN + "x", "contact_id": "1"}):
            async with bench.session.post(hooks["panel/message"], json=body) as response:
                said = await response.text()
                report.check(PANEL_HOOK_TOKEN not in said, f"an error page repeats the token: {said[:200]}")
        async with bench.session.get(hooks["shop"].partition("/hooks/")[0] + "/metrics") as response:
            figures = await response.text()
        await until(bench.all_done, 30)
        kept = json.dumps(await bench.deliveries())
        log = bench.relay.log()
        hook = hooks["shop"].rpartition("/")[2]
        for place, text in (("log", log), ("store", kept), ("metrics", figures)):
            for secret in (*secrets, hook, quote(PANEL_TOKEN, safe="")):
                lines = [line for line in text.splitlines() if secret in line and "Hook addresses" not in line]
                lines = [line for line in lines if not line.startswith("  ")]  # what `run` prints for a person
                report.check(not lines, f"{place} shows a secret: {lines[:1]}")
    redaction = Redaction(Masking([*secrets, "canary-value-of-a-header"]))
    said_ = StringIO()
    handler = logging.StreamHandler(said_)
    handler.addFilter(redaction)
    logger = logging.getLogger("canary")
    logger.addHandler(handler)
    logger.propagate = False
    event: dict[str, Any] = {"exception": [], "extra": {}}
    for number, secret in enumerate(secrets):
        try:
            raise RemoteError("x", f"POST /x/{secret}/y", remedy=secret)
        except RemoteError as e:
            logger.exception("it failed: %s", e)
            event["exception"].append({"value": str(e), "vars": [secret]})
        event["extra"][f"{number}:{secret}"] = {
            "url": f"https://x/{quote(secret, safe='')}",
            "sent": str(SendError("x", secret, certain=True)),
        }
        short_words(RawResponse(status=500, body=secret.encode()).body)
    whole = said_.getvalue() + json.dumps(cleaned(event, redaction))
    report.check(not any(s in whole for s in secrets), "a log line or an event shows a secret")
    report.note(f"{len(secrets) + 1} secrets through hooks, answers, errors, log at debug, metrics, store and events")
