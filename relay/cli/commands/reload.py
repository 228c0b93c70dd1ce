"""`relay reload`: running processes read the configuration again."""

from __future__ import annotations

import click
from rich.text import Text

from relay.cli.console import err, out
from relay.cli.options import config_of, config_option
from relay.cli.running import ask_all


@click.command("reload")
@config_option
@click.pass_context
def command(ctx: click.Context) -> int:
    """Have the running relay read its configuration again: it shows and applies what changed, or changes nothing.

    The processes on this machine that use the same data_dir are asked. A SIGHUP does the same, unless it comes from the
    closing of the terminal that the relay was started in, which stops it.
    """
    config = config_of(ctx)  # what cannot be used is told here, with all its problems, before anybody is asked
    answers = ask_all(config.data_dir)
    if not answers:
        err().print(Text(f"No relay runs on {config.data_dir} on this machine; `relay run` starts one."))
        return 1
    for pid, answer in answers.items():
        console = out() if answer.ok else err()
        console.print(Text(f"process {pid}: {'reloaded' if answer.ok else 'nothing was changed'}"))
        for line in answer.lines or ("nothing differs",):
            console.print(Text(f"  {line}"))
        for warning in answer.warnings:
            console.print(Text(f"  warning: {warning}", style="yellow"))
    return 0 if all(a.ok for a in answers.values()) else 1
