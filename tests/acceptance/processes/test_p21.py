"""P21: an emergency tells the supervisor and the technicians in the moment in which it comes in."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import heard, later, opened, walk
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


def test_a_technician_calls_within_five_minutes_or_lead_and_supervisor_know(desk: Desk) -> None:
    ticket = opened(desk, "emergency")
    later(desk, seconds=50)
    walk(desk, ticket.id, ("agent_01", "accept"))
    later(desk, minutes=4)
    assert told(desk) == BOTH
    later(desk, seconds=10)
    late = {(row.to, row.kind) for row in desk.outbox() if row.reason.startswith("sla:first_call/100%")}
    assert late == {("member:lead_service", "escalate"), ("member:supervisor_01", "notify")}


def test_a_call_in_time_is_the_end_of_it(desk: Desk) -> None:
    ticket = opened(desk, "emergency", ("agent_01", "accept"), ("technician_01", "contacted", {"plan": "hazard"}))
    clock = ticket.clock("first_call")
    assert clock is not None
    assert (clock.is_open, clock.breached) == (False, False)


def test_a_doubt_that_proves_true_tells_both_again(desk: Desk) -> None:
    ticket = opened(desk, "emergency", ("agent_01", "doubt"), ("agent_01", "confirmed"))
    assert ticket.state == "handle.first_contact"
    assert {(row.to, row.kind) for row in desk.outbox() if row.reason == "confirmed"} == BOTH


def test_there_are_words_for_each_step(desk: Desk) -> None:
    contacted = ("technician_01", "contacted", {"plan": "hazard"})
    said = heard(desk, "emergency", ("agent_01", "accept"), contacted)
    assert {"emergency_call", "emergency_facts", "first_contact", "repairing"} <= set(said)


def told(desk: Desk) -> set[tuple[str, str]]:
    return {(row.to, row.kind) for row in desk.outbox()}
