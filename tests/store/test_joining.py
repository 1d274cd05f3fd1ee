"""A customer who asks again about an open case is joined to its ticket (P28), on either database."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import DESK, MINUTE, NOON, Books, write
from workflow.clock import VirtualClock
from workflow.core.model import Joined, Ticket
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import BadValue, ConditionFault, Conflict

CASE = """
ticket_type: case
version: 1
skips: [classify, handle, review, callback]
category: kind
joins: ask
fields:
  statement: {type: text, required: true}
  kind: {type: choice, choices: [line, bill]}
  place: {type: text, pii: true}
  asked: {type: int}
  amount: {type: int}
transitions:
  ask:
    - {conditions: 'asked >= 1', roles: [lead], actions: [{count: asked}, {priority: high}, {notify: owner}]}
    - {conditions: '!("amount" in filled) || 10 / amount > 0', actions: [{count: asked}, {notify: owner}]}
stages:
  intake:
    team: front
    transitions: {accept: handle, drop: archive}
    timeouts: {stale: {after: 1h, dest: archive}}
  handle: {transitions: {done: archive, ask: null}}
  archive: {}
"""
ALARM = """
ticket_type: alarm
version: 1
joins: false
skips: [classify, handle, review, callback]
fields: {statement: {type: text, required: true}}
stages: {intake: {team: front, transitions: {over: archive}}, archive: {}}
"""
RULES = """
match: all
default: case
rules:
  again: {when: {conditions: '"case" in open_types && "first" in open_tags'}, tags: [again]}
  media: {when: {words: [weibo]}, priority: urgent, risk: escalation}
