"""Tables of the handbook (`docs/`) made from the code: settings, commands, figures, keys, and who imports whom."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, get_args

import click
from prometheus_client.metrics_core import Metric
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bridges import ALL
from relay.cli.main import cli
from relay.config.settings import Settings
from relay.contract.durations import format_duration
from relay.contract.sizes import format_size
from relay.observe.metrics import Metrics
from relay.web.api.operations import PREFIX
from relay.web.api.table import OPERATIONS

ROOT = Path(__file__).resolve().parent.parent


def settings() -> str:
    """Every key of config.yaml with default and meaning, from the models."""
    return _table(("key", "default", "meaning"), _keys(Settings, ""))


def bridge_settings() -> str:
    """The keys of each kind of account, a table a kind."""
    parts = []
    for bridge in ALL:
        spec = bridge.spec
        where = "channels" if spec.role.value == "channel" else "desks"
        parts.append(f"### `kind: {spec.kind}` (under `{where}`)\n")
        parts.append(_table(("key", "default", "meaning"), _keys(spec.settings, "", leave_out={"kind"})) + "\n")
    return "\n".join(parts).rstrip()


def commands() -> str:
    """Every command with its arguments and options, from click."""
    parts = []
    top = click.Context(cli, info_name="relay", obj=lambda: ALL)
    for path, command in _commands(top, ("relay",)):
        context = click.Context(command, info_name=" ".join(path))
        pieces = [p for p in command.collect_usage_pieces(context) if p != "[OPTIONS]"]
        parts.append(f"### `{' '.join((*path, *pieces))}`\n\n{_flat(command.help or command.short_help or '')}\n")
        rows = []
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden and "--config" not in option.opts:
                rows.append((f"`{', '.join(option.opts + option.secondary_opts)}`", _flat(option.help or "")))
        if rows:
            parts.append(_table(("option", "does"), rows) + "\n")
    return "\n".join(parts).rstrip()


def figures() -> str:
    """Every figure of /metrics, from the registry."""
    registry = Metrics()
    rows = []
    for family in registry.registry.collect():
        rows.append((f"`{_full_name(family)}`", family.type, family.documentation))
    return _table(("figure", "type", "meaning"), sorted(rows))


def operations() -> str:
    """Every operation of /api/v1, from its table."""
    rows = [(f"`{o.method} {PREFIX}{o.path}`", _flat(o.summary)) for o in OPERATIONS]
    return _table(("operation", "does"), rows)


def keyboard() -> str:
    """The panel's keys, from its own table and its own words."""
    source = (ROOT / "relay/web/static/panel/model/keys.js").read_text("utf-8")
    pattern = re.compile(r'\{ id: "(\w+)", .*?keys: "([^"]+)", group: "(\w+)"(, typing: true)?')
    keys: dict[str, list[str]] = {}
    for id_, shown, _group, _typing in pattern.findall(source):
        keys.setdefault(id_, []).append(shown)
    texts = (ROOT / "relay/web/static/panel/texts/en.js").read_text("utf-8")
    words = dict(re.findall(r'"key\.(\w+)": "([^"]+)"', texts))
    return _table(("keys", "does"), [(" or ".join(f"`{k}`" for k in shown), words[i]) for i, shown in keys.items()])


def imports() -> str:
    """The rooms of `relay/` from above to below, what each is for, and which it really imports."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [room.strip().removeprefix("relay.") for layer in layers for room in layer.split("|")]
    rows = []
    for room in rooms:
        purpose = ast.get_docstring(ast.parse((ROOT / "relay" / room / "__init__.py").read_text("utf-8"))) or ""
        used = _imported(ROOT / "relay" / room) & set(rooms) - {room}
        names = ", ".join(f"`{r}`" for r in rooms if r in used)
        rows.append((f"`relay/{room}`", _flat(purpose.split("\n\n")[0]), names or "–"))
    return _table(("room", "what it is for", "imports"), rows)


def _imported(folder: Path) -> set[str]:
    found = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found |= {name.split(".")[1] for name in names if name.startswith("relay.")}
    return found


def _commands(context: click.Context, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    group = context.command
    if not isinstance(group, click.Group):
        yield path, group
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield from _commands(click.Context(command, info_name=name, parent=context), (*path, name))


def _keys(model: type[BaseModel], prefix: str, leave_out: Collection[str] = ()) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        if name in leave_out:
            continue
        default = "required" if field.is_required() else _default(field.default, field)
        inner = _model_in(field.annotation)
        rows.append((f"`{prefix}{field.alias or name}`", default, field.description or ""))
        if inner is not None and name not in {"backoff", "probe", "desks"}:
            rows += _keys(inner, f"{prefix}{name}[]." if name == "routes" else f"{prefix}{name}.")
    return rows


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in get_args(annotation) if (m := _model_in(a)) is not None), None)


def _default(value: Any, field: Any) -> str:
    if value is PydanticUndefined or value is None or value == "":
        return "–"
    if hasattr(value, "get_secret_value"):
        return "–"
    if value == () and "Secret" in repr(field.annotation):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    kind = repr(field.metadata) + repr(field.annotation)
    if isinstance(value, float) and "duration" in kind.lower():
        return f"`{format_duration(value)}`"
    if isinstance(value, int) and "size" in kind.lower():
        return f"`{format_size(value)}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(format_duration(v) if isinstance(v, float) else str(v) for v in value) + "]`"
    if isinstance(value, BaseModel):
        return "see below"
    return f"`{getattr(value, 'value', value)}`"


def _full_name(family: Metric) -> str:
    return family.name + ("_total" if family.type == "counter" else "")


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(c).replace("|", "\\|") for c in line) + " |" for line in lines)
