"""P28: a customer who calls again about an open case urges it 催单: that is counted and raises the priority."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import SPECIAL, opened
from workflow import Desk, Refused


def test_urges_are_counted_and_raise_the_priority(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    desk.assign(ticket.id, "office_01", actor="lead_day")
    raised = []
    for _ in range(4):
        ticket = desk.urge(ticket.id, actor="agent_02", note="客户问何时能办好")
        raised.append((ticket.fields["urges"], ticket.priority))
    assert raised == [(1, "normal"), (2, "high"), (3, "high"), (4, "urgent")]
    assert (ticket.state, ticket.entry) == ("handle.case_file", 4), "no limit of its own begins anew"
    assert [row.to for row in desk.outbox() if row.reason == "urge"].count("member:office_01") == 4
    assert [entry.private["note"] for entry in desk.history(ticket.id) if entry.trigger == "urge"] == [
        "客户问何时能办好"
    ] * 4


def test_an_urged_reply_is_due_sooner_and_the_agent_knows_what_to_say(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    for _ in range(4):
        ticket = desk.advance(ticket.id, "urge", actor="agent_02")
    clock = ticket.clock("reply")
    assert clock is not None
    assert clock.goal.total_seconds() == 24 * 3600
    said = desk.what_to_say(ticket.id, actor="agent_02", lang="zh").lines
    assert "urged" in [line.situation for line in said]


@pytest.mark.parametrize(
    "name", ["activation", "complaint", "emergency", "follow_up", "inquiry", "service", "suggestion"]
)
def test_every_open_ticket_can_be_urged_and_no_archived_one(desk: Desk, name: str) -> None:
    ticket = opened(desk, name, ("agent_01", "urge"))
    assert (ticket.state, ticket.fields["urges"], ticket.tags) == ("intake", 1, ("urged",))
    desk.advance(ticket.id, "mark_spam", actor="lead_day", fields={"closing_reason": "误拨"})
    with pytest.raises(Refused):
        desk.advance(ticket.id, "urge", actor="agent_01")