"""
CLERK = DESK.replace("roles:\n", "roles:\n  clerk: {may: [open]}\n", 1).replace(
    "eve: {roles: [guest]}", "eve: {roles: [clerk]}"
)
LI = {"name": "Li", "phone": "138 0000-0001"}


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    folder = write(tmp_path / "definitions", CASE, ALARM, desk=CLERK)
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    return folder


def ask(desk: Desk, words: str = "when?", *, phone: str = "13800000001", actor: str = "ann", **more: Any) -> Ticket:
    fields = {"statement": words, **more.pop("fields", {})}
    return desk.open(more.pop("type", "case"), actor=actor, fields=fields, customer={"phone": phone}, **more)


def contact(number: int, phone: str = "13800000001", **more: Any) -> Contact:
    given: dict[str, Any] = {"fields": {"statement": f"words {number}"}, "external_id": f"e{number}"}
    return Contact(number, **(given | {"customer": {"phone": phone}, "ticket_type": "case"} | more))


def test_a_second_contact_is_joined_and_not_a_second_ticket(desk: Desk, books: Books) -> None:
    first = desk.open(
        "case", actor="ann", fields={"statement": "dead line", "kind": "line"}, customer=LI, tags=["first"]
    )
    assert first.joined is None
    more: dict[str, Any] = {
        "fields": {"place": "Room 1", "amount": 3},
        "channel": "web",
        "tags": ["angry"],
        "note": "in tears",
    }
    again = ask(desk, "still dead", priority="urgent", external_id="x-1", **more)
    assert (again.id, again.joined) == (first.id, Joined(("phone",), None))
    assert (again.fields["asked"], again.priority, again.tags) == (1, "urgent", ("angry", "first"))
    assert again.fields["statement"] == "dead line"
    entry = next(entry for entry in desk.history(first.id) if entry.trigger == "ask")
    assert entry.private == {"note": "in tears\nstill dead", "fields.place": "Room 1"}
    assert {name: entry.data[name] for name in ("repeat", "channel", "external_id", "tagged", "priority")} == {
        "repeat": True, "channel": "web", "external_id": "x-1", "tagged": ["angry"], "priority": "urgent",
    }  # fmt: skip
    assert entry.data["fields.amount"] == 3
    assert [ticket.id for ticket in desk.find(external_id="x-1").tickets] == [first.id]
    assert [row.to for row in desk.outbox()] == ["member:boss"]
    assert (books.count("tickets"), books.count("customers"), desk.links(first.id)) == (1, 1, ())
    books.assert_balanced()


def test_the_customer_asks_whoever_takes_the_call(desk: Desk, books: Books) -> None:
    first = ask(desk)
    ask(desk)
    assert ask(desk, actor="eve").priority == "high", "who may open may join, whatever else they may not"
    desk.advance(first.id, "accept", actor="ann")
    noted = ask(desk, "and now?", actor="eve")
    assert (noted.id, noted.fields["asked"]) == (first.id, 2), "no trigger here: only the words are noted"
    assert desk.history(first.id)[-1].private == {"note": "and now?"}
    books.assert_balanced()


def test_two_different_categories_are_two_cases(desk: Desk) -> None:
    line, unsaid = ask(desk, fields={"kind": "line"}), ask(desk)
    bill = ask(desk, fields={"kind": "bill"})
    assert (unsaid.id, bill.joined) == (line.id, None)
    last, same = ask(desk), ask(desk, fields={"kind": "line"})
    assert (last.id, same.id) == (bill.id, line.id), "of the same category first, then the newest"
    assert same.joined == Joined(("phone",), "line")
    assert ask(desk, type="alarm").joined is ask(desk, phone="13800000002").joined is None
    desk.advance(line.id, "drop", actor="ann")
    assert ask(desk, fields={"kind": "line"}).joined is None, "what is archived is over"


def test_who_is_told_apart_by_nothing_is_joined_to_nothing(desk: Desk) -> None:
    for who in ({}, {"name": "Li"}):
        two = [desk.open("case", actor="ann", fields={"statement": "x"}, customer=who).id for _ in range(2)]
        assert two[0] != two[1]


def test_a_type_that_does_not_join_links_instead(desk: Desk, books: Books) -> None:
    first, second = ask(desk, type="alarm"), ask(desk, type="alarm")
    assert (second.id, second.joined, second.ticket_version) == (2, None, 1)
    assert [link.other for link in desk.links(first.id)] == [2]
    report = desk.intake([contact(n, phone="139", ticket_type="alarm") for n in range(3)], actor="boss")
    assert (report.opened, report.joined) == (3, 0)
    assert [link.other for link in desk.links(4)] == [3, 5]
    books.assert_balanced()


def test_a_second_ticket_all_the_same_has_a_reason_and_a_link(desk: Desk, books: Books) -> None:
    first = ask(desk)
    second = ask(desk, separate="another house")
    assert (second.id, desk.links(second.id)[0].other, desk.links(second.id)[0].kind) == (2, first.id, "repeat")
    assert desk.history(second.id)[0].private["separate"] == "another house"
    assert desk.intake([contact(1), contact(2)], actor="boss", separate="moving in").opened == 2
    books.assert_balanced()


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_contacts_of_one_intake_see_each_other_whatever_its_batches(desk: Desk, books: Books, batch: int) -> None:
    some = [
        contact(1, tags=("first",), opened_at=NOON - 5 * MINUTE), contact(2, phone="139"),
        contact(3, ticket_type=None, opened_at=NOON - 4 * MINUTE),
        contact(4, ticket_type=None, phone="139", fields={"statement": "or weibo", "kind": "bill"}),
        contact(5, fields={"statement": "no number", "amount": "x"}, customer={"phone": "137", "name": "Wu"}),
    ]  # fmt: skip
    report = desk.intake(some, actor="boss", batch=batch)
    assert (report.opened, report.joined, report.known, len(report.rejected)) == (2, 2, 0, 1)
    first, second = desk.get(1), desk.get(2)
    assert (first.tags, first.fields["asked"], first.updated_at) == (("again", "first"), 1, NOON - 4 * MINUTE)
    assert (second.priority, second.tags, second.ladder and second.ladder.addressee) == ("urgent", ("risk",), "boss")
    assert len(books.of("customers")) == 2, "of a contact set aside nothing is kept"
    before = books.rows()
    again = desk.intake(some[:4], actor="boss", batch=batch)
    assert (again.opened, again.joined, again.known) == (0, 0, 4)
    assert books.rows() == before
    with pytest.raises(Conflict) as known:
        ask(desk, external_id="e3")
    assert known.value.ticket == 1
    books.assert_balanced()


def test_contacts_of_the_past_are_joined_in_silence(desk: Desk, books: Books) -> None:
    some = [contact(n, opened_at=NOON - (50 - n) * MINUTE) for n in range(3)]
    late = contact(3, opened_at=NOON - 55 * MINUTE, fields={"statement": "weibo"})
    report = desk.intake([*some, late], actor="boss", past="record")
    assert (report.opened, report.joined) == (1, 3)
    assert desk.outbox() == ()
    came = [entry.data["came_at"][11:16] for entry in desk.history(1) if "repeat" in entry.data]
    assert came == ["11:11", "11:12", "11:05"], "each at its own time, though noted after what had happened"
    books.assert_balanced()


def test_what_was_over_by_then_is_not_joined(desk: Desk, books: Books, clock: VirtualClock) -> None:
    first = ask(desk)
    clock.advance(61 * MINUTE)
    assert ask(desk).id == 2, "its timer archives it before anybody looks, as a punctual run would have"
    assert desk.get(first.id).stage == "archive"
    books.assert_balanced()


def test_a_call_made_twice_under_one_key_joins_once(desk: Desk) -> None:
    ask(desk)
    one, two = ask(desk, key="k"), ask(desk, key="k")
    assert (one.joined, two.joined, two.replayed) == (Joined(("phone",)), Joined(("phone",)), True)
    assert desk.get(1).fields["asked"] == 1


def test_a_damaged_ticket_keeps_no_contact_out(desk: Desk, books: Books) -> None:
    for damaged in ("walks = 'x'", "tags = 'x'"):
        found = ask(desk)
        with books.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE ticketflow_tickets SET {damaged} WHERE id = {found.id}")  # noqa: S608
    assert ask(desk).joined is None


def test_a_fault_of_the_definition_is_an_error_and_loses_nothing(desk: Desk, books: Books) -> None:
    ask(desk, fields={"amount": 0})
    before = books.rows()
    with pytest.raises(ConditionFault):
        ask(desk)
    assert books.rows() == before
    assert len(desk.intake([contact(1), contact(2, phone="139")], actor="boss").rejected) == 1
    with pytest.raises(BadValue):
        ask(desk, fields={"kind": "?"})


def test_of_eight_first_contacts_at_once_one_opens_the_ticket(desk: Desk, books: Books) -> None:
    for round in range(3):
        barrier, found, faults = threading.Barrier(8), list[Ticket](), list[Exception]()

        def call(number: int, phone: str = f"1380000100{round}", barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                if number < 6:
                    found.append(ask(desk, phone=phone))  # noqa: B023 - the threads end in this round
                else:
                    desk.intake([contact(10 * number, phone)], actor="boss")
            except Exception as fault:
                faults.append(fault)  # noqa: B023

        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert len({ticket.id for ticket in found}) == 1
        assert len(desk.find(customer=f"1380000100{round}").tickets) == 1
        assert desk.get(found[0].id).fields.get("asked") == (7 if round == 0 else 5)
    books.assert_balanced()
