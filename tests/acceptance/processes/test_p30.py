"""P30: agents are grouped by skill, hard cases go to an expert; whoever hands over says why, to the customer first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.processes.steps import opened, told
from workflow import Desk, Forbidden, Refused

GENERAL = (("agent_01", "accept"), ("agent_01", "classified", {"category": "service"}))
WHY: dict[str, Any] = {"reason": "客户三次来电仍未解决", "announced": True}


def test_a_case_that_rules_or_people_call_hard_goes_to_the_expert(desk: Desk) -> None:
    easy = [opened(desk, "complaint", *GENERAL) for _ in range(2)]
    assert [ticket.assignee for ticket in easy] == ["specialist_01", "specialist_02"], "in general to who has the least"
    desk.open("complaint", actor="agent_01", fields={"statement": "再不解决就向工信部反映"})
    risky = desk.advance(3, "accept", actor="agent_01")
    assert "risk" in risky.tags
    risky = desk.advance(3, "classified", actor="agent_01", fields={"category": "service"})
    assert risky.assignee == "specialist_02"


def test_a_transfer_is_announced_has_a_reason_and_is_told_to_whoever_goes_on(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *GENERAL)
    assert ticket.assignee == "specialist_01"
    with pytest.raises(Refused) as refusal:
        desk.transfer(ticket.id, actor="specialist_01", skill="hard", reason="难", announced=False)
    assert refusal.value.rule == "announced"
    ticket = desk.transfer(ticket.id, actor="specialist_01", skill=" hard", **WHY)
    assert (ticket.assignee, ticket.team, ticket.tags) == ("specialist_02", "complaints", ("hard",))
    assert told(desk) == [("member:specialist_02", "notify")]
    entry = desk.history(ticket.id)[-1]
    assert (entry.kind, entry.actor, entry.private["reason"]) == ("transferred", "specialist_01", WHY["reason"])
    assert entry.data == {
        "team": "complaints", "assignee": "specialist_02", "policy": "least_loaded", "instead_of": "specialist_01",
        "tagged": ["hard"], "announced": True,
    }  # fmt: skip


def test_it_goes_to_another_team_and_to_no_member_who_is_off_duty(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *GENERAL)
    with pytest.raises(Refused, match="agent_04"):
        desk.transfer(ticket.id, "agent_04", actor="specialist_01", **WHY)
    with pytest.raises(Refused, match="frontline"):
        desk.transfer(ticket.id, "frontline", actor="specialist_01", skill="hard", **WHY)
    ticket = desk.transfer(ticket.id, "service_department", actor="specialist_01", **WHY)
    assert (ticket.team, ticket.assignee, ticket.state) == ("service_department", "specialist_03", "handle.by_phone")
    ticket = desk.transfer(ticket.id, "service_department", actor="specialist_03", **WHY)
    assert ticket.assignee == "office_01", "whoever hands over does not get it back"


def test_who_may_not_hand_over_is_refused(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *GENERAL)
    with pytest.raises(Forbidden):
        desk.transfer(ticket.id, "complaints", actor="reviewer_01", **WHY)


def test_it_is_explained_who_has_a_ticket_and_why(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *GENERAL)
    found = desk.explain(ticket.id, actor="lead_day")
    assert found.given is not None
    assert found.given.data["policy"] == "least_loaded"
    assert (found.queue, found.owner) == (None, "specialist_01")
