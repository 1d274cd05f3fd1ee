"""P15: the details of an order, its contract, review, set-up, phone notice, opening, callback, operation and filing."""

from __future__ import annotations

from tests.acceptance.processes.steps import called_back, heard, later, opened, walk
from workflow import Desk

STATES = [
    "intake", "classify.details", "classify.contract", "review", "handle.setting_up", "handle.phone_notice",
    "handle.opening", "callback.phone_call", "callback.operating", "callback.filing", "callback.feedback", "archive",
]  # fmt: skip


def test_the_order_of_the_guide(desk: Desk) -> None:
    ticket = opened(desk, "activation", *called_back("activation"), ("callback_01", "satisfied", {"score": "5"}))
    assert ("team:activation_desk", "escalate") not in later(desk, days=7)
    assert "operation_due" in {entry.timer[1] for entry in desk.history(ticket.id) if entry.timer}, "periodic operation"
    last = ("agent_06", "operation_done"), ("office_04", "filed", {"filing_number": "F-17"})
    walk(desk, ticket.id, *last, ("callback_01", "feedback_recorded", {"opinions": "好用"}))
    history = desk.history(ticket.id)
    assert [entry.dest for entry in history if entry.dest] == STATES


def test_there_are_words_for_each_step(desk: Desk) -> None:
    last = (
        ("callback_01", "satisfied", {"score": "5"}),
        ("agent_06", "operation_done"),
        ("office_04", "filed", {"filing_number": "F-17"}),
    )
    said = heard(desk, "activation", *called_back("activation"), *last)
    assert {
        "order_details", "order_contract", "setting_up", "about_to_open", "activation_call", "operating",
        "activation_feedback",
    } <= set(said)  # fmt: skip
