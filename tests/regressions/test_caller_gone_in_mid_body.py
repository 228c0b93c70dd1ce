"""A caller that hung up before its body had come was logged as an error with a traceback."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

from tests.harness import RelayProcess, until

CONFIG = {
    "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
    "desks": {"panel": {"kind": "operator", "url": "sandbox"}},
    "routes": [{"channel": "shop", "desks": ["panel"]}],
}
MULTIPART = (
    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n"
    b'--x\r\nContent-Disposition: form-data; name="attach"; filename="a"\r\n\r\nhalf'
)
JSON = b'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"half":'
CHUNKED = b'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"hal'


async def test_it_is_a_line_and_no_file_stays(tmp_path: Path) -> None:
    async with RelayProcess(tmp_path, CONFIG) as relay:
        host, port = str(relay.config["listen"]).split(":")
        for rest in (MULTIPART, JSON, CHUNKED):
            for reset in (False, True):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.write(b"POST /hooks/panel/message HTTP/1.1\r\nHost: x\r\n" + rest)
                await writer.drain()
                await asyncio.sleep(0.2)
                if reset:
                    linger = struct.pack("ii", 1, 0)  # RST instead of FIN
                    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
                writer.close()
        incoming = tmp_path / "data" / "media" / "incoming"
        await until(lambda: not list(incoming.rglob("*.part")), 10, what="nothing left of half files")
        assert await relay.readyz() == 200
        assert "Traceback" not in relay.log()
        assert "ERROR" not in relay.log()
