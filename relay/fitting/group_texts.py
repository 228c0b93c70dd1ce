"""What a colleague wrote in a group, as an event: the same words mean the same in every group desk. Pure."""

from __future__ import annotations

from relay.contract.model import Answer, Command, Content, Misaddressed, Note
from relay.fitting.addressing import Addressed, Commanded, Nearly, addressed
from relay.fitting.options import take_options


def group_event(
    text: str, *, author: str, identity: tuple[str, ...], within_s: float | None = None
) -> Answer | Command | Misaddressed | Note:
    """An answer, a command, a hint that is due, or talk. `identity` and `within_s`: see `Answer`."""
    match addressed(text):
        case Addressed() as to:
            words, options = take_options(to.rest)
            return Answer(
                contact_id=to.number,
                username=to.username,
                content=Content(text=words, options=options),
                author=author,
                identity=identity,
                within_s=within_s,
                raw_text=text,
            )
        case Commanded() as command:
            return Command(
                name=command.name, argument=command.argument, author=author, identity=identity, raw_text=text
            )
        case Nearly() as nearly:
            return Misaddressed(
                notice=nearly.notice,
                contact_id=nearly.number,
                username=nearly.username,
                other=nearly.other,
                identity=identity,
                raw_text=text,
            )
    return Note(text=text)
