import pytest
from pydantic import ValidationError

from bridges.operator.settings import SANDBOX_TOKEN, Attaching, OperatorSettings
from tests.bridges.operator.conftest import TOKEN, WEBHOOK_TOKEN, settings


def test_what_config_yaml_may_say():
    made = settings(attaches="json", dedupe="500ms", mirror=False)
    assert made.token.get_secret_value() == TOKEN
    assert (made.attaches, made.dedupe, made.mirror) == (Attaching.JSON, 0.5, False)
    assert settings().dedupe == 5.0
    assert settings(dedupe=0).dedupe == 0.0


def test_builtin_is_refused_with_a_sentence():
    with pytest.raises(ValidationError, match="not in this version yet, use sandbox"):
        settings(url="builtin")


@pytest.mark.parametrize("url", ["", "panel", "ftp://panel", "https://", "http://[::1"])
def test_an_address_that_cannot_work(url: str):
    with pytest.raises(ValidationError, match="https://"):
        settings(url=url)


@pytest.mark.parametrize("dedupe", ["5", 5, 5.5, "five", "-1s", "2d", None, True])
def test_a_duration_needs_a_unit_and_sense(dedupe: object):
    with pytest.raises(ValidationError):
        settings(dedupe=dedupe)


def test_a_real_panel_needs_both_tokens_and_the_sandbox_none():
    with pytest.raises(ValidationError, match="token and webhook_token must be set"):
        OperatorSettings(url="https://panel.example.com/x")
    sandboxed = OperatorSettings(url="sandbox")
    assert sandboxed.sandboxed
    assert sandboxed.token.get_secret_value() == sandboxed.webhook_token.get_secret_value() == SANDBOX_TOKEN


def test_unknown_keys_are_errors():
    with pytest.raises(ValidationError, match="tokn"):
        settings(tokn="x")


def test_tokens_are_not_shown():
    assert TOKEN not in repr(settings()) and WEBHOOK_TOKEN not in str(settings())
