"""No secret in a log line, whatever way it got there."""

from __future__ import annotations

import logging
from io import StringIO

import pytest

from relay.observe.redaction import Redaction

TOKEN = "tok-AAAA-BBBB-CCCC"
HOOK = "YiK7RvxfcRbsYbKQKEhSMZ_TYEElURHg"


@pytest.fixture
def said() -> StringIO:
    return StringIO()


@pytest.fixture
def log(said: StringIO) -> logging.Logger:
    logger = logging.Logger("canary")
    handler = logging.StreamHandler(said)
    handler.addFilter(Redaction([TOKEN, "short"]))
    logger.addHandler(handler)
    return logger


def test_known_secrets_are_masked_in_messages_arguments_and_tracebacks(log: logging.Logger, said: StringIO):
    log.warning("a %s and %s", TOKEN, {"key": TOKEN})
    try:
        raise ValueError(f"https://api.example.com/{TOKEN}/sendMsg")
    except ValueError:
        log.exception("it failed")
    assert TOKEN not in said.getvalue()
    assert said.getvalue().count("***") >= 3
    assert "api.example.com" in said.getvalue()


@pytest.mark.parametrize("address", [f"/hooks/shop/{HOOK}", f"https://relay.example.com/hooks/shop/{HOOK}?x=1"])
def test_addresses_that_hold_secrets_are_masked(log: logging.Logger, said: StringIO, address: str):
    log.info("x")
    log.warning("POST %s failed", address)
    assert HOOK not in said.getvalue()
    assert "/hooks/shop/***" in said.getvalue()


def test_words_that_are_no_secrets_stay_readable(log: logging.Logger, said: StringIO):
    log.warning("a short line about /hooks/shop and /media")
    assert "a short line about /hooks/shop and /media" in said.getvalue()
