"""Promises to the customer (P22, P27): the owner's warning, keeping them, breaking them, making others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import NINE, Trial
from workflow.core.events import Advance, Assign, Claim, MakePromise
from workflow.core.instants import TICK
from workflow.core.model import Outcome
from workflow.errors import BadValue, Refused

Make = Callable[..., Trial]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLOSING = {"intake": {"team": "front", "transitions": {"close": "archive", "accept": "classify"}}}


def kinds(outcome: Outcome) -> list[str]:
    return [entry.kind for entry in outcome.entries]


def test_a_promise_is_told_to_the_customer_and_shown_as_due(trial: Make) -> None:
    made = trial(CLOSING)
    outcome = made.does(MakePromise(NINE + 4 * HOUR, "after the delivery"))
    assert outcome.entries[0].data == {"number": 1, "until": "2026-03-02T13:00:00+00:00"}
    assert outcome.entries[0].private == {"reason": "after the delivery"}
    assert [(message.to, message.kind, message.stands) for message in outcome.messages] == [
        ("customer", "promise", None)
    ]
    assert outcome.ticket.next_due_at == NINE + 4 * HOUR
    assert [(timer.key, timer.due_at - NINE) for timer in outcome.timers] == [
        (("promise", "warning", 1, 1), 3 * HOUR), (("promise", "due", 1, 1), 4 * HOUR),
    ]  # fmt: skip


def test_the_owner_is_warned_an_hour_before_and_the_lead_hears_of_the_breach(trial: Make) -> None:
    made = trial(CLOSING)
    made.does(Claim(), "bob")
    made.does(MakePromise(NINE + 4 * HOUR))
    outcome = made.runs(3 * HOUR)
    assert kinds(outcome) == ["fired", "notified"]
    assert [(message.to, message.stands) for message in outcome.messages] == [("member:bob", "promise:1")]
    outcome = made.runs(HOUR)
    assert [message.to for message in outcome.messages] == ["member:bob", "member:li"]
    assert outcome.ticket.promise is not None, "it stands until it is kept or replaced"
    assert outcome.ticket.next_due_at == NINE + 4 * HOUR


@pytest.mark.parametrize("owner", ["li", None])
def test_a_lead_who_owns_the_ticket_hears_of_a_broken_promise_once(trial: Make, owner: str | None) -> None:
    made = trial(CLOSING)
    made.does(Assign(owner))
    made.does(MakePromise(NINE + 4 * HOUR))
    outcome = made.runs(4 * HOUR)
    assert kinds(outcome) == ["fired", "notified", "fired", "notified"], "warned, and told"
    assert [message.to for message in outcome.messages] == ["member:li", "member:li"]


def test_a_promise_survives_moves_and_its_timers_do_too(trial: Make) -> None:
    made = trial(CLOSING)
    made.does(MakePromise(NINE + 4 * HOUR))
    before = made.timers
    assert made.does(Advance("accept")).timers == before


@pytest.mark.parametrize(("after", "late"), [(HOUR, False), (4 * HOUR, False), (4 * HOUR + TICK, True)])
def test_a_promise_that_was_kept_says_whether_that_was_late(trial: Make, after: timedelta, late: bool) -> None:
    made = trial(CLOSING)
    made.does(MakePromise(NINE + 4 * HOUR))
    outcome = made.does(MakePromise(None), after=after)
    kept = next(entry for entry in outcome.entries if entry.kind == "promise_kept")
    assert kept.data == {"number": 1, "until": "2026-03-02T13:00:00+00:00", "late": late}
    assert (outcome.ticket.promise, outcome.timers, outcome.ticket.next_due_at) == (None, (), None)
    assert isinstance(made.does(MakePromise(None)).refusal, Refused)


@pytest.mark.parametrize(("after", "late"), [(HOUR, False), (3 * HOUR + TICK, True)])
def test_another_promise_takes_the_place_of_the_first_and_says_if_it_came_late(
    trial: Make, after: timedelta, late: bool
) -> None:  # fmt: skip
    made = trial(CLOSING)
    made.does(MakePromise(NINE + 4 * HOUR))
    assert isinstance(made.does(MakePromise(NINE + 9 * HOUR)).refusal, BadValue), "without a reason"
    outcome = made.does(MakePromise(NINE + 9 * HOUR, "the part is lost"), after=after)
    entry = next(entry for entry in outcome.entries if entry.kind == "promised")
    assert entry.data == {
        "number": 2, "until": "2026-03-02T18:00:00+00:00", "instead_of": "2026-03-02T13:00:00+00:00", "late": late,
    }  # fmt: skip
    assert [timer.cycle for timer in outcome.timers] == [2, 2]


def test_a_warning_overtaken_by_another_promise_is_not_sent(trial: Make) -> None:
    made = trial(CLOSING)
    made.does(MakePromise(NINE + 4 * HOUR))
    outcome = made.does(MakePromise(NINE + 9 * HOUR, "sorry"), after=3 * HOUR + TICK)
    assert kinds(outcome) == ["fired", "promised", "overtaken"]
    assert [message.to for message in outcome.messages] == ["customer"]


def test_a_promise_within_the_hour_has_no_warning_and_says_so(trial: Make) -> None:
    made = trial(CLOSING)
    outcome = made.does(MakePromise(NINE + HOUR))
    assert outcome.entries[0].data["skipped"] == ["warning"]
    assert [timer.name for timer in outcome.timers] == ["due"]


@pytest.mark.parametrize(("after", "word"), [(HOUR, "kept"), (2 * HOUR, "kept"), (2 * HOUR + TICK, "broken")])
def test_the_archive_keeps_or_breaks_a_promise(trial: Make, after: timedelta, word: str) -> None:
    made = trial(CLOSING)
    made.does(MakePromise(NINE + 2 * HOUR))
    outcome = made.does(Advance("close"), after=after)
    closed = next(entry for entry in outcome.entries if entry.kind == "advanced")
    assert closed.data["promise"] == word
    assert (outcome.ticket.promise, outcome.timers) == (None, ())


@pytest.mark.parametrize("until", [NINE, NINE - HOUR])
def test_only_a_time_to_come_can_be_promised(trial: Make, until: Any) -> None:
    assert isinstance(trial(CLOSING).does(MakePromise(until)).refusal, BadValue)


def test_nothing_is_promised_on_an_archived_ticket(trial: Make) -> None:
    made = trial(CLOSING)
    made.does(Advance("close"))
    assert isinstance(made.does(MakePromise(NINE + HOUR)).refusal, Refused)
