"""What README and handbook say is so: commands parse, configurations are in order, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from bridges import ALL
from relay.cli.loading import kinds_of, specs_of
from relay.cli.main import cli
from relay.config.load import parse

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "bridges" / "README.md"])
COMMAND_PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
ENV = {
    "RELAY_SECRET_KEY": "0123456789abcdef" * 4,
    "INSTA_TOKEN": "G23SF-AKFH5-H390S-HDRJS-Y5U43",
    "TEAM_KEY": "a-key-of-a-group-0123456789",
}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(relay [a-z][^`\n]*)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_GENERATED = re.compile(r"<!-- generated: .*?<!-- /generated -->", re.DOTALL)


def _command_lines() -> list[tuple[str, str]]:
    found = []
    for page in COMMAND_PAGES:
        text = _GENERATED.sub("", page.read_text("utf-8"))
        for language, block in _BLOCK.findall(text):
            lines = [line for line in block.splitlines() if line.startswith("relay ")] if language == "sh" else []
            found += [(page.name, line) for line in lines]
        found += [(page.name, line) for line in _INLINE.findall(_BLOCK.sub("", text))]
    return found


def test_there_are_commands_in_the_handbook():
    assert len(_command_lines()) > 40


@pytest.mark.parametrize(("page", "line"), _command_lines())
def test_every_command_of_the_handbook_is_one(page: str, line: str):
    """In running text a command's name may stand alone; in a block it is complete."""
    context = click.Context(cli, info_name="relay", obj=lambda: ALL)
    words = shlex.split(line)[1:]
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        names = words[0].split("|")
        for name in names:
            assert command.get_command(context, name), f"{page}: {line}: no command {name!r}"
        found = command.get_command(context, names[0])
        assert found is not None
        command, words = found, words[1:]
        context = click.Context(command, info_name=names[0], parent=context)
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for word in words:
        assert not word.startswith("-") or word in known | {"-c"}, f"{page}: {line}: no option {word!r}"
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    assert not words or arguments or any(w.startswith("-") for w in words), f"{page}: {line}: takes no argument"


def test_every_config_of_the_handbook_is_in_order():
    configs = []
    for page in PAGES:
        for language, block in _BLOCK.findall(page.read_text("utf-8")):
            if language == "yaml" and block.startswith("# config.yaml"):
                configs.append(page.name)
                parse(block, specs_of(kinds_of(ALL)), env=ENV, path=page)
    assert "configuration.md" in configs


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_between_pages_leads_somewhere(page: Path):
    for target in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_of_the_handbook_is_in_its_contents():
    contents = set(re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert contents == {page.name for page in (ROOT / "docs").glob("*.md")}


def test_the_readme_is_a_screen_and_a_half():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 75


def test_every_path_on_the_map_is_there():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8") + (ROOT / "README.md").read_text("utf-8")
    paths = re.findall(r"(?<![\w/.])(?:relay|bridges|templates|deploy|docs|tests)/[\w./-]*\w", text)
    assert len(paths) > 40
    for path in paths:
        assert (ROOT / path).exists(), path
