"""P38: an agent who is unsure asks the lead at any point; a lead who is unsure asks the supervisor."""

from __future__ import annotations

from tests.acceptance.processes.steps import HANDLED, opened, told, walk
from workflow import Desk

WHO = {
    "activation": ("office_04", "lead_service"),
    "complaint": ("specialist_03", "lead_service"),
    "emergency": ("technician_01", "lead_service"),
    "follow_up": ("specialist_03", "lead_service"),
    "inquiry": ("office_02", "lead_service"),
    "service": ("office_01", "lead_service"),
    "suggestion": ("product_02", "product_01"),
}


def test_who_handles_it_asks_the_lead_of_the_team_and_keeps_it(desk: Desk) -> None:
    for name, (unsure, lead) in WHO.items():
        ticket = opened(desk, name, *HANDLED[name])
        asked = walk(desk, ticket.id, (unsure, "ask_lead"))
        assert told(desk)[-1] == (f"member:{lead}", "escalate"), name
        assert (asked.state, asked.entry) == (ticket.state, ticket.entry), "no limit begins anew"


def test_before_it_is_handled_asking_is_no_different(desk: Desk) -> None:
    desk.escalate(opened(desk, "complaint").id, actor="agent_01", reason="不确定属于哪一类")
    assert told(desk) == [("member:lead_day", "escalate")]


def test_a_lead_who_is_unsure_asks_the_supervisor(desk: Desk) -> None:
    for name, way in HANDLED.items():
        opened(desk, name, *way, ("lead_day", "take_over"), ("lead_day", "ask_lead"))
        assert told(desk)[-1] == ("member:supervisor_01", "notify"), name
