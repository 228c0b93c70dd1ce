"""The command line. Each command's logic is a module of `relay.commands`; here is only what it is called and takes.

Exit status: 0 fine, 1 it did not work, 2 the configuration or the command line is wrong, 130 stopped with Ctrl-C.
A traceback is never shown, unless RELAY_DEBUG is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.text import Text

from relay.cli.commands.setup import Kinds, err, kinds_of, load_config, offline, out, specs_of, write_json
from relay.config.suggestions import hint
from relay.contract import Bridge
from relay.contract.errors import ConfigError, RelayError

if TYPE_CHECKING:
    from rich.console import Console

    from relay.config.load import Config
    from relay.store.store import Store

_CONFIG = "relay.config"  # in click's meta, which group and command share
F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")


# Commands in modules of their own, imported when they are asked for: what they need takes a while to load.
LAZY = {"user": ("relay.cli.commands.users", "user"), "token": ("relay.cli.commands.tokens", "token")}


class RelayGroup(click.Group):
    """Turns what goes wrong into a sentence and an exit status, and knows the nearest name of a misspelt command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in LAZY:
            module, name = LAZY[cmd_name]
            found: click.Command = getattr(import_module(module), name)
            return found
        return super().get_command(ctx, cmd_name)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "relay",
        *,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        status = self._status(args, prog_name, extra)
        if standalone_mode:
            sys.exit(status)
        return status

    def _status(self, args: Sequence[str] | None, prog_name: str | None, extra: dict[str, Any]) -> int:
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
            sys.stdout.flush()
        except ConfigError as e:
            for problem in e.problems:
                err().print(Text(str(problem)))
            return 2
        except click.ClickException as e:
            e.show()
            return e.exit_code
        except (KeyboardInterrupt, click.Abort):
            return 130  # click has ended the line
        except RelayError as e:
            err().print(Text(f"relay: {e}"))
            return 1
        except BrokenPipeError:  # `relay ... | head`: nobody reads on, and Python must not complain at exit
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except OSError as e:
            err().print(Text(f"relay: {e.strerror or e}" + (f": {e.filename}" if e.filename else "")))
            return 1
        except Exception as e:
            if os.environ.get("RELAY_DEBUG"):
                traceback.print_exc()
            err().print(
                Text(
                    f"relay: this should not have happened ({type(e).__name__}). "
                    "Run it again with RELAY_DEBUG=1 to see where, and report it."
                )
            )
            return 1
        return result if isinstance(result, int) else 0

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f'No command "{args[0]}"; {hint(args[0], self.list_commands(ctx))}')
        return super().resolve_command(ctx, args)


