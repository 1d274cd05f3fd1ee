"""The limits of the guides at work: each row of theirs that names a time, on the shipped desk and a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from workflow.clock import VirtualClock
from workflow.core.model import HistoryEntry, Ticket
from workflow.definition.shipped import shipped_folder
from workflow.desk.desk import Desk
from workflow.errors import BadValue, Forbidden, Refused
from workflow.testing import memory_desk

ZONE = ZoneInfo("Asia/Shanghai")
WALKS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "examples" / "walks.json").read_text(encoding="utf-8")
)
RECORD = {"product": "Line 7", "resolution": "mended", "fees": "0", "opinions": "fine"}
MON, FRI, SAT, SUN = "2026-03-09", "2026-03-13", "2026-03-14", "2026-03-15"
TUE, WED, THU = "2026-03-10", "2026-03-11", "2026-03-12"
HOUR = timedelta(hours=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """The shipped desk on Monday morning at nine, when it opens."""
    with memory_desk(shipped_folder(), start=local(f"{MON}T09:00")) as desk:
        yield desk


def until(desk: Desk, text: str) -> None:
    """Let the time come, with a run as it does."""
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.move_to(local(text))
    desk.run_timeouts()


def walk(desk: Desk, ticket_id: int, *steps: tuple[Any, ...]) -> Ticket:
    for actor, trigger, *fields in steps:
        desk.advance(ticket_id, trigger, actor=actor, fields=fields[0] if fields else {})
    return desk.get(ticket_id)


def opened(desk: Desk, ticket_type: str, *steps: tuple[Any, ...]) -> Ticket:
    ticket = desk.open(ticket_type, actor="agent_01", fields={"statement": "Something is the matter."})
    return walk(desk, ticket.id, *steps)


def case_file(desk: Desk) -> Ticket:
    """A special complaint, as the service department has it on its desk; agent_01 accepted it, office_01 has it."""
    ticket = opened(
        desk,
        "complaint",
        ("agent_01", "accept"),
        ("agent_01", "classified", {"category": "service"}),
        ("specialist_01", "answered", {"satisfied": "no"}),
    )
    desk.claim(ticket.id, actor="office_01")
    return desk.get(ticket.id)


class Told:
    """Who was told since this was last asked, and by which kind of message."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.seen = desk, 0

    def __call__(self) -> list[tuple[str, str]]:
        rows = self.desk.outbox(limit=1000, after=self.seen)
        self.seen = max((row.id for row in rows), default=self.seen)
        return [(row.to, row.kind) for row in rows]


@pytest.fixture
def told(desk: Desk) -> Told:
    return Told(desk)


def kinds(desk: Desk, ticket: Ticket) -> list[str]:
    return [entry.kind for entry in desk.history(ticket.id)]


def last(desk: Desk, ticket: Ticket, kind: str) -> HistoryEntry:
    return [entry for entry in desk.history(ticket.id) if entry.kind == kind][-1]


LEAD = ("member:lead_day", "escalate")
SUPERVISOR = ("member:supervisor_01", "escalate")
REGION = ("member:region_01", "escalate")


def test_a_first_response_is_due_in_ten_minutes(desk: Desk, told: Told) -> None:  # P1
    """A late one goes to another agent, and the lead hears of it, once."""
    ticket = opened(desk, "inquiry")
    desk.claim(ticket.id, actor="agent_01")
    until(desk, f"{MON}T09:09:59")
    assert told() == []
    until(desk, f"{MON}T09:10")
    assert desk.get(ticket.id).assignee == "agent_02"
    assert told() == [LEAD]
    assert walk(desk, ticket.id, ("agent_02", "accept")).ladder is None, "the answer ends the escalation"
    until(desk, f"{MON}T09:30")
    assert told() == []


def test_a_specialist_calls_within_a_day_and_a_night(desk: Desk, told: Told) -> None:  # P4
    until(desk, f"{FRI}T17:00")
    steps = ("agent_01", "accept"), ("agent_01", "classified", {"category": "product"})
    ticket = opened(desk, "complaint", *steps, ("agent_01", "send_to_specialist", {"consent": "yes"}))
    assert ticket.next_due_at == local(f"{SAT}T17:00")
    until(desk, f"{SAT}T16:59")
    assert told() == [], "the customer knows when the call comes: no progress is due meanwhile"
    until(desk, f"{SAT}T17:00")
    assert told() == [LEAD]
    assert walk(desk, ticket.id, ("specialist_01", "called")).state == "handle.case_file"


