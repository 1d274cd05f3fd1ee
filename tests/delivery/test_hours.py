"""Quiet hours: who is told at night, who in the morning, and that nobody forgets it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.delivery.desks import PEOPLE, TELLING, hooked, job, states, telling
from tests.delivery.servers import Receiver
from tests.store.small import NOON, write
from workflow.clock import VirtualClock
from workflow.desk.desk import Desk
from workflow.desk.health import Limits

# in Asia/Shanghai, where NOON is 20:00; ann and bob are on the night shift
NIGHT = (
    PEOPLE.replace(
        "channels:",
        """calendars:
  day: {weekly: {daily: 09:00-18:00}}
  late: {weekly: {daily: 18:00-02:00}}
channels:""",
    )
    .replace("ann: {", "ann: {shift: late, ")
    .replace("bob: {", "bob: {shift: late, ")
)
HELD = NIGHT + "delivery: {digest_above: 2, hours: {members: {calendar: day, passes: PASSES}, customer: day}}\n"
MORNING = NOON + timedelta(hours=13)


def desk_of(at: Path, passes: str = "[]") -> Path:
    return write(at / "definitions", TELLING, desk=HELD.replace("PASSES", passes))


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    return desk_of(tmp_path)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


def test_what_comes_at_night_is_told_in_the_morning(
    database_url: str, definitions: Path, receiver: Receiver, clock: VirtualClock
) -> None:
    with telling(database_url, definitions, hooked(receiver), clock=clock) as desk:
        job(desk, "tell_customer", "ring")
        desk.escalate(job(desk), actor="ann")
        report = desk.deliver()
        assert (report.sent, report.failed, report.waiting, report.held) == (1, 0, 2, 2), "a host's call is no person"
        assert [(row.state, row.next_try_at, row.attempts) for row in desk.outbox() if row.to != "host:bell"] == [
            ("held", MORNING, 0)
        ] * 2
        assert desk.next_message_due() == MORNING
        clock.move_to(MORNING - timedelta(microseconds=1))
        assert desk.deliver().sent == 0
        clock.move_to(MORNING)
        assert desk.deliver().sent == 2
    assert [posted.message["to"] for posted in receiver.posted] == ["customer", "member:boss"]


def test_what_ends_in_the_night_is_told_to_nobody(definitions: Path, receiver: Receiver, clock: VirtualClock) -> None:
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        for number in range(1, 6):
            desk.escalate(job(desk), actor="ann")
            assert desk.deliver().held == number
        for ended in (1, 2):
            desk.advance(ended, "end", actor="ann")
        clock.move_to(MORNING)
        report = desk.deliver()
        assert (report.sent, report.suppressed, report.held) == (3, 2, 0)
    assert [len(posted.message["messages"]) for posted in receiver.posted] == [3], "and the rest in one"


def test_who_is_on_their_shift_is_told(definitions: Path, receiver: Receiver, clock: VirtualClock) -> None:
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        number = job(desk, "tell_team")
        desk.assign(number, "ann", actor="boss")
        desk.advance(number, "tell_owner", actor="ann")
        assert desk.deliver().sent == 2
        clock.advance(timedelta(hours=7))
        desk.advance(number, "tell_owner", actor="ann")
        desk.deliver()
        assert states(desk)[-1] == "held"


@pytest.mark.parametrize(
    ("passes", "priority", "rung", "leaves"),
    [
        ("urgent", "urgent", 1, True),
        ("[urgent, high]", "normal", 1, False),
        ("escalations", "low", 1, True),
        ("last_rung", "normal", 1, False),
        ("last_rung", "normal", 2, True),
    ],
)
def test_what_passes_at_any_hour(
    tmp_path: Path, receiver: Receiver, clock: VirtualClock, passes: str, priority: str, rung: int, leaves: bool
) -> None:
    with telling("sqlite://", desk_of(tmp_path, passes), hooked(receiver), clock=clock) as desk:
        number = job(desk)
        desk.set_fields(number, priority=priority, actor="ann")
        desk.escalate(number, actor="ann")
        for _ in range(rung - 1):
            clock.advance(timedelta(minutes=40))
            desk.run_timeouts()
        desk.deliver()
        assert states(desk)[-1] == ("sent" if leaves else "held")


def test_a_customer_is_told_of_a_promise_before_its_time(
    definitions: Path, receiver: Receiver, clock: VirtualClock
) -> None:
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        tonight, tomorrow = NOON + timedelta(hours=2), NOON + timedelta(hours=20)
        desk.promise(job(desk), tomorrow, actor="ann", reason="parts are late")
        desk.promise(job(desk), tonight, actor="ann", reason="a technician comes")
        desk.promise(2, tomorrow, actor="ann", reason="the car broke down")
        report = desk.deliver()
        assert (report.sent, report.held) == (2, 1)
        assert states(desk) == ["held", "sent", "sent"]


def test_it_is_known_that_they_wait(definitions: Path, receiver: Receiver, clock: VirtualClock) -> None:
    limits = Limits(max_since_run=timedelta(days=9), max_late=timedelta(days=9), max_unheld=timedelta(days=9))
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        number = job(desk)
        desk.escalate(number, actor="ann")
        desk.deliver()
        (row,) = desk.explain(number, actor="ann").messages
        assert (row.state, row.next_try_at) == ("held", MORNING)
        clock.advance(timedelta(hours=12))
        found = desk.health(limits=limits)
        assert (found.held.count, found.held.since, found.held.ticket_id) == (1, MORNING, number)
        assert found.undelivered.count == 0, "that is as it should be"
        clock.move_to(MORNING + timedelta(minutes=20))
        found = desk.health(limits=limits)
        assert (found.held.count, found.findings[-1].check) == (0, "undelivered")
        assert found.undelivered.since == MORNING


def test_other_hours_count_for_what_is_held(definitions: Path, receiver: Receiver, clock: VirtualClock) -> None:
    with telling("sqlite://", definitions, hooked(receiver), clock=clock) as desk:
        job(desk, "tell_customer")
        assert desk.deliver().held == 1
        assert retried(desk) == "held", "an hour that is quiet stays so"
        write(definitions, TELLING, desk=NIGHT)
        desk.apply(actor="boss")
        assert desk.deliver().sent == 1


def retried(desk: Desk) -> str:
    desk.retry_outbox([desk.outbox()[0].id], actor="boss")
    desk.deliver()
    return desk.outbox()[0].state
