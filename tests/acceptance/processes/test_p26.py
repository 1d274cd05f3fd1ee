"""P26: a solved case is asked after; satisfaction is confirmed, or a further solution found."""

from __future__ import annotations

from tests.acceptance.processes.steps import heard, opened, walk
from workflow import Desk

ASKED = (("callback_01", "accept"), ("callback_01", "prepared", {"purpose": "satisfaction"}))


def test_satisfaction_is_confirmed(desk: Desk) -> None:
    ticket = opened(desk, "follow_up", *ASKED, ("callback_01", "satisfied", {"score": "5"}))
    assert (ticket.state, ticket.fields["satisfied"]) == ("archive", True)


def test_or_a_further_solution_is_found_and_asked_after(desk: Desk) -> None:
    ticket = opened(desk, "follow_up", *ASKED, ("callback_01", "dissatisfied", {"still_open": "晚上掉线"}))
    assert ticket.state == "handle.further_solution"
    solved = ("specialist_03", "settle", {"resolution": "更换信道", "fees": "0"}), ("reviewer_01", "passed")
    assert walk(desk, ticket.id, *solved).state == "callback"


def test_there_are_words_for_each_step(desk: Desk) -> None:
    said = heard(desk, "follow_up", *ASKED, ("callback_01", "dissatisfied", {"still_open": "晚上掉线"}))
    assert {"prepare_follow_up", "further_solution"} <= set(said)
