"""Health turns red when runs stop, a timer or a message fails, a clock jumps, nobody looks; and green again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text

from tests.store.small import MINUTE, NOON, TICK, Books, opened, timed, write
from workflow import Desk, Health, Limits, Unhealthy
from workflow.clock import VirtualClock
from workflow.delivery.notice import Notice
from workflow.store import health as store
from workflow.store import schema

HOUR = timedelta(hours=1)
TIMEOUTS = """
late: {after: 10m, actions: [{tag: late}]}
asked: {after: 30m, conditions: '10 / count > 1', actions: [{tag: asked}]}
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """Give the folder of a desk whose timers tell nobody; one of them fails where `count` is 0."""
    return write(tmp_path / "definitions", timed(TIMEOUTS))


def checks(found: Health) -> list[str]:
    """Return what was found, by name."""
    return [finding.check for finding in found.findings]


def moved(desk: Desk, step: timedelta) -> None:
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(step)


def test_an_empty_fresh_desk_is_healthy(desk: Desk) -> None:
    found = desk.health()
    assert found.ok
    found.demand()
    assert (found.last_run, found.ran_at, found.next_due_at, found.schema) == (None, None, None, schema.HEAD)
    assert set(found.lateness.values()) == {0}
    assert found.anybody_acts, "as its desk.yaml says; that makes a trial, and no illness"


def test_a_timer_that_is_still_to_come_needs_no_run(desk: Desk) -> None:
    desk.open("timed", actor="ann", fields={"count": 1})
    found = desk.health()
    assert found.ok
    assert found.next_due_at == NOON + 10 * MINUTE


def test_due_timers_and_no_run_ever_is_an_error_at_once(desk: Desk) -> None:
    number = desk.open("timed", actor="ann", fields={"count": 1}).id
    moved(desk, 10 * MINUTE)
    assert checks(desk.health()) == ["never_run"]
    moved(desk, 5 * MINUTE)
    assert checks(desk.health()) == ["never_run"]
    moved(desk, TICK)
    found = desk.health()
    assert checks(found) == ["never_run", "overdue"]
    assert (found.overdue.count, found.overdue.ticket_id, found.overdue.name) == (1, number, "late")
    assert found.overdue.since == NOON + 10 * MINUTE
    with pytest.raises(Unhealthy, match="findings: 2") as caught:
        found.demand()
    assert (caught.value.exit_code, caught.value.http_status, caught.value.findings) == (9, 503, found.findings)
    desk.run_timeouts()
    assert desk.health().ok


def test_it_turns_red_when_the_runs_stop_though_nothing_is_due(desk: Desk) -> None:
    desk.run_timeouts()
    moved(desk, 10 * MINUTE)
    assert desk.health().ok
    moved(desk, TICK)
    (finding,) = desk.health().findings
    assert finding.check == "since_run"
    assert finding.message == ("the last run was at 2026-03-02 12:00:00+00:00, 0:10:00.000001 ago (limit 0:10:00)")
    assert finding.remedy
    assert desk.health(limits=Limits(max_since_run=HOUR)).ok
    desk.run_timeouts()
    assert desk.health().ok


def test_empty_runs_count_as_runs(desk: Desk) -> None:
    desk.open("timed", actor="ann", fields={"count": 1})
    moved(desk, 10 * MINUTE)
    desk.run_timeouts()
    for _ in range(3):
        moved(desk, 4 * MINUTE)
        desk.run_timeouts()
    found = desk.health()
    assert found.last_run is not None
    assert (found.last_run.fired, found.last_run.empty, found.ran_at) == (1, 3, NOON + 22 * MINUTE)


def test_lateness_is_counted_firing_by_firing(desk: Desk) -> None:
    for step in (0, 9, 25, 45, 10, 1):
        moved(desk, step * MINUTE)
        desk.open("timed", actor="ann", fields={"count": 1})
    moved(desk, 9 * MINUTE)
    desk.run_timeouts()
    # opened at minutes 0, 9, 34, 79, 89 and 90: late by 89, 80, 55, 10, 0; and by 69, 60, 35 for the other timer
    assert desk.clock.now() == NOON + 99 * MINUTE
    assert desk.health().lateness == {"1m": 1, "5m": 0, "15m": 1, "1h": 3, "1d": 3, "later": 0}
    assert desk.health(window=timedelta()).lateness["1h"] == 3
    moved(desk, timedelta(days=1, seconds=1))
    assert set(desk.health().lateness.values()) == {0}


