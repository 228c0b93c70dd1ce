"""`relay provision`: our hook addresses, registered where the outside systems allow it."""

from __future__ import annotations

import asyncio

import click

from relay.cli.commands.doctor import fine, provision, rows_of, show
from relay.cli.console import out, write_json
from relay.cli.options import config_of, config_option, json_option, kinds


@click.command("provision")
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Register our hook addresses where the outside systems allow it."""
    found = asyncio.run(provision(config_of(ctx), kinds(ctx)))
    if as_json:
        write_json(rows_of(found))
    else:
        show(found, out(), nothing="nothing to register; its hooks are entered by hand, see `relay check`")
    return 0 if fine(found) else 1
