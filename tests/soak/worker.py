"""One worker of a soak: it does one deed after the other until it is told to stop, or is killed."""

from __future__ import annotations

import logging
import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import psycopg
from alembic.script import ScriptDirectory

from tests.soak.deeds import Ledger, append, attempt, drawn
from workflow.delivery import way
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Delivery
from workflow.desk import migrate
from workflow.desk.desk import Desk
from workflow.errors import StoreError

LOADED = (psycopg, ScriptDirectory, migrate)
TICKETS = 100  # the newest
PAUSE = 0.03  # seconds at most between two deeds: the faults are what this is about


def connected(url: str, definitions: Path, delivery: Delivery) -> Desk:
    """Return the desk, whose relays hold messages for seconds only: many die over them. Its bell writes down keys."""

    def ring(notice: Notice) -> None:
        append(rung(definitions), notice.key)

    way.LEASE = timedelta(seconds=5)
    return Desk.connect(url, definitions=definitions, delivery=delivery, busy_timeout=30, actions={"bell": ring})


def rung(definitions: Path) -> Path:
    """Return the file of the keys that the bell was rung for."""
    return definitions.with_name("rung")


def work(url: str, definitions: Path, ledger_path: Path, delivery: Delivery, seed: int) -> None:
    """Finish what was begun under this ledger, and go on until SIGTERM; a store that fails is waited for."""
    stopping: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # a connection that was cut is no news here
    tickets: list[int] = []
    ledger, chance = Ledger(ledger_path), Random(seed)  # noqa: S311 - for deeds
    while not stopping:
        with suppress(StoreError), connected(url, definitions, delivery) as desk:
            for deed in ledger.pending:
                attempt(desk, ledger, deed)
            while not stopping:
                if len(ledger.deeds) % 10 == 0 or not tickets:
                    tickets = [ticket.id for ticket in desk.find(sort="-id", limit=TICKETS).tickets]
                deed = drawn(chance, f"{ledger_path.stem}-{len(ledger.deeds)}", tickets)
                ledger.begin(deed)
                attempt(desk, ledger, deed)
                time.sleep(chance.uniform(0, PAUSE))
        time.sleep(0.1)
