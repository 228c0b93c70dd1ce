"""`relay export NUMBER`: everything that is kept of one person, as one file."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from relay.cli.commands.kept import ConversationNumber, Kept, with_kept
from relay.cli.console import out
from relay.cli.options import config_of, config_option
from relay.contract.errors import RelayError
from relay.history.forgetting import export


@click.command("export")
@config_option
@click.argument("number", type=ConversationNumber())
@click.option(
    "--to", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where; default here."
)
@click.pass_context
def command(ctx: click.Context, number: int, to: Path) -> None:
    """Write everything kept of one person into conversation-NUMBER.zip: messages, notes, files. NUMBER: '#42' or 42."""

    async def work(kept: Kept) -> Path:
        try:
            return await export(number, store=kept.store, database=kept.database, media=kept.media, to=to)
        except LookupError as e:
            raise RelayError(str(e)) from None
        except OSError as e:
            raise RelayError(f"cannot write to {to}: {e.strerror or e}") from e

    out().print(Text(str(with_kept(config_of(ctx), work))))
