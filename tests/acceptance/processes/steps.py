"""What the rows' tests share: a shipped ticket on its way, time that passes, and who was told."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from workflow import Desk, Ticket, VirtualClock

Step: TypeAlias = tuple[str, str] | tuple[str, str, dict[str, str]]
RECORD = {"product": "Line 7", "resolution": "mended", "fees": "0", "opinions": "fine"}
SPECIAL: tuple[Step, ...] = (
    ("agent_01", "accept"),
    ("agent_01", "classified", {"category": "service"}),
    ("specialist_01", "answered", {"satisfied": "no"}),
)
REVIEWED: tuple[Step, ...] = (*SPECIAL, ("office_01", "settle", RECORD), ("reviewer_01", "passed"))


def opened(desk: Desk, ticket_type: str, *steps: Step) -> Ticket:
    """Open a ticket for a customer and let people take it some steps."""
    customer = {"name": "张小明", "phone": "13812345678"}
    ticket = desk.open(ticket_type, actor="agent_01", fields={"statement": "断网三天"}, customer=customer)
    return walk(desk, ticket.id, *steps)


def walk(desk: Desk, ticket_id: int, *steps: Step) -> Ticket:
    """Take a ticket through (who, trigger) or (who, trigger, fields)."""
    for actor, trigger, *fields in steps:
        desk.advance(ticket_id, trigger, actor=actor, fields=fields[0] if fields else {})
    return desk.get(ticket_id)


def later(desk: Desk, **time: float) -> list[tuple[str, str]]:
    """Let time pass and the timeouts run; return who has been told since the desk began, by which kind of message."""
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(**time))
    desk.run_timeouts()
    return told(desk)


def told(desk: Desk) -> list[tuple[str, str]]:
    """Who was told, and by which kind of message."""
    return [(row.to, row.kind) for row in desk.outbox()]
