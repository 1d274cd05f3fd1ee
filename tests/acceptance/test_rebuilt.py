"""Timers and clocks that are not what history says: found and mended, whatever was done to their rows by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.store.small import HOURS, MINUTE, NOON, VISIT, Books, opened, write
from workflow.clock import VirtualClock
from workflow.desk.desk import Desk
from workflow.desk.repair import ClockDifference, TimerDifference

HOUR = timedelta(hours=1)
QUIET = VISIT.replace("      ring: {actions: [{call: bell}]}\n", "")


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A desk with one visit that is escalated, promised, timed and counted."""
    with opened(database_url, write(tmp_path / "definitions", QUIET, desk=HOURS)) as desk:
        desk.open("visit", actor="ann")
        desk.escalate(1, actor="ann")
        desk.promise(1, NOON + 100 * HOUR, actor="ann")
        assert isinstance(desk.clock, VirtualClock)
        desk.clock.advance(MINUTE)
        yield desk


def sql(books: Books, *statements: str) -> None:
    with books.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def armed(books: Books) -> dict[tuple[str, str], datetime]:
    return {(row["kind"], row["name"]): row["due_at"] for row in books.of("timers")}


@pytest.mark.parametrize("kind", ["timeout", "sla", "promise", "rung"])
def test_a_timer_that_was_deleted_is_missed_and_armed_again(desk: Desk, books: Books, kind: str) -> None:
    before = armed(books)
    sql(books, f"DELETE FROM ticketflow_timers WHERE kind = '{kind}'")  # noqa: S608 - a constant
    found = desk.check_clocks()
    assert {(each.kind, each.stored) for each in found if isinstance(each, TimerDifference)} == {(kind, None)} | (
        {("next", min(before.values()))} if kind == "rung" else set()
    )
    assert desk.rebuild_clocks(actor="boss") == found
    assert armed(books) == before
    assert desk.check_clocks() == ()
    books.assert_balanced()


def test_a_timer_that_waits_for_nothing_is_dropped_and_a_wrong_due_time_put_right(desk: Desk, books: Books) -> None:
    before = armed(books)
    sql(
        books,
        "INSERT INTO ticketflow_timers SELECT ticket_id, 'timeout', 'ghost', 9, 1, due_at, 5 FROM ticketflow_timers"
        " WHERE kind = 'rung'",
        "UPDATE ticketflow_timers SET due_at = (SELECT opened_at FROM ticketflow_tickets) WHERE name = 'slow'",
    )
    found = {each.name: each for each in desk.check_clocks() if isinstance(each, TimerDifference)}
    ghost, slow = found["ghost"], found["slow"]
    assert ghost.told is None
    assert (slow.stored, slow.told) == (NOON, before["timeout", "slow"])
    desk.rebuild_clocks(actor="boss")
    assert armed(books) == before
    books.assert_balanced()


def test_what_was_missed_meanwhile_is_armed_for_now(desk: Desk, books: Books) -> None:
    sql(books, "DELETE FROM ticketflow_timers WHERE kind = 'timeout'")
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(300 * HOUR)
    desk.rebuild_clocks(actor="boss")
    assert armed(books)["timeout", "slow"] == desk.clock.now()
    assert (desk.check_clocks(), desk.rebuild_clocks(actor="boss")) == ((), ())
    assert desk.run_timeouts().fired
    assert desk.check_clocks() == ()


def test_a_clock_row_too_many_is_dropped(desk: Desk, books: Books) -> None:
    columns = ", ".join(column for column in books.of("slas")[0] if column != "cycle")
    sql(books, f"INSERT INTO ticketflow_slas (cycle, {columns}) SELECT 7, {columns} FROM ticketflow_slas")  # noqa: S608 - its own
    (found, *_) = desk.check_clocks()
    assert isinstance(found, ClockDifference)
    assert (found.cycle, found.told) == (7, None)
    desk.rebuild_clocks(actor="boss")
    assert desk.check_clocks() == ()
    assert [clock.cycle for clock in desk.clocks(1)] == [1]
    books.assert_balanced()


def test_a_row_that_says_another_next_timer_is_put_right(desk: Desk, books: Books) -> None:
    sql(books, "UPDATE ticketflow_tickets SET next_timer_at = NULL")
    (found,) = desk.check_clocks()
    assert isinstance(found, TimerDifference)
    assert (found.kind, found.stored, found.told) == ("next", None, min(armed(books).values()))
    desk.rebuild_clocks(actor="boss")
    books.assert_balanced()
