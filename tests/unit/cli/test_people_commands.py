"""`relay user` and `relay token`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import bridges
from relay.cli.main import cli
from tests.harness import end_embedded_store

PASSWORD = "сиреневый трамвай у реки 7"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """`run("user", "list")` -> what it said."""
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
                "desks": {"panel": {"kind": "operator", "url": "sandbox"}},
                "routes": [{"channel": "shop", "desks": ["panel"]}],
            }
        )
    )

    def typed(*words: str, given: str = "") -> Result:
        return CliRunner().invoke(cli, [*words, "-c", str(config)], input=given, obj=bridges.ALL)

    yield typed
    end_embedded_store(tmp_path / "data")


def test_people_are_added_changed_and_removed(run: Any):
    assert "Nobody can log in yet" in run("user", "list").output
    assert run("user", "add", "Anna", "--role", "admin", given=PASSWORD + "\n").exit_code == 0
    said = run("user", "add", "boris", "--link")
    assert "/setup/" in said.output
    listed = {u["name"]: u for u in json.loads(run("user", "list", "--json").output)}
    assert (listed["anna"]["role"], listed["anna"]["invited"]) == ("admin", False)
    assert (listed["boris"]["role"], listed["boris"]["invited"]) == ("operator", True)
    assert run("user", "add", "anna", "--link").exit_code == 1
    weak = run("user", "passwd", "anna", given="short\n")
    assert (weak.exit_code, "too short" in weak.output) == (1, True)
    assert run("user", "disable", "anna").exit_code == 0
    assert json.loads(run("user", "list", "--json").output)[0]["disabled"] is True
    assert run("user", "remove", "boris").exit_code == 0
    assert run("user", "remove", "boris").exit_code == 1
    assert run("user", "add", "no spaces", "--link").exit_code == 2


def test_tokens_are_shown_once(run: Any):
    made = json.loads(run("token", "add", "script", "--scope", "write", "--json").output)
    assert set(made) == {"name", "id", "scope", "token"}
    assert made["token"].startswith(f"rly_{made['id']}_")
    listed = run("token", "list", "--json").output
    assert made["token"][13:] not in listed
    assert [t["name"] for t in json.loads(listed)] == ["script"]
    assert run("token", "add", "script").exit_code == 1
    assert run("token", "revoke", "nothing").exit_code == 1
    assert run("token", "revoke", "script").exit_code == 0
    assert json.loads(run("token", "list", "--json").output) == []
