"""A desk that moves in: tickets that come in mid-flow, each in the state it is in, its time counted from then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import DESK, MINUTE, NOON, Books, opened, write
from workflow import BadValue, Contact, Desk, Forbidden, Refused, Ticket, UnknownState
from workflow.clock import VirtualClock

HOUR = timedelta(hours=1)
CALL = """
ticket_type: call
version: 1
skips: [classify, review, callback]
on_open: [priority: high, notify: boss]
fields: {statement: {type: text, required: true}, found: {type: text}}
stages:
  intake:
    team: front
    transitions: {take: {dest: handle.first}}
    timeouts: {slow: {after: 10m, actions: [escalate]}}
  handle:
    team: back
    transitions: {done: {dest: archive, requires: [found], not_by: handle.second}}
    states:
      first: {transitions: {ask: {dest: handle.second}}, timeouts: {forgotten: {after: 2h, actions: [{notify: lead}]}}}
      second: {timeouts: {back: {after: 3h, dest: handle.first, times: 2}}}
  archive: {}
sla:
  whole: {goal: 4h, calendar: always, start: intake, stop: archive, levels: [{at: -1h, actions: [{notify: owner}]}]}
  part: {goal: 5h, calendar: always, start: handle, stop: archive, pause: handle.second}
  answer: {goal: 1h, calendar: always, start: intake, stop: handle}
"""


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A desk with calls only, at noon."""
    with opened(database_url, write(tmp_path / "definitions", CALL, desk=DESK)) as desk:
        yield desk


def coming(number: int, state: str | None, hours: float = 0, entered: float | None = None) -> Contact:
    """Return a contact of so many hours ago, which came into its state so many hours ago."""
    since = None if entered is None else NOON - entered * HOUR
    return Contact(
        number, {"statement": "hm"}, ticket_type="call", external_id=f"e{number}", opened_at=NOON - hours * HOUR,
        state=state, entered_at=since,
    )  # fmt: skip


def dues(books: Books, ticket: int) -> dict[str, datetime]:
    return {row["name"]: row["due_at"] for row in books.of("timers") if row["ticket_id"] == ticket}


def clocks(ticket: Ticket) -> dict[str, tuple[str, timedelta, datetime]]:
    return {clock.name: (clock.status, clock.elapsed, clock.started_at) for clock in ticket.clocks}


def test_each_comes_in_in_its_state_with_its_time_from_then(desk: Desk, books: Books) -> None:
    some = [
        coming(1, "handle.first", 2, 0.5),
        coming(2, "handle", 1),
        coming(3, "handle.second", 2, 1),
        coming(4, None),
    ]
    assert desk.intake(some, actor="boss").opened == 4
    one, two, three, four = (desk.get(number) for number in (1, 2, 3, 4))
    assert [each.state for each in (one, two, three, four)] == [
        "handle.first",
        "handle.first",
        "handle.second",
        "intake",
    ]
    assert (one.opened_at, one.entered_at, one.team) == (NOON - 2 * HOUR, NOON - 30 * MINUTE, "back")
    assert dues(books, 1) == {
        "forgotten": NOON + 90 * MINUTE, "whole/-1h": NOON + HOUR, "whole/100%": NOON + 2 * HOUR,
        "part/100%": NOON + 270 * MINUTE,
    }  # fmt: skip
    assert clocks(one) == {  # the whole runs since it was opened, the part since it came where that starts
        "part": ("running", timedelta(), NOON - 30 * MINUTE),
        "whole": ("running", 90 * MINUTE, NOON - 2 * HOUR),
    }
    assert clocks(three)["part"] == ("paused", timedelta(), NOON - HOUR)
    (entry,) = desk.history(1)
    assert (entry.kind, entry.happened_at, entry.dest) == ("opened", NOON - 30 * MINUTE, "handle.first")
    assert datetime.fromisoformat(entry.data["opened_at"]) == NOON - 2 * HOUR
    assert [("opened_at" in entry.data, message.to) for message in desk.outbox()] == [(True, "member:boss")]
    assert {each.priority for each in (one, four)} == {"high"}
    books.assert_balanced()
    assert desk.intake(some, actor="boss").known == 4


def test_nobody_is_told_of_an_opening_that_was_elsewhere(desk: Desk) -> None:
    desk.intake([coming(1, "intake"), coming(2, "handle.first")], actor="boss")
    assert desk.outbox() == ()


