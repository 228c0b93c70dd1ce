"""What `pip install .` installs works by itself: without the source tree, from any directory."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import aiohttp
import pytest

from tests.harness import free_port, until
from tests.harness.processes import end_embedded_store

ROOT = Path(__file__).resolve().parents[2]
IGNORED = ("data", "build", "dist", "tests", "node_modules")  # at the top; a package may have a folder of that name
CONFIG = """\
listen: 127.0.0.1:{port}
channels:
  shop: {{kind: insta, url: sandbox}}
  messenger: {{kind: astrak, url: sandbox, receive: polling}}
desks:
  panel: {{kind: operator, url: sandbox}}
  sales: {{kind: team, url: sandbox}}
routes:
  - {{channel: shop, desks: [panel, sales]}}
  - {{channel: messenger, desks: [panel, sales]}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`relay` in an environment that holds the wheel and the pinned dependencies, and cannot see the source tree.

    The dependencies are those of the environment the tests run in: a plain directory on the path, whose own links to
    the source tree are therefore not followed.
    """
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"
    shutil.copytree(ROOT, source, ignore=ignored)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", base, source)
    shutil.rmtree(source)
    (wheel,) = base.glob("*.whl")
    environment = base / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    run(sys.executable, "-m", "pip", "--python", environment, "install", "-q", "--no-deps", "--no-index", wheel)
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin" / "relay"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty directory with a config.yaml."""
    (tmp_path / "config.yaml").write_text(CONFIG.format(port=free_port()))
    return tmp_path


def ignored(folder: str, names: list[str]) -> list[str]:
    """What is no part of the source."""
    top = Path(folder) == ROOT
    return [
        n for n in names if n == "__pycache__" or (top and (n in IGNORED or n[0] == "." or n.endswith(".egg-info")))
    ]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Standard output; fails with what was said when the exit status is not 0."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RELAY"))}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_not_the_source_tree(installed: Path, folder: Path):
    python = installed.with_name("python")
    for package in ("relay", "bridges", "templates"):
        where = Path(run(python, "-c", f"import {package}; print({package}.__file__)", cwd=folder).strip())
        assert where.is_relative_to(installed.parent.parent), package


def test_every_package_and_file_of_the_tree_is_in_it(installed: Path):
    (there,) = installed.parent.parent.glob("lib/python*/site-packages")
    listed = subprocess.run(
        ["git", "ls-files", "relay", "bridges", "templates"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    missing = [f for f in listed.stdout.splitlines() if (ROOT / f).exists() and not (there / f).exists()]
    assert missing == []


def test_version_and_schema(installed: Path, folder: Path):
    assert run(installed, "--version", cwd=folder).startswith("relay, version ")
    assert "channels" in json.loads(run(installed, "schema", cwd=folder))["properties"]


def test_check(installed: Path, folder: Path):
    assert "config.yaml is in order" in run(installed, "check", cwd=folder)


async def test_run_brings_a_message_through(installed: Path, folder: Path, session: aiohttp.ClientSession):
    found = json.loads(await asyncio.to_thread(run, installed, "check", "--json", cwd=folder))
    address = "http://" + found["settings"]["listen"]
    with (folder / "log").open("wb") as log:
        relay = await asyncio.create_subprocess_exec(
            installed, "run", cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:

        async def ready() -> bool:
            assert relay.returncode is None, (folder / "log").read_text()
            try:
                async with session.get(f"{address}/readyz") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await until(ready, 30, what="ready")
        async with session.get(f"{address}/") as response:
            assert response.status == 200
        act = f"{address}/sandbox/shop/_sandbox/act/customer"
        async with session.post(act, json={"username": "anna.p", "name": "Anna"}) as response:
            anna = (await response.json())["id"]
        act = f"{address}/sandbox/shop/_sandbox/act/write"
        async with session.post(act, json={"customer_id": anna, "text": "out of the wheel"}) as response:
            assert response.status == 200, await response.text()

        async def arrived() -> bool:
            for desk in ("panel", "sales"):
                async with session.get(f"{address}/sandbox/{desk}/_sandbox/state") as response:
                    if "out of the wheel" not in await response.text():
                        return False
            return True

        await until(arrived, 20, what="the message at both desks")
        relay.terminate()
        assert await asyncio.wait_for(relay.wait(), 30) == 0
    finally:
        if relay.returncode is None:
            relay.kill()
            await relay.wait()
        end_embedded_store(folder / "data")
