"""Taking personal data out of a ticket, and of all that is kept of its customer, in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people
from workflow.core.events import Redact
from workflow.core.model import Ticket, replace
from workflow.core.redaction import Blot, texts_left
from workflow.core.values import encode
from workflow.desk import unit
from workflow.desk.book import Book
from workflow.errors import NotFound, Refused, UsageError
from workflow.store import crash, customers, redaction, tickets

WORDS = ("bool", "choice", "date", "datetime")  # what they hold is said of many, and sought in no other text


@dataclass(frozen=True, slots=True)
class Redaction:
    """What was redacted: each of these tickets has an entry that says so.

    `left` names the places where the data still stand, because the history's chain or a unique name is made of them.
    """

    tickets: tuple[int, ...]
    left: tuple[str, ...] = ()


def redact(
    connection: Connection,
    book: Book,
    clock: Clock,
    ticket_id: int,
    *,
    fields: tuple[str, ...],
    customer: tuple[str, ...],
    entries: tuple[int, ...],
    actor: str,
    reason: str,
) -> Redaction:
    """Take data out of every table; raise NotFound where there is nothing of what is named."""
    people.demand(book.desk, people.actor_of(book.desk, actor), "redact", ticket_id)
    if not (fields or customer or entries):
        raise UsageError("there is nothing to redact", "name a field, a customer's field or an entry", field="field")
    spec, ticket = book.desk.customer, tickets.get(connection, ticket_id, book.shapes)
    who = ticket.customer.id if ticket.customer else None
    data = list[str]()
    if customer:  # the customer is locked before any ticket, and all tickets before what they hold is read
        data += _of_customer(connection, book, ticket, customer)
    ids = sorted({ticket_id, *(redaction.tickets_of(connection, who) if who and customer else ())})
    for each in ids:
        tickets.hold(connection, each)
    ticket = tickets.get(connection, ticket_id, book.shapes)
    data += _of_ticket(connection, book, ticket, fields)
    if unknown := [seq for seq in entries if not 0 < seq <= ticket.seq]:
        raise NotFound(
            "ticket {ticket} has no entry {entry}", "`ticketflow history` numbers them", ticket=ticket_id,
            field="entry", entry=unknown[0],
        )  # fmt: skip
    blot = Blot(data)
    for each in ids:
        event = Redact(blot, reason, customer=customer)
        if each == ticket_id:
            event = replace(event, fields=fields, entries=entries)
        _one(connection, book, clock, each, event, actor)
    crash.point("redact.told")
    redaction.forget(connection, ticket_id, fields, entries)
    redaction.scrub(connection, ids, blot)
    if who and customer:
        customers.redact(connection, spec, who, customer, blot)
    redaction.forget_results(connection, blot, ticket_id=ticket_id, customer_id=who, fields=fields, customer=customer)
    crash.point("redact.written")
    return Redaction(tuple(ids), tuple(redaction.left(connection, ids, who, blot)))


def _one(connection: Connection, book: Book, clock: Clock, ticket_id: int, event: Redact, actor: str) -> None:
    row = tickets.hold(connection, ticket_id)
    ticket, _ = tickets.held(connection, ticket_id, row, book.shapes)
    history = tickets.history_of(connection, ticket_id)
    event = replace(event, texts=texts_left(book.rules(ticket.type, ticket.version), history, event))
    _, refusal = unit.happen(
        connection, book, ticket_id, row, event, actor=actor, clock=clock, at=None, if_version=None
    )
    if refusal is not None:
        raise refusal


def _of_customer(connection: Connection, book: Book, ticket: Ticket, names: Collection[str]) -> list[str]:
    specs, known = book.desk.customer.fields, ticket.customer
    for name in names:
        if name not in specs and (known is None or name not in known.fields):
            raise NotFound(
                "a customer has no field {field}", "the fields are: {known}", field=name, known=", ".join(specs) or "-"
            )
    found = customers.known_by(connection, book.desk.customer, known.id, names) if known else []
    if not found:
        raise _nothing(ticket, names)
    return found


def _of_ticket(connection: Connection, book: Book, ticket: Ticket, names: Collection[str]) -> list[str]:
    """Return what fields hold and have held, as texts that are worth seeking elsewhere."""
    specs = book.fields_of(ticket.type, ticket.version)
    held = redaction.held_in(connection, ticket.id, names)
    for name in names:
        if name not in specs and name not in held:
            raise NotFound(
                "there is no field {field}", "the fields are: {known}", field=name, known=", ".join(specs) or "-"
            )
        if name in specs and not specs[name].private:
            raise Refused(
                "{field} stands in the clear in the history, whose chain is made of it",
                "only texts, lists and fields with `pii: true` can be redacted",
                rule="redact",
                ticket=ticket.id,
                field=name,
            )
    values: list[Any] = [value for each in held.values() for value in each]
    values += [encode(ticket.fields[name]) for name in names if name in ticket.fields]
    if names and not values:
        raise _nothing(ticket, names)
    words = {name for name in names if name in specs and specs[name].type in WORDS}
    kept = [value for name, each in held.items() if name not in words for value in each]
    kept += [encode(ticket.fields[name]) for name in names if name in ticket.fields and name not in words]
    return [str(item) for value in kept for item in (value if isinstance(value, list) else [value])]


def _nothing(ticket: Ticket, names: Collection[str]) -> NotFound:
    return NotFound(
        "ticket {ticket} holds nothing in {names}", "look at `ticketflow show {ticket}`", ticket=ticket.id,
        names=", ".join(names),
    )  # fmt: skip
