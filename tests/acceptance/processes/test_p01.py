"""P1: the first response is at once: greeted; a late one goes to another agent, and the lead is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import later, opened, situations, told
from workflow import Desk

# Who took it and did not answer; how many minutes the desk leaves them; who is told.
FIRST = {
    "activation": ("agent_06", 10, {"member:lead_service"}),
    "complaint": ("agent_01", 10, {"member:lead_day"}),
    "emergency": ("agent_01", 1, {"member:lead_day", "member:supervisor_01"}),
    "follow_up": ("callback_01", 240, {"member:lead_day"}),
    "inquiry": ("agent_01", 10, {"member:lead_day"}),
    "service": ("agent_01", 10, {"member:lead_day"}),
    "suggestion": ("agent_01", 10, {"member:lead_day"}),
}


@pytest.mark.parametrize("name", FIRST)
def test_a_late_first_response_goes_to_another_agent_and_the_lead_is_told(desk: Desk, name: str) -> None:
    slow, minutes, leads = FIRST[name]
    ticket = desk.claim(opened(desk, name).id, actor=slow)
    before = told(desk)
    assert later(desk, minutes=minutes - 0.1) == before
    later(desk, minutes=0.1)
    reason = "timeout:first_response"
    assert {row.to for row in desk.outbox() if row.reason.startswith(reason)} == leads
    now = desk.get(ticket.id)
    assert (now.state, now.team) == (ticket.state, ticket.team), "it waits where it was, for somebody else of the team"
    assert now.assignee in set(desk.desk.teams[str(ticket.team)].members) - {slow}


def test_who_was_answered_in_time_troubles_nobody(desk: Desk) -> None:
    ticket = desk.claim(opened(desk, "complaint").id, actor="agent_01")
    later(desk, minutes=9)
    desk.advance(ticket.id, "accept", actor="agent_01")
    assert later(desk, minutes=20) == []
    assert desk.get(ticket.id).assignee == "agent_01"


def test_the_limit_counts_service_hours_and_a_dead_night_is_nobodys_fault(desk: Desk) -> None:
    later(desk, hours=9, minutes=25)  # 18:25
    ticket = opened(desk, "inquiry")
    assert ticket.next_due_at == ticket.opened_at + timedelta(hours=14, minutes=40), "five of today, five of tomorrow"


def test_the_customer_is_greeted_first(desk: Desk) -> None:
    assert situations(desk, opened(desk, "inquiry").id)[0] == "greeting"
