"""What `explain` says is what stands, what history tells and what then comes true, and nothing is written for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import TICK, Books, opened, write
from workflow import Desk, Explanation, HistoryEntry, Refused
from workflow.clock import VirtualClock

HOUR = timedelta(hours=1)
FRIDAY = datetime.fromisoformat("2026-02-13T17:00+08:00")  # the last hour before the Spring Festival but one
DESK = """
desk: open_by_day
zone: Asia/Shanghai
roles:
  agent: {may: [open, advance, claim, note, set, link, escalate, promise, extend]}
  lead: {may: [open, advance, claim, escalate, acknowledge, approve, excuse, retry, apply]}
teams:
  front: {lead: [boss, owl], members: [ann, bob], assignment: manual}
members:
  ann: {roles: [agent]}
  bob: {roles: [agent]}
  boss: {roles: [lead], shift: day}
  owl: {roles: [lead], shift: night}
  chief: {roles: [lead]}
calendars:
  office: {weekly: {mon-fri: '09:00-18:00'}, public_holidays: cn}
  day: {weekly: {daily: '08:00-20:00'}}
  night: {weekly: {daily: '20:00-08:00'}}
ladder: {rungs: [{to: lead, after: 30m}, {to: chief, after: 1h}]}
"""
CASE = """
ticket_type: case
version: 1
skips: [classify, handle, review, callback]
calendar: office
fields:
  amount: {type: int}
  secret: {type: text, pii: true}
stages:
  intake:
    team: front
    transitions:
      accept: handle.working
      refund: {dest: archive, conditions: 'amount > 10'}
    timeouts:
      unanswered: {after: 12h, actions: [reassign, escalate]}
  handle:
    team: front
    transitions:
      wait: handle.waiting
      resume: handle.working
      finish: archive
    states: {working: {}, waiting: {}}
  archive: {}
sla:
  reply:
    {goal: 8h, start: handle, stop: archive, pause: handle.waiting, levels: [{at: 50%, actions: [{notify: owner}]}]}
