"""Everything the four documents describe is in the client, in the sandbox and in the tests; the page says so."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bridges import ALL
from tests.coverage.documents import ASTRAK, DOCUMENTS, INSTA, TEAM, Method
from tests.coverage.evidence import _event, _method, everything, untested
from tests.coverage.page import table
from tests.coverage.playing import playing
from tests.harness import ROOT


async def test_nothing_of_the_documents_is_missing():
    found = await everything()
    missing = [f"{kind}: {name}: {what}" for (kind, name), e in found.items() for what in e.missing]
    assert missing == []
    page = (ROOT / "bridges" / "COVERAGE.md").read_text("utf-8")
    for document in DOCUMENTS:
        assert table(document, found) in page, "bridges/COVERAGE.md is out of date; `make pages` writes it anew"


def test_every_bridge_has_its_document():
    assert {document.kind for document in DOCUMENTS} == {bridge.spec.kind for bridge in ALL}


def test_every_method_stands_there_once():
    for document in DOCUMENTS:
        assert {k: n for k, n in Counter((m.verb, m.path) for m in document.methods).items() if n > 1} == {}
        assert len({e.name for e in document.events}) == len(document.events)
    assert [len(document.methods) for document in DOCUMENTS] == [6, 1, 43, 10, 1, 1, 7, 7]


def test_every_example_of_the_team_document_is_a_method():
    """The examples were copied from the document at another time, for another test."""
    examples = json.loads((ROOT / "tests" / "bridges" / "team" / "documented.json").read_text("utf-8"))
    listed = {(m.verb, m.path) for m in TEAM.methods}
    assert {(row["method"], row["path"]) for row in examples} - listed == set()


# --- the proof itself can fail --------------------------------------------------------------------------------------


def _of(path: str) -> Method:
    return next(m for m in TEAM.methods if m.path == path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client": "pong"}, "TeamClient has no method pong"),
        ({"client": "teams"}, "teams sent GET /sandbox/desk/api/v3/teams, not GET /api/v3/time"),
        ({"verb": "PUT"}, "not PUT /api/v3/time"),
        ({"by": ("bridges/team/spec.py",)}, "bridges/team/spec.py does not call time"),
        ({"by": ("bridges/team/nowhere.py",)}, "bridges/team/nowhere.py does not call time"),
        ({"test": "tests/bridges/team/test_client.py::test_nothing"}, "there is no test"),
        ({"test": "tests/bridges/team/test_client.py::documented"}, "there is no test"),
        ({"test": "tests/bridges/team/gone.py::test_x"}, "there is no test"),
    ],
)
async def test_a_claim_that_is_not_true_is_found(changes: dict[str, Any], says: str):
    async with playing("team") as p:
        found = await _method(TEAM, replace(_of("/api/v3/time"), **changes), p)
    assert says in "\n".join(found.missing)


async def test_a_method_that_the_sandbox_does_not_answer_is_found():
    async with playing("team") as p:
        await p.switch(v3=False)  # as if it had none of them
        with pytest.raises(Exception, match="NOT_FOUND"):
            await _method(TEAM, _of("/api/v3/time"), p)
    async with playing("astrak") as p:
        polling = next(m for m in ASTRAK.methods if m.client == "check")
        found = await _method(ASTRAK, replace(polling, switches={"failing": 1}), p)
        assert "the sandbox said no" in found.sandbox


async def test_an_event_that_does_not_come_or_means_something_else_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tests.coverage.playing.until", _never)
    async with playing("insta") as p:
        found = await _event(INSTA.events[0], p)
        assert found.sandbox == "never"
        found = await _event(replace(INSTA.events[0], means="Report"), p)
        assert found.client == "the document's sample is read as ['Incoming']"


async def _never(*_: object, **__: object) -> None:
    raise AssertionError("never")


def test_tests_are_looked_for_where_pytest_looks():
    assert untested("tests/coverage/test_coverage.py::test_tests_are_looked_for_where_pytest_looks") == ""
    assert untested("tests/coverage/test_coverage.py::_never") != ""
