"""P22: an answer that will slip is announced an hour before it is due, with the reason; later is recorded as late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import HANDLED, SPECIAL, later, opened, situations, told_by
from workflow import BadValue, Desk


def test_the_owner_is_warned_an_hour_before_the_answer_is_due(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("office_01", "report_upward"))
    desk.assign(ticket.id, "region_01", actor="lead_day")
    desk.acknowledge(ticket.id, actor="region_01")
    later(desk, hours=70, minutes=59)
    assert "sla:reply/-1h:1:1" not in [row.reason for row in desk.outbox()]
    later(desk, minutes=1)
    rows = [row for row in desk.outbox() if row.reason == "sla:reply/-1h:1:1"]
    assert [(row.to, row.kind) for row in rows] == [("member:region_01", "notify")]


@pytest.mark.parametrize(("minutes", "late"), [(110, False), (130, True)])
def test_a_promise_is_replaced_with_a_reason_and_the_customer_is_told(desk: Desk, minutes: int, late: bool) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    first = desk.clock.now() + timedelta(hours=3)
    desk.promise(ticket.id, first, actor="office_01")
    later(desk, minutes=minutes)
    with pytest.raises(BadValue, match="why"):
        desk.promise(ticket.id, first + timedelta(hours=3), actor="office_01")
    desk.promise(ticket.id, first + timedelta(hours=3), actor="office_01", reason="等备件，今天 18:00 前答复")
    assert desk.history(ticket.id)[-1].data["late"] is late
    assert [row.to for row in desk.outbox() if row.kind == "promise"] == ["customer", "customer"]


def test_so_is_the_owner_in_every_type_that_has_three_days(desk: Desk) -> None:
    for name, way in HANDLED.items():
        opened(desk, name, *way)
    later(desk, hours=71)
    assert told_by(desk, "sla:setup/-1h") | told_by(desk, "sla:reply/-1h") == set(HANDLED) - {"emergency"}


def test_the_agent_has_words_for_it(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    desk.promise(ticket.id, desk.clock.now() + timedelta(hours=3), actor="office_01")
    assert "promise_slips" not in situations(desk, ticket.id)
    later(desk, hours=2)
    assert "promise_slips" in situations(desk, ticket.id)
