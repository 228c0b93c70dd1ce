"""Asking the outside systems: would they work, and do they know our hook addresses?"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from relay.contract import Check, Http, Probing, Provisioning
from relay.contract.errors import RelayError
from relay.routing.accounts import Account

log = logging.getLogger("relay.service.provisioning")


async def provision_one(account: Account, http: Http) -> list[Check]:
    """What registering this account's hooks came to; [] where the system has no such thing."""
    if not isinstance(account.bridge, Provisioning):
        return []
    try:
        return list(await account.bridge.provision(http, account.hooks()))
    except RelayError as e:
        return [Check(ok=False, what="hook address", found=str(e), remedy="`relay doctor` tells more")]


async def probe_one(account: Account, http: Http) -> list[Check]:
    """Whether this account would work; [] where the system cannot be asked."""
    if not isinstance(account.bridge, Probing):
        return []
    try:
        return list(await account.bridge.probe(http))
    except RelayError as e:
        return [Check(ok=False, what="reachable", found=str(e))]


async def provision_and_say(accounts: Iterable[Account], senders: Mapping[str, Http]) -> None:
    """Register our hook addresses, and say what would not work; neither stops anything."""
    for account in accounts:
        name, http = account.name, senders[account.name]
        for check in (*await provision_one(account, http), *await probe_one(account, http)):
            if check.ok is False:
                log.warning("%s: %s: %s %s", name, check.what, check.found, check.remedy)
            elif check.changed and check.remedy:  # done, and somebody may not like it
                log.warning("%s: %s: %s. %s", name, check.what, check.found, check.remedy)
            elif check.changed:
                log.info("%s: %s: %s", name, check.what, check.found)
