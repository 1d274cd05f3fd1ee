"""P5: a case sent to the back office or the region is answered within three days, and how it was answered is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import HANDLED, SPECIAL, heard, later, opened, told, walk
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


def test_it_is_three_days_in_every_type_that_somebody_else_answers(desk: Desk) -> None:
    for name in sorted(set(HANDLED) - {"emergency"}):
        clock = opened(desk, name, *HANDLED[name]).clock("setup" if name == "activation" else "reply")
        assert clock is not None, name
        assert clock.goal == timedelta(hours=72), name


@pytest.mark.parametrize(
    ("name", "waits", "back"),
    [
        ("service", ("office_01", "wait_for_customer"), "handle.working"),
        ("suggestion", ("product_01", "ask_customer"), "handle.assessing"),
    ],
)
def test_after_three_days_of_silence_it_is_our_turn_again(
    desk: Desk, name: str, waits: tuple[str, str], back: str
) -> None:
    ticket = opened(desk, name, *HANDLED[name], waits)
    later(desk, hours=71, minutes=59)
    assert desk.get(ticket.id).state == waits[1].replace("wait_for_", "handle.waiting_").replace(
        "ask_", "handle.asking_"
    )
    later(desk, minutes=1)
    assert desk.get(ticket.id).state == back


def test_the_customer_hears_of_the_three_days(desk: Desk) -> None:
    assert "inquiry_back_office" in heard(desk, "inquiry", *HANDLED["inquiry"])
    assert "waiting_customer" in heard(desk, "complaint", *SPECIAL, ("office_01", "wait_for_customer"))
