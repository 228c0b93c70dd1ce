"""One fault, as a change of a few characters in a file that is found by what stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".py", ".lua", ".j2")
FOLDERS = ("relay", "bridges", "templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """`before` stands in exactly one file of the product; `after` takes its place. `caught_by` are test functions of
    which at least one must fail, in the files `run`."""

    name: str
    harm: str  # what would happen to people
    before: str
    after: str
    run: tuple[str, ...]
    caught_by: tuple[str, ...]


def find(root: Path, text: str) -> Path:
    """The one file of the product that holds `text`, once. Raises LookupError with a sentence."""
    found = [
        path
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in SUFFIXES and text in path.read_text("utf-8")
    ]
    if len(found) != 1:
        raise LookupError(f"{text[:60]!r} stands in {len(found)} files: {', '.join(map(str, found)) or 'none'}")
    if found[0].read_text("utf-8").count(text) != 1:
        raise LookupError(f"{text[:60]!r} stands more than once in {found[0]}")
    return found[0]


def apply(root: Path, mutant: Mutant) -> Path:
    """Put the fault in. Returns the changed file."""
    path = find(root, mutant.before)
    path.write_text(path.read_text("utf-8").replace(mutant.before, mutant.after), "utf-8")
    return path