HANDLED = {
    "activation": 4, "complaint": 3, "follow_up": 3, "service": 2, "suggestion": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", [*HANDLED, "inquiry"])
def test_a_case_is_answered_in_three_days(desk: Desk, told: Told, name: str) -> None:  # P5, P22
    """Three days by the clock on the wall; the owner hears an hour before, while the customer can still be told."""
    ticket = desk.open(name, actor="agent_01", fields={"statement": "Something is the matter."})
    for step in WALKS[name][: HANDLED.get(name, 2)]:
        desk.advance(ticket.id, step["trigger"], actor=step["actor"], fields=step["fields"])
    if name == "inquiry":
        walk(desk, ticket.id, ("agent_01", "answered", {"answer": "Not yet.", "satisfied": "no"}))
    ticket = desk.assign(ticket.id, "office_01", actor="lead_day")
    assert ticket.stage == "handle"
    clock = ticket.clock("setup" if name == "activation" else "reply")
    assert clock is not None
    assert clock.due_at == local(f"{THU}T09:00")
    until(desk, f"{THU}T07:59")
    told()
    until(desk, f"{THU}T08:00")
    assert told() == [("member:office_01", "notify")]
    until(desk, f"{THU}T09:00")
    lead = desk.desk.teams[ticket.team or ""].lead[0]
    assert (f"member:{lead}", "escalate") in told()
    assert desk.get(ticket.id).ladder is not None


def test_the_days_that_a_customer_takes_are_not_counted(desk: Desk, told: Told) -> None:  # P5
    """After three silent days it is our turn again, by itself."""
    ticket = walk(desk, case_file(desk).id, ("office_01", "wait_for_customer"))
    assert ticket.clock("reply").status == "paused"  # type: ignore[union-attr]
    assert ticket.next_due_at == local(f"{THU}T09:00"), "the end of the silence"
    until(desk, f"{THU}T09:00")
    ticket = desk.get(ticket.id)
    assert (ticket.state, told()) == ("handle.case_file", [])
    assert ticket.clock("reply").due_at == local(f"{SUN}T09:00")  # type: ignore[union-attr]


def test_progress_is_told_every_two_hours_of_service(desk: Desk, told: Told) -> None:  # P20, P39
    until(desk, f"{MON}T17:30")
    ticket = case_file(desk)
    assert ticket.next_due_at == local(f"{TUE}T10:00"), "an hour today, an hour tomorrow"
    until(desk, f"{TUE}T09:30")
    walk(desk, ticket.id, ("office_01", "progress_given"))
    until(desk, f"{TUE}T11:29")
    assert told() == [], "what was told counts from anew"
    for time in ("11:30", "13:30", "15:30"):
        until(desk, f"{TUE}T{time}")
        assert told() == [("member:office_01", "notify")], time
    walk(desk, ticket.id, ("office_01", "progress_given"))
    cycles = [(clock.cycle, clock.status) for clock in desk.get(ticket.id).clocks if clock.name == "progress"]
    assert cycles == [(1, "met"), (2, "missed"), (3, "running")]


def test_an_emergency_is_answered_in_five_minutes_at_any_hour(desk: Desk, told: Told) -> None:  # P21
    until(desk, f"{SAT}T23:00")
    ticket = opened(desk, "emergency", ("agent_01", "accept"))
    assert told() == [("member:supervisor_01", "notify"), ("team:technicians", "notify")]
    until(desk, f"{SAT}T23:04:59")
    assert told() == []
    until(desk, f"{SAT}T23:05")
    assert told() == [("member:lead_service", "escalate"), ("member:supervisor_01", "notify")]
    desk.claim(ticket.id, actor="technician_01")
    walk(desk, ticket.id, ("technician_01", "contacted", {"plan": "outage"}))
    until(desk, f"{SUN}T00:59")
    assert told() == []
    until(desk, f"{SUN}T01:00")
    assert told() == [("member:technician_01", "notify"), ("member:lead_service", "escalate")], "P20, by night too"


def test_an_emergency_that_nobody_takes_up_is_told_after_a_minute(desk: Desk, told: Told) -> None:  # P1, P21
    until(desk, f"{SUN}T03:00")
    opened(desk, "emergency")
    assert told() == [("member:supervisor_01", "notify"), ("team:technicians", "notify")]
    until(desk, f"{SUN}T03:01")
    assert told() == [("member:lead_night", "escalate"), ("member:supervisor_01", "notify")]


def test_the_owner_is_warned_an_hour_before_a_promise(desk: Desk, told: Told) -> None:  # P22, P27
    """Who sees then that it will slip says so, with the reason; later than that is late, and recorded as such."""
    ticket = case_file(desk)
    promised = desk.promise(ticket.id, local(f"{MON}T11:00"), actor="office_01")
    assert promised.next_due_at == local(f"{MON}T11:00")
    assert told() == [("customer", "promise")], "the customer is told the time"
    until(desk, f"{MON}T09:30")
    with pytest.raises(BadValue):
        desk.promise(ticket.id, local(f"{MON}T10:50"), actor="office_01")
    desk.promise(ticket.id, local(f"{MON}T10:50"), actor="office_01", reason="It goes faster.")
    assert last(desk, ticket, "promised").data["late"] is False
    assert told() == [("customer", "promise")]
    until(desk, f"{MON}T09:49")
    assert told() == []
    until(desk, f"{MON}T09:50")
    assert told() == [("member:office_01", "notify")]
    until(desk, f"{MON}T10:00")
    desk.promise(ticket.id, local(f"{MON}T18:00"), actor="office_01", reason="The part did not come.")
    assert last(desk, ticket, "promised").data["late"] is True
    assert told() == [("customer", "promise")]
    assert desk.get(ticket.id).promise.until == local(f"{MON}T18:00")  # type: ignore[union-attr]


def test_a_promise_has_a_time_to_come(desk: Desk, told: Told) -> None:  # P27
    ticket = case_file(desk)
    with pytest.raises(BadValue):
        desk.promise(ticket.id, local(f"{MON}T09:00"), actor="office_01")
    with pytest.raises(Forbidden):
        desk.promise(ticket.id, local(f"{MON}T18:00"), actor="reviewer_01")
    assert told() == []
    desk.promise(ticket.id, local(f"{MON}T18:00"), actor="office_01")
    until(desk, f"{MON}T17:59")
    told()
    until(desk, f"{MON}T18:00")
    assert ("member:lead_service", "notify") in told(), "a promise that was broken is the lead's business"


def test_a_callback_is_made_in_a_day_of_24_hours(desk: Desk, told: Told) -> None:  # P18, P23
    until(desk, f"{FRI}T16:00")
    ticket = walk(desk, case_file(desk).id, ("office_01", "settle", RECORD), ("reviewer_01", "passed"))
    assert ticket.next_due_at == local(f"{FRI}T18:00"), "or the team is reminded to call"
    walk(desk, ticket.id, ("callback_01", "not_reached"))
    until(desk, f"{SAT}T15:59")
    assert LEAD not in told()
    until(desk, f"{SAT}T16:00")
    assert told() == [LEAD]


def test_a_review_is_due_on_the_next_working_day(desk: Desk, told: Told) -> None:  # P16, P39
    until(desk, f"{FRI}T16:00")
    ticket = walk(desk, case_file(desk).id, ("office_01", "settle", RECORD))
    assert ticket.next_due_at is not None
    until(desk, "2026-03-16T15:59")
    told()
    until(desk, "2026-03-16T16:00")
    assert SUPERVISOR in told(), "the supervisor leads the reviewers"


def test_reporting_upward_goes_from_the_lead_to_the_supervisor_to_the_region(desk: Desk, told: Told) -> None:  # P37
    ticket = case_file(desk)
    desk.escalate(ticket.id, actor="agent_01", reason="The customer talks of the ministry.")
    assert told() == [("member:lead_service", "escalate")], "in the same transaction"
    for time, expected in (
        ("09:29", []),
        ("09:30", [SUPERVISOR]),
        ("10:29", []),
        ("10:30", [REGION]),
        ("14:29", []),
        ("14:30", [REGION]),
        ("18:30", [REGION]),
    ):
        until(desk, f"{MON}T{time}")
        assert [each for each in told() if each[1] == "escalate"] == expected, time
    with pytest.raises(Forbidden):
        desk.acknowledge(ticket.id, actor="agent_01")
    desk.acknowledge(ticket.id, actor="region_01")
    assert desk.get(ticket.id).ladder is None, "a person's call for help ends with the answer"


def test_an_acknowledgement_holds_for_two_hours(desk: Desk, told: Told) -> None:  # P37
    ticket = opened(desk, "inquiry")
    until(desk, f"{MON}T09:10")
    assert told() == [LEAD]
    desk.acknowledge(ticket.id, actor="lead_day")
    until(desk, f"{MON}T11:10")
    assert told() == []
    until(desk, f"{MON}T11:11")
    assert told() == [SUPERVISOR], "still nobody has answered the customer"
    walk(desk, ticket.id, ("agent_01", "accept"))
    assert "ladder_ended" in kinds(desk, ticket)


def test_at_night_the_night_shift_is_told(desk: Desk, told: Told) -> None:  # P37, P9
    """A complaint about attitude goes to the lead on duty first; unheard, it reaches the supervisor."""
    until(desk, f"{MON}T22:00")
    ticket = opened(desk, "complaint", ("agent_04", "accept"), ("agent_04", "classified", {"category": "attitude"}))
    assert (ticket.state, told()) == ("handle.with_lead", [("member:lead_night", "escalate")])
    until(desk, f"{MON}T22:30")
    assert told() == [SUPERVISOR]


TALKED_ABOUT: dict[str, tuple[tuple[Any, ...], ...]] = {
    "handle.case_file": (),
    "handle.negotiating": (("specialist_01", "negotiate"),),
    "handle.offer_made": (("specialist_01", "negotiate"), ("specialist_01", "make_offer", {"offer": "a voucher"})),
    "handle.waiting_customer": (("specialist_01", "wait_for_customer"),),
    "handle.reported_upward": (("specialist_03", "report_upward"),),
}


@pytest.mark.parametrize("actor", ["lead_day", "supervisor_01"])
@pytest.mark.parametrize("state", TALKED_ABOUT)
def test_whoever_takes_over_has_acknowledged(desk: Desk, told: Told, state: str, actor: str) -> None:  # P10, P38
    ticket = walk(desk, case_file(desk).id, *TALKED_ABOUT[state])
    assert ticket.state == state
    assert walk(desk, ticket.id, ("specialist_01", "ask_lead")).ladder is not None
    taken = walk(desk, ticket.id, (actor, "take_over"))
    assert (taken.state, taken.ladder) == ("handle.with_lead", None)
    assert last(desk, ticket, "acknowledged").actor == actor
    told()
    until(desk, f"{MON}T10:30")
    assert told() == [], "nobody further up is woken"


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (f"{MON}T09:00", f"{MON}T09:10"),
        (f"{FRI}T18:20", f"{FRI}T18:30"),
        (f"{FRI}T18:25", "2026-03-16T09:05"),
        (f"{SUN}T12:00", "2026-03-16T09:10"),
        ("2026-09-30T18:25", "2026-10-08T09:05"),
        ("2026-10-09T18:25", "2026-10-10T09:05"),
    ],
)
def test_limits_count_service_hours(desk: Desk, at: str, due: str) -> None:  # P39
    """Mondays to Fridays from 9:00 to 18:30, without public holidays, with the Saturdays that make up for them."""
    until(desk, at)
    assert opened(desk, "suggestion").next_due_at == local(due)


def test_more_time_is_asked_for_and_granted(desk: Desk, told: Told) -> None:  # P5, P22
    ticket = case_file(desk)
    desk.extend(ticket.id, "reply", 24 * HOUR, actor="office_01", reason="The maker looks into it.")
    assert told() == [("member:lead_service", "notify")]
    with pytest.raises(Forbidden):
        desk.approve(ticket.id, "reply", actor="office_01")
    granted = desk.approve(ticket.id, "reply", actor="lead_day")
    assert granted.clock("reply").due_at == local(f"{FRI}T09:00")  # type: ignore[union-attr]
    assert [to for to, _ in told()] == ["customer"]
    with pytest.raises(Refused):
        desk.approve(ticket.id, "reply", actor="lead_day")


def test_an_urgent_complaint_is_answered_in_a_day(desk: Desk) -> None:  # P5
    ticket = desk.open("complaint", actor="agent_01", priority="urgent", fields={"statement": "At once, please."})
    walk(desk, ticket.id, ("agent_01", "accept"))
    ticket = walk(desk, ticket.id, ("agent_01", "classified", {"category": "service", "severity": "special"}))
    assert ticket.clock("reply").due_at == local(f"{TUE}T09:00")  # type: ignore[union-attr]
