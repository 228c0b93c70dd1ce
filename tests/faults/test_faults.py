"""The short versions. Each ends with the whole report, so a failure says what was lost and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.bench import Bench
from tests.faults.catalogue import ALL, in_order
from tests.faults.forked import ForkedRelay

pytestmark = [pytest.mark.fault]


@pytest.mark.parametrize("number", [pytest.param(n, id=f"{n}-{ALL[n].title}") for n in in_order() if ALL[n].in_short])
async def test_fault(number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bench, "kind", ForkedRelay)
    report = await ALL[number](tmp_path)
    assert report.passed, str(report)
