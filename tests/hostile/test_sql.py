"""Whatever a person can give, it is a value and never SQL: on both databases, in every verb and in every filter."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import inspect

from tests.store.small import Books
from workflow.clock import VirtualClock
from workflow.core.model import Ticket
from workflow.desk.desk import Desk
from workflow.errors import NotFound, TicketflowError, UsageError

pytestmark = pytest.mark.prove  # in `make test`, tests/store/test_find.py and test_values.py try the worst of these

# quotes of either kind, comments, arrays and parameters of PostgreSQL's and SQLite's, wildcards of LIKE
INJECTIONS = (
    "' OR '1'='1", "'; DROP TABLE ticketflow_tickets; --", '" OR ""="', "%", "_%", "\\", "\\'", "/%", "1) OR (1=1",
    "x') UNION SELECT 1,2 --", "'||pg_sleep(9)||'", ":text", "%(text)s", "?", "$1", "$$x$$", "E'\\x27'", "{0}", "{1,2}",
    '{"a":[1]}', "},{", '"', '\\"', ",", "NULL", "\\N", "/* x */", "1e9", "\u02bc OR 1=1", "''",
)  # fmt: skip


def typed(desk: Desk, text: str, number: int) -> Ticket:
    """Open a ticket that has the text wherever one can be, and do with it what takes one."""
    ticket = desk.open(
        "job", actor="ann", fields={"statement": text, "words": [text, "b"]}, customer={"name": text, "company": text},
        external_id=text, note=text, key=text, separate=text,
    )  # fmt: skip
    desk.note(ticket.id, text, actor="ann")
    desk.tag(ticket.id, actor="ann", add=[f"t{number}"])
    with suppress(UsageError):  # a comma is no part of a tag
        desk.tag(ticket.id, actor="ann", add=[text])
    desk.set_fields(ticket.id, {"statement": text}, actor="ann", note=text)
    desk.link(ticket.id, ticket.id - 1 or 1, actor="ann", kind=text) if number else None
    desk.escalate(ticket.id, actor="ann", reason=text)
    desk.assign(ticket.id, "bob", actor="boss", note=text)
    desk.promise(ticket.id, desk.clock.now() + timedelta(hours=5), actor="ann", reason=text)
    return desk.advance(ticket.id, "accept", actor="ann", note=text, key=f"a{text}")


def test_what_is_typed_is_a_value(desk: Desk, books: Books, clock: VirtualClock) -> None:
    tables = set(inspect(books.engine).get_table_names())
    told = {text: typed(desk, text, number) for number, text in enumerate(INJECTIONS)}
    for text, ticket in told.items():
        stored = desk.get(ticket.id)
        assert (stored.fields["statement"], stored.fields["words"], stored.external_id) == (text, (text, "b"), text)
        assert stored.customer is not None
        assert stored.customer.fields == {"name": text, "company": text}
        assert {"fields.statement", "note"} <= desk.history(ticket.id)[0].private.keys()
        assert {entry.private.get("note", text) for entry in desk.history(ticket.id)} == {text}
        assert [found.id for found in desk.find(external_id=text).tickets] == [ticket.id]
        assert ticket.id in {found.id for found in desk.find(text, limit=100).tickets}
        assert len(desk.find(text, limit=100).tickets) == sum(text.casefold() in other.casefold() for other in told)
        assert desk.open("job", actor="ann", fields={"statement": text, "words": [text, "b"]},
                         customer={"name": text, "company": text}, external_id=text, note=text, key=text,
                         separate=text).id == ticket.id, "the same call again"  # fmt: skip
    clock.advance(timedelta(hours=3))
    assert desk.run_timeouts().errors == 0
    assert len(desk.outbox(limit=1_000)) > len(told)
    assert set(inspect(books.engine).get_table_names()) == tables
    books.assert_balanced()


def test_no_filter_lets_anything_through(desk: Desk) -> None:
    desk.open("job", actor="ann", fields={"statement": "plain"}, customer={"name": "Ann"}, external_id="e1")
    names = ("type", "state", "stage", "team", "assignee", "priority", "channel", "tag", "customer", "external_id")
    for text in INJECTIONS:
        for name in names:
            with suppress(UsageError, NotFound):
                assert desk.find(**{name: text}).tickets == (), (name, text)  # type: ignore[arg-type]
        assert desk.find(text).tickets == (), text
        for asked in ({"sort": text}, {"after": text}):
            with pytest.raises(UsageError):
                desk.find(**asked)  # type: ignore[arg-type]
        with pytest.raises(TicketflowError):
            desk.note(1, "x", actor=text)
        with pytest.raises(TicketflowError):
            desk.advance(1, text, actor="ann")
    assert len(desk.find().tickets) == 1
