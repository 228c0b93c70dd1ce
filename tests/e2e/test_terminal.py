"""A person starts the relay in a terminal, and closes that."""

from __future__ import annotations

import os
import select
import subprocess
import threading
from pathlib import Path

from tests.harness import ROOT, RelayProcess, deployment, sinks, until


class InTerminal(RelayProcess):
    """Started by hand: all it says goes to a terminal of its own, until that is closed."""

    first = ""  # what the shell does before it

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._master, slave = os.openpty()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        process = subprocess.Popen(
            # The first terminal that is opened by somebody who leads a session is that session's own.
            ["sh", "-c", f'{self.first} exec "$@" <"$0"', os.ttyname(slave), *self._command_line],
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**self._environment, "COLUMNS": "200"},
            start_new_session=True,
        )
        os.close(slave)
        return process

    def _read(self) -> None:
        with self._log_path.open("ab", buffering=0) as log:
            while not self._closing.is_set():
                if select.select([self._master], [], [], 0.05)[0]:
                    try:
                        log.write(os.read(self._master, 65536).replace(b"\r\n", b"\n"))
                    except OSError:  # it has ended
                        return

    def close_terminal(self) -> None:
        """As a click on its cross does."""
        self._closing.set()
        self._reader.join()
        os.close(self._master)


async def test_closing_the_terminal_is_a_clean_stop(tmp_path: Path) -> None:
    async with sinks("insta", "team") as (shop, sales):
        relay = InTerminal(tmp_path, deployment(shop.account(), None, sales.account()))
        try:
            await relay.start()
            pid_file = relay.data_dir / "store" / "valkey.pid"
            assert pid_file.exists()
            relay.close_terminal()
            await until(lambda: not relay.running, what="the relay ended with its terminal")
            assert relay._reap() == 0
            await until(lambda: not pid_file.exists(), what="the store ended as well")
        finally:
            await relay.close()


async def test_it_stays_where_the_hang_up_is_ignored(tmp_path: Path) -> None:
    async with sinks("insta", "team") as (shop, sales):
        relay = InTerminal(tmp_path, deployment(shop.account(), None, sales.account()))
        relay.first = 'trap "" HUP;'  # as nohup does it
        try:
            await relay.start()
            relay.close_terminal()
            assert await relay.readyz() == 200
            assert (await relay.stop()).code == 0
        finally:
            await relay.close()
