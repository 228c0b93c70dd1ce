"""What the repository cites is in the repository: `PITFALLS A11`, `PITFALLS 3.2` and `PITFALLS experiment 18` lead into
docs/pitfalls.md, `FACTS 1.8` into the FACTS.md of a bridge."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bridges
from tests.faults.catalogue import in_order

ROOT = Path(bridges.__file__).resolve().parent.parent
SUFFIXES = {".py", ".lua", ".md", ".js", ".j2", ".yaml", ".toml", ".css", ".html"}
HERE = Path(__file__).relative_to(ROOT).as_posix()

ID = r"A?\d+(?:\.\d+)?"
CITATION = re.compile(rf"\b(PITFALLS|FACTS)\s+(experiments?\s+)?({ID}(?:(?:,| and| to)\s+{ID})*)")
# Names of papers that a reader does not have.
ABROAD = re.compile(r"\bRELIABILITY\b|\b[Ff]acts \d|\bFIXES\b|\bHOUSE\.md\b|\bEXAMPLES\.md\b")


def texts() -> Iterator[tuple[str, str]]:
    """(path, text) of every file of ours that may cite something."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    names = listed.stdout.splitlines() or [
        p.relative_to(ROOT).as_posix()
        for folder in ("relay", "bridges", "templates", "tests", "docs")
        for p in (ROOT / folder).rglob("*")
    ]
    for name in names:
        path = ROOT / name
        if path.suffix in SUFFIXES and name != HERE and path.is_file():
            yield name, path.read_text("utf-8")


def ids(text: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, text, re.MULTILINE))


def test_every_citation_leads_somewhere() -> None:
    pitfalls = (ROOT / "docs" / "pitfalls.md").read_text("utf-8")
    there = ids(pitfalls, r"^\| (A\d+) \|") | ids(pitfalls, r"^#{2,3} (\d(?:\.\d)?) ")
    experiments = ids(pitfalls, r"^\| (\d+)[a-z]? \|")
    pages = [path.read_text("utf-8") for path in ROOT.glob("bridges/*/FACTS.md")]
    facts = {found for page in pages for found in ids(page, r"^## (\d(?:\.\d)?) ")}
    lost = []
    for name, text in texts():
        flowing = " ".join(re.sub(r"\n\s*(?:#|--|//|\*)?\s*", " ", text).split())  # a citation may be broken over lines
        for what, experiment, listed in CITATION.findall(flowing):
            known = facts if what == "FACTS" else experiments if experiment else there
            lost += [f"{name}: {what} {experiment}{i}" for i in re.findall(ID, listed) if i not in known]
    assert lost == []


def test_nothing_is_cited_that_a_reader_does_not_have() -> None:
    found = [f"{name}: {m[0]}" for name, text in texts() for m in ABROAD.finditer(text)]
    assert found == []


def test_the_experiments_are_those_that_there_are() -> None:
    pitfalls = (ROOT / "docs" / "pitfalls.md").read_text("utf-8")
    listed = ids(pitfalls, r"^\| (\d+[a-z]*) \|")
    assert {n for n in in_order() if "x" not in n} <= listed
