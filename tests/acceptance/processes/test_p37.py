"""P37: reporting upward has levels: the lead, the supervisor, the region; each takes it on, or it goes on upward."""

from __future__ import annotations

from tests.acceptance.processes.steps import HANDLED, later, opened
from workflow import Desk

# Answered within three days, or the first rung is told; an emergency has no such clock: its limits are minutes.
CLOCKS = {name: "setup" if name == "activation" else "reply" for name in HANDLED if name != "emergency"}


def test_it_climbs_from_rung_to_rung_at_its_times_until_somebody_takes_it_on(desk: Desk) -> None:
    ticket = desk.escalate(opened(desk, "complaint").id, actor="agent_01", reason="客户要见领导")
    assert rungs(desk) == ["lead_day"]
    later(desk, minutes=29)
    assert rungs(desk) == ["lead_day"]
    later(desk, minutes=1)
    assert rungs(desk) == ["lead_day", "supervisor_01"]
    later(desk, hours=1)
    assert rungs(desk) == ["lead_day", "supervisor_01", "region_01"]
    later(desk, hours=4)
    assert max(each.times for each in desk.escalations()) > 1, "the last is told again"
    desk.acknowledge(ticket.id, actor="region_01")
    before = [each.times for each in desk.escalations()]
    later(desk, minutes=119)
    assert [each.times for each in desk.escalations()] == before, "whoever took it on is left to it for two hours"


def test_who_is_told_takes_it_on_and_nobody_above_hears_of_it(desk: Desk) -> None:
    ticket = desk.escalate(opened(desk, "complaint").id, actor="agent_01", reason="客户要见领导")
    later(desk, minutes=20)
    desk.acknowledge(ticket.id, actor="lead_day")
    later(desk, minutes=100)
    assert rungs(desk) == ["lead_day"]


def test_an_answer_that_is_late_goes_upward_by_itself(desk: Desk) -> None:
    tickets = {name: opened(desk, name, *HANDLED[name]).id for name in CLOCKS}
    later(desk, hours=71, minutes=59)
    assert not late(desk, tickets)
    later(desk, minutes=1)
    assert late(desk, tickets) == set(CLOCKS)


def rungs(desk: Desk) -> list[str]:
    """Return who has been told, from the lowest upward."""
    return [str(each.to) for each in sorted(desk.escalations(), key=lambda each: each.rung)]


def late(desk: Desk, tickets: dict[str, int]) -> set[str]:
    """Return the types whose answer is late and has been taken upward."""
    ladders = {name: desk.get(number).ladder for name, number in tickets.items()}
    return {name for name, found in ladders.items() if found and f"sla:{CLOCKS[name]}/100%:1:1" in found.causes}
