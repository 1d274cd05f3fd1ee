"""P27: a promise has a time in it, the customer is told it, and every ticket shows what is due next and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import later, opened
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


@pytest.mark.parametrize(
    "name", ["activation", "complaint", "emergency", "follow_up", "inquiry", "service", "suggestion"]
)
def test_every_ticket_shows_what_is_due_next(desk: Desk, name: str) -> None:
    assert opened(desk, name).next_due_at is not None


def test_as_soon_as_possible_is_no_promise(desk: Desk) -> None:
    ticket = opened(desk, "complaint", ("agent_01", "accept"))
    until = desk.clock.now() + timedelta(hours=2)
    with pytest.raises(BadValue, match="尽快"):
        desk.promise(ticket.id, until, actor="agent_01", reason="尽快办好")
