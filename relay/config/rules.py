"""What no single part of config.yaml can know: names, routes, keys, who could reach what. Rules note their problems."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel

from relay.config.document import MAKE_A_KEY, Document, KeyPath, Node
from relay.config.settings import Settings
from relay.config.suggestions import hint, listed, quoted
from relay.contract.errors import Problem
from relay.contract.model import Role

if TYPE_CHECKING:
    from relay.config.load import Account, Config

OWN = ("sandbox", "builtin")  # values of `url` behind which the relay itself stands
GROUPS = {Role.CHANNEL: "channels", Role.DESK: "desks"}
GUARD_LEAST, GUARD_GOOD = 8, 16  # characters of a key or token that guards a hook


def names_of(doc: Document, role: Role) -> list[str]:
    node = doc.root.get(GROUPS[role])
    return [str(n) for n in node.value] if node and isinstance(node.value, dict) else []


def check_routes(doc: Document) -> None:
    """Every name exists, in its role; every channel has exactly one route: without one its customers talk to nobody,
    and with two it would not be plain which desks they reach."""
    routes = doc.root.get("routes")
    if routes is None or not isinstance(routes.value, list):
        return  # complained about by the model
    routed: dict[str, int] = {}
    for i, route in enumerate(routes.value):
        channel = route.get("channel")
        if channel is not None and _is_name(channel):
            _check_name(doc, ("routes", i, "channel"), channel, Role.CHANNEL)
            if channel.value in routed:
                doc.add_problem(
                    ("routes", i, "channel"),
                    f"{quoted(channel.value)} already has a route on line {routed[channel.value]}; "
                    "list all its desks there",
                )
            routed.setdefault(channel.value, channel.line)
        below = route.get("desks")
        seen: set[str] = set()
        for j, desk in enumerate(below.value if below and isinstance(below.value, list) else []):
            if not _is_name(desk):
                continue
            _check_name(doc, ("routes", i, "desks", j), desk, Role.DESK)
            if desk.value in seen:
                doc.add_problem(("routes", i, "desks", j), f"{quoted(desk.value)} twice in one route")
            seen.add(desk.value)
    if any(n.invalid for n in routes.walk()):
        return
    for name in names_of(doc, Role.CHANNEL):
        if name not in routed:
            doc.add_problem(
                (GROUPS[Role.CHANNEL], name),
                f"no route: nobody would see what customers write; add {{channel: {name}, desks: [...]}} to routes",
            )


def _is_name(node: Node) -> bool:
    return isinstance(node.value, str) and not node.invalid


def _check_name(doc: Document, path: KeyPath, node: Node, role: Role) -> None:
    other = Role.DESK if role is Role.CHANNEL else Role.CHANNEL
    right = names_of(doc, role)
    if node.value in right:
        return
    if node.value in names_of(doc, other):
        doc.add_problem(path, f"{quoted(node.value)} is a {other.value}; a {role.value} is wanted: {listed(right)}")
        return
    doc.add_problem(path, f"no {role.value} {quoted(node.source)}; {hint(node.value, right)}".rstrip("; "))


def check_together(doc: Document, settings: Settings, base: Path) -> None:
    if "fsync" in settings.model_fields_set and not settings.store.embedded:
        doc.add_problem(
            ("fsync",), "only for store: embedded; with a server of your own, set appendfsync in its configuration"
        )
    if settings.templates_dir is not None and not (base / settings.templates_dir).is_dir():
        doc.add_problem(("templates_dir",), f"no directory {quoted(str(settings.templates_dir))}")
    if settings.media.max_file > settings.max_body:
        doc.add_problem(("media", "max_file"), "larger than max_body, the most one hook may hold")


def check_secret_key(doc: Document, settings: BaseModel | None) -> None:
    """Outside systems keep addresses made from the secret key: it must not come and go with a data directory."""
    node = doc.root.get("secret_key")
    if node is not None and (any(n.invalid for n in node.walk()) or node.value not in (None, "", [])):
        return
    if isinstance(settings, Settings) and settings.secret_key:
        return
    accounts = [a for group in GROUPS.values() if (g := doc.root.get(group)) for a in _values(g)]
    urls = [url for a in accounts if (url := a.get("url")) is not None]
    if all(url.value in OWN for url in urls):
        return  # generated and kept, see relay.config.secret_keys
    what = "missing" if node is None else "empty"
    doc.add_problem(
        ("secret_key",),
        f"{what}; it signs hook addresses and links. Make one with `{MAKE_A_KEY}`, keep it outside this file and "
        "write secret_key: ${RELAY_SECRET_KEY}",
    )


def check_guards(doc: Document, accounts: Mapping[str, Account]) -> None:
    """A short key or token that guards a hook is found by trying."""
    for account, field, value in _guards(accounts):
        if len(value) < GUARD_LEAST:
            doc.add_problem(
                _field_path(account, field),
                f"it guards a hook, and {len(value)} characters can be guessed; at least {GUARD_LEAST} are needed, "
                f"{GUARD_GOOD} are better",
            )


def check_logins(doc: Document, accounts: Mapping[str, Account]) -> None:
    """The same login at two accounts is one account twice: its customers would be two conversations each."""
    seen: dict[tuple[str, str, str, str], str] = {}
    for account in accounts.values():
        if account.own:
            continue
        for field, values in account.settings.logins().items():
            for value in filter(None, values):
                first = seen.setdefault((account.kind, account.settings.url.rstrip("/"), field, value), account.name)
                if first != account.name:
                    doc.add_problem(
                        _field_path(account, field),
                        f"the same as that of {first}: both would be one account. Give each its own, or take one out",
                    )


def check_sandboxes(doc: Document, settings: Settings, accounts: Mapping[str, Account]) -> None:
    """A sandbox answers whoever reaches it, shows what it is sent, and writes as customers and colleagues. So it stays
    on this machine and among its like, unless that is wanted in so many words."""
    sandboxed = [a for a in accounts.values() if a.settings.sandboxed]
    if not sandboxed or settings.sandboxes == "expose":
        return
    real = [a.name for a in accounts.values() if not a.own]
    reasons = []
    if real:
        one = "a real account" if len(real) == 1 else "real accounts"
        reasons.append(f"it stands beside {one} ({', '.join(real)}), whose conversations it would show and answer")
    if not is_loopback(settings.host):
        reasons.append(f"`listen` is {settings.listen}, which other machines reach")
    if settings.public_url and not is_loopback(urlsplit(settings.public_url).hostname or ""):
        reasons.append(f"`public_url` is {settings.public_url}, which other machines reach")
    if settings.trusted_proxies:
        reasons.append("`trusted_proxies` says that a proxy brings strangers here")
    if reasons:
        first = sandboxed[0]
        others = f" (and {', '.join(a.name for a in sandboxed[1:])})" if sandboxed[1:] else ""
        doc.add_problem(
            (GROUPS[first.role], first.name, "url"),
            f"this is a sandbox{others}: it answers anybody, without a password, and {'; and '.join(reasons)}. "
            "Use the real system's address, or, for a trial that strangers may see, write `sandboxes: expose`",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is at this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _guards(accounts: Mapping[str, Account]) -> Iterable[tuple[Account, str, str]]:
    """Account, field and value of each key or token of config.yaml's that guards a hook."""
    for account in accounts.values():
        stand_ins = account.settings.stand_ins if account.own else {}
        for field, values in account.settings.hook_guards().items():
            yield from ((account, field, value) for value in values if stand_ins.get(field) != value)


