"""P19: everything ends in the archive 客户信息档案库: final, and found by customer, text, tag and time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.processes.steps import later, opened, walk
from workflow import Desk, Refused

ENDED = (
    ("agent_01", "accept"),
    ("agent_01", "classified", {"category": "billing"}),
    ("specialist_01", "answered", {"satisfied": "yes"}),
)


def test_the_archive_is_searched_by_customer_text_tag_and_time(desk: Desk) -> None:
    first = opened(desk, "complaint", *ENDED)
    desk.tag(first.id, actor="agent_01", add=["回头客"])
    later(desk, days=2)
    second = walk(desk, opened(desk, "inquiry").id, ("lead_day", "withdraw", {"closing_reason": "已自行解决"}))
    opened(desk, "service")
    start = first.opened_at
    assert first.customer == second.customer, "one record with all its tickets"

    def found(**wanted: object) -> list[int]:
        return [ticket.id for ticket in desk.find(stage="archive", **wanted).tickets]  # type: ignore[arg-type]

    assert found() == found(customer="张小明") == found(customer="13812345678") == found(text="断网") == [1, 2]
    assert found(text="自行") == [2]
    assert found(tag="回头客") == [1]
    assert found(opened_from=start + timedelta(days=1)) == [2]
    assert found(opened_before=start + timedelta(days=1)) == [1]
    assert found(opened_from=start, opened_before=start) == []
    closed = second.updated_at
    assert found(closed_from=closed) == [2]
    assert (
        found(closed_before=closed) == found(closed_before=closed, tag="回头客", text="断网", customer="张小明") == [1]
    )
    assert [ticket.id for ticket in desk.find(closed_from=start).tickets] == [1, 2], "an open one is not closed"
    assert found(tag="回头客", closed_from=closed) == found(closed_from=start, closed_before=start) == []


def test_the_archive_is_final_and_nothing_is_deleted(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *ENDED)
    later(desk, days=400)
    with pytest.raises(Refused):
        desk.advance(ticket.id, "settle", actor="lead_day")
    with pytest.raises(Refused):
        desk.set_fields(ticket.id, {"statement": "?"}, actor="lead_day")
    assert desk.note(ticket.id, "客户来电致谢", actor="agent_01").fields == ticket.fields
    assert desk.history(ticket.id)[-1].kind == "noted"
