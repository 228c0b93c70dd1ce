"""`relay init` asks, and what it writes is in order."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bridges
from relay.cli.main import cli

TOKEN = "INSTA-00000-TOKEN-00000"
HOOK = "panel-hook-token-0123456789"


def init(folder: Path, *answers: str, args: tuple[str, ...] = ()) -> Result:
    command = ["init", "-c", str(folder / "config.yaml"), "--no-doctor", *args]
    return CliRunner().invoke(cli, command, obj=bridges.ALL, input="\n".join(answers) + "\n")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAY_SECRET_KEY", raising=False)


def test_real_accounts_become_a_file_in_order_and_secrets_beside_it(tmp_path: Path):
    done = init(
        tmp_path,
        "https://relay.example.com/",
        *("insta", "shop", "https://api.getloo.ru/insta", TOKEN, "done"),
        *("operator", "crm", "https://crm.example.com/api", "crm-token", HOOK, "done"),
    )
    assert done.exit_code == 0, done.output
    text = (tmp_path / "config.yaml").read_text()
    secrets = (tmp_path / ".env").read_text()
    assert TOKEN not in text + done.output and HOOK not in text + done.output
    assert f"SHOP_TOKEN={TOKEN}\n" in secrets and f"CRM_WEBHOOK_TOKEN={HOOK}\n" in secrets
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    checked = CliRunner().invoke(cli, ["check", "-c", str(tmp_path / "config.yaml")], obj=bridges.ALL)
    assert checked.exit_code == 0, checked.output
    assert "shop ⇄ inbox, crm" in checked.output
    assert "https://relay.example.com/hooks/shop/" in checked.output


def test_a_slip_is_asked_again_and_a_trial_needs_nothing(tmp_path: Path):
    done = init(tmp_path, "", *("insta", "Shop", "shop", "ftp://x", "", "sandbox", "done"), "done")
    assert done.exit_code == 0, done.output
    assert "is not allowed as a name" in done.output and "allowed is an address" in done.output
    assert "shop: {kind: insta, url: sandbox}" in (tmp_path / "config.yaml").read_text()


def test_what_is_there_is_not_written_over(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("mine")
    done = init(tmp_path)
    assert done.exit_code == 2 and "is there already" in done.output
    assert (tmp_path / "config.yaml").read_text() == "mine"
