"""Which internet addresses are public: pure, explicit, and not left to the standard library.

`ipaddress.is_global` of Python 3.11 says True for NAT64 and 6to4 addresses of 127.0.0.1, for multicast and for several
reserved networks (PITFALLS 3.2, measured), and its tables change with every release. So: an IPv4 address is public
when it is in none of the networks below, an IPv6 address when it is in 2000::/3 (all that IANA has handed out) and in
none of them, and an address that carries another one inside is as public as that one.

Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

NOT_PUBLIC_4: Final = tuple(
    IPv4Network(n)
    for n in (
        "0.0.0.0/8",  # this network; Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; also the metadata service of Alibaba Cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host service, on an address that looks public
        "169.254.0.0/16",  # link-local; metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle Cloud's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

PUBLIC_6: Final = IPv6Network("2000::/3")
NOT_PUBLIC_6: Final = tuple(
    IPv6Network(n)
    for n in (
        "2001::/23",  # protocol assignments, Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)

_MAPPED: Final = IPv6Network("::ffff:0:0/96")  # RFC 4291
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")  # RFC 2765
_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291, deprecated
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052. Its local sibling 64:ff9b:1::/48 is never public.
_6TO4: Final = IPv6Network("2002::/16")  # RFC 3056


def is_public(address: IPv4Address | IPv6Address | str) -> bool:
    """Whether anybody on the internet could reach it. False for what is no address."""
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False  # "fe80::1%eth0": only link-local addresses have a zone
        inner = carried(address)
        if inner is not None:
            return is_public(inner)
        return address in PUBLIC_6 and not any(address in network for network in NOT_PUBLIC_6)
    return not any(address in network for network in NOT_PUBLIC_4)


def is_loopback(address: str) -> bool:
    """127.0.0.0/8 or ::1, also inside an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found != IPv6Address("::1"):
        return (inner := carried(found)) is not None and inner.is_loopback
    return found.is_loopback


def carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for or leads to, or None."""
    number = int(address)
    if any(address in network for network in (_MAPPED, _TRANSLATED, _COMPATIBLE, _NAT64)):
        return IPv4Address(number & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address((number >> 80) & 0xFFFFFFFF)
    return None
