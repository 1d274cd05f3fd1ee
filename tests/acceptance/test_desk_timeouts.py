"""What happens by itself: once, at its own due time, and written down when it does not happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import MINUTE, NOON, Books, opened, timed, write
from workflow.clock import VirtualClock
from workflow.core.model import HistoryEntry
from workflow.core.sla import timer_name
from workflow.definition.shipped import shipped_folder
from workflow.desk.desk import Desk
from workflow.testing import memory_desk

HOUR = timedelta(hours=1)
Make = Callable[..., AbstractContextManager[Desk]]


@pytest.fixture
def with_timeouts(database_url: str, tmp_path: Path) -> Make:
    """Give a function that opens a desk whose only type has these timeouts."""

    def make(timeouts: str, **more: Any) -> AbstractContextManager[Desk]:
        return opened(database_url, write(tmp_path / "timed", timed(timeouts, **more)))

    return make


def fired(desk: Desk, ticket: int = 1) -> list[tuple[str, datetime]]:
    return [(entry.kind, entry.happened_at) for entry in desk.history(ticket) if entry.timer]


def test_a_timeout_fires_once_and_a_second_run_does_nothing(desk: Desk, books: Books) -> None:
    for _ in range(3):
        desk.open("job", actor="ann", fields={"statement": "x"})
    first = desk.run_timeouts(as_of=NOON + 15 * MINUTE)
    assert (first.tickets, first.fired, first.skipped, first.incidents, first.locked) == (3, 3, 0, 0, 0)
    assert (first.escalated, first.oldest_lateness) == (3, 300.0)
    history = books.of("history")
    for _ in range(2):
        again = desk.run_timeouts()
        assert (again.tickets, again.fired, again.oldest_lateness) == (0, 0, None)
    assert books.of("history") == history
    (run,) = books.of("runs")
    assert (run["tickets"], run["fired"], run["empty"], run["oldest_lateness"]) == (3, 3, 2, 300.0)
    assert (first.raced, first.errors, first.dry_run, run["errors"]) == (0, 0, False, 0)
    books.assert_balanced()


def test_a_run_takes_no_more_than_its_limit(desk: Desk, books: Books) -> None:
    for _ in range(5):
        desk.open("job", actor="ann", fields={"statement": "x"})
    assert desk.run_timeouts(as_of=NOON + HOUR, limit=0).tickets == 0
    assert [desk.run_timeouts(limit=2).tickets for _ in range(4)] == [2, 2, 1, 0]
    books.assert_balanced()


def test_a_repeat_comes_again_with_the_next_occurrence(with_timeouts: Make, books: Books) -> None:
    with with_timeouts("again: {after: 10m, every: 20m, actions: [escalate]}") as desk:
        desk.open("timed", actor="ann")
        for minutes in (10, 30, 40, 50):
            assert desk.run_timeouts(as_of=NOON + minutes * MINUTE).fired == 1
            assert desk.run_timeouts().fired == 0
        assert [entry.timer for entry in desk.history(1) if entry.timer] == [
            ("timeout", "again", 1, 1), ("timeout", "again", 1, 2), ("rung", "rung", 1, 1), ("timeout", "again", 1, 3),
        ]  # fmt: skip
        assert desk.next_due() == NOON + 70 * MINUTE
        assert [(row.to, row.reason) for row in desk.outbox()] == [
            ("member:boss", "timeout:again:1:1"), ("member:chief", "rung:1:1"),
        ]  # fmt: skip
    books.assert_balanced()


def test_a_repeat_that_tells_tells_each_time(with_timeouts: Make, books: Books) -> None:
    with with_timeouts("again: {after: 10m, every: 20m, actions: [notify: lead]}") as desk:
        desk.open("timed", actor="ann")
        for minutes in (10, 30, 50):
            assert desk.run_timeouts(as_of=NOON + minutes * MINUTE).fired == 1
        assert [(row.to, row.reason) for row in desk.outbox()] == [
            ("member:boss", f"timeout:again:1:{occurrence}") for occurrence in (1, 2, 3)
        ]
    books.assert_balanced()


def test_repeats_that_piled_up_are_one_record_that_lists_them(with_timeouts: Make, books: Books) -> None:
    with with_timeouts("again: {after: 10m, every: 20m, actions: [escalate]}") as desk:
        desk.open("timed", actor="ann")
        assert desk.run_timeouts(as_of=NOON + 75 * MINUTE).fired == 4
        opening, _, merged = desk.history(1)[1:4]
        assert ("merged" in opening.data, opening.timer) == (False, ("timeout", "again", 1, 1))  # it opens a ladder
        assert (opening.happened_at, opening.data["late_by"]) == (NOON + 10 * MINUTE, 65 * 60)
        dues = [NOON + minutes * MINUTE for minutes in (30, 50, 70)]
        assert (merged.data["merged"], merged.timer) == ([due.isoformat() for due in dues], ("timeout", "again", 1, 4))
        assert (merged.happened_at, merged.data["due_at"]) == (dues[-1], dues[-1].isoformat())
        assert (len(desk.outbox()), desk.next_due()) == (1, NOON + 90 * MINUTE)
    books.assert_balanced()


def test_how_late_merged_repeats_are_is_said_by_the_oldest(with_timeouts: Make) -> None:
    with with_timeouts("again: {after: 10m, every: 20m, actions: [notify: lead]}") as desk:
        desk.open("timed", actor="ann")
        assert desk.run_timeouts(as_of=NOON + 75 * MINUTE).fired == 4
        merged = desk.history(1)[1]
        dues = [NOON + minutes * MINUTE for minutes in (10, 30, 50, 70)]
        assert (merged.data["merged"], merged.timer) == ([due.isoformat() for due in dues], ("timeout", "again", 1, 4))
        assert (merged.happened_at, merged.data["late_by"]) == (dues[-1], 65 * 60)
        assert (len(desk.outbox()), desk.next_due()) == (1, NOON + 90 * MINUTE)


def test_merging_passes_no_other_timer_and_no_event(with_timeouts: Make, books: Books) -> None:
    timeouts = """
        again: {after: 10m, every: 10m, actions: [escalate]}
        mark: {after: 25m, actions: [set: {count: 1}]}
    """
    with with_timeouts(timeouts) as desk:
        desk.open("timed", actor="ann")
        desk.run_timeouts(as_of=NOON + 45 * MINUTE)
        assert [(entry.timer[1], entry.timer[3]) for entry in desk.history(1) if entry.timer] == [
            ("again", 1), ("again", 2), ("mark", 1), ("again", 4),
        ]  # fmt: skip
        desk.note(1, "hello", actor="ann", at=NOON + 45 * MINUTE)
        desk.run_timeouts(as_of=NOON + 65 * MINUTE)
        noted, merged, joined = desk.history(1)[-3:]
        assert (noted.kind, joined.kind) == ("noted", "joined")
        assert merged.data["merged"] == [(NOON + minutes * MINUTE).isoformat() for minutes in (50, 60)]
        assert joined.data == {"ladder": 1, "cause": "timeout:again:1:6"}
    books.assert_balanced()


def test_times_bounds_a_repeat_within_one_stay(with_timeouts: Make, books: Books) -> None:
    with with_timeouts("again: {after: 10m, every: 10m, times: 2, actions: [notify: lead]}") as desk:
        desk.open("timed", actor="ann")
        desk.run_timeouts(as_of=NOON + 5 * HOUR)
        assert [entry.data.get("merged", []) for entry in desk.history(1)][1:2] != [[]]
        assert (desk.next_due(), books.count("timers")) == (None, 0)
        desk.advance(1, "again", actor="ann")
        assert desk.run_timeouts(as_of=NOON + 6 * HOUR).fired == 2
        assert desk.next_due() is None
    books.assert_balanced()


def test_times_bounds_a_walk_since_a_person_moved_the_ticket(with_timeouts: Make, books: Books) -> None:
    back = "{back: {after: 10m, dest: intake, back: rework}}"
    with with_timeouts("on: {after: 10m, dest: handle, times: 2}", elsewhere=back) as desk:
        desk.open("timed", actor="ann")
        assert desk.run_timeouts(as_of=NOON + 5 * HOUR).fired == 4
        ticket = desk.get(1)
        assert (ticket.state, ticket.entry, ticket.next_due_at) == ("intake", 5, None)
        last = desk.history(1)[-1]
        assert (last.kind, last.data, last.happened_at) == ("used_up", {"timeout": "on"}, NOON + 40 * MINUTE)
        desk.advance(1, "again", actor="ann")
        assert desk.run_timeouts(as_of=NOON + 10 * HOUR).fired == 4
    books.assert_balanced()


def test_a_notice_that_comes_too_late_is_skipped_with_a_record(with_timeouts: Make, books: Books) -> None:
    with with_timeouts("ask: {after: 10m, late: {skip_after: 5m}, actions: [notify: owner]}") as desk:
        desk.open("timed", actor="ann")
        desk.open("timed", actor="ann", at=NOON)
        assert desk.run_timeouts(as_of=NOON + 15 * MINUTE).fired == 2
        desk.open("timed", actor="ann")
        report = desk.run_timeouts(as_of=NOON + 30 * MINUTE + timedelta(microseconds=1))
        assert (report.fired, report.skipped) == (0, 1)
        record = desk.history(3)[-1]
        assert (record.kind, record.data["why"], record.happened_at) == ("skipped", "late", NOON + 25 * MINUTE)
        assert (len(desk.outbox()), desk.next_due()) == (2, None)
    books.assert_balanced()


def test_a_condition_that_does_not_hold_at_its_turn_spends_the_timer(with_timeouts: Make, books: Books) -> None:
    timeouts = """
        agreed_by_then: {after: 10m, conditions: 'agreed', actions: [set: {count: 1}]}
        unless_agreed: {after: 20m, unless: 'agreed', dest: handle}
        asked_again: {after: 5m, every: 10m, conditions: 'count == 1', actions: [escalate]}
    """
    with with_timeouts(timeouts) as desk:
        desk.open("timed", actor="ann", fields={"agreed": True})
        desk.open("timed", actor="ann", fields={"agreed": False})
        desk.open("timed", actor="ann")
        report = desk.run_timeouts(as_of=NOON + 20 * MINUTE)
        stories = [
            [(entry.kind, entry.timer[1], entry.timer[3]) for entry in desk.history(ticket) if entry.timer]
            for ticket in (1, 2, 3)
        ]
        assert stories[0] == [
            ("skipped", "asked_again", 1), ("fired", "agreed_by_then", 1), ("fired", "asked_again", 2),
            ("skipped", "unless_agreed", 1),
        ]  # fmt: skip
        assert stories[1] == [
            ("skipped", "asked_again", 1), ("skipped", "agreed_by_then", 1), ("skipped", "asked_again", 2),
            ("fired", "unless_agreed", 1),
        ]  # fmt: skip
        assert stories[2] == [*stories[1][:3], ("skipped", "unless_agreed", 1)]
        assert (report.fired, report.skipped) == (3, 9)
        assert [entry.data["why"] for entry in desk.history(1) if entry.kind == "skipped"] == [
            "count == 1", "unless agreed",
        ]  # fmt: skip
    books.assert_balanced()


def test_conditions_are_read_as_the_ticket_stands_at_that_turn(with_timeouts: Make) -> None:
    with with_timeouts("check: {after: 10m, conditions: 'agreed', dest: handle}") as desk:
        desk.open("timed", actor="ann", fields={"agreed": True})
        desk.clock.move_to(NOON + HOUR)  # type: ignore[attr-defined]
        desk.set_fields(1, {"agreed": False}, actor="ann", at=NOON + 9 * MINUTE)
        assert (desk.run_timeouts().skipped, desk.get(1).state) == (1, "intake")


def test_a_timer_that_cannot_fire_is_an_incident_and_stops_nothing(with_timeouts: Make, books: Books) -> None:
    timeouts = """
        broken: {after: 10m, conditions: '10 / count > 1', dest: handle}
        tell: {after: 10m, actions: [escalate]}
    """
    with with_timeouts(timeouts) as desk:
        desk.open("timed", actor="ann", fields={"count": 0})
        desk.open("timed", actor="ann", fields={"count": 5})
        report = desk.run_timeouts(as_of=NOON + 10 * MINUTE)
        assert (report.fired, report.incidents) == (2, 1)
        assert [desk.get(id).state for id in (1, 2)] == ["intake", "handle"]
        (incident,) = books.of("incidents")
        assert (incident["ticket_id"], incident["timer"], incident["due_at"], incident["closed_at"]) == (
            1, "timeout:broken:1:1", NOON + 10 * MINUTE, None,
        )  # fmt: skip
        assert "zero" in incident["reason"]
        assert [entry.kind for entry in desk.history(1)] == ["opened", "incident", "fired", "escalated"]
        assert (desk.run_timeouts(as_of=NOON + 39 * MINUTE).tickets, desk.next_due()) == (0, NOON + 40 * MINUTE)
        again = desk.run_timeouts(as_of=NOON + HOUR)
        assert (again.incidents, again.fired, desk.history(1)[-1].timer) == (0, 1, ("rung", "rung", 1, 1))

        desk.open("timed", actor="ann", fields={"count": 0})
        desk.clock.move_to(NOON + 2 * HOUR)  # type: ignore[attr-defined]
        assert desk.advance(3, "finish", actor="ann").stage == "archive"
        assert books.count("incidents") == 2
    books.assert_balanced()


def test_timers_that_feed_themselves_at_one_instant_end_in_an_incident(with_timeouts: Make, books: Books) -> None:
    many = "\n".join(f"t{number}: {{after: 10m, actions: [set: {{count: {number}}}]}}" for number in range(130))
    with with_timeouts(many) as desk:
        desk.open("timed", actor="ann")
        report = desk.run_timeouts(as_of=NOON + 10 * MINUTE)
        assert (report.fired, report.incidents) == (100, 30)
        assert desk.run_timeouts().tickets == 0
    books.assert_balanced()


def test_leaving_a_state_drops_its_timers_and_coming_back_arms_them_anew(with_timeouts: Make, books: Books) -> None:
    with with_timeouts("soon: {after: 10m, actions: [escalate]}", elsewhere="{}") as desk:
        desk.open("timed", actor="ann")
        desk.clock.move_to(NOON + 9 * MINUTE)  # type: ignore[attr-defined]
        desk.advance(1, "again", actor="ann")
        assert [(row["cycle"], row["due_at"]) for row in books.of("timers")] == [(2, NOON + 19 * MINUTE)]
        assert desk.run_timeouts(as_of=NOON + 18 * MINUTE).fired == 0
        desk.advance(1, "shelve", actor="ann")
        assert (books.count("timers"), desk.run_timeouts(as_of=NOON + HOUR).tickets) == (0, 0)
    books.assert_balanced()


def test_an_escalation_finds_whoever_leads_the_team_that_has_the_ticket_by_then(with_timeouts: Make) -> None:
    with with_timeouts("tell: {after: 10m, actions: [reassign, {assign: back}, escalate, {notify: customer}]}") as desk:
        desk.open("timed", actor="ann")
        desk.run_timeouts(as_of=NOON + 10 * MINUTE)
        assert [(row.to, row.kind) for row in desk.outbox()] == [("member:chief", "escalate"), ("customer", "notify")]
        assert (desk.get(1).team, desk.get(1).assignee) == ("back", "cat")  # reassigned in the team that has it


# Law 5: one late run leaves what many punctual ones leave. What may differ is declared: merged repeats are told of
# once, who is on duty is asked when a timer fires, and of a ladder only causes, opening and end are the same.

VARYING = {"fired_at", "late_by", "due_at", "merged", "to", "assignee"}
ASKED = {"assigned": "told", "notified": "told", "unattended": "told"}
Facts = tuple[list[tuple[Any, ...]], set[tuple[Any, ...]]]


def lived(desk: Desk, runs: Iterator[datetime]) -> list[Facts]:
    """Open tickets of every type, accept half of them, run the timeouts, and return what happened to each."""
    for name in sorted(desk.types):
        for _ in range(2):
            desk.open(name, actor="agent_01", fields={"statement": "Something is the matter."})
    for number in range(2, 2 * len(desk.types) + 1, 2):
        desk.advance(number, "accept", actor="agent_01")
    for instant in runs:
        desk.run_timeouts(as_of=instant)
    rooms = [room for definition in desk.types.values() for room in definition.states.values()]
    repeats = {timeout.name for room in rooms for timeout in room.timeouts.values() if timeout.every}
    levels = [
        (clock, level)
        for kind in desk.types.values()
        for clock in kind.slas.values()
        for level in clock.levels.values()
    ]
    repeats |= {timer_name(clock.name, level.at) for clock, level in levels if level.repeat}
    return [facts(desk.history(ticket.id), repeats) for ticket in desk.find(limit=100).tickets]


def facts(history: tuple[HistoryEntry, ...], repeats: set[str]) -> Facts:
    """Return the entries one by one, and apart from them that repeats were told of."""
    entries: list[tuple[Any, ...]] = []
    told, opened = set(), set()
    for entry in history:
        data = {name: value for name, value in entry.data.items() if name not in VARYING}
        kind = ASKED.get(entry.kind, entry.kind)
        if entry.kind in ("escalated", "unattended") and "ladder" in data:
            if data["ladder"] in opened:
                continue
            opened.add(data["ladder"])
            kind, data = "ladder_opened", {name: value for name, value in data.items() if name != "rung"}
        elif kind == "told":
            data = {"cause": data["cause"]}
        where = (kind, entry.actor, entry.state, entry.entry, entry.trigger, entry.source, entry.dest)
        cause = str(data.get("cause", ":")).split(":")
        if kind in ("told", "joined") and cause[1:2] and cause[1] in repeats:
            told.add((*where, cause[1]))
        elif entry.timer:
            kind, name, cycle, last = entry.timer
            dues = entry.data.get("merged", [entry.data["due_at"]])
            entries += [
                (*where, kind, name, cycle, last - len(dues) + 1 + place, due, data) for place, due in enumerate(dues)
            ]
        else:
            entries.append((*where, entry.happened_at, data, dict(entry.private)))
    return entries, told


@pytest.fixture(scope="module")
def punctual() -> list[Facts]:
    """What three days of runs leave of the shipped types: each minute of two hours, and then each tenth."""
    minutes = [*range(1, 121), *range(130, 3 * 24 * 60 + 1, 10)]
    with memory_desk(shipped_folder(), start=NOON) as desk:
        return lived(desk, (NOON + minute * MINUTE for minute in minutes))


@pytest.mark.xdist_group("punctual")  # so that only one worker lives through it
@pytest.mark.parametrize("hours", [*(pytest.param(late, marks=pytest.mark.prove) for late in (72, 30)), 5])
def test_late_runs_leave_what_punctual_ones_leave(
    database_url: str, punctual: list[Facts], books: Books, hours: int
) -> None:
    with opened(database_url, shipped_folder()) as desk:
        runs = [*(NOON + step * hours * HOUR for step in range(1, 72 // hours + 1)), NOON + 72 * HOUR]
        assert lived(desk, iter(runs)) == punctual
        assert sum(len(entries) for entries, _ in punctual) > 80
        assert desk.run_timeouts().tickets == 0
    books.assert_balanced()


def test_a_run_after_every_event_is_what_catching_up_does(desk: Desk, clock: VirtualClock) -> None:
    """The same people at the same times, once with runs in between and once without."""
    for _ in range(2):
        desk.open("job", actor="ann", fields={"statement": "x"})
    for step in (12, 50, 30, 40):
        clock.advance(step * MINUTE)
        desk.run_timeouts(limit=1)
        assert desk.get(1).updated_at >= desk.get(2).updated_at
        if step == 12:
            for ticket in (1, 2):
                desk.advance(ticket, "accept", actor="ann")
        else:
            for ticket in (1, 2):
                desk.note(ticket, "seen", actor="ann")
    moves = [
        [(entry.kind, entry.happened_at, entry.state) for entry in desk.history(id) if entry.timer or entry.trigger]
        for id in (1, 2)
    ]
    assert moves[0] == moves[1]
    assert desk.get(1).state == desk.get(2).state == "handle.second"
