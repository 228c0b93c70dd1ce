"""One deployment per module; its switches are put back after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.world import World
from tests.e2e.world import world as started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with started(tmp_path_factory.mktemp("deployment")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def world(deployment: World) -> AsyncIterator[World]:
    yield deployment
    await deployment.switch_back()
