"""A port that is taken was answered with the operating system's words and a tuple; it must say what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from tests.harness import run_cli


@pytest.mark.parametrize("listen", ["127.0.0.1:{taken}", "192.0.2.1:8080"])
def test_an_address_that_cannot_be_listened_on(tmp_path: Path, listen: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = listen.format(taken=taken.getsockname()[1])
        config = {
            "listen": listen,
            "sandboxes": "expose",
            "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
            "desks": {"sales": {"kind": "team", "url": "sandbox"}},
            "routes": [{"channel": "shop", "desks": ["sales"]}],
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        ran = run_cli("run", "-c", str(tmp_path / "config.yaml"))
    assert ran.code == 1
    said = ran.err.strip()
    assert said.startswith("relay: ")
    assert listen.rpartition(":")[0] in said
    assert "`listen` in config.yaml" in said
    assert "Traceback" not in said
    assert "('" not in said
