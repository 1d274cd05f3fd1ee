"""P39: limits count service hours, 9:00 to 18:30 on working days, with public holidays and make-up days 调休."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.processes.steps import HANDLED, later, opened
from workflow import Desk
from workflow.testing import memory_desk

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    """Return a time of 2026 on the desk's own clock."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("opened_at", "due"),
    [
        ("03-02T09:00", "03-02T09:10"),  # a Monday
        ("03-02T18:25", "03-03T09:05"),  # five minutes before it closes
        ("03-02T23:00", "03-03T09:10"),  # at night
        ("03-06T18:30", "03-09T09:10"),  # on Friday evening
        ("09-30T18:25", "10-08T09:05"),  # before National Day 国庆, which lasts a week
        ("10-10T10:00", "10-10T10:10"),  # a Saturday that makes up for it 调休
        ("10-17T10:00", "10-19T09:10"),  # any other
    ],
)
def test_a_limit_is_counted_in_service_hours(opened_at: str, due: str) -> None:
    with memory_desk(start=at(opened_at)) as desk:
        assert opened(desk, "complaint").next_due_at == at(due)


def test_every_type_but_emergencies_keeps_them() -> None:
    with memory_desk(start=at("03-06T18:29")) as desk:
        dues = {name: opened(desk, name).next_due_at for name in HANDLED}
        early = {name for name, due in dues.items() if due is None or due < at("03-09T09:00")}
        assert early == {"emergency"}, "not before Monday"


def test_an_emergency_counts_every_hour() -> None:
    with memory_desk(start=at("10-03T03:00")) as desk:
        ticket = opened(desk, "emergency")
        assert ticket.next_due_at == ticket.opened_at + timedelta(minutes=1)


def test_nobody_is_told_before_the_desk_opens_again() -> None:
    with memory_desk(start=at("03-06T18:25")) as desk:
        opened(desk, "complaint")
        assert later(desk, hours=62, minutes=39) == []
        assert later(desk, minutes=1) == [("member:lead_day", "escalate")]


def test_what_the_customer_counts_in_days_is_counted_so(desk: Desk) -> None:
    clock = opened(desk, "complaint", *HANDLED["complaint"]).clock("reply")
    assert clock is not None
    assert clock.due_at == desk.clock.now() + timedelta(hours=72), "weekend or not"
