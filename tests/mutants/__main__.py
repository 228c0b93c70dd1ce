"""Apply each fault to a copy of the tree, run the tests that should notice, and say which did.

python -m tests.mutants              all of them; exit 1 when one is not caught by a test it names
python -m tests.mutants NAME ...     these
python -m tests.mutants --write      and write the table to tests/mutants/RESULTS.md
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import FOLDERS, Mutant, apply

ROOT = Path(__file__).resolve().parents[2]
COPIED = (*FOLDERS, "tests", "pyproject.toml", "config.yaml", "README.md", "requirements")
TIMEOUT_S = 300
_FAILED = re.compile(r"^(?:FAILED|ERROR) \S+?::(\w+)", re.MULTILINE)


def copy_tree(where: Path) -> None:
    """The product and its tests, without caches."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, where / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.exists():
            shutil.copy2(source, where / name)


def failures(where: Path, mutant: Mutant) -> list[str]:
    """The test functions that failed, in order; `pytest did not run` when it could not even begin."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--maxfail=20", "-p", "no:cacheprovider", "--no-header", "-rfE",
         "--tb=no", *mutant.run],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(where), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return []
    return list(dict.fromkeys(_FAILED.findall(done.stdout))) or [f"pytest did not run: {done.stdout[-300:]}"]


def try_one(mutant: Mutant) -> tuple[bool, list[str], float]:
    """(caught by a test it names, what failed, seconds)."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        where = Path(folder)
        copy_tree(where)
        apply(where, mutant)
        failed = failures(where, mutant)
    return bool(set(failed) & set(mutant.caught_by)), failed, time.monotonic() - began


def table(rows: list[tuple[Mutant, bool, list[str]]]) -> str:
    """RESULTS.md."""
    lines = [
        "# Faults put into the product, and who noticed",
        "",
        "Written by `make mutants`. Each row is a change of a few characters, made in a copy of the tree; the tests",
        "named are those that failed.",
        "",
        "| fault | what would happen | caught by |",
        "| --- | --- | --- |",
    ]
    for mutant, caught, failed in rows:
        by = ", ".join(f"`{name}`" for name in failed[:3]) if caught else "**NOT CAUGHT**"
        lines.append(f"| {mutant.name} | {mutant.harm} | {by} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    write = "--write" in arguments
    wanted = [a for a in arguments if not a.startswith("-")]
    chosen = [m for m in MUTANTS if not wanted or m.name in wanted]
    if unknown := set(wanted) - {m.name for m in MUTANTS}:
        print(f"There is no mutant {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    rows = []
    for mutant in chosen:
        caught, failed, took_s = try_one(mutant)
        rows.append((mutant, caught, failed))
        said = (
            f"caught by {', '.join(failed[:3])}" if caught else f"NOT CAUGHT; failed: {', '.join(failed) or 'nothing'}"
        )
        print(f"{'ok  ' if caught else 'FAIL'} {mutant.name} ({took_s:.0f} s): {said}", flush=True)
    if write and not wanted:
        (ROOT / "tests" / "mutants" / "RESULTS.md").write_text(table(rows), "utf-8")
    missed = sum(not caught for _, caught, _ in rows)
    print(f"{len(rows) - missed} caught, {missed} not")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
