"""`${NAME}`, `${NAME:-default}` and `${file:/run/secrets/x}` in the values of config.yaml.

As in a shell, the default also stands in for a variable that is set but empty. `$${` is a literal `${`. What is put in
is always text: a token of digits stays a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from relay.config.suggestions import quoted

FILE_LIMIT = 64 * 1024  # bytes of one ${file:...}
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}\n]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Filled:
    """The text with everything put in; `secrets` are the pieces that came from outside the file."""

    text: str
    secrets: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def fill(text: str, env: Mapping[str, str], base: Path) -> Filled:
    """Put environment and files into one value. `base` is where relative file names start."""
    if "${" not in text:
        return Filled(text)
    secrets: list[str] = []
    problems: list[str] = []

    def one(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        try:
            value, outside = _value(match[1], env, base)
        except ValueError as e:
            problems.append(str(e))
            return ""
        if outside:
            secrets.append(value)
        return value

    return Filled(_REFERENCE.sub(one, text), tuple(secrets), tuple(problems))


def _value(reference: str | None, env: Mapping[str, str], base: Path) -> tuple[str, bool]:
    """(value, whether it came from outside the file). Raises ValueError with a sentence."""
    if reference is None:
        raise ValueError('a "${" that is not closed by "}"; a literal "${" is written "$${"')
    if reference.startswith("file:"):
        return _read(reference.removeprefix("file:").strip(), base), True
    name, has_default, default = reference.partition(":-")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"cannot read {quoted('${' + reference + '}')}; allowed is ${{NAME}}, ${{NAME:-default}} or ${{file:/path}}"
        )
    value = env.get(name)
    if value:
        return value, True
    if has_default:
        return default, False
    if value is None:
        # No default is suggested: most often this is a secret, and the others are explained in config.yaml.
        raise ValueError(f"the environment variable {name} is not set")
    return "", False


def _read(name: str, base: Path) -> str:
    path = base / name
    if not name:
        raise ValueError("${file:} names no file; write ${file:/run/secrets/name}")
    try:
        with path.open("rb") as f:
            raw = f.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else "not a usable path"
        raise ValueError(f"cannot read the file {quoted(str(path))}: {why}") from None
    if len(raw) > FILE_LIMIT:
        raise ValueError(f"the file {quoted(str(path))} is larger than {FILE_LIMIT // 1024} KiB; is it the right one?")
    try:
        return raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the file {quoted(str(path))} is not UTF-8 text") from None