def _field_path(account: Account, field: str) -> KeyPath:
    return (GROUPS[account.role], account.name, field)


def _values(node: Node) -> list[Node]:
    return list(node.value.values()) if isinstance(node.value, dict) else []


def warnings_of(doc: Document, config: Config) -> list[Problem]:
    """What works but is probably not meant."""
    noted = Document(doc.name, doc.root)
    for desk in (*(a.name for a in config.of_role(Role.DESK)), *config.panels):
        if not config.channels_for(desk):
            noted.add_problem(("desks", desk), "in no route: nothing will reach this desk")
    if config.history.off:
        for desk in config.panels:
            noted.add_problem(("desks", desk), "with `history: off` there is no panel: nobody will see what it is sent")
    for account, field, value in _guards(config.accounts):
        if len(value) < GUARD_GOOD:
            noted.add_problem(
                _field_path(account, field),
                f"it guards a hook and has only {len(value)} characters; {GUARD_GOOD} or more cannot be guessed",
            )
    if config.store.embedded and config.fsync == "everysec":
        noted.add_problem(("fsync",), "what was accepted in the last second before a power cut may be lost")
    if config.sandboxes == "expose" and any(a.settings.sandboxed for a in config.accounts.values()):
        noted.add_problem(("sandboxes",), "whoever reaches the sandboxes reads and writes as anybody there")
    if not config.only_own and is_loopback(urlsplit(config.base_url).hostname or ""):
        noted.add_problem(
            ("public_url",), f"outside systems cannot reach {config.base_url}; set public_url to our public address"
        )
    return list(noted.problems())
