"""What can be done next, and why not."""

from __future__ import annotations

from collections.abc import Callable

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


def test_whoever_may_not_advance_is_told_so_for_each(trial: Callable[..., Trial]) -> None:
    made = trial(STAGES, declare=FIELDS)
    found = options(made.rules, made.ticket, made.who("gus"), made.now)
    assert found
    assert all(isinstance(option.refusal, Forbidden) and option.refusal.rule == "verb" for option in found)
