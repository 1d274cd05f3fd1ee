"""P15: the details of an order, its contract, review, set-up, phone notice, opening, callback, operation and filing."""

from __future__ import annotations

from tests.acceptance.processes.steps import later, opened, walk
from workflow import Desk

TO_CALLBACK = (
    ("agent_06", "accept"),
    ("agent_06", "details_complete", {"product": "Plan 3", "fees": "100"}),
    ("agent_06", "contract_confirmed", {"contract_number": "C-17", "contract_date": "2026-03-02"}),
    ("reviewer_01", "passed"),
    ("office_04", "set_up", {"login": "u-17"}),
    ("agent_06", "notified"),
    ("agent_06", "account_opened", {"opened_on": "2026-03-02"}),
)
STATES = [
    "intake", "classify.details", "classify.contract", "review", "handle.setting_up", "handle.phone_notice",
    "handle.opening", "callback.phone_call", "callback.operating", "callback.filing", "callback.feedback", "archive",
]  # fmt: skip


def test_the_order_of_the_guide(desk: Desk) -> None:
    ticket = opened(desk, "activation", *TO_CALLBACK, ("callback_01", "satisfied", {"score": "5"}))
    assert ("team:activation_desk", "escalate") not in later(desk, days=7)
    assert "operation_due" in {entry.timer[1] for entry in desk.history(ticket.id) if entry.timer}, "periodic operation"
    last = ("agent_06", "operation_done"), ("office_04", "filed", {"filing_number": "F-17"})
    walk(desk, ticket.id, *last, ("callback_01", "feedback_recorded", {"opinions": "好用"}))
    history = desk.history(ticket.id)
    assert [entry.dest for entry in history if entry.dest] == STATES
