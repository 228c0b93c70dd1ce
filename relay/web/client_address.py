"""Who is at the other end of a request, and by which address it reached us, seen through the proxies we trust. Pure but
for reading the request.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`address`: the client's own; `origin`: the scheme, host and port that its browser shows, e.g. https://a.b:8443."""

    address: str
    scheme: str
    host: str  # with the port, where there is one

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def hostname(self) -> str:
        """The host without its port and brackets."""
        try:
            return urlsplit(f"//{self.host}").hostname or ""
        except ValueError:
            return ""

    @property
    def is_loopback_name(self) -> bool:
        return self.hostname in LOOPBACK_NAMES

    @property
    def secure_cookies(self) -> bool:
        """Whether the browser keeps `Secure` cookies of this address: over https, and over http of this machine."""
        return self.scheme == "https" or self.is_loopback_name


class ClientAddresses:
    """Reads `X-Forwarded-For` and `-Proto`, from trusted proxies only: anybody can send them."""

    def __init__(self, trusted: Sequence[str], public_url: str | None) -> None:
        """`trusted`: addresses and networks. `public_url`: a host that is known to be behind https is so here too."""
        self._trusted: tuple[_Network, ...] = tuple(ipaddress.ip_network(t, strict=False) for t in trusted)
        public = urlsplit(public_url or "")
        self._https_host = public.netloc.lower() if public.scheme == "https" else ""

    def of(self, request: web.Request) -> Client:
        """The client of a request."""
        address = request.remote or ""
        scheme = "http"
        if self._is_trusted(address):
            scheme = _last(request.headers.getall("X-Forwarded-Proto", [])) or scheme
            hops = [h.strip() for line in request.headers.getall("X-Forwarded-For", []) for h in line.split(",")]
            for hop in reversed(hops):
                address = _bare(hop) or address
                if not self._is_trusted(address):
                    break
        host = request.headers.get("Host", "").lower()
        if scheme not in ("http", "https"):
            scheme = "http"
        if host and host == self._https_host:
            scheme = "https"
        return Client(address=address, scheme=scheme, host=host)

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found.version == net.version and found in net for net in self._trusted)


def _last(lines: Sequence[str]) -> str:
    """The value the nearest proxy wrote."""
    return lines[-1].rpartition(",")[2].strip().lower() if lines else ""


def _bare(hop: str) -> str:
    """An address of X-Forwarded-For without port and brackets; "" for what is none."""
    host = hop.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""
