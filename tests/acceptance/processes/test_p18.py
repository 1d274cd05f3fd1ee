"""P18: the customer is called back; how satisfied they are, a score and their opinions are kept."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import REVIEWED, opened, walk
from workflow import Desk, Refused


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


def test_whom_nobody_reached_is_archived_with_the_reason(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED)
    with pytest.raises(Refused, match="closing_reason"):
        desk.advance(ticket.id, "unreachable", actor="callback_01")
    ticket = walk(desk, ticket.id, ("callback_01", "unreachable", {"closing_reason": "三日五次未接通"}))
    assert (ticket.state, ticket.fields["outcome"]) == ("archive", "unreachable")
