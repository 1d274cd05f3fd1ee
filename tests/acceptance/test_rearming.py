"""Other calendars under open tickets: each is re-armed once, in a recorded step, whoever gets to it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.store.small import HOURS, LONGER, MINUTE, NOON, VISIT, Books, opened, write
from workflow.clock import VirtualClock
from workflow.core import unit
from workflow.core.model import Ticket
from workflow.definition import holidays
from workflow.desk import revise
from workflow.desk.desk import Desk
from workflow.errors import SchemaOutdated
from workflow.store import crash
from workflow.store.claims import UNREADABLE
from workflow.store.tables import tickets

HOUR = timedelta(hours=1)
QUIET = VISIT.replace("      ring: {actions: [{call: bell}]}\n", "")
MORNING = NOON + 13 * HOUR  # Tuesday, 09:00 where the desk is, when its hours begin
PLANNED = MORNING + 3 * HOUR
APPLIED = NOON + 30 * MINUTE  # Monday, 20:30: closed by the old hours, open until 22:00 by the new
SOONER = MORNING + 90 * MINUTE  # an hour and a half of the three is counted on Monday evening


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "definitions", QUIET, desk=HOURS)


@pytest.fixture
def desk(database_url: str, folder: Path) -> Iterator[Desk]:
    """A desk with three open visits, and one that is archived."""
    with opened(database_url, folder) as desk:
        for _ in range(4):
            desk.open("visit", actor="ann")
        desk.advance(4, "end", actor="ann")
        assert isinstance(desk.clock, VirtualClock)
        desk.clock.move_to(APPLIED)
        yield desk


def kinds(desk: Desk, ticket: int) -> list[str]:
    return [entry.kind for entry in desk.history(ticket)]


def dues(books: Books, ticket: int) -> dict[str, datetime]:
    return {row["name"]: row["due_at"] for row in books.of("timers") if row["ticket_id"] == ticket}


def longer(desk: Desk, folder: Path) -> None:
    desk.apply(write(folder, QUIET, desk=LONGER), actor="boss")


def left_half_way(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply longer hours, and break off before the second of the tickets is re-armed."""

    passed = []

    def point(name: str) -> None:
        passed.append(name)
        if passed.count("revise.chunk") == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(revise, "CHUNK", 1)
        broken.setattr(crash, "point", point)
        with pytest.raises(KeyboardInterrupt):
            longer(desk, folder)


def test_each_open_ticket_is_re_armed_in_one_recorded_step(desk: Desk, folder: Path, books: Books) -> None:
    assert dues(books, 1) == {"slow": PLANNED, "visited/-1h": PLANNED + HOUR, "visited/100%": PLANNED + 2 * HOUR}
    longer(desk, folder)
    for ticket in (1, 2, 3):
        assert kinds(desk, ticket) == ["opened", "rearmed"]
        step = desk.history(ticket)[-1]
        assert (step.happened_at, step.actor, step.desk_revision) == (APPLIED, "timer", desk.get(ticket).desk_revision)
        assert dues(books, ticket) == {
            "slow": SOONER, "visited/-1h": SOONER + HOUR, "visited/100%": SOONER + 2 * HOUR,
        }  # fmt: skip
        assert desk.get(ticket).next_due_at == SOONER
    assert kinds(desk, 4) == ["opened", "advanced"]
    books.assert_balanced()
    assert desk.check_clocks() == ()


def test_applying_the_same_again_and_the_runs_after_it_change_nothing(desk: Desk, folder: Path, books: Books) -> None:
    longer(desk, folder)
    before = books.rows()
    for _ in range(2):
        assert not desk.apply(actor="boss").changed
    assert books.rows() == before
    assert desk.run_timeouts().tickets == 0
    assert {table: rows for table, rows in books.rows().items() if rows != before[table]}.keys() == {"ticketflow_runs"}


def test_other_people_under_the_same_calendars_re_arm_nothing(desk: Desk, folder: Path, books: Books) -> None:
    before = [books.of(table) for table in ("history", "timers", "slas")]
    changed = HOURS.replace("front: {lead: boss", "front: {lead: chief")
    assert desk.apply(write(folder, QUIET, desk=changed), actor="boss").changed
    assert [books.of(table) for table in ("history", "timers", "slas")] == before


@pytest.fixture
def newer_release() -> Iterator[Callable[..., None]]:
    """Give what makes this a release that knows one year more, in which a day of the year before became a holiday."""
    known = holidays._TABLES["cn"]

    def release(table: str = f"{known}2027 new_year {MORNING.date()}..{MORNING.date()}") -> None:
        holidays._TABLES["cn"] = table
        holidays.holiday_table.cache_clear()

    yield release
    release(known)


