"""Who calls: the connection's other end, or, where that is a proxy of ours, whom it names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from multidict import MultiMapping

HEADER: Final = "X-Forwarded-For"


def caller_address(remote: str, headers: Mapping[str, str], trusted: Collection[str]) -> str:
    """The address of who really calls. `trusted`: addresses or networks of our own proxies.

    Read from the right: each proxy adds whom it saw. What stands further left than the first one that is not ours was
    written by the caller.
    """
    networks = _networks(tuple(trusted))
    address = remote
    every = headers.getall(HEADER, []) if isinstance(headers, MultiMapping) else [headers.get(HEADER, "")]
    hops = [hop.strip() for hop in ",".join(every).split(",")]
    while hops and _is_in(address, networks):
        hop = hops.pop()
        if not hop:
            break
        address = hop
    return address


@lru_cache(maxsize=16)
def _networks(trusted: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(entry, strict=False) for entry in trusted)


def _is_in(address: str, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
