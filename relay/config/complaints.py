"""What pydantic finds wrong, as sentences for people: the line, the key, what was found, what is allowed, the nearest.

Pydantic's own words are used only as a last resort, and never with a value in them: a value may be a secret, or come
from the environment.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from relay.config.document import Document, Key, KeyPath, Node, shape
from relay.config.suggestions import hint, listed, nearest, quoted
from relay.contract.durations import format_duration, parse_duration
from relay.contract.sizes import format_size, parse_size

_SECRET_NAMES = re.compile(r"token|secret|password|passwd|(^|_)key$|dsn|credential", re.IGNORECASE)
_USER = re.compile(r"(?<=[\"'/])[^\s\"'/]*:[^\s\"']*@")  # the user:password of an address
_LIMITS = {  # pydantic's error type -> (word, name of the limit in its context)
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("more than", "gt"),
    "less_than": ("less than", "lt"),
}
_WANTED = {  # beginning of pydantic's error type -> what is allowed
    "int_": "a whole number",
    "float_": "a number",
    "finite_": "a number",
    "bool_": "true or false",
    "string_type": 'text; put it in quotes ("...")',
    "tuple_type": "a list: [a, b]",
    "list_type": "a list: [a, b]",
    "set_type": "a list: [a, b]",
    "dict_type": "keys and values",
    "mapping_type": "keys and values",
    "model_": "keys and values",
    "dataclass_": "keys and values",
    "is_instance_of": "text",
    "path_type": "the name of a file or directory",
    "url_": "an address such as https://example.com",
}


def complain_all(document: Document, error: ValidationError, model: type[BaseModel], prefix: KeyPath = ()) -> None:
    """Note every problem of a failed validation. `prefix` is where in the document the validated part stands."""
    known_secrets = secrets_of(document, model, prefix)
    for detail in error.errors(include_url=False):
        place = _place(document, model, prefix, detail["loc"])
        node = document.locate(place.path)
        if any(n.invalid for n in node.walk()):
            continue  # already complained about: what is missing is not in the file but around it
        if detail["type"] == "too_short" and isinstance(node.value, list) and node.value:
            continue  # pydantic does not count items that failed, and these have complaints of their own
        # What is allowed is our own sentence: nothing in it is anybody's secret, and it must stay readable.
        said, allowed, what = _sentence(detail, node, place).partition("; allowed is ")
        document.add_problem(place.path, _scrub(said, known_secrets) + allowed + what)


def secrets_of(document: Document, model: type[BaseModel], prefix: KeyPath) -> list[str]:
    """All values below `prefix` that must not be repeated, longest first."""
    found: set[str] = set()
    for path, node in _leaves(document.locate(prefix), prefix):
        found.update(node.secrets)
        if is_secret(path, _types(model, path[len(prefix) :])) and isinstance(node.value, str):
            found.add(node.value)
    return sorted((s for s in found if s), key=len, reverse=True)


def is_secret(path: KeyPath, types_: Sequence[Any]) -> bool:
    """Whether the value at a key is a secret: by its type, or, where there is none, by its name."""
    names = [k for k in path if isinstance(k, str)]
    return any(_holds_secret(t) for t in types_) or bool(names and _SECRET_NAMES.search(names[-1]))


def _scrub(sentence: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        for form in (repr(secret), quoted(secret), *((secret,) if len(secret) > 3 else ())):
            sentence = sentence.replace(form, "***")
    return _USER.sub("***@", sentence)


def _leaves(node: Node, path: KeyPath) -> Iterator[tuple[KeyPath, Node]]:
    if isinstance(node.value, dict):
        for key, below in node.value.items():
            yield from _leaves(below, (*path, key))
    elif isinstance(node.value, list):
        for i, below in enumerate(node.value):
            yield from _leaves(below, (*path, i))
    else:
        yield path, node


# --- sentences -----------------------------------------------------------------------------------------------------


def _sentence(detail: ErrorDetails, node: Node, place: _Place) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    secret = is_secret(place.path, place.types)
    found = "" if secret and not node.interpolated else f"found {_found(node)}; "
    if kind == "missing":
        what = _description(place)
        return "missing" + (f": {what[0].lower()}{what[1:].rstrip('.')}" if what else "")
    if kind in ("string_type", "path_type") and node.value is None:
        return "is empty: nothing stands after the colon"
    if kind == "extra_forbidden":
        return f"no such key; {hint(str(place.path[-1]), _names(place.parents))}"
    if kind in ("value_error", "assertion_error"):
        said = str(context.get("error", "")).strip() or "not allowed"
        return _hide(said, node)
    if kind in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        near = "" if node.interpolated else nearest(str(node.value), allowed)
        return found + (f"did you mean {quoted(near)}? " if near else "") + f"allowed: {listed(allowed)}"
    if kind in _LIMITS:
        word, name = _LIMITS[kind]
        return f"{found}allowed is {word} {_limit(context[name], node, place.types)}"
    if kind in ("too_short", "string_too_short"):
        least = context.get("min_length", 1)
        return "must not be empty" if least == 1 else f"too short; allowed is at least {least}"
    if kind in ("too_long", "string_too_long"):
        return f"too long; allowed is at most {context.get('max_length')}"
    if kind == "string_pattern_mismatch":
        return f"{found}allowed is text of the form {context.get('pattern')}"
    wanted = next((w for prefix, w in _WANTED.items() if kind.startswith(prefix)), "")
    # The last resort: pydantic's words, which may quote the value.
    return f"{found}allowed is {wanted}" if wanted else _hide(str(detail["msg"]), node)


def _found(node: Node) -> str:
    if isinstance(node.value, dict | list) or node.value is None:
        return shape(node)
    if node.interpolated or isinstance(node.value, str):
        return quoted(node.source)
    return node.source  # a number, true or false as it was written


def _hide(said: str, node: Node) -> str:
    """Show what stands in the file, `${NAME}`, instead of what was put in."""
    if not isinstance(node.value, str) or not node.value:
        return said
    bare = (node.value,) if node.interpolated and len(node.value) > 3 else ()
    forms = "|".join(re.escape(form) for form in (repr(node.value), quoted(node.value), *bare))
    # In one go: what is put in may hold the value itself, as a default does.
    said, allowed, what = said.partition("; allowed is ")
    return re.sub(forms, lambda _: quoted(node.source), said) + allowed + what


def _limit(limit: Any, node: Node, types_: Sequence[Any]) -> str:
    """A limit as it would be written: durations and sizes with their unit."""
    validators = {getattr(m, "func", None) for t in types_ for m in _annotations(t)}
    if parse_duration in validators:
        return format_duration(float(limit))
    if parse_size in validators:
        return format_size(int(limit))
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


# --- from pydantic's path to ours ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    path: KeyPath  # in the document
    types: Sequence[Any]  # what the model allows there; empty where it knows nothing
    parents: Sequence[Any]  # what it allows one level up


def _place(document: Document, model: type[BaseModel], prefix: KeyPath, loc: tuple[Key, ...]) -> _Place:
    """Pydantic's locations also hold the names of union branches, which are no keys: they are left out."""
    place = _Place(prefix, [model], [])
    for key in loc:
        below = _below(place.types, key)
        if isinstance(key, int) and not isinstance(document.locate(place.path).value, list):
            place = _Place(place.path, below, place.types)  # one value where several may stand
        elif below or document.locate(place.path).get(key) is not None:
            place = _Place((*place.path, key), below, place.types)
    return place


