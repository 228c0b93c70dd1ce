"""`relay run`, `relay serve`, `relay worker`: the daemon, until Ctrl-C or SIGTERM, or its terminal is closed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

import uvloop
from rich.console import Console
from rich.text import Text

from relay.cli.commands.setup import Kinds, err, out
from relay.cli.commands.stopping import stop_signals
from relay.config.load import Config
from relay.config.secret_keys import secret_keys
from relay.config.suggestions import hint
from relay.contract.errors import ConfigError, Problem
from relay.contract.foreign_words import masking
from relay.observe.redaction import set_up_logging
from relay.observe.sentry import set_up_sentry
from relay.routing.known_secrets import secrets_of
from relay.service.service import ProcessRole, Service


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
    return uvloop.run(_run(config, kinds, keys, parts))


# One request to stop often comes as two signals: `make`, `timeout` and process managers tell the whole group and then
# hand theirs on. What comes this soon after the first is no impatience.
ECHO_S = 1.0


async def _run(config: Config, kinds: Kinds, keys: Sequence[str], parts: ProcessRole) -> int:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    stops = stop_signals()
    for signum in stops:
        loop.add_signal_handler(signum, asked.set)

    def second_means_now() -> None:
        loop.remove_signal_handler(signal.SIGINT)

    service = Service(config, kinds, keys, parts)
    starting = asyncio.create_task(service.start())
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        stopping.cancel()
        return 0
    starting.result()
    announce(service, out())
    sys.stdout.flush()  # also when it goes to a file
    for warning in (*map(str, config.warnings), *service.warnings):
        err().print(Text(warning, style="yellow"))
    await stopping
    with contextlib.suppress(OSError):  # the terminal may be what has gone
        err().print(Text("Stopping: what is on its way is finished first."))
    # A second Ctrl-C means now; a second SIGTERM says nothing new.
    impatience = loop.call_later(ECHO_S, second_means_now)
    await service.stop()
    impatience.cancel()
    # Everything is done. A signal that comes while Python takes itself down must not turn that into a failure.
    for signum in stops:
        loop.remove_signal_handler(signum)
        signal.signal(signum, signal.SIG_IGN)
    return 0


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
    console.print(Text("Hook addresses, for the outside systems:"))
    for connection in service.accounts.by_name.values():
        for address in connection.hooks().values():
            console.print(Text(f"  {connection.name:<12} {address}"))
    if not service.parts.workers:
        console.print(Text("This process only accepts; start `relay worker` to deliver."))