def _remember(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
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


def kinds(ctx: click.Context) -> Kinds:
    """The bridges the command line was started with."""
    return kinds_of(ctx.obj or ())


def config_path(ctx: click.Context) -> Path | None:
    """What `-c` said; None for the default."""
    return ctx.meta.get(_CONFIG)


@click.group(cls=RelayGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@config_option
@click.version_option(package_name="webhook-relay", prog_name="relay")
def cli() -> None:
    """Carries messages between customers' channels and the team's desks, durably."""


@cli.command()
@config_option
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Read the configuration and show the map: channels, desks, routes, hook addresses. No network."""
    from relay.cli.commands import check as command  # noqa: PLC0415 - each command loads only what it needs

    config = load_config(config_path(ctx), kinds(ctx))
    command.check_templates(config)
    found = command.deployment_map(config, offline(config, kinds(ctx)))
    if as_json:
        write_json(found)
    else:
        command.show(found, config, out())


@cli.command()
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the JSON Schema of config.yaml, for editors."""
    from relay.config.json_schema import json_schema  # noqa: PLC0415

    write_json(json_schema(specs_of(kinds(ctx)).values()))


@cli.command()
@config_option
@click.argument("file", type=click.File("rb"))
@click.option("--from", "source", required=True, metavar="NAME", help="The channel or desk this hook comes from.")
@click.option("--hook", "tail", metavar="TAIL", help="Which of its hooks: message, user or media of an operator desk.")
@json_option
@click.pass_context
def explain(ctx: click.Context, file: Any, source: str, tail: str | None, as_json: bool) -> None:
    """Dry run: where would the payload in FILE (- for standard input) go, and how worded? Sends nothing."""
    from relay.cli.commands import explain as command  # noqa: PLC0415
    from relay.texts.templates import Templates  # noqa: PLC0415

    config = load_config(config_path(ctx), kinds(ctx))
    accounts = offline(config, kinds(ctx))
    texts = Templates(config.locale, config.templates_dir)
    found = command.explain(accounts, source, file.read(), texts, tail=tail)
    if as_json:
        write_json(command.as_json(found))
    else:
        command.show(found, out())


@cli.command()
@click.argument("kind")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; default: any free one.")
@click.option("--hook", default="", metavar="URL", help="Where it sends its hooks: the relay's hook address for it.")
@click.option("--seed", type=int, help="Makes its ids and codes the same every time.")
@click.option(
    "--cert", type=click.Path(path_type=Path), metavar="FILE", help="Speak https with this certificate (PEM)."
)
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="The certificate's key, if not in it.")
@click.pass_context
def sandbox(ctx: click.Context, /, kind: str, **options: Any) -> None:
    """Run the sandbox of one system alone: KIND is insta, operator, team, ..."""
    from relay.cli.commands import sandbox as command  # noqa: PLC0415

    bridge: type[Bridge[Any]] | None = kinds(ctx).get(kind)
    if bridge is None:
        raise click.BadParameter(f'no kind "{kind}"; {hint(kind, kinds(ctx))}', param_hint="KIND")
    asyncio.run(command.serve(bridge, out(), **options))


# --- the daemon ----------------------------------------------------------------------------------------------------


@cli.command()
@config_option
@click.pass_context
def run(ctx: click.Context) -> int:
    """Run everything: web, workers, embedded store. Ctrl-C stops."""
    from relay.cli.commands import run as command  # noqa: PLC0415
    from relay.service.service import ProcessRole  # noqa: PLC0415

    return command.run(load_config(config_path(ctx), kinds(ctx)), kinds(ctx), ProcessRole())


@cli.command()
@config_option
@click.pass_context
def serve(ctx: click.Context) -> int:
    """Run the web half alone: accepts hooks; `relay worker` delivers."""
    from relay.cli.commands import run as command  # noqa: PLC0415
    from relay.service.service import ProcessRole  # noqa: PLC0415

    return command.run(load_config(config_path(ctx), kinds(ctx)), kinds(ctx), ProcessRole(workers=False))


@cli.command()
@config_option
@click.option("--only", multiple=True, metavar="NAME", help="Work for this destination alone; may be repeated.")
@click.pass_context
def worker(ctx: click.Context, only: tuple[str, ...]) -> int:
    """Run the delivering half alone, against the same store."""
    from relay.cli.commands import run as command  # noqa: PLC0415
    from relay.service.service import ProcessRole  # noqa: PLC0415

    config = load_config(config_path(ctx), kinds(ctx))
    command.check_only(config, only)
    return command.run(config, kinds(ctx), ProcessRole(web=False, only=only or None))


# --- questions to the store ----------------------------------------------------------------------------------------


def ask_store(ctx: click.Context, work: Callable[[Store, Config], Awaitable[R]]) -> R:
    """Do something with the deployment's open store. Raises ConfigError, StoreUnavailable."""
    from relay.cli.commands.stored import with_store  # noqa: PLC0415 - each command loads only what it needs

    config = load_config(config_path(ctx), kinds(ctx))
    return with_store(config, lambda store: work(store, config))


def tell(found: R, as_json: bool, show: Callable[[R, Console], None]) -> None:
    """What was found: for scripts, or for people."""
    if as_json:
        write_json(found)
    else:
        show(found, out())


@cli.command()
@config_option
@json_option
@click.argument("id")
@click.pass_context
def trace(ctx: click.Context, id: str, as_json: bool) -> int:
    """Follow one message across all systems; ID is ours or the other side's (queueId)."""
    from relay.cli.commands import trace as command  # noqa: PLC0415

    found = ask_store(ctx, lambda store, config: command.trace(store, config, id))
    if found is None:
        err().print(Text(f"No message is known by {id}. It may be mistyped, or older than the retention."))
        return 1
    tell(found, as_json, command.show)
    return 0


@cli.command()
@config_option
@json_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """The state and backlog of every connection."""
    from relay.cli.commands import status as command  # noqa: PLC0415

    tell(ask_store(ctx, command.status), as_json, command.show)


@cli.command()
@config_option
@click.argument("name")
@click.pass_context
def pause(ctx: click.Context, name: str) -> None:
    """Hold what goes to NAME: it waits, nothing is lost, no try is used."""
    from relay.cli.commands import status as command  # noqa: PLC0415

    ask_store(ctx, lambda store, config: command.pause(store, config, name))
    out().print(Text(f"{name} is paused; `relay resume {name}` lets it go on."))


@cli.command()
@config_option
@click.argument("name")
@click.pass_context
def resume(ctx: click.Context, name: str) -> None:
    """Let what goes to NAME go on, whatever held it."""
    from relay.cli.commands import status as command  # noqa: PLC0415

    held = ask_store(ctx, lambda store, config: command.resume(store, config, name))
    out().print(Text(f"{name} goes on." if held else f"{name} was not held."))


@cli.group()
@config_option
def dead() -> None:
    """Dead letters: what was given up, for a person to decide."""


@dead.command("list")
@config_option
@json_option
@click.pass_context
def dead_list(ctx: click.Context, as_json: bool) -> None:
    """All dead letters, oldest first."""
    from relay.cli.commands import dead as command  # noqa: PLC0415

    rows = ask_store(ctx, lambda store, _: command.listed(store))
    tell(rows, as_json, command.show_list)


@dead.command("show")
@config_option
@json_option
@click.argument("id")
@click.pass_context
def dead_show(ctx: click.Context, id: str, as_json: bool) -> None:
    """One dead letter with every attempt and the other side's words."""
    from relay.cli.commands import dead as command  # noqa: PLC0415

    found = ask_store(ctx, lambda store, config: command.shown(store, config, id))
    tell(found, as_json, command.show_one)


@dead.command("replay")
@config_option
@json_option
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead letters, in order.")
@click.option("--to", default="", metavar="NAME", help="To this channel or desk instead of the first one.")
@click.pass_context
def dead_replay(ctx: click.Context, ids: tuple[str, ...], everything: bool, to: str, as_json: bool) -> None:
    """Send dead letters again, each as a new delivery that names the old one."""
    from relay.cli.commands import dead as command  # noqa: PLC0415

    if bool(ids) == everything:
        raise click.UsageError("Name the dead letters, or say --all.")
    done = ask_store(ctx, lambda store, config: command.replay(store, config, list(ids), everything=everything, to=to))
    if as_json:
        write_json(done)
    else:
        for row in done:
            out().print(Text(f"{row['id']} goes to {row['destination']} again, as {row['as']}"))
        out().print(f"{len(done)} sent again.")


@dead.command("drop")
@config_option
@click.argument("ids", nargs=-1, required=True)
@click.pass_context
def dead_drop(ctx: click.Context, ids: tuple[str, ...]) -> None:
    """Give dead letters up for good."""
    from relay.cli.commands import dead as command  # noqa: PLC0415

    gone = ask_store(ctx, lambda store, _: command.drop(store, list(ids)))
    out().print(f"{len(gone)} dropped.")


# --- the outside systems -------------------------------------------------------------------------------------------


@cli.command()
@config_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Ask every outside system and the store whether they would work; exit status 1 if any would not."""
    from relay.cli.commands import doctor as command  # noqa: PLC0415

    found = asyncio.run(command.doctor(load_config(config_path(ctx), kinds(ctx)), kinds(ctx)))
    if as_json:
        write_json(command.as_json(found))
    else:
        command.show(found, out(), nothing="cannot be asked without sending")
    return 0 if command.fine(found) else 1


@cli.command()
@config_option
@json_option
@click.pass_context
def provision(ctx: click.Context, as_json: bool) -> int:
    """Register our hook addresses where the outside systems allow it."""
    from relay.cli.commands import doctor as command  # noqa: PLC0415

    found = asyncio.run(command.provision(load_config(config_path(ctx), kinds(ctx)), kinds(ctx)))
    if as_json:
        write_json(command.as_json(found))
    else:
        command.show(found, out(), nothing="nothing to register; its hooks are entered by hand, see `relay check`")
    return 0 if command.fine(found) else 1


@cli.group()
@config_option
def team() -> None:
    """The team chat's account: logging in."""


@team.command("login")
@config_option
@click.argument("desk")
@click.option("--phone", metavar="NUMBER", help="Of whoever logs in, in any format; asked for when left out.")
@click.option("--code", metavar="CODE", help="From an SMS that was sent before: no new one is sent.")
@click.option("--send-only", is_flag=True, help="Have the code sent and stop; say it with --code later.")
@click.option("--qr", metavar="TEXT", help="What a QR code of the chat says (otv://qr-login/...), instead of a phone.")
@click.pass_context
def team_login(
    ctx: click.Context, /, desk: str, *, phone: str | None, code: str | None, send_only: bool, qr: str | None
) -> None:
    """Log in to the team chat by SMS or QR code and keep the token in DESK's token_file (mode 600)."""
    from relay.cli.commands import team as command  # noqa: PLC0415

    if qr and (phone or code or send_only):
        raise click.UsageError("Say either --qr or --phone and --code.")
    if code and send_only:
        raise click.UsageError("--send-only has a new code sent, and --code is one that was sent before.")
    login = command.Login(load_config(config_path(ctx), kinds(ctx)), kinds(ctx), desk)
    if qr:
        kept = login.by_qr(qr)
    else:
        phone = phone or click.prompt("Phone", err=True)
        if code is None:
            sent = login.send_code(phone)
            phone = sent.phone
            digits = f" of {sent.digits} digits" if sent.digits else ""
            err().print(Text(f"A code{digits} is on its way to {phone}."))
            if send_only:
                return
            code = click.prompt("Code", err=True)
        kept = login.by_code(phone, code)
    out().print(Text(f"Logged in as {kept.who}. The token is in {kept.path}, readable by you alone."))
    for sentence in kept.hints:
        out().print(Text(sentence))
