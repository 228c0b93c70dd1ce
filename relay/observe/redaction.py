"""Logs and Sentry, neither of which may ever show a secret (RELIABILITY 3.5, experiment 33).

A filter on the root handler rewrites every record: the deployment's own secrets become `***`, and so does whatever
follows /hooks/<account>/, /media/ and /setup/ in an address, or the id of a token.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

import sentry_sdk
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import RequestPayloadError
from sentry_sdk.scrubber import DEFAULT_DENYLIST, EventScrubber

MASK = "***"
_ADDRESSES = re.compile(r"(/(?:hooks/[a-z0-9_-]+|media|setup)/|\brly_[0-9a-z]{8}_)[A-Za-z0-9_.=-]{16,}")
# Shorter values are words like "sandbox" that stand all over a log; masking them would only make it unreadable.
SHORTEST_SECRET = 8
OUR_FIELDS = ("key", "webhook_token", "raw", "text")


class Redaction(logging.Filter):
    """Masks known secrets in a finished record, tracebacks included."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets: set[str] = set()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these as well: a reload may bring new ones, and the old ones may still be in what is under way."""
        self._secrets |= {s for s in secrets if len(s) >= SHORTEST_SECRET}
        known = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def clean(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _ADDRESSES.sub(r"\1" + MASK, text)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.clean(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.clean(record.exc_text)
        return True


class StrangersRequests(logging.Filter):
    """What a stranger sent that is no HTTP is answered 400 by aiohttp, and logged by it as an error with a traceback:
    anybody could fill logs and Sentry with those. One quiet line each is enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, BadHttpMessage | RequestPayloadError):
            return True
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = f"refused a request that cannot be read: {type(error).__name__}", None
        record.exc_info = record.exc_text = None
        return logging.getLogger(record.name).isEnabledFor(logging.INFO)


def set_up_logging(level: str, secrets: Iterable[str]) -> Redaction:
    """One line a record, to standard error, redacted."""
    redaction = Redaction(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(redaction)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line an attempt comes from us; their lines a request or a job would say it again, with arguments.
    logging.getLogger("arq").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # They would say every statement with its values: hashes of passwords, digests, what people write.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    logging.getLogger("sqlalchemy").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(StrangersRequests())
    return redaction


def set_up_sentry(dsn: str, redaction: Redaction) -> None:
    """Report errors without request bodies, locals or personal data; every string of an event is redacted."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return redaction.clean(value)
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [clean(v) for v in value]
        return value

    def before_send(event: Any, hint: Any) -> Any:
        return clean(event)

    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        event_scrubber=EventScrubber(
            recursive=True, denylist=[*DEFAULT_DENYLIST, "key", "webhook_token", "raw", "text"]
        ),
        before_send=before_send,
        before_send_transaction=before_send,
        traces_sample_rate=0.0,
    )
