"""A wrong value from the environment was hidden in the whole complaint, also in what is allowed:
`allowed is host:port, such as "${RELAY_LISTEN:-***:8080}":8080`."""

from __future__ import annotations

import pytest

from relay.config.load import parse
from relay.contract.errors import ConfigError
from tests.unit.fake_kinds import ENV, GOOD, KINDS


def test_a_value_that_also_stands_in_what_is_allowed() -> None:
    text = GOOD + "\nlisten: ${LISTEN:-127.0.0.1:8080}\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, KINDS, env={**ENV, "LISTEN": "127.0.0.1"})
    (problem,) = caught.value.problems
    assert problem.message.endswith(
        "; allowed is host:port, such as 127.0.0.1:8080 (this machine only) "
        "or 0.0.0.0:8080 (every address of this machine)"
    )
    assert problem.message.startswith('found "${LISTEN')
