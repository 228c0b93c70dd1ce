"""What tests need to run the relay for real: processes, stores, the outside systems' receiving side, and a ledger.

Nothing here is a stand-in for the relay: `RelayProcess` is `python -m relay …` with a config.yaml and a store of its
own, `StoreServer` a real Valkey, `Sink` a real HTTP server that writes down what arrives and answers as it is told.
`Customer` writes hooks the way the Insta API does and `Ledger.tally` says what became of them, in the words of
PITFALLS 5: lost, out of order, doubled.
"""

from __future__ import annotations

from tests.harness.deployment import deployment
from tests.harness.ledger import Arrival, Ledger, Tally
from tests.harness.payloads import insta_message, insta_report
from tests.harness.people import Colleague, Customer, Panel
from tests.harness.processes import Ran, RelayProcess, Stopped, end_embedded_store, run_cli
from tests.harness.replies import BROKEN, BUSY, HTML, NOT_OK, UNPAID, YES, Reply, Script
from tests.harness.secrets import INSTA_TOKEN, PANEL_HOOK_TOKEN, PANEL_TOKEN, ROOT, SECRET_KEY, TEAM_KEY
from tests.harness.sinks import Kind, Sink, read_fields, sinks
from tests.harness.store_server import StoreServer
from tests.harness.waiting import free_port, mark, marked, until

__all__ = [
    "BROKEN",
    "BUSY",
    "HTML",
    "INSTA_TOKEN",
    "NOT_OK",
    "PANEL_HOOK_TOKEN",
    "PANEL_TOKEN",
    "ROOT",
    "SECRET_KEY",
    "TEAM_KEY",
    "UNPAID",
    "YES",
    "Arrival",
    "Colleague",
    "Customer",
    "Kind",
    "Ledger",
    "Panel",
    "Ran",
    "RelayProcess",
    "Reply",
    "Script",
    "Sink",
    "Stopped",
    "StoreServer",
    "Tally",
    "deployment",
    "end_embedded_store",
    "free_port",
    "insta_message",
    "insta_report",
    "mark",
    "marked",
    "read_fields",
    "run_cli",
    "sinks",
    "until",
]