def test_newer_public_holidays_count_from_the_next_apply_on(
    database_url: str, folder: Path, books: Books, newer_release: Callable[..., None]
) -> None:
    write(folder, QUIET, desk=HOURS.replace("{weekly:", "{public_holidays: cn, weekly:"))
    with opened(database_url, folder) as desk:
        desk.open("visit", actor="ann")
        assert (dues(books, 1)["slow"], desk.newer_holidays, desk.health().newer_holidays) == (PLANNED, (), ())
        assert not desk.apply(actor="boss").changed
        first = desk.get(1).desk_revision
    newer_release()
    with opened(database_url, folder) as desk:
        assert (desk.newer_holidays, desk.health().newer_holidays) == (("cn@2027",), ("cn@2027",))
        desk.open("visit", actor="ann")
        assert dues(books, 2)["slow"] == PLANNED, "what was applied counts until the next apply"
        planned = desk.apply(actor="boss", dry_run=True)
        assert (planned.changed, planned.rearmed) == (True, 2)
        assert desk.apply(actor="boss").changed
        assert desk.newer_holidays == ()
        assert [kinds(desk, ticket) for ticket in (1, 2)] == [["opened", "rearmed"]] * 2
        assert dues(books, 1)["slow"] == dues(books, 2)["slow"] == PLANNED + 24 * HOUR
        assert desk.get(1).desk_revision > first
        assert desk.check_clocks() == ()


def test_a_desk_applied_with_holidays_of_a_later_release_is_refused(
    database_url: str, folder: Path, newer_release: Callable[..., None]
) -> None:
    write(folder, QUIET, desk=HOURS.replace("{weekly:", "{public_holidays: cn, weekly:"))
    known = holidays._TABLES["cn"]
    newer_release()
    with opened(database_url, folder):
        pass
    newer_release(known)
    with pytest.raises(SchemaOutdated, match="cn@2027"), opened(database_url, folder) as desk:
        desk.open("visit", actor="ann")


def test_a_dry_run_re_arms_nothing(desk: Desk, folder: Path, books: Books) -> None:
    before = books.rows()
    planned = desk.apply(write(folder, QUIET, desk=LONGER), actor="boss", dry_run=True)
    assert (planned.changed, planned.dry_run) == (True, True)
    assert (planned.rearmed, planned.moved, planned.set_aside) == (3, 9, 0), "the open ones, with three timers each"
    assert books.rows() == before
    assert desk.apply(actor="boss") == replace(planned, dry_run=False)


