"""P21: an emergency tells the supervisor and the technicians in the moment in which it comes in."""

from __future__ import annotations

import pytest

from workflow import Desk
from workflow.testing import memory_desk

BOTH = {("member:supervisor_01", "notify"), ("team:technicians", "notify")}


@pytest.mark.parametrize("ticket_type", ["emergency", None])
def test_both_notices_leave_with_the_intake_itself(ticket_type: str | None) -> None:
    with memory_desk() as desk:
        ticket = desk.open(ticket_type, actor="agent_01", fields={"statement": "机房冒烟，全网中断"})
        assert (ticket.type, ticket.state, ticket.priority) == ("emergency", "intake", "urgent")
        assert told(desk) == BOTH
        assert {row.seq for row in desk.outbox()} <= {entry.seq for entry in desk.history(ticket.id)}


def test_accepting_it_tells_nobody_twice() -> None:
    with memory_desk() as desk:
        ticket = desk.open("emergency", actor="agent_01", fields={"statement": "机房冒烟"})
        assert desk.advance(ticket.id, "accept", actor="agent_01").team == "technicians"
        assert len(desk.outbox()) == 2


def test_a_danger_that_is_only_asked_about_wakes_nobody() -> None:
    with memory_desk() as desk:
        ticket = desk.open(actor="agent_01", fields={"statement": "咨询一下起火时怎么报警"})
        assert (ticket.type, told(desk)) == ("inquiry", set())


def told(desk: Desk) -> set[tuple[str, str]]:
    return {(row.to, row.kind) for row in desk.outbox()}
