"""The OpenAPI 3.1 document, made from the table of operations. Pydantic writes its very dialect of JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from relay.people.rights import RIGHTS, Right
from relay.web.api.operations import PREFIX, Given, Nothing, Operation
from relay.web.api.problems import KINDS, MIME, ProblemDocument

VERSION: Final = "1"
_REF: Final = "#/components/schemas/{model}"
_DESCRIPTION: Final = """\
Everything that the relay's own pages can do. Errors are problem+json (RFC 9457) with a sentence. Lists take `limit` \
and an opaque `cursor`. Times are RFC 3339 in UTC, ids strings, conversation numbers integers. Unknown request fields \
are errors; fields you do not know in an answer are to be ignored: `/api/v1` only grows."""
# What every operation may answer besides its own.
_COMMON: Final = ("not-logged-in", "not-allowed", "invalid", "too-many", "bug", "unavailable")


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole document, as JSON-ready data."""
    schemas, definitions = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    tags = list(dict.fromkeys(o.tag for o in operations))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Relay", "version": VERSION, "description": _DESCRIPTION},
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made by `relay token add`."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-relay",
                    "description": "A person who is logged in; what changes something also needs X-Relay-CSRF.",
                },
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _schemas(operations: Sequence[Operation]) -> tuple[dict[tuple[type[BaseModel], str], Any], dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], Any], None] = {(ProblemDocument, "serialization"): None}
    for operation in operations:
        if operation.body is not None:
            wanted[(operation.body, "validation")] = None
        if operation.answer is not None:
            wanted[(operation.answer, "serialization")] = None
    made, whole = models_json_schema(list(wanted), ref_template=_REF)
    found = {(model, str(mode)): schema for (model, mode), schema in made.items()}
    return cast("dict[tuple[type[BaseModel], str], Any]", found), dict(sorted(whole.get("$defs", {}).items()))


def _operation(operation: Operation, schemas: dict[tuple[type[BaseModel], str], Any]) -> dict[str, Any]:
    right = RIGHTS[operation.id]
    said: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _who(right),
        "parameters": [*_parameters(operation.parameters, "path"), *_parameters(operation.query, "query")],
        "responses": _responses(operation, schemas),
    }
    if operation.sends:
        said["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "Made up by you for this one message; send the same with every repeat of it.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[A-Za-z0-9._~:+/=-]+$"},
            }
        )
    if operation.conditional:
        said["parameters"].append(
            {
                "name": "If-Match",
                "in": "header",
                "description": "The version you saw; 412 when it is another by now.",
                "schema": {"type": "string", "pattern": '^"[0-9]{1,15}"$'},
            }
        )
    if operation.body is not None:
        said["requestBody"] = {
            "required": not operation.body_optional,
            "content": {operation.body_type: {"schema": schemas[(operation.body, "validation")]}},
        }
    elif operation.body_type != "application/json":
        said["requestBody"] = {
            "required": True,
            "content": {operation.body_type: {"schema": {"type": "string", "format": "binary"}}},
        }
    if not said["parameters"]:
        del said["parameters"]
    return said


def _who(right: Right) -> str:
    words = [f"Role {right.role.value}, or a token of scope {right.scope.value}."]
    if right.people_only:
        words = [f"Role {right.role.value}; people only, no tokens."]
    if right.sudo:
        words.append("A person must have given their password within a quarter of an hour (POST /api/v1/me/sudo).")
    return " ".join(words)


def _parameters(model: type[Given], where: str) -> list[dict[str, Any]]:
    if model is Nothing:
        return []
    schema = model.model_json_schema(ref_template=_REF)
    out = []
    for name, property_ in schema["properties"].items():
        said = _inlined(property_, schema.get("$defs", {}))
        said.pop("title", None)
        parameter: dict[str, Any] = {"name": name, "in": where}
        if description := said.pop("description", ""):
            parameter["description"] = description
        if where == "path" or name in schema.get("required", ()):
            parameter["required"] = True
        # null is how pydantic says "left out"; a query parameter that is there is never null.
        if "anyOf" in said:
            options = [o for o in said.pop("anyOf") if o.get("type") != "null"]
            said.update(options[0] if len(options) == 1 else {"anyOf": options})
        if said.get("default", 0) is None:
            del said["default"]
        out.append(parameter | {"schema": said})
    return out


def _inlined(said: Any, definitions: dict[str, Any]) -> Any:
    """Parameters stand by themselves: what they refer to is put in its place."""
    if isinstance(said, dict):
        if (ref := said.get("$ref")) is not None:
            return _inlined(definitions[ref.rpartition("/")[2]], definitions) | {
                k: v for k, v in said.items() if k != "$ref"
            }
        return {k: _inlined(v, definitions) for k, v in said.items()}
    if isinstance(said, list):
        return [_inlined(v, definitions) for v in said]
    return said


def _responses(operation: Operation, schemas: dict[tuple[type[BaseModel], str], Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "As asked."}
    if operation.answer is not None:
        good["content"] = {operation.answer_type: {"schema": schemas[(operation.answer, "serialization")]}}
    elif operation.answer_type != "application/json":
        good["content"] = {operation.answer_type: {"schema": {"type": "string"}}}
    has_body = operation.answer is not None or operation.answer_type != "application/json"
    statuses = (operation.status if has_body else 204, *operation.also)
    responses = {str(status): good for status in statuses}
    problems = [*_COMMON, *operation.problems]
    if operation.parameters is not Nothing:
        problems.append("not-found")
    if operation.body is not None:
        problems += ["malformed", "too-large", "unsupported-type"]
    if "cursor" in operation.query.model_fields:
        problems.append("malformed")
    if operation.conditional:
        problems += ["malformed", "changed"]
    if operation.sends:
        problems += ["idempotency-key-missing", "in-use", "key-reused"]
    if RIGHTS[operation.id].sudo:
        problems.append("sudo-needed")
    by_status: dict[int, list[str]] = {}
    for name in dict.fromkeys(problems):
        by_status.setdefault(KINDS[name].status, []).append(name)
    for status, names in sorted(by_status.items()):
        responses[str(status)] = {
            "description": ". ".join(KINDS[n].title for n in names) + ".",
            "content": {MIME: {"schema": {"$ref": _REF.format(model=ProblemDocument.__name__)}}},
        }
    return responses
