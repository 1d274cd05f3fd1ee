"""Another version under open tickets, and another type for one: what goes on, what ends, what begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import DESK, MINUTE, NOON, Books, opened, write
from workflow import Desk, Ticket, UsageError
from workflow.clock import VirtualClock
from workflow.desk import migrate
from workflow.errors import BadValue, Forbidden, NotFound, Refused
from workflow.store import crash

HOUR = timedelta(hours=1)
MOVERS = DESK.replace("apply, retry]", "apply, retry, migrate, retype]")
CALL = """
ticket_type: call
version: 1
skips: [classify, review, callback]
fields:
  statement: {type: text}
  mood: {type: choice, choices: [calm, angry]}
  pin: {type: text, pii: true}
stages:
  intake:
    team: front
    transitions: {take: {dest: handle.first}}
    timeouts:
      slow: {after: 10m, actions: [escalate]}
      idle: {after: 5h, actions: [{notify: owner}]}
  handle:
    team: back
    transitions: {done: {dest: archive}}
    states:
      first: {transitions: {ask: {dest: handle.second}}, timeouts: {forgotten: {after: 2h, actions: [{notify: lead}]}}}
      second: {}
  archive: {}
sla:
  reply: {goal: 4h, calendar: always, start: intake, stop: archive}
  gone: {goal: 8h, calendar: always, start: intake, stop: archive}
"""
SECOND = (
    CALL.replace("version: 1", "version: 2")
    .replace("handle.first", "handle.work").replace("first:", "work:")
    .replace("  mood: {type: choice, choices: [calm, angry]}\n  pin: {type: text, pii: true}\n", "")
    .replace("statement: {type: text}", "statement: {type: text}\n  score: {type: int, default: 3}")
    .replace("after: 5h", "after: 30m").replace("after: 2h", "after: 20m")
    .replace("reply: {goal: 4h", "reply: {goal: 1h").replace("gone: {goal: 8h", "fresh: {goal: 3h")
)  # fmt: skip
LETTER = """
ticket_type: letter
version: 1
skips: [classify, handle, review, callback]
fields: {statement: {type: text}, sender: {type: text, required: true}}
stages: {intake: {team: back, transitions: {done: {dest: archive}}}, archive: {}}
"""


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A desk with a call in its intake, one in handle.first, and one that is archived; half an hour has passed."""
    folder = write(tmp_path / "definitions", CALL, LETTER, desk=MOVERS)
    with opened(database_url, folder) as desk:
        for _ in range(3):
            desk.open("call", actor="ann", fields={"statement": "hm", "mood": "angry", "pin": "1234"})
        desk.advance(2, "take", actor="ann")
        desk.advance(3, "take", actor="ann")
        desk.advance(3, "done", actor="cat")
        clock_of(desk).advance(30 * MINUTE)
        desk.run_timeouts()
        write(folder, SECOND, LETTER, desk=MOVERS)
        desk.apply(folder, actor="boss")
        yield desk


def clock_of(desk: Desk) -> VirtualClock:
    assert isinstance(desk.clock, VirtualClock)
    return desk.clock


def dues(books: Books, ticket: int) -> dict[str, datetime]:
    return {row["name"]: row["due_at"] for row in books.of("timers") if row["ticket_id"] == ticket}


def clocks(ticket: Ticket) -> dict[str, tuple[str, timedelta, datetime | None]]:
    return {clock.name: (clock.status, clock.goal, clock.due_at) for clock in ticket.clocks}


def migrated(desk: Desk, ticket: int) -> dict[str, Any]:
    entry = desk.history(ticket)[-1]
    assert entry.kind == "migrated"
    return {**entry.data, **entry.private}


WORK = {"handle.first": "handle.work"}


def test_open_tickets_follow_a_new_version(desk: Desk, books: Books) -> None:
    clock_of(desk).advance(15 * MINUTE)
    report = desk.migrate("call", to_version=2, states=WORK, actor="boss")
    now = NOON + 45 * MINUTE
    assert (report.migrated, report.left, report.locked, report.failed) == (2, 0, (), {})
    one, two, three = (desk.get(number) for number in (1, 2, 3))
    assert [(each.version, each.state) for each in (one, two, three)] == [
        (2, "intake"), (2, "handle.work"), (1, "archive"),
    ]  # fmt: skip
    assert one.fields == {"statement": "hm", "score": 3}
    assert (one.entry, one.entered_at) == (1, NOON)
    assert dues(books, 1) | {"rung": None} == {  # from the start of its stay, and `slow` has fired in it
        "idle": now, "reply/100%": NOON + HOUR, "fresh/100%": now + 3 * HOUR, "rung": None,
    }  # fmt: skip
    assert dues(books, 2)["forgotten"] == now
    assert clocks(one) == {
        "reply": ("running", HOUR, NOON + HOUR),
        "gone": ("cancelled", 8 * HOUR, NOON + 8 * HOUR),
        "fresh": ("running", 3 * HOUR, now + 3 * HOUR),
    }
    told = migrated(desk, 2)
    assert (told["from"], told["to"]) == (["call", 1, "handle.first"], ["call", 2, "handle.work"])
    assert (told["lost.mood"], told["lost.pin"], told["fields.score"]) == ("angry", "1234", 3)
    assert "lost.pin" in desk.history(2)[-1].private
    books.assert_balanced()
    clock_of(desk).advance(HOUR)
    assert desk.run_timeouts().fired == 5
    assert desk.advance(2, "done", actor="cat").version == desk.history(2)[-1].version == 2
    books.assert_balanced()


