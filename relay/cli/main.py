"""The command line. Each command is a module of `relay.cli.commands`, loaded when it is asked for.

A new command is a module with a click command called `command`, and a line here.
"""

from __future__ import annotations

import click

from relay.cli.group import RelayGroup
from relay.cli.options import config_option

_IN = "relay.cli.commands."
COMMANDS = {
    "run": _IN + "run",
    "serve": _IN + "serve",
    "worker": _IN + "worker",
    "check": _IN + "check",
    "reload": _IN + "reload",
    "doctor": _IN + "doctor",
    "provision": _IN + "provision",
    "explain": _IN + "explain",
    "trace": _IN + "trace",
    "status": _IN + "status",
    "pause": _IN + "pause",
    "resume": _IN + "resume",
    "retry": _IN + "retry",
    "dead": _IN + "dead",
    "history": _IN + "history",
    "export": _IN + "export",
    "erase": _IN + "erase",
    "user": _IN + "users",
    "token": _IN + "tokens",
    "healthy": _IN + "healthy",
    "init": _IN + "init",
    "sandbox": _IN + "sandbox",
    "schema": _IN + "schema",
}


@click.group(
    cls=RelayGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@config_option
@click.version_option(package_name="webhook-relay", prog_name="relay")
def cli() -> None:
    """Carries messages between customers' channels and the team's desks, durably."""
