"""The timeout run on real databases: who fails keeps nobody waiting, and what was lost is told apart."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.store.small import DESK, MINUTE, NOON, Books, opened, timed, write
from workflow import TimerDifference, UnreadableTicket
from workflow.clock import SystemClock, VirtualClock
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import Refused, StoreBusy, TicketflowError
from workflow.store.tables import tickets

HOUR = timedelta(hours=1)
TIMED = timed(
    """
    broken: {after: 10m, conditions: '10 / count > 1', dest: handle}
    tell: {after: 20m, actions: [escalate]}
    """
)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A desk on a virtual clock, one of whose timeouts cannot fire where count is 0."""
    with opened(database_url, write(tmp_path / "timed", TIMED), busy_timeout=0.2) as desk:
        yield desk


def at(desk: Desk, minutes: int) -> None:
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.move_to(NOON + minutes * MINUTE)


def sql(books: Books, statement: str) -> None:
    with books.engine.begin() as connection:
        connection.exec_driver_sql(statement)


def take_in(desk: Desk, count: int, many: int, age: timedelta) -> None:
    some = (Contact(n, {"count": str(count)}, opened_at=desk.clock.now() - age) for n in range(many))
    assert desk.intake(some, actor="boss", ticket_type="timed", past="fire").opened == many


def kinds(desk: Desk, ticket: int) -> list[str]:
    return [entry.kind for entry in desk.history(ticket)]


# Who fails keeps nobody waiting.


def test_a_thousand_poisoned_tickets_starve_nobody(desk: Desk, books: Books) -> None:
    at(desk, 0)
    take_in(desk, 0, 400, 15 * MINUTE)  # their condition divides by zero
    take_in(desk, 5, 600, 14 * MINUTE)  # these rows are damaged,
    take_in(desk, 5, 60, 13 * MINUTE)  # and these are sound
    sql(books, "UPDATE ticketflow_tickets SET fields = '{damaged' WHERE id BETWEEN 401 AND 700")
    sql(books, "UPDATE ticketflow_history SET timer = 'timeout:broken:1:1' WHERE ticket_id BETWEEN 701 AND 1000")
    report = desk.run_timeouts(limit=100)
    assert (report.fired, report.incidents, report.errors, report.raced, report.locked) == (60, 400, 600, 0, 0)
    assert {ticket.state for ticket in desk.find(sort="-id", limit=60).tickets} == {"handle"}
    incidents = desk.incidents(limit=2000)
    assert [row.ticket_id for row in incidents] == list(range(1, 1001))
    assert {row.timer for row in incidents[:400]} == {"timeout:broken:1:1"}
    assert {row.timer for row in incidents[400:]} == {"ticket:unreadable:0:0"}
    again = desk.run_timeouts()
    assert (again.tickets, again.incidents, again.errors) == (0, 0, 0)
    assert [(run.fired, run.errors, run.empty) for run in desk.runs()] == [(60, 600, 1)]


def test_a_limit_counts_the_tickets_that_something_happens_to(desk: Desk) -> None:
    at(desk, 0)
    take_in(desk, 0, 5, 15 * MINUTE)
    take_in(desk, 5, 5, 14 * MINUTE)
    assert [(run.fired, run.incidents) for run in (desk.run_timeouts(limit=3) for _ in range(3))] == [
        (3, 5), (2, 0), (0, 0),
    ]  # fmt: skip


def test_what_the_database_refuses_of_one_ticket_costs_the_others_nothing(desk: Desk, books: Books) -> None:
    for _ in range(7):
        desk.open("timed", actor="ann", fields={"count": 5})
    sql(books, "UPDATE ticketflow_history SET timer = 'timeout:broken:1:1' WHERE ticket_id IN (1, 5)")
    at(desk, 10)
    assert desk.run_timeouts(dry_run=True).fired == 7, "what the database would refuse is not foreseen"
    report = desk.run_timeouts()
    assert (report.fired, report.tickets, report.errors) == (5, 5, 2)
    assert [row.ticket_id for row in desk.incidents()] == [1, 5]
    assert [desk.get(number).state for number in range(1, 8)] == [
        "intake", "handle", "handle", "handle", "intake", "handle", "handle",
    ]  # fmt: skip


