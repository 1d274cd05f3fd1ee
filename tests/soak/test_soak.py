"""A soak loses and doubles nothing, and its accountant would have seen it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.delivery.servers import SECRET, Receiver
from tests.docs.citations import ROOT
from tests.soak.accounts import Receipts, balance, settle, standing
from tests.soak.deeds import Ledger, attempt, drawn, folder
from tests.soak.worker import connected
from tests.store.small import Books
from workflow.delivery import way
from workflow.delivery.settings import Delivery

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")
AGAIN = """
INSERT INTO ticketflow_history
SELECT ticket_id, seq + 1000, kind, happened_at, recorded_at, actor, state, entry, type, version, trigger, source, dest,
  timer, data, private, digests, desk_revision, hash
FROM ticketflow_history WHERE kind = 'fired' LIMIT 1
"""
EVEN = "lost 0, doubled 0, other faults 0"


def soaked(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_short_soak_on_a_file_balances() -> None:
    told = soaked("--minutes", "0.08", "--workers", "3", "--sqlite-only", "--seed", "5")
    assert "kill" in told
    assert told.count(EVEN) == 1


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_soak_on_both_databases_balances() -> None:
    told = soaked("--minutes", "1", "--seed", "6")
    assert "crash" in told
    assert told.count(EVEN) == 2


def test_the_accountant_finds_whatever_is_lost_doubled_or_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "LEASE", way.LEASE)  # is set back at the end
    url, ledger, chance = f"sqlite:///{tmp_path / 't.db'}", Ledger(tmp_path / "w0.ledger"), Random(3)  # noqa: S311
    with Receiver() as receiver:
        receipts, delivery = Receipts(receiver), Delivery(webhook_url=receiver.url, webhook_secret=SECRET)
        with connected(url, folder(tmp_path / "definitions", version=1), delivery) as desk:
            desk.apply(folder(tmp_path / "definitions"), actor="boss")
            for number in range(60):
                ids = [ticket.id for ticket in desk.find(sort="-id").tickets]
                certain = {"verb": ("open", "note")[number % 2]} if number > 50 else {}
                ledger.begin(deed := drawn(chance, f"w0-{number}", ids) | certain)
                attempt(desk, ledger, deed)
            time.sleep(2)  # until something is due
        settle(url, tmp_path / "definitions", [ledger.path], delivery)
        accepted = receipts.accepted
    even = balance(url, tmp_path / "definitions", [ledger.path], accepted)
    assert even.even, even
    assert min(even.deeds, even.refused, even.fired, even.messages) >= 3

    lines = ledger.path.read_text().splitlines()
    noted = [json.loads(line)["key"] for line in lines if '"verb": "note"' in line]
    noted = [key for key in noted if ledger.known[key] == "done"]
    ledger.path.write_text("\n".join(line for line in lines if f'"{noted[0]}"' not in line))
    ledger.begin({"key": "w0-999", "verb": "note"})
    ledger.end("w0-999", "done")
    taken = list(accepted)
    del accepted[taken[0]]
    gone, waits = (tuple(map(int, key.split("-"))) for key in taken[1:3])
    books = Books(url)
    with books.engine.begin() as connection:
        for statement, values in (
            ("UPDATE ticketflow_history SET private = replace(private, ?, ?)", (noted[1], noted[2])),
            ("DROP INDEX ux_ticketflow_history_timer", ()),
            (AGAIN, ()),
            ("DELETE FROM ticketflow_outbox WHERE ticket_id = ? AND seq = ?", gone),
            ("UPDATE ticketflow_outbox SET state = 'waiting' WHERE ticket_id = ? AND seq = ?", waits),
            ("DELETE FROM ticketflow_timers", ()),
            ("UPDATE ticketflow_figures SET counts = '{}' WHERE dimension = 'all'", ()),
        ):
            connection.exec_driver_sql(statement, values)
    books.close()
    found = balance(url, tmp_path / "definitions", [ledger.path], accepted)
    said = "\n".join(found.lost + found.doubled + found.faults)
    for wanted in (
        f"{noted[0]} is there and nobody did it", "w0-999 (note) was acknowledged and is not there",
        f"{noted[1]} (note) was acknowledged and is not there", f"{noted[2]} (note) was done 2 times", "fired twice",
        f"message {taken[0]} is sent, and nobody took it", f"message {taken[1]} was taken and is not there",
        f"message {taken[2]} is still waiting", "audit verify:", "books:", "sla rebuild --check:",
        "stats rebuild --check:",
    ):  # fmt: skip
        assert wanted in said
    assert standing(url)
