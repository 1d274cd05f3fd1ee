"""What the rows' tests share: a shipped ticket on its way, time that passes, who was told, and what to say."""

from __future__ import annotations

from collections.abc import Mapping
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
PASSED: Step = ("reviewer_01", "passed")
REVIEWED: tuple[Step, ...] = (*SPECIAL, ("office_01", "settle", RECORD), PASSED)
LEFT: Step = ("callback_01", "dissatisfied", {"still_open": "晚上掉线"})

# How tickets of each type come to whoever has to solve them.
HANDLED: Mapping[str, tuple[Step, ...]] = {
    "activation": (
        ("agent_06", "accept"),
        ("agent_06", "details_complete", {"product": "Plan 3", "fees": "100"}),
        ("agent_06", "contract_confirmed", {"contract_number": "C-17", "contract_date": "2026-03-02"}),
        PASSED,
    ),
    "complaint": SPECIAL,
    "emergency": (("agent_01", "accept"),),
    "follow_up": (("callback_01", "accept"), ("callback_01", "prepared", {"purpose": "satisfaction"}), LEFT),
    "inquiry": (
        ("agent_01", "accept"),
        ("agent_01", "classified", {"topic": "billing"}),
        ("agent_01", "answered", {"answer": "Ten a month.", "satisfied": "no"}),
    ),
    "service": (("agent_01", "accept"), ("agent_01", "classified", {"request": "move", "notes": "Call first."})),
    "suggestion": (("agent_01", "accept"), ("agent_01", "classified", {"area": "app", "detail": "On a phone."})),
}
# How they are solved and, in the types that are reviewed after it, handed to review.
SOLVED: Mapping[str, tuple[Step, ...]] = {
    "activation": (
        ("office_04", "set_up", {"login": "u-17"}),
        ("agent_06", "notified"),
        ("agent_06", "account_opened", {"opened_on": "2026-03-02"}),
    ),
    "complaint": (("office_01", "settle", RECORD),),
    "emergency": (
        ("technician_01", "contacted", {"plan": "hazard"}),
        ("technician_01", "settle", {"cause": "Power.", "resolution": "Second line."}),
    ),
    "follow_up": (("specialist_03", "settle", {"resolution": "更换信道", "fees": "0"}),),
    "inquiry": (("office_02", "replied", {"full_answer": "See the table.", "reply_channel": "sms"}),),
    "service": (("office_01", "settle", RECORD),),
    "suggestion": (("product_01", "decided", {"decision": "adopted", "reply": "五月版本上线"}),),
}
REVIEWED_AFTER = ("complaint", "emergency", "follow_up", "service")


def called_back(name: str) -> tuple[Step, ...]:
    """Return the whole way of a type to its callback."""
    return (*HANDLED[name], *SOLVED[name], *([PASSED] if name in REVIEWED_AFTER else []))


def opened(desk: Desk, ticket_type: str, *steps: Step) -> Ticket:
    """Open a ticket of its own for a customer and let people take it some steps."""
    customer = {"name": "张小明", "phone": "13812345678"}
    own, said = "客户还有别的事", {"statement": "断网三天"}
    ticket = desk.open(ticket_type, actor="agent_01", fields=said, customer=customer, separate=own)
    return walk(desk, ticket.id, *steps)


def walk(desk: Desk, ticket_id: int, *steps: Step) -> Ticket:
    """Take a ticket through (who, trigger) or (who, trigger, fields)."""
    for actor, trigger, *fields in steps:
        desk.advance(ticket_id, trigger, actor=actor, fields=fields[0] if fields else {})
    return desk.get(ticket_id)


def heard(desk: Desk, ticket_type: str, *steps: Step) -> list[str]:
    """Open a ticket, let people take it some steps, and return what there was to say before each and at the end."""
    ticket = opened(desk, ticket_type)
    found = situations(desk, ticket.id)
    for step in steps:
        walk(desk, ticket.id, step)
        found += situations(desk, ticket.id)
    return list(dict.fromkeys(found))


def situations(desk: Desk, ticket_id: int) -> list[str]:
    """Return the situations of which there is something to say now."""
    return [line.situation for line in desk.what_to_say(ticket_id, actor="agent_01", lang="zh").lines]


def later(desk: Desk, **time: float) -> list[tuple[str, str]]:
    """Let time pass and the timeouts run; return who has been told since the desk began, by which kind of message."""
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(**time))
    desk.run_timeouts()
    return told(desk)


def told(desk: Desk) -> list[tuple[str, str]]:
    """Who was told, and by which kind of message."""
    return [(row.to, row.kind) for row in desk.outbox()]


def told_by(desk: Desk, cause: str) -> set[str]:
    """Return the types of the tickets of which somebody was told by a cause, such as `sla:reply/-1h`."""
    return {desk.get(row.ticket_id).type for row in desk.outbox(limit=1000) if row.reason.startswith(cause)}
