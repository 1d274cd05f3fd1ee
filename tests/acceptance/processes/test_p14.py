"""P14: a service request is recorded with notes, done, reviewed and called back; not satisfied, it is handled again."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import HANDLED, RECORD, heard, opened, walk
from workflow import Desk, Refused

DONE = (("office_01", "settle", RECORD), ("reviewer_01", "passed"))


def test_it_is_recorded_with_notes(desk: Desk) -> None:
    ticket = opened(desk, "service", ("agent_01", "accept"))
    with pytest.raises(Refused, match="notes"):
        desk.advance(ticket.id, "classified", actor="agent_01", fields={"request": "move"})
    ticket = walk(desk, ticket.id, ("agent_01", "classified", {"request": "move", "notes": "Call before coming."}))
    assert ticket.team == "service_department"


def test_a_customer_who_is_not_satisfied_has_it_handled_again(desk: Desk) -> None:
    begun = (("agent_01", "accept"), ("agent_01", "classified", {"request": "move", "notes": "Call before coming."}))
    ticket = opened(desk, "service", *begun, *DONE, ("callback_01", "dissatisfied", {"still_open": "No signal."}))
    assert ticket.state == "handle.working"
    assert walk(desk, ticket.id, *DONE, ("callback_01", "satisfied", {"score": "4"})).state == "archive"


def test_a_visit_is_agreed_on_and_there_are_words_for_each_step(desk: Desk) -> None:
    visit = ("office_01", "plan_visit", {"visit_at": "2026-03-03T10:00"}), ("office_01", "visited")
    said = heard(desk, "service", *HANDLED["service"], *visit)
    assert {"ask_service", "service_working", "visit"} <= set(said)
