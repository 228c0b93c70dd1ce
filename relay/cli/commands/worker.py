"""`relay worker`: the delivering half of a relay that is several processes."""

from __future__ import annotations

import click

from relay.cli.commands.run import check_only, run
from relay.cli.options import config_of, config_option, kinds
from relay.service.service import ProcessRole


@click.command("worker")
@config_option
@click.option("--only", multiple=True, metavar="NAME", help="Work for this destination alone; may be repeated.")
@click.pass_context
def command(ctx: click.Context, only: tuple[str, ...]) -> int:
    """Run the delivering half alone, against the same store."""
    config = config_of(ctx)
    check_only(config, only)
    return run(config, kinds(ctx), ProcessRole(web=False, only=only or None))
