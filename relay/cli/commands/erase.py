"""`relay erase NUMBER`: forget one person everywhere."""

from __future__ import annotations

import click
from rich.text import Text

from relay.cli.commands.kept import ConversationNumber, Kept, with_kept
from relay.cli.commands.with_people import operating
from relay.cli.console import out, plural
from relay.cli.options import config_of, config_option
from relay.config.secret_keys import secret_keys
from relay.contract.errors import RelayError
from relay.history.forgetting import forget
from relay.people.people import People


@click.command("erase")
@config_option
@click.argument("number", type=ConversationNumber())
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(ctx: click.Context, number: int, yes: bool) -> None:
    """Forget one person everywhere: store, history, search and files. NUMBER: '#42' or 42. The relay may run."""
    config = config_of(ctx)
    if not yes and not click.confirm(f"Everything of conversation #{number} will be gone for good. Go on?"):
        raise RelayError("nothing was erased")

    async def work(kept: Kept) -> dict[str, int]:
        if await kept.store.contact(number) is None:
            raise RelayError(f"There is no conversation #{number}.")
        # Notices and answers went under the names of accounts that may have left the configuration since.
        names = list(config.accounts)
        names += await kept.store.orphans(names)
        found = await forget(number, store=kept.store, database=kept.database, media=kept.media, destinations=names)
        if kept.database is not None:
            people = People(kept.database, kept.store, secret_keys(config))
            await people.audit.note(operating(), "contact erased", on=f"#{number}")
        return found

    gone = with_kept(config, work)
    said = ", ".join(plural(count, noun.removesuffix("s")) for noun, count in gone.items())
    out().print(Text(f"Conversation #{number} is forgotten: {said}."))
