"""From the store's address to connections: to our own (`relay.store.server.pipeline`) and to redis-py.

With Sentinel the primary is asked for at every connection, so that a failover needs no restart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio as aioredis
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from relay.contract.errors import StoreUnavailable
from relay.store.server.address import StoreAddress
from relay.store.server.pipeline import Endpoint

# A frozen or half-open store must never hang anybody (PITFALLS A21).
SOCKET_TIMEOUT_S = 3.0


def _sentinel(where: StoreAddress) -> Sentinel:
    return Sentinel(list(where.hosts), socket_timeout=SOCKET_TIMEOUT_S)  # type: ignore[no-untyped-call]


def locator(where: StoreAddress) -> Callable[[], Awaitable[Endpoint]]:
    """Where the primary is, asked anew at every connection."""

    fixed_endpoint = _endpoint(where, *(where.hosts[0] if where.hosts else ("", 0)))

    async def fixed() -> Endpoint:
        return fixed_endpoint

    async def ask() -> Endpoint:
        sentinel = _sentinel(where)
        try:
            host, port = await sentinel.discover_master(where.service)
        except RedisError as e:
            raise StoreUnavailable(f"Sentinel names no primary for {where.service}: {e}") from None
        finally:
            for client in sentinel.sentinels:
                await client.aclose()
        return _endpoint(where, host, int(port))

    return ask if where.sentinel else fixed


def _endpoint(where: StoreAddress, host: str, port: int) -> Endpoint:
    return Endpoint(
        path=where.path,
        host=host,
        port=port,
        tls=where.tls,
        username=where.username,
        password=where.password.get_secret_value(),
        db=where.db,
    )


def client(where: StoreAddress) -> aioredis.Redis:
    """A redis-py client for everything that is not hot. Decodes nothing."""
    login: dict[str, Any] = {
        "username": where.username or None,
        "password": where.password.get_secret_value() or None,
        "db": where.db,
        "socket_timeout": SOCKET_TIMEOUT_S,
    }
    if where.sentinel:
        primary: aioredis.Redis = _sentinel(where).master_for(where.service, **login)
        return primary
    login["socket_connect_timeout"] = SOCKET_TIMEOUT_S
    if where.path:
        return aioredis.Redis(unix_socket_path=where.path, **login)
    host, port = where.hosts[0]
    return aioredis.Redis(
        host=host,
        port=port,
        ssl=where.tls,
        socket_keepalive=True,
        health_check_interval=15,
        **login,
    )
