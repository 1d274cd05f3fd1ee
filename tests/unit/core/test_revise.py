"""A newer revision of the desk under an open ticket (TIME.md 'Changing the rules under open tickets')."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import NINE, Trial
from workflow.core import sla
from workflow.core.events import Advance, Approve, Extend, MakePromise, Note
from workflow.core.instants import TICK
from workflow.core.model import Outcome
from workflow.core.unit import caught_up

Make = Callable[..., Trial]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MORNINGS = {"office": {"zone": "UTC", "weekly": {"daily": "08:00-12:00"}}}
LONGER = {"office": {"zone": "UTC", "weekly": {"daily": "08:00-18:00"}}}
CLOSED = {"office": {"zone": "UTC", "weekly": {"daily": "08:00-12:00"}, "holidays": {"2026-03-03": "all"}}}


def kept(trial: Make, timeouts: dict[str, Any] | None = None, **more: Any) -> Trial:
    intake = {"team": "front", "transitions": {"accept": "classify"}, "timeouts": timeouts or {}}
    return trial(
        {"intake": intake, "classify": {"timeouts": timeouts or {}}}, desk_says={"calendars": MORNINGS}, **more
    )


def dues(outcome: Outcome) -> list[timedelta]:
    return [timer.due_at - NINE for timer in outcome.timers]


def kinds(outcome: Outcome) -> list[str]:
    return [entry.kind for entry in outcome.entries]


SLOW = {"slow": {"after": "4h", "calendar": "office", "actions": [{"notify": "team"}]}}


def test_what_has_elapsed_stays_as_counted_and_what_remains_counts_anew(trial: Make) -> None:
    made = kept(trial, SLOW)
    assert dues(made.outcome) == [24 * HOUR]
    longer = made.revised(calendars=LONGER)
    outcome = made.runs(6 * HOUR, newer=[(NINE + HOUR, longer)])  # three of four hours are left at ten
    assert kinds(outcome) == ["rearmed", "fired", "notified"]
    rearmed, fired, _ = outcome.entries
    assert (rearmed.happened_at, rearmed.data, rearmed.desk_revision) == (NINE + HOUR, {"desk_revision": 2}, 2)
    assert fired.happened_at == NINE + 4 * HOUR
    assert outcome.ticket.desk_revision == 2


def test_what_was_due_before_fires_under_the_old_hours(trial: Make) -> None:
    made = kept(trial, {"slow": {**SLOW["slow"], "after": "1h"}})
    outcome = made.runs(6 * HOUR, newer=[(NINE + 2 * HOUR, made.revised(calendars=LONGER))])
    assert kinds(outcome) == ["fired", "notified"], "and nothing is left to arm again"
    assert [entry.desk_revision for entry in outcome.entries] == [1, 1]
    assert outcome.entries[1].happened_at == NINE + HOUR
    assert outcome.ticket.desk_revision == 2


def test_a_message_of_a_run_is_settled_at_its_firing_not_at_the_run(trial: Make) -> None:
    made = kept(trial, {**SLOW, "early": {**SLOW["slow"], "after": "1h"}})
    outcome = made.runs(3 * HOUR, newer=[(NINE + 2 * HOUR, made.revised(calendars=LONGER))])
    assert [(entry.kind, entry.happened_at - NINE) for entry in outcome.entries] == [
        ("fired", HOUR), ("notified", HOUR), ("rearmed", 2 * HOUR),
    ]  # fmt: skip


@pytest.mark.parametrize("after", [HOUR, 3 * HOUR, 23 * HOUR])
def test_a_holiday_declared_in_time_moves_the_due_time(trial: Make, after: timedelta) -> None:
    made = kept(trial, SLOW)
    made.now += after
    assert dues(made.runs(newer=[(made.now, made.revised(calendars=CLOSED))])) == [48 * HOUR]


def test_no_due_time_lands_in_the_past(trial: Make) -> None:
    made = kept(trial, {"slow": {**SLOW["slow"], "after": "2wd"}})
    assert dues(made.outcome) == [48 * HOUR]
    weekend = {"office": {"zone": "UTC", "weekly": {"daily": "08:00-09:30"}}}
    outcome = made.does(Note("x"), after=47 * HOUR, newer=[(NINE + 47 * HOUR, made.revised(calendars=weekend))])
    assert dues(outcome) == [48 * HOUR]
    late = kept(trial, {"slow": {**SLOW["slow"], "after": "2wd"}}, priority="high")
    closed = {"office": {**CLOSED["office"], "holidays": {"2026-03-03": "all", "2026-03-04": "all"}}}
    late.does(Note("x"), newer=[(NINE, late.revised(calendars=closed))])
    assert dues(late.outcome) == [96 * HOUR]


@pytest.mark.parametrize(
    ("hours", "due"),
    [
        (CLOSED, 72 * HOUR),  # the third is closed: of the second working day after the second, one is left
        (LONGER, 48 * HOUR),
        ({"office": {"zone": "UTC", "weekly": {"daily": "08:00-08:30"}}}, 47.5 * HOUR),
    ],
)
def test_a_repeat_of_working_days_is_worked_out_again_and_not_counted_by_open_time(
    trial: Make, hours: dict[str, Any], due: timedelta
) -> None:
    made = kept(trial, {"slow": {**SLOW["slow"], "after": "1m", "every": "2wd"}})
    made.runs(MINUTE)
    assert dues(made.outcome) == [48 * HOUR + MINUTE]
    outcome = made.runs(2 * HOUR, newer=[(NINE + 2 * HOUR, made.revised(calendars=hours))])
    minute = MINUTE if due % HOUR == timedelta() else timedelta()
    assert dues(outcome) == [due + minute]


def short_tuesday(until: str) -> dict[str, Any]:
    hours = {"mon": "08:00-18:00", "tue": f"08:00-{until}", "wed-sun": "08:00-18:00"}
    return {"calendars": {"office": {"zone": "UTC", "weekly": hours}}}


@pytest.mark.parametrize(
    ("after", "until", "times"),
    [("6h", "12:00", [6, 27, 54, 78]), ("1wd", "08:30", [23.5, 48, 72])],
)
def test_a_closing_cuts_one_occurrence_and_not_those_that_follow(
    trial: Make, after: str, until: str, times: list[float]
) -> None:
    slow = {"slow": {**SLOW["slow"], "after": after, "every": "1wd"}}
    made = trial({"intake": {"timeouts": slow}}, desk_says=short_tuesday(until))
    for time in times:
        assert dues(made.outcome) == [time * HOUR]
        made.now = made.outcome.timers[0].due_at
        made.runs()


def test_what_a_closing_cut_is_worked_out_again_from_the_time_that_it_had_asked_for(trial: Make) -> None:
    slow = {"slow": {**SLOW["slow"], "after": "6h", "every": "1wd"}}
    made = trial({"intake": {"timeouts": slow}}, desk_says=short_tuesday("12:00"))
    made.runs(7 * HOUR)
    assert dues(made.outcome) == [27 * HOUR]
    assert dues(made.runs(newer=[(made.now, made.revised(calendars=LONGER))])) == [30 * HOUR]


def test_several_revisions_come_one_after_the_other(trial: Make) -> None:
    made = kept(trial, SLOW)
    longer = made.revised(calendars=LONGER)
    made_again = made.revised(calendars=CLOSED)
    object.__setattr__(made_again, "desk_revision", 3)
    outcome = made.runs(3 * HOUR, newer=[(NINE + HOUR, longer), (NINE + 2 * HOUR, made_again)])
    assert [(entry.kind, entry.happened_at - NINE, entry.desk_revision) for entry in outcome.entries] == [
        ("rearmed", HOUR, 2), ("rearmed", 2 * HOUR, 3),
    ]  # fmt: skip
    assert dues(outcome) == [3 * HOUR + 45 * HOUR]


def test_an_event_at_the_very_time_comes_after_the_revision(trial: Make) -> None:
    made = kept(trial, SLOW)
    outcome = made.does(Advance("accept"), after=HOUR, newer=[(NINE + HOUR, made.revised(calendars=LONGER))])
    assert kinds(outcome) == ["rearmed", "advanced"]
    assert dues(outcome) == [5 * HOUR]


def test_an_event_before_it_is_judged_by_the_old_hours(trial: Make) -> None:
    made = kept(trial, SLOW)
    outcome = made.does(Note("x"), after=HOUR, newer=[(NINE + HOUR + TICK, made.revised(calendars=LONGER))])
    assert (kinds(outcome), outcome.ticket.desk_revision) == (["noted"], 1)


def test_a_revision_comes_after_what_was_told_before_it(trial: Make) -> None:
    made = kept(trial, {**SLOW, "early": {"after": "1h", "calendar": "always", "actions": [{"notify": "team"}]}})
    made.runs(HOUR)
    outcome = made.runs(newer=[(NINE + HOUR, made.revised(calendars=LONGER))])
    assert [entry.happened_at - NINE for entry in outcome.entries] == [HOUR + TICK]


def test_a_clock_goes_on_counting_by_the_new_hours(trial: Make) -> None:
    spec = {"goal": "4h", "calendar": "office", "start": "intake", "stop": "review"}
    made = kept(trial, sla={"s": spec})
    longer = made.revised(calendars=LONGER)
    made.does(Note("x"), after=2 * HOUR, newer=[(NINE + HOUR, longer)])
    clock = made.ticket.clock("s")
    assert clock is not None
    assert (clock.elapsed, clock.since, clock.due_at) == (HOUR, NINE + HOUR, NINE + 4 * HOUR)
    by_number = {1: made.rules, 2: longer}
    assert (
        sla.rebuild(made.ticket, made.entries, lambda _type, _version, number: by_number[number]) == made.ticket.clocks
    )


def test_a_goal_of_working_days_is_worked_out_again_with_its_extension(trial: Make) -> None:
    spec = {"goal": "1wd", "calendar": "office", "start": "intake", "stop": "review"}
    made = kept(trial, sla={"s": spec})
    made.does(Extend("s", HOUR, "x"))
    made.does(Approve("s"), "li")
    assert dues(made.outcome) == [25 * HOUR]
    made.does(Note("x"), after=HOUR, newer=[(NINE + HOUR, made.revised(calendars=CLOSED))])
    assert dues(made.outcome) == [49 * HOUR]


def test_promises_and_rungs_stay_as_they_are(trial: Make) -> None:
    made = kept(trial, {"slow": {**SLOW["slow"], "after": "10m", "actions": ["escalate"]}})
    made.does(MakePromise(NINE + 5 * HOUR))
    made.runs(10 * MINUTE)
    before = made.timers
    assert made.runs(TICK, newer=[(made.now, made.revised(calendars=LONGER))]).timers == before


def test_a_ticket_with_nothing_armed_takes_the_revision_without_a_word(trial: Make) -> None:
    made = kept(trial)
    outcome = made.runs(HOUR, newer=[(NINE, made.revised(calendars=LONGER))])
    assert (outcome.entries, outcome.ticket.desk_revision) == ((), 2)


def test_looking_ahead_sees_the_revision_too(trial: Make) -> None:
    made = kept(trial, SLOW)
    newer = [(NINE + HOUR, made.revised(calendars=LONGER))]
    ticket, timers = caught_up(made.rules, made.ticket, made.timers, NINE + 2 * HOUR, newer)
    assert [timer.due_at for timer in timers] == [NINE + 4 * HOUR]
    assert (ticket.next_due_at, made.ticket.next_due_at) == (
        NINE + 4 * HOUR, datetime.fromisoformat("2026-03-03T09:00+00:00"),
    )  # fmt: skip
