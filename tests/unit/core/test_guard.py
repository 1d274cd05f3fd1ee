"""What a branch asks: the conditions and what they see, the roles, the four eyes, the fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import NINE, Trial
from workflow.core.events import Advance
from workflow.core.guard import barrier
from workflow.core.model import Customer, replace
from workflow.definition.resolve import Branch, within
from workflow.errors import ConditionFault, Forbidden, Refused, TicketflowError

Make = Callable[..., Trial]
FIELDS = {
    "kind": {"type": "choice", "choices": ["a", "b"]},
    "fees": {"type": "decimal"},
    "count": {"type": "int"},
    "note": {"type": "text"},
    "ok": {"type": "bool"},
    "day": {"type": "date"},
    "moment": {"type": "datetime"},
    "words": {"type": "list"},
}
GIVEN = {"kind": "a", "fees": "2.50", "day": "2026-03-03", "moment": "2026-03-03T18:30+08:00", "words": "x, y"}
CUSTOMER = Customer(7, {"level": 3, "name": "Zhang"})


def going(trial: Make, go: Any, **opening: Any) -> Trial:
    """A ticket whose trigger `go` asks something."""
    intake = {"team": "front", "transitions": {"go": go}}
    made = trial({"intake": intake}, declare=FIELDS, **{"fields": GIVEN, **opening})
    later = NINE + timedelta(minutes=30)
    ticket = replace(made.ticket, customer=CUSTOMER, assignee="bob", entered_at=later, updated_at=later)
    made.outcome = replace(made.outcome, ticket=ticket)
    return made


def refused(made: Trial, actor: str = "ann", **fields: Any) -> TicketflowError:
    refusal = made.does(Advance("go", fields), actor, timedelta(hours=1)).refusal
    assert refusal is not None
    return refusal


@pytest.mark.parametrize(
    "condition",
    [
        'kind == "a"',
        "fees > 2.4 && fees < 2.6",
        'words == ["x", "y"]',
        'day == timestamp("2026-03-02T16:00:00Z")',  # midnight in Shanghai
        'moment == timestamp("2026-03-03T10:30:00Z")',
        'customer.name == "Zhang" && customer.level == 3',
        '"customer.level" in filled && "kind" in filled && !("count" in filled)',
        'tags == ["vip"]',
        'actor == "ann" && actor_roles == ["agent"]',
        'priority == "high" && channel == "web"',
        'team == "front" && assignee == "bob" && state == "intake"',
        'now == timestamp("2026-03-02T10:00:00Z")',
        'entered_at == timestamp("2026-03-02T09:30:00Z")',
        'opened_at == timestamp("2026-03-02T09:00:00Z")',
    ],
)
def test_a_condition_sees_the_ticket_the_customer_the_actor_and_the_hour(trial: Make, condition: str) -> None:
    way = {"dest": "classify", "conditions": condition}
    made = going(trial, way, tags=["vip"], priority="high", channel="web")
    assert made.does(Advance("go"), "ann", timedelta(hours=1)).refusal is None
    made = going(trial, {"dest": "classify", "unless": condition}, tags=["vip"], priority="high", channel="web")
    assert refused(made).values["conditions"] == f"unless {condition}"


def test_what_is_not_set_stays_open(trial: Make) -> None:
    for condition in ("count == 0", 'note == ""', "!ok", 'channel == ""', "customer.level == 0"):
        made = going(trial, {"dest": "classify", "conditions": condition})
        made.outcome = replace(made.outcome, ticket=replace(made.ticket, customer=None))
        assert refused(made).values["unset"] == condition.strip("!").split(" ")[0]
    made = going(trial, {"dest": "classify", "conditions": '"customer.level" in filled'})
    made.outcome = replace(made.outcome, ticket=replace(made.ticket, customer=None))
    assert refused(made).values["unset"] == "-"


def test_a_refusal_tells_of_every_branch_what_it_asked_and_saw(trial: Make) -> None:
    branches = [
        {"dest": "classify", "conditions": ['kind == "a"', 'customer.name == "Li"']},
        {"dest": "handle", "conditions": "count > 1"},
        {"dest": "handle", "unless": 'ok || words == ["x", "y"]'},
        {"dest": "review", "conditions": "!ok"},
    ]
    error = refused(going(trial, branches))
    assert isinstance(error, Refused)
    assert error.values == {
        "ticket": 0, "rule": "conditions", "trigger": "go", "state": "intake",
        "seen": "customer.name='…', kind='a', words='…'",
        "conditions": 'customer.name == "Li"; count > 1; unless ok || words == ["x", "y"]; !ok', "unset": "count, ok",
    }  # fmt: skip
    host = going(trial, {"dest": "classify", "conditions": {"call": "no"}}, hosts={"no": lambda *_: False})
    assert (refused(host).values["conditions"], refused(host).values["seen"]) == ("no()", "-")


def test_a_broken_host_condition_is_named(trial: Make) -> None:
    for broken in (None, lambda *_: 1, lambda *_: 1 / 0):
        made = going(trial, {"conditions": {"call": "odd"}}, hosts={"odd": broken} if broken else {})
        error = refused(made)
        assert isinstance(error, ConditionFault)
        assert error.values["name"] == "odd"


def test_the_barrier_says_who_what_and_where(trial: Make) -> None:
    made = going(trial, {})
    ticket = replace(made.ticket, id=5, acted={"intake": ("ann",), "handle.one": ("ann", "bob")})
    ann, bob, li = (made.who(name) for name in ("ann", "bob", "li"))

    roles = Branch("classify", roles=("lead", "reviewer"))
    error = barrier(ticket, ann, "go", roles)
    assert isinstance(error, Forbidden)
    assert (error.rule, error.ticket) == ("roles", 5)
    assert error.values == {
        "ticket": 5, "rule": "roles", "trigger": "go", "actor": "ann", "needed": "lead, reviewer", "held": "agent",
    }  # fmt: skip
    nobody = barrier(ticket, replace(ann, roles=frozenset()), "go", roles)
    both = barrier(ticket, replace(ann, roles=frozenset({"guest", "agent"})), "go", roles)
    assert nobody is not None
    assert both is not None
    assert (nobody.values["held"], both.values["held"]) == ("-", "agent, guest")
    assert barrier(ticket, li, "go", roles) is None
    assert barrier(ticket, replace(ann, automatic=True), "go", roles) is None

    eyes = Branch("classify", not_by=("review", "handle"))
    error = barrier(ticket, bob, "go", eyes)
    assert isinstance(error, Refused)
    assert (error.rule, error.ticket) == ("not_by", 5)
    assert error.values == {"ticket": 5, "rule": "not_by", "trigger": "go", "actor": "bob", "place": "handle"}
    assert barrier(ticket, li, "go", eyes) is None
    assert barrier(ticket, bob, "go", Branch("classify", not_by=("intake", "handle.two"))) is None

    asks = Branch("classify", requires=("kind", "note", "count"))
    error = barrier(ticket, li, "go", asks)
    assert isinstance(error, Refused)
    assert (error.rule, error.ticket, error.field) == ("requires", 5, "note")
    assert error.values == {
        "ticket": 5, "rule": "requires", "field": "note", "trigger": "go", "missing": "note, count", "first": "note",
    }  # fmt: skip
    anew = Branch("classify", requires=("note",), asks=("kind", "note"))
    assert "needs the fields note, kind" in str(barrier(ticket, li, "go", anew))
    assert barrier(replace(ticket, fields={"note": "a"}), li, "go", anew, ["kind", "note"]) is None


@pytest.mark.parametrize(
    ("state", "place", "inside"),
    [
        ("handle", "handle", True),
        ("handle.one", "handle", True),
        ("handle.one", "handle.one", True),
        ("handle.one_more", "handle.one", False),
        ("handle", "handle.one", False),
    ],
)
def test_what_lies_within_a_place(state: str, place: str, inside: bool) -> None:
    assert within(state, place) is inside
