"""`relay init`: asks for the accounts, writes config.yaml and .env, and tries them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import click
from pydantic import SecretStr, ValidationError
from rich.text import Text

from relay.cli.commands.doctor import doctor, show
from relay.cli.console import out
from relay.cli.loading import Kinds, load_config
from relay.cli.options import config_option, config_path, kinds
from relay.cli.secret_files import store_secret
from relay.config.load import DEFAULT_PATH
from relay.config.names import objection
from relay.config.settings import PANEL
from relay.contract import SANDBOX, Bridge
from relay.contract.model import Role

INBOX = "inbox"  # the relay's own panel


class Answers:
    """What was answered so far: accounts as they go into the file, and the secrets that go beside it."""

    def __init__(self) -> None:
        self.public_url = ""
        self.accounts: dict[Role, dict[str, dict[str, Any]]] = {role: {} for role in Role}
        self.secrets: dict[str, str] = {"RELAY_SECRET_KEY": secrets.token_hex(32)}

    @property
    def names(self) -> set[str]:
        return {INBOX, *(name for group in self.accounts.values() for name in group)}


@click.command("init")
@config_option
@click.option("--force", is_flag=True, help="Write over the files that are there.")
@click.option("--no-doctor", is_flag=True, help="Do not try the accounts.")
@click.pass_context
def command(ctx: click.Context, force: bool, no_doctor: bool) -> int:
    """Ask for the accounts, write config.yaml and .env beside it, and try them."""
    path = config_path(ctx) or DEFAULT_PATH
    env_path = path.parent / ".env"
    for there in (path, env_path):
        if there.exists() and not force:
            raise click.UsageError(f"{there} is there already; name another with -c FILE, or say --force.")
    known = kinds(ctx)
    answers = _asked(known)
    path.write_text(config_text(answers), "utf-8")
    store_secret(env_path, env_text(answers))
    config = load_config(path, known)
    out().print(Text(f"Wrote {path} and {env_path}; only you can read the second. Both are read from here on."))
    if no_doctor:
        return 0
    show(asyncio.run(doctor(config, known)), out(), nothing="cannot be asked without sending")
    out().print(Text(f"Next: relay run -c {path}, and relay check -c {path} for the hook addresses."))
    return 0


def _asked(known: Kinds) -> Answers:
    answers = Answers()
    click.echo("An empty answer takes what stands in brackets.")
    answers.public_url = click.prompt(
        "Where outside systems will reach the relay, as https://... (empty: a trial on this machine)",
        default="",
        show_default=False,
    ).rstrip("/")
    for role, noun in ((Role.CHANNEL, "channel"), (Role.DESK, "desk")):
        of_role = [kind for kind, bridge in known.items() if bridge.spec.role is role]
        if role is Role.DESK:
            click.echo("The relay's own panel is always a desk; others may answer besides.")
        while True:
            needed = role is Role.CHANNEL and not answers.accounts[role]
            choices = [*of_role, *([] if needed else ["done"])]
            kind = click.prompt(f"Add a {noun}", type=click.Choice(choices), default=None if needed else "done")
            if kind == "done":
                break
            _account(answers, role, known[kind])
    return answers


def _account(answers: Answers, role: Role, bridge: type[Bridge[Any]]) -> None:
    spec = bridge.spec
    while True:
        name = click.prompt("  Its name, for hook addresses and commands", default=_free(spec.kind, answers.names))
        if name in answers.names:
            click.echo(f"  There is a {name} already.")
        elif why := objection(name):
            click.echo(f"  {why}")
        else:
            break
    while True:
        url = click.prompt("  Its address (`sandbox` for a trial)", default=SANDBOX)
        given: dict[str, str] = {"kind": spec.kind, "url": url}
        fields = spec.settings.model_fields
        for field, info in fields.items():
            hidden = field in spec.settings.stand_ins
            plain = info.annotation is str and info.default == ""
            if url == SANDBOX or not (hidden or plain):
                continue
            about = (info.description or field).rstrip(".")
            value = click.prompt(f"  {field} ({about})", default="", show_default=False, hide_input=hidden)
            if value:
                given[field] = value
        try:
            spec.settings.model_validate(given)
        except ValidationError as e:
            click.echo("  " + "; ".join(str(one.get("ctx", {}).get("error", one["msg"])) for one in e.errors()))
            continue
        break
    account: dict[str, Any] = {}
    for field, value in given.items():
        if field in spec.settings.stand_ins or isinstance(value, SecretStr):
            variable = f"{name}_{field}".upper().replace("-", "_")
            answers.secrets[variable] = value
            account[field] = f"${{{variable}}}"
        else:
            account[field] = value
    answers.accounts[role][name] = account


def _free(word: str, taken: set[str]) -> str:
    return next(n for n in (word, *(f"{word}{i}" for i in range(2, 1000))) if n not in taken)


def config_text(answers: Answers) -> str:
    """config.yaml; secrets are in it by name only."""
    desks = {INBOX: {"kind": PANEL}} | answers.accounts[Role.DESK]
    lines = ["# Written by `relay init`; `relay schema` describes everything that may stand here."]
    if answers.public_url:
        lines += [f"public_url: {answers.public_url}"]
    lines += ["listen: 127.0.0.1:8080", "secret_key: ${RELAY_SECRET_KEY}", "store: embedded", "data_dir: ./data", ""]
    for title, group in (("channels", answers.accounts[Role.CHANNEL]), ("desks", desks)):
        lines.append(f"{title}:")
        lines += [f"  {name}: {{{_flow(account)}}}" for name, account in group.items()]
    lines.append("routes:")
    lines += [f"  - {{channel: {name}, desks: [{', '.join(desks)}]}}" for name in answers.accounts[Role.CHANNEL]]
    return "\n".join(lines) + "\n"


def _flow(account: Mapping[str, Any]) -> str:
    return ", ".join(f"{field}: {_quoted(str(value))}" for field, value in account.items())


def _quoted(value: str) -> str:
    if value.startswith("${") or value.replace("-", "").replace("_", "").isalnum():
        return value
    return "'" + value.replace("'", "''") + "'"


def env_text(answers: Answers) -> str:
    """.env: a line a secret."""
    return "\n".join(f"{name}={value}" for name, value in answers.secrets.items())
