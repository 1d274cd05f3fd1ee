"""P28: who calls again about an open case is joined to it; each urge 催单 counts, and raises the priority."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import SPECIAL, opened, told
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


JOINING = ("complaint", "inquiry", "service", "suggestion")


@pytest.mark.parametrize("name", JOINING)
def test_who_calls_again_is_joined_to_the_open_ticket(desk: Desk, name: str) -> None:
    first = opened(desk, name)
    for words in ("还没有好", "我要向工信部反映"):
        joined = desk.open(
            name, actor="agent_02", fields={"statement": words}, customer={"phone": "138 1234 5678"}, channel="wechat"
        )
        assert (joined.id, joined.joined and joined.joined.same_by) == (first.id, ("phone",))
    assert (joined.fields["statement"], joined.fields["urges"]) == ("断网三天", 2)
    assert (joined.priority, joined.tags) == ("high", ("risk", "urged"))
    assert [entry.private["note"] for entry in desk.history(first.id) if entry.trigger == "urge"] == [
        "还没有好", "我要向工信部反映"
    ]  # fmt: skip
    assert ("member:lead_day", "escalate") in told(desk), "a risk that comes with an urge is told at once (P8)"
    own = opened_again(desk, name, separate="另一处房屋")
    assert [(link.other, link.kind) for link in desk.links(own)] == [(first.id, "repeat")]


@pytest.mark.parametrize("name", ["activation", "emergency", "follow_up"])
def test_each_alarm_order_and_follow_up_is_a_ticket_of_its_own(desk: Desk, name: str) -> None:
    first = opened(desk, name)
    second = opened_again(desk, name)
    assert second != first.id
    assert [(link.other, link.kind) for link in desk.links(second)] == [(first.id, "repeat")]


def test_another_category_is_another_case(desk: Desk) -> None:
    first = opened(desk, "complaint", *SPECIAL)
    assert opened_again(desk, "complaint", category="billing") != first.id
    assert opened_again(desk, "complaint", category="service") == first.id


def opened_again(desk: Desk, name: str, separate: str | None = None, **fields: str) -> int:
    given = {"statement": "断网三天", **fields}
    return desk.open(name, actor="agent_02", fields=given, customer={"phone": "13812345678"}, separate=separate).id
