"""The shipped ticket types at work: each row of the guides that they claim, on a real database and a virtual clock."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from workflow.clock import VirtualClock
from workflow.core.model import Ticket
from workflow.definition.model import STAGES
from workflow.definition.shipped import shipped_folder
from workflow.desk.contacts import read_contacts
from workflow.desk.desk import Desk
from workflow.errors import Forbidden, Refused

EXAMPLES = Path(__file__).parents[2] / "examples"
WALKS: dict[str, list[dict[str, Any]]] = json.loads((EXAMPLES / "walks.json").read_text(encoding="utf-8"))
MONDAY = datetime(2026, 3, 9, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(MONDAY)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a desk that has just begun."""
    path = tmp_path_factory.mktemp("desk") / "desk.db"
    Desk.connect(f"sqlite:///{path}", definitions=shipped_folder(), clock=VirtualClock(MONDAY)).close()
    return path


@pytest.fixture
def desk(tmp_path: Path, clock: VirtualClock, fresh: Path) -> Iterator[Desk]:
    path = shutil.copy(fresh, tmp_path)
    with Desk.connect(f"sqlite:///{path}", definitions=shipped_folder(), clock=clock) as desk:
        yield desk


def opened(desk: Desk, ticket_type: str) -> Ticket:
    return desk.open(ticket_type, actor="agent_01", fields={"statement": "Something is the matter."})


def walk(desk: Desk, ticket_id: int, *steps: tuple[str, str] | tuple[str, str, dict[str, str]]) -> Ticket:
    for actor, trigger, *fields in steps:
        desk.advance(ticket_id, trigger, actor=actor, fields=fields[0] if fields else {})
    return desk.get(ticket_id)


def told(desk: Desk) -> list[tuple[str, str]]:
    """Who was told, and by which kind of message."""
    return [(row.to, row.kind) for row in desk.outbox()]


def case_file(desk: Desk) -> Ticket:
    """A complaint that has become special (P11)."""
    return walk(
        desk,
        opened(desk, "complaint").id,
        ("agent_01", "accept"),
        ("agent_01", "classified", {"category": "service"}),
        ("specialist_01", "answered", {"satisfied": "no"}),
    )


@pytest.mark.parametrize("name", WALKS)
def test_a_ticket_of_every_type_comes_to_the_archive(desk: Desk, clock: VirtualClock, name: str) -> None:
    """P11 to P15, P21, P25, P26, with nobody late on the way."""
    ticket = opened(desk, name)
    for step in WALKS[name]:
        clock.advance(timedelta(seconds=30))
        note = step["note"] or None
        ticket = desk.advance(ticket.id, step["trigger"], actor=step["actor"], fields=step["fields"], note=note)
    assert (ticket.state, ticket.fields["outcome"]) == ("archive", "resolved")
    entries = desk.history(ticket.id)
    assert "fired" not in {entry.kind for entry in entries}
    stages = [desk.types[name].stage_of(entry.state) for entry in entries]
    assert stages[0] == "intake"
    for source, dest, entry in zip(stages, stages[1:], entries[1:], strict=False):
        assert STAGES.index(dest) >= STAGES.index(source) or entry.data["back"] in ("rework", "continue")


def test_the_sample_contacts_are_taken_in(desk: Desk) -> None:
    contacts = list(read_contacts(EXAMPLES / "contacts.csv", zone=ZoneInfo(desk.desk.zone)))
    report = desk.intake(contacts, actor="agent_01", past="record")
    seen = Counter((contact.customer["phone"], contact.ticket_type) for contact in contacts)
    again = sum(seen.values()) - len(seen)
    assert (report.opened, report.joined, report.known, report.rejected) == (len(contacts) - again, again, 0, ())
    (urged,) = desk.find("13800000001").tickets
    assert (again, urged.fields["urges"]) == (1, 1), "who asked the next day again is joined to the open ticket"


def test_four_of_the_contacts_with_mistakes_are_rejected(desk: Desk) -> None:
    contacts = read_contacts(EXAMPLES / "contacts_with_mistakes.csv", zone=ZoneInfo(desk.desk.zone))
    report = desk.intake(contacts, actor="agent_01", past="record")
    assert report.opened == 6
    assert [rejected.contact.line for rejected in report.rejected] == [4, 6, 8, 10]
    assert len({rejected.reason.template for rejected in report.rejected}) == 4


def test_a_contact_that_nobody_answers_goes_to_another_agent_and_the_lead_is_told(
    desk: Desk, clock: VirtualClock
) -> None:  # P1
    ticket = opened(desk, "inquiry")
    clock.advance(timedelta(minutes=10))
    desk.run_timeouts()
    assert told(desk) == [("member:lead_day", "escalate")]
    assert desk.get(ticket.id).assignee in desk.desk.teams["frontline"].members
    desk.run_timeouts()
    assert len(told(desk)) == 1, "once"


def test_a_specialist_calls_within_a_day_if_the_customer_agrees(desk: Desk, clock: VirtualClock) -> None:  # P4
    ticket = opened(desk, "complaint")
    walk(desk, ticket.id, ("agent_01", "accept"), ("agent_01", "classified", {"category": "product"}))
    for consent in ({}, {"consent": "no"}):
        with pytest.raises(Refused):
            desk.advance(ticket.id, "send_to_specialist", actor="agent_01", fields=consent)
    walk(desk, ticket.id, ("agent_01", "send_to_specialist", {"consent": "yes"}))
    clock.advance(timedelta(hours=24))
    desk.run_timeouts()
    assert told(desk) == [("member:lead_day", "escalate")]
    assert walk(desk, ticket.id, ("specialist_02", "called")).state == "handle.case_file"


@pytest.mark.parametrize("state", ["handle.case_file", "handle.negotiating", "handle.waiting_customer"])
def test_a_lead_can_take_over_and_nobody_else(desk: Desk, state: str) -> None:  # P10
    ticket = case_file(desk)
    way = {"handle.negotiating": "negotiate", "handle.waiting_customer": "wait_for_customer"}
    if state in way:
        walk(desk, ticket.id, ("specialist_01", way[state]))
    assert desk.get(ticket.id).state == state
    with pytest.raises(Forbidden):
        desk.advance(ticket.id, "take_over", actor="specialist_01")
    assert walk(desk, ticket.id, ("lead_day", "take_over")).state == "handle.with_lead"


def test_an_emergency_tells_supervisor_and_technicians_at_once(desk: Desk, clock: VirtualClock) -> None:  # P21
    ticket = walk(desk, opened(desk, "emergency").id, ("agent_01", "accept"))
    assert (ticket.priority, ticket.team) == ("urgent", "technicians")
    assert told(desk) == [("member:supervisor_01", "notify"), ("team:technicians", "notify")]
    clock.advance(timedelta(minutes=5))
    desk.run_timeouts()
    assert told(desk)[2:] == [("member:lead_service", "escalate"), ("member:supervisor_01", "notify")]


@pytest.mark.parametrize("name", WALKS)
def test_an_early_end_needs_a_reason(desk: Desk, name: str) -> None:
    ends = {"withdraw": "withdrawn", "mark_duplicate": "duplicate", "mark_spam": "spam"}
    for trigger, outcome in ends.items():
        ticket = opened(desk, name)
        with pytest.raises(Refused):
            desk.advance(ticket.id, trigger, actor="lead_day")
        ticket = walk(desk, ticket.id, ("lead_day", trigger, {"closing_reason": "See the other ticket."}))
        assert (ticket.state, ticket.fields["outcome"]) == ("archive", outcome)
