"""Law 5: late = punctual. One late run leaves what a run at every tick leaves, each firing at its own due time; and
people who act in between, at the times they acted, change nothing about that."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import event as event_seen
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.conftest import NINE, Trial
from workflow.core.model import Advance, HistoryEntry, SetFields
from workflow.core.unit import run_unit

TICK = timedelta(minutes=10)
END = 40
STATES = ("classify", "handle", "review", "callback")
VARYING = {"fired_at", "late_by", "merged", "due_at"}
SETTLED = {"assigned", "escalated", "notified", "overtaken", "unattended"}

minutes = st.sampled_from(["10m", "20m", "30m", "50m"])
moves = st.fixed_dictionaries(
    {"after": minutes, "dest": st.sampled_from((*STATES, "archive")), "times": st.sampled_from([1, 2, 3])},
    optional={
        "conditions": st.sampled_from(["n == 1", "n == 2"]),
        "actions": st.sampled_from([["escalate"], [{"set": {"n": 2}}]]),
    },
)
notices = st.fixed_dictionaries(
    {"after": minutes, "actions": st.sampled_from([["escalate"], ["reassign"], ["escalate", {"notify": "owner"}]])},
    optional={
        "every": minutes,
        "times": st.sampled_from([1, 2, 3]),
        "conditions": st.sampled_from(["n == 1", "n == 2"]),
    },
)
setters = st.fixed_dictionaries(
    {"after": minutes, "actions": st.sampled_from([[{"set": {"n": 1}}], [{"set": {"n": 2}}]])}
)
timeouts = st.dictionaries(st.sampled_from(["a", "b", "c"]), moves | notices | setters, max_size=3)
people = st.lists(
    st.tuples(
        st.integers(0, END),
        st.one_of(
            st.sampled_from([Advance("go"), Advance("on"), Advance("ping")]),
            st.sampled_from([SetFields({"n": 1}), SetFields({"n": 2})]),
        ),
    ),
    max_size=4,
).map(lambda acts: sorted(acts, key=lambda act: act[0]))


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    def room() -> dict[str, Any]:
        triggers = {"go": draw(st.sampled_from(STATES)), "on": draw(st.sampled_from(STATES)), "ping": {}}
        return {"team": "front", "transitions": triggers, "timeouts": draw(timeouts)}

    stages = {name: room() for name in ("intake", *STATES)}
    return {"fields": {"n": {"type": "int", "default": 1}}, "stages": {**stages, "archive": {}}}


def told(entries: list[HistoryEntry]) -> list[Any]:
    """What must not depend on when runs happened: repeats one by one, and nothing of what law 5 lets differ."""
    lines: list[Any] = []
    for entry in entries:
        if entry.kind in SETTLED:
            continue
        data = {name: value for name, value in entry.data.items() if name not in VARYING}
        line = (entry.happened_at, entry.kind, entry.trigger, entry.source, entry.dest, entry.entry)
        if "merged" in entry.data:
            assert entry.timer is not None
            first = entry.timer[3] - len(entry.data["merged"]) + 1
            lines += [
                (due, "fired", (*entry.timer[:3], first + place)) for place, due in enumerate(entry.data["merged"])
            ]
        elif entry.kind == "fired" and entry.timer is not None and not data and entry.dest is None:
            lines.append((entry.happened_at.isoformat(), "fired", entry.timer))
        else:
            lines.append((*line, entry.timer, tuple(sorted(data.items()))))
    return lines


def play(definition: dict[str, Any], acts: list[Any], runs: set[int]) -> tuple[list[Any], Any, int]:
    """Let people act and runs come, in the order of time; a run comes after the people of its tick."""
    trial = Trial(definition)
    entries, fired, ann = list(trial.outcome.entries), 0, trial.who("ann")
    for tick in range(END + 1):
        now = NINE + tick * TICK
        for at, act in acts:
            if at == tick:
                when = max(now, trial.ticket.updated_at)
                trial.outcome = run_unit(
                    trial.rules, trial.ticket, trial.timers, limit=when, fired_at=when, event=act, actor=ann
                )
                entries += trial.outcome.entries
                fired += trial.outcome.fired
        if tick in runs:
            trial.outcome = run_unit(trial.rules, trial.ticket, trial.timers, limit=now, fired_at=now)
            entries += trial.outcome.entries
            fired += trial.outcome.fired
            assert all(timer.due_at > now for timer in trial.timers)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert all(before.happened_at <= after.happened_at for before, after in pairwise(entries))
    keys = [entry.timer for entry in entries if entry.timer and entry.kind in ("fired", "skipped")]
    assert len(keys) == len(set(keys))
    ticket = trial.ticket
    return told(entries), (ticket.state, dict(ticket.fields), ticket.entry, ticket.next_due_at), fired


@given(definitions(), people, st.sets(st.integers(0, END), max_size=5))
def test_any_schedule_of_runs_leaves_what_a_punctual_one_leaves(
    definition: dict[str, Any], acts: list[Any], runs: set[int]
) -> None:
    late, punctual = play(definition, acts, {*runs, END}), play(definition, acts, set(range(END + 1)))
    assert late == punctual
    event_seen(f"fired {min(late[2], 5)}")
