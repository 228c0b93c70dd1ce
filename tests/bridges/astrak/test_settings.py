import pytest
from pydantic import ValidationError

from bridges.astrak.settings import SANDBOX_PASSWORD, SANDBOX_USERNAME, AstrakSettings, Receive
from tests.bridges.astrak.conftest import settings
from tests.bridges.astrak.far import PASSWORD


def test_what_config_yaml_may_say():
    made = settings(receive="polling", bot_id=7, max_text=200)
    assert (made.receive, made.bot_id, made.max_text) == (Receive.POLLING, 7, 200)
    assert (settings().receive, settings().bot_id, settings().max_text) == (Receive.CALLBACK, None, 1000)
    assert PASSWORD not in repr(made)


def test_a_real_server_needs_an_account_and_the_sandbox_none():
    with pytest.raises(ValidationError, match="username and password must be set"):
        AstrakSettings(url="https://astrak.example.com")
    sandboxed = AstrakSettings(url="sandbox")
    assert (sandboxed.username, sandboxed.password.get_secret_value()) == (SANDBOX_USERNAME, SANDBOX_PASSWORD)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "astrak"},
        {"url": "https://a.example.com/?x=1"},
        {"url": "http://[::1"},
        {"url": "builtin"},
        {"receive": "sometimes"},
        {"bot_id": 0},
        {"max_text": 3},
        {"tokn": "x"},
    ],
)
def test_what_is_refused(changes: dict[str, object]):
    with pytest.raises(ValidationError):
        settings(**changes)
