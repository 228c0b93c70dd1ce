"""`relay retry NAME`: what sleeps until its next try is tried now."""

from __future__ import annotations

import click
from rich.text import Text

from relay.cli.console import out, plural
from relay.cli.open_store import ask_store
from relay.cli.options import config_option, known_name
from relay.config.load import Config
from relay.store.store import Store


@click.command("retry")
@config_option
@click.argument("name")
@click.pass_context
def command(ctx: click.Context, name: str) -> None:
    """Try now what waits for its next try at NAME."""

    async def work(store: Store, config: Config) -> tuple[int, bool]:
        known_name(config, name)
        woken = await store.retry(name)
        found = await store.destination(name)
        return woken, bool(found.paused or found.open_ms)

    woken, held = ask_store(ctx, work)
    said = f"{plural(woken, 'conversation')} tried now." if woken else "Nothing waits for its next try."
    out().print(Text(said + (f" {name} is held, though: `relay resume {name}` releases it." if held else "")))
