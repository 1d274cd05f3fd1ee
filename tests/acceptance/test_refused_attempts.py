"""What people tried and were refused is on record, apart from the tickets: who, what, when and why not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.acceptance.hosts import host_engine
from tests.store.small import DESK, MINUTE, NOON, Books, opened, write
from workflow import BadValue, Conflict, Desk, Forbidden, NotFound, Refused, VirtualClock
from workflow.store.refusals import MOST_A_MINUTE

X = {"statement": "x"}
Attempt = Callable[[Desk], object]
REFUSED: dict[str, tuple[Attempt, tuple[str, str, str | None, int | None, str]]] = {
    "no grant": (lambda desk: desk.note(1, "x", actor="eve"), ("eve", "note", None, 1, "verb")),
    "no grant to open": (lambda desk: desk.open("job", actor="eve", fields=X), ("eve", "open", None, None, "verb")),
    "no role": (lambda desk: desk.advance(1, "only_lead", actor="ann"), ("ann", "advance", "only_lead", 1, "roles")),
    "wrong state": (lambda desk: desk.advance(1, "done", actor="ann"), ("ann", "advance", "done", 1, "state")),
    "conditions": (
        lambda desk: desk.advance(1, "when_agreed", actor="ann"), ("ann", "advance", "when_agreed", 1, "conditions"),
    ),
    "missing fields": (
        lambda desk: desk.advance(1, "with_code", actor="ann"), ("ann", "advance", "with_code", 1, "requires"),
    ),
    "four eyes": (lambda desk: desk.advance(2, "done", actor="bob"), ("bob", "advance", "done", 2, "not_by")),
    "somebody was first": (
        lambda desk: desk.note(1, "x", actor="ann", if_version=9), ("ann", "note", None, 1, "conflict"),
    ),
}  # fmt: skip


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Give the small desk with a new ticket, and one that bob acted on in handle.first."""
    for _ in range(2):
        desk.open("job", actor="ann", fields=X)
    desk.advance(2, "accept", actor="ann")
    desk.advance(2, "pass_on", actor="bob")
    return desk


def test_every_kind_is_a_row_that_says_why(desk: Desk, clock: VirtualClock, subtests: pytest.Subtests) -> None:
    for name, (attempt, wanted) in REFUSED.items():
        with subtests.test(name):
            clock.advance(MINUTE)
            with pytest.raises((Refused, Conflict)):
                attempt(desk)
            row = desk.refusals(limit=100)[-1]
            assert (row.actor, row.verb, row.trigger, row.ticket_id, row.rule) == wanted
            assert (row.happened_at, row.times, row.os_user) == (clock.now(), 1, None)
    assert len(desk.refusals()) == len(REFUSED)
    assert {row.actor for row in desk.refusals(member="eve")} == {"eve"}
    assert {row.ticket_id for row in desk.refusals(ticket_id=2)} == {2}
    assert desk.refusals(after=desk.refusals()[0].id, limit=1) == desk.refusals()[1:2]


def test_a_slip_is_no_attempt_and_the_desk_itself_is_nobody(desk: Desk) -> None:
    slips: list[Attempt] = [
        lambda desk: desk.note(1, " ", actor="ann"),
        lambda desk: desk.note(99, "x", actor="ann"),
        lambda desk: desk.note(1, "x", actor="a" * 100_000),
        lambda desk: desk.advance(1, "explode", actor="ann"),
        lambda desk: desk.advance(1, "done", actor="system"),
    ]
    for slip in slips:
        with pytest.raises((BadValue, NotFound, Refused)):
            slip(desk)
    desk.what_next(1, actor="eve")
    assert desk.refusals() == ()


def test_what_is_the_same_within_a_minute_is_counted(desk: Desk, clock: VirtualClock) -> None:
    for _ in range(3):
        with pytest.raises(Forbidden):
            desk.note(1, "x", actor="eve")
        clock.advance(timedelta(seconds=25))
    assert [(row.times, row.happened_at) for row in desk.refusals()] == [(3, NOON)]
    with pytest.raises(Forbidden):
        desk.note(1, "x", actor="eve")
    assert [row.times for row in desk.refusals()] == [3, 1]


def test_whoever_tries_everything_fills_no_disk(desk: Desk) -> None:
    for number in range(MOST_A_MINUTE + 15):
        with pytest.raises(Forbidden):
            desk.redact(1 + number, ["statement"], actor="eve", reason="x")
    *named, last = desk.refusals(limit=100)
    assert (len(named), last.ticket_id, last.times) == (MOST_A_MINUTE, None, 15)
    with pytest.raises(Forbidden):
        desk.redact(1, ["statement"], actor="bob", reason="x")
    assert desk.refusals(member="bob")[0].ticket_id == 1, "others are not crowded out"


def test_in_a_hosts_transaction_it_shares_its_fate(database_url: str, desk: Desk) -> None:
    with host_engine(database_url) as engine, Session(engine) as session:
        for finish in (session.rollback, session.commit):
            with pytest.raises(Forbidden) as refused:
                desk.within(session).note(1, "x", actor="eve")
            desk.within(session).note(1, "kept", actor="ann")
            finish()
            assert len(desk.refusals()) == (finish == session.commit)
        session.close()
        desk.record_refusal(refused.value, verb="note", actor="eve", ticket_id=1)
    (row,) = desk.refusals()
    assert (row.verb, row.rule, row.times) == ("note", "verb", 2), (
        "what was rolled back can be put on record afterwards"
    )


def test_old_ones_go_and_fresh_ones_stay(database_url: str, tmp_path: Path, books: Books) -> None:
    folder = write(tmp_path / "keepers", desk=DESK.replace("acknowledge, apply, retry]", "apply, redact]"))
    with opened(database_url, folder) as desk:
        with pytest.raises(Forbidden):
            desk.open("job", actor="eve", fields=X)
        later = NOON + timedelta(days=40)
        desk.clock.move_to(later)  # type: ignore[attr-defined]  # it is virtual
        with pytest.raises(Forbidden):
            desk.forget_refusals(NOON + MINUTE, actor="ann")
        with pytest.raises(Refused, match="kept for 30 days"):
            desk.forget_refusals(later, actor="boss")
        assert desk.forget_refusals(NOON, actor="boss") == 0
        assert desk.forget_refusals(later - timedelta(days=30), actor="boss") == 1
        assert [row.verb for row in desk.refusals()] == ["forget_refusals", "forget_refusals"]
    assert books.count("refusals") == 2


def test_the_refusal_stands_where_its_record_cannot_be_kept(
    desk: Desk, books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    with books.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE ticketflow_refusals")
    with caplog.at_level(logging.WARNING, "workflow.desk"), pytest.raises(Forbidden):
        desk.note(1, "x", actor="eve")
    assert "eve was refused note could not be put on record" in caplog.text
