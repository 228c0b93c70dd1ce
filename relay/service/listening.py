"""Taking the port: early, because sandboxes and hook addresses need its number; a sentence where it is taken."""

from __future__ import annotations

import errno
import socket

from relay.config.load import Config
from relay.contract.errors import RelayError


def listen(config: Config) -> tuple[socket.socket, str]:
    """The socket, and the address under which this machine reaches it. Raises RelayError."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=1024)
    except OSError as e:
        raise RelayError(_why_not(config.listen, e)) from e
    return listener, f"http://{_loopback(config.host)}:{listener.getsockname()[1]}"


def _why_not(address: str, error: OSError) -> str:
    """What to do about an address that cannot be listened on."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address} is in use, perhaps by another relay. End that one, or set `listen` in config.yaml "
            "to another port."
        )
    if error.errno == errno.EACCES:
        return f"This user may not listen on {address}: ports below 1024 are reserved. Set `listen` to a higher one."
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return (
            f"This machine has no address {address.rpartition(':')[0]}. Set `listen` in config.yaml to one it has, "
            "or to 0.0.0.0 for all."
        )
    return f"Cannot listen on {address}: {error.strerror or error}."


def _loopback(host: str) -> str:
    """The address under which this machine reaches what listens on `host`."""
    if host in ("0.0.0.0", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
