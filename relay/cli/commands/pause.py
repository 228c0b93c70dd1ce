"""`relay pause NAME`: what goes there waits."""

from __future__ import annotations

import click
from rich.text import Text

from relay.cli.console import out
from relay.cli.open_store import ask_store
from relay.cli.options import config_option, known_name
from relay.config.load import Config
from relay.store.store import Store


@click.command("pause")
@config_option
@click.argument("name")
@click.pass_context
def command(ctx: click.Context, name: str) -> None:
    """Hold what goes to NAME: it waits, nothing is lost, no try is used."""

    async def work(store: Store, config: Config) -> None:
        known_name(config, name)
        await store.pause(name, "manual")

    ask_store(ctx, work)
    out().print(Text(f"{name} is paused; `relay resume {name}` lets it go on."))