# Incidents, and trying again.


def test_a_timer_that_failed_fires_at_the_time_of_the_retry_with_its_old_due_time(desk: Desk, books: Books) -> None:
    desk.open("timed", actor="ann", fields={"count": 0})
    at(desk, 12)
    assert desk.run_timeouts().incidents == 1
    (incident,) = desk.incidents()
    before = books.rows()
    with pytest.raises(Refused) as refused:
        desk.retry(incident.id, actor="boss")
    assert (refused.value.rule, "zero" in refused.value.message) == ("incident", True)
    assert books.rows() == before
    desk.set_fields(1, {"count": 5}, actor="ann")
    at(desk, 15)
    ticket = desk.retry(incident.id, actor="boss")
    assert (ticket.state, ticket.entered_at) == ("handle", NOON + 15 * MINUTE)
    closing, fired = desk.history(1)[-2:]
    assert (closing.kind, closing.actor, closing.data["why"]) == ("incident_closed", "boss", "retried")
    assert (fired.kind, fired.happened_at, fired.timer) == (
        "fired", NOON + 15 * MINUTE, ("timeout", "broken", 1, 1),
    )  # fmt: skip
    assert (fired.data["due_at"], fired.data["late_by"]) == ((NOON + 10 * MINUTE).isoformat(), 300)
    (closed,) = desk.incidents(open_only=False)
    assert (closed.closed_at, desk.incidents()) == (NOON + 15 * MINUTE, ())
    with pytest.raises(Refused, match="closed"):
        desk.retry(incident.id, actor="boss")
    books.assert_balanced()


def test_an_incident_whose_state_was_left_is_closed_with_a_record(desk: Desk, books: Books) -> None:
    desk.open("timed", actor="ann", fields={"count": 0})
    at(desk, 12)
    desk.run_timeouts()
    desk.advance(1, "shelve", actor="ann")
    (incident,) = desk.incidents()
    assert desk.retry(incident.id, actor="boss").state == "handle"
    last = desk.history(1)[-1]
    assert (last.kind, last.actor, last.data) == (
        "incident_closed", "boss", {"timer": "timeout:broken:1:1", "why": "left"},
    )  # fmt: skip
    assert desk.incidents() == ()
    books.assert_balanced()


