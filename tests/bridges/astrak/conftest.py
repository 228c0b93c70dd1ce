from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridges.astrak.settings import AstrakSettings
from tests.bridges.astrak.far import PASSWORD, URL, Far, far_side


def settings(**changes: Any) -> AstrakSettings:
    return AstrakSettings.model_validate(
        {"kind": "astrak", "url": URL, "username": "shop", "password": PASSWORD, **changes}
    )


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    async with far_side() as made:
        yield made
