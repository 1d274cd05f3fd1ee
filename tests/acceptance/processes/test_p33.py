"""P33: figures for everything: connect rate, answer speed, satisfaction and load, by type, team and agent."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import REVIEWED, later, opened, walk
from workflow import Desk, Figures, Lengths

TODAY = "2026-03-02"


def row(desk: Desk, by: str, key: str) -> Figures:
    return next(row for row in desk.stats(by=by).rows if row.key == key)


def test_who_answered_how_fast_and_how_well_is_known_of_each_team_and_agent(desk: Desk) -> None:
    first, second = opened(desk, "complaint"), opened(desk, "complaint")
    later(desk, minutes=4)
    walk(desk, first.id, *REVIEWED)
    later(desk, minutes=20)
    walk(desk, second.id, ("agent_02", "accept"))
    later(desk, hours=2)
    walk(desk, first.id, ("callback_01", "satisfied", {"score": "4"}))

    total = desk.stats().total
    assert (total.opened, total.archived, total.open) == (2, 1, 1)
    assert (total.connect_rate, total.satisfaction, total.score) == (1 / 2, 1 / 2, 4.0), (
        "of the answers on the phone, too"
    )
    assert total.stages["callback"] == Lengths(1, 8344, 8344), "two hours and twenty minutes, to one per cent"
    assert (row(desk, "agent", "agent_01").on_time, row(desk, "agent", "agent_02").late) == (1, 1)
    assert row(desk, "agent", "agent_02").response == Lengths(1, 1432, 1432), "24 minutes"
    department = row(desk, "team", "service_department")
    assert (department.satisfied, department.score) == (1, 4.0), "who handled it, not who called"
    assert row(desk, "team", "frontline").opened == row(desk, "type", "complaint").opened == 2
    assert row(desk, "day", TODAY).archived == 1


def test_load_is_what_each_agent_has_now(desk: Desk) -> None:
    for _ in range(3):
        desk.claim(opened(desk, "service").id, actor="agent_01")
    later(desk, minutes=5)
    desk.claim(opened(desk, "inquiry").id, actor="agent_02")
    load = {row.key: (row.open, row.oldest_open_at) for row in desk.stats(by="agent").rows}
    assert load["agent_01"] == (3, desk.get(1).opened_at)
    assert load["agent_02"] == (1, desk.get(4).opened_at)


def test_what_was_missed_and_excused_and_how_far_it_was_reported_upward(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED[:3])
    later(desk, hours=2, minutes=45)
    desk.excuse(ticket.id, "progress", actor="lead_day", reason="停电")
    found = row(desk, "team", "service_department")
    assert (found.breaches, found.excused) == (1, 1), "two hours without word to the customer"
    desk.escalate(ticket.id, actor="office_01", reason="要升级")
    later(desk, minutes=31)
    assert desk.stats().total.escalations == {1: 1, 2: 1}


def test_what_is_sent_back_counts_for_who_had_handled_it(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *REVIEWED[:-1])
    walk(desk, ticket.id, ("reviewer_01", "failed", {"review_faults": "truthfulness", "review_reason": "与录音不符"}))
    assert row(desk, "agent", "office_01").reopened == 1
    with pytest.raises(StopIteration):
        row(desk, "agent", "reviewer_02")
