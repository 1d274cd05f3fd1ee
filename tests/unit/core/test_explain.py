"""Foreseeing and counting on values alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.conftest import NINE, Trial
from workflow.core.events import Advance, Escalate, SetFields
from workflow.core.explain import Wake, clock_stories, duties, place_calendar, wakes
from workflow.core.model import HistoryEntry

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
Make = Callable[..., Trial]


def foreseen(trial: Trial, history: tuple[HistoryEntry, ...] = ()) -> dict[str, Wake]:
    """Return what each timer of a ticket is foreseen to do."""
    return {
        wake.timer.name: wake
        for wake in wakes(trial.rules, trial.ticket, trial.timers, history, lambda *_: trial.rules)
    }


def test_a_place_counts_on_its_own_calendar_else_on_the_next_outer_one(trial: Make) -> None:
    world = trial({"handle": {"calendar": "always", "states": {"here": {}}}, "review": {"states": {"there": {}}}})
    definition = world.rules.compiled.definition
    assert place_calendar(definition, "handle.here") == "always"
    assert place_calendar(definition, "review.there") == definition.spec.calendar


def test_timers_at_one_instant_have_their_turn_in_order(trial: Make) -> None:
    timeouts = {
        "first": {"after": "10m", "actions": [{"tag": "once"}]},
        "then": {"after": "10m", "conditions": '"once" in tags', "actions": ["escalate"]},
        "never": {"after": "10m", "unless": '"once" in tags', "actions": ["escalate"]},
    }
    found = foreseen(trial({"intake": {"team": "front", "timeouts": timeouts}}))
    assert {name: wake.fate for name, wake in found.items()} == {
        "first": "fires", "then": "fires", "never": "skipped",
    }  # fmt: skip
    assert [message.to for message in found["then"].messages] == ["member:li"]
    assert found["never"].entries[0].data["why"] == 'unless "once" in tags'


def test_what_a_move_drops_is_not_foreseen_to_fire(trial: Make) -> None:
    timeouts = {
        "move": {"after": "10m", "dest": "classify"},
        "stay": {"after": "20m", "actions": ["escalate"]},
    }
    found = foreseen(trial({"intake": {"team": "front", "timeouts": timeouts}}))
    assert (found["move"].fate, found["move"].state) == ("fires", "classify")
    assert (found["stay"].fate, found["stay"].messages) == ("dropped", ())


def test_a_rung_is_foreseen_with_who_is_next(trial: Make) -> None:
    world = trial({"intake": {"team": "front"}})
    world.does(Escalate(), "ann")
    rung = foreseen(world)["rung"]
    assert (rung.length, rung.timer.due_at, rung.counts) == ("30m", NINE + 30 * MINUTE, ())
    assert [message.to for message in rung.messages] == ["member:lu"]
    found = duties(world.rules, world.ticket, world.timers, NINE)
    assert [(duty.rung, duty.to, duty.after, duty.now, duty.then) for duty in found] == [
        (1, "lead", "30m", "li", "li"), (2, "lu", "1h", "lu", "lu"),
    ]  # fmt: skip


SLA: dict[str, Any] = {
    "stages": {"intake": {"team": "front", "transitions": {"go": "handle"}},
               "handle": {"transitions": {"wait": "handle.still", "work": "handle.busy", "told": {}, "end": "archive"},
                          "states": {"busy": {}, "still": {}}}},
    "sla": {"reply": {"goal": {"urgent": "1h", "default": "4h"}, "start": "handle", "stop": "archive",
                      "pause": "handle.still", "reset": "told"}},
}  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(["wait", "work", "told", "end", "urgent", "low"]), st.integers(0, 400)), max_size=12
)


@given(STEPS)
def test_the_stretches_of_every_cycle_add_up_to_its_clock(steps: list[tuple[str, int]]) -> None:
    stages = {name: {} for name in ("classify", "review", "callback", "archive")} | SLA["stages"]
    world = Trial({"fields": {}, "skips": ["classify", "review", "callback"], "stages": stages, "sla": SLA["sla"]})
    history = [*world.outcome.entries, *world.does(Advance("go")).entries]
    for what, minutes in steps:
        event = SetFields(priority=what) if what in ("urgent", "low") else Advance(what)
        history += world.does(event, after=minutes * MINUTE).entries
    at = world.now + 7 * MINUTE
    stories = clock_stories(world.rules, world.ticket, history, lambda *_: world.rules, at)
    assert [story.clock for story in stories] == list(world.ticket.clocks)
    for story in stories:
        clock = story.clock
        running = at - clock.since if clock.status == "running" and clock.since else timedelta()
        assert story.elapsed == clock.elapsed + running
        assert story.left == clock.goal - story.elapsed
        ends = [part.end for part in story.stretches]
        assert [part.begin for part in story.stretches][1:] == ends[:-1]
        assert all(part.counted == timedelta() for part in story.stretches if part.status == "paused")
        if clock.is_open:
            assert (ends[-1], story.stretches[-1].status) == (None, clock.status)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_repeat_starts_from_the_due_time_before(trial: Make, times: int) -> None:
    world = trial({"intake": {"team": "front", "timeouts": {
        "again": {"after": "1h", "every": "30m", "actions": [{"notify": "ann"}]}}}})  # fmt: skip
    history = list(world.outcome.entries)
    for number in range(times):
        history += world.runs(HOUR if number == 0 else HOUR / 2).entries
    (count,) = foreseen(world, tuple(history))["again"].counts
    assert (count.begin, count.counted) == (NINE + HOUR + (times - 1) * HOUR / 2, HOUR / 2)
