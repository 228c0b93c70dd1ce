"""`relay resume NAME`: whatever held it, it goes on."""

from __future__ import annotations

import click
from rich.text import Text

from relay.cli.console import out
from relay.cli.open_store import ask_store
from relay.cli.options import config_option, known_name
from relay.config.load import Config
from relay.store.store import Store


@click.command("resume")
@config_option
@click.argument("name")
@click.pass_context
def command(ctx: click.Context, name: str) -> None:
    """Let what goes to NAME go on, whatever held it."""

    async def work(store: Store, config: Config) -> bool:
        known_name(config, name)
        return await store.resume(name)

    held = ask_store(ctx, work)
    out().print(Text(f"{name} goes on." if held else f"{name} was not held."))
