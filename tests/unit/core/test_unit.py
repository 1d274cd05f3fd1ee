"""Catch-up, timeouts and what is settled at the end of a unit (DESIGN law 4, TIME.md 'Timeouts')."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import NINE, Trial
from workflow.core.events import Advance, Assign, Claim, Note, SetFields, Tag
from workflow.core.instants import TICK, event_time
from workflow.core.model import Outcome
from workflow.core.unit import caught_up
from workflow.errors import Conflict, Refused, UsageError

Make = Callable[..., Trial]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def kinds(outcome: Outcome) -> list[str]:
    return [entry.kind for entry in outcome.entries]


def waiting(timeouts: dict[str, Any], **more: Any) -> dict[str, Any]:
    transitions = {"accept": "classify", "ping": {}}
    return {"intake": {"team": "front", "transitions": transitions, "timeouts": timeouts}, **more}


def test_a_timeout_without_dest_fires_once_and_the_ticket_stays(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "actions": ["reassign", "escalate", {"notify": "owner"}]}}))
    assert kinds(made.runs(10 * MINUTE - TICK)) == []
    outcome = made.runs(TICK)
    assert kinds(outcome) == ["fired", "escalated", "assigned", "notified"]
    assert (outcome.fired, outcome.ticket.entry) == (1, 1)
    assert [timer.key for timer in outcome.timers] == [("rung", "rung", 1, 1)]
    assert outcome.ticket.assignee == "ann"
    assert [(message.to, message.kind) for message in outcome.messages] == [
        ("member:li", "escalate"),
        ("member:ann", "notify"),
    ]
    assert {entry.happened_at for entry in outcome.entries} == {NINE + 10 * MINUTE}
    assert {entry.actor for entry in outcome.entries} == {"timer"}
    due, cause = "2026-03-02T09:10:00+00:00", "timeout:slow:1:1"
    assert [entry.data for entry in outcome.entries] == [
        {"due_at": due, "fired_at": due, "late_by": 0.0},
        {"ladder": 1, "rung": 1, "cause": cause, "to": "member:li"},
        {"team": "front", "assignee": "ann", "cause": cause},
        {"to": "member:ann", "cause": cause},
    ]
    assert [(message.reason, message.seq, message.cause_entry, message.stands) for message in outcome.messages] == [
        (cause, 3, 1, "ladder:1"), (cause, 5, 1, "entry:1"),
    ]  # fmt: skip
    assert outcome.ticket.next_due_at == NINE + 10 * MINUTE  # missed, and shown as that until the ticket moves on
    assert kinds(made.runs(30 * MINUTE - TICK)) == []
    outcome = made.does(Advance("accept"))
    assert kinds(outcome) == ["advanced", "ladder_ended"]
    assert (outcome.ticket.next_due_at, outcome.timers, outcome.ticket.ladder) == (None, (), None)


def test_reassigning_goes_to_somebody_else_in_turn(trial: Make) -> None:
    made = trial(
        waiting(
            {
                "slow": {"after": "10m", "actions": ["reassign"], "times": 3},
            }
        )
    )
    made.does(Assign("cem"))
    assert made.runs(10 * MINUTE).ticket.assignee == "ann"
    made = trial(waiting({"slow": {"after": "10m", "actions": ["reassign"]}}))
    made.does(Assign("ann"))
    assert made.runs(10 * MINUTE).ticket.assignee == "bob"


def test_nobody_else_in_the_team_is_recorded(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "actions": ["reassign"]}}))
    made.does(Assign("solo"))
    made.does(Assign("eve"))
    outcome = made.runs(10 * MINUTE)
    assert kinds(outcome) == ["fired", "unattended"]
    assert outcome.entries[1].data == {"action": "reassign", "cause": "timeout:slow:1:1"}
    assert outcome.ticket.assignee == "eve"


def test_a_notice_that_finds_nobody_is_recorded(trial: Make) -> None:
    actions = ["escalate", {"notify": "owner"}, {"notify": "team"}, {"notify": "lead"}]
    made = trial({"intake": {"timeouts": {"slow": {"after": "10m", "actions": actions}}}})
    outcome = made.runs(10 * MINUTE)
    assert kinds(outcome) == ["fired", "unattended", "escalated", *["unattended"] * 3]
    assert [entry.data.get("rung") for entry in outcome.entries[1:3]] == [1, 2], "nobody leads a ticket of no team"
    assert [entry.data["action"] for entry in outcome.entries[3:]] == ["notify", "notify", "notify"]
    assert {entry.data["cause"] for entry in outcome.entries[1:]} == {"timeout:slow:1:1"}
    assert [(message.to, message.kind) for message in outcome.messages] == [("member:lu", "escalate")]


def test_nobody_is_given_an_archived_ticket(trial: Make) -> None:
    close = {"dest": "archive", "actions": [{"assign": "dan"}, "escalate"]}
    outcome = trial({"intake": {"team": "front", "transitions": {"close": close}}}).does(Advance("close"))
    assert kinds(outcome) == ["advanced", "unattended", "suppressed"]
    assert (outcome.ticket.ladder, outcome.messages) == (None, ())
    assert (outcome.ticket.team, outcome.ticket.assignee) == ("front", None)


@pytest.mark.parametrize(
    ("target", "to"),
    [
        ("owner", "member:li"),
        ("team", "team:front"),
        ("lead", "member:li"),
        ("customer", "customer"),
        ("dan", "member:dan"),
    ],
)
def test_a_notice_goes_to_whom_it_names(trial: Make, target: str, to: str) -> None:
    made = trial(waiting({"slow": {"after": "10m", "actions": [{"notify": target}, {"call": "ring"}]}}))
    assert [message.to for message in made.runs(HOUR).messages] == [to, "host:ring"]


def test_one_late_run_walks_a_chain_of_timeouts_each_at_its_own_due_time(trial: Make) -> None:
    made = trial(
        waiting(
            {"a": {"after": "10m", "dest": "classify"}},
            classify={"timeouts": {"b": {"after": "20m", "dest": "handle"}}},
            handle={"timeouts": {"c": {"after": "1h", "actions": ["escalate"]}}},
        )
    )
    outcome = made.runs(5 * HOUR)
    assert outcome.ticket.state == "handle"
    fired = [(entry.timer, entry.happened_at - NINE) for entry in outcome.entries if entry.kind == "fired"]
    assert fired == [
        (("timeout", "a", 1, 1), 10 * MINUTE),
        (("timeout", "b", 2, 1), 30 * MINUTE),
        (("timeout", "c", 3, 1), 90 * MINUTE),
    ]
    assert outcome.entries[0].data["late_by"] == (5 * HOUR - 10 * MINUTE).total_seconds()


def test_of_timers_due_together_the_first_declared_fires_first(trial: Make) -> None:
    made = trial(waiting({"one": {"after": "10m", "dest": "classify"}, "two": {"after": "10m", "dest": "handle"}}))
    assert made.runs(HOUR).ticket.state == "classify"


def test_a_late_person_finds_the_ticket_where_the_timer_put_it(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "dest": "classify"}}))
    outcome = made.does(Advance("accept"), after=HOUR)
    assert isinstance(outcome.refusal, Refused)
    assert outcome.refusal.rule == "state"
    assert (outcome.ticket.state, kinds(outcome)) == ("classify", ["fired"])  # the catch-up is kept


def test_a_person_at_the_very_due_time_is_in_time(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "dest": "handle"}}))
    assert made.does(Advance("accept"), after=10 * MINUTE).ticket.state == "classify"


def test_what_a_person_overtakes_is_recorded_and_not_done(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "actions": ["reassign", "escalate"]}}))
    outcome = made.does(Advance("accept"), after=HOUR)
    assert kinds(outcome) == ["fired", "escalated", "advanced", "ladder_ended", "overtaken", "overtaken"]
    assert (outcome.messages, outcome.ticket.assignee, outcome.ticket.ladder) == ((), None, None)
    assert [entry.happened_at for entry in outcome.entries] == [*[NINE + 10 * MINUTE] * 2, *[NINE + HOUR] * 4]
    assert [entry.actor for entry in outcome.entries] == ["timer", "timer", "ann", "timer", "timer", "timer"]
    assert {(entry.data["action"], entry.data["cause"]) for entry in outcome.entries[4:]} == {
        ("reassign", "timeout:slow:1:1"), ("escalate", "timeout:slow:1:1"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("timeout", "kinds_", "told"),
    [
        ({"dest": "classify"}, ["fired", "advanced", "notified"], ["customer"]),
        ({}, ["fired", "advanced", "overtaken"], []),
    ],
)
def test_the_customer_is_told_of_a_timers_move_in_any_case_and_reminded_only_while_that_stands(
    trial: Make, timeout: dict[str, Any], kinds_: list[str], told: list[str]
) -> None:
    places = waiting({"slow": {"after": "10m", "actions": [{"notify": "customer"}], **timeout}})
    made = trial(places | {"classify": {"transitions": {"accept": "handle"}}})
    outcome = made.does(Advance("accept"), after=HOUR)
    assert kinds(outcome) == kinds_
    assert [message.to for message in outcome.messages] == told


def test_what_a_person_does_not_end_is_settled_after_the_event(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "actions": ["reassign", "escalate"]}}))
    outcome = made.does(Note("still here"), after=HOUR)
    assert kinds(outcome) == ["fired", "escalated", "noted", "assigned"]
    assert [(message.to, message.happened_at - NINE) for message in outcome.messages] == [("member:li", HOUR)]


def test_a_claim_overtakes_a_reassignment_but_not_the_word_to_the_lead(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "actions": ["reassign", "escalate"]}}))
    outcome = made.does(Claim(), "bob", after=HOUR)
    assert kinds(outcome) == ["fired", "escalated", "assigned", "overtaken"]
    assert outcome.entries[3].data["action"] == "reassign"
    assert outcome.ticket.assignee == "bob"
    assert [message.to for message in outcome.messages] == ["member:li"]


def test_actions_of_a_persons_own_move_are_never_overtaken(trial: Make) -> None:
    transitions = {"accept": {"dest": "classify", "actions": [{"assign": "dan"}, "escalate"]}}
    made = trial({"intake": {"team": "front", "transitions": transitions}})
    outcome = made.does(Advance("accept"))
    assert kinds(outcome) == ["advanced", "escalated", "assigned"]
    assert (outcome.ticket.team, outcome.ticket.assignee) == ("back", "dan")
    assert {entry.actor for entry in outcome.entries} == {"ann"}
    assert outcome.messages[0].to == "member:li", "of the team that the ticket was in when ann asked"


def test_a_quiet_unit_only_records(trial: Make) -> None:
    from workflow.core.unit import run_unit

    made = trial(waiting({"slow": {"after": "10m", "actions": ["reassign", "escalate"]}}))
    late = NINE + HOUR
    outcome = run_unit(made.rules, made.ticket, made.timers, limit=late, fired_at=late, quiet=True)
    assert kinds(outcome) == ["fired", "suppressed", "suppressed"]
    assert [entry.data for entry in outcome.entries[1:]] == [
        {"action": "reassign", "cause": "timeout:slow:1:1"}, {"action": "escalate", "cause": "timeout:slow:1:1"},
    ]  # fmt: skip
    assert (outcome.messages, outcome.ticket.assignee) == ((), None)


def test_conditions_of_a_timeout_are_read_as_the_ticket_stands_at_its_turn(trial: Make) -> None:
    timeouts = {
        "raise": {"after": "10m", "actions": [{"set": {"level": 2}}]},
        "high": {"after": "20m", "conditions": "level == 2", "dest": "handle"},
        "low": {"after": "15m", "conditions": "level == 1", "dest": "review"},
    }
    made = trial(waiting(timeouts), declare={"level": {"type": "int", "default": 1}})
    outcome = made.runs(HOUR)
    assert (outcome.ticket.state, outcome.fired, outcome.skipped) == ("handle", 2, 1)
    assert kinds(outcome) == ["fired", "skipped", "fired"]
    assert outcome.entries[1].data["why"] == "level == 1"


def test_now_is_the_due_time_for_a_timer_however_late_it_runs(trial: Make) -> None:
    condition = 'now < timestamp("2026-03-02T09:30:00Z")'
    made = trial(waiting({"slow": {"after": "10m", "conditions": condition, "dest": "handle"}}))
    assert made.runs(10 * HOUR).ticket.state == "handle"


def test_a_repeat_merges_what_piled_up_and_goes_on(trial: Make) -> None:
    made = trial(waiting({"tell": {"after": "10m", "every": "10m", "actions": [{"notify": "team"}]}}))
    outcome = made.runs(35 * MINUTE)
    assert kinds(outcome) == ["fired", "notified"]
    fired = outcome.entries[0]
    assert (outcome.fired, fired.timer, fired.happened_at) == (3, ("timeout", "tell", 1, 3), NINE + 30 * MINUTE)
    assert [datetime.fromisoformat(due) - NINE for due in fired.data["merged"]] == [
        10 * MINUTE,
        20 * MINUTE,
        30 * MINUTE,
    ]
    assert [(timer.occurrence, timer.due_at - NINE) for timer in outcome.timers] == [(4, 40 * MINUTE)]


def test_the_occurrence_that_opens_a_ladder_fires_alone(trial: Make) -> None:
    made = trial(waiting({"tell": {"after": "10m", "every": "5m", "actions": ["escalate"]}}))
    outcome = made.runs(35 * MINUTE)
    assert [(entry.kind, entry.timer, entry.happened_at - NINE) for entry in outcome.entries] == [
        ("fired", ("timeout", "tell", 1, 1), 10 * MINUTE), ("escalated", None, 10 * MINUTE),
        ("fired", ("timeout", "tell", 1, 6), 35 * MINUTE), ("joined", None, 35 * MINUTE),
    ]  # fmt: skip
    assert outcome.ticket.ladder is not None
    assert outcome.ticket.ladder.opened_at == NINE + 10 * MINUTE
    assert outcome.ticket.ladder.causes == {"timeout:tell:1:6": "entry:1"}


def test_merging_never_passes_another_timer(trial: Make) -> None:
    timeouts = {
        "tell": {"after": "10m", "every": "10m", "actions": [{"notify": "team"}]},
        "go": {"after": "25m", "dest": "handle"},
    }
    outcome = trial(waiting(timeouts)).runs(HOUR)
    assert [(entry.kind, entry.happened_at - NINE) for entry in outcome.entries if entry.kind == "fired"] == [
        ("fired", 20 * MINUTE), ("fired", 25 * MINUTE),
    ]  # fmt: skip
    assert (outcome.ticket.state, outcome.fired, outcome.timers) == ("handle", 3, ())


def test_merging_never_passes_the_event(trial: Make) -> None:
    made = trial(waiting({"tell": {"after": "10m", "every": "10m", "actions": [{"notify": "team"}]}}))
    outcome = made.does(Note("x"), after=20 * MINUTE)
    assert outcome.fired == 1
    assert [timer.due_at - NINE for timer in outcome.timers] == [20 * MINUTE]


def test_times_bounds_a_repeat_within_one_entry(trial: Make) -> None:
    made = trial(waiting({"tell": {"after": "10m", "every": "10m", "times": 2, "actions": [{"notify": "team"}]}}))
    outcome = made.runs(HOUR)
    assert (outcome.fired, outcome.timers) == (2, ())
    assert kinds(outcome) == ["fired", "used_up", "notified"]
    fired = outcome.entries[0]
    assert fired.timer == ("timeout", "tell", 1, 2)
    assert fired.data["merged"] == ["2026-03-02T09:10:00+00:00", "2026-03-02T09:20:00+00:00"]
    assert fired.data["due_at"] == "2026-03-02T09:20:00+00:00"


def test_a_skipped_repeat_arms_the_next(trial: Make) -> None:
    timeout = {"after": "10m", "every": "10m", "conditions": '"loud" in tags', "actions": ["escalate"]}
    made = trial(waiting({"tell": timeout}))
    outcome = made.runs(25 * MINUTE)
    assert (kinds(outcome), outcome.fired, outcome.skipped) == (["skipped", "skipped"], 0, 2)
    assert [entry.timer for entry in outcome.entries] == [("timeout", "tell", 1, 1), ("timeout", "tell", 1, 2)]
    assert (outcome.ticket.last_fired, outcome.ticket.last_fired_due) == ("tell", NINE + 20 * MINUTE)
    assert outcome.entries[1].data == {
        "due_at": "2026-03-02T09:20:00+00:00", "fired_at": "2026-03-02T09:25:00+00:00", "late_by": 300.0,
        "why": '"loud" in tags',
    }  # fmt: skip
    made.does(Tag(("loud",)))
    assert made.runs(5 * MINUTE).fired == 1


def test_a_notice_that_comes_too_late_is_skipped_with_a_record(trial: Make) -> None:
    made = trial(waiting({"tell": {"after": "10m", "late": {"skip_after": "1h"}, "actions": ["escalate"]}}))
    outcome = made.runs(70 * MINUTE + TICK)
    assert (kinds(outcome), outcome.messages) == (["skipped"], ())
    assert outcome.entries[0].data["why"] == "late"
    punctual = trial(waiting({"tell": {"after": "10m", "late": {"skip_after": "1h"}, "actions": ["escalate"]}}))
    assert punctual.runs(70 * MINUTE).fired == 1


def test_a_loop_that_only_timers_walk_ends_and_begins_anew_when_a_person_moves(trial: Make) -> None:
    made = trial(
        waiting(
            {"there": {"after": "10m", "dest": "classify", "times": 2}},
            classify={"transitions": {"back": {"dest": "intake", "back": "rework"}},
                      "timeouts": {"home": {"after": "10m", "dest": "intake", "times": 2, "back": "rework"}}},
        )
    )  # fmt: skip
    outcome = made.runs(10 * HOUR)
    assert outcome.fired == 4
    assert (outcome.ticket.state, kinds(outcome)[-1], outcome.timers) == ("intake", "used_up", ())
    made.does(Advance("accept"))
    outcome = made.runs(10 * HOUR)
    assert outcome.fired == 4
    assert outcome.ticket.state == "classify"


def test_a_timer_whose_condition_faults_becomes_an_incident_and_blocks_nothing(trial: Make) -> None:
    timeouts = {
        "bad": {"after": "10m", "conditions": "level / 0 > 1", "dest": "handle"},
        "good": {"after": "20m", "dest": "review"},
    }
    made = trial(waiting(timeouts), declare={"level": {"type": "int", "default": 1}})
    outcome = made.does(SetFields({"level": 2}), after=15 * MINUTE)
    assert kinds(outcome) == ["incident", "set"]
    (incident,) = outcome.incidents
    assert incident.timer.name == "bad"
    assert "divide by zero" in incident.reason
    entry = outcome.entries[0]
    assert (entry.actor, entry.timer, entry.happened_at) == ("timer", ("timeout", "bad", 1, 1), NINE + 10 * MINUTE)
    assert entry.data == {"due_at": "2026-03-02T09:10:00+00:00"}
    assert entry.private == {"reason": incident.reason}
    assert made.runs(HOUR).ticket.state == "review"


def test_timers_without_end_at_one_instant_become_an_incident(trial: Make) -> None:
    made = trial(waiting({f"t{number}": {"after": "10m"} for number in range(103)}))
    outcome = made.runs(HOUR)
    assert (outcome.fired, len(outcome.incidents), outcome.timers) == (100, 3, ())
    assert outcome.incidents[0].reason == "more than 100 timers fired at one instant"


def test_an_expected_version_is_compared_before_the_catch_up(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "dest": "classify"}}))
    outcome = made.does(Note("x"), if_version=7)
    assert isinstance(outcome.refusal, Conflict)
    assert outcome.refusal.values == {"ticket": 0, "found": 0, "expected": 7}
    assert (outcome.entries, outcome.ticket, outcome.timers) == ((), made.ticket, made.timers)
    outcome = made.does(Note("x"), after=HOUR, if_version=0)
    assert isinstance(outcome.refusal, Conflict)
    assert outcome.refusal.values == {"ticket": 0, "state": "classify"}
    assert kinds(outcome) == ["fired"]  # kept, so that the next try finds the ticket where it is
    assert made.does(Note("x"), if_version=0).refusal is None


def test_an_event_comes_after_everything_that_is_told(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m"}}))
    assert event_time(made.ticket, NINE - HOUR, None) == NINE
    assert event_time(made.ticket, NINE + HOUR, None) == NINE + HOUR
    made.runs(10 * MINUTE)
    assert event_time(made.ticket, NINE, None) == NINE + 10 * MINUTE + TICK
    for at in (NINE + 10 * MINUTE + TICK, NINE + 30 * MINUTE, NINE + HOUR):
        assert event_time(made.ticket, NINE + HOUR, at) == at
    made.does(Note("x"), after=HOUR)
    assert event_time(made.ticket, NINE + 3 * HOUR, made.ticket.updated_at) == made.ticket.updated_at


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NINE + 2 * HOUR, "2026-03-02 11:00:00+00:00 lies in the future"),
        (NINE + 10 * MINUTE, "2026-03-02 09:10:00+00:00 is not after 2026-03-02 09:10:00+00:00, when the timer slow"),
        (NINE, "2026-03-02 09:00:00+00:00 is not after 2026-03-02 09:10:00+00:00, when the timer slow had its turn"),
        (NINE + 11 * MINUTE, "09:11:00+00:00 lies before the ticket's last event at 2026-03-02 09:15:00+00:00"),
    ],
)
def test_a_time_that_cannot_be_true_is_refused(trial: Make, at: datetime, words: str) -> None:
    made = trial(waiting({"slow": {"after": "10m"}}))
    made.runs(10 * MINUTE)
    made.does(Note("x"), after=5 * MINUTE)
    with pytest.raises(UsageError) as caught:
        event_time(made.ticket, NINE + HOUR, at)
    assert words in caught.value.message
    assert caught.value.field == "at"
    assert caught.value.ticket == (None if "future" in words else made.ticket.id)


def test_looking_ahead_writes_nothing(trial: Make) -> None:
    made = trial(waiting({"slow": {"after": "10m", "dest": "classify"}}))
    for after, state, armed in ((HOUR, "classify", 0), (10 * MINUTE, "intake", 1)):
        ticket, timers = caught_up(made.rules, made.ticket, made.timers, NINE + after)
        assert (ticket.state, len(timers)) == (state, armed)
    assert (made.ticket.state, made.ticket.seq) == ("intake", 1)
