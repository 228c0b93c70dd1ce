"""What lies in deploy/ is run, not only written: nginx in front of a relay, the health check, compose and the unit."""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import io
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.harness import ROOT, RelayProcess, deployment, free_port, sinks, until
from tests.harness.payloads import insta_message

nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextlib.asynccontextmanager
async def in_front(folder: Path, relay: RelayProcess, port: int) -> AsyncIterator[Path]:
    """nginx with the example's configuration, on ports and with a certificate of the test's; its log."""
    assert nginx is not None
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=relay.example.com",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True,
    )  # fmt: skip
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    text = text.replace("127.0.0.1:8080;\n    keepalive", f"{relay.address.removeprefix('http://')};\n    keepalive")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = re.sub(r"/etc/letsencrypt/\S+fullchain.pem", str(folder / "cert.pem"), text)
    text = re.sub(r"/etc/letsencrypt/\S+privkey.pem", str(folder / "key.pem"), text)
    text = text.replace("/var/log/nginx/relay.log", str(folder / "access.log"))
    scratch = "".join(f"{k}_temp_path {folder / k};\n" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if Path("/root").owner() == "root" and not Path("/root").is_symlink() else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder / 'nginx.pid'};\nerror_log {folder / 'error.log'};\n"
        f"events {{}}\nhttp {{\n{scratch}{text}\n}}\n"
    )
    process = await asyncio.create_subprocess_exec(
        nginx, "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"
    )
    try:

        async def answers() -> bool:
            assert process.returncode is None, (folder / "error.log").read_text()
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        await until(answers, what="nginx")
        yield folder / "access.log"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.skipif(nginx is None, reason="needs nginx")
async def test_nginx_in_front(tmp_path: Path, relay_process: Any) -> None:
    port = free_port()
    public = f"https://127.0.0.1:{port}"
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with sinks("insta", "operator") as (shop, panel), aiohttp.ClientSession() as session:
        config = deployment(shop.account(), panel.account(), None, public_url=public, trusted_proxies=["127.0.0.1"])
        relay: RelayProcess = relay_process(config)
        await relay.start()
        async with in_front(tmp_path, relay, port) as log:
            address = relay.hooks["shop"]
            assert address.startswith(public)
            async with session.post(address, json=insta_message(1, "q1", "through nginx"), ssl=trusting) as answer:
                assert answer.status == 200, await answer.text()
            await panel.got("through nginx")
            # A photo of an operator's: far more than nginx takes by itself. The relay, not nginx, says no to its token.
            form = aiohttp.FormData({"token": "wrong", "user_id": "1", "contact_id": "1"})
            form.add_field("attach", io.BytesIO(bytes(20_000_000)), filename="a.jpg")
            with contextlib.suppress(aiohttp.ClientError):  # turned away before all of it was read
                async with session.post(f"{public}/hooks/panel/message", data=form, ssl=trusting) as answer:
                    assert answer.status == 401
            for path in ("/metrics", "/readyz", "/sandbox/shop/"):
                async with session.get(public + path, ssl=trusting) as answer:
                    assert answer.status == 404, path
                    assert "nginx" in await answer.text()
            async with session.get(f"{public}/healthz", ssl=trusting) as answer:
                assert answer.status == 200
            await until(lambda: "/healthz" in log.read_text(), what="a line in nginx's log")
            assert "/hooks/" not in log.read_text()


async def test_the_health_check_asks_the_port_that_is_configured(relay_process: Any) -> None:
    async with sinks("insta", "team") as (shop, sales):
        relay: RelayProcess = relay_process(deployment(shop.account(), None, sales.account()))
        ran = await relay.cli("healthy")
        assert ran.code == 1 and "does not answer" in ran.err
        await relay.start()
        assert (await relay.cli("healthy")).code == 0
        assert (await relay.cli("healthy", "--ready")).code == 0


def test_compose_and_the_image_say_the_same() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    relay = compose["services"]["relay"]
    assert relay["read_only"] is True and relay["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in relay["ports"])
    image = (ROOT / "Dockerfile").read_text()
    assert "USER relay" in image and '"relay", "healthy"' in image
    for variable in re.findall(r"RELAY_[A-Z_]+", image + (ROOT / "compose.yaml").read_text()):
        from relay.config.environment import VARIABLES

        assert variable in VARIABLES, variable
    example = (ROOT / ".env.example").read_text()
    for variable in re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.yaml").read_text()):
        assert f"{variable}=" in example


def test_the_unit_names_commands_that_exist() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "relay.service")
    from relay.cli.main import COMMANDS

    for key in ("ExecStartPre", "ExecStart", "ExecReload"):
        assert unit["Service"][key].split()[1] in COMMANDS
    assert unit["Service"]["ProtectSystem"] == "strict"
    if verify := shutil.which("systemd-analyze"):
        done = subprocess.run(
            [verify, "verify", "--man=no", ROOT / "deploy" / "relay.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        wrong = [line for line in done.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]
        assert wrong == []
