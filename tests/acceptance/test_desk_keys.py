"""Calls that are made twice, and callers who saw an older ticket."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import NOON, Books, opened, timed, write
from workflow.clock import VirtualClock
from workflow.core.model import Ticket
from workflow.desk.desk import Desk
from workflow.errors import Conflict, Forbidden, Refused, StoreBusy

X = {"statement": "x"}
FULL: dict[str, Any] = {
    "fields": {"statement": "你好", "fees": "1.50", "day": "2026-03-02", "moment": "2026-03-02T09:30", "words": "a,b"},
    "customer": {"name": "Li", "phone": "138"}, "channel": "web", "priority": "high", "tags": ("b", "a"),
    "external_id": "e1", "note": "n",
}  # fmt: skip


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all calls at the same time in threads, and return what each returned or raised."""
    barrier, found = threading.Barrier(len(calls)), [None] * len(calls)

    def make(number: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            found[number] = call()
        except Exception as error:
            found[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=make, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_repeated_open_returns_the_first_result(desk: Desk, clock: VirtualClock, books: Books) -> None:
    first = desk.open("job", actor="ann", key="k", **FULL)
    desk.advance(first.id, "accept", actor="ann")
    clock.advance(timedelta(hours=1))
    before = books.rows()
    again = desk.open("job", actor="ann", key="k", **FULL)
    assert (first.replayed, again.replayed) == (False, True)
    assert again == dataclasses.replace(first, replayed=True)
    assert books.rows() == before


def test_a_repeated_advance_returns_the_first_result(desk: Desk, clock: VirtualClock, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    first = desk.advance(1, "accept", actor="ann", fields={"amount": 1}, note="n", key="k", if_version=1, at=NOON)
    clock.advance(timedelta(hours=1))
    before = books.rows()
    again = desk.advance(1, "accept", actor="ann", fields={"amount": 1}, note="n", key="k", if_version=1, at=NOON)
    assert (again.replayed, again.state, again.ticket_version) == (True, first.state, first.ticket_version)
    assert again.fields == first.fields
    assert books.rows() == before


def test_a_key_with_other_arguments_is_a_conflict(desk: Desk, books: Books, subtests: pytest.Subtests) -> None:
    desk.open("job", actor="ann", key="k", **FULL)
    desk.advance(1, "nudge", actor="ann", key="k", note="n")
    before = books.rows()
    others: list[dict[str, Any]] = [
        {"actor": "bob"}, {"key": "k", "fields": X}, {"customer": {}}, {"channel": "phone"}, {"priority": "low"},
        {"tags": ("a",)}, {"external_id": "e2"}, {"note": None}, {"at": NOON},
    ]  # fmt: skip
    for other in others:
        with subtests.test(str(other)), pytest.raises(Conflict) as conflict:
            desk.open("job", **({"actor": "ann", "key": "k"} | FULL | other))
        assert (conflict.value.exit_code, conflict.value.field) == (6, "key")
    more: list[dict[str, Any]] = [
        {"trigger": "accept"}, {"actor": "bob"}, {"note": None}, {"fields": {"amount": 1}}, {"if_version": 1},
        {"at": NOON}, {"ticket_id": 2},
    ]  # fmt: skip
    for other in more:
        call: dict[str, Any] = {"ticket_id": 1, "trigger": "nudge", "actor": "ann", "key": "k", "note": "n"} | other
        with subtests.test(str(other)), pytest.raises(Conflict):
            desk.advance(**call)
    assert books.rows() == before


def test_the_same_arguments_in_another_dress_are_the_same(desk: Desk) -> None:
    first = desk.open("job", actor="ann", fields={"statement": "x", "amount": 1}, tags=["a", "b", "c"], key="k")
    for tags in ({"c", "b", "a"}, ("b", "c", "a"), iter(["a", "b", "c"])):
        again = desk.open("job", actor="ann", fields={"amount": 1, "statement": "x"}, tags=tags, key="k")
        assert (again.id, again.replayed) == (first.id, True)


def test_a_key_belongs_to_its_verb(desk: Desk) -> None:
    assert desk.open("job", actor="ann", fields=X, key="k").id == 1
    assert desk.advance(1, "accept", actor="ann", key="k").state == "handle.first"


def test_a_refusal_is_not_stored(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    for _ in range(2):
        with pytest.raises(Forbidden):
            desk.advance(1, "only_lead", actor="ann", key="k")
    assert books.count("idempotency") == 0
    assert desk.advance(1, "only_lead", actor="boss", key="k").stage == "archive"
    assert desk.advance(1, "only_lead", actor="boss", key="k").replayed


def test_an_external_id_is_used_once(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X, external_id="e1")
    before = books.rows()
    with pytest.raises(Conflict) as conflict:
        desk.open("job", actor="ann", fields=X, external_id="e1", customer={"phone": "138"})
    assert conflict.value.ticket == 1
    assert books.rows() == before


def test_calls_with_one_key_at_once_are_one_call(desk: Desk, books: Books) -> None:
    found = at_once(*[lambda: desk.open("job", actor="ann", key="k", **FULL)] * 8)
    assert sorted(ticket.replayed for ticket in found) == [False, *[True] * 7]
    assert {ticket.id for ticket in found} == {found[0].id}
    moved = at_once(*[lambda: desk.advance(found[0].id, "accept", actor="ann", key="k")] * 8)
    assert sorted(ticket.replayed for ticket in moved) == [False, *[True] * 7]
    assert (books.count("tickets"), books.count("history"), books.count("customers")) == (1, 2, 1)
    books.assert_balanced()


def test_openings_of_one_external_id_at_once_make_one_ticket(desk: Desk, books: Books) -> None:
    found = at_once(*[lambda: desk.open("job", actor="ann", fields=X, external_id="e1")] * 6)
    assert sorted(type(item).__name__ for item in found) == [*["Conflict"] * 5, "Ticket"]
    assert books.count("tickets") == 1


def test_contacts_of_one_customer_at_once_make_one_customer(desk: Desk, books: Books) -> None:
    facts = [{"phone": "138", name: value} for name, value in (("name", "Li"), ("company", "Acme"))]
    calls = [lambda given=given: desk.open("job", actor="ann", fields=X, customer=given) for given in facts * 3]
    assert len({ticket.customer.id for ticket in at_once(*calls)}) == 1  # whichever: ids may have gaps
    assert [row["fields"] for row in books.of("customers")] == ['{"company":"Acme","name":"Li","phone":"138"}']


def test_of_several_who_saw_the_same_version_one_is_first(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    calls = [lambda: desk.advance(1, "accept", actor="ann", if_version=1)] * 6
    found = at_once(*calls)
    assert sorted(type(item).__name__ for item in found) == [*["Conflict"] * 5, "Ticket"]
    assert all(item.exit_code == 6 for item in found if isinstance(item, Conflict))
    books.assert_balanced()


def test_tickets_are_worked_on_side_by_side(desk: Desk, books: Books) -> None:
    for _ in range(6):
        desk.open("job", actor="ann", fields=X)
    found = at_once(*[lambda id=id: desk.advance(id, "accept", actor="ann", if_version=1) for id in range(1, 7)])
    assert [ticket.state for ticket in found] == ["handle.first"] * 6
    books.assert_balanced()


def test_every_verb_compares_the_version(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.open("job", actor="ann", fields=X)
    desk.note(1, "newer", actor="ann")
    before = books.rows()
    calls: list[Callable[[], Ticket]] = [
        lambda: desk.advance(1, "accept", actor="ann", if_version=1),
        lambda: desk.assign(1, "bob", actor="boss", if_version=1),
        lambda: desk.claim(1, actor="ann", if_version=1),
        lambda: desk.note(1, "x", actor="ann", if_version=1),
        lambda: desk.set_fields(1, {"amount": 1}, actor="ann", if_version=1),
        lambda: desk.tag(1, actor="ann", add=["x"], if_version=1),
        lambda: desk.link(1, 2, actor="ann", if_version=1),
        lambda: desk.escalate(1, actor="ann", if_version=3),
    ]
    for call in calls:
        with pytest.raises(Conflict) as conflict:
            call()
        assert (conflict.value.ticket, conflict.value.values["found"]) == (1, 2)
    assert books.rows() == before
    assert desk.note(1, "seen", actor="ann", if_version=2).ticket_version == 3


def test_a_conflict_with_the_catch_up_ends_at_the_next_try(database_url: str, tmp_path: Path, books: Books) -> None:
    folder = write(tmp_path / "moving", timed("moved: {after: 10m, dest: handle, actions: [escalate]}"))
    with opened(database_url, folder) as desk:
        seen = desk.open("timed", actor="ann")
        assert isinstance(desk.clock, VirtualClock)
        desk.clock.advance(timedelta(minutes=11))
        with pytest.raises(Conflict) as conflict:
            desk.advance(1, "finish", actor="ann", if_version=seen.ticket_version)
        assert conflict.value.values["state"] == "handle"
        kept = desk.get(1)
        assert (kept.state, kept.entry, kept.entered_at) == ("handle", 2, NOON + timedelta(minutes=10))
        assert [row.to for row in desk.outbox()] == ["member:chief"]
        with pytest.raises(Conflict):
            desk.advance(1, "finish", actor="ann", if_version=seen.ticket_version)
        assert desk.advance(1, "finish", actor="ann", if_version=kept.ticket_version).stage == "archive"
    books.assert_balanced()


def test_a_catch_up_that_only_tells_is_no_conflict(desk: Desk, clock: VirtualClock) -> None:
    seen = desk.open("job", actor="ann", fields=X)
    clock.advance(timedelta(minutes=11))
    assert desk.note(1, "still there", actor="ann", if_version=seen.ticket_version).state == "intake"
    assert [entry.kind for entry in desk.history(1)] == ["opened", "fired", "escalated", "noted", "assigned"]


def test_a_key_answers_also_where_the_state_has_moved_on(desk: Desk) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.advance(1, "accept", actor="ann", key="k")
    with pytest.raises(Refused):
        desk.advance(1, "accept", actor="ann", key="other")
    assert desk.advance(1, "accept", actor="ann", key="k").state == "handle.first"


def test_a_key_in_use_elsewhere_is_waited_for_and_no_longer(postgres_url: str, definitions: Path) -> None:
    with opened(postgres_url, definitions, busy_timeout=0.1) as desk, opened(postgres_url, definitions) as host:
        with host._transactions.store.write() as connection:  # type: ignore[attr-defined]
            host.within(connection).open("job", actor="ann", fields=X, key="k")
            with pytest.raises(StoreBusy):
                desk.open("job", actor="ann", fields=X, key="k")
        assert desk.open("job", actor="ann", fields=X, key="k").replayed
