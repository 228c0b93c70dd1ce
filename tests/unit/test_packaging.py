"""What is installed is pinned with hashes, names no index and no machine; the installer speaks in sentences."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.pages import PARTS, renew

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==([^ ]+)(?: ; .+)? \\$")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return {m[1]: m[2] for line in lines if (m := PIN.match(line))}


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_line_is_a_pin_or_a_hash(name: str):
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        assert line.startswith("#") or PIN.match(line) or re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), (
            line
        )
        assert "://" not in line


def test_dev_holds_all_of_run_in_the_same_versions():
    run, dev = pins("run"), pins("dev")
    assert {name: dev.get(name) for name in run} == run


def test_every_dependency_of_the_project_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name, wanted in (("run", project["dependencies"]), ("dev", project["optional-dependencies"]["dev"])):
        for requirement in wanted:
            bare = re.split(r"[\[=<>; ]", requirement)[0].lower().replace("_", "-")
            assert bare in pins(name), f"{bare} is not in requirements/{name}.txt; run `make lock`"


def test_an_installer_called_wrongly_says_how():
    done = subprocess.run(
        [sys.executable, "requirements/install.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Say what to install" in done.stderr


def test_an_old_python_looks_for_a_newer_one_and_else_ends_with_a_sentence(tmp_path: Path):
    script = "import sys; sys.version_info = (3, 9, 1); sys.argv = ['install.py', 'run']; exec(open({!r}).read())"
    source = (ROOT / "requirements/install.py").read_text().replace("__file__", repr(str(tmp_path / "x" / "y")))
    (tmp_path / "install.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-c", script.format(str(tmp_path / "install.py"))],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "3.9.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_generated_parts_of_pages_are_up_to_date():
    for part in PARTS:
        text = part.page.read_text("utf-8")
        assert renew(text, part.name, part.make()) == text, f"{part.page.name}: run `make pages`"
    with pytest.raises(ValueError, match="no <!-- generated: x -->"):
        renew("", "x", "")


LOOKED_FOR = {"anyio", "httpcore", "h11"}  # sentry-sdk takes note of them where they are, and does without
IMPORT_ALL = """
import importlib, pkgutil, sys
from importlib.metadata import packages_distributions
import bridges, relay
own = "relay.history.migrations.env"  # only alembic can run it
for package in (relay, bridges):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith((own, "relay.__main__")):
            importlib.import_module(module.name)
owners = packages_distributions()
print(*sorted({o for name in list(sys.modules) if "." not in name for o in owners.get(name, ())}))
"""


def test_whatever_the_relay_imports_is_pinned_for_it_and_not_only_for_its_tests():
    """What a dependency imports because the tests' packages happen to be there too is missing on a user's machine."""
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in done.stdout.split()}
    assert {"aiohttp", "sqlalchemy", "greenlet"} <= names, "or this proves nothing"
    run = {re.sub(r"[-_.]+", "-", name).lower() for name in pins("run")}
    assert names - run - {"webhook-relay"} - LOOKED_FOR == set()
