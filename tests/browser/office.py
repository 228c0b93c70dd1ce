"""A real relay with its sandboxes and two operators, and hands to play customers and the group.

Everything here is synchronous, as the browser's driver is: a test reads from top to bottom.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.harness.processes import end_embedded_store
from tests.harness.secrets import ROOT
from tests.harness.waiting import free_port

PASSWORDS = {"anna": "сиреневый трамвай у реки 7", "oleg": "зелёный паровоз за горой 9"}
CONFIG: dict[str, Any] = {
    "secret_key": "a secret key of the browser tests, long enough",
    "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
    "desks": {"inbox": {"kind": "panel"}, "sales": {"kind": "team", "url": "sandbox", "key": "the key of the group"}},
    "routes": [{"channel": "shop", "desks": ["inbox", "sales"]}],
    "delivery": {"retries": 1, "backoff": ["1s"], "timeout": "5s"},
}


def wait_for(condition: Callable[[], Any], timeout_s: float = 10.0, what: str = "") -> Any:
    """What `condition` gives once it is true. Raises AssertionError."""
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {what or condition}")
        time.sleep(0.05)
    return found


class Office:
    """One relay."""

    def __init__(self, folder: Path, *, locale: str = "en", people: bool = True, **more: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = CONFIG | {"listen": f"127.0.0.1:{self.port}", "data_dir": str(folder / "data"), "locale": locale}
        self.config_path = folder / "config.yaml"
        self.config_path.write_text(yaml.safe_dump(config | more, allow_unicode=True), "utf-8")
        self.log_path = folder / "relay.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self.token = ""
        self.start()
        if people:
            self.cli("user", "add", "anna", "--role", "admin", given=PASSWORDS["anna"])
            self.cli("user", "add", "oleg", given=PASSWORDS["oleg"])
        said = self.cli("token", "add", "tests", "--scope", "write", "--json")
        self.token = json.loads(said)["token"]

    # --- the process -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "relay", "run", "-c", str(self.config_path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT,
            )  # fmt: skip
        wait_for(self._is_ready, 30, "the relay is ready")

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError(f"the relay ended at its start:\n{self.log_path.read_text('utf-8')[-3000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """As a deployment does it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """As a power cut does it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        end_embedded_store(self.folder / "data")

    def cli(self, *words: str, given: str = "") -> str:
        """Another `relay …` command on the same configuration."""
        at = 2 if words[0] in ("user", "token", "dead") else 1
        line = [sys.executable, "-m", "relay", *words[:at], "-c", str(self.config_path), *words[at:]]
        done = subprocess.run(line, input=f"{given}\n{given}\n".encode(), capture_output=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    # --- requests ----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, value: Any = None, headers: dict[str, str] | None = None) -> Any:
        """JSON from an address of the relay. Raises urllib.error.HTTPError."""
        body = None if value is None else json.dumps(value).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, body, sent, method=method)
        with urllib.request.urlopen(request, timeout=15) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def api(self, method: str, path: str, value: Any = None, key: str = "") -> Any:
        """The same of /api/v1, as a script."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if key:
            headers["Idempotency-Key"] = key
        return self.ask(method, f"/api/v1{path}", value, headers)

    # --- customers ---------------------------------------------------------------------------------------------------

    def act(self, action: str, /, sandbox: str = "shop", **arguments: Any) -> Any:
        return self.ask("POST", f"/sandbox/{sandbox}/_sandbox/act/{action}", arguments)

    def switch(self, sandbox: str = "shop", **values: Any) -> None:
        """Let something go wrong at the far side."""
        self.ask("POST", f"/sandbox/{sandbox}/_sandbox/switches", values)

    def customer(self, name: str) -> Customer:
        """Somebody new, who has not written yet."""
        username = f"c{next(self._names)}.{re.sub('[^a-z]', '', name.lower())}"
        return Customer(self, self.act("customer", username=username, name=name)["id"], name, username)

    def written_in_group(self) -> list[str]:
        return [m["text"] for m in self.ask("GET", "/sandbox/sales/_sandbox/state")["messages"]]

    def say_in_group(self, text: str) -> None:
        state = self.ask("GET", "/sandbox/sales/_sandbox/state")
        self.act("say", "sales", text=text, sender=state["people"][0]["jid"], chat=state["groups"][0]["jid"])


class Customer:
    """One customer of the channel `shop`."""

    def __init__(self, office: Office, customer_id: str, name: str, username: str) -> None:
        self.office, self.id, self.name, self.username = office, customer_id, name, username
        self.number = 0

    def write(self, text: str) -> None:
        """Write, and wait until the relay has it."""
        self.office.act("write", customer_id=self.id, text=text)
        self._arrived(text)

    def send(self, what: str, text: str = "") -> None:
        """Send a file: photo, film or voice."""
        self.office.act("send", customer_id=self.id, what=what, text=text)
        self._arrived(text)

    def comment(self, text: str) -> None:
        self.office.act("comment", customer_id=self.id, text=text)
        self._arrived(text)

    def _arrived(self, text: str) -> None:
        def found() -> Any:
            rows = self.office.api("GET", "/conversations?limit=200")["items"]
            row = next((r for r in rows if r["contact"]["username"] == self.username), None)
            return row if row is not None and row["last"] is not None and row["last"]["text"] == text else None

        self.number = wait_for(found, 10, f"{text!r} has arrived")["number"]

    def received(self) -> list[dict[str, Any]]:
        """What the business has sent, oldest first."""
        state = self.office.ask("GET", "/sandbox/shop/_sandbox/state")
        return [m for m in state["messages"] if m["customer_id"] == self.id and not m["mine"]]

    def texts(self) -> list[str]:
        return [m["text"] for m in self.received()]

    @property
    def row(self) -> dict[str, Any]:
        return dict(self.office.api("GET", f"/conversations/{self.number}"))


def is_refused(error: urllib.error.HTTPError, status: int) -> bool:
    return error.code == status
