"""P11: a general complaint is settled on the phone and closed; a customer who is not satisfied makes it special."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import heard, opened, walk
from workflow import Desk

ON_THE_PHONE = (("agent_01", "accept"), ("agent_01", "classified", {"category": "billing"}))


@pytest.mark.parametrize(
    ("satisfied", "state", "severity"), [("yes", "archive", "general"), ("no", "handle.case_file", "special")]
)
def test_satisfied_or_special(desk: Desk, satisfied: str, state: str, severity: str) -> None:
    ticket = opened(desk, "complaint", *ON_THE_PHONE)
    assert ticket.state == "handle.by_phone"
    ticket = walk(desk, ticket.id, ("specialist_01", "answered", {"satisfied": satisfied}))
    assert (ticket.state, ticket.fields["severity"]) == (state, severity)


def test_the_agent_has_words_for_it(desk: Desk) -> None:
    assert {"hear_complaint", "by_phone"} <= set(heard(desk, "complaint", *ON_THE_PHONE))
