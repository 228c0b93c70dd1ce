"""`relay sandbox KIND`: the sandbox of one system alone, for trying out another program against it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from aiohttp import web
from pydantic import SecretStr, ValidationError
from rich.console import Console
from rich.text import Text

from relay.cli.console import out
from relay.cli.options import kinds
from relay.cli.signals import stop_signals
from relay.config.suggestions import hint
from relay.contract import SANDBOX, Bridge, BridgeSettings, BridgeSpec, SandboxOptions
from relay.contract.errors import RelayError
from relay.routing.accounts import SECRET_TAIL

F = TypeVar("F", bound=Callable[..., Any])


def stand_alone_settings(spec: BridgeSpec) -> BridgeSettings:
    """Settings for a sandbox that no configuration names: what must be set is `sandbox-<field>`."""
    values: dict[str, Any] = {"kind": spec.kind, "url": SANDBOX}
    for name, field in spec.settings.model_fields.items():
        if name in values or not field.is_required():
            continue
        values[name] = f"sandbox-{name}" if _is_text(field.annotation) else 1
    try:
        return spec.settings.model_validate(values)
    except ValidationError:
        raise RelayError(
            f"the sandbox of {spec.kind} cannot stand alone; give it an account in config.yaml with url: sandbox"
        ) from None


def _is_text(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_is_text(a) for a in typing.get_args(annotation))
    return annotation in (str, SecretStr)


def hook_addresses(spec: BridgeSpec, hook: str) -> dict[str, str]:
    """Where the sandbox sends its hooks, by tail. A path secret is part of the address that was given."""
    if not hook:
        return {}
    base = hook.rstrip("/")
    return {tail: base if tail in ("", SECRET_TAIL) else f"{base}/{tail}" for tail in spec.hooks}


def shown_credentials(settings: BridgeSettings) -> dict[str, str]:
    """What a client must present: made up for the sandbox, so no secret."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        name: value.get_secret_value()
        for name, value in values.items()
        if isinstance(value, SecretStr) and value.get_secret_value()
    }


async def serve(
    bridge: type[Bridge[Any]],
    console: Console,
    *,
    host: str,
    port: int,
    hook: str,
    seed: int | None,
    cert: Path | None = None,
    key: Path | None = None,
) -> None:
    """Run until asked to stop, or until cancelled. `port` 0: any free one. With `cert` (and `key`, where it is in a
    file of its own) it speaks https, as some vendors' clients insist (FACTS 1.8). Raises RelayError if the port is
    taken or the certificate cannot be used."""
    spec = bridge.spec
    tls = _tls(cert, key)
    settings = stand_alone_settings(spec)
    # The sandbox must know its own address before it is built, so the port is taken first.
    listener = _listen(host, port)
    base_url = f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}"
    options = SandboxOptions(
        name=spec.kind,
        base_url=base_url,
        settings=settings,
        hooks=hook_addresses(spec, hook),
        seed=seed,
    )
    runner: web.AppRunner | None = None
    try:
        sandbox = bridge.sandbox(options)
        runner = web.AppRunner(sandbox.app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=tls).start()
        console.print(Text.assemble((f"{spec.label}: ", "bold"), f"{base_url}{sandbox.page}"))
        for name, value in shown_credentials(settings).items():
            console.print(Text.assemble(("  ", ""), (name.ljust(14), "dim"), value))
        for tail, address in options.hooks.items():
            console.print(Text.assemble(("  hooks go to   ", "dim"), address, (f"  ({tail})" if tail else "", "dim")))
        console.print(Text("Ctrl-C stops it.", "dim"))
        await _stopped()
    finally:
        if runner is not None:
            await runner.cleanup()
        listener.close()


async def _stopped() -> None:
    """Wait until asked to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):  # not everywhere, nor in threads
            loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None:
            raise RelayError("--key goes with --cert: the certificate that it belongs to")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as e:
        why = e.strerror or e
        raise RelayError(f"the certificate {cert} cannot be used: {why}; both files must be in PEM form") from None
    return context


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as e:
        listener.close()
        raise RelayError(f"cannot listen on {host}:{port}: {e.strerror}; choose another with --port") from None
    return listener


def _options_of(function: F) -> F:
    for option in reversed(
        (
            click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
            click.option(
                "--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; default: any free one."
            ),
            click.option(
                "--hook", default="", metavar="URL", help="Where it sends its hooks: the relay's hook address for it."
            ),
            click.option("--seed", type=int, help="Makes its ids, codes and credentials the same every time."),
            click.option(
                "--cert",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Speak https with this certificate (PEM).",
            ),
            click.option(
                "--key", type=click.Path(path_type=Path), metavar="FILE", help="The certificate's key, if not in it."
            ),
        )
    ):
        function = option(function)
    return function


@click.command("sandbox")
@click.argument("kind")
@_options_of
@click.pass_context
def command(ctx: click.Context, /, kind: str, **options: Any) -> None:
    """Run the sandbox of one system alone. KIND is its word in config.yaml; a wrong one lists them."""
    known = kinds(ctx)
    bridge: type[Bridge[Any]] | None = known.get(kind)
    if bridge is None:
        raise click.BadParameter(f'no kind "{kind}"; {hint(kind, known)}', param_hint="KIND")
    asyncio.run(serve(bridge, out(), **options))
