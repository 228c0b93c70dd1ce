"""`relay check`: the map of a deployment. Reads the configuration and says what it means; no network."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.text import Text

from relay.cli.console import out, write_json
from relay.cli.loading import offline
from relay.cli.options import config_of, config_option, json_option, kinds
from relay.config.load import Config
from relay.config.masking import mask_url
from relay.config.settings import PANEL, Delivery, Growing
from relay.contract import SANDBOX
from relay.contract.durations import format_duration
from relay.contract.errors import ConfigError
from relay.contract.sizes import format_size
from relay.routing.accounts import Account, Accounts
from relay.texts.templates import Templates


def deployment_map(config: Config, accounts: Accounts) -> dict[str, Any]:
    """Channels, desks and routes with every hook address, as JSON; secrets of the settings are masked."""
    return {
        "file": str(config.path),
        "channels": [_account(c) for c in accounts.channels()],
        "desks": [_account(d) for d in accounts.desks()] + [_panel(p, config) for p in accounts.panels],
        "overrides": dict(config.overrides),
        "routes": [{"channel": r.channel, "desks": list(r.desks)} for r in config.routes],
        "warnings": [{"where": w.where, "key": w.key, "message": w.message} for w in config.warnings],
        "settings": config.summary(),
    }


def check_templates(config: Config) -> None:
    """Raises ConfigError for what is wrong with the deployment's own templates."""
    if problems := list(Templates(config.locale, config.templates_dir).problems()):
        raise ConfigError(problems)


def _account(connection: Account) -> dict[str, Any]:
    return {
        "name": connection.name,
        "kind": connection.bridge.spec.kind,
        "label": connection.bridge.spec.label,
        "url": mask_url(connection.settings.url),
        "hooks": connection.hooks(),
    }


def _panel(name: str, config: Config) -> dict[str, Any]:
    return {"name": name, "kind": PANEL, "label": "Operator panel", "url": f"{config.base_url}/panel", "hooks": {}}


def show(found: dict[str, Any], config: Config, console: Console) -> None:
    """The map for people. Hook addresses stand on lines of their own, whole, ready to be copied."""
    console.print(Text.assemble((f"{found['file']} is in order", "bold green")))
    for title in ("channels", "desks"):
        console.print(Text.assemble("\n", (title.capitalize(), "bold")))
        for account in found[title]:
            other = "the relay's own sandbox" if account["url"] == SANDBOX else account["url"]
            console.print(
                Text.assemble("  ", (account["name"], "bold cyan"), f"  {account['label']} ", (f"at {other}", "dim"))
            )
            for tail, address in account["hooks"].items():
                word = "" if tail.startswith("<") else tail
                console.print(Text.assemble("      ", ((word or "hook").ljust(8), "dim"), address))
    console.print(Text.assemble("\n", ("Routes", "bold")))
    for route in found["routes"]:
        desks = ", ".join(route["desks"])
        console.print(Text.assemble("  ", (route["channel"], "bold cyan"), " ⇄ ", (desks, "bold cyan")))
    where = f"{config.listen}, reached at {config.base_url}"
    console.print(Text.assemble("\n", ("Listens  ", "bold"), f" {where}"))
    console.print(Text.assemble(("Hooks    ", "bold"), f" {_hook_sizes(config)}"))
    if config.overrides:
        said = ", ".join(f"{key} by {variable}" for key, variable in config.overrides.items())
        console.print(Text.assemble(("Set from the environment: ", "bold"), said))
    console.print(Text.assemble("\n", ("Delivery", "bold"), "\n  ", delivery_words(config.delivery)))
    console.print(
        Text.assemble(
            ("Store    ", "bold"),
            f" {config.store}",
            f", fsync {config.fsync}, in {config.data_dir}" if config.store.embedded else "",
            f"; finished messages stay {format_duration(config.retention)}",
        )
    )
    kept = "off: no panel, no search" if config.history.off else mask_url(config.history.store)
    keep = "" if config.history.off else f", kept {format_duration(config.history.keep)}"
    console.print(Text.assemble(("History  ", "bold"), f" {kept}{keep}"))
    for warning in config.warnings:
        console.print(Text.assemble(("warning: ", "bold yellow"), str(warning)))


def _hook_sizes(config: Config) -> str:
    """What a proxy in front must let through."""
    most = format_size(config.max_body)
    return (
        f"of at most {most}, files of at most {format_size(config.media.max_file)}; a proxy in front must let them pass"
    )


def delivery_words(delivery: Delivery) -> str:
    """`9 attempts: at once, then after 5s, 15s, ...` - what a message is worth to this deployment, in one line."""
    attempts = delivery.retries + 1
    if attempts == 1:
        return f"1 attempt, of at most {format_duration(delivery.timeout)}"
    if isinstance(delivery.backoff, Growing):
        grow = delivery.backoff
        pauses = f"{format_duration(grow.first)}, each pause {grow.factor:g} times the one before, "
        pauses += f"at most {format_duration(grow.max)}"
    else:
        shown = [format_duration(delivery.pause_s(n)) for n in range(1, min(delivery.retries, 10) + 1)]
        pauses = ", ".join(shown) + (", …" if delivery.retries > len(shown) else "")
    return (
        f"{attempts} attempts of at most {format_duration(delivery.timeout)}: at once, then after {pauses} "
        f"({_together(delivery)} in all)"
    )


def _together(delivery: Delivery) -> str:
    total = sum(delivery.pause_s(n) for n in range(1, delivery.retries + 1))
    for size, unit in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if total >= 2 * size:
            return f"about {total / size:.0f} {unit}"
    return f"about {total:.0f} seconds"


@click.command("check")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Read the configuration and show the map: channels, desks, routes, hook addresses. No network."""
    config = config_of(ctx)
    check_templates(config)
    found = deployment_map(config, offline(config, kinds(ctx)))
    if as_json:
        write_json(found)
    else:
        show(found, config, out())