"""
Make = Callable[..., AbstractContextManager[Desk]]


@pytest.fixture
def make(database_url: str, tmp_path: Path) -> Make:
    """Make a desk of a type, with the time that it is."""

    def of(definition: str = CASE, at: datetime = FRIDAY) -> AbstractContextManager[Desk]:
        return opened(database_url, write(tmp_path / "definitions", definition, desk=DESK), at)

    return of


@pytest.fixture
def desk(make: Make) -> Iterator[Desk]:
    """Give the desk on the Friday before the holidays."""
    with make() as desk:
        yield desk


def moved(desk: Desk, step: timedelta) -> None:
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(step)


def plain(entries: tuple[HistoryEntry, ...]) -> list[HistoryEntry]:
    return [entry._replace(hash="") for entry in entries]


def told(found: Explanation) -> dict[str, list[str]]:
    """Return whom each waiting timer will tell."""
    return {wake.timer.name: [message.to for message in wake.messages] for wake in found.timers}


def test_it_says_where_the_ticket_is_and_how_it_came_there(desk: Desk) -> None:
    number = desk.open("case", actor="ann").id
    moved(desk, HOUR / 2)
    desk.advance(number, "accept", actor="bob")
    desk.link(number, desk.open("case", actor="ann").id, actor="ann")
    moved(desk, 2 * HOUR)
    found = desk.explain(number, actor="ann")
    assert [(move.actor, move.trigger, move.dest) for move in found.moves] == [
        ("ann", None, "intake"), ("bob", "accept", "handle.working"),
    ]  # fmt: skip
    assert (found.ticket.state, found.calendar) == ("handle.working", "office")
    assert (found.stayed, found.counted) == (2 * HOUR, HOUR / 2)
    assert (found.owner, found.lead) == ("boss", "boss")
    assert [link.other for link in found.links] == [2]


def test_a_due_time_is_counted_step_by_step_over_the_holidays(desk: Desk) -> None:
    found = desk.explain(desk.open("case", actor="ann").id, actor="ann")
    (wake,) = found.timers
    (count,) = wake.counts
    assert (count.calendar, count.counted, wake.length) == ("office", 12 * HOUR, "12h")
    assert [(step.kind, step.day.why) for step in count.steps] == [
        ("open", "weekly"), ("open", "makeup"), ("closed", "public_holiday"), ("open", "weekly"),
    ]  # fmt: skip
    assert count.steps[-1].end == count.end == wake.timer.due_at == datetime.fromisoformat("2026-02-24T11:00+08:00")
    assert not wake.unannounced


def test_a_due_time_beyond_the_announced_holidays_is_marked(make: Make) -> None:
    with make(at=datetime.fromisoformat("2126-03-01T10:00+08:00")) as desk:
        (wake,) = desk.explain(desk.open("case", actor="ann").id, actor="ann").timers
        assert wake.unannounced


def test_the_stretches_of_a_clock_add_up_to_what_it_has_counted(desk: Desk) -> None:
    number = desk.open("case", actor="ann").id
    desk.advance(number, "accept", actor="ann")
    moved(desk, HOUR / 2)
    desk.advance(number, "wait", actor="ann")
    moved(desk, 18 * HOUR)
    desk.advance(number, "resume", actor="ann")  # on Saturday at 11:30, a working day this time
    moved(desk, 3 * HOUR)
    (story,) = desk.explain(number, actor="ann").clocks
    assert [(part.status, part.counted) for part in story.stretches] == [
        ("running", HOUR / 2), ("paused", timedelta()), ("running", 3 * HOUR),
    ]  # fmt: skip
    assert story.stretches[1].state == "handle.waiting"
    assert story.stretches[-1].end is None
    assert story.elapsed == 3.5 * HOUR == 8 * HOUR - story.left
    (clock,) = desk.clocks(number)
    assert story.elapsed == clock.elapsed
    assert story.clock.due_at == datetime.fromisoformat("2026-02-24T10:00+08:00")


def test_what_a_clock_waits_for_counts_from_when_it_last_began_to_run(desk: Desk) -> None:
    number = desk.open("case", actor="ann").id
    desk.advance(number, "accept", actor="ann")
    moved(desk, HOUR / 2)
    desk.advance(number, "wait", actor="ann")
    assert desk.explain(number, actor="ann").timers == ()
    moved(desk, 18 * HOUR)
    desk.advance(number, "resume", actor="ann")
    half, whole = desk.explain(number, actor="ann").timers
    assert (half.length, half.before, half.counts[0].counted) == ("50%", HOUR / 2, 3.5 * HOUR)
    assert (whole.length, whole.before, whole.counts[0].counted) == ("100%", HOUR / 2, 7.5 * HOUR)


def test_past_cycles_keep_their_verdict(make: Make) -> None:
    definition = CASE.replace("stop: archive", "stop: archive, reset: told").replace(
        "      finish: archive", "      finish: archive\n      told: {}"
    )
    with make(definition, datetime.fromisoformat("2026-03-02T09:00+08:00")) as desk:
        number = desk.open("case", actor="ann").id
        desk.advance(number, "accept", actor="ann")
        moved(desk, HOUR)
        desk.advance(number, "told", actor="ann")
        moved(desk, 8 * HOUR + TICK)
        desk.run_timeouts()
        desk.advance(number, "finish", actor="ann")
        stories = desk.explain(number, actor="ann").clocks
        assert [(story.clock.status, story.clock.cycle) for story in stories] == [("met", 1), ("missed", 2)]
        assert [story.elapsed for story in stories] == [HOUR, 8 * HOUR]


def test_what_is_due_counts_as_fired_and_nothing_is_written(desk: Desk, books: Books) -> None:
    number = desk.open("case", actor="ann").id
    moved(desk, timedelta(days=12))
    before, known = books.rows(), desk.history(number)
    found = desk.explain(number, actor="ann")
    assert books.rows() == before
    assert [entry.kind for entry in found.unwritten] == ["fired", "escalated", "assigned"]
    assert [message.to for message in found.unwritten_messages] == ["member:boss"]
    desk.run_timeouts()
    assert plain(desk.history(number)[len(known) :]) == plain(found.unwritten)
    assert desk.get(number).ladder == found.ticket.ladder
    assert [row.to for row in desk.outbox()] == ["member:boss"]


def test_an_explanation_comes_true_if_nobody_does_anything(desk: Desk) -> None:
    number = desk.open("case", actor="ann").id
    desk.promise(number, FRIDAY + 3 * HOUR, actor="ann")
    desk.escalate(number, actor="ann")
    for _ in range(8):
        (first, *_) = desk.explain(number, actor="ann").timers
        known, sent = desk.history(number), desk.outbox()
        assert isinstance(desk.clock, VirtualClock)
        desk.clock.move_to(first.timer.due_at)
        desk.run_timeouts()
        assert first.fate == "fires"
        wrote = plain(desk.history(number)[len(known) :])
        assert [entry for entry in wrote if entry.timer == first.timer.key or "cause" in entry.data] == plain(
            first.entries
        )
        assert [row.to for row in desk.outbox()[len(sent) :]] == [message.to for message in first.messages]


def test_whom_the_ladder_tells_follows_the_shifts(make: Make) -> None:
    with make(at=datetime.fromisoformat("2026-03-02T19:45+08:00")) as desk:
        number = desk.open("case", actor="ann").id
        calm = desk.explain(number, actor="ann")
        assert [(duty.to, duty.now, duty.then) for duty in calm.duties] == [
            ("lead", "boss", None), ("chief", "chief", None),
        ]  # fmt: skip
        desk.escalate(number, actor="ann")
        found = desk.explain(number, actor="ann")
        assert found.ticket.ladder is not None
        assert (found.ticket.ladder.rung, found.ticket.ladder.addressee) == (1, "boss")
        assert [(duty.now, duty.then) for duty in found.duties] == [("boss", "owl"), ("chief", "chief")]
        assert told(found)["rung"] == ["member:chief"]


def test_a_hold_is_waited_for_and_then_the_next_rung_is_told(desk: Desk) -> None:
    number = desk.open("case", actor="ann").id
    moved(desk, timedelta(days=12))
    desk.acknowledge(number, actor="chief")
    found = desk.explain(number, actor="ann")
    (held,) = found.timers
    assert (held.timer.kind, held.length, held.timer.due_at) == ("rung", "2h", found.as_of + 2 * HOUR)
    assert found.ticket.ladder is not None
    assert found.ticket.ladder.held_by == "chief"
    assert told(found) == {"rung": ["member:chief"]}


def test_refused_triggers_name_the_rule_and_what_it_saw(desk: Desk) -> None:
    number = desk.open("case", actor="ann", fields={"amount": 3}).id
    refund = next(option for option in desk.explain(number, actor="ann").options if option.trigger == "refund")
    assert isinstance(refund.refusal, Refused)
    assert (refund.refusal.rule, refund.refusal.values["seen"]) == ("conditions", "amount=3")


TIMED = """
ticket_type: case
version: 1
skips: [classify, handle, review, callback]
fields: {{amount: {{type: int}}}}
stages:
  intake:
    team: front
    transitions: {{finish: archive}}
    timeouts: {timeouts}
  handle: {{team: front, transitions: {{finish: archive}}}}
  archive: {{}}