def _types(model: type[BaseModel], path: KeyPath) -> Sequence[Any]:
    types_: Sequence[Any] = [model]
    for key in path:
        types_ = _below(types_, key)
    return types_


def _below(types_: Sequence[Any], key: Key) -> list[Any]:
    """The types a key leads to, from any of the given ones."""
    found: list[Any] = []
    for type_ in types_:
        for branch in _branches(type_):
            if isinstance(branch, type) and issubclass(branch, BaseModel):
                if isinstance(key, str) and (info := fields_of(branch).get(key)) is not None:
                    found.append(_with_metadata(info.annotation, info.metadata))
            elif isinstance(key, int) and typing.get_origin(branch) in (tuple, list, set, frozenset, Sequence):
                found.extend(a for a in typing.get_args(branch) if a is not Ellipsis)
            elif isinstance(key, str) and typing.get_origin(branch) in (dict, Mapping):
                found.append(typing.get_args(branch)[1])
    return found


def _with_metadata(type_: Any, metadata: Sequence[Any]) -> Any:
    """A field's type with what pydantic has taken off it."""
    for one in metadata:
        type_ = Annotated[type_, one]
    return type_


def _branches(type_: Any) -> Iterator[Any]:
    """A type without Annotated and Optional; each branch of a union."""
    origin = typing.get_origin(type_)
    if origin is Annotated:
        yield from _branches(typing.get_args(type_)[0])
    elif origin in (typing.Union, types.UnionType):
        for branch in typing.get_args(type_):
            yield from _branches(branch)
    else:
        yield type_


def _annotations(type_: Any) -> Iterator[Any]:
    """What a type is annotated with, however deep in unions."""
    if typing.get_origin(type_) is Annotated:
        inner, *annotations = typing.get_args(type_)
        yield from annotations
        yield from _annotations(inner)
    elif typing.get_origin(type_) in (typing.Union, types.UnionType):
        for branch in typing.get_args(type_):
            yield from _annotations(branch)


def _models(types_: Sequence[Any]) -> list[type[BaseModel]]:
    branches = (b for t in types_ for b in _branches(t))
    return [b for b in branches if isinstance(b, type) and issubclass(b, BaseModel)]


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by their keys in the file: `from` is no name in Python."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _names(types_: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(name for m in _models(types_) for name in fields_of(m)))


def _description(place: _Place) -> str:
    """What the missing field is for; "" if nobody said."""
    fields = (fields_of(m).get(str(place.path[-1])) for m in _models(place.parents)) if place.path else ()
    return next((f.description for f in fields if f and f.description), "")


def _holds_secret(type_: Any) -> bool:
    return any(
        b is SecretStr or any(_holds_secret(a) for a in typing.get_args(b) if a is not Ellipsis)
        for b in _branches(type_)
    )
