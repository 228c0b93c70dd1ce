"""The group of commands: each loaded when it is asked for, and what goes wrong turned into a sentence and a status.

Exit status: 0 fine; 1 it did not work; 2 the configuration or the command line is wrong; 130 stopped with Ctrl-C. A
traceback is never shown, unless RELAY_DEBUG is set.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from relay.cli.console import err, make_readable
from relay.config.suggestions import hint


class LazyGroup(click.Group):
    """A group whose commands are modules, imported when they are asked for: what they need takes a while to load.

    `lazy` is `{"check": "relay.cli.commands.check"}`; the module's `command` is the click command.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            command: click.Command = import_module(self.lazy[cmd_name]).command
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f'No command "{args[0]}"; {hint(args[0], self.list_commands(ctx))}')
        return super().resolve_command(ctx, args)


class RelayGroup(LazyGroup):
    """The whole command line: its commands, and one group for each kind whose accounts a person logs in."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._logins(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._logins(ctx).get(cmd_name)

    def _logins(self, ctx: click.Context) -> dict[str, click.Group]:
        from relay.cli.commands.login import group_of, logs_in  # noqa: PLC0415 - seldom needed
        from relay.cli.options import kinds  # noqa: PLC0415

        return {kind: group_of(bridge) for kind, bridge in kinds(ctx).items() if logs_in(bridge)}

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "relay",
        *,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        make_readable()
        status = self._status(args, prog_name, extra)
        try:
            sys.stdout.flush()
        except OSError:  # `relay ... | head`: nobody reads on, and Python must not complain at exit
            _drop_output()
        if standalone_mode:
            sys.exit(status)
        return status

    def _status(self, args: Sequence[str] | None, prog_name: str | None, extra: dict[str, Any]) -> int:
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
        except click.ClickException as e:
            with contextlib.suppress(OSError):
                e.show()
            return e.exit_code
        except (KeyboardInterrupt, click.Abort):
            return 130  # click has ended the line
        except BrokenPipeError:
            _drop_output()
            return 1
        except OSError as e:
            return _complain(1, f"relay: {e.strerror or e}" + (f": {e.filename}" if e.filename else ""))
        except Exception as e:
            from relay.contract.errors import ConfigError, RelayError  # noqa: PLC0415 - `--version` needs none of it

            if isinstance(e, ConfigError):
                return _complain(2, *map(str, e.problems))
            if isinstance(e, RelayError):
                return _complain(1, f"relay: {e}")
            if os.environ.get("RELAY_DEBUG"):
                traceback.print_exc()
            return _complain(
                1,
                f"relay: this should not have happened ({type(e).__name__}). "
                "Run it again with RELAY_DEBUG=1 to see where, and report it.",
            )
        return result if isinstance(result, int) else 0


def _complain(status: int, *sentences: str) -> int:
    with contextlib.suppress(OSError):
        console = err()
        for sentence in sentences:
            console.print(sentence)
    return status


def _drop_output() -> None:
    """What is still in the buffers goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
