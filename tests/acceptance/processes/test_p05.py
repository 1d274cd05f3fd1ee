"""P5: a case sent to the back office or the region is answered within three days, and how it was answered is kept."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import SPECIAL, later, opened, told, walk
from workflow import Desk, Refused

TO_THE_BACK_OFFICE = (
    ("agent_01", "accept"),
    ("agent_01", "classified", {"topic": "billing"}),
    ("agent_01", "answered", {"answer": "Ten a month.", "satisfied": "no"}),
)


def test_the_back_office_has_three_days_and_says_by_which_way_it_replied(desk: Desk) -> None:
    ticket = opened(desk, "inquiry", *TO_THE_BACK_OFFICE)
    clock = ticket.clock("reply")
    assert clock is not None
    assert clock.due_at is not None
    assert (clock.due_at - ticket.opened_at).total_seconds() == 72 * 3600
    with pytest.raises(Refused, match="reply_channel"):
        desk.advance(ticket.id, "replied", actor="office_02", fields={"full_answer": "See the table."})
    ticket = walk(desk, ticket.id, ("office_02", "replied", {"full_answer": "See the table.", "reply_channel": "sms"}))
    assert (ticket.state, ticket.fields["reply_channel"]) == ("callback", "sms")


def test_the_region_is_reminded_when_the_three_days_are_over(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("specialist_03", "report_upward"))
    assert told(desk) == [("member:region_01", "escalate"), ("member:supervisor_01", "notify")]
    desk.acknowledge(ticket.id, actor="region_01")
    assert ("member:region_01", "escalate") in later(desk, hours=72)[2:]
    assert walk(desk, ticket.id, ("region_01", "instructed", {"instructions": "换机"})).state == "handle.case_file"


def test_a_customer_who_stays_silent_is_not_waited_for_for_ever(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("office_01", "wait_for_customer"))
    later(desk, hours=72)
    assert desk.get(ticket.id).state == "handle.case_file"
