"""config.yaml to a `Config`, or to every problem in it at once.

`load` reads the file, puts in environment and files, validates each account with the settings of its bridge's kind, and
checks what no single part can know: names, routes, the secret key. It knows no bridge by name; the kinds are handed in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from relay.config import document, names, rules
from relay.config.complaints import complain_all
from relay.config.document import Document, KeyPath, Node
from relay.config.environment import override
from relay.config.masking import masked
from relay.config.rules import GROUPS, OWN
from relay.config.settings import DAY, PANEL, PanelDesk, Settings
from relay.config.suggestions import hint, listed, quoted
from relay.contract import BridgeSettings, BridgeSpec
from relay.contract.errors import ConfigError, Problem
from relay.contract.model import Role

DEFAULT_PATH = Path("config.yaml")
RETENTION_ALONE_S = 90 * DAY  # of the store, where there is no history besides


@dataclass(frozen=True, slots=True)
class Account:
    """One set of credentials at one outside system, in one role."""

    name: str
    role: Role
    kind: str  # the bridge's word: "insta"
    settings: BridgeSettings

    @property
    def own(self) -> bool:
        """True when only the relay itself stands behind it: a sandbox, or the built-in panel."""
        return self.settings.url in OWN


class Config(Settings):
    """The configuration, validated: all of `Settings`, the accounts, and the relay's own desks."""

    accounts: Mapping[str, Account] = Field(repr=False)
    panels: tuple[str, ...] = ()  # desks of kind `panel`, in the file's order
    path: Path  # the file it came from
    overrides: Mapping[str, str] = {}  # top-level keys that the environment sets, and by which variable
    warnings: tuple[Problem, ...] = ()  # what works but is probably not meant

    @property
    def base_url(self) -> str:
        """`public_url`, or where we listen. No trailing slash."""
        return self.public_url or self.local_url

    @property
    def local_url(self) -> str:
        """Where this machine reaches our web server; with port 0 only known once it listens."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def only_own(self) -> bool:
        """True when every account is the relay's own: nobody outside is spoken to."""
        return all(a.own for a in self.accounts.values())

    def of_role(self, role: Role) -> tuple[Account, ...]:
        """The accounts of one role, in the file's order."""
        return tuple(a for a in self.accounts.values() if a.role is role)

    def desks_for(self, channel: str) -> tuple[str, ...]:
        """The desks a channel's messages are delivered to, in the file's order; () for a channel without a route.

        Panels are not among them: they show what is journalled, so nothing needs to be delivered.
        """
        desks = next((r.desks for r in self.routes if r.channel == channel), ())
        return tuple(d for d in desks if d not in self.panels)

    def channels_for(self, desk: str) -> tuple[str, ...]:
        """The channels whose customers a desk answers."""
        return tuple(r.channel for r in self.routes if desk in r.desks)

    def summary(self) -> dict[str, Any]:
        """Everything, for logs and people: secrets are `***`."""
        own = {name: getattr(self, name) for name in Settings.model_fields if name not in GROUPS.values()}
        shown: dict[str, Any] = masked(own, self.model_dump(mode="json", include=set(own)))
        shown["public_url"] = self.base_url
        for role, group in GROUPS.items():
            shown[group] = {a.name: masked(a.settings) for a in self.of_role(role)}
        shown[GROUPS[Role.DESK]] |= {name: {"kind": PANEL} for name in self.panels}
        return shown


def load(path: Path | str, kinds: Mapping[str, BridgeSpec], env: Mapping[str, str] | None = None) -> Config:
    """Read a configuration. Raises ConfigError with every problem, in file order."""
    path = Path(path)
    return parse(document.read(path), kinds, env=env, path=path)


def parse(
    text: str,
    kinds: Mapping[str, BridgeSpec],
    *,
    env: Mapping[str, str] | None = None,
    path: Path = DEFAULT_PATH,
) -> Config:
    """The same from text; `path` gives the name in messages and the start of relative paths."""
    base = path.absolute().parent
    env = os.environ if env is None else env
    doc = document.parse(text, str(path), env, base)
    overrides = override(doc, env)
    settings = _validate(doc, Settings)
    accounts, panels = _accounts(doc, kinds, base)
    rules.check_routes(doc)
    rules.check_secret_key(doc, settings)
    rules.check_logins(doc, accounts)
    rules.check_guards(doc, accounts)
    if isinstance(settings, Settings):
        rules.check_together(doc, settings, base)
        rules.check_sandboxes(doc, settings, accounts)
    if doc.found:
        raise ConfigError(doc.problems())
    if not isinstance(settings, Settings):  # a model that failed without a complaint would be a bug of ours
        raise ConfigError([Problem(doc.name, "", "cannot be used, for a reason the relay cannot name")])
    known: dict[str, Any] = {name: getattr(settings, name) for name in Settings.model_fields}
    for role, group in GROUPS.items():  # as they stand in the file they hold secrets: only names and kinds are kept
        known[group] = {a.name: a.kind for a in accounts.values() if a.role is role}
    if settings.history.off and "retention" not in settings.model_fields_set:
        known["retention"] = RETENTION_ALONE_S
    known["data_dir"] = base / settings.data_dir
    known["templates_dir"] = base / settings.templates_dir if settings.templates_dir else None
    config = Config.model_construct(
        **known, accounts=accounts, panels=panels, path=path, overrides=overrides, warnings=()
    )
    return config.model_copy(update={"warnings": tuple(rules.warnings_of(doc, config))})