def test_what_is_past_is_recorded_or_fired_as_the_intake_says(desk: Desk, books: Books) -> None:
    old = [coming(1, "handle.second", 30, 7), coming(2, "handle.first", 30, 3)]
    assert desk.intake(old[:1], actor="boss", past="record").opened == 1
    assert desk.outbox() == ()
    first = desk.history(1)
    assert [(entry.kind, entry.timer and entry.timer[1], entry.happened_at) for entry in first] == [
        ("opened", None, NOON - 7 * HOUR),
        ("fired", "whole/100%", NOON - 7 * HOUR),  # of what was past by then, the highest only
        ("fired", "back", NOON - 4 * HOUR),
        ("fired", "forgotten", NOON - 2 * HOUR),
        ("suppressed", None, NOON - 2 * HOUR),
    ]
    assert (first[1].data["on_attach"], desk.get(1).state) == (True, "handle.first")
    assert desk.get(1).clock("whole").breached  # type: ignore[union-attr]
    assert desk.intake(old[1:], actor="boss", past="fire").opened == 1
    assert desk.run_timeouts().fired == 2
    assert [message.kind for message in desk.outbox()] == ["notify"]
    books.assert_balanced()
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(6 * HOUR)
    desk.run_timeouts()
    assert "part/100%" in {entry.timer[1] for entry in desk.history(2) if entry.timer}
    books.assert_balanced()


def test_the_archive_of_solved_cases_can_be_searched(desk: Desk, books: Books) -> None:
    assert desk.intake([coming(1, "archive", 300, 200)], actor="boss").opened == 1
    solved = desk.get(1)
    assert (solved.stage, solved.team, solved.clocks, solved.next_due_at) == ("archive", None, (), None)
    assert (solved.opened_at, solved.entered_at) == (NOON - 300 * HOUR, NOON - 200 * HOUR)
    assert dues(books, 1) == {}
    assert [ticket.id for ticket in desk.find(text="hm", stage="archive").tickets] == [1]
    books.assert_balanced()


def test_it_goes_on_as_any_other(desk: Desk, books: Books) -> None:
    desk.intake([coming(1, "handle.second", 1)], actor="boss")
    with pytest.raises(Refused):  # what the way there required is demanded of the next step that requires it
        desk.advance(1, "done", actor="boss")
    assert desk.advance(1, "done", actor="boss", fields={"found": "x"}).stage == "archive"
    assert {clock.status for clock in desk.get(1).clocks} == {"met"}
    books.assert_balanced()


@pytest.mark.parametrize(
    ("change", "field"),
    [({"state": "nowhere"}, "state"), ({"entered_at": NOON - 2 * HOUR}, "entered_at"),
     ({"entered_at": NOON + HOUR}, "entered_at"), ({"fields": {}}, "statement")],
)  # fmt: skip
def test_what_makes_no_sense_is_set_aside(desk: Desk, change: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"ticket_type": "call", "fields": {"statement": "x"}, "opened_at": NOON - HOUR}
    report = desk.intake([Contact(1, **{**given, "state": "handle", **change}), coming(2, "handle")], actor="boss")
    (bad,) = report.rejected
    assert (report.opened, type(bad.reason), bad.reason.field) == (1, BadValue, field)


def test_words_for_states_are_mapped_and_the_unknown_ones_are_named(desk: Desk) -> None:
    some = [coming(1, "offen", 1), coming(2, "zu", 1), coming(3, "zu", 1), coming(4, None), coming(5, "handle.second")]
    states = {"offen": "handle"}
    assert desk.unknown_states(some) == (UnknownState("call", "offen", 1), UnknownState("call", "zu", 2, 2))
    assert desk.unknown_states(some, states=states) == (UnknownState("call", "zu", 2, 2),)
    states["zu"] = "archive"
    assert desk.unknown_states(some, states=states) == ()
    assert desk.intake(some, actor="boss", states=states).opened == 5
    assert [desk.get(number).state for number in (1, 3)] == ["handle.first", "archive"]


def test_a_host_opens_one_so_too(desk: Desk, books: Books) -> None:
    ticket = desk.open("call", actor="boss", fields={"statement": "x"}, at=NOON - HOUR, state="handle.second")
    assert (ticket.state, ticket.entered_at) == ("handle.second", NOON - HOUR)
    since = desk.open("call", actor="boss", fields={"statement": "x"}, entered_at=NOON - 5 * MINUTE)
    assert (since.state, since.opened_at) == ("intake", NOON - 5 * MINUTE)
    with pytest.raises(Forbidden):  # who may only open has no way around what leads there
        desk.open("call", actor="ann", fields={"statement": "x"}, state="archive")
    books.assert_balanced()


def test_a_clock_that_came_in_late_and_paused_counts_as_missed(database_url: str, tmp_path: Path) -> None:
    later = CALL.replace("start: handle, stop: archive, pause", "start: intake, stop: archive, pause")
    with opened(database_url, write(tmp_path / "definitions", later, desk=DESK)) as desk:
        desk.intake([coming(1, "handle.second", 8, 1)], actor="chief", past="record")
        assert clocks(desk.get(1))["part"][:2] == ("paused", 7 * HOUR)
        assert desk.history(1)[0].data["clocks"]["part"] == ["running", "paused", "breached"]
        breached = sum(clock.breached for clock in desk.get(1).clocks)
        assert desk.stats().total.breaches == breached == 2
