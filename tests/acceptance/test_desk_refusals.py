"""Whatever the rules refuse is refused in a typed error that says why, and leaves nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.store.small import NOON, Books
from workflow.clock import VirtualClock
from workflow.core.model import Ticket
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import (
    BadValue,
    ConditionFault,
    Forbidden,
    NotFound,
    Refused,
    TicketflowError,
    UsageError,
)

Attempt = Callable[[Desk, Ticket], Any]
X = {"statement": "x"}

UNKNOWN: dict[str, tuple[Attempt, dict[str, Any]]] = {
    "ticket": (lambda desk, _: desk.advance(99, "accept", actor="ann"), {"ticket": 99}),
    "ticket 0": (lambda desk, _: desk.note(0, "x", actor="ann"), {"ticket": 0}),
    "ticket below": (lambda desk, _: desk.get(-1), {"ticket": -1}),
    "ticket beyond 64 bits": (lambda desk, _: desk.history(2**63), {"ticket": 2**63}),
    "what next of no ticket": (lambda desk, _: desk.what_next(99, actor="ann"), {"ticket": 99}),
    "trigger": (lambda desk, own: desk.advance(own.id, "explode", actor="ann"), {"trigger": "explode"}),
    "timeout as a trigger": (lambda desk, own: desk.advance(own.id, "unanswered", actor="ann"), {}),
    "type": (lambda desk, _: desk.open("jobb", actor="ann", fields=X), {"type": "jobb", "known": "job"}),
    "field at open": (lambda desk, _: desk.open("job", actor="ann", fields=X | {"nope": 1}), {"field": "nope"}),
    "field on the way": (lambda desk, own: desk.advance(own.id, "accept", actor="ann", fields={"nope": 1}), {}),
    "field set": (lambda desk, own: desk.set_fields(own.id, {"nope": 1}, actor="ann"), {"field": "nope"}),
    "field of a customer": (lambda desk, _: desk.open("job", actor="ann", fields=X, customer={"nope": 1}), {}),
    "actor": (lambda desk, own: desk.advance(own.id, "accept", actor="nobody"), {"actor": "nobody"}),
    "actor at open": (lambda desk, _: desk.open("job", actor="", fields=X), {"actor": ""}),
    "actor who asks": (lambda desk, own: desk.what_next(own.id, actor="nobody"), {"actor": "nobody"}),
    "team or member": (lambda desk, own: desk.assign(own.id, "nobody", actor="boss"), {"to": "nobody"}),
    "other ticket": (lambda desk, own: desk.link(own.id, 99, actor="ann"), {"ticket": 99}),
    "other ticket beyond 64 bits": (lambda desk, own: desk.link(own.id, 2**63, actor="ann"), {}),
}

MALFORMED: dict[str, tuple[Attempt, str]] = {
    "a required field missing": (lambda desk, _: desk.open("job", actor="ann"), "statement"),
    "a required field empty": (lambda desk, _: desk.open("job", actor="ann", fields={"statement": ""}), "statement"),
    "a required field emptied": (
        lambda desk, own: desk.set_fields(own.id, {"statement": None}, actor="ann"),
        "statement",
    ),
    "a wrong kind": (lambda desk, own: desk.set_fields(own.id, {"amount": "many"}, actor="ann"), "amount"),
    "a wrong kind on the way": (
        lambda desk, own: desk.advance(own.id, "accept", actor="ann", fields={"fees": "-1"}),
        "fees",
    ),
    "a channel": (lambda desk, _: desk.open("job", actor="ann", fields=X, channel="smoke"), "channel"),
    "a priority": (lambda desk, _: desk.open("job", actor="ann", fields=X, priority="asap"), "priority"),
    "a priority set": (lambda desk, own: desk.set_fields(own.id, actor="ann", priority="asap"), "priority"),
    "nothing to set": (lambda desk, own: desk.set_fields(own.id, actor="ann"), "fields"),
    "an empty note": (lambda desk, own: desk.note(own.id, " \n", actor="ann"), "note"),
    "nothing to tag": (lambda desk, own: desk.tag(own.id, actor="ann"), "tags"),
    "a tag with a comma": (lambda desk, own: desk.tag(own.id, actor="ann", add=["a,b"]), "tags"),
    "a link to itself": (lambda desk, own: desk.link(own.id, own.id, actor="ann"), "other"),
    "a page of nothing": (lambda desk, _: desk.find(limit=0), "limit"),
    "a future": (lambda desk, own: desk.advance(own.id, "accept", actor="ann", at=NOON + timedelta(days=1)), "at"),
    "a future opening": (lambda desk, _: desk.open("job", actor="ann", fields=X, at=NOON + timedelta(days=1)), "at"),
    "a run of less than none": (lambda desk, _: desk.run_timeouts(limit=-1), "limit"),
}

RULED: dict[str, tuple[Attempt, type[Refused], str, dict[str, Any]]] = {
    "a trigger of another state": (
        lambda desk, own: desk.advance(own.id, "pass_on", actor="ann"),
        Refused,
        "state",
        {"state": "intake"},
    ),
    "roles": (
        lambda desk, own: desk.advance(own.id, "only_lead", actor="ann"),
        Forbidden,
        "roles",
        {"needed": "lead", "held": "agent", "actor": "ann"},
    ),
    "a condition that is false": (
        lambda desk, own: desk.advance(own.id, "when_agreed", actor="ann", fields={"agreed": False}),
        Refused,
        "conditions",
        {"seen": "agreed=False, severity='low'", "unset": "-"},
    ),
    "a condition that is unknown": (
        lambda desk, own: desk.advance(own.id, "when_agreed", actor="ann", fields={"severity": "high"}),
        Refused,
        "conditions",
        {"seen": "severity='high'", "unset": "agreed"},
    ),
    "required on the way": (
        lambda desk, own: desk.advance(own.id, "with_code", actor="ann", fields={"code": "AB1"}),
        Refused,
        "requires",
        {"missing": "day", "field": "day"},
    ),
    "a verb that no role grants": (
        lambda desk, _: desk.open("job", actor="eve", fields=X),
        Forbidden,
        "verb",
        {"held": "guest"},
    ),
    "advancing without the right": (
        lambda desk, own: desk.advance(own.id, "accept", actor="eve"),
        Forbidden,
        "verb",
        {},
    ),
    "assigning without the right": (
        lambda desk, own: desk.assign(own.id, "bob", actor="ann"),
        Forbidden,
        "verb",
        {"needed": "lead"},
    ),
    "claiming without the right": (lambda desk, own: desk.claim(own.id, actor="eve"), Forbidden, "verb", {}),
    "noting without the right": (lambda desk, own: desk.note(own.id, "x", actor="eve"), Forbidden, "verb", {}),
    "setting without the right": (lambda desk, own: desk.set_fields(own.id, X, actor="eve"), Forbidden, "verb", {}),
    "tagging without the right": (lambda desk, own: desk.tag(own.id, actor="eve", add=["x"]), Forbidden, "verb", {}),
    "linking without the right": (lambda desk, own: desk.link(own.id, 1, actor="eve"), Forbidden, "verb", {}),
    "escalating without the right": (lambda desk, own: desk.escalate(own.id, actor="eve"), Forbidden, "verb", {}),
    "taking in without the right": (lambda desk, _: desk.intake([Contact(1)], actor="ann"), Forbidden, "verb", {}),
    "applying without the right": (lambda desk, _: desk.apply(actor="ann"), Forbidden, "verb", {"needed": "lead"}),
    "claiming another's": (lambda desk, _: desk.claim(1, actor="bob"), Refused, "claimed", {"assignee": "ann"}),
    "four eyes": (lambda desk, _: desk.advance(2, "done", actor="cat"), Refused, "not_by", {"place": "handle.first"}),
    "advancing the archived": (
        lambda desk, _: desk.advance(3, "accept", actor="ann"),
        Refused,
        "state",
        {"known": "-"},
    ),
    "assigning the archived": (lambda desk, _: desk.assign(3, None, actor="boss"), Refused, "archived", {}),
    "claiming the archived": (lambda desk, _: desk.claim(3, actor="ann"), Refused, "archived", {}),
    "setting the archived": (lambda desk, _: desk.set_fields(3, {"amount": 1}, actor="ann"), Refused, "archived", {}),
    "escalating the archived": (lambda desk, _: desk.escalate(3, actor="ann"), Refused, "archived", {}),
}


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    """A ticket in intake, after one that ann holds, one that cat worked on, and one in the archive."""
    claimed, worked, closed, own = (desk.open("job", actor="ann", fields=X) for _ in range(4))
    desk.claim(claimed.id, actor="ann")
    desk.advance(worked.id, "accept", actor="ann")
    desk.advance(worked.id, "pass_on", actor="cat")
    desk.advance(closed.id, "only_lead", actor="boss")
    return own


def attempted(desk: Desk, ticket: Ticket, attempt: Attempt) -> TicketflowError:
    with pytest.raises(TicketflowError) as refused:
        attempt(desk, ticket)
    assert refused.value.remedy
    assert "{" not in refused.value.message + refused.value.remedy
    return refused.value


def test_what_is_not_known_is_not_found(desk: Desk, ticket: Ticket, books: Books, subtests: pytest.Subtests) -> None:
    before = books.rows()
    for name, (attempt, values) in UNKNOWN.items():
        with subtests.test(name):
            error = attempted(desk, ticket, attempt)
            assert isinstance(error, NotFound)
            assert error.exit_code == 4
            assert values.items() <= error.values.items()
    assert books.rows() == before


def test_what_is_malformed_is_refused(desk: Desk, ticket: Ticket, books: Books, subtests: pytest.Subtests) -> None:
    before = books.rows()
    for name, (attempt, field) in MALFORMED.items():
        with subtests.test(name):
            error = attempted(desk, ticket, attempt)
            assert isinstance(error, UsageError)
            assert (error.exit_code, error.field) == (2, field)
            assert isinstance(error, BadValue) or field in ("at", "limit")
    assert books.rows() == before


def test_what_the_rules_forbid_is_refused(desk: Desk, ticket: Ticket, books: Books, subtests: pytest.Subtests) -> None:
    before = books.rows()
    for name, (attempt, kind, rule, values) in RULED.items():
        with subtests.test(name):
            error = attempted(desk, ticket, attempt)
            assert isinstance(error, Refused)
            assert (type(error), error.rule, error.exit_code) == (kind, rule, 5)
            assert values.items() <= error.values.items()
    assert books.rows() == before


def test_a_refusal_names_its_ticket(desk: Desk, ticket: Ticket) -> None:
    attempts: tuple[Attempt, ...] = (
        lambda desk, own: desk.advance(own.id, "pass_on", actor="ann"),
        lambda desk, own: desk.note(own.id, "", actor="ann"),
        lambda desk, _: desk.claim(1, actor="bob"),
    )
    for attempt in attempts:
        with pytest.raises(TicketflowError) as refused:
            attempt(desk, ticket)
        assert refused.value.ticket in (1, ticket.id)
        assert refused.value.as_dict()["ticket"] == refused.value.ticket


def test_a_condition_that_breaks_is_no_refusal(desk: Desk, ticket: Ticket, books: Books) -> None:
    before = books.rows()
    with pytest.raises(ConditionFault) as fault:
        desk.advance(ticket.id, "broken", actor="ann", fields={"amount": 0})
    assert (fault.value.exit_code, fault.value.ticket) == (1, ticket.id)
    assert books.rows() == before
    assert desk.advance(ticket.id, "broken", actor="ann", fields={"amount": 5}).stage == "archive"


def test_personal_data_stand_in_no_refusal(desk: Desk) -> None:
    ticket = desk.open("job", actor="ann", fields=X | {"secret": 421}, customer={"phone": "13812345678"})
    for trigger in ("when_agreed", "with_code", "pass_on"):
        with pytest.raises(Refused) as refused:
            desk.advance(ticket.id, trigger, actor="ann")
        assert not {"421", "13812345678"} & set(map(str, refused.value.values.values()))


def test_a_refused_event_keeps_its_catch_up(desk: Desk, ticket: Ticket, clock: VirtualClock, books: Books) -> None:
    desk.assign(ticket.id, "ann", actor="boss")
    clock.advance(timedelta(minutes=11))
    with pytest.raises(Forbidden):
        desk.advance(ticket.id, "only_lead", actor="ann")
    assert [entry.kind for entry in desk.history(ticket.id)][2:] == ["fired", "escalated", "assigned"]
    assert desk.get(ticket.id).assignee == "bob"
    assert [(row.ticket_id, row.to) for row in desk.outbox()] == [(ticket.id, "member:boss")]
    before = books.rows()
    with pytest.raises(Forbidden):
        desk.advance(ticket.id, "only_lead", actor="ann")
    assert books.rows() == before
    books.assert_balanced()


def test_what_next_says_what_advance_would(desk: Desk, ticket: Ticket, books: Books) -> None:
    desk.set_fields(ticket.id, {"amount": 0}, actor="ann")
    before = books.rows()
    for actor in ("ann", "boss", "eve"):
        found = {option.trigger: option for option in desk.what_next(ticket.id, actor=actor)}
        assert set(found) == {"accept", "only_lead", "when_agreed", "broken", "with_code", "nudge"}
        assert found["accept"].allowed == (actor != "eve")
        assert found["only_lead"].allowed == (actor == "boss")
        if actor != "eve":
            assert found["with_code"].requires == ("code", "day")
            assert isinstance(found["broken"].refusal, ConditionFault)
            assert isinstance(found["when_agreed"].refusal, Refused)
        else:
            assert all(isinstance(option.refusal, Forbidden) for option in found.values())
    assert books.rows() == before


def test_what_next_is_as_of_now_and_writes_nothing(
    desk: Desk, ticket: Ticket, clock: VirtualClock, books: Books
) -> None:
    desk.advance(ticket.id, "accept", actor="ann")
    clock.advance(timedelta(minutes=31))
    before = books.rows()
    assert [option.trigger for option in desk.what_next(ticket.id, actor="ann")] == ["done", "told"]
    assert desk.get(ticket.id).state == "handle.first"
    assert books.rows() == before
