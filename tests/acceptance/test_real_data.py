"""Real data, lived through the desk and checked against computations that know nothing of it.

The data are not part of the project: TICKETFLOW_DATA names their folder, else ../shared/data beside the checkout.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest

from tests.acceptance.xes import read_log
from tests.delivery.desks import hooked
from tests.delivery.servers import Receiver
from workflow import Contact, Desk, Refused, SystemClock
from workflow.testing import memory_desk

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("TICKETFLOW_DATA", ROOT.parent / "shared" / "data"))
ROME, SHANGHAI = ZoneInfo("Europe/Rome"), ZoneInfo("Asia/Shanghai")

pytestmark = [
    pytest.mark.prove,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the data are not in {DATA}"),
]


# The civic complaints: when does the first response fall due?


def civic() -> Iterator[tuple[str, datetime, str]]:
    with gzip.open(DATA / "civic-complaints.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            day, clock = row["created_at"].replace("/", "-").split()
            year, month, number = map(int, day.split("-"))
            hour, minute, second = map(int, clock.split(":"))
            at = datetime(year, month, number, hour, minute, second, tzinfo=SHANGHAI)
            yield row["message_id"], at, row["body"]


def ten_open_minutes(start: datetime) -> datetime:
    """Walk from day to day: 9:00 to 18:30 Mondays to Fridays, public holidays closed, make-up days open."""
    left, day = timedelta(minutes=10), start.date()
    while True:
        if is_working_day(day):
            opens = max(start, datetime.combine(day, time(9), SHANGHAI))
            closes = datetime.combine(day, time(18, 30), SHANGHAI)
            if opens < closes:
                if left <= closes - opens:
                    return opens + left
                left -= closes - opens
        day += timedelta(days=1)


def is_working_day(day: date) -> bool:
    return bool(chinese_calendar.is_workday(day))


def test_the_civic_complaints_are_due_just_when_a_calendar_library_says(sqlite_url: str) -> None:
    end = datetime(2020, 3, 1, tzinfo=SHANGHAI)
    expected = {message: ten_open_minutes(at) for message, at, _ in civic()}
    expected = {message: due for message, due in expected.items() if due <= end}
    contacts = [
        Contact(line, fields={"statement": body}, external_id=key, opened_at=at)
        for line, (key, at, body) in enumerate(civic(), 2)
    ]
    with Desk.connect(sqlite_url, clock=SystemClock()) as desk:
        assert desk.intake(contacts, actor="lead_day", ticket_type="complaint", past="fire").opened == 2816
        first, second = (desk.run_timeouts(as_of=end) for _ in range(2))
        assert (first.fired, first.incidents, first.locked, second.fired) == (len(expected), 0, 0, 0)
        assert desk.check_clocks() == ()
        fired: dict[str, list[datetime]] = {}
        for number in range(1, 2817):
            for entry in desk.history(number):
                if entry.kind == "fired":
                    assert entry.timer == ("timeout", "first_response", 1, 1)
                    fired.setdefault(desk.get(number).external_id or "", []).append(entry.happened_at)
    assert fired == {message: [due.astimezone(UTC)] for message, due in expected.items()}


def test_the_escalations_of_one_run_reach_the_lead_in_a_few_messages() -> None:
    start = datetime(2020, 3, 2, 9, tzinfo=SHANGHAI)
    contacts = [
        Contact(line, fields={"statement": body}, external_id=key, opened_at=start)
        for line, (key, _, body) in enumerate(civic(), 2)
    ]
    with Receiver() as receiver, memory_desk(ROOT / "definitions", start=start, delivery=hooked(receiver)) as desk:
        assert desk.intake(contacts, actor="lead_day", ticket_type="complaint", past="fire").opened == 2816
        assert desk.run_timeouts(as_of=start + timedelta(minutes=20)).fired == 2816
        escalated = desk.outbox(limit=10_000)
        ended = [row for row in escalated if row.reason.startswith("timeout:")][::4]
        for row in ended:
            desk.advance(row.ticket_id, "accept", actor="agent_01")
        report = desk.deliver()
        assert (report.sent, report.suppressed) == (len(escalated) - len(ended), len(ended))
        assert len(receiver.posted) <= 7
        told = Counter(each["key"] for posted in receiver.posted for each in posted.message["messages"])
        assert told == Counter({row.key for row in escalated} - {row.key for row in ended})


def test_as_many_civic_complaints_are_joined_as_counting_by_hand_says() -> None:
    """A user's letters of one type are one case unless two categories tell them apart, in the order of the file."""
    joining, cases, again = ("complaint", "inquiry", "service", "suggestion"), defaultdict[Any, list[Any]](list), set()
    with gzip.open(DATA / "civic-complaints.csv.gz", "rt", encoding="utf-8", newline="") as file:
        letters = list(csv.DictReader(file))
    times = {key: at for key, at, _ in civic()}
    with memory_desk(definitions=ROOT / "definitions", start=datetime(2026, 3, 2, tzinfo=UTC)) as desk:
        contacts = []
        for line, row in enumerate(letters, 2):
            key, words = row["message_id"], {"subject": row["subject"].strip(), "statement": row["body"].strip()}
            sorted_ = desk.classify(fields=words).proposed
            kind, category = sorted_["type"], sorted_.get("category")
            known = cases[row["user"], kind]
            if kind in joining and any(None in (category, other) or category == other for other in known):
                again.add(key)
            else:
                known.append(category)
            who = {"account": row["user"]}
            contacts.append(Contact(line, fields=words, customer=who, external_id=key, opened_at=times[key]))
        report = desk.intake(contacts, actor="lead_day", past="record")
        assert (report.opened, report.joined, report.rejected) == (2816 - len(again), len(again), ())
        assert {key for key in times if desk.find(external_id=key).tickets[0].external_id != key} == again
        assert len(again) > 100
        assert desk.intake(contacts, actor="lead_day", past="record").known == 2816


