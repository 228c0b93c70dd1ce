"""The command line's entry. The only module of the core that knows which bridges there are."""

from __future__ import annotations

from bridges import ALL
from relay.cli.main import cli


def main() -> None:
    """Run `relay ...` and exit with its status."""
    cli.main(obj=ALL)


if __name__ == "__main__":
    main()
