"""P18: the customer is called back; how satisfied they are, a score and their opinions are kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import (
    HANDLED,
    REVIEWED,
    called_back,
    heard,
    later,
    opened,
    situations,
    told,
    told_by,
    walk,
)
from tests.delivery.servers import SECRET, Receiver
from workflow import Delivery, Desk, Refused

CALL = ("team:callback", "notify")
NOT_REACHED = {"closing_reason": "三次未接通"}


def test_the_call_ends_with_a_score_and_opinions(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED)
    with pytest.raises(Refused, match="score"):
        desk.advance(ticket.id, "satisfied", actor="callback_01")
    ticket = walk(desk, ticket.id, ("callback_01", "satisfied", {"score": "4", "opinions": "快"}))
    assert (ticket.fields["satisfied"], ticket.fields["score"], ticket.fields["opinions"]) == (True, 4, "快")


def test_a_customer_who_is_not_satisfied_has_it_handled_again(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED)
    with pytest.raises(Refused, match="still_open"):
        desk.advance(ticket.id, "dissatisfied", actor="callback_01")
    ticket = walk(desk, ticket.id, ("callback_01", "dissatisfied", {"still_open": "信号仍弱"}))
    assert (ticket.state, ticket.fields["satisfied"]) == ("handle.case_file", False)


def test_whom_nobody_reaches_is_tried_again_by_day_and_after_three_calls_the_lead_decides(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED)
    for call in (1, 2):
        with pytest.raises(Refused, match="calls"):
            desk.advance(ticket.id, "unreachable", actor="callback_01", fields=NOT_REACHED)
        ticket = walk(desk, ticket.id, ("callback_01", "not_reached"))
        assert (ticket.state, ticket.fields["calls"]) == ("callback", call)
    later(desk, hours=9, minutes=59)  # 18:59
    reminders = told(desk).count(CALL)
    walk(desk, ticket.id, ("callback_01", "not_reached"))
    assert told(desk)[-1] == ("member:lead_day", "escalate"), "the third time"
    assert later(desk, hours=14, minutes=59).count(CALL) == reminders, "nobody is called at night"
    assert later(desk, minutes=1).count(CALL) == reminders + 1, "an hour of Monday's and one of Tuesday's"
    with pytest.raises(Refused, match="closing_reason"):
        desk.advance(ticket.id, "unreachable", actor="callback_01")
    ticket = walk(desk, ticket.id, ("callback_01", "unreachable", NOT_REACHED))
    assert (ticket.state, ticket.fields["outcome"]) == ("archive", "unreachable")


def test_the_lead_may_give_up_earlier(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED)
    assert walk(desk, ticket.id, ("lead_day", "unreachable", NOT_REACHED)).state == "archive"


def test_who_asks_for_a_later_time_is_left_alone_until_then(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED)
    with pytest.raises(Refused, match="call_at"):
        desk.advance(ticket.id, "call_later", actor="callback_01", fields={"call_at": "2026-03-01T10:00"})
    walk(desk, ticket.id, ("callback_01", "call_later", {"call_at": "2026-03-04T10:00"}))
    assert later(desk, hours=48) == [], "it is Wednesday at nine"
    assert CALL in later(desk, hours=3)
    assert ("member:lead_day", "escalate") in later(desk, hours=22), "and nobody has called"
    ticket = walk(desk, ticket.id, ("callback_01", "not_reached"))
    assert "call_at" not in ticket.fields


def test_who_wants_no_callback_gets_none(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED, ("callback_01", "call_refused", {"closing_reason": "不愿多谈"}))
    assert (ticket.state, ticket.fields["outcome"]) == ("archive", "no_callback")


def test_calls_are_counted_anew_when_the_callback_begins_again(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED, ("callback_01", "not_reached"))
    again = ("callback_01", "dissatisfied", {"still_open": "信号仍弱"}), ("office_01", "settle"), REVIEWED[-1]
    assert "calls" not in walk(desk, ticket.id, *again).fields


def test_in_every_type_a_call_is_due_within_two_hours_and_each_attempt_is_counted(desk: Desk) -> None:
    tickets = {name: opened(desk, name, *called_back(name)[: None if name != "follow_up" else 2]) for name in HANDLED}
    assert {ticket.stage for ticket in tickets.values()} == {"callback"}
    later(desk, hours=1, minutes=59)
    assert told_by(desk, "timeout:call_due") == set()
    later(desk, minutes=1)
    assert told_by(desk, "timeout:call_due") == set(HANDLED)
    for name, ticket in tickets.items():
        called = walk(desk, ticket.id, ("callback_01", "not_reached"))
        assert (called.state, called.fields["calls"]) == (ticket.state, 1), name


def test_the_caller_has_the_five_steps_at_hand(desk: Desk) -> None:
    assert "callback" in situations(desk, opened(desk, "complaint", *REVIEWED).id)
    assert "prepare_follow_up" in heard(desk, "follow_up", ("callback_01", "accept"))
    assert "activation_call" in heard(desk, "activation", *called_back("activation"))


def test_at_night_no_customer_is_told_anything_that_is_not_urgent(desk: Desk) -> None:
    with Receiver() as receiver:
        desk.delivery = Delivery(webhook_url=receiver.url, webhook_secret=SECRET)
        late, urgent = opened(desk, "inquiry"), opened(desk, "inquiry")
        desk.set_fields(urgent.id, actor="agent_01", priority="urgent")
        later(desk, hours=12)  # 21:00
        for ticket in (late, urgent):
            desk.promise(ticket.id, desk.clock.now() + timedelta(hours=20), actor="agent_01")
        desk.deliver()
        customers = [posted.message["ticket"]["id"] for posted in receiver.posted if posted.message["to"] == "customer"]
        assert customers == [urgent.id]
        later(desk, hours=12)
        desk.deliver()
        assert ("customer", late.id) in [(each.message["to"], each.message["ticket"]["id"]) for each in receiver.posted]