def test_what_was_left_half_way_is_finished_by_the_next_run(
    desk: Desk, folder: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_half_way(desk, folder, monkeypatch)
    assert [kinds(desk, ticket)[-1] for ticket in (1, 2, 3)] == ["rearmed", "opened", "opened"]
    desk.clock.move_to(MORNING)  # type: ignore[attr-defined]
    before = books.rows()
    assert desk.run_timeouts(dry_run=True).tickets == 0
    assert books.rows() == before
    assert desk.run_timeouts().tickets == 0  # nothing was due
    for ticket in (1, 2, 3):
        assert [(entry.kind, entry.happened_at) for entry in desk.history(ticket)] == [
            ("opened", NOON), ("rearmed", APPLIED),
        ]  # fmt: skip
        assert dues(books, ticket)["slow"] == SOONER
    books.assert_balanced()


def test_a_person_who_comes_before_that_run_meets_a_ticket_that_is_re_armed(
    desk: Desk, folder: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_half_way(desk, folder, monkeypatch)
    desk.clock.move_to(MORNING)  # type: ignore[attr-defined]
    desk.note(3, "first", actor="ann")
    assert [(entry.kind, entry.happened_at) for entry in desk.history(3)] == [
        ("opened", NOON), ("rearmed", APPLIED), ("noted", MORNING),
    ]  # fmt: skip
    assert dues(books, 3)["slow"] == SOONER
    desk.run_timeouts()
    assert kinds(desk, 3) == ["opened", "rearmed", "noted"]
    books.assert_balanced()


def test_a_run_that_re_arms_counts_what_it_fires_at_the_new_due_times(
    desk: Desk, folder: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_half_way(desk, folder, monkeypatch)
    desk.clock.move_to(SOONER + 30 * MINUTE)  # type: ignore[attr-defined]
    planned = desk.run_timeouts(dry_run=True)
    report = desk.run_timeouts()
    assert (report.fired, report.tickets, report.oldest_lateness) == (3, 3, 1800.0)
    assert replace(planned, dry_run=False, seconds=report.seconds) == report
    for ticket in (1, 2, 3):
        assert [(entry.kind, entry.happened_at) for entry in desk.history(ticket)][:3] == [
            ("opened", NOON), ("rearmed", APPLIED), ("fired", SOONER),
        ]  # fmt: skip
    assert sum(run.fired for run in desk.runs()) == 3
    books.assert_balanced()


def test_a_dry_run_counts_what_is_due_by_the_old_hours_and_the_new_once(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_half_way(desk, folder, monkeypatch)
    desk.clock.move_to(PLANNED + MINUTE)  # type: ignore[attr-defined]
    planned = desk.run_timeouts(dry_run=True, chunk=1)
    report = desk.run_timeouts()
    assert (replace(planned, dry_run=False, seconds=report.seconds), report.tickets) == (report, 3)


def test_a_run_as_of_a_time_before_the_apply_leaves_the_re_arming_to_a_later_one(
    desk: Desk, folder: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_half_way(desk, folder, monkeypatch)
    desk.clock.move_to(MORNING)  # type: ignore[attr-defined]
    desk.run_timeouts(as_of=APPLIED - MINUTE)
    assert [kinds(desk, ticket)[-1] for ticket in (1, 2, 3)] == ["rearmed", "opened", "opened"]
    desk.run_timeouts()
    assert [kinds(desk, ticket)[-1] for ticket in (1, 2, 3)] == ["rearmed"] * 3
    assert {dues(books, ticket)["slow"] for ticket in (1, 2, 3)} == {SOONER}
    books.assert_balanced()


def test_a_due_time_never_lands_in_the_past_and_what_was_due_before_fires_first(
    desk: Desk, folder: Path, books: Books
) -> None:
    desk.clock.move_to(PLANNED + MINUTE)  # type: ignore[attr-defined]
    longer(desk, folder)
    story = [(entry.kind, entry.happened_at) for entry in desk.history(1)]
    assert story[:3] == [("opened", NOON), ("fired", PLANNED), ("escalated", PLANNED)]
    assert story[-1] == ("rearmed", PLANNED + MINUTE)
    assert all(due > PLANNED + MINUTE for due in dues(books, 1).values())
    books.assert_balanced()


def test_a_ticket_that_somebody_holds_is_re_armed_by_the_next_run(postgres_url: str, folder: Path) -> None:
    books = Books(postgres_url)
    with opened(postgres_url, folder) as desk, books.engine.connect() as holding:
        for _ in range(3):
            desk.open("visit", actor="ann")
        with holding.begin():
            holding.execute(select(tickets.c.id).where(tickets.c.id == 2).with_for_update())
            longer(desk, folder)
            assert [kinds(desk, ticket)[-1] for ticket in (1, 2, 3)] == ["rearmed", "opened", "rearmed"]
        desk.run_timeouts()
        assert kinds(desk, 2) == ["opened", "rearmed"]
        books.assert_balanced()
    books.close()


def test_a_damaged_ticket_is_an_incident_and_keeps_no_other_from_being_re_armed(
    desk: Desk, folder: Path, books: Books
) -> None:
    with books.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ticketflow_tickets SET fields = '{damaged' WHERE id IN (1, 2)")
    longer(desk, folder)
    assert kinds(desk, 3) == ["opened", "rearmed"]
    assert [(each.ticket_id, each.timer) for each in desk.incidents()] == [(1, UNREADABLE), (2, UNREADABLE)]
    desk.run_timeouts()
    assert len(desk.incidents()) == 2
    books.assert_balanced()
    with books.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ticketflow_tickets SET fields = '{}' WHERE id IN (1, 2)")
    for incident in desk.incidents():
        desk.retry(incident.id, actor="boss")
    assert [kinds(desk, ticket) for ticket in (1, 2, 3)] == [["opened", "rearmed"]] * 3
    books.assert_balanced()


def test_a_ticket_that_cannot_be_decided_under_the_new_hours_is_an_incident(
    desk: Desk, folder: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = unit.run_unit

    def fails_on_the_second(rules: Any, ticket: Ticket, *timers: Any, **more: Any) -> Any:
        if ticket.id == 2:
            raise RuntimeError("no hours for this one")
        return decide(rules, ticket, *timers, **more)

    monkeypatch.setattr("workflow.desk.revise.run_unit", fails_on_the_second)
    longer(desk, folder)
    assert [kinds(desk, ticket)[-1] for ticket in (1, 2, 3)] == ["rearmed", "opened", "rearmed"]
    assert desk.apply(actor="boss").set_aside == 0, "it was, and is no more"
    (incident,) = desk.incidents()
    assert (incident.ticket_id, incident.reason) == (2, "no hours for this one")
    books.assert_balanced()
    assert desk.retry(incident.id, actor="boss").next_due_at == SOONER
    assert (kinds(desk, 2), desk.incidents()) == (["opened", "rearmed"], ())
    books.assert_balanced()
