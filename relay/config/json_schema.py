"""JSON Schema (2020-12) of config.yaml for editors, every bridge's settings included.

Made from the same models that validate. Two things are added: `${...}` may stand where a number, a word of a list or
true/false is wanted, and an account's keys follow from its `kind`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relay.config import names
from relay.config.settings import PANEL, PanelDesk, Settings
from relay.contract import BridgeSpec
from relay.contract.durations import format_duration
from relay.contract.model import Role
from relay.contract.sizes import format_size

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FILLED = {"$ref": "#/$defs/Filled"}


def json_schema(kinds: Iterable[BridgeSpec]) -> dict[str, Any]:
    """The schema of the whole file."""
    schema = Settings.model_json_schema()
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    groups: dict[Role, list[str]] = {role: [] for role in Role}
    for spec in kinds:
        # Two bridges may well have a model of the same name: each keeps its own.
        settings = spec.settings.model_json_schema(ref_template=f"#/$defs/{spec.kind}-{{model}}")
        for name, inner in settings.pop("$defs", {}).items():
            definitions[f"{spec.kind}-{name}"] = inner
        settings["properties"]["kind"] = {"const": spec.kind, "description": spec.label}
        settings["required"] = sorted({"kind", *settings.get("required", [])})
        name = f"{spec.role.value}-{spec.kind}"
        definitions[name] = settings
        groups[spec.role].append(name)
    own = PanelDesk.model_json_schema()
    definitions["desk-" + PANEL] = own | {"properties": own["properties"] | {"kind": {"const": PANEL}}}
    groups[Role.DESK].append("desk-" + PANEL)
    for role, group in ((Role.CHANNEL, "channels"), (Role.DESK, "desks")):
        schema["properties"][group] = _accounts(schema["properties"][group], groups[role], definitions)
    schema["properties"]["store"]["default"] = str(Settings.model_fields["store"].default)
    filled = _open(schema)
    filled["$defs"]["Filled"] = {
        "type": "string",
        "pattern": r"\$\{[^{}]+\}",
        "description": "${NAME}, ${NAME:-default} or ${file:/run/secrets/x}",
    }
    return {"$schema": DIALECT, **filled, "title": "config.yaml of the relay"}


def _accounts(group: dict[str, Any], refs: list[str], definitions: dict[str, Any]) -> dict[str, Any]:
    """if/then by kind instead of oneOf: an editor then complains about the key, not about every kind."""
    allowed = [definitions[ref]["properties"]["kind"]["const"] for ref in refs]
    return {
        "description": group.get("description", ""),
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": names.PATTERN, "not": {"enum": list(names.RESERVED)}},
        "additionalProperties": {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": allowed}},
            "allOf": [
                {
                    "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                    "then": {"$ref": f"#/$defs/{ref}"},
                }
                for kind, ref in zip(allowed, refs, strict=True)
            ],
        },
    }


def _open(node: Any, key: str = "") -> Any:
    """Let `${...}` stand for each value that is more than free text, and word default durations (`5.0` -> `5s`)."""
    if isinstance(node, list):
        return [_open(n) for n in node]
    if not isinstance(node, dict):
        return node
    opened = {
        k: v if k in ("default", "if", "propertyNames") else _open(v, k)
        for k, v in node.items()
        if k not in ("title", "writeOnly")
    }
    if "default" in node and _is_duration(node):
        opened["default"] = format_duration(node["default"])
    elif isinstance(node.get("default"), list) and any(_is_duration(b.get("items", {})) for b in node.get("oneOf", [])):
        opened["default"] = [format_duration(d) for d in node["default"]]
    elif isinstance(node.get("default"), int) and node.get("type") == "string":
        opened["default"] = format_size(node["default"])
    if key == "kind" and ("const" in node or "enum" in node):
        return opened
    narrow = node.get("type") in ("integer", "number", "boolean") or "enum" in node or "const" in node
    if (narrow or (node.get("type") == "string" and "pattern" in node)) and key != "not":
        kept = {k: opened.pop(k) for k in ("default", "description") if k in opened}
        return {**kept, "anyOf": [opened, _FILLED]}
    return opened


def _is_duration(node: dict[str, Any]) -> bool:
    return any(str(b.get("pattern", "")).endswith("(ms|s|m|h|d)$|^0$") for b in node.get("anyOf", []))
