"""P25: a suggestion is recorded in detail, judged by the product team, and the customer is told what came of it."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import HANDLED, SOLVED, heard, opened, walk
from workflow import Desk, Refused


def test_recorded_judged_and_told(desk: Desk) -> None:
    ticket = opened(desk, "suggestion", ("agent_01", "accept"))
    with pytest.raises(Refused, match="detail"):
        desk.advance(ticket.id, "classified", actor="agent_01", fields={"area": "app"})
    ticket = walk(desk, ticket.id, ("agent_01", "classified", {"area": "app", "detail": "Every morning, on a phone."}))
    assert ticket.team == "product"
    with pytest.raises(Refused, match="reply"):
        desk.advance(ticket.id, "decided", actor="product_01", fields={"decision": "adopted"})
    ticket = walk(desk, ticket.id, ("product_01", "decided", {"decision": "adopted", "reply": "五月版本上线"}))
    assert ticket.state == "callback"
    assert walk(desk, ticket.id, ("callback_01", "told")).fields["outcome"] == "resolved"


def test_there_are_words_for_each_step(desk: Desk) -> None:
    asked = ("product_01", "ask_customer"), ("agent_01", "customer_replied")
    said = heard(desk, "suggestion", *HANDLED["suggestion"], *asked, *SOLVED["suggestion"])
    assert {"hear_suggestion", "assessing", "suggestion_unclear", "suggestion_outcome"} <= set(said)