"""


@pytest.mark.parametrize(
    ("timeouts", "fates"),
    [
        ("{move: {after: 1h, dest: handle}, later: {after: 2h, actions: [escalate]}}", ["fires", "dropped"]),
        ("{rich: {after: 1h, conditions: 'amount > 10', actions: [escalate]}}", ["skipped"]),
        ("{broken: {after: 1h, conditions: '10 / (amount - 3) > 1', actions: [escalate]}}", ["incident"]),
        ("{again: {after: 1h, every: 1h, actions: [{notify: ann}]}, far: {after: 200h, actions: [escalate]}}",
         ["fires", "unknown"]),
    ],
)  # fmt: skip
def test_the_fate_of_a_timer_is_foreseen(make: Make, timeouts: str, fates: list[str]) -> None:
    with make(TIMED.format(timeouts=timeouts)) as desk:
        number = desk.open("case", actor="ann", fields={"amount": 3}).id
        assert [wake.fate for wake in desk.explain(number, actor="ann").timers] == fates


def test_a_repeat_counts_from_the_time_before(make: Make) -> None:
    with make(TIMED.format(timeouts="{again: {after: 1h, every: 2h, actions: [{notify: ann}]}}")) as desk:
        number = desk.open("case", actor="ann").id
        moved(desk, HOUR)
        desk.run_timeouts()
        (wake,) = desk.explain(number, actor="ann").timers
        assert (wake.length, wake.timer.occurrence, wake.counts[0].begin) == ("2h", 2, FRIDAY + HOUR)


def test_working_days_are_counted_as_days(make: Make) -> None:
    with make(TIMED.format(timeouts="{slow: {after: 2wd, calendar: office, actions: [escalate]}}")) as desk:
        (wake,) = desk.explain(desk.open("case", actor="ann").id, actor="ann").timers
        (count,) = wake.counts
        assert [step.number for step in count.steps if step.kind == "working_day"] == [1, 2]
        assert wake.timer.due_at == datetime.fromisoformat("2026-02-24T17:00+08:00")


def test_a_calendar_that_changed_midway_is_counted_in_two_parts(make: Make, tmp_path: Path) -> None:
    with make(at=datetime.fromisoformat("2026-03-02T09:00+08:00")) as desk:
        number = desk.open("case", actor="ann").id
        moved(desk, 4 * HOUR)
        write(tmp_path / "definitions", CASE, desk=DESK.replace("'09:00-18:00'", "'12:00-16:00'"))
        desk.apply(actor="chief")
        moved(desk, HOUR)
        (wake,) = desk.explain(number, actor="ann").timers
        assert [count.counted for count in wake.counts] == [4 * HOUR, 8 * HOUR]
        assert wake.counts[1].end == wake.timer.due_at == datetime.fromisoformat("2026-03-04T13:00+08:00")


def test_a_clock_is_explained_across_a_changed_calendar(make: Make, tmp_path: Path) -> None:
    with make(at=datetime.fromisoformat("2026-03-02T09:00+08:00")) as desk:
        number = desk.open("case", actor="ann").id
        desk.advance(number, "accept", actor="ann")
        moved(desk, 2 * HOUR)
        write(tmp_path / "definitions", CASE, desk=DESK.replace("'09:00-18:00'", "'12:00-16:00'"))
        desk.apply(actor="chief")
        moved(desk, 2 * HOUR)
        (story,) = desk.explain(number, actor="ann").clocks
        assert [part.counted for part in story.stretches] == [2 * HOUR, HOUR]
        assert story.elapsed == desk.clocks(number)[0].elapsed


def test_incidents_and_unsent_messages_are_named(make: Make) -> None:
    with make(
        TIMED.format(timeouts="{broken: {after: 1h, conditions: '1 / amount > 1', actions: [escalate]}}")
    ) as desk:
        number = desk.open("case", actor="ann", fields={"amount": 0}).id
        desk.escalate(number, actor="ann")
        moved(desk, HOUR + TICK)
        desk.run_timeouts()
        found = desk.explain(number, actor="ann")
        assert [row.timer for row in found.incidents] == ["timeout:broken:1:1"]
        assert {row.to for row in found.messages} == {"member:boss", "member:chief"}


def test_an_archived_ticket_waits_for_nothing(desk: Desk) -> None:
    number = desk.open("case", actor="ann").id
    desk.advance(number, "accept", actor="ann")
    desk.advance(number, "finish", actor="ann")
    found: Any = desk.explain(number, actor="ann")
    assert (found.timers, found.duties, found.options, found.owner) == ((), (), (), None)
