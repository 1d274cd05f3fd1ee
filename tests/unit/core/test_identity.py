"""Whom we talk to: what a caller says is compared, never kept; what demands it is refused until it holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import NINE, Trial
from workflow.core.events import Advance, Verify
from workflow.core.model import Customer, replace
from workflow.core.options import options
from workflow.errors import BadValue, Forbidden, NotFound, Refused, TicketflowError, UsageError

FACTS = {"tail": {"field": "phone", "last": 4}, "card": {"field": "card", "last": 6}}
DESK: dict[str, Any] = {
    "customer": {"fields": {name: {"type": "text", "pii": True} for name in ("name", "phone", "card")}},
    "identity": {"facts": FACTS, "attempts": 2},
}
KIND: dict[str, Any] = {
    "skips": ["classify", "handle", "review", "callback"],
    "fields": {"agrees": {"type": "bool"}, "offered": {"type": "bool"}},
    "stages": {
        "intake": {
            "transitions": {
                "tell": {"identity": {"facts": ["tail", "card"]}},
                "tell_all": {"identity": {"facts": ["tail", "card"], "at_least": 2, "within": "30m"}},
                "hand_over": {"consent": "agrees", "self_service": "offered"},
                "again": "intake",
                "end": "archive",
            }
        },
        "archive": {},
    },
}
WHO = {"name": "张小明", "phone": "+86 138-1234-5678", "card": "11010119900307123x"}


@pytest.fixture
def trial() -> Trial:
    found = Trial(KIND, desk_says=DESK)
    found.outcome = replace(found.outcome, ticket=replace(found.ticket, customer=Customer(1, WHO)))
    return found


def rule_of(outcome: Any) -> str:
    return getattr(outcome.refusal, "rule", "")


def test_what_is_right_is_recorded_without_what_was_said(trial: Trial) -> None:
    trial.does(Verify({"tail": "５６ 78", "card": "07123X"}, "person_of_right"))
    entry = trial.entries[-1]
    assert (entry.kind, entry.actor) == ("verified", "ann")
    assert (entry.data, entry.private) == ({"facts": ["card", "tail"], "party": "person_of_right"}, {})
    check = trial.ticket.identity
    assert check is not None
    assert (check.facts, check.matched, check.by, check.at, check.failed) == (("card", "tail"), True, "ann", NINE, {})
    assert "5678" not in repr(Verify({"tail": "5678"}))


def test_what_is_wrong_is_refused_recorded_and_counted_by_member(trial: Trial) -> None:
    for said in ({"tail": "5679"}, {"tail": "5678", "card": "071230"}):
        assert rule_of(trial.does(Verify(said))) == "identity"
        assert trial.entries[-1].kind == "mismatched"
    before = len(trial.entries)
    assert rule_of(trial.does(Verify({"tail": "5678"}))) == "attempts", "not even what is right"
    assert len(trial.entries) == before
    assert trial.does(Verify({"tail": "5678"}), "bob").refusal is None
    assert trial.ticket.identity is not None
    assert trial.ticket.identity.failed == {"ann": 2}
    assert rule_of(trial.does(Verify({"tail": "5678"}))) == "attempts", "what a colleague heard makes no new guesses"


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (Verify({}), UsageError),
        (Verify({"tale": "5678"}), NotFound),
        (Verify({"tail": "5678"}, "neighbour"), UsageError),
        (Verify({"tail": "45678"}), BadValue),
        (Verify({"tail": ""}), BadValue),
    ],
)
def test_a_check_that_cannot_be_made_is_not_counted(trial: Trial, event: Verify, error: type[TicketflowError]) -> None:
    refusal = trial.does(event).refusal
    assert type(refusal) is error
    assert "5678" not in f"{refusal} {refusal.remedy} {refusal.values}"
    assert trial.ticket.identity is None


def test_a_record_with_nothing_to_compare_refuses_and_is_not_counted(trial: Trial) -> None:
    for who in (None, Customer(1, {"phone": "123"})):
        trial.outcome = replace(trial.outcome, ticket=replace(trial.ticket, customer=who))
        assert rule_of(trial.does(Verify({"tail": "5678"}))) == "identity"
    assert trial.ticket.identity is None
    assert isinstance(trial.does(Verify({"tail": "5678"}), "gus").refusal, Forbidden)


def test_a_check_holds_for_the_stay_or_for_as_long_as_is_said(trial: Trial) -> None:
    assert rule_of(trial.does(Advance("tell"))) == "identity"
    trial.does(Verify({"tail": "5678"}))
    assert rule_of(trial.does(Advance("tell_all"))) == "identity", "one of two"
    assert trial.does(Advance("tell"), "bob", after=timedelta(days=2)).refusal is None
    trial.does(Advance("again"))
    assert rule_of(trial.does(Advance("tell"))) == "identity", "another stay"
    trial.does(Verify({"tail": "5678", "card": "07123X"}))
    trial.does(Advance("again"))
    assert trial.does(Advance("tell_all"), after=timedelta(minutes=30)).refusal is None
    assert rule_of(trial.does(Advance("tell_all"), after=timedelta(microseconds=1))) == "identity"


def test_a_wrong_answer_ends_what_a_right_one_had_begun(trial: Trial) -> None:
    trial.does(Verify({"tail": "5678"}))
    trial.does(Verify({"tail": "0000"}))
    assert rule_of(trial.does(Advance("tell"))) == "identity"


def test_consent_and_self_service_come_first_and_may_come_with_the_call(trial: Trial) -> None:
    assert rule_of(trial.does(Advance("hand_over"))) == "consent"
    assert rule_of(trial.does(Advance("hand_over", {"agrees": False, "offered": True}))) == "consent"
    assert rule_of(trial.does(Advance("hand_over", {"agrees": True}))) == "self_service"
    assert trial.does(Advance("hand_over", {"agrees": True, "offered": True})).refusal is None
    assert trial.does(Advance("hand_over")).refusal is None


def test_what_next_says_what_is_still_to_be_done(trial: Trial) -> None:
    def found() -> dict[str, tuple[bool, tuple[str, ...]]]:
        seen = options(trial.rules, trial.ticket, trial.who("ann"), trial.now)
        return {option.trigger: (option.allowed, option.requires) for option in seen}

    assert found()["hand_over"] == (True, ("agrees", "offered"))
    assert found()["tell"] == (False, ())
    (refused,) = [
        each.refusal
        for each in options(trial.rules, trial.ticket, trial.who("ann"), trial.now)
        if each.trigger == "tell"
    ]
    assert isinstance(refused, Refused)
    assert "ticketflow verify 0 --fact tail=" in refused.remedy
    trial.does(Verify({"tail": "5678"}))
    assert found()["tell"] == (True, ())
