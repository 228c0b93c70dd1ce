"""config.yaml as a tree that remembers lines, so that every complaint can name one.

YAML is read through PyYAML's composed nodes, never constructed: no tag can build an object. Plain words follow YAML
1.2 (`yes`, `no`, `12:30` and dates are text). `${...}` may stand unquoted even inside `{...}`, where YAML itself would
stumble over its braces.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from relay.config.interpolation import fill
from relay.config.suggestions import quoted
from relay.contract.errors import ConfigError, Problem

FILE_LIMIT = 1024 * 1024  # bytes
NODE_LIMIT = 20_000  # values after aliases are unfolded: stops "billion laughs"

Key = str | int
KeyPath = tuple[Key, ...]

MAKE_A_KEY = "openssl rand -hex 32"

_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}|<<")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Stand-ins (private use characters) for what YAML would take for its own inside ${...}.
_SPECIAL = "{}[],:#&*!|>%@"
_HIDE = str.maketrans({c: chr(0xF8D0 + i) for i, c in enumerate(_SPECIAL)})
_SHOW = str.maketrans({chr(0xF8D0 + i): c for i, c in enumerate(_SPECIAL)})
_REFERENCE = re.compile(r"""\$\{[^{}\n'"]*\}""")  # quotes end what is quoted, and protect it already
_HIDDEN_REFERENCE = re.compile(r"\$" + "{".translate(_HIDE) + r"[^\n]*?" + "}".translate(_HIDE))


@dataclass(slots=True, eq=False)
class Node:
    """A value and where it stands. `value` is None, bool, int, float, str, a list of Node or a dict of Node."""

    line: int  # of its key, or of itself where it has none; 1-based
    column: int
    value: Any
    source: str = ""  # a scalar as it was written, before anything was put in
    interpolated: bool = False  # something from environment or file was put in: never to be shown
    invalid: bool = False  # something could not be put in: already complained about
    secrets: tuple[str, ...] = ()

    def plain(self) -> Any:
        """The tree as Python values."""
        if isinstance(self.value, dict):
            return {k: n.plain() for k, n in self.value.items()}
        if isinstance(self.value, list):
            return [n.plain() for n in self.value]
        return self.value

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        below: Sequence[Node] = ()
        if isinstance(self.value, dict):
            below = list(self.value.values())
        elif isinstance(self.value, list):
            below = self.value
        for node in below:
            yield from node.walk()

    def get(self, key: Key) -> Node | None:
        """The node below, or None."""
        if isinstance(self.value, dict):
            return self.value.get(key)
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            node = self.value[key]
            return node if isinstance(node, Node) else None
        return None


@dataclass(slots=True)
class Document:
    """A file read: its tree, and what has been found wrong so far."""

    name: str  # as the person named it: config.yaml
    root: Node
    found: list[tuple[int, int, Problem]] = field(default_factory=list)

    def add_problem(self, path: KeyPath, message: str, *, at: Node | None = None) -> None:
        """Note a problem at a key; its line is that of the nearest key that exists."""
        node = at or self.locate(path)
        problem = Problem(f"{self.name}:{node.line}", spelled(path), message)
        if all(p != problem for _, _, p in self.found):
            self.found.append((node.line, node.column, problem))

    def locate(self, path: KeyPath) -> Node:
        """The node at `path`, or the nearest one above it that exists."""
        node = self.root
        for key in path:
            below = node.get(key)
            if below is None:
                return node
            node = below
        return node

    def problems(self) -> tuple[Problem, ...]:
        """All problems, in file order."""
        return tuple(p for _, _, p in sorted(self.found, key=lambda f: f[:2]))


def spelled(path: KeyPath) -> str:
    """`("routes", 0, "desks", 1)` -> `routes[0].desks[1]`.

    A key that is no plain word is not repeated: where the wrong file was named, each of its lines is a key.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _KEY.fullmatch(key) else "(a key that is no plain word)")
    return text


# --- reading -------------------------------------------------------------------------------------------------------


def read(path: Path) -> str:
    """The text of a file. Raises ConfigError with one sentence for everything that can be wrong with it."""
    name = str(path)
    try:
        with path.open("rb") as f:
            raw = f.read(FILE_LIMIT + 1)
    except FileNotFoundError:
        raise _single(name, "there is no such file; name another with -c FILE") from None
    except IsADirectoryError:
        raise _single(name, "this is a directory; name the file in it with -c FILE") from None
    except PermissionError:
        raise _single(name, "this file may not be read by the user the relay runs as") from None
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else "not a usable file name"
        raise _single(quoted(name).strip('"'), f"cannot be read: {why}") from None
    return decode(raw, name)


def decode(raw: bytes, name: str) -> str:
    """Bytes to text: UTF-8, with or without byte order mark."""
    if len(raw) > FILE_LIMIT:
        raise _single(name, f"is larger than {FILE_LIMIT // 1024} KiB; is it the right file?")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _single(name, "is written in UTF-16; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        raise _single(f"{name}:{line}", "is not UTF-8 text; save the file as UTF-8") from None


class _Loader(yaml.SafeLoader):
    """Resolves nothing by itself: `1`, `yes` and `2020-01-01` stay text until `_scalar` decides."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - PyYAML's own attribute


def parse(text: str, name: str, env: Mapping[str, str], base: Path) -> Document:
    """YAML text to a Document. Raises ConfigError where no tree can be made; the rest is noted in the document."""
    hidden = _REFERENCE.sub(lambda m: "$" + m[0][1:].translate(_HIDE), text)
    document = Document(name, Node(1, 1, {}))
    try:
        composed = _compose(hidden)
        if composed is None:
            raise _single(f"{name}:1", "the file is empty; it needs at least channels, desks and routes")
        document.root = _Builder(document, env, base).build(composed, (), None)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        begun = e.context_mark if _unclosed(e) or "could not find expected ':'" in str(e.problem) else None
        at = begun or mark
        line = at.line + 1 if at else 1
        raise _single(f"{name}:{line}", _odd_space(hidden, line) or _sentence(e)) from None
    except yaml.reader.ReaderError as e:
        line = hidden.count("\n", 0, int(e.position)) + 1
        raise _single(f"{name}:{line}", f"a character that YAML forbids (U+{ord_of(e):04X}); delete it") from None
    except (yaml.YAMLError, ValueError):
        raise _single(name, "this is not YAML") from None
    except RecursionError:
        raise _single(name, "brackets or lists are nested too deeply") from None
    if document.root.line != 1:
        document.root.line = 1  # what is missing from the file is missing from its top
    if not isinstance(document.root.value, dict):
        if odd := _odd_space(hidden, 1):
            raise _single(f"{name}:1", odd)
        raise _single(
            f"{name}:1", f"found {shape(document.root)}; a configuration is keys and values, `channels:` first"
        )
    return document


_ODD_SPACES = {"\u00a0": "no-break space", "\u202f": "narrow no-break space", "\u3000": "ideographic space"}


def _odd_space(text: str, line: int) -> str:
    """A space that only looks like one, as word processors and web pages put it; "" if there is none on the line."""
    lines = text.split("\n")
    for character in lines[line - 1] if 0 < line <= len(lines) else "":
        if character in _ODD_SPACES:
            return (
                f"a {_ODD_SPACES[character]} (U+{ord(character):04X}) where YAML needs a plain one; retype the spaces"
            )
    return ""


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


def ord_of(error: yaml.reader.ReaderError) -> int:
    character: Any = error.character
    return ord(character) if isinstance(character, str) and len(character) == 1 else int(character or 0)


def shape(node: Node) -> str:
    """What a value is, without saying it."""
    if isinstance(node.value, dict):
        return "keys and values"
    if isinstance(node.value, list):
        return "a list"
    return "nothing" if node.value is None else "a single value"


def _single(where: str, message: str) -> ConfigError:
    return ConfigError([Problem(where, "", message)])


def _unclosed(e: yaml.MarkedYAMLError) -> bool:
    return "end of stream" in str(e.problem) or "<stream end>" in str(e.problem) or "flow" in str(e.context)


def _sentence(e: yaml.MarkedYAMLError) -> str:
    """Our own words for what PyYAML says: its own quote the line, and a line may hold a password."""
    said, while_ = str(e.problem), str(e.context)
    rules = (
        ("'\\t'", "a tab; YAML is indented with spaces"),
        ("cannot start any token", 'a value that begins with % or @ or ` must be in quotes ("...")'),
        ("undefined alias", 'a value that begins with * must be in quotes ("...")'),
        ("duplicate anchor", "the same &anchor twice"),
        ("expected a single document", 'a second document ("---"); one file is one configuration'),
        ("mapping values are not allowed", 'a ":" that does not fit; quote values with ": " in them, align the keys'),
        ("could not find expected ':'", 'a line without ":"; write key: value'),
        ("expected ',' or", "a { or [ that is not closed, or a comma missing in it"),
        ("end of stream", "a quote that is never closed"),
        ("<stream end>", "a { or [ that is never closed"),
        ("<block end>", "the indentation does not fit the lines above"),
        ("block sequence entries", 'a "- " that does not fit here; check the indentation'),
        ("unknown escape", r"an unknown \ escape in double quotes; use single quotes, or write \\"),
        ("escape sequence", r"a bad \ escape in double quotes; use single quotes, or write \\"),
        ("tag", 'a value that begins with ! must be in quotes ("...")'),
        ("alphabetic or numeric", 'a value that begins with & or * must be in quotes ("...")'),
    )
    for needle, sentence in rules:
        if needle in said or needle in while_:
            return f"cannot read the YAML: {sentence}"
    return "cannot read the YAML here; check quotes, brackets and indentation"


# --- nodes ---------------------------------------------------------------------------------------------------------


class _Builder:
    """Composed nodes to ours: aliases unfolded, `<<` merged, duplicates and tags refused, `${...}` put in."""

    def __init__(self, document: Document, env: Mapping[str, str], base: Path) -> None:
        self.document = document
        self.env = env
        self.base = base
        self.count = 0
        self.open: set[int] = set()  # nodes being built: an alias to one of them would never end

    def build(self, node: yaml.Node, path: KeyPath, key: yaml.Node | None) -> Node:
        mark = (key or node).start_mark
        ours = Node(mark.line + 1, mark.column + 1, None)
        self.count += 1
        if self.count > NODE_LIMIT:
            raise _single(f"{self.document.name}:{ours.line}", f"unfolds to more than {NODE_LIMIT} values")
        if node.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
            self.document.add_problem(path, 'a value that begins with ! must be in quotes ("...")', at=ours)
            ours.invalid = True
            return ours
        if isinstance(node, yaml.ScalarNode):
            self._scalar(node, ours, path)
            return ours
        if id(node) in self.open:
            raise _single(f"{self.document.name}:{ours.line}", "an *alias that contains itself")
        self.open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            ours.value = [self.build(n, (*path, i), None) for i, n in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            ours.value = self._mapping(node, path)
        self.open.discard(id(node))
        return ours

    def _scalar(self, node: yaml.ScalarNode, ours: Node, path: KeyPath) -> None:
        written = _show(node.value)
        ours.source = written
        interpolated = fill(written, self.env, self.base)
        for problem in interpolated.problems:
            how = f"; make one with `{MAKE_A_KEY}`" if path[:1] == ("secret_key",) and "is not set" in problem else ""
            self.document.add_problem(path, problem + how, at=ours)
        ours.invalid = bool(interpolated.problems)
        ours.interpolated = bool(interpolated.secrets)
        ours.secrets = interpolated.secrets
        ours.value = interpolated.text
        if node.style is None and "${" not in written:
            ours.value = plain_scalar(written)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                at = Node(key.start_mark.line + 1, key.start_mark.column + 1, None)
                self.document.add_problem(path, "a key must be a plain word", at=at)
                continue
            word = _show(key.value)
            if odd := _odd_space(word, 1):
                at = Node(key.start_mark.line + 1, key.start_mark.column + 1, None)
                self.document.add_problem(path, odd, at=at)
                continue
            if word == "<<" and key.style is None:
                merged = self._merged(value, path, key) | merged
                continue
            built = self.build(value, (*path, word), key)
            if word in own:
                self.document.add_problem((*path, word), f"twice; it is already on line {own[word].line}", at=built)
                continue
            own[word] = built
        return merged | own

    def _merged(self, value: yaml.Node, path: KeyPath, key: yaml.Node) -> dict[str, Node]:
        """What `<<: *base` or `<<: [*a, *b]` brings in; earlier ones win, as YAML says."""
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        merged: dict[str, Node] = {}
        for source in sources:
            built = self.build(source, path, None)
            if isinstance(built.value, dict):
                merged = built.value | merged
            else:
                at = Node(key.start_mark.line + 1, key.start_mark.column + 1, None)
                self.document.add_problem((*path, "<<"), "can only merge keys and values", at=at)
        return merged


def _show(text: str) -> str:
    return _HIDDEN_REFERENCE.sub(lambda m: m[0].translate(_SHOW), text)


def plain_scalar(text: str) -> Any:
    """An unquoted word: null, bool, whole number, number, or text. Decimal only; no sexagesimals, no dates."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
