"""P7: a policy or promotion question: known is answered, unknown is referred, who insists gets a work order."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import situations
from workflow import Desk, Refused, Ticket
from workflow.testing import memory_desk


@pytest.mark.parametrize(("text", "topic"), [("请问有什么优惠活动", "promotion"), ("请问续约的政策", "policy")])
def test_the_question_is_known_for_what_it_is(text: str, topic: str) -> None:
    with memory_desk() as desk:
        ticket = desk.open(actor="agent_01", fields={"statement": text})
        assert (ticket.type, ticket.fields.get("topic")) == ("inquiry", topic)
        answering(desk, ticket)  # and need not be asked for again


def test_it_is_looked_up_first_and_what_is_public_is_answered() -> None:
    with memory_desk() as desk:
        ticket, told = answering(desk), {"answer": "公示的优惠到月底为止", "satisfied": True}
        for nothing in ({}, {"found_in": "nowhere"}):
            with pytest.raises(Refused, match="found_in"):
                desk.advance(ticket.id, "answered", actor="agent_01", fields={**told, **nothing})
        found = {**told, "found_in": "public_notice"}
        assert desk.advance(ticket.id, "answered", actor="agent_01", fields=found).state == "archive"


def test_what_is_found_nowhere_is_referred() -> None:
    with memory_desk() as desk:
        ticket, where = answering(desk), {"referral": "省公司官网的活动页面"}
        with pytest.raises(Refused, match="found_in"):
            desk.advance(ticket.id, "refer", actor="agent_01", fields=where)
        ticket = desk.advance(ticket.id, "refer", actor="agent_01", fields={**where, "found_in": "nowhere"})
        assert (ticket.state, ticket.fields["outcome"]) == ("archive", "referred")


def test_who_insists_is_answered_by_the_region_and_called_back() -> None:
    with memory_desk() as desk:
        ticket = answering(desk)
        desk.advance(ticket.id, "work_order", actor="agent_01", fields={"insists": "客户坚持要书面答复"})
        assert [clock.name for clock in desk.get(ticket.id).clocks if clock.is_open] == ["progress", "reply"]
        assert (desk.get(ticket.id).team, desk.get(ticket.id).assignee) == ("region", "region_01")
        reply = {"full_answer": "活动仅限新用户", "reply_channel": "sms"}
        assert desk.advance(ticket.id, "replied", actor="region_01", fields=reply).state == "callback"


def test_the_agent_is_told_how_to_go_about_it() -> None:
    with memory_desk() as desk:
        ticket = answering(desk)
        assert "policy" in situations(desk, ticket.id)
        desk.advance(ticket.id, "work_order", actor="agent_01", fields={"insists": "客户坚持要书面答复"})
        assert "inquiry_back_office" in situations(desk, ticket.id)


def answering(desk: Desk, ticket: Ticket | None = None) -> Ticket:
    ticket = ticket or desk.open(actor="agent_01", fields={"statement": "请问有什么优惠活动"})
    desk.advance(ticket.id, "accept", actor="agent_01")
    return desk.advance(ticket.id, "classified", actor="agent_01")
