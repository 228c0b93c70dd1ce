"""How users are called, and what stands in for the parts of an address that a guesser can change at will. Pure."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

_NAME: Final = re.compile(r"[\w](?:[\w.@+-]{0,62}[\w])?")


def user_name(given: str) -> str:
    """A user name as it is kept and looked up: NFKC, lower case, no spaces at the ends."""
    return unicodedata.normalize("NFKC", given).strip().lower()


def objection(name: str) -> str:
    """Why this cannot be a user name, as a sentence; "" where it can."""
    if _NAME.fullmatch(name):
        return ""
    return (
        "A user name has 1 to 64 letters, digits, dots, hyphens, underscores, @ or +, "
        "and begins and ends with a letter or digit."
    )


def address_prefix(address: str) -> str:
    """The network a client's address belongs to: /24, or /64 for IPv6. Within it, addresses cost a guesser nothing."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:40] or "?"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network(f"{found}/{bits}", strict=False))