def test_a_damaged_ticket_is_set_aside_and_fires_what_was_due_once_it_is_mended(desk: Desk, books: Books) -> None:
    for _ in range(2):
        desk.open("timed", actor="ann", fields={"count": 5})
    sql(books, "UPDATE ticketflow_tickets SET fields = '{damaged' WHERE id = 1")
    at(desk, 25)
    report = desk.run_timeouts()
    assert (report.fired, report.errors, report.incidents) == (1, 1, 0)
    (incident,) = desk.incidents()
    assert (incident.ticket_id, incident.opened_at) == (1, NOON + 25 * MINUTE)
    books.assert_balanced()
    before = books.rows()
    calls: list[Callable[[], object]] = [
        lambda: desk.retry(incident.id, actor="boss"), lambda: desk.note(1, "x", actor="ann"),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(TicketflowError, match="cannot be read") as refused:
            call()
        assert refused.value.ticket == 1
    assert books.rows() == before
    sql(books, """UPDATE ticketflow_tickets SET fields = '{"count":5}' WHERE id = 1""")
    at(desk, 40)
    assert desk.retry(incident.id, actor="boss").state == "handle"
    fired = desk.history(1)[-1]
    assert (fired.happened_at, fired.data["fired_at"]) == (NOON + 10 * MINUTE, (NOON + 40 * MINUTE).isoformat())
    assert (desk.incidents(), desk.run_timeouts().tickets) == ((), 0)
    books.assert_balanced()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ticketflow_timers SET due_at = '2026-03-02T01:00:00' WHERE ticket_id = 1 AND name = 'tell'",  # no zone
        "UPDATE ticketflow_timers SET kind = x'fffe' WHERE ticket_id = 1",
        "UPDATE ticketflow_timers SET cycle = 'one' WHERE ticket_id = 1",
        "UPDATE ticketflow_tickets SET seq = 'many' WHERE id = 1",
        "UPDATE ticketflow_tickets SET seq = 9223372036854775807 WHERE id = 1",
        "UPDATE ticketflow_tickets SET head = x'fffe', state = 5 WHERE id = 1",
        "UPDATE ticketflow_tickets SET entered_at = 5 WHERE id = 1",
        "UPDATE ticketflow_tickets SET last_fired_due = '2026-03-02T01:00:00' WHERE id = 1",
    ],
)
def test_no_damage_to_one_ticket_ends_a_run(tmp_path: Path, damage: str) -> None:
    with opened(f"sqlite:///{tmp_path / 'one.db'}", write(tmp_path / "timed", TIMED)) as desk:
        for _ in range(3):
            desk.open("timed", actor="ann", fields={"count": 5})
        with sqlite3.connect(tmp_path / "one.db") as database:
            database.execute(damage)
        at(desk, 25)
        planned = desk.run_timeouts(dry_run=True)
        report = desk.run_timeouts()
        assert (planned.tickets, report.tickets) == (3 - planned.errors, 3 - report.errors)
        assert (report.errors, kinds(desk, 2), kinds(desk, 3)) == (1, ["opened", "fired"], ["opened", "fired"])
        assert [row.ticket_id for row in desk.incidents()] == [1]
        assert desk.run_timeouts().errors == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ticketflow_tickets SET state = 'nowhere' WHERE id = 1",
        "UPDATE ticketflow_tickets SET entry = 'first' WHERE id = 1",
        "UPDATE ticketflow_tickets SET ticket_version = 1.5 WHERE id = 1",
        "UPDATE ticketflow_timers SET position = 'last' WHERE ticket_id = 1",
        "UPDATE ticketflow_history SET happened_at = 'yesterday' WHERE ticket_id = 1",
    ],
)
def test_what_is_asked_of_a_damaged_ticket_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    with opened(f"sqlite:///{tmp_path / 'one.db'}", write(tmp_path / "timed", TIMED)) as desk:
        desk.open("timed", actor="ann", fields={"count": 5})
        with sqlite3.connect(tmp_path / "one.db") as database:
            database.execute(damage)
        assert [type(found) for found in desk.check_clocks()] == [UnreadableTicket]
        assert [found.ticket_id for found in desk.rebuild_clocks(actor="boss")] == [1]
        calls: list[Callable[[], object]] = [lambda: desk.explain(1, actor="boss")]
        if "history" not in damage:
            calls += [lambda: desk.note(1, "x", actor="ann"), lambda: desk.what_next(1, actor="ann")]
        for call in calls:
            with pytest.raises(TicketflowError, match="cannot be read") as refused:
                call()
            assert refused.value.ticket == 1


@pytest.mark.parametrize("damage", ["state = 'nowhere'", "happened_at = 'yesterday'", "type = 'nothing'"])
def test_no_damage_to_one_history_ends_a_comparison_or_a_migration(tmp_path: Path, damage: str) -> None:
    folder = write(tmp_path / "timed", TIMED, desk=DESK.replace("apply, retry]", "apply, retry, migrate]"))
    with opened(f"sqlite:///{tmp_path / 'one.db'}", folder) as desk:
        for _ in range(3):
            desk.open("timed", actor="ann", fields={"count": 5})
        at(desk, 25)
        desk.run_timeouts()
        with sqlite3.connect(tmp_path / "one.db") as database:
            database.execute(f"UPDATE ticketflow_history SET {damage} WHERE ticket_id = 2 AND seq = 2")  # noqa: S608
            database.execute("UPDATE ticketflow_tickets SET next_timer_at = '2026-03-02T12:00:00.000000Z' WHERE id = 3")
        kinds = {found.ticket_id: type(found) for found in desk.check_clocks()}
        assert kinds == {2: UnreadableTicket, 3: TimerDifference}
        assert {found.ticket_id for found in desk.rebuild_clocks(actor="boss")} == {2, 3}
        (left,) = desk.check_clocks()
        assert isinstance(left, UnreadableTicket)
        write(folder, TIMED.replace("version: 1", "version: 2"), desk=(folder / "desk.yaml").read_text("utf-8"))
        desk.apply(actor="boss")
        report = desk.migrate("timed", to_version=2, actor="boss")
        assert (report.migrated, [*report.failed]) in ((2, [2]), (3, []))  # what is not asked of is not missed


