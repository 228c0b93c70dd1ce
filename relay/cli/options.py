"""Options that several commands share, and what they were given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from relay.cli.loading import Kinds
    from relay.config.load import Config

_CONFIG = "relay.config"  # in click's meta, which group and command share
F = TypeVar("F", bound=Callable[..., Any])


def _remember(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    """`-c` may stand before or after the command; the one nearer to the command wins."""
    if value is not None:
        ctx.meta[_CONFIG] = value


def config_option(command: F) -> F:
    """Adds `-c FILE`. Every command that reads the configuration has it."""
    return click.option(
        "-c",
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_remember,
        expose_value=False,
        help="The configuration; default ./config.yaml.",
    )(command)


json_option = click.option("--json", "as_json", is_flag=True, help="For scripts: JSON on standard output.")


def config_path(ctx: click.Context) -> Path | None:
    """What `-c` said; None for the default."""
    return ctx.meta.get(_CONFIG)


def kinds(ctx: click.Context) -> Kinds:
    """The bridges the command line was started with: given to it, or by a function that loads them."""
    from relay.cli.loading import kinds_of  # noqa: PLC0415 - not every command needs them

    return kinds_of(ctx.obj() if callable(ctx.obj) else ctx.obj or ())


def config_of(ctx: click.Context) -> Config:
    """The configuration the command works on. Raises ConfigError."""
    from relay.cli.loading import load_config  # noqa: PLC0415

    return load_config(config_path(ctx), kinds(ctx))


def known_name(config: Config, name: str, option: str = "NAME") -> None:
    """Raises click.BadParameter for what is no channel or desk of the configuration."""
    if name not in config.accounts:
        from relay.config.suggestions import hint  # noqa: PLC0415

        said = f'there is no channel or desk "{name}"; {hint(name, list(config.accounts))}'
        raise click.BadParameter(said, param_hint=option)
