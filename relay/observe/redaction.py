"""Logs, which may never show a secret nor obey a stranger's words.

A filter on the root handler rewrites every record: the deployment's own secrets become `***`, and so does whatever
follows /hooks/<account>/, /media/ and /setup/ in an address, or the id of a token. What a terminal would obey is shown
as escapes.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import RequestPayloadError

from relay.contract.foreign_words import MASK, Masking, for_terminal, masking

_ADDRESSES = re.compile(r"(/(?:hooks/[a-z0-9_-]+|media|setup)/|\brly_[0-9a-z]{8}_)[A-Za-z0-9_.=-]{16,}")


class Redaction(logging.Filter):
    """Masks known secrets in a finished record, tracebacks included."""

    def __init__(self, secrets: Iterable[str] | Masking = ()) -> None:
        """`secrets`, or what masks them already."""
        super().__init__()
        self._mask = secrets if isinstance(secrets, Masking) else Masking(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these as well: a reload may bring new ones, and the old ones may still be in what is under way."""
        self._mask.learn(*secrets)

    def clean(self, text: str) -> str:
        return _ADDRESSES.sub(r"\1" + MASK, self._mask(text))

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = for_terminal(self.clean(record.getMessage()))
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = for_terminal(self.clean(record.exc_text))
        return True


class StrangersRequests(logging.Filter):
    """What a stranger sent that is no HTTP is answered 400 by aiohttp, and logged by it as an error with a traceback:
    anybody could fill logs and Sentry with those. The front door says what there is to say."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, BadHttpMessage | RequestPayloadError)


def set_up_logging(level: str, secrets: Iterable[str] = ()) -> Redaction:
    """One line a record, to standard error, redacted. `secrets` are learnt by this process's own masking."""
    masking.learn(*secrets)
    redaction = Redaction(masking)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(redaction)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What became of an attempt is ours to say; their lines a request or a job would say it again, with arguments.
    logging.getLogger("arq").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # They would say every statement with its values: hashes of passwords, digests, what people write.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    logging.getLogger("sqlalchemy").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(StrangersRequests())
    return redaction
