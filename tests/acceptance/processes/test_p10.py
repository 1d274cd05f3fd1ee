"""P10: a complaint about the agent who is talking: an apology; if it is not accepted, the lead takes over at once."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import HANDLED, opened, situations, walk
from workflow import Desk, Forbidden

ANGRY = "投诉你们这个客服，太气人了"


def test_the_lead_takes_over_whatever_is_being_handled_and_hands_it_back(desk: Desk) -> None:
    for name, way in HANDLED.items():
        ticket = opened(desk, name, *way)
        with pytest.raises(Forbidden):
            desk.advance(ticket.id, "take_over", actor="agent_02")
        assert walk(desk, ticket.id, ("lead_day", "take_over")).state == "handle.with_lead", name
        assert "with_lead" in situations(desk, ticket.id)
        back = walk(desk, ticket.id, ("lead_day", "handed_back"))
        assert (back.stage, back.state != "handle.with_lead") == ("handle", True)


def test_the_lead_reads_the_whole_conversation_first(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *HANDLED["complaint"])
    desk.note(ticket.id, "客户不接受道歉", actor="specialist_01")
    walk(desk, ticket.id, ("lead_day", "take_over"))
    notes = [entry.private.get("note") for entry in desk.history(ticket.id)]
    assert "客户不接受道歉" in notes
    assert [line.situation for line in desk.what_to_say(ticket.id, actor="lead_day").lines] != []


def test_anger_is_known_by_its_words_and_the_agent_told_what_to_do(desk: Desk) -> None:
    ticket = desk.open(actor="agent_01", fields={"statement": ANGRY})
    assert "heated" in ticket.tags
    (first, *_) = desk.what_to_say(ticket.id, actor="agent_01", lang="zh").lines
    assert (first.situation, "take_over" in first.do) == ("heated", True)


def test_a_complaint_about_attitude_goes_to_the_lead_with_the_classification(desk: Desk) -> None:
    steps = (("agent_01", "accept"), ("agent_01", "classified", {"category": "attitude"}))
    assert opened(desk, "complaint", *steps).state == "handle.with_lead"
