"""`relay sandbox KIND --cert FILE --key FILE`: the vendor's own client of the team chat speaks nothing but https."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from bridges.team import TeamBridge
from relay.cli.commands.sandbox import serve
from relay.contract.errors import RelayError


async def certificate(folder: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; it makes the certificate of this test")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-out", str(cert), "-keyout", str(key)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    return cert, key


async def test_a_sandbox_over_https(tmp_path: Path):
    cert, key = await certificate(tmp_path)
    shown = Console(record=True, width=200, quiet=False, file=(tmp_path / "out").open("w"))
    running = asyncio.create_task(
        serve(TeamBridge, shown, host="127.0.0.1", port=0, hook="", seed=1, cert=cert, key=key)
    )
    try:
        async with asyncio.timeout(10):
            while "https://" not in (text := shown.export_text(clear=False)):
                assert not running.done(), running
                await asyncio.sleep(0.02)
        address = text[text.index("https://") :].split()[0]
        trusting = ssl.create_default_context(cafile=str(cert))
        async with aiohttp.ClientSession() as session, session.get(f"{address}api/v3/ping", ssl=trusting) as answer:
            assert (await answer.json())["result"] == "pong"
    finally:
        running.cancel()
        await asyncio.wait({running})
        shown.file.close()


async def test_what_is_no_certificate_is_a_sentence(tmp_path: Path):
    wrong = tmp_path / "cert.pem"
    wrong.write_text("no certificate")
    for cert, key in ((wrong, None), (tmp_path / "none.pem", None), (None, wrong)):
        with pytest.raises(RelayError, match=r"certificate|--cert"):
            await serve(TeamBridge, Console(), host="127.0.0.1", port=0, hook="", seed=1, cert=cert, key=key)
