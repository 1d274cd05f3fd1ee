"""P9: a complaint about another agent's attitude is the on-duty lead's from the first moment."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import SPECIAL, opened, situations, told, walk
from workflow import Desk, Forbidden, Refused

ATTITUDE = (("agent_01", "accept"), ("agent_01", "classified", {"category": "attitude"}))


def test_it_goes_straight_to_the_lead_on_duty(desk: Desk) -> None:
    assert opened(desk, "complaint", *ATTITUDE).state == "handle.with_lead"
    assert told(desk) == [("member:lead_day", "escalate")]


def test_the_lead_hands_back_the_business_problem(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *ATTITUDE)
    with pytest.raises(Forbidden):
        desk.advance(ticket.id, "handed_back", actor="specialist_01")
    assert walk(desk, ticket.id, ("lead_day", "handed_back")).state == "handle.case_file"


def test_who_wants_it_only_recorded_is_contacted_by_lead_and_supervisor(desk: Desk) -> None:
    nameless = desk.open("complaint", actor="agent_01", fields={"statement": "态度差"})
    walk(desk, nameless.id, *ATTITUDE)
    with pytest.raises(Refused, match="customer"):
        desk.advance(nameless.id, "record_only", actor="agent_01", fields={"demand": "只要记录"})
    ticket = opened(desk, "complaint", *ATTITUDE)
    with pytest.raises(Refused, match="demand"):
        desk.advance(ticket.id, "record_only", actor="agent_01")
    ticket = walk(desk, ticket.id, ("agent_01", "record_only", {"demand": "只要记录"}))
    assert ticket.state == "handle.with_lead"
    assert ("member:supervisor_01", "notify") in told(desk)


def test_a_heated_conversation_is_taken_over_by_the_lead(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    with pytest.raises(Forbidden):
        desk.advance(ticket.id, "take_over", actor="specialist_01")
    assert walk(desk, ticket.id, ("lead_day", "take_over")).state == "handle.with_lead"


def test_the_words_say_that_it_is_about_attitude(desk: Desk) -> None:
    ticket = desk.open(actor="agent_01", fields={"statement": "昨天那个客服态度恶劣"})
    assert (ticket.type, ticket.fields.get("category")) == ("complaint", "attitude")
    assert "attitude" in situations(desk, walk(desk, ticket.id, ("agent_01", "accept")).id)


def test_who_is_angry_is_met_as_such_from_the_first_word(desk: Desk) -> None:
    ticket = desk.open(actor="agent_01", fields={"statement": "投诉，你们欺人太甚"})
    assert (ticket.tags, situations(desk, ticket.id)[0]) == (("heated",), "heated")
