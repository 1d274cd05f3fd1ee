"""What each verb does when it may: the ticket, its history and who is told, the same on both databases."""

from __future__ import annotations

from datetime import timedelta

from tests.store.small import NOON, Books
from workflow.clock import VirtualClock
from workflow.desk.desk import Desk

X = {"statement": "x"}


def kinds(desk: Desk, ticket: int) -> list[str]:
    return [entry.kind for entry in desk.history(ticket)]


def test_open_puts_a_ticket_in_its_first_state(desk: Desk, books: Books) -> None:
    ticket = desk.open("job", actor="ann", fields=X, channel="web", priority="high", tags=["b", "a", "b"], note="hm")
    assert (ticket.id, ticket.type, ticket.version, ticket.state, ticket.stage) == (1, "job", 1, "intake", "intake")
    assert (ticket.team, ticket.assignee, ticket.priority, ticket.tags) == ("front", None, "high", ("a", "b"))
    assert ticket.opened_at == ticket.entered_at == ticket.updated_at == NOON
    assert ticket.next_due_at == NOON + timedelta(minutes=10)
    assert (ticket.entry, ticket.seq, ticket.ticket_version, ticket.replayed) == (1, 1, 1, False)
    assert ticket.fields == {"statement": "x", "severity": "low"}
    (entry,) = desk.history(1)
    assert (entry.kind, entry.actor, entry.dest, entry.source) == ("opened", "ann", "intake", None)
    assert entry.data == {
        "channel": "web", "fields.severity": "low", "priority": "high", "tags": ["a", "b"], "team": "front",
    }  # fmt: skip
    assert desk.open("job", actor="ann", fields=X | {"severity": None}).fields == X
    books.assert_balanced()