# --- parts ---------------------------------------------------------------------------------------------------------


def _validate(doc: Document, model: type[BaseModel], prefix: KeyPath = ()) -> BaseModel | None:
    """Validate one part of the document; problems are noted in it."""
    node = doc.locate(prefix)
    try:
        return model.model_validate(node.plain())
    except ValidationError as e:
        # An unquoted token of digits is a number to YAML. Where text is wanted, what was written is taken.
        if _take_as_written(doc, node, prefix, e):
            return _validate(doc, model, prefix)
        complain_all(doc, e, model, prefix)
    except RecursionError:
        doc.add_problem(prefix, "nested too deeply")
    return None


def _take_as_written(doc: Document, node: Node, prefix: KeyPath, error: ValidationError) -> bool:
    changed = False
    for detail in error.errors(include_url=False):
        if detail["type"] not in ("string_type", "tuple_type", "list_type"):
            continue
        at = node
        for key in detail["loc"]:
            at = at.get(key) or at
        if isinstance(at.value, bool | int | float):
            at.value = at.source
            changed = True
    return changed


def _accounts(doc: Document, kinds: Mapping[str, BridgeSpec], base: Path) -> tuple[dict[str, Account], tuple[str, ...]]:
    """The accounts at outside systems by name, and the names of the relay's own desks."""
    accounts: dict[str, Account] = {}
    panels: list[str] = []
    for role, group in GROUPS.items():
        node = doc.root.get(group)
        for name, below in (node.value if node and isinstance(node.value, dict) else {}).items():
            path = (group, name)
            if said := names.objection(name):
                doc.add_problem(path, said)
            if role is Role.DESK and name in rules.names_of(doc, Role.CHANNEL):
                doc.add_problem(path, f"the name is already taken by channels.{name}; names are unique over both")
            if role is Role.DESK and _is_panel(below):
                if _validate(doc, PanelDesk, path) is not None:
                    panels.append(str(name))
                continue
            account = _account(doc, kinds, role, path, below, base=base)
            if account is not None:
                accounts[name] = account
    return accounts, tuple(panels)


def _is_panel(node: Node) -> bool:
    kind = node.get("kind") if isinstance(node.value, dict) else None
    return kind is not None and not kind.invalid and kind.value == PANEL


def _account(
    doc: Document, kinds: Mapping[str, BridgeSpec], role: Role, path: KeyPath, node: Node, *, base: Path
) -> Account | None:
    group, other = GROUPS[role], next(g for r, g in GROUPS.items() if r is not role)
    allowed = [k for k, spec in kinds.items() if spec.role is role]
    allowed += [PANEL] if role is Role.DESK else []
    if node.invalid:
        return None
    if not isinstance(node.value, dict):
        doc.add_problem(path, f"found {document.shape(node)}; allowed is {{kind: …, url: …}}")
        return None
    kind = node.get("kind")
    if kind is None:
        doc.add_problem((*path, "kind"), f"missing: which system this is; allowed: {listed(allowed)}")
        return None
    spec = kinds.get(kind.value) if isinstance(kind.value, str) else None
    if spec is None or spec.role is not role:
        if kind.invalid:
            return None
        found = quoted(kind.source) if isinstance(kind.value, str) else document.shape(kind)
        if spec is not None:
            doc.add_problem((*path, "kind"), f"{found} belongs under {other}; under {group} allowed: {listed(allowed)}")
        else:
            doc.add_problem((*path, "kind"), f"no kind {found}; {hint(str(kind.value), allowed)}")
        return None
    for key, below in node.value.items():
        # Like data_dir and templates_dir: whoever starts the relay from elsewhere means the same file.
        if key.endswith("_file") and isinstance(below.value, str) and below.value:
            below.value = str(base / Path(below.value).expanduser())
    settings = _validate(doc, spec.settings, path)
    if not isinstance(settings, BridgeSettings):
        return None
    return Account(str(path[-1]), role, spec.kind, settings)
