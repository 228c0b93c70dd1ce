"""What strangers wrote does nothing to a terminal, and every terminal can show what we write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from relay.cli.console import harmless, one_line, out, plural, write_json

ROOT = Path(__file__).resolve().parents[3]
EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x07\x9b31m\u202egpj.exe\u2066\u200b\u2028\U000e0041\x7f\rover"


def test_foreign_words_cannot_drive_a_terminal(capsys: pytest.CaptureFixture[str]):
    table = Table(box=None)
    table.add_row(Text(EVIL), EVIL)
    console = out()
    console.print(table)
    console.print(Text.assemble(("name ", "bold"), EVIL))
    console.print(EVIL)
    write_json({"text": EVIL, EVIL: 1})
    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\x07\x9b\x7f\r\u202e\u2066\u200b\u2028\U000e0041")
    assert "\\x1b]52;c" in shown


def test_json_stays_json(capsys: pytest.CaptureFixture[str]):
    write_json({"text": EVIL + "Анна"})
    assert json.loads(capsys.readouterr().out) == {"text": EVIL + "Анна"}


def test_small_words():
    assert harmless("a\nb") == "a\nb"
    assert one_line(" a\n\n b\tc ", 4) == "a b…"
    assert (plural(1, "dead letter"), plural(2, "dead letter"), plural(0, "dead letter")) == (
        "1 dead letter",
        "2 dead letters",
        "0 dead letters",
    )


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "ascii", "cp866", "utf-8"])
@pytest.mark.parametrize("args", [("check",), ("check", "--json"), ("schema",), ("--help",)])
def test_every_terminal_can_show_it(tmp_path: Path, encoding: str, args: tuple[str, ...]):
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text("utf-8"), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "relay", *args],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    shown = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr.decode(encoding)
    if args == ("check",):
        assert ("<->" if encoding != "utf-8" else "⇄") in shown
    elif args != ("--help",):
        json.loads(shown)


@pytest.mark.parametrize("args", [("check",), ("schema",), ("nonsense",)])
def test_a_reader_that_goes_away_is_no_traceback(args: tuple[str, ...]):
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&1 | head -c 1', "sh", sys.executable, "-m", "relay", *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr and "Exception ignored" not in done.stdout + done.stderr
