"""`relay serve`: the web half of a relay that is several processes."""

from __future__ import annotations

import click

from relay.cli.commands.run import run
from relay.cli.options import config_of, config_option, kinds
from relay.service.service import ProcessRole


@click.command("serve")
@config_option
@click.pass_context
def command(ctx: click.Context) -> int:
    """Run the web half alone: accepts hooks; `relay worker` delivers."""
    return run(config_of(ctx), kinds(ctx), ProcessRole(workers=False))
