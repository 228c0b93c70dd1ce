"""The generated parts of pages: `make pages` writes them, `make check` fails when one is not up to date.

A part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`; the words around it are written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridges import ALL
from relay.contract import Feature, Support
from tests import handbook
from tests.coverage.page import tables

ROOT = Path(__file__).resolve().parent.parent

SIGNS = {Support.FULL: "✓", Support.FALLBACK: "as text", Support.DROP: "left out", Support.REFUSE: "–"}


@dataclass(frozen=True, slots=True)
class Part:
    """One generated part: where it stands and what makes it."""

    page: Path
    name: str
    make: Callable[[], str]


def features() -> str:
    """The feature matrix of all bridges, from their specs, as a Markdown table."""
    specs = [bridge.spec for bridge in ALL]
    rows = [
        ["", *(f"`{s.kind}`" for s in specs)],
        ["---"] * (len(specs) + 1),
        ["role", *(s.role.value for s in specs)],
        *([f.value, *(SIGNS[s.support.get(f, Support.REFUSE)] for s in specs)] for f in Feature),
        ["text, characters", *(_number(s.limits.text_chars) for s in specs)],
        ["text, bytes", *(_number(s.limits.text_bytes) for s in specs)],
        ["compared with its document on", *(s.checked_on.isoformat() for s in specs)],
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


PARTS = (
    Part(ROOT / "bridges" / "README.md", "features", features),
    Part(ROOT / "bridges" / "COVERAGE.md", "coverage", tables),
    Part(ROOT / "ARCHITECTURE.md", "imports", handbook.imports),
    Part(ROOT / "docs" / "configuration.md", "settings", handbook.settings),
    Part(ROOT / "docs" / "configuration.md", "accounts", handbook.bridge_settings),
    Part(ROOT / "docs" / "commands.md", "commands", handbook.commands),
    Part(ROOT / "docs" / "metrics.md", "figures", handbook.figures),
    Part(ROOT / "docs" / "api.md", "operations", handbook.operations),
    Part(ROOT / "docs" / "panel.md", "keyboard", handbook.keyboard),
)


def renew(text: str, name: str, made: str) -> str:
    """Pure: the page with that part replaced. Raises ValueError when the page has no such part."""
    pattern = re.compile(rf"(<!-- generated: {re.escape(name)} -->\n).*?(<!-- /generated -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no <!-- generated: {name} --> in it")
    return pattern.sub(lambda m: f"{m[1]}{made}\n{m[2]}", text)


def main(arguments: list[str]) -> int:
    """Exit status: 1 when `--check` finds a part that is out of date."""
    check = arguments == ["--check"]
    stale = 0
    for part in PARTS:
        text = part.page.read_text("utf-8")
        wanted = renew(text, part.name, part.make())
        if wanted == text:
            continue
        if check:
            print(f"{part.page.relative_to(ROOT)}: the part {part.name!r} is out of date; `make pages` writes it anew.")
            stale = 1
        else:
            part.page.write_text(wanted, "utf-8")
            print(f"{part.page.relative_to(ROOT)}: {part.name}")
    return stale


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
