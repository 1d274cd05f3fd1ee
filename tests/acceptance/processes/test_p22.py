"""P22: an answer that will slip is announced an hour before it is due, with the reason; later is recorded as late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import SPECIAL, later, opened
from workflow import BadValue, Desk


def test_the_owner_is_warned_an_hour_before_the_answer_is_due(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("office_01", "report_upward"))
    desk.assign(ticket.id, "region_01", actor="lead_day")
    desk.acknowledge(ticket.id, actor="region_01")
    later(desk, hours=70, minutes=59)
    assert "sla:reply/-1h:1:1" not in [row.reason for row in desk.outbox()]
    later(desk, minutes=1)
    (row,) = [row for row in desk.outbox() if row.reason == "sla:reply/-1h:1:1"]
    assert (row.to, row.kind) == ("member:region_01", "notify")


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
