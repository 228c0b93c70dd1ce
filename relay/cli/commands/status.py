"""`relay status`, `relay pause NAME`, `relay resume NAME`."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.config.load import Config
from relay.config.suggestions import hint
from relay.contract.errors import RelayError
from relay.store.store import Store


async def status(store: Store, config: Config) -> dict[str, Any]:
    """The state and backlog of every connection."""
    served: dict[str, int] = {}
    workers = await store.workers()
    for names in workers.values():
        for name in names:
            served[name] = served.get(name, 0) + 1
    rows = []
    for account in config.accounts.values():
        d = await store.destination(account.name)
        state = "paused" if d.paused == "manual" else d.paused or ("breaker open" if d.open_ms else "ok")
        rows.append(
            {
                "name": account.name,
                "kind": account.kind,
                "role": account.role.value,
                "state": state,
                "said": d.words,
                "backlog": d.backlog,
                "lanes": d.lanes,
                "oldest_s": round(time.time() - d.oldest_ms / 1000, 1) if d.oldest_ms else 0,
                "workers": served.get(account.name, 0),
            }
        )
    return {
        "running": bool(workers),
        "processes": len(workers),
        "dead_letters": await store.dead_count(),
        "connections": rows,
    }


async def pause(store: Store, config: Config, name: str) -> None:
    """Hold a destination. Raises RelayError for an unknown name."""
    _known(config, name)
    await store.pause(name, "manual")


async def resume(store: Store, config: Config, name: str) -> bool:
    """Release a destination; False when nothing held it. Raises RelayError for an unknown name."""
    _known(config, name)
    return await store.resume(name)


def _known(config: Config, name: str) -> None:
    if name not in config.accounts:
        raise RelayError(f'There is no channel or desk "{name}"; {hint(name, list(config.accounts))}')


def show(found: dict[str, Any], console: Console) -> None:
    """For people."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "kind", "role", "state", "backlog", "oldest", "workers", "said"):
        table.add_column(heading, overflow="fold")
    for r in found["connections"]:
        oldest = f"{r['oldest_s']:.0f} s" if r["backlog"] else ""
        style = "" if r["state"] == "ok" else "yellow"
        cells = (r["name"], r["kind"], r["role"], r["state"], str(r["backlog"]), oldest, str(r["workers"]), r["said"])
        table.add_row(*(Text(c, style=style) for c in cells))
    console.print(table)
    if found["dead_letters"]:
        console.print(f"{found['dead_letters']} dead letters; see `relay dead list`.")
    if not found["running"]:
        console.print("No relay is running on this store; `relay run` starts one.")