def test_a_timer_that_fails_turns_it_red_until_it_is_mended(desk: Desk) -> None:
    number = desk.open("timed", actor="ann", fields={"count": 0}).id
    moved(desk, 30 * MINUTE)
    desk.run_timeouts()
    found = desk.health()
    assert checks(found) == ["incidents"]
    assert (found.incidents.count, found.incidents.ticket_id, found.incidents.name) == (1, number, "timeout:asked:1:1")
    assert desk.health(limits=Limits(max_incidents=1)).ok
    desk.set_fields(number, {"count": 1}, actor="ann")
    (incident,) = desk.incidents()
    desk.retry(incident.id, actor="system")
    assert desk.health().ok


@pytest.fixture
def telling(database_url: str, definitions: Path) -> Iterator[Desk]:
    """Give a desk whose host is called by a message, and always refuses it."""
    write(definitions, timed("told: {after: 10m, actions: [{call: ring}]}"))

    def ring(_notice: Notice) -> None:
        raise RuntimeError("nobody answers")

    with opened(database_url, definitions, actions={"ring": ring}) as desk:
        yield desk


def test_a_message_that_waits_too_long_turns_it_red(telling: Desk) -> None:
    number = telling.open("timed", actor="ann").id
    moved(telling, 10 * MINUTE)
    telling.run_timeouts()
    moved(telling, 15 * MINUTE - TICK)
    telling.run_timeouts()
    assert telling.health().ok
    moved(telling, TICK)
    found = telling.health()
    assert checks(found) == ["undelivered"]
    assert (found.undelivered.count, found.undelivered.ticket_id, found.undelivered.name) == (1, number, "host:ring")
    telling.deliver()  # is tried and fails: it goes on waiting
    assert checks(telling.health()) == ["undelivered"]
    assert telling.health(limits=Limits(max_undelivered=HOUR)).ok


def test_a_message_is_unsent_from_when_it_might_have_left_not_from_what_it_tells(telling: Desk) -> None:
    telling.open("timed", actor="ann")
    moved(telling, HOUR)
    telling.run_timeouts()  # fifty minutes late
    assert telling.health().ok
    moved(telling, 15 * MINUTE)
    telling.run_timeouts()
    assert [telling.health().undelivered.since, *checks(telling.health())] == [NOON + HOUR, "undelivered"]
    telling.retry_outbox([1])
    assert telling.health().ok
    telling.deliver()  # is tried and fails: it counts from when it was written again
    assert checks(telling.health()) == ["undelivered"]


def test_a_message_that_was_given_up_turns_it_red(telling: Desk) -> None:
    telling.open("timed", actor="ann")
    moved(telling, 10 * MINUTE)
    telling.run_timeouts()
    while not telling.outbox(state="failed"):
        moved(telling, 2 * HOUR)
        telling.deliver()
    telling.run_timeouts()
    found = telling.health()
    assert checks(found) == ["failed"]
    assert "nobody answers" in found.findings[0].message
    assert telling.health(limits=Limits(max_failed=1)).ok


def test_an_escalation_that_nobody_takes_on_turns_it_red(desk: Desk) -> None:
    number = desk.open("timed", actor="ann", fields={"count": 1}).id
    desk.escalate(number, actor="ann")
    limits = Limits(max_since_run=timedelta(days=9), max_late=timedelta(days=9), max_undelivered=timedelta(days=9))
    desk.run_timeouts()
    moved(desk, timedelta(days=1) - TICK)
    assert desk.health(limits=limits).ok
    moved(desk, TICK)
    found = desk.health(limits=limits)
    assert checks(found) == ["unheld"]
    assert (found.unheld.count, found.unheld.ticket_id, found.unheld.since) == (1, number, NOON)
    desk.advance(number, "finish", actor="boss")
    assert desk.health(limits=limits).ok


