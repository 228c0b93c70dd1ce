"""How somebody at the far side writes in each sandbox: for a channel a customer, for a desk a colleague answering #42.

Listed by hand: a new bridge adds a line, and the suite says so where it is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Act = Callable[..., Awaitable[dict[str, Any]]]
"""`act(name, **arguments)`: one action of the sandbox's page."""

NUMBER = 42
"""The conversation that a colleague answers."""


async def insta(act: Act, text: str) -> None:
    customer = await act("customer", username="anna", name="Anna")
    await act("write", customer_id=customer["id"], text=text)


async def astrak(act: Act, text: str) -> None:
    await act("write", from_id=2, text=text)


async def operator(act: Act, text: str) -> None:
    await act("answer", user_id=NUMBER, text=text)


async def team(act: Act, text: str) -> None:
    await act("say", text=f"#{NUMBER} {text}")


async def webhook(act: Act, text: str) -> None:
    await act("write", user="u7", text=text)


async def webhook_desk(act: Act, text: str) -> None:
    await act("write", user=str(NUMBER), text=text)


async def telegram(act: Act, text: str) -> None:
    await act("write", text=text)


async def telegram_desk(act: Act, text: str) -> None:
    await act("write", text=f"#{NUMBER} {text}")


PLAYED: dict[str, Callable[[Act, str], Awaitable[None]]] = {
    "insta": insta,
    "astrak": astrak,
    "operator": operator,
    "team": team,
    "webhook": webhook,
    "webhook_desk": webhook_desk,
    "telegram": telegram,
    "telegram_desk": telegram_desk,
}
