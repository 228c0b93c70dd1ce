"""A config for one channel and its desks."""

from __future__ import annotations

from typing import Any


def deployment(shop: Any, panel: Any = None, sales: Any = None, **more: Any) -> dict[str, Any]:
    """A config for one channel "shop" and desks "panel" and "sales" (each an account dict; None: left out)."""
    desks = {name: account for name, account in (("panel", panel), ("sales", sales)) if account is not None}
    return {
        "channels": {"shop": shop},
        "desks": desks,
        "routes": [{"channel": "shop", "desks": list(desks)}],
        **more,
    }
