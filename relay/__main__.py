"""The command line's entry. The only module of the core that knows which bridges there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from relay.cli.main import cli

if TYPE_CHECKING:
    from relay.contract import Bridge


def all_bridges() -> Sequence[type[Bridge[Any]]]:
    """Loaded when a command asks for them: it takes longer than most commands."""
    from bridges import ALL  # noqa: PLC0415

    return ALL


def main() -> None:
    """Run `relay ...` and exit with its status."""
    cli.main(obj=all_bridges)


if __name__ == "__main__":
    main()
