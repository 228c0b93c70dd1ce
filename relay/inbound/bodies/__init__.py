"""A hook's body: how it is read, what it may cost, and what it is."""

from relay.inbound.bodies.limits import Budget, Crowded
from relay.inbound.bodies.reading import BodyReader, Limits, UnsupportedEncoding, read, whole
from relay.inbound.bodies.spool import NoRoom, Spool

__all__ = ["BodyReader", "Budget", "Crowded", "Limits", "NoRoom", "Spool", "UnsupportedEncoding", "read", "whole"]
