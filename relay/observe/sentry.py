"""Reports of errors to Sentry, which may show no secret, no body and nobody's words."""

from __future__ import annotations

from typing import Any, Final

import sentry_sdk
from sentry_sdk.scrubber import DEFAULT_DENYLIST, EventScrubber

from relay.observe.redaction import Redaction

OUR_FIELDS: Final = ("key", "webhook_token", "raw", "text")


def set_up_sentry(dsn: str, redaction: Redaction, **options: Any) -> None:
    """Report errors without request bodies, locals or personal data; every string of an event is redacted. `options`
    are the library's, for tests."""

    def before_send(event: Any, hint: Any) -> Any:
        return cleaned(event, redaction)

    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        event_scrubber=EventScrubber(recursive=True, denylist=[*DEFAULT_DENYLIST, *OUR_FIELDS]),
        before_send=before_send,
        before_send_transaction=before_send,
        before_breadcrumb=before_send,
        traces_sample_rate=0.0,
        **options,
    )


def cleaned(value: Any, redaction: Redaction) -> Any:
    """Pure: the same JSON with every string redacted, names of fields included."""
    if isinstance(value, str):
        return redaction.clean(value)
    if isinstance(value, dict):
        return {cleaned(k, redaction): cleaned(v, redaction) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(v, redaction) for v in value]
    return value
