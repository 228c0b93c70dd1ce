"""Who is at the other end, seen through proxies that are trusted, and through nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from relay.web.client_address import Client, ClientAddresses


class _Peer:
    def __init__(self, address: str) -> None:
        self.address = address

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.address, 1) if name == "peername" else default


def _client(
    peer: str, headers: dict[str, str], *, trusted: tuple[str, ...] = ("10.0.0.0/8",), public: str = ""
) -> Client:
    request = make_mocked_request("GET", "/", headers=headers, transport=_Peer(peer))
    return ClientAddresses(trusted, public or None).of(request)


def test_a_stranger_s_headers_are_not_believed():
    said = {"Host": "relay.example.com", "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}
    client = _client("203.0.113.9", said)
    assert (client.address, client.scheme) == ("203.0.113.9", "http")


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),  # the first is what the client itself wrote
        ("198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("rubbish", "10.0.0.1"),
    ],
)
def test_behind_a_trusted_proxy(forwarded: str, found: str):
    client = _client("10.0.0.1", {"Host": "a.b", "X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})
    assert client.address == found
    assert client.origin == "https://a.b"


def test_the_public_address_is_known_to_be_https():
    client = _client("203.0.113.9", {"Host": "relay.example.com"}, public="https://relay.example.com")
    assert client.secure_cookies
    assert not _client("203.0.113.9", {"Host": "other"}, public="https://relay.example.com").secure_cookies


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
def test_this_machine_keeps_secure_cookies_over_http(host: str):
    assert _client("127.0.0.1", {"Host": host}).secure_cookies
