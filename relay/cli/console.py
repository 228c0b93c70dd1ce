"""Where commands write: for people on the terminal, for scripts as JSON. What strangers wrote is made harmless here.

Names, texts and error pages come from outside. In a terminal, escape sequences in them could set its title, fill the
clipboard or hide lines, so every control character is shown as an escape, in tables and in JSON alike.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200
R = TypeVar("R")

# C0 but line feed, DEL and C1; marks that reorder text; line separators; tags and other invisible format characters.
_CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
# What a terminal of an older encoding can show instead.
_PLAIN = {"⇄": "<->", "→": "->", "…": "...", "·": "-", "—": "-", "–": "-", "№": "No.", "“": '"', "”": '"', "’": "'"}


def harmless(text: str) -> str:
    """`\\x1b]0;x` -> `\\\\x1b]0;x`: control characters and invisible marks as escapes; line feeds stay."""
    return _CONTROLS.sub(lambda m: m[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str, limit: int = 0) -> str:
    """Harmless, white space joined, and cut to `limit` characters where one is given."""
    line = harmless(" ".join(text.split()))
    return line if not limit or len(line) <= limit else line[: limit - 1] + "…"


def plural(count: int, noun: str) -> str:
    """`1 dead letter`, `2 dead letters`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def make_readable() -> None:
    """Let standard output and error take any character, whatever the terminal's encoding."""
    codecs.register_error("relay.readable", _replace)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="relay.readable")


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


def out() -> Console:
    """For people, on standard output. Nothing is guessed to be markup or a number; long addresses are not broken."""
    return _console(file=sys.stdout, width=_width(sys.stdout))


def err() -> Console:
    """For people, on standard error."""
    return _console(file=sys.stderr, width=None)


def _console(**options: Any) -> Console:
    from rich.console import Console, ConsoleOptions, RenderableType  # noqa: PLC0415 - most scripts print JSON alone
    from rich.segment import Segment  # noqa: PLC0415

    class Harmless(Console):
        """Shows foreign control characters as escapes; its own styles are no text and stay."""

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control is None and _CONTROLS.search(segment.text):
                    yield Segment(harmless(segment.text), segment.style)
                else:
                    yield segment

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would end the program here, whatever it is doing

    return Harmless(highlight=False, soft_wrap=True, emoji=False, markup=False, **options)


def _width(stream: TextIO) -> int | None:
    """None for a window, whose width is its own. A file or a pipe has none, and Rich would take it for 80 columns."""
    return None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH


def write_json(value: Any) -> None:
    """For scripts: one JSON value on standard output."""
    plain = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    text = json.dumps(value, ensure_ascii=plain, indent=2)
    sys.stdout.write(_CONTROLS.sub(lambda m: json.dumps(m[0])[1:-1], text) + "\n")


def tell(found: R, as_json: bool, show: Callable[[R, Console], None]) -> None:
    """What was found: for scripts, or for people."""
    if as_json:
        write_json(found)
    else:
        show(found, out())
