"""`make`, `timeout` and process managers tell a whole group to stop and then hand their own signal on. The second one
used to end the relay on the spot: messages in flight were cut off and the embedded store was left running."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.harness import RelayProcess, until

CONFIG = {
    "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
    "desks": {"sales": {"kind": "team", "url": "sandbox"}},
    "routes": [{"channel": "shop", "desks": ["sales"]}],
}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_that_comes_twice_at_once_is_one_request(tmp_path: Path, signum: signal.Signals) -> None:
    async with RelayProcess(tmp_path, CONFIG) as relay:
        pid, store = relay.pid, relay.store_pid
        os.kill(pid, signum)
        await until(lambda: "Stopping" in relay.log(), 10, what="the first signal noticed")
        if relay.running:
            os.kill(pid, signum)
        stopped = await relay.stop()
        assert stopped.code == 0
        assert "store stopped" in relay.log()
        with pytest.raises(ProcessLookupError):
            os.kill(store, 0)
