"""What can be done next, and why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.unit.core.conftest import Trial
from workflow.core.options import options
from workflow.errors import ConditionFault, Forbidden, Refused

FIELDS = {"amount": {"type": "int"}, "reason": {"type": "text"}}
STAGES = {
    "intake": {
        "team": "front",
        "transitions": {
            "accept": {"label": {"en": "Accept", "zh": "受理"}, "dest": "classify"},
            "close": {"dest": "archive", "requires": ["reason"]},
            "lift": {"dest": "review", "roles": ["lead"]},
            "pay": {"dest": "handle", "conditions": "amount > 3"},
            "odd": {"dest": "handle", "conditions": "1 / (amount - amount) > 0"},
            "ping": {},
        },
    }
}


def test_every_trigger_is_allowed_or_says_why_not(trial: Callable[..., Trial]) -> None:
    made = trial(STAGES, declare=FIELDS, fields={"amount": 2})
    found = {option.trigger: option for option in options(made.rules, made.ticket, made.who("ann"), made.now)}
    assert [option.trigger for option in found.values() if option.allowed] == ["accept", "close", "ping"]
    assert (found["accept"].dest, found["accept"].label) == ("classify", {"en": "Accept", "zh": "受理"})
    assert (found["close"].requires, found["close"].refusal) == (("reason",), None)
    assert found["ping"].dest is None
    assert isinstance(found["lift"].refusal, Forbidden)
    assert isinstance(found["pay"].refusal, Refused)
    assert isinstance(found["odd"].refusal, ConditionFault)
    for name in ("lift", "pay"):
        refusal = found[name].refusal
        assert refusal is not None
        assert (found[name].allowed, refusal.values["trigger"], refusal.ticket) == (False, name, made.ticket.id)


def test_conditions_are_asked_for_the_actor_and_the_hour(trial: Callable[..., Trial]) -> None:
    go = {
        "label": {"en": "Go"},
        "branches": [{"dest": "classify", "conditions": ['actor == "ann"', "now == opened_at"]}],
    }
    made = trial({"intake": {"team": "front", "transitions": {"go": go}}})
    for name, after, allowed in (("ann", 0, True), ("bob", 0, False), ("ann", 1, False)):
        (option,) = options(made.rules, made.ticket, made.who(name), made.now + timedelta(hours=after))
        assert (option.allowed, option.label) == (allowed, {"en": "Go"})


def test_whoever_may_not_advance_is_told_so_for_each(trial: Callable[..., Trial]) -> None:
    made = trial(STAGES, declare=FIELDS)
    found = options(made.rules, made.ticket, made.who("gus"), made.now)
    assert found
    assert all(isinstance(option.refusal, Forbidden) and option.refusal.rule == "verb" for option in found)