def test_a_second_call_has_nothing_left_to_do_and_the_reverse_map_undoes_it(desk: Desk, books: Books) -> None:
    before, timers = desk.get(1), dues(books, 1)
    for _ in range(2):
        desk.migrate("call", to_version=2, states=WORK, actor="boss")
    assert [entry.kind for entry in desk.history(1)].count("migrated") == 1
    desk.migrate("call", to_version=1, states={"handle.work": "handle.first"}, actor="boss")
    after = desk.get(1)
    assert (after.state, after.version, after.fields) == (before.state, 1, before.fields)
    assert clocks(after)["gone"] == clocks(before)["gone"]
    assert clocks(after)["reply"] == clocks(before)["reply"]
    assert dues(books, 1) == timers
    assert desk.get(2).state == "handle.first"
    books.assert_balanced()


def test_every_state_without_a_place_is_named_at_once(desk: Desk) -> None:
    desk.advance(1, "take", actor="ann")
    with pytest.raises(UsageError, match=r"call version 2 does not have the states handle\.first"):
        desk.migrate("call", to_version=2, actor="boss")
    with pytest.raises(UsageError, match=r"has no open state archive, nowhere"):
        desk.migrate("call", to_version=2, states={"handle.first": "nowhere", "intake": "archive"}, actor="boss")
    with pytest.raises(NotFound, match="no version 7"):
        desk.migrate("call", to_version=7, actor="boss")
    with pytest.raises(Forbidden):
        desk.migrate("call", to_version=2, states=WORK, actor="ann")
    assert desk.get(1).version == 1


def test_a_dry_run_says_of_each_ticket_what_would_change(desk: Desk) -> None:
    report = desk.migrate("call", to_version=2, states=WORK, actor="boss", dry_run=True)
    assert (report.migrated, report.left, report.dry_run) == (2, 2, True)
    one, two = report.moved
    assert (one.ticket_id, one.source, one.state, one.lost) == (1, "intake", "intake", ("mood", "pin"))
    assert one.dues["fresh/100%"] == NOON + 3 * HOUR + 30 * MINUTE
    assert (two.state, two.breached) == ("handle.work", ("forgotten",))
    assert [desk.get(number).version for number in (1, 2)] == [1, 1]


def test_killed_half_way_the_next_call_does_the_rest(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def point(name: str) -> None:
        passed.append(name)
        if passed.count("migrate.chunk") == 2:
            raise KeyboardInterrupt

    passed: list[str] = []
    with monkeypatch.context() as broken:
        broken.setattr(migrate, "CHUNK", 1)
        broken.setattr(crash, "point", point)
        with pytest.raises(KeyboardInterrupt):
            desk.migrate("call", to_version=2, states=WORK, actor="boss")
    assert [desk.get(number).version for number in (1, 2)] == [2, 1]
    assert desk.migrate("call", to_version=2, states=WORK, actor="boss").migrated == 1
    assert desk.migrate("call", to_version=1, states={"handle.work": "handle.first"}, actor="boss", limit=1).left == 1


def test_a_ticket_becomes_one_of_another_type(desk: Desk, books: Books) -> None:
    with pytest.raises(BadValue, match="letter needs the field sender"):
        desk.retype(1, "letter", actor="boss")
    with pytest.raises(UsageError, match=r"does not have the states handle\.first"):
        desk.retype(2, "letter", actor="boss")
    with pytest.raises(Refused, match="archived"):
        desk.retype(3, "letter", actor="boss")
    seen = desk.preview_retype(2, "letter", actor="boss", states={"handle.first": "intake"}, fields={"sender": "Wu"})
    assert (seen.source, seen.state, seen.lost) == ("handle.first", "intake", ("mood", "pin"))
    ticket = desk.retype(1, "letter", actor="boss", fields={"sender": "Wu"}, reason="it was written")
    assert (ticket.type, ticket.state, ticket.team, ticket.fields) == (
        "letter", "intake", "back", {"statement": "hm", "sender": "Wu"},
    )  # fmt: skip
    told = migrated_before(desk)
    assert (told["reason"], told["lost.pin"], told["causes_ended"]) == ("it was written", "1234", ["timeout:slow:1:1"])
    assert ticket.ladder is None
    assert {name: status for name, (status, *_) in clocks(ticket).items()} == {
        "reply": "cancelled",
        "gone": "cancelled",
    }
    assert dues(books, 1) == {}
    books.assert_balanced()
    assert desk.retype(1, "letter", actor="boss").ticket_version == ticket.ticket_version
    assert desk.retype(1, "call", actor="boss").fields == {"statement": "hm", "score": 3}


def migrated_before(desk: Desk) -> dict[str, Any]:
    entry = next(entry for entry in reversed(desk.history(1)) if entry.kind == "migrated")
    return {**entry.data, **entry.private}
