"""Sockets that lead to public addresses only: the guard stands where a connection is made, after every look-up."""

from __future__ import annotations

import socket
from typing import Any, Final

from relay.media.public_addresses import is_public

PRIVATE: Final = "The file's address does not lead to the public internet."


class NotPublic(OSError):
    """Raised inside the HTTP library when it is about to connect where it must not."""


def public_socket(info: Any) -> socket.socket:
    """What the HTTP library calls for each address it is about to connect to."""
    family, kind, protocol, _, address = info
    if not is_public(address[0]):
        raise NotPublic(PRIVATE)
    return socket.socket(family, kind, protocol)


def is_not_public(error: BaseException | None) -> bool:
    """Whether our guard stands somewhere behind it. Of several addresses tried, the library tells in one text."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, NotPublic) or PRIVATE in str(error):
            return True
        error = getattr(error, "os_error", None) or error.__cause__ or error.__context__
        seen += 1
    return False
