"""When things happened: earlier truths, catching up, what was overtaken, and whose clock it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import MINUTE, NOON, TICK, Books, opened, timed, write
from workflow.clock import Clock, SystemClock, VirtualClock
from workflow.core.instants import APART
from workflow.desk.desk import Desk
from workflow.errors import Refused, UsageError

X = {"statement": "x"}


def story(desk: Desk, ticket: int) -> list[tuple[str, datetime]]:
    return [(entry.kind, entry.happened_at) for entry in desk.history(ticket)]


def test_an_earlier_truth_is_kept_as_it_was(desk: Desk, clock: VirtualClock, books: Books) -> None:
    clock.advance(timedelta(hours=5))
    desk.open("job", actor="ann", fields=X, at=NOON)
    ticket = desk.advance(1, "accept", actor="ann", at=NOON + 9 * MINUTE)
    assert (ticket.updated_at, ticket.entered_at, ticket.next_due_at) == (
        NOON + 9 * MINUTE, NOON + 9 * MINUTE, NOON + 39 * MINUTE,
    )  # fmt: skip
    assert story(desk, 1) == [("opened", NOON), ("advanced", NOON + 9 * MINUTE)]
    assert {row["recorded_at"] for row in books.of("history")} == {clock.now()}


def test_an_earlier_truth_catches_up_only_to_itself(desk: Desk, clock: VirtualClock, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    clock.advance(timedelta(hours=5))
    desk.advance(1, "accept", actor="ann", at=NOON + 20 * MINUTE)
    assert [kind for kind, _ in story(desk, 1)] == [
        "opened", "fired", "escalated", "advanced", "ladder_ended", "overtaken", "overtaken",
    ]  # fmt: skip
    assert (desk.get(1).state, desk.get(1).ladder, desk.outbox()) == ("handle.first", None, ())
    books.assert_balanced()
    desk.note(1, "moved on by itself since", actor="ann")
    assert [kind for kind, _ in story(desk, 1)][7:] == ["fired", "escalated", "fired", "noted", "notified"]
    assert desk.get(1).state == "handle.second"
    books.assert_balanced()


def test_a_time_that_cannot_be_true_is_refused(
    desk: Desk, clock: VirtualClock, books: Books, subtests: pytest.Subtests
) -> None:
    desk.open("job", actor="ann", fields=X)
    clock.advance(30 * MINUTE)
    desk.note(1, "at a quarter past", actor="ann", at=NOON + 15 * MINUTE)
    before = books.rows()
    wrong: dict[str, tuple[datetime, dict[str, Any]]] = {
        "the future": (clock.now() + APART + TICK, {"at": clock.now() + APART + TICK}),
        "before the last event": (NOON + 15 * MINUTE - TICK, {"last": NOON + 15 * MINUTE}),
        "at a timer that fired": (NOON + 10 * MINUTE, {"timer": "unanswered", "due": NOON + 10 * MINUTE}),
        "before a timer that fired": (NOON + MINUTE, {"timer": "unanswered"}),
        "no zone": (datetime(2026, 3, 2, 12, 20), {}),  # noqa: DTZ001 - that is the fault
    }
    for name, (at, values) in wrong.items():
        with subtests.test(name):
            for verb in verbs(desk, at):
                with pytest.raises(UsageError) as refused:
                    verb()
                assert values.items() <= refused.value.values.items()
                assert refused.value.exit_code == 2
    assert books.rows() == before
    for verb in verbs(desk, NOON + 15 * MINUTE):
        verb()
    books.assert_balanced()


def test_what_another_machines_clock_calls_now_is_now(desk: Desk, clock: VirtualClock, books: Books) -> None:
    ahead = clock.now() + APART
    assert desk.open("job", actor="ann", fields=X, at=ahead).opened_at == clock.now()
    assert desk.note(1, "now", actor="ann", at=ahead).updated_at == clock.now()
    books.assert_balanced()


def test_an_acknowledgement_is_never_said_to_be_of_before_its_rung_was_told(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(15 * MINUTE)
    desk.run_timeouts()  # due at ten past, told at a quarter past
    desk.clock.advance(MINUTE)
    with pytest.raises(UsageError, match="when rung 1 of the escalation was told") as refused:
        desk.acknowledge(1, actor="boss", at=NOON + 15 * MINUTE - TICK)
    assert (refused.value.field, refused.value.values["told"]) == ("at", NOON + 15 * MINUTE)
    ladder = desk.acknowledge(1, actor="boss", at=NOON + 15 * MINUTE).ladder
    assert ladder is not None
    assert ladder.held_by == "boss"
    books.assert_balanced()


def verbs(desk: Desk, at: datetime) -> list[Callable[[], object]]:
    return [
        lambda: desk.note(1, "x", actor="ann", at=at),
        lambda: desk.advance(1, "nudge", actor="ann", at=at),
        lambda: desk.assign(1, "bob", actor="boss", at=at),
        lambda: desk.claim(1, actor="bob", at=at),
        lambda: desk.set_fields(1, {"amount": 1}, actor="ann", at=at),
        lambda: desk.tag(1, actor="ann", add=["x"], at=at),
        lambda: desk.escalate(1, actor="ann", at=at),
    ]


def test_an_event_comes_after_the_last_timer_that_fired(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.run_timeouts(as_of=NOON + 10 * MINUTE)
    desk.clock = VirtualClock(NOON)  # a machine whose clock is behind
    assert desk.note(1, "x", actor="ann").updated_at == NOON + 10 * MINUTE + TICK
    assert story(desk, 1)[-1] == ("noted", NOON + 10 * MINUTE + TICK)
    books.assert_balanced()


def test_an_event_comes_not_before_the_one_that_came_before_it(desk: Desk, clock: VirtualClock) -> None:
    clock.advance(5 * MINUTE)
    desk.open("job", actor="ann", fields=X)
    desk.clock = VirtualClock(NOON)
    assert desk.note(1, "x", actor="ann").updated_at == NOON + 5 * MINUTE


def test_an_event_at_the_very_instant_a_timer_is_due_comes_first(desk: Desk, clock: VirtualClock) -> None:
    desk.open("job", actor="ann", fields=X)
    clock.advance(10 * MINUTE)
    assert desk.advance(1, "accept", actor="ann").state == "handle.first"
    assert [kind for kind, _ in story(desk, 1)] == ["opened", "advanced"]
    desk.open("job", actor="ann", fields=X, at=NOON)
    assert desk.run_timeouts().fired == 1


CHAIN = timed(
    """
    second: {after: 20m, actions: [escalate]}
    first: {after: 10m, actions: [set: {count: 1}]}
    moved: {after: 30m, dest: handle}
    """,
    elsewhere="{soon: {after: 5m, actions: [escalate]}, moved_on: {after: 7m, dest: archive}}",
)


def test_catching_up_fires_in_the_order_of_due_times_those_just_armed_included(
    database_url: str, tmp_path: Path, books: Books
) -> None:
    with opened(database_url, write(tmp_path / "chain", CHAIN)) as desk:
        desk.open("timed", actor="ann")
        assert isinstance(desk.clock, VirtualClock)
        desk.clock.advance(timedelta(hours=1))
        desk.note(1, "at last", actor="ann")
        assert story(desk, 1) == [
            ("opened", NOON),
            ("fired", NOON + 10 * MINUTE),
            ("fired", NOON + 20 * MINUTE),
            ("escalated", NOON + 20 * MINUTE),
            ("fired", NOON + 30 * MINUTE),
            ("ladder_ended", NOON + 30 * MINUTE),
            ("fired", NOON + 35 * MINUTE),
            ("escalated", NOON + 35 * MINUTE),
            ("fired", NOON + 37 * MINUTE),
            ("ladder_ended", NOON + 37 * MINUTE),
            ("noted", NOON + 60 * MINUTE),
        ]
        timers = [entry.timer[1] for entry in desk.history(1) if entry.timer]
        assert timers == ["first", "second", "moved", "soon", "moved_on"]
        assert (desk.get(1).stage, desk.get(1).fields) == ("archive", {"count": 1})
        assert [(row.to, row.seq, row.stands) for row in desk.outbox()] == [
            ("member:boss", 4, "ladder:1"), ("member:chief", 8, "ladder:2"),
        ]  # fmt: skip
    books.assert_balanced()


def test_what_fell_due_at_one_instant_fires_in_the_order_of_declaration(database_url: str, tmp_path: Path) -> None:
    same = timed("b: {after: 10m, actions: [set: {count: 1}]}\na: {after: 10m, actions: [set: {count: 2}]}")
    with opened(database_url, write(tmp_path / "same", same)) as desk:
        desk.open("timed", actor="ann")
        assert desk.run_timeouts(as_of=NOON + 10 * MINUTE).fired == 2
        assert [entry.timer[1] for entry in desk.history(1) if entry.timer] == ["b", "a"]
        assert desk.get(1).fields["count"] == 2


def test_the_event_is_judged_in_the_state_it_finds(desk: Desk, clock: VirtualClock, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.advance(1, "accept", actor="ann")
    clock.advance(31 * MINUTE)
    with pytest.raises(Refused) as refused:
        desk.advance(1, "pass_on", actor="cat")
    assert (refused.value.rule, refused.value.values["state"]) == ("state", "handle.second")
    assert (desk.get(1).state, desk.get(1).entered_at) == ("handle.second", NOON + 30 * MINUTE)
    books.assert_balanced()


def test_what_the_event_overtakes_wakes_nobody_but_stays_on_record(
    desk: Desk, clock: VirtualClock, books: Books
) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.assign(1, "ann", actor="boss")
    clock.advance(11 * MINUTE)
    ticket = desk.advance(1, "nudge", actor="ann")
    assert ticket.assignee == "bob"
    assert [row.to for row in desk.outbox()] == ["member:boss", "member:bob"]

    desk.open("job", actor="ann", fields=X)
    clock.advance(11 * MINUTE)
    desk.advance(2, "accept", actor="ann")
    history = desk.history(2)
    assert [entry.kind for entry in history] == [
        "opened", "fired", "escalated", "advanced", "ladder_ended", "overtaken", "overtaken",
    ]  # fmt: skip
    assert [entry.data["action"] for entry in history[5:]] == ["reassign", "escalate"]
    assert [line.ended_at for line in desk.escalations(open_only=False)] == [None, clock.now()]
    assert [row.ticket_id for row in desk.outbox()] == [1, 1]

    desk.open("job", actor="ann", fields=X)
    clock.advance(11 * MINUTE)
    assert desk.claim(3, actor="bob").assignee == "bob"
    assert [entry.kind for entry in desk.history(3)] == ["opened", "fired", "escalated", "assigned", "overtaken"]
    assert [row.to for row in desk.outbox()][2:] == ["member:boss"]
    books.assert_balanced()


def test_a_run_before_the_event_overtakes_nothing(desk: Desk, clock: VirtualClock) -> None:
    desk.open("job", actor="ann", fields=X)
    clock.advance(10 * MINUTE)
    desk.run_timeouts()
    clock.advance(MINUTE)
    desk.advance(1, "accept", actor="ann")
    assert story(desk, 1) == [
        ("opened", NOON), ("fired", NOON + 10 * MINUTE), ("escalated", NOON + 10 * MINUTE),
        ("assigned", NOON + 10 * MINUTE), ("advanced", NOON + 11 * MINUTE), ("ladder_ended", NOON + 11 * MINUTE),
    ]  # fmt: skip


def test_a_run_as_of_a_future_needs_a_virtual_clock(database_url: str, definitions: Path, books: Books) -> None:
    with Desk.connect(database_url, definitions=definitions) as desk:
        desk.open("job", actor="ann", fields=X)
        before = books.rows()
        with pytest.raises(Refused) as refused:
            desk.run_timeouts(as_of=SystemClock().now() + timedelta(days=1))
        assert refused.value.rule == "clock"
        assert books.rows() == before
        assert desk.run_timeouts(as_of=SystemClock().now()).fired == 0


@pytest.mark.parametrize("first", ["system", "virtual"])
def test_a_desk_is_on_one_kind_of_clock_for_good(database_url: str, definitions: Path, first: str) -> None:
    clocks: dict[str, Clock] = {"system": SystemClock(), "virtual": VirtualClock(NOON)}
    other = clocks["virtual" if first == "system" else "system"]
    for _ in range(2):
        with Desk.connect(database_url, definitions=definitions, clock=clocks[first]):
            pass
        with pytest.raises(Refused) as refused, Desk.connect(database_url, definitions=definitions, clock=other):
            pass
        assert (refused.value.rule, refused.value.values["known"]) == ("clock", first)


def test_a_virtual_desk_never_goes_back(desk: Desk, database_url: str, definitions: Path, clock: VirtualClock) -> None:
    desk.run_timeouts(as_of=NOON + timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=1)
    with pytest.raises(Refused) as refused, opened(database_url, definitions, NOON):
        pass
    assert refused.value.rule == "clock"
    with opened(database_url, definitions, NOON + timedelta(hours=1)) as again:
        assert again.run_timeouts().fired == 0


def test_a_run_as_of_the_past_leaves_later_tickets_alone(desk: Desk, clock: VirtualClock, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    clock.advance(5 * MINUTE)
    desk.open("job", actor="ann", fields=X)
    clock.advance(timedelta(hours=3))
    report = desk.run_timeouts(as_of=NOON + 12 * MINUTE)
    assert (report.as_of, report.fired, report.tickets, report.locked) == (NOON + 12 * MINUTE, 1, 1, 0)
    assert [entry.data.get("fired_at") for entry in desk.history(1)][1] == (NOON + 12 * MINUTE).isoformat()
    desk.open("job", actor="ann", fields=X)
    assert desk.run_timeouts(as_of=NOON + 15 * MINUTE).fired == 1
    assert desk.run_timeouts(as_of=NOON - timedelta(days=1)).fired == 0
    assert [timer.kind for timer in desk.agenda(until=clock.now()).timers] == ["rung", "rung"]
    late = desk.run_timeouts()
    assert (late.fired, late.tickets, late.escalated) == (2, 2, 2)
    assert [entry.data["fired_at"] for entry in desk.history(1) if entry.timer] == [
        (NOON + 12 * MINUTE).isoformat(), clock.now().isoformat(),
    ]  # fmt: skip
    assert desk.run_timeouts().fired == 0
    books.assert_balanced()
