"""`relay schema`: JSON Schema of config.yaml."""

from __future__ import annotations

import click

from relay.cli.console import write_json
from relay.cli.loading import specs_of
from relay.cli.options import kinds
from relay.config.json_schema import json_schema


@click.command("schema")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the JSON Schema of config.yaml, for editors."""
    write_json(json_schema(specs_of(kinds(ctx)).values()))
