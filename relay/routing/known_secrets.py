"""Every secret of a deployment: what no log, notice or page may ever show."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from pydantic import SecretStr

from relay.config.load import Config
from relay.routing.hook_addresses import hook_secrets


def secrets_of(config: Config, keys: Sequence[str]) -> set[str]:
    """Keys, tokens, passwords (also those inside addresses) and hook secrets. `keys`: the deployment's secret keys."""
    found = set(keys)
    for account in config.accounts.values():
        for value in account.settings.model_dump().values():
            if isinstance(value, SecretStr):
                found.add(value.get_secret_value())
            elif isinstance(value, str):
                found.add(_password_in(value))
        found.update(hook_secrets(keys, account.name))
    found.add(config.store.password.get_secret_value())
    if config.metrics.token is not None:
        found.add(config.metrics.token.get_secret_value())
    if config.sentry_dsn is not None:
        found.add(config.sentry_dsn.get_secret_value())
    return found - {""}


def _password_in(url: str) -> str:
    try:
        return (urlsplit(url).password or "") if "://" in url else ""
    except ValueError:
        return ""
