"""P13: an inquiry is answered on contact; a customer who is not satisfied gets an answer from the back office."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import heard, opened, walk
from workflow import Desk

ASKED = (("agent_01", "accept"), ("agent_01", "classified", {"topic": "usage"}))


@pytest.mark.parametrize(("satisfied", "state"), [("yes", "archive"), ("no", "handle.back_office")])
def test_answered_on_contact_or_by_the_back_office(desk: Desk, satisfied: str, state: str) -> None:
    ticket = opened(desk, "inquiry", *ASKED, ("agent_01", "answered", {"answer": "Menu, 2.", "satisfied": satisfied}))
    assert ticket.state == state


def test_the_back_offices_answer_may_satisfy_or_not(desk: Desk) -> None:
    no = {"answer": "Menu, 2.", "satisfied": "no"}
    reply = ("office_02", "replied", {"full_answer": "With pictures.", "reply_channel": "online"})
    ticket = opened(desk, "inquiry", *ASKED, ("agent_01", "answered", no), reply)
    ticket = walk(desk, ticket.id, ("callback_01", "dissatisfied", {"still_open": "Which menu?"}))
    assert ticket.state == "handle.back_office"
    assert walk(desk, ticket.id, reply, ("callback_01", "satisfied", {"score": "4"})).state == "archive"


def test_the_agent_has_words_for_it(desk: Desk) -> None:
    assert {"ask_inquiry", "answering"} <= set(heard(desk, "inquiry", *ASKED))
