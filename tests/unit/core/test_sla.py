"""SLA clocks, one story each (TIME.md 'SLA clocks')."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import NINE, Trial
from workflow.core import sla
from workflow.core.events import Advance, Approve, Excuse, Extend, Note, SetFields
from workflow.core.instants import TICK
from workflow.core.model import Outcome, SlaClock
from workflow.errors import BadValue, NotFound, Refused

Make = Callable[..., Trial]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LAST = {"rungs": [{"to": "lead"}]}
OFFICE = {"office": {"zone": "UTC", "weekly": {"mon-fri": "08:00-12:00", "sat": "09:00-11:00"}}}


def timed(trial: Make, stages: dict[str, Any] | None = None, **clock: Any) -> Trial:
    """Make a ticket with one clock, `s`: an hour from intake to review, paused in handle."""
    more = {key: clock.pop(key) for key in ("desk_says", "priority", "declare") if key in clock}
    spec = {"goal": "1h", "start": "intake", "stop": "review", "pause": "handle", **clock}
    go = {"accept": "classify", "wait": "handle", "finish": "review", "again": "intake", "close": "archive", "ping": {}}
    rooms = {name: {"transitions": go} for name in ("intake", "classify", "handle", "review", "callback")}
    for name, room in (stages or {}).items():
        rooms[name] = {**rooms[name], **room}
    rooms["intake"]["team"] = "front"  # type: ignore[assignment]
    return trial(rooms, sla={"s": spec}, **more)


def the(trial: Trial) -> SlaClock:
    clock = trial.ticket.clock("s")
    assert clock is not None
    history = sla.rebuild(trial.ticket, trial.entries, lambda *_: trial.rules)
    assert history == trial.ticket.clocks, "history says the same"
    return clock


def fired(outcome: Outcome) -> list[tuple[str, int, timedelta]]:
    return [
        (entry.timer[1], entry.timer[3], entry.happened_at - NINE)
        for entry in outcome.entries
        if entry.timer and entry.kind == "fired"
    ]


def test_a_clock_runs_from_its_start_to_its_stop(trial: Make) -> None:
    made = timed(trial)
    assert (the(made).status, the(made).cycle, the(made).due_at) == ("running", 1, NINE + HOUR)
    assert made.ticket.next_due_at == NINE + HOUR
    outcome = made.does(Advance("finish"), after=50 * MINUTE)
    assert (the(made).status, the(made).elapsed, the(made).ended_at) == ("met", 50 * MINUTE, NINE + 50 * MINUTE)
    assert outcome.entries[0].data["clocks"] == {"s": ["met"]}
    assert (outcome.timers, outcome.ticket.next_due_at) == ((), None)


def test_a_clock_starts_where_its_start_is_entered_and_no_sooner(trial: Make) -> None:
    made = timed(trial, start="classify")
    assert made.ticket.clocks == ()
    made.does(Advance("ping"), after=MINUTE)
    assert made.ticket.clocks == ()
    made.does(Advance("accept"), after=MINUTE)
    assert (the(made).started_at, the(made).due_at) == (NINE + 2 * MINUTE, NINE + 62 * MINUTE)
    made.does(Advance("accept"), after=MINUTE)  # re-entry: starting a clock that runs changes nothing
    assert (the(made).started_at, the(made).cycle) == (NINE + 2 * MINUTE, 1)


def test_a_trigger_may_start_and_stop_too(trial: Make) -> None:
    made = timed(trial, start="ping", stop="accept")
    made.does(Advance("ping"), after=MINUTE)
    assert the(made).status == "running"
    made.does(Advance("accept"), after=MINUTE)
    assert (the(made).status, the(made).elapsed) == ("met", MINUTE)


@pytest.mark.parametrize(("late", "verdict"), [(timedelta(), "met"), (TICK, "missed")])
def test_met_is_stopped_at_or_before_the_due_instant(trial: Make, late: timedelta, verdict: str) -> None:
    made = timed(trial)
    outcome = made.does(Advance("finish"), after=HOUR + late)
    assert (the(made).status, the(made).breached) == (verdict, verdict == "missed")
    assert fired(outcome) == ([("s/100%", 1, HOUR)] if late else [])


def test_a_goal_used_up_at_closing_is_missed_in_the_night_although_no_more_was_counted(trial: Make) -> None:
    made = timed(trial, calendar="office", goal="3h", desk_says={"calendars": OFFICE})
    assert the(made).due_at == NINE + 3 * HOUR
    made.does(Advance("finish"), after=6 * HOUR)
    assert (the(made).status, the(made).elapsed) == ("missed", 3 * HOUR)


def test_a_pause_stops_the_count_even_over_the_due_time(trial: Make) -> None:
    made = timed(trial)
    outcome = made.does(Advance("wait"), after=40 * MINUTE)
    assert (the(made).status, the(made).elapsed, the(made).due_at) == ("paused", 40 * MINUTE, None)
    assert (outcome.timers, outcome.ticket.next_due_at) == ((), None)
    assert made.runs(5 * HOUR).entries == ()
    made.does(Advance("accept"))
    assert (the(made).status, the(made).due_at) == ("running", NINE + 6 * HOUR)
    assert fired(made.runs(20 * MINUTE)) == [("s/100%", 1, 6 * HOUR)]


def test_a_clock_that_starts_in_a_pause_begins_paused(trial: Make) -> None:
    made = timed(trial, pause="intake")
    assert (the(made).status, the(made).elapsed, made.timers) == ("paused", timedelta(), ())
    made.does(Advance("accept"), after=3 * HOUR)
    assert the(made).due_at == NINE + 4 * HOUR


def test_moving_out_of_a_pause_into_the_stop_is_in_time(trial: Make) -> None:
    made = timed(trial)
    made.does(Advance("wait"), after=HOUR)
    made.does(Advance("finish"), after=HOUR)
    assert the(made).status == "met"


def test_a_reset_ends_the_cycle_and_starts_the_next_at_zero(trial: Make) -> None:
    made = timed(trial, reset="ping")
    made.does(Advance("ping"), after=50 * MINUTE)
    assert [(clock.cycle, clock.status) for clock in made.ticket.clocks] == [(1, "met"), (2, "running")]
    assert (the(made).elapsed, the(made).due_at) == (timedelta(), NINE + 110 * MINUTE)
    made.does(Advance("ping"), after=2 * HOUR)
    assert [(clock.cycle, clock.status) for clock in made.ticket.clocks] == [(1, "met"), (2, "missed"), (3, "running")]


def test_a_reset_in_a_pause_begins_paused_and_on_an_idle_clock_does_nothing(trial: Make) -> None:
    made = timed(trial, reset="ping", start="classify")
    assert made.does(Advance("ping")).entries[0].data == {}
    made.does(Advance("accept"))
    made.does(Advance("wait"), after=MINUTE)
    made.does(Advance("ping"), after=MINUTE)
    assert [(clock.cycle, clock.status) for clock in made.ticket.clocks] == [(1, "met"), (2, "paused")]
    assert the(made).elapsed == timedelta()


@pytest.mark.parametrize(
    ("spec", "cycles"),
    [
        ({"cancel": "accept", "stop": "accept", "reset": "accept"}, ["cancelled"]),
        ({"stop": "accept", "reset": "accept", "start": ["intake", "classify"]}, ["met"]),
        ({"reset": "accept", "start": ["intake", "classify"]}, ["met", "running"]),
        ({"cancel": "accept", "start": ["intake", "classify"]}, ["cancelled", "running"]),
    ],
)
def test_cancel_goes_before_stop_before_reset_before_start(
    trial: Make, spec: dict[str, Any], cycles: list[str]
) -> None:
    made = timed(trial, **spec)
    made.does(Advance("accept"), after=MINUTE)
    assert [clock.status for clock in made.ticket.clocks] == cycles


def test_once_breached_a_cycle_ends_missed_whatever_its_goal_becomes(trial: Make) -> None:
    made = timed(trial, goal={"high": "30m", "default": "2h"}, priority="high")
    made.runs(40 * MINUTE)
    made.does(SetFields({}, "normal"))
    assert (the(made).breached, the(made).due_at) == (True, NINE + 2 * HOUR)
    made.does(Advance("finish"), after=MINUTE)
    assert the(made).status == "missed"


def test_a_goal_put_in_the_future_arms_its_levels_again_under_the_next_occurrence(trial: Make) -> None:
    made = timed(trial, goal={"high": "30m", "default": "2h"}, priority="high", levels=[{"at": "-10m"}])
    assert fired(made.runs(40 * MINUTE)) == [("s/-10m", 1, 20 * MINUTE), ("s/100%", 1, 30 * MINUTE)]
    assert (the(made).at_risk, the(made).breached) == (True, True)
    made.does(SetFields({}, "normal"))
    assert not the(made).at_risk
    assert fired(made.runs(2 * HOUR)) == [("s/-10m", 2, 110 * MINUTE), ("s/100%", 2, 2 * HOUR)]


def test_of_levels_past_on_a_goal_change_only_the_highest_fires(trial: Make) -> None:
    levels = [{"at": "50%"}, {"at": "-10m"}, {"at": "100%"}]
    made = timed(trial, goal={"high": "30m", "default": "2h"}, levels=levels)
    outcome = made.does(SetFields({}, "high"), after=50 * MINUTE)
    assert outcome.entries[-1].data["skipped"] == {"s": ["50%", "-10m"]}
    outcome = made.runs(MINUTE)
    assert fired(outcome) == [("s/100%", 1, 50 * MINUTE)]
    assert outcome.entries[0].data["on_attach"] is True
    assert made.does(SetFields({}, "normal")).timers[0].name == "s/50%"  # and what was skipped may have its turn yet


def test_another_goal_still_ahead_gives_a_level_that_fired_its_turn_again_even_where_it_is_past(trial: Make) -> None:
    goal = {"high": "70m", "default": "1h"}
    made = timed(trial, goal=goal, levels=[{"at": "50%"}])
    assert fired(made.runs(40 * MINUTE)) == [("s/50%", 1, 30 * MINUTE)]
    made.does(SetFields({}, "high"))
    outcome = made.runs(HOUR)
    assert fired(outcome) == [("s/50%", 2, 40 * MINUTE), ("s/100%", 1, 70 * MINUTE)]
    assert outcome.entries[0].data["on_attach"] is True, "half of seventy minutes had passed, too"


def test_another_goal_that_is_past_gives_a_level_that_fired_no_second_turn(trial: Make) -> None:
    made = timed(trial, goal={"high": "30m", "default": "1h"}, levels=[{"at": "50%"}])
    made.runs(HOUR)
    made.does(SetFields({}, "high"))
    assert fired(made.runs(HOUR)) == []


def test_a_miss_that_was_told_is_not_followed_by_its_warning(trial: Make) -> None:
    goal = {"high": "30m", "urgent": "10m", "default": "2h"}
    made = timed(trial, goal=goal, levels=[{"at": "-20m"}], priority="urgent")
    assert fired(made.runs(40 * MINUTE)) == [("s/100%", 1, 10 * MINUTE)]
    made.does(SetFields({}, "high"))
    assert fired(made.runs(HOUR)) == []
    assert made.timers == ()


def test_a_change_that_changes_no_goal_arms_nothing_again(trial: Make) -> None:
    made = timed(trial, levels=[{"at": "-20m"}])
    made.runs(45 * MINUTE)
    before = made.timers
    outcome = made.does(SetFields({}, "high"))
    assert outcome.timers == before
    assert "clocks" not in outcome.entries[0].data


def test_a_fresh_cycle_skips_a_level_that_lies_before_its_start_with_a_record(trial: Make) -> None:
    made = timed(trial, goal="30m", levels=[{"at": "-1h"}], reset="ping")
    assert made.entries[0].data["skipped"] == {"s": ["-1h"]}
    assert [timer.name for timer in made.timers] == ["s/100%"]
    assert made.does(Advance("ping"), after=MINUTE).entries[0].data["skipped"] == {"s": ["-1h"]}


def test_a_level_that_repeats_fires_at_each_further_full_goal_of_running_time(trial: Make) -> None:
    made = timed(trial, levels=[{"at": "100%", "repeat": True}])
    made.does(Advance("wait"), after=90 * MINUTE)
    made.does(Advance("accept"), after=HOUR)
    outcome = made.runs(100 * MINUTE)
    assert fired(outcome) == [("s/100%", 3, 4 * HOUR)]
    assert outcome.entries[0].data["merged"] == ["2026-03-02T12:00:00+00:00", "2026-03-02T13:00:00+00:00"]
    assert (outcome.fired, the(made).fired, the(made).spent) == (2, {"100%": 3}, {"100%": 3})
    assert [(timer.occurrence, timer.due_at - NINE) for timer in made.timers] == [(4, 5 * HOUR)]


@pytest.mark.parametrize(
    ("actions", "occurrences"),
    [
        ([{"notify": "team"}], [5]),
        (["escalate"], [1, 5]),  # what opens the ladder stands for itself
        ([{"set": {"n": 1}}], [1, 2, 3, 4, 5]),
    ],
)
def test_after_an_outage_a_repeat_is_told_once(trial: Make, actions: list[Any], occurrences: list[int]) -> None:
    levels = [{"at": "100%", "repeat": True, "actions": actions}]
    made = timed(trial, levels=levels, declare={"n": {"type": "int"}}, desk_says={"ladder": LAST})
    outcome = made.runs(5 * HOUR)
    assert [occurrence for _, occurrence, _ in fired(outcome)] == occurrences
    assert (outcome.fired, the(made).fired, the(made).breached) == (5, {"100%": 5}, True)


def test_a_repeat_passes_no_level_before_it(trial: Make) -> None:
    made = timed(trial, levels=[{"at": "100%", "repeat": True}, {"at": "+90m"}])
    assert fired(made.runs(4 * HOUR)) == [("s/100%", 2, 2 * HOUR), ("s/+90m", 1, 150 * MINUTE), ("s/100%", 4, 4 * HOUR)]


def test_repeats_past_at_one_instant_are_one(trial: Make) -> None:
    goal = {"high": "10m", "default": "2h"}
    made = timed(trial, goal=goal, levels=[{"at": "100%", "repeat": True}])
    made.does(SetFields({}, "high"), after=55 * MINUTE)
    assert fired(made.runs(6 * MINUTE)) == [("s/100%", 1, 55 * MINUTE), ("s/100%", 2, 60 * MINUTE)]


def test_a_goal_that_comes_and_goes_in_a_pause_takes_no_turn_away(trial: Make) -> None:
    goal = {"high": "10m", "default": "30m"}
    made = timed(trial, goal=goal, levels=[{"at": "100%", "repeat": True}])
    made.does(Advance("wait"), after=50 * MINUTE)
    made.does(SetFields({}, "high"))
    made.does(SetFields({}, "normal"))
    made.does(Advance("accept"), after=HOUR)
    assert fired(made.runs(10 * MINUTE)) == [("s/100%", 2, 2 * HOUR)]


@pytest.mark.parametrize(
    ("reopen", "cycles", "due"),
    [
        ("new_cycle", [(1, "met"), (2, "running")], 150 * MINUTE),
        ("continue", [(1, "running")], 120 * MINUTE),
        ("ignore", [(1, "met")], None),
    ],
)
def test_reopening_is_declared(trial: Make, reopen: str, cycles: list[Any], due: timedelta | None) -> None:
    made = timed(trial, reopen=reopen)
    made.does(Advance("finish"), after=30 * MINUTE)
    made.does(Advance("again"), after=HOUR)
    assert [(clock.cycle, clock.status) for clock in made.ticket.clocks] == cycles
    assert (the(made).due_at if the(made).is_open else None) == (due and NINE + due)


def test_a_clock_that_continues_has_the_goal_of_its_priority_now(trial: Make) -> None:
    made = timed(trial, reopen="continue", goal={"high": "40m", "default": "2h"})
    made.does(Advance("finish"), after=30 * MINUTE)
    made.does(SetFields({}, "high"))
    made.does(Advance("again"), after=HOUR)
    assert (the(made).goal, the(made).due_at) == (40 * MINUTE, NINE + 100 * MINUTE)


@pytest.mark.parametrize(("stop_by", "status"), [("person", "running"), ("anyone", "met")])
def test_only_a_person_satisfies_a_clock_that_says_so(trial: Make, stop_by: str, status: str) -> None:
    moves = {"timeouts": {"slow": {"after": "10m", "dest": "review"}}}
    made = timed(trial, {"intake": moves}, stop_by=stop_by)
    made.runs(20 * MINUTE)
    assert (made.ticket.state, the(made).status) == ("review", status)


@pytest.mark.parametrize(
    ("clock", "status"), [({}, "met"), ({"cancel": "archive"}, "cancelled"), ({"stop_by": "person"}, "met")]
)
def test_the_archive_stops_every_clock(trial: Make, clock: dict[str, Any], status: str) -> None:
    made = timed(trial, **clock)
    made.does(Advance("close"), after=MINUTE)
    assert (the(made).status, made.timers) == (status, ())


def test_a_timer_that_archives_satisfies_no_clock_that_a_person_must_stop(trial: Make) -> None:
    made = timed(trial, {"intake": {"timeouts": {"end": {"after": "10m", "dest": "archive"}}}}, stop_by="person")
    made.runs(HOUR)
    assert (the(made).status, made.timers) == ("cancelled", ())


# -- extensions and excuses -----------------------------------------------------------------------------------------


def test_an_extension_counts_once_it_is_approved(trial: Make) -> None:
    made = timed(trial)
    outcome = made.does(Extend("s", 30 * MINUTE, "parts are late"), after=10 * MINUTE)
    assert (the(made).asked, the(made).due_at) == (30 * MINUTE, NINE + HOUR)
    assert outcome.entries[0].private == {"reason": "parts are late"}
    assert [(message.to, message.kind) for message in outcome.messages] == [("member:li", "notify")]
    outcome = made.does(Approve("s"), "li", after=10 * MINUTE)
    assert (the(made).asked, the(made).extension, the(made).due_at) == (None, 30 * MINUTE, NINE + 90 * MINUTE)
    assert [(message.to, message.kind, message.stands) for message in outcome.messages] == [
        ("customer", "extended", None)
    ]
    made.does(Advance("finish"), after=65 * MINUTE)
    assert the(made).status == "met"


def test_an_extension_that_is_refused_changes_nothing_and_can_be_asked_for_again(trial: Make) -> None:
    made = timed(trial)
    made.does(Extend("s", HOUR, "please"))
    made.does(Approve("s", granted=False), "li")
    assert (the(made).asked, the(made).due_at) == (None, NINE + HOUR)
    assert isinstance(made.does(Approve("s"), "li").refusal, Refused)
    assert made.does(Extend("s", HOUR, "please, please")).refusal is None


def test_an_extension_stays_when_the_priority_changes(trial: Make) -> None:
    made = timed(trial, goal={"high": "40m", "default": "1h"})
    made.does(Extend("s", 30 * MINUTE, "x"))
    made.does(Approve("s"), "li")
    made.does(SetFields({}, "high"))
    assert the(made).due_at == NINE + 70 * MINUTE


@pytest.mark.parametrize(
    ("event", "after", "error"),
    [
        (Extend("s", MINUTE, "x"), HOUR, Refused),
        (Extend("s", timedelta(), "x"), MINUTE, BadValue),
        (Extend("s", MINUTE, "  "), MINUTE, BadValue),
        (Extend("none", MINUTE, "x"), MINUTE, NotFound),
        (Excuse("s", "x"), MINUTE, Refused),
        (Excuse("s", " "), 2 * HOUR, BadValue),
        (Approve("s"), MINUTE, Refused),
    ],
)
def test_what_cannot_be_asked_of_a_clock(trial: Make, event: Any, after: timedelta, error: type[Exception]) -> None:
    made = timed(trial)
    assert isinstance(made.does(event, "li", after=after).refusal, error)


def test_a_miss_is_excused_and_stays_in_the_record(trial: Make) -> None:
    made = timed(trial, reset="ping")
    made.does(Advance("ping"), after=2 * HOUR)
    made.does(Advance("finish"), after=MINUTE)
    outcome = made.does(Excuse("s", "the line was down"), "li")
    assert outcome.entries[0].data == {"sla": "s", "cycle": 1}
    assert [(clock.cycle, clock.status, clock.excused) for clock in made.ticket.clocks] == [
        (1, "missed", True), (2, "met", False),
    ]  # fmt: skip
    assert the(made).status == "met"


# -- calendars ------------------------------------------------------------------------------------------------------


def test_a_clock_counts_the_open_hours_of_its_calendar(trial: Make) -> None:
    made = timed(trial, calendar="office", goal="5h", levels=[{"at": "-1h"}], desk_says={"calendars": OFFICE})
    assert [timer.due_at for timer in made.timers] == [  # Monday from nine to noon, then Tuesday from eight
        datetime.fromisoformat("2026-03-03T09:00+00:00"), datetime.fromisoformat("2026-03-03T10:00+00:00"),
    ]  # fmt: skip
    made.does(Advance("wait"), after=HOUR)
    made.does(Advance("accept"), after=24 * HOUR)
    assert (the(made).elapsed, the(made).due_at) == (HOUR, datetime.fromisoformat("2026-03-04T10:00+00:00"))


def test_a_goal_of_working_days_is_the_same_time_on_a_later_one(trial: Make) -> None:
    goal = {"high": "1wd", "default": "2wd"}
    made = timed(trial, calendar="office", goal=goal, pause=[], desk_says={"calendars": OFFICE})
    assert the(made).due_at == NINE + timedelta(days=2)
    made.does(SetFields({}, "high"), after=HOUR)
    assert the(made).due_at == NINE + timedelta(days=1)
    made.does(Extend("s", HOUR, "x"))
    made.does(Approve("s"), "li")
    assert the(made).due_at == NINE + timedelta(days=1) + HOUR


def test_a_clock_shows_that_it_is_at_risk(trial: Make) -> None:
    made = timed(trial, levels=[{"at": "80%", "actions": [{"notify": "team"}]}])
    outcome = made.runs(50 * MINUTE)
    assert (the(made).at_risk, the(made).breached, the(made).status) == (True, False, "running")
    assert [(message.to, message.stands) for message in outcome.messages] == [("team:front", "sla:s:1")]


def test_the_message_of_a_level_is_overtaken_by_who_ends_the_cycle(trial: Make) -> None:
    made = timed(trial, levels=[{"at": "100%", "actions": [{"notify": "team"}]}])
    outcome = made.does(Advance("finish"), after=2 * HOUR)
    assert [entry.kind for entry in outcome.entries] == ["fired", "advanced", "overtaken"]
    assert (outcome.messages, the(made).status) == ((), "missed")


def test_two_clocks_are_counted_apart_in_the_order_of_the_file(trial: Make) -> None:
    spec = {"goal": "1h", "start": "intake", "stop": "review"}
    made = trial({"intake": {"team": "front"}}, sla={"z": spec, "a": {**spec, "levels": [{"at": "-30m"}]}})
    assert fired(made.runs(2 * HOUR)) == [("a/-30m", 1, 30 * MINUTE), ("z/100%", 1, HOUR), ("a/100%", 1, HOUR)]


def test_a_level_may_change_the_priority_and_with_it_its_own_goal(trial: Make) -> None:
    levels = [{"at": "50%", "actions": [{"priority": "high"}]}]
    made = timed(trial, goal={"high": "40m", "default": "1h"}, levels=levels)
    outcome = made.runs(45 * MINUTE)
    assert fired(outcome) == [("s/50%", 1, 30 * MINUTE), ("s/50%", 2, 30 * MINUTE), ("s/100%", 1, 40 * MINUTE)]
    assert made.does(Note("x")).ticket.priority == "high"
