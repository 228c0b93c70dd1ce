"""Top-level keys of config.yaml that the environment may set without the file naming them: an image is then moved from
machine to machine with one and the same file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from relay.config.document import Document, Node

VARIABLES: Final[Mapping[str, str]] = {
    "RELAY_PUBLIC_URL": "public_url",
    "RELAY_LISTEN": "listen",
    "RELAY_SECRET_KEY": "secret_key",
    "RELAY_STORE": "store",
    "RELAY_DATA_DIR": "data_dir",
    "RELAY_HISTORY": "history",
    "RELAY_LOCALE": "locale",
    "RELAY_TRUSTED_PROXIES": "trusted_proxies",
    "RELAY_SANDBOXES": "sandboxes",
    "RELAY_SENTRY_DSN": "sentry_dsn",
    "RELAY_LOG_LEVEL": "log_level",
}
_LISTS = ("trusted_proxies",)  # separated by commas


def override(document: Document, env: Mapping[str, str]) -> dict[str, str]:
    """Put the set variables into the document, where they win over what is written. An empty one counts as not set.

    Gives the keys that were put in, each with its variable. What comes from the environment is never shown.
    """
    found: dict[str, str] = {}
    for variable, key in VARIABLES.items():
        value = env.get(variable, "")
        if not value:
            continue
        line = before.line if (before := document.root.get(key)) is not None else 1
        node = Node(line, 1, value, source=f"${{{variable}}}", interpolated=True, secrets=(value,))
        if key in _LISTS:
            node.value = [
                Node(line, 1, part.strip(), source=node.source, interpolated=True) for part in value.split(",")
            ]
        document.root.value[key] = node
        found[key] = variable
    return found
