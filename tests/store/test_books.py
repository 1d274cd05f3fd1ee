"""The books that other tests balance notice what does not balance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.small import HOURS, JOB, MINUTE, NOON, VISIT, Books, opened, write

QUIET = VISIT.replace("      ring: {actions: [{call: bell}]}\n", "")
DAMAGE = [
    "UPDATE ticketflow_tickets SET next_timer_at = opened_at WHERE id = 2",
    "UPDATE ticketflow_tickets SET next_due_at = NULL WHERE id = 2",
    "UPDATE ticketflow_tickets SET missed_at = NULL WHERE id = 1",
    "UPDATE ticketflow_tickets SET ladder = NULL WHERE id = 1",
    "UPDATE ticketflow_tickets SET ladders = 5 WHERE id = 1",
    "UPDATE ticketflow_timers SET cycle = 9 WHERE kind = 'timeout'",
    "UPDATE ticketflow_timers SET cycle = 9 WHERE kind = 'sla'",
    "UPDATE ticketflow_timers SET occurrence = 9 WHERE kind = 'rung'",
    "DELETE FROM ticketflow_timers WHERE kind = 'rung'",
    "DELETE FROM ticketflow_escalations WHERE ticket_id = 1",
    "UPDATE ticketflow_escalations SET times = 2 WHERE ticket_id = 1",
    "UPDATE ticketflow_escalations SET ended_at = NULL WHERE ticket_id = 3",
    "DELETE FROM ticketflow_outbox WHERE ticket_id = 2",
    "UPDATE ticketflow_outbox SET addressee = 'member:eve' WHERE ticket_id = 2",
    "DELETE FROM ticketflow_slas",
    "UPDATE ticketflow_slas SET elapsed = 7",
    "UPDATE ticketflow_history SET happened_at = recorded_at WHERE ticket_id = 2",
    "UPDATE ticketflow_history SET actor = 'eve' WHERE ticket_id = 2",
    "DELETE FROM ticketflow_history WHERE ticket_id = 2 AND seq = 2",
]


@pytest.fixture
def books(sqlite_url: str, tmp_path: Path) -> Books:
    """The books of tickets that are escalated, counted and overtaken."""
    with opened(sqlite_url, write(tmp_path / "definitions", JOB, QUIET, desk=HOURS)) as desk:
        for name in ("job", "visit", "job"):
            desk.open(name, actor="ann", fields={"statement": "x"})
        desk.run_timeouts(as_of=NOON + 20 * MINUTE)
        desk.escalate(2, actor="ann", at=NOON + 10 * MINUTE)
        desk.advance(3, "accept", actor="ann")
    return Books(sqlite_url)


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_does_not_balance_is_noticed(books: Books, damage: str) -> None:
    books.assert_balanced()
    with books.engine.begin() as connection:
        assert connection.exec_driver_sql(damage).rowcount > 0
    with pytest.raises(AssertionError):
        books.assert_balanced()
    books.close()
