"""What one event does to one ticket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.core.conftest import NINE, Trial
from workflow.core.decide import decide
from workflow.core.events import Advance, Assign, Claim, Escalate, Link, Note, Repair, SetFields, Tag
from workflow.core.unit import caught_up
from workflow.errors import BadValue, ConditionFault, Forbidden, NotFound, Refused, TicketflowError

Make = Callable[..., Trial]
FIELDS = {
    "severity": {"type": "choice", "choices": ["general", "special"], "default": "general"},
    "fees": {"type": "decimal", "min": 0, "max": 100},
    "resolution": {"type": "text"},
    "count": {"type": "int"},
}


def refusal(trial: Trial, event: Any, actor: str = "ann") -> TicketflowError:
    before = trial.ticket
    outcome = trial.does(event, actor)
    assert outcome.refusal is not None
    assert outcome.ticket == before
    assert outcome.entries == ()
    assert outcome.refusal.ticket == before.id
    told = outcome.refusal.message + outcome.refusal.remedy
    assert "{" not in told, "every value of the sentence is given"
    assert "None" not in told
    assert outcome.refusal.remedy
    return outcome.refusal


def test_a_ticket_opens_in_the_first_state_with_defaults_and_its_first_timers(trial: Make) -> None:
    intake = {"team": "front", "timeouts": {"slow": {"after": "10m", "actions": ["escalate"]}}}
    made = trial({"intake": intake}, declare=FIELDS, fields={"fees": "2.50"}, tags=["vip", "vip"], channel="web")
    ticket = made.ticket
    assert (ticket.state, ticket.stage, ticket.team, ticket.entry, ticket.seq) == ("intake", "intake", "front", 1, 1)
    assert ticket.fields == {"severity": "general", "fees": Decimal("2.50")}
    assert ticket.tags == ("vip",)
    assert [timer.key for timer in made.timers] == [("timeout", "slow", 1, 1)]
    assert ticket.next_due_at == made.timers[0].due_at
    (entry,) = made.outcome.entries
    assert (entry.kind, entry.actor, entry.happened_at, entry.dest) == ("opened", "ann", NINE, "intake")
    assert entry.data == {
        "priority": "normal", "team": "front", "channel": "web", "tags": ["vip"],
        "fields.severity": "general", "fields.fees": "2.50",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("opening", "error", "field"),
    [
        ({"fields": {"nonsense": 1}}, NotFound, "nonsense"),
        ({"fields": {"fees": "much"}}, BadValue, "fees"),
        ({"fields": {"fees": "101"}}, BadValue, "fees"),
        ({"fields": {"severity": "odd"}}, BadValue, "severity"),
        ({"channel": "pigeon"}, BadValue, "channel"),
        ({"priority": "huge"}, BadValue, "priority"),
        ({"tags": ["a,b"]}, BadValue, "tags"),
        ({"fields": {}, "declare": {"words": {"type": "text", "required": True}}}, BadValue, "words"),
    ],
)
def test_what_is_wrong_with_an_opening_is_named(
    trial: Make, opening: dict[str, Any], error: type[TicketflowError], field: str
) -> None:
    with pytest.raises(error) as caught:
        trial({}, **{"declare": FIELDS, **opening})
    assert caught.value.field == field


def test_a_move_enters_the_state_arms_its_timers_and_records_who_and_how(trial: Make) -> None:
    classify = {"team": "back", "timeouts": {"stale": {"after": "1h", "dest": "handle"}}}
    made = trial({"intake": {"team": "front", "transitions": {"accept": "classify"}}, "classify": classify})
    made.does(Claim(), "ann")
    outcome = made.does(Advance("accept", note="heard it"), "ann")
    ticket = outcome.ticket
    assert (ticket.state, ticket.entry, ticket.team, ticket.assignee) == ("classify", 2, "back", None)
    assert ticket.acted == {"intake": ("ann",)}
    assert [timer.key for timer in outcome.timers] == [("timeout", "stale", 2, 1)]
    (entry,) = outcome.entries
    assert (entry.kind, entry.trigger, entry.source, entry.dest) == ("advanced", "accept", "intake", "classify")
    assert entry.private == {"note": "heard it"}
    assert entry.data == {"team": "back"}


def test_a_move_back_says_so_and_begins_a_new_stay(trial: Make) -> None:
    again = {"dest": "intake", "back": "rework"}
    stages = {
        "intake": {"team": "front", "transitions": {"accept": "classify"}},
        "classify": {"transitions": {"again": again}},
    }
    made = trial(stages)
    made.does(Claim(), "dan")  # of no team that the ticket is in
    made.does(Advance("accept"), "dan", timedelta(minutes=5))
    outcome = made.does(Advance("again"), "bob", timedelta(minutes=5))
    assert outcome.entries[0].data == {"back": "rework"}
    assert (outcome.ticket.entry, outcome.ticket.entered_at) == (3, NINE + timedelta(minutes=10))
    assert (outcome.ticket.team, outcome.ticket.assignee) == ("front", "dan"), "the team is the same, so they stay"
    assert outcome.ticket.acted == {"intake": ("ann", "dan"), "classify": ("bob",)}


def test_the_assignee_stays_where_the_new_team_knows_them(trial: Make) -> None:
    made = trial({"intake": {"team": "front", "transitions": {"accept": "classify"}}, "classify": {"team": "front"}})
    made.does(Claim(), "bob")
    assert made.does(Advance("accept"), "bob").ticket.assignee == "bob"


def test_the_first_branch_that_holds_is_taken_and_fields_of_the_call_count(trial: Make) -> None:
    branches = [
        {"dest": "handle", "conditions": 'severity == "special"'},
        {"dest": "review", "unless": "count > 3"},
        {"dest": "callback"},
    ]
    stages = {"intake": {"team": "front", "transitions": {"sort": branches}}}
    for fields, state in (
        ({"severity": "special"}, "handle"),
        ({"count": 3}, "review"),
        ({"count": 4}, "callback"),
        ({}, "callback"),  # an `unless` that ends unknown is taken to hold
    ):
        made = trial(stages, declare=FIELDS, skips=["classify", "handle", "review"])
        assert made.does(Advance("sort", fields)).ticket.state == state


def test_a_trigger_without_dest_leaves_the_ticket_where_it_is(trial: Make) -> None:
    stages = {
        "intake": {"team": "front", "transitions": {"ping": {"actions": [{"tag": ["seen"]}, {"priority": "high"}]}}}
    }
    made = trial({**stages, "intake": {**stages["intake"], "timeouts": {"slow": {"after": "10m"}}}})
    before = made.timers
    outcome = made.does(Advance("ping"))
    assert (outcome.ticket.entry, outcome.ticket.tags, outcome.ticket.priority) == (1, ("seen",), "high")
    assert outcome.timers == before
    assert outcome.entries[0].data == {"tagged": ["seen"], "priority": "high"}


def test_set_actions_change_fields_and_keep_free_text_out_of_the_clear(trial: Make) -> None:
    actions = [{"set": {"resolution": "done", "count": 2}}]
    made = trial({"intake": {"team": "front", "transitions": {"go": {"actions": actions}}}}, declare=FIELDS)
    outcome = made.does(Advance("go", {"fees": 1}))
    assert outcome.ticket.fields == {"severity": "general", "fees": Decimal(1), "resolution": "done", "count": 2}
    (entry,) = outcome.entries
    assert entry.data == {"fields.fees": "1", "fields.count": 2}
    assert entry.private == {"fields.resolution": "done"}


RULES = {
    "intake": {
        "team": "front",
        "transitions": {
            "accept": {"dest": "classify", "roles": ["lead"]},
            "check": {"dest": "classify", "conditions": ['severity == "special"', "count > 1"]},
            "close": {"dest": "archive", "requires": ["resolution", "fees"]},
            "divide": {"dest": "classify", "conditions": "count / 0 > 1"},
        },
    },
    "classify": {"transitions": {"look": {"dest": "handle", "not_by": "intake"}}},
}


def test_each_rule_refuses_with_its_name_and_the_values_it_saw(trial: Make) -> None:
    made = trial(RULES, declare=FIELDS)
    error = refusal(made, Advance("accept"))
    assert isinstance(error, Forbidden)
    assert (error.rule, error.values["needed"], error.values["held"]) == ("roles", "lead", "agent")
    error = refusal(made, Advance("check"))
    assert isinstance(error, Refused)
    assert error.rule == "conditions"
    assert error.values["conditions"] == 'severity == "special"'
    assert error.values["seen"] == "severity='general'"
    error = refusal(made, Advance("check", {"severity": "special"}))
    assert error.values["unset"] == "count"
    error = refusal(made, Advance("close", {"fees": 1}))
    assert isinstance(error, Refused)
    assert (error.rule, error.field) == ("requires", "resolution")
    error = refusal(made, Advance("look"))
    assert isinstance(error, Refused)
    assert (error.rule, error.values["known"]) == ("state", "accept, check, close, divide")
    assert isinstance(refusal(made, Advance("nonsense")), NotFound)
    assert isinstance(refusal(made, Advance("accept", {"fees": "x"}), "li"), BadValue)
    assert isinstance(refusal(made, Advance("divide", {"count": 1})), ConditionFault)


def test_four_eyes_refuse_whoever_acted_in_that_stage_at_any_visit(trial: Make) -> None:
    made = trial(RULES, declare=FIELDS)
    made.does(Advance("accept"), "li")
    error = refusal(made, Advance("look"), "ann")  # ann opened it, which is acting in intake
    assert isinstance(error, Refused)
    assert (error.rule, error.values["place"]) == ("not_by", "intake")
    assert isinstance(refusal(made, Advance("look"), "li"), Refused)
    assert made.does(Advance("look"), "bob").ticket.state == "handle"


def test_a_private_value_never_stands_in_a_refusal(trial: Make) -> None:
    made = trial(
        {"intake": {"team": "front", "transitions": {"go": {"dest": "classify", "conditions": 'resolution == "x"'}}}},
        declare=FIELDS, fields={"resolution": "her secret"},
    )  # fmt: skip
    assert "her secret" not in refusal(made, Advance("go")).message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(True, "classify"), (False, "refused"), (None, "fault"), (ZeroDivisionError(), "fault")],
)
def test_a_host_condition_is_asked_and_a_broken_one_is_no_refusal(trial: Make, answer: Any, expected: str) -> None:
    def in_stock(ticket: Any, now: Any) -> Any:
        assert (ticket.type, now) == ("trial", NINE)
        if isinstance(answer, Exception):
            raise answer
        return answer

    stages = {
        "intake": {"team": "front", "transitions": {"go": {"dest": "classify", "conditions": {"call": "in_stock"}}}}
    }
    made = trial(stages, hosts={"in_stock": in_stock})
    outcome = made.does(Advance("go"))
    if expected == "classify":
        assert outcome.ticket.state == "classify"
    else:
        assert type(outcome.refusal) is (Refused if expected == "refused" else ConditionFault)
    assert isinstance(refusal(trial(stages), Advance("go")), ConditionFault)  # nobody registered it


@pytest.mark.parametrize("remembered", [False, True])
def test_the_machine_is_the_authority(trial: Make, *, remembered: bool) -> None:
    intake = {
        "team": "front",
        "transitions": {"accept": "classify"},
        "timeouts": {"slow": {"after": "10m", "dest": "classify"}},
    }
    made = trial({"intake": intake})
    if remembered:
        assert decide(made.rules, made.ticket, Advance("accept"), made.who("ann"), NINE).ticket.state == "classify"
        assert caught_up(made.rules, made.ticket, made.timers, NINE + timedelta(hours=1))[0].state == "classify"
    machine = made.rules.compiled.machine
    machine.remove_transition("accept", source="intake", dest="classify")
    machine.remove_transition("timeout:slow", source="intake", dest="classify")
    error = refusal(made, Advance("accept"))
    assert isinstance(error, Refused)
    assert error.rule == "state"
    outcome = made.runs(timedelta(minutes=10))
    assert (outcome.ticket.state, outcome.fired, len(outcome.incidents)) == ("intake", 0, 1)


def test_what_is_remembered_of_the_machine_is_forgotten_when_its_own_list_loses_a_transition(trial: Make) -> None:
    accept = [{"dest": "handle"}, {"dest": "classify"}]
    made = trial({"intake": {"transitions": {"accept": accept}}})
    before, ann = made.ticket, made.who("ann")
    assert decide(made.rules, before, Advance("accept"), ann, NINE).ticket.state == "handle"
    del made.rules.compiled.machine.events["accept"].transitions["intake"][0]
    assert decide(made.rules, before, Advance("accept"), ann, NINE).ticket.state == "classify"


def test_assigning_finds_the_team_of_a_member(trial: Make) -> None:
    made = trial({})
    assert made.does(Assign("bob")).ticket.assignee == "bob"
    assert made.does(Assign("li")).ticket.team == "front"  # a lead belongs to the team
    moved = made.does(Assign("dan", note="knows billing"))
    assert (moved.ticket.team, moved.ticket.assignee) == ("back", "dan")
    assert moved.entries[0].private == {"note": "knows billing"}
    assert made.does(Assign("front")).ticket.assignee is None
    made.does(Assign("bob"))
    assert made.does(Assign("front")).ticket.assignee == "bob"
    assert made.does(Assign(None)).ticket.assignee is None
    assert refusal(made, Assign("nobody")).field == "to"
    assert made.does(Assign("solo")).ticket.team == "solo"
    led = made.does(Assign("li")).ticket
    assert (led.team, led.assignee) == ("solo", "li"), "who leads two teams leads the one that has it"
    free = made.does(Assign("gus")).ticket
    assert (free.team, free.assignee) == ("solo", "gus"), "a member of no team takes it where it is"


def test_claiming_takes_only_what_nobody_has(trial: Make) -> None:
    made = trial({})
    assert made.does(Claim(), "bob").ticket.assignee == "bob"
    assert made.does(Claim(), "bob").ticket.assignee == "bob"
    error = refusal(made, Claim(), "ann")
    assert isinstance(error, Refused)
    assert (error.rule, error.values["assignee"]) == ("claimed", "bob")


def test_notes_fields_tags_and_links(trial: Make) -> None:
    declared = {**FIELDS, "words": {"type": "text", "required": True}}
    made = trial({}, declare=declared, fields={"words": "hello"})
    assert made.does(Note("said so")).entries[0].private == {"note": "said so"}
    assert refusal(made, Note("  ")).field == "note"
    assert refusal(made, Note("a\0b")).field == "note"
    outcome = made.does(SetFields({"fees": "3", "severity": None}, "urgent", "agreed"))
    assert outcome.ticket.fields == {"words": "hello", "fees": Decimal(3)}
    assert outcome.ticket.priority == "urgent"
    assert outcome.entries[0].data == {"priority": "urgent", "fields.fees": "3", "fields.severity": None}
    assert refusal(made, SetFields()).field == "fields"
    assert refusal(made, SetFields({"words": None})).field == "words"
    assert made.does(Tag(("b", " a "))).ticket.tags == ("a", "b")
    assert made.does(Tag((), ("a",))).ticket.tags == ("b",)
    assert refusal(made, Tag()).field == "tags"
    assert made.does(Link(9)).links == (Link(9),)
    assert refusal(made, Link(made.ticket.id)).field == "other"
    assert refusal(made, Link(9, "x" * 61)).field == "kind"


def test_how_long_and_of_what_a_tag_may_be(trial: Make) -> None:
    made = trial({})
    assert made.does(Tag((f" {'x' * 60} ",))).ticket.tags == ("x" * 60,)
    for tag in ("x" * 61, "  ", "a\nb", "a\u202eb", "a,b"):
        assert refusal(made, Tag((tag,))).field == "tags"


@pytest.mark.parametrize(
    ("event", "kind", "data", "private"),
    [
        (Assign("dan", "knows it"), "assigned", {"team": "back", "assignee": "dan"}, {"note": "knows it"}),
        (Claim(), "assigned", {"team": "front", "assignee": "ann"}, {}),
        (Note(" said so "), "noted", {}, {"note": " said so "}),
        (SetFields({"count": "3"}), "set", {"fields.count": 3}, {}),
        (SetFields({}, "high"), "set", {"priority": "high"}, {}),
        (SetFields({"resolution": "x"}, note="y"), "set", {}, {"fields.resolution": "x", "note": "y"}),
        (Tag((" b", "a"), ("c",)), "tagged", {"tagged": ["a", "b"], "untagged": ["c"]}, {}),
        (Tag((), ("c",)), "tagged", {"untagged": ["c"]}, {}),
        (Link(9, "duplicate"), "linked", {"linked": 9, "as": "duplicate"}, {}),
        (Escalate(), "raised", {}, {}),
        (Advance("ping", {"count": 1}, "z"), "advanced", {"fields.count": 1}, {"note": "z"}),
    ],
)
def test_what_a_person_does_is_written_down(
    trial: Make, event: Any, kind: str, data: dict[str, Any], private: dict[str, Any]
) -> None:
    made = trial({"intake": {"team": "front", "transitions": {"ping": {}}}}, declare=FIELDS)
    entry = made.does(event, after=timedelta(minutes=5)).entries[0]
    assert (entry.kind, entry.data, entry.private) == (kind, data, private)
    assert (entry.seq, entry.actor, entry.state, entry.entry) == (2, "ann", "intake", 1)
    assert entry.happened_at == made.ticket.updated_at == NINE + timedelta(minutes=5)
    assert (entry.type, entry.version, entry.desk_revision) == ("trial", 1, 1)


VERB = {
    Advance: "advance", Assign: "assign", Claim: "claim", SetFields: "set", Tag: "tag", Link: "link",
    Escalate: "escalate",
}  # fmt: skip


@pytest.mark.parametrize("event", [Assign("bob"), Claim(), SetFields({}, "low"), Escalate()])
def test_an_archived_ticket_is_final(trial: Make, event: Any) -> None:
    made = trial({"intake": {"team": "front", "transitions": {"close": "archive"}}})
    assert made.does(Advance("close")).ticket.stage == "archive"
    error = refusal(made, event)
    assert isinstance(error, Refused)
    assert (error.rule, error.values["verb"]) == ("archived", VERB[type(event)])
    assert made.does(Note("the customer thanked us")).refusal is None


@pytest.mark.parametrize(
    "event", [Advance("x"), Assign("bob"), Claim(), SetFields({}, "low"), Tag(("a",)), Link(2), Escalate()]
)
def test_a_verb_that_no_role_grants_is_denied(trial: Make, event: Any) -> None:
    error = refusal(trial({}), event, "gus")
    assert isinstance(error, Forbidden)
    assert (error.rule, error.values["verb"], error.values["actor"]) == ("verb", VERB[type(event)], "gus")
    assert (error.values["needed"], error.values["held"]) == ("agent, lead", "guest")


def test_escalating_by_hand_tells_the_lead_of_the_team(trial: Make) -> None:
    made = trial({})
    outcome = made.does(Escalate("she threatens to go to the press"))
    assert [entry.kind for entry in outcome.entries] == ["raised", "escalated"]
    (message,) = outcome.messages
    assert (message.to, message.kind, message.seq) == ("member:li", "escalate", 3)
    assert (message.reason, message.cause_entry) == ("raised:2", 1)
    assert outcome.entries[0].private == {"reason": "she threatens to go to the press"}


def test_a_repair_asks_no_condition_and_enters_the_state_as_any_move_does(trial: Make) -> None:
    handle = {"team": "back", "timeouts": {"slow": {"after": "1h"}}, "states": {"first": {}, "second": {}}}
    clock = {"goal": "2h", "start": "handle", "stop": "review"}
    made = trial({"handle": handle}, sla={"reply": clock}, skips=["classify", "review", "callback"])
    outcome = made.does(Repair("handle", "it was stuck"), "li", after=timedelta(minutes=5))
    (entry,) = outcome.entries
    assert (entry.kind, entry.source, entry.dest, entry.trigger) == ("repaired", "intake", "handle.first", None)
    assert entry.private == {"reason": "it was stuck"}
    assert (made.ticket.team, made.ticket.entry, made.ticket.acted) == ("back", 2, {"intake": ("ann", "li")})
    assert [timer.key for timer in made.timers] == [("timeout", "slow", 2, 1), ("sla", "reply/100%", 1, 1)]
    assert made.does(Repair("review", "done by telephone"), "li").entries[0].data["clocks"] == {"reply": ["met"]}
    made.does(Repair("archive", "nobody will call"), "li")
    assert (made.ticket.state, made.timers) == ("archive", ())
    assert refusal(made, Repair("intake", "open it again"), "li").values["rule"] == "archived"


def test_what_is_wrong_with_a_repair_is_named(trial: Make) -> None:
    made = trial({})
    assert "intake, classify, handle" in refusal(made, Repair("nowhere", "x"), "li").remedy
    assert refusal(made, Repair("intake", "x"), "li").values["rule"] == "state"
    assert refusal(made, Repair("review", " "), "li").field == "reason"
    assert isinstance(refusal(made, Repair("review", "x"), "gus"), Forbidden)