def test_one_late_run_leaves_what_a_run_every_month_leaves(tmp_path: Path) -> None:
    from tests.acceptance.daily import compare  # by hand for every day: python -m tests.acceptance.daily

    found = compare(tmp_path, 30, 200)
    assert (found["tickets"], found["runs"], found["fired at once"]) == (200, 109, 200)
    assert found["fired"] > 10_000


# The help desk's log: every case ends where the log says, and its clock agrees with a computation of its own.

TRIGGERS = {
    "Insert ticket": "insert", "Assign seriousness": "assign_seriousness", "Take in charge ticket": "take_in_charge",
    "Wait": "wait", "Require upgrade": "require_upgrade", "Create SW anomaly": "create_anomaly",
    "Resolve SW anomaly": "resolve_anomaly", "Schedule intervention": "schedule_intervention",
    "Resolve ticket": "resolve", "RESOLVED": "resolve", "Closed": "close", "INVALID": "close", "DUPLICATE": "close",
    "VERIFIED": "verify",
}  # fmt: skip
LEADS_TO = {
    "assign_seriousness": "classify", "take_in_charge": "handle.working", "wait": "handle.waiting",
    "require_upgrade": "handle.upgrading", "create_anomaly": "handle.anomaly", "resolve": "review", "close": "archive",
}  # fmt: skip
GOAL = timedelta(hours=40)


def cases() -> Iterator[tuple[str, list[tuple[str, datetime]]]]:
    for case, events in read_log(DATA / "helpdesk.xes.gz"):
        yield (
            case["concept:name"],
            [(TRIGGERS[each["concept:name"]], datetime.fromisoformat(each["time:timestamp"])) for each in events],
        )


def open_time(start: datetime, end: datetime) -> timedelta:
    """Add up 9:00 to 13:00 and 14:00 to 18:00 of Mondays to Fridays in Rome, day by day."""
    total, day = timedelta(), start.astimezone(ROME).date()
    while day <= end.astimezone(ROME).date():
        if day.weekday() < 5:
            for begins, ends in ((9, 13), (14, 18)):
                since = max(start, datetime.combine(day, time(begins), ROME).astimezone(UTC))
                until = min(end, datetime.combine(day, time(ends), ROME).astimezone(UTC))
                total += max(until - since, timedelta())
        day += timedelta(days=1)
    return total


def computed(events: list[tuple[str, datetime]], end: datetime) -> tuple[str, list[str]]:
    """Return where a case ends and the verdict of each of its cycles, from the log alone.

    A cycle is missed if its goal was used up before the instant that ends it, be that in the night after closing.
    """
    state, verdicts, spent, since, late = "intake", list[str](), None, events[0][1], False
    for trigger, at in [*events, ("", end)]:
        if spent is not None and state != "handle.waiting":
            late = late or spent + open_time(since, at - timedelta(microseconds=1)) >= GOAL
            spent += open_time(since, at)
        since = at
        if state == "archive":
            break
        before, state = state, LEADS_TO.get(trigger, state)
        if trigger == "resolve_anomaly" and before.startswith("handle"):
            state = "handle.working"
        if trigger in ("insert", "schedule_intervention", "verify", ""):
            state = before
        if spent is None and state.startswith("handle") and not before.startswith("handle"):
            spent, late = timedelta(), False
        elif spent is not None and state in ("review", "archive") and before != state:
            verdicts.append("missed" if late else "met")
            spent = None
    if spent is not None:
        verdicts.append("breached" if late else "open")
    return state, verdicts


def test_every_case_of_the_help_desk_ends_where_its_log_says_and_so_does_its_clock() -> None:
    end = datetime(2015, 1, 1, tzinfo=UTC)
    refused: list[tuple[str, int, str]] = []
    seen = Counter[str]()
    with memory_desk(definitions=ROOT / "tests" / "acceptance" / "helpdesk", start=end) as desk:
        known = list(cases())
        assert len(known) == 4580
        tickets = {}
        for name, events in known:
            ticket = desk.open("ticket", actor="agent", at=events[0][1], external_id=name)
            for row, (trigger, at) in enumerate(events, 1):
                try:
                    ticket = desk.advance(ticket.id, trigger, actor="agent", at=at)
                except Refused:
                    refused.append((name, row, ticket.state))
            tickets[name] = ticket.id
        desk.run_timeouts(as_of=end)
        for name, events in known:
            state, verdicts = computed(events, end)
            ticket = desk.get(tickets[name])
            found = [
                ("breached" if clock.breached else "open") if clock.is_open else clock.status for clock in ticket.clocks
            ]
            assert (ticket.state, found) == (state, verdicts), f"{name}: {ticket.clocks}"
            seen.update(found)
        assert desk.check_clocks(list(tickets.values())[::50]) == ()
    assert refused == [
        (name, row, "archive")
        for name, events in known
        for row in range(1, len(events) + 1)
        if any(trigger == "close" for trigger, _ in events[: row - 1])
    ]
    assert len({name for name, _, _ in refused}) == 19  # 17 with events after Closed, 2 after INVALID or DUPLICATE
    assert min(seen["met"], seen["missed"]) > 500, seen
