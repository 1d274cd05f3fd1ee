"""The ladder, line by line of TIME.md 'The ladder'."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import DESK, NINE, Trial
from workflow.core.events import Acknowledge, Advance, Assign, Claim, Escalate, MakePromise, Note
from workflow.core.instants import TICK
from workflow.core.ladder import stands
from workflow.core.model import Ladder, Outcome
from workflow.core.unit import run_unit
from workflow.errors import Forbidden, Refused

Make = Callable[..., Trial]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SLOW = {"slow": {"after": "10m", "actions": ["escalate"]}}
SHIFTS = {"early": {"zone": "UTC", "weekly": {"daily": "08:00-10:00"}}}


def called(trial: Make, timeouts: dict[str, Any] | None = None, **more: Any) -> Trial:
    """Make a ticket whose first limit escalates after ten minutes."""
    go = {"accept": "classify", "again": "intake", "close": "archive", "ping": {}, "ask": {"actions": ["escalate"]}}
    intake = {"team": "front", "transitions": go, "timeouts": SLOW if timeouts is None else timeouts}
    return trial({"intake": intake, "classify": {"transitions": go}}, **more)


def desk(**says: Any) -> dict[str, Any]:
    return {"desk_says": {**says}}


def kinds(outcome: Outcome) -> list[str]:
    return [entry.kind for entry in outcome.entries]


def the(trial: Trial) -> Ladder:
    assert trial.ticket.ladder is not None
    return trial.ticket.ladder


def told(outcome: Outcome) -> list[str]:
    return [message.to for message in outcome.messages if message.kind == "escalate"]


def test_a_limit_raises_the_first_rung_and_time_the_next(trial: Make) -> None:
    made = called(trial)
    assert told(made.runs(10 * MINUTE)) == ["member:li"]
    assert (the(made).rung, the(made).opened_at, the(made).causes) == (
        1, NINE + 10 * MINUTE, {"timeout:slow:1:1": "entry:1"},
    )  # fmt: skip
    assert kinds(made.runs(30 * MINUTE - TICK)) == []
    outcome = made.runs(TICK)
    assert (kinds(outcome), told(outcome)) == (["escalated"], ["member:lu"])
    assert outcome.entries[0].timer == ("rung", "rung", 1, 1)
    assert outcome.fired == 1


def test_the_last_rung_repeats_until_somebody_acknowledges(trial: Make) -> None:
    made = called(trial)
    made.runs(10 * MINUTE)
    made.runs(30 * MINUTE)
    for occurrence in (3, 4):
        outcome = made.runs(HOUR)
        assert told(outcome) == ["member:lu"]
        (change,) = outcome.ladders
        assert change.rung is not None
        assert (change.what, change.rung.rung, change.rung.occurrence) == ("repeated", 2, occurrence)
    made.does(Acknowledge("on it"), "lu")
    assert made.runs(119 * MINUTE).entries == ()


def test_one_ladder_is_open_and_further_causes_join_it(trial: Make) -> None:
    more = {"more": {"after": "20m", "actions": ["escalate"]}}
    sla = {
        "s": {"goal": "15m", "start": "intake", "stop": "review", "levels": [{"at": "100%", "actions": ["escalate"]}]}
    }
    made = called(trial, {**SLOW, **more}, sla=sla)
    outcome = made.runs(20 * MINUTE)
    assert kinds(outcome) == ["fired", "escalated", "fired", "joined", "fired", "joined"]
    assert told(outcome) == ["member:li"]
    assert outcome.entries[3].data == {"ladder": 1, "cause": "sla:s/100%:1:1"}
    assert outcome.entries[5].data == {"ladder": 1, "cause": "timeout:more:1:1"}
    causes = {"timeout:slow:1:1": "entry:1", "sla:s/100%:1:1": "sla:s:1", "timeout:more:1:1": "entry:1"}
    assert the(made).causes == causes
    made.does(Escalate("now"))
    made.does(Escalate("still"))
    assert the(made).causes == causes | {f"raised:{made.ticket.seq - 1}": "person"}
    assert made.ticket.ladders == 1


def test_a_ladder_ends_when_its_last_cause_has_ended(trial: Make) -> None:
    sla = {
        "s": {"goal": "15m", "start": "intake", "stop": "review", "levels": [{"at": "100%", "actions": ["escalate"]}]}
    }
    made = called(trial, sla=sla)
    made.runs(20 * MINUTE)
    assert kinds(made.does(Advance("accept"))) == ["advanced"]
    assert set(the(made).causes.values()) == {"sla:s:1"}
    outcome = made.does(Advance("close"))
    assert kinds(outcome) == ["advanced", "ladder_ended"]
    assert (made.ticket.ladder, made.timers) == (None, ())
    assert [change.what for change in outcome.ladders] == ["ended"]


def test_the_cause_of_a_limit_that_moves_is_the_stay_after_its_firing(trial: Make) -> None:
    made = called(trial, {"slow": {"after": "10m", "dest": "classify", "actions": ["escalate"]}})
    assert kinds(made.runs(10 * MINUTE)) == ["fired", "escalated"]
    assert the(made).causes == {"timeout:slow:1:1": "entry:2"}
    assert kinds(made.does(Advance("ping"))) == ["advanced"]
    assert kinds(made.does(Advance("accept"))) == ["advanced", "ladder_ended"]


def test_a_person_who_escalates_is_a_cause_until_acknowledged(trial: Make) -> None:
    made = called(trial, {})
    assert kinds(made.does(Escalate("the press is at the door"))) == ["raised", "escalated"]
    assert kinds(made.does(Advance("accept"))) == ["advanced"]
    assert kinds(made.does(Acknowledge(), "li")) == ["acknowledged", "ladder_ended"]
    assert made.ticket.ladder is None


def test_a_transition_that_escalates_opens_a_ladder_even_for_a_lead(trial: Make) -> None:
    made = called(trial, {})
    assert kinds(made.does(Advance("ask"), "li")) == ["advanced", "escalated"]
    assert the(made).causes == {"ask": "person"}


def test_a_host_that_moves_the_ticket_takes_nothing_on(trial: Make) -> None:
    made = called(trial)
    made.runs(10 * MINUTE)
    assert kinds(made.does(Advance("ping"), "system")) == ["advanced"]
    assert the(made).held_by is None


def test_an_acknowledgement_holds_and_then_the_next_rung_is_raised_if_a_cause_stands(trial: Make) -> None:
    made = called(trial)
    made.runs(10 * MINUTE)
    outcome = made.does(Acknowledge("I call them"), "li", after=5 * MINUTE)
    assert [entry.private for entry in outcome.entries] == [{"note": "I call them"}]
    assert (the(made).held_by, the(made).held_until) == ("li", NINE + 135 * MINUTE)
    assert [(timer.key, timer.due_at) for timer in made.timers] == [(("rung", "rung", 1, 2), NINE + 135 * MINUTE)]
    assert made.runs(2 * HOUR - TICK).entries == ()
    outcome = made.runs(TICK)
    assert told(outcome) == ["member:lu"]
    assert (the(made).rung, the(made).held_by) == (2, None)


def test_acknowledging_again_holds_anew(trial: Make) -> None:
    made = called(trial)
    made.runs(10 * MINUTE)
    made.does(Acknowledge(), "li")
    made.does(Escalate("and now?"), after=HOUR)
    assert set(the(made).causes.values()) == {"entry:1", "person"}
    assert kinds(made.does(Acknowledge(), "li")) == ["acknowledged"]
    assert set(the(made).causes.values()) == {"entry:1"}
    assert the(made).held_until == NINE + 190 * MINUTE


def test_a_cause_that_joins_a_hold_is_told_to_who_holds(trial: Make) -> None:
    made = called(trial)
    made.runs(10 * MINUTE)
    made.does(Acknowledge(), "lu")
    outcome = made.does(Escalate("worse"))
    assert (kinds(outcome), told(outcome)) == (["raised", "joined"], ["member:lu"])


def test_a_rung_asks_who_is_on_duty_when_it_is_raised(trial: Make) -> None:
    teams = {**DESK["teams"], "front": {"lead": ["li", "lo"], "members": ["ann"]}}
    members = {**DESK["members"], "li": {"roles": ["lead"], "shift": "early"}, "lo": {"roles": ["lead"]}}
    says = desk(calendars=SHIFTS, teams=teams, members=members)
    assert told(called(trial, **says).runs(10 * MINUTE)) == ["member:li"]
    assert told(called(trial, **says).runs(2 * HOUR)) == ["member:lo"]


def test_nobody_on_duty_is_recorded_and_the_next_rung_raised_at_once(trial: Make) -> None:
    members = {**DESK["members"], "li": {"roles": ["lead"], "shift": "early"}}
    made = called(trial, {"slow": {"after": "90m", "actions": ["escalate"]}}, **desk(calendars=SHIFTS, members=members))
    outcome = made.runs(90 * MINUTE)
    assert kinds(outcome) == ["fired", "unattended", "escalated"]
    assert [entry.data.get("rung") for entry in outcome.entries] == [None, 1, 2]
    assert told(outcome) == ["member:lu"]
    assert [(change.rung.rung, change.rung.addressee) for change in outcome.ladders if change.rung] == [
        (1, None), (2, "lu"),
    ]  # fmt: skip


def test_a_role_means_its_first_holder_on_duty(trial: Make) -> None:
    rungs = [{"to": "lead", "after": "30m"}, {"to": "gus"}]
    made = trial({"intake": {"team": "front"}}, **desk(ladder={"rungs": rungs}))
    made.does(Assign("dan"))
    assert told(made.does(Escalate())) == ["member:lu"], "`lead` is the lead of the ticket's team"
    rungs = [{"to": "agent", "after": "30m"}, {"to": "gus"}]
    made = trial({"intake": {"team": "front"}}, **desk(ladder={"rungs": rungs}))
    assert told(made.does(Escalate())) == ["member:ann"]


@pytest.mark.parametrize(("counts_from", "next_rung"), [("raised", 120 * MINUTE), ("due", 100 * MINUTE)])
def test_the_time_counts_from_when_a_rung_was_raised_in_fact_or_due(
    trial: Make, counts_from: str, next_rung: timedelta
) -> None:
    ladder = {**DESK["ladder"], "counts_from": counts_from}
    made = called(trial, {"slow": {"after": "70m", "actions": ["escalate"]}}, **desk(ladder=ladder))
    outcome = made.runs(90 * MINUTE)
    assert outcome.entries[1].happened_at == NINE + 70 * MINUTE
    (change,) = outcome.ladders
    assert change.rung is not None
    assert (change.rung.raised_at, change.rung.due_at) == (NINE + 90 * MINUTE, NINE + 70 * MINUTE)
    assert [timer.due_at - NINE for timer in made.timers] == [next_rung]


def test_an_outage_does_not_wake_three_levels_at_once(trial: Make) -> None:
    rungs = [{"to": name, "after": "30m"} for name in ("li", "lu", "gus")]
    late = called(trial, **desk(ladder={"rungs": rungs}))
    assert told(late.runs(8 * HOUR)) == ["member:li"]
    late = called(trial, **desk(ladder={"rungs": rungs, "counts_from": "due"}))
    assert told(late.runs(75 * MINUTE)) == ["member:li", "member:lu", "member:gus"]


def test_an_outage_tells_the_last_rung_once_of_what_piled_up(trial: Make) -> None:
    late = called(trial, **desk(ladder={**DESK["ladder"], "counts_from": "due"}))
    outcome = late.runs(5 * HOUR)
    assert told(outcome) == ["member:li", "member:lu", "member:lu"]
    merged = outcome.entries[-1]
    assert (merged.happened_at, len(merged.data["merged"])) == (NINE + 280 * MINUTE, 4)
    assert [change.what for change in outcome.ladders] == ["raised", "raised", "repeated"]
    assert [timer.due_at - NINE for timer in late.timers] == [340 * MINUTE]


@pytest.mark.parametrize("event", [Claim(), Advance("ping"), Acknowledge()])
def test_taking_over_acknowledges(trial: Make, event: Any) -> None:
    made = called(trial)
    made.runs(10 * MINUTE)
    assert "acknowledged" in kinds(made.does(event, "li"))
    assert the(made).held_by == "li"


@pytest.mark.parametrize("event", [Claim(), Advance("ping"), Note("seen")])
def test_who_may_not_acknowledge_takes_nothing_over(trial: Make, event: Any) -> None:
    made = called(trial)
    made.runs(10 * MINUTE)
    assert "acknowledged" not in kinds(made.does(event, "ann"))
    assert the(made).held_by is None
    assert isinstance(made.does(Acknowledge(), "ann").refusal, Forbidden)


def test_there_is_nothing_to_acknowledge_without_a_ladder(trial: Make) -> None:
    error = called(trial).does(Acknowledge(), "li").refusal
    assert isinstance(error, Refused)
    assert error.rule == "ladder"


def test_whoever_takes_over_in_the_unit_that_was_late_is_not_told(trial: Make) -> None:
    made = called(trial)
    outcome = made.does(Claim(), "li", after=HOUR)
    assert kinds(outcome) == ["fired", "escalated", "assigned", "acknowledged", "overtaken"]
    assert outcome.messages == ()
    assert outcome.entries[-1].data["cause"] == "timeout:slow:1:1"


def test_an_escalation_of_an_archived_ticket_is_suppressed_with_a_record(trial: Make) -> None:
    made = called(trial, {"slow": {"after": "10m", "dest": "archive", "actions": ["escalate"]}})
    outcome = made.runs(10 * MINUTE)
    assert kinds(outcome) == ["fired", "suppressed"]
    assert outcome.entries[1].data == {"action": "escalate", "cause": "timeout:slow:1:1"}
    assert (outcome.messages, outcome.ticket.ladder, outcome.ladders) == ((), None, ())


def test_a_quiet_run_opens_no_ladder(trial: Make) -> None:
    made = called(trial)
    late = NINE + HOUR
    outcome = run_unit(made.rules, made.ticket, made.timers, limit=late, fired_at=late, quiet=True)
    assert (kinds(outcome), outcome.ticket.ladder) == (["fired", "suppressed"], None)


def test_a_new_ladder_has_a_new_number_and_begins_at_the_first_rung(trial: Make) -> None:
    made = called(trial)
    made.runs(50 * MINUTE)
    made.does(Advance("accept"))
    made.does(Advance("again"))
    outcome = made.runs(10 * MINUTE)
    assert (the(made).id, the(made).rung, told(outcome)) == (2, 1, ["member:li"])
    assert outcome.messages[0].stands == "ladder:2"


def test_a_message_stands_while_its_cause_does(trial: Make) -> None:
    sla = {"s": {"goal": "1h", "start": "intake", "stop": "review"}}
    made = called(trial, {}, sla=sla)
    made.does(MakePromise(NINE + HOUR))
    made.does(Escalate())
    for on in ("entry:1", "sla:s:1", "ladder:1", "promise:1", "person"):
        assert stands(made.ticket, on)
    for on in ("entry:2", "sla:s:2", "sla:other:1", "ladder:2", "promise:2"):
        assert not stands(made.ticket, on)
    made.does(Advance("accept"))
    assert [stands(made.ticket, on) for on in ("entry:1", "entry:2", "sla:s:1")] == [False, True, True]
    made.does(Advance("close"))
    assert not any(stands(made.ticket, on) for on in ("entry:3", "sla:s:1", "ladder:1", "promise:1", "person"))