class Jumpy:
    """A machine's clock, which can be set."""

    def __init__(self) -> None:
        self.shows = NOON

    def now(self) -> datetime:
        return self.shows


def test_a_clock_that_had_jumped_ahead_turns_it_red(database_url: str, definitions: Path) -> None:
    clock = Jumpy()
    with Desk.connect(database_url, definitions=definitions, clock=clock) as desk:
        desk.open("timed", actor="ann", fields={"count": 1})
        desk.run_timeouts()
        clock.shows = NOON - MINUTE
        assert desk.health().ok
        clock.shows = NOON - MINUTE - TICK
        found = desk.health()
        assert checks(found) == ["ahead", "run_ahead"]
        assert (found.ahead.count, found.ahead.ticket_id, found.ahead.since) == (1, 1, NOON)
        desk.advance(1, "finish", actor="ann")
        assert checks(desk.health()) == ["run_ahead"]  # what is archived waits for nothing


def test_edited_files_are_a_fact_and_no_finding(desk: Desk, definitions: Path) -> None:
    assert not desk.health().definitions_changed
    with (definitions / "timed.yaml").open("a") as file:
        file.write("# edited\n")
    found = desk.health()
    assert found.definitions_changed
    assert found.ok


def test_health_writes_nothing_and_works_in_a_hosts_transaction(desk: Desk, books: Books, database_url: str) -> None:
    desk.open("timed", actor="ann", fields={"count": 1})
    moved(desk, HOUR)
    before = books.rows()
    assert checks(desk.health()) == ["never_run", "overdue"]
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert checks(desk.within(connection).health()) == ["never_run", "overdue"]
    engine.dispose()
    assert books.rows() == before


def test_it_reads_by_index_however_much_there_is(sqlite_url: str, definitions: Path) -> None:
    """Every statement of health is shown to SQLite's planner: none goes through a whole table."""
    seen: list[str] = []
    with opened(sqlite_url, definitions, NOON) as desk:
        desk.open("timed", actor="ann", fields={"count": 0})
        desk.escalate(1, actor="ann")
        moved(desk, HOUR)
        desk.run_timeouts()
        moved(desk, timedelta(days=2))

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        engine = desk._transactions.store.engine  # type: ignore[attr-defined]  # what was asked, and nothing else
        event.listen(engine, "before_cursor_execute", note)
        assert len(checks(desk.health())) > 3
        event.remove(engine, "before_cursor_execute", note)
        plans = []
        with engine.connect() as connection:
            for statement in seen:
                if statement.startswith("SELECT") and "ticketflow" in statement:
                    values = (0,) * statement.count("?")
                    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                    plans += [(statement, row[3]) for row in plan]
    read = {found[1] for _, line in plans if (found := re.search(r"(ticketflow_\w+)", line))}
    assert {"ticketflow_tickets", "ticketflow_outbox", "ticketflow_incidents", "ticketflow_escalations"} <= read
    whole = [
        (line, statement)
        for statement, line in plans
        if re.match(r"SCAN ticketflow_(tickets|outbox|incidents|escalations|history|timers)\b(?!.*USING)", line)
    ]
    assert whole == []


def test_counts_stop_at_a_thousand(sqlite_url: str, definitions: Path) -> None:
    with opened(sqlite_url, definitions, NOON) as desk:
        desk.open("timed", actor="ann", fields={"count": 1})
        columns = "type, version, state, stage, entry, opened_at, entered_at, updated_at, priority, tags, fields, acted"
        more = "walks, seq, ticket_version, desk_revision, head, next_timer_at"
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
        copy = f"SELECT {columns}, {more} FROM ticketflow_tickets, n"  # noqa: S608 - constants
        many = f"{numbers} INSERT INTO ticketflow_tickets ({columns}, {more}) {copy}"
        engine = create_engine(sqlite_url)
        with engine.begin() as connection:
            connection.execute(text(many))
        engine.dispose()
        moved(desk, HOUR)
        assert desk.health().overdue.count == store.MOST