def test_advance_moves_fills_and_arms(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.claim(1, actor="ann")
    stayed = desk.advance(1, "nudge", actor="bob")
    assert (stayed.state, stayed.entry, stayed.tags, stayed.assignee) == ("intake", 1, ("nudged",), "ann")
    moved = desk.advance(1, "accept", actor="ann", fields={"amount": "3"}, note="gone on")
    assert (moved.state, moved.stage, moved.team, moved.assignee) == ("handle.first", "handle", "back", None)
    assert (moved.entry, moved.fields["amount"]) == (2, 3)
    last = desk.history(1)[-1]
    assert (last.kind, last.trigger, last.source, last.dest) == ("advanced", "accept", "intake", "handle.first")
    assert (last.data["fields.amount"], last.private) == (3, {"note": "gone on"})
    assert [row["name"] for row in books.of("timers")] == ["forgotten", "too_slow"]
    closed = desk.advance(desk.advance(1, "pass_on", actor="cat").id, "done", actor="chief")
    assert (closed.stage, closed.next_due_at, books.count("timers")) == ("archive", None, 0)
    assert [(row.to, row.kind, row.reason) for row in desk.outbox()] == [("member:ann", "notify", "nudge")]
    books.assert_balanced()


def test_assign_and_claim_say_whose_it_is(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    assert desk.claim(1, actor="ann").assignee == "ann"
    assert desk.claim(1, actor="ann").assignee == "ann"
    assert (desk.assign(1, "bob", actor="boss", note="your turn").assignee, desk.get(1).team) == ("bob", "front")
    assert (desk.assign(1, "cat", actor="boss").assignee, desk.get(1).team) == ("cat", "back")
    assert (desk.assign(1, "back", actor="boss").assignee, desk.get(1).team) == ("cat", "back")
    assert (desk.assign(1, "front", actor="boss").assignee, desk.get(1).team) == (None, "front")
    assert (desk.assign(1, None, actor="boss").assignee, desk.get(1).team) == (None, "front")
    assert kinds(desk, 1) == ["opened", *["assigned"] * 7]
    assert desk.history(1)[3].private == {"note": "your turn"}
    books.assert_balanced()


def test_note_set_and_tag_are_recorded(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.note(1, "line\nbreak", actor="bob")
    after = desk.set_fields(1, {"amount": "7", "severity": None}, actor="ann", priority="low", note="why")
    assert (after.fields, after.priority) == ({"statement": "x", "amount": 7}, "low")
    assert desk.history(1)[-1].data == {"fields.amount": 7, "fields.severity": None, "priority": "low"}
    assert desk.tag(1, actor="ann", add=["b", "a"]).tags == ("a", "b")
    assert desk.tag(1, actor="ann", add=["c"], remove=["a", "never"]).tags == ("b", "c")
    assert kinds(desk, 1) == ["opened", "noted", "set", "tagged", "tagged"]
    desk.advance(1, "only_lead", actor="boss")
    assert desk.note(1, "afterthought", actor="ann").seq == 7
    assert desk.tag(1, actor="ann", add=["late"]).tags == ("b", "c", "late")
    books.assert_balanced()


def test_link_ties_both_ends_once(desk: Desk, books: Books) -> None:
    for _ in range(3):
        desk.open("job", actor="ann", fields=X)
    desk.link(1, 2, actor="ann")
    desk.link(1, 2, actor="ann")
    desk.link(2, 1, actor="bob")
    desk.link(3, 1, actor="ann", kind="duplicate")
    found = [(row["ticket_id"], row["other_id"], row["kind"]) for row in books.of("links")]
    assert found == [(1, 2, "related"), (1, 3, "duplicate"), (2, 1, "related"), (3, 1, "duplicate")]
    assert desk.history(3)[-1].data == {"as": "duplicate", "linked": 1}


def test_escalate_tells_the_lead_of_the_team(desk: Desk, books: Books) -> None:
    desk.open("job", actor="ann", fields=X)
    desk.escalate(1, actor="ann", reason="the customer shouts")
    desk.advance(1, "accept", actor="ann")
    desk.escalate(1, actor="cat")  # joins the ladder that is open
    desk.open("job", actor="ann", fields=X)
    desk.advance(2, "accept", actor="ann")
    desk.escalate(2, actor="cat")
    rows = desk.outbox()
    assert [(row.ticket_id, row.to, row.kind, row.state) for row in rows] == [
        (1, "member:boss", "escalate", "waiting"),
        (2, "member:chief", "escalate", "waiting"),
    ]
    assert kinds(desk, 1) == ["opened", "raised", "escalated", "advanced", "raised", "joined"]
    assert desk.history(1)[-1].data == {"ladder": 1, "cause": "raised:5"}
    assert desk.history(1)[2].data == {"ladder": 1, "rung": 1, "cause": "raised:2", "to": "member:boss"}
    found = [(line.ticket_id, line.ladder, line.rung, line.to, line.times) for line in desk.escalations()]
    assert found == [(2, 1, 1, "chief", 1), (1, 1, 1, "boss", 1)]
    assert desk.outbox(limit=1) == rows[:1]
    assert desk.outbox(after=rows[0].id) == rows[1:]
    assert desk.outbox(after=rows[1].id) == ()
    books.assert_balanced()


def test_history_is_a_story_in_the_order_of_application(desk: Desk, clock: VirtualClock, books: Books) -> None:
    desk.open("job", actor="ann", fields=X, at=NOON - timedelta(minutes=5))
    desk.note(1, "then", actor="ann", at=NOON - timedelta(minutes=4))
    desk.note(1, "now", actor="ann")
    clock.advance(timedelta(minutes=40))
    desk.advance(1, "accept", actor="ann")
    entries = desk.history(1)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert [(entry.kind, entry.actor) for entry in entries] == [
        ("opened", "ann"), ("noted", "ann"), ("noted", "ann"), ("fired", "timer"), ("escalated", "timer"),
        ("advanced", "ann"), ("ladder_ended", "timer"), ("overtaken", "timer"), ("overtaken", "timer"),
    ]  # fmt: skip
    assert entries[3].happened_at == NOON + timedelta(minutes=5)
    assert entries[3].timer == ("timeout", "unanswered", 1, 1)
    assert entries[3].data["late_by"] == 35 * 60
    books.assert_balanced()


def test_the_same_customer_is_known_again(desk: Desk, books: Books) -> None:
    def customer(**given: str) -> int:
        ticket = desk.open("job", actor="ann", fields=X, customer=given)
        assert ticket.customer is not None
        return ticket.customer.id

    first = customer(name="Li", phone="138")
    assert customer(phone="138", company="Acme") == first
    assert customer(name="Somebody else", phone="139") != first
    assert customer(name="Wang", company="Acme") == customer(name="Wang", company="Acme")
    assert customer(name="Li") != customer(name="Li")
    found = desk.get(1).customer
    assert found is not None
    assert found.fields == {"name": "Li", "phone": "138", "company": "Acme"}
    assert desk.open("job", actor="ann", fields=X).customer is None
    assert books.count("customer_keys") == 3


def test_the_history_a_host_may_write_as_the_system(desk: Desk) -> None:
    ticket = desk.open("job", actor="system", fields=X)
    assert desk.advance(ticket.id, "only_lead", actor="system").stage == "archive"
    assert [entry.actor for entry in desk.history(1)] == ["system", "system"]


def test_the_desk_says_what_is_in_force(desk: Desk) -> None:
    assert (list(desk.types), desk.desk.desk, desk.definitions_changed) == (["job"], "small_desk", False)
    assert desk.definition("job", 1) is desk.types["job"]
    assert desk.member("boss").roles == {"lead"}
    assert desk.next_due() is None
    desk.open("job", actor="ann", fields=X)
    assert desk.next_due() == NOON + timedelta(minutes=10)
