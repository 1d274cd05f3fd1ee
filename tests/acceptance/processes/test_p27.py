"""P27: a promise has a time in it, the customer is told it, and every ticket shows what is due next and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import HANDLED, later, opened, situations
from workflow import BadValue, Desk


def test_a_promise_is_a_time_to_come_and_the_customer_is_told_it(desk: Desk) -> None:
    ticket = opened(desk, "complaint", ("agent_01", "accept"))
    with pytest.raises(BadValue, match="time to come"):
        desk.promise(ticket.id, desk.clock.now(), actor="agent_01")
    until = desk.clock.now() + timedelta(minutes=20)
    assert desk.promise(ticket.id, until, actor="agent_01").next_due_at == until
    (row,) = [row for row in desk.outbox() if row.kind == "promise"]
    assert (row.to, row.data["until"]) == ("customer", until.isoformat())
    later(desk, minutes=20)
    assert desk.history(ticket.id)[-1].data.get("late", True), "nobody kept it"


def test_every_ticket_shows_what_is_due_next(desk: Desk) -> None:
    assert [name for name in HANDLED if opened(desk, name).next_due_at is None] == []


@pytest.mark.parametrize(("words", "reason"), [("尽快", "尽快办好"), ("as soon as possible", "As soon as possible")])
def test_as_soon_as_possible_is_no_promise(desk: Desk, words: str, reason: str) -> None:
    ticket = opened(desk, "complaint", ("agent_01", "accept"))
    until = desk.clock.now() + timedelta(hours=2)
    with pytest.raises(BadValue, match=words):
        desk.promise(ticket.id, until, actor="agent_01", reason=reason)


def test_who_has_promised_nothing_yet_is_told_to_name_a_time(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *HANDLED["complaint"])
    assert "give_a_time" in situations(desk, ticket.id)
    desk.promise(ticket.id, desk.clock.now() + timedelta(hours=5), actor="specialist_03")
    assert "give_a_time" not in situations(desk, ticket.id)