def test_a_damaged_timer_hides_no_other(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'one.db'}", write(tmp_path / "timed", TIMED)) as desk:
        for _ in range(2):
            desk.open("timed", actor="ann", fields={"count": 5})
        whole = desk.agenda().timers
        for damage in ("due_at = '2026-03-02T01:00:00'", "kind = x'fffe'", "occurrence = 'first'"):
            with sqlite3.connect(tmp_path / "one.db") as database:
                database.execute(f"UPDATE ticketflow_timers SET {damage} WHERE ticket_id = 1")  # noqa: S608
            found = desk.agenda()
            assert found.timers == tuple(timer for timer in whole if timer.ticket_id == 2)
            assert {error.ticket for error in found.damaged} == {1}


def test_a_timer_that_no_state_has_becomes_an_incident_and_can_be_rebuilt(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'one.db'}", write(tmp_path / "timed", TIMED)) as desk:
        desk.open("timed", actor="ann", fields={"count": 0})
        with sqlite3.connect(tmp_path / "one.db") as database:
            database.execute("UPDATE ticketflow_timers SET name = 'nothing' WHERE name = 'tell'")
        at(desk, 25)
        assert desk.run_timeouts().incidents == 2
        assert desk.rebuild_clocks(actor="boss")
        assert (desk.run_timeouts().fired, desk.check_clocks()) == (1, ())


# What was lost is told apart.


@contextmanager
def held(books: Books, ticket: int) -> Iterator[None]:
    """Let another connection hold a lock: on the ticket, or on SQLite, where there is no other, on everything."""
    with books.engine.connect() as connection, connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DELETE FROM ticketflow_settings WHERE name = 'nobody'")
        else:
            connection.execute(select(tickets.c.id).where(tickets.c.id == ticket).with_for_update())
        yield


def test_a_ticket_that_somebody_holds_is_lost_to_the_lock_and_fires_next_time(desk: Desk, books: Books) -> None:
    for count in (5, 5, 5, 0):
        desk.open("timed", actor="ann", fields={"count": count})
    sql(books, "UPDATE ticketflow_tickets SET fields = '{damaged' WHERE id = 3")
    at(desk, 12)
    before = books.rows()
    with held(books, 1):
        if books.engine.dialect.name == "sqlite":  # a lock is on everything there, and a run waits for it, or fails
            with pytest.raises(StoreBusy) as busy:
                desk.run_timeouts()
            assert busy.value.exit_code == 7
            assert books.rows() == before
        else:
            report = desk.run_timeouts()
            assert (report.fired, report.incidents, report.locked, report.raced, report.errors) == (1, 1, 1, 0, 1)
            assert [(run.locked, run.errors) for run in desk.runs()] == [(1, 1)]
    report = desk.run_timeouts()
    assert report.fired == (2 if books.engine.dialect.name == "sqlite" else 1)
    assert (report.locked, report.raced) == (0, 0)
    assert kinds(desk, 1) == ["opened", "fired"]
    books.assert_balanced()


def test_what_others_were_faster_with_is_counted_and_put_right(desk: Desk, books: Books) -> None:
    for _ in range(3):
        desk.open("timed", actor="ann", fields={"count": 5})
    sql(books, "UPDATE ticketflow_tickets SET next_timer_at = opened_at WHERE id = 2")
    report = desk.run_timeouts()
    assert (report.raced, report.tickets, report.fired, report.locked, report.errors) == (1, 0, 0, 0, 0)
    assert (desk.run_timeouts().raced, kinds(desk, 2)) == (0, ["opened"])
    books.assert_balanced()


