"""Making the group's integration call us: find it or create it, compare its address with ours, read its key.

Team API v3, integrations. Without a token this cannot be done by a program; then the finding says what a person enters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bridges.team.client import TeamClient
from bridges.team.settings import TeamSettings
from bridges.team.shapes import Integration
from relay.cli.secret_files import store_secret
from relay.contract import Check
from relay.contract.errors import RelayError, RemoteError
from relay.contract.responses import bare_address

WHAT = "group's integration"


def find_integration(
    integrations: Sequence[Integration], *, keys: Sequence[str], hook: str, group: str | None
) -> Integration | None:
    """Ours among a team's integrations: the one with our key, else the one that calls our address.

    An integration of the same group that calls another address is somebody else's and is left alone; one that calls
    nobody is free to be ours. Pure.
    """
    raw = [one for one in integrations if one.kind == "raw"]
    by_key = [one for one in raw if one.api_key and one.api_key in keys]
    by_hook = [one for one in raw if hook and one.webhook_url == hook and group in (None, one.group)]
    free = [one for one in raw if group and one.group == group and not one.webhook_url]
    return next(iter([*by_key, *by_hook, *free]), None)


async def provision_integration(
    client: TeamClient, settings: TeamSettings, *, name: str, hook: str, keys: Sequence[str]
) -> tuple[Sequence[Check], str]:
    """(findings, the key that was read or ""). Writes `key_file` when the key is new. Raises RemoteError, SendError."""
    if not client.target.token or settings.team is None:
        return (
            Check(
                ok=None,
                what=WHAT,
                found="cannot be looked at without a token and a team",
                remedy=f"Enter {hook} as Webhook URL in the group's API/Webhook integration,"
                " or set `token`, `team` and `group` so that it is done for you.",
            ),
        ), ""
    try:
        listed = await client.integrations(settings.team)
    except RemoteError as e:
        if e.code in ("NOT_FOUND", "ACCESS_DENIED"):
            return (
                Check(
                    ok=False,
                    what=WHAT,
                    found=e.words or e.code,
                    remedy=f"Check `team`: {settings.team} is not a team whose integrations this user may manage.",
                ),
            ), ""
        raise
    found = find_integration(listed.integrations, keys=keys, hook=hook, group=settings.group)
    checks: list[Check] = []
    if found is None:
        if settings.group is None:
            return (await _none_to_choose(client, settings.team, listed.integrations, keys),), ""
        found = await client.create_integration(
            settings.team, group=settings.group, comment=f"Webhook relay: {name}", webhook_url=hook
        )
        checks.append(Check(ok=True, what=WHAT, found=f"created in group {settings.group}", changed=True))
    if found.webhook_url != hook:
        before = found.webhook_url
        found = await client.change_integration(settings.team, found.uid, webhook_url=hook)
        if found.webhook_url != hook:
            checks.append(
                Check(ok=False, what=WHAT, found="the server did not keep our address", remedy=_by_hand(hook))
            )
        else:
            told, remedy = "calls us now; before it called nobody", ""
            if before:
                told = f"calls us now, and no longer {bare_address(before)}"
                remedy = "If that was not meant, give the other server an integration of its own."
            checks.append(Check(ok=True, what=WHAT, found=told, remedy=remedy, changed=True))
    elif not checks:
        checks.append(Check(ok=True, what=WHAT, found="calls us"))
    if not found.enabled:
        # Somebody switched it off on purpose: a person decides, not we.
        checks.append(
            Check(ok=False, what=WHAT, found="is switched off", remedy="Switch it on in the group's settings.")
        )
    return (*checks, *await _key_checks(found.api_key, settings, keys)), found.api_key


async def _key_checks(key: str, settings: TeamSettings, keys: Sequence[str]) -> tuple[Check, ...]:
    what = "integration's key"
    if not key:
        return (Check(ok=None, what=what, found="the server did not show it"),)
    if key in keys:
        return (Check(ok=True, what=what, found="is the one configured"),)
    if settings.key_file is None:
        return (
            Check(
                ok=False,
                what=what,
                found=f"is not the one configured (it begins {key[:3]}…)",
                remedy="Copy the API key from the group's integration into `key`,"
                " or name a `key_file` and run `relay provision` again.",
                credentials=True,
            ),
        )
    try:
        await asyncio.to_thread(store_secret, settings.key_file, key)
    except OSError as e:
        return (
            Check(
                ok=False,
                what=what,
                found=f"{settings.key_file} cannot be written: {e.strerror or e}",
                remedy="Give us a `key_file` we may write.",
            ),
        )
    return (Check(ok=True, what=what, found=f"written to {settings.key_file}", changed=True),)


async def _none_to_choose(
    client: TeamClient, team: str, integrations: Sequence[Integration], keys: Sequence[str]
) -> Check:
    try:
        known = {group.jid: f"{group.jid} ({group.display_name})" for group in await client.groups(team)}
    except RelayError:  # v3 documents no list of groups; those with integrations are known all the same
        known = {one.group: one.group for one in integrations if one.group}
    return Check(
        ok=False,
        what=WHAT,
        found="no integration of this team has the configured key: it was deleted, or is another team's"
        if keys
        else "no key is configured",
        remedy="Name the `group` it shall be made in"
        + (f": {', '.join(sorted(known.values())[:10])}." if known else " (g-…)."),
    )


def _by_hand(hook: str) -> str:
    return f"Enter {hook} as Webhook URL in the group's API/Webhook integration."
