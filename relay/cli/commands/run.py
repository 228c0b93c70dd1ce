"""`relay run`, `relay serve`, `relay worker`: the daemon, until Ctrl-C or SIGTERM, or its terminal is closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence

import click
import uvloop
from rich.console import Console
from rich.text import Text

from relay.cli.commands.check import check_templates
from relay.cli.console import err, out
from relay.cli.loading import Kinds, load_config
from relay.cli.options import config_of, config_option, kinds
from relay.cli.running import ASK, Reloaded, registered, tell
from relay.cli.signals import has_terminal, stop_signals
from relay.config.load import Config
from relay.config.secret_keys import secret_keys
from relay.config.suggestions import hint
from relay.contract.errors import ConfigError, Problem, RelayError
from relay.contract.foreign_words import masking
from relay.observe.redaction import Redaction, set_up_logging
from relay.observe.sentry import set_up_sentry
from relay.routing.known_secrets import secrets_of
from relay.service.service import ProcessRole, Service

log = logging.getLogger("relay.cli.commands.run")


def check_only(config: Config, only: Sequence[str]) -> None:
    """Raises ConfigError for a name in `--only` that is none of this configuration."""
    wrong = [n for n in only if n not in config.accounts]
    if wrong:
        raise ConfigError(
            [Problem("", "--only", f'no channel or desk "{n}"; {hint(n, list(config.accounts))}') for n in wrong]
        )


def run(config: Config, kinds: Kinds, parts: ProcessRole) -> int:
    """Run until told to stop; the exit status."""
    keys = secret_keys(config)
    masking.learn(*secrets_of(config, keys))
    redaction = set_up_logging(config.log_level)
    if config.sentry_dsn is not None:
        set_up_sentry(config.sentry_dsn.get_secret_value(), redaction)
    with registered(config.data_dir):
        return uvloop.run(_Daemon(config, kinds, keys, parts, redaction).run())


# One request to stop often comes as two signals: `make`, `timeout` and process managers tell the whole group and then
# hand theirs on. What comes this soon after the first is no impatience.
ECHO_S = 1.0


class _Daemon:
    """A service and the signals that come for it."""

    def __init__(
        self, config: Config, kinds: Kinds, keys: Sequence[str], parts: ProcessRole, redaction: Redaction
    ) -> None:
        self.config = config
        self.kinds = kinds
        self.keys = keys
        self.redaction = redaction
        self.service = Service(config, kinds, keys, parts)
        self.asked = asyncio.Event()
        self.in_terminal = has_terminal()
        self.reloading: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Until asked to stop; the exit status."""
        loop = asyncio.get_running_loop()
        stops = stop_signals()
        for signum in stops:
            loop.add_signal_handler(signum, self._hang_up if signum == signal.SIGHUP else self.asked.set)
        service = self.service
        starting = asyncio.create_task(service.start())
        stopping = asyncio.create_task(self.asked.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            stopping.cancel()
            return 0
        starting.result()
        loop.add_signal_handler(ASK, self._reload)
        with contextlib.suppress(OSError):  # nobody has to listen
            announce(service, out())
            sys.stdout.flush()  # also when it goes to a file
            for warning in (*map(str, self.config.warnings), *service.warnings):
                err().print(Text(warning, style="yellow"))
        await stopping
        with contextlib.suppress(OSError):  # the terminal may be what has gone
            err().print(Text("Stopping: what is on its way is finished first."))
        # A second Ctrl-C means now; a second SIGTERM says nothing new.
        impatience = loop.call_later(ECHO_S, lambda: loop.remove_signal_handler(signal.SIGINT))
        await service.stop()
        impatience.cancel()
        # Everything is done. A signal that comes while Python takes itself down must not turn that into a failure.
        for signum in (*stops, ASK):
            loop.remove_signal_handler(signum)
            signal.signal(signum, signal.SIG_IGN)
        return 0

    def _hang_up(self) -> None:
        """SIGHUP: the terminal it was started in was closed, which stops it; otherwise a wish to reload."""
        if self.in_terminal and not has_terminal():
            self.asked.set()
        elif self.service.running:
            self._reload()

    def _reload(self) -> None:
        if self.reloading is None or self.reloading.done():
            self.reloading = asyncio.create_task(self._reload_now())

    async def _reload_now(self) -> None:
        try:
            config = await asyncio.to_thread(load_config, self.config.path, self.kinds)
            await asyncio.to_thread(check_templates, config)
            found = await self.service.reload(config)
        except (RelayError, OSError) as e:
            log.error("the configuration was not taken over: %s", e)
            tell(self.config.data_dir, Reloaded(ok=False, lines=tuple(str(e).splitlines())))
            return
        self.config = config
        self.redaction.add(secrets_of(config, self.keys))
        log.warning("another configuration: %s", "; ".join(found.lines) or "nothing differs")
        warnings = tuple(map(str, config.warnings))
        tell(config.data_dir, Reloaded(ok=True, lines=found.lines, warnings=warnings))


def announce(service: Service, console: Console) -> None:
    """Where everything is, for the person who started it."""
    if not service.parts.web:
        console.print(Text(f"Working for {', '.join(service.workers)}. Ctrl-C stops."))
        return
    console.print(Text.assemble("The relay is at ", (service.address + "/", "bold"), "  (Ctrl-C stops)"))
    for name, sandbox in service.sandboxes.items():
        label = service.accounts.by_name[name].bridge.spec.label
        console.print(Text(f"  {name:<12} {service.address}/sandbox/{name}{sandbox.page}   sandbox: {label}"))
    if service.setup_address:
        console.print(Text("Nobody can log in yet. Set up the first user here, within an hour (the link works once):"))
        console.print(Text(f"  {service.setup_address}", style="bold"))
    if console.is_terminal:  # a log is read by more people than may post hooks
        console.print(Text("Hook addresses, for the outside systems:"))
        for connection in service.accounts.by_name.values():
            for address in connection.hooks().values():
                console.print(Text(f"  {connection.name:<12} {address}"))
    if not service.parts.workers:
        console.print(Text("This process only accepts; start `relay worker` to deliver."))


@click.command("run")
@config_option
@click.pass_context
def command(ctx: click.Context) -> int:
    """Run everything: web, workers, embedded store. Ctrl-C stops."""
    return run(config_of(ctx), kinds(ctx), ProcessRole())