def test_what_a_run_left_because_it_was_stopped_or_limited_is_not_lost(desk: Desk) -> None:
    for _ in range(6):
        desk.open("timed", actor="ann", fields={"count": 5})
    at(desk, 12)
    told = iter([False, False, True])
    stopped = desk.run_timeouts(chunk=2, stop=lambda: next(told))
    limited = desk.run_timeouts(limit=1)
    assert [(report.tickets, report.locked) for report in (stopped, limited)] == [(4, 0), (1, 0)]
    assert (desk.run_timeouts().tickets, desk.next_timer_due()) == (1, None)


# A dry run, and the time it is for.


def test_a_dry_run_says_what_the_run_then_does_and_writes_nothing(desk: Desk, books: Books) -> None:
    for count in (5, 0, 5, 5, 0, 5):
        desk.open("timed", actor="ann", fields={"count": count})
    sql(books, "UPDATE ticketflow_tickets SET fields = '{damaged' WHERE id = 3")
    desk.advance(4, "finish", actor="ann")
    sql(books, "UPDATE ticketflow_tickets SET next_timer_at = opened_at WHERE id = 4")
    totals = Counter[str]()
    given: list[dict[str, Any]] = [{"limit": 2, "chunk": 1}, {"chunk": 2}, {}]
    for more in given:
        before, now = books.rows(), desk.clock.now()
        planned = desk.run_timeouts(as_of=NOON + 25 * MINUTE, dry_run=True, **more)
        assert (planned.dry_run, planned.as_of) == (True, NOON + 25 * MINUTE)
        assert (books.rows() == before, desk.clock.now()) == (True, now)
        done = desk.run_timeouts(as_of=NOON + 25 * MINUTE, **more)
        assert replace(planned, dry_run=False, seconds=done.seconds) == done
        totals += Counter({name: getattr(done, name) for name in ("fired", "incidents", "errors", "raced")})
    assert totals == {"fired": 4, "incidents": 2, "errors": 1, "raced": 1}


def test_a_dry_run_waits_for_nobody(desk: Desk, books: Books) -> None:
    for count in (5, 0, 5):
        desk.open("timed", actor="ann", fields={"count": count})
    at(desk, 25)
    with held(books, 1):
        planned = desk.run_timeouts(dry_run=True, chunk=1)
    done = desk.run_timeouts()
    assert (replace(planned, dry_run=False, seconds=done.seconds), done.fired) == (done, 3)


def test_a_run_of_a_time_to_come_is_refused_dry_or_not(database_url: str, tmp_path: Path, books: Books) -> None:
    with Desk.connect(database_url, definitions=write(tmp_path / "timed", TIMED)) as desk:
        desk.open("timed", actor="ann", fields={"count": 5}, at=SystemClock().now() - 9 * MINUTE)
        before = books.rows()
        for dry_run in (True, False):
            with pytest.raises(Refused) as refused:
                desk.run_timeouts(as_of=SystemClock().now() + 2 * MINUTE, dry_run=dry_run)
            assert refused.value.rule == "clock"
        assert books.rows() == before


def test_a_run_takes_its_own_time_for_now(desk: Desk, books: Books) -> None:
    desk.open("timed", actor="ann", fields={"count": 5})
    at(desk, 60)
    desk.run_timeouts(as_of=NOON + 11 * MINUTE)
    fired = desk.history(1)[-1]
    assert (fired.data["fired_at"], fired.data["late_by"]) == ((NOON + 11 * MINUTE).isoformat(), 60)
    (run,) = books.of("runs")
    assert (run["as_of"], run["started_at"], run["ended_at"]) == (NOON + 11 * MINUTE, NOON + HOUR, NOON + HOUR)
    assert json.loads(run["lateness"]) == {next(iter(json.loads(run["lateness"]))): 1}
