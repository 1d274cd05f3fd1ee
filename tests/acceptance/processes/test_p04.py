"""P4: with the customer's consent the case goes to a specialist, who calls within 24 hours."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import Step, heard, later, opened, told, walk
from workflow import Desk, Refused

STEPS: tuple[Step, ...] = (("agent_01", "accept"), ("agent_01", "classified", {"category": "product"}))


def test_without_consent_no_specialist_gets_it(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *STEPS)
    for fields in ({}, {"consent": "no"}):
        with pytest.raises(Refused) as refused:
            desk.advance(ticket.id, "send_to_specialist", actor="agent_01", fields=fields)
        assert (refused.value.rule, refused.value.field) == ("consent", "consent")
    option = next(each for each in desk.what_next(ticket.id, actor="agent_01") if each.trigger == "send_to_specialist")
    assert (option.allowed, option.requires) == (True, ("consent",))
    assert walk(desk, ticket.id, ("agent_01", "send_to_specialist", {"consent": "yes"})).fields["consent"] is True


def test_a_call_that_is_not_made_within_a_day_is_escalated(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *STEPS, ("agent_01", "send_to_specialist", {"consent": "yes"}))
    assert later(desk, hours=23.9) == []
    assert later(desk, hours=0.1) == [("member:lead_day", "escalate")]
    assert walk(desk, ticket.id, ("specialist_01", "called")).state == "handle.case_file"


def test_a_call_in_time_is_the_end_of_it(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *STEPS, ("agent_01", "send_to_specialist", {"consent": "yes"}))
    later(desk, hours=23)
    walk(desk, ticket.id, ("specialist_01", "called"))
    later(desk, hours=1.5)
    assert ("member:lead_day", "escalate") not in told(desk)


def test_there_are_words_for_asking_and_for_calling(desk: Desk) -> None:
    said = heard(desk, "complaint", *STEPS, ("agent_01", "send_to_specialist", {"consent": "yes"}))
    assert {"by_phone", "specialist_call"} <= set(said)
