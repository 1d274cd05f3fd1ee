"""Taking in many contacts: each a ticket, known ones left alone, bad ones set aside."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people
from workflow.core.decide import for_customer, open_ticket
from workflow.core.model import Actor, Decision, Outcome, Ticket, Value
from workflow.core.unit import opened, run_unit
from workflow.core.values import coerce_all
from workflow.desk.book import Book
from workflow.desk.contacts import Contact
from workflow.desk.transactions import Transactions
from workflow.errors import BadValue, TicketflowError, UsageError
from workflow.store import records, tickets
from workflow.store.engine import alone

PAST = ("record", "fire")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A contact that was not taken in, and why."""

    contact: Contact
    reason: TicketflowError


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What an intake did."""

    opened: int = 0
    known: int = 0
    rejected: tuple[Rejected, ...] = ()
    seconds: float = 0.0


def take_in(
    transactions: Transactions,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    contacts: Iterable[Contact],
    *,
    actor: str,
    ticket_type: str | None,
    past: str | None,
    batch: int,
) -> IntakeReport:
    """Open a ticket for every contact, a transaction for every `batch` of them."""
    if past is not None and past not in PAST:
        raise UsageError("the past can be: {known}", "choose one of them", field="past", known=", ".join(PAST))
    if batch < 1:
        raise UsageError("a batch has at least one contact", "give a batch of 1 or more", field="batch")
    began, opened, known, rejected = time.perf_counter(), 0, 0, list[Rejected]()
    for some in _batches(contacts, batch):

        def work(connection: Connection, some: list[Contact] = some) -> tuple[int, int, list[Rejected]]:
            return _take_batch(connection, book_of(connection), clock.now(), some, actor, ticket_type, past)

        more, old, bad = transactions.unit(work)
        opened, known = opened + more, known + old
        rejected += bad
    return IntakeReport(opened, known, tuple(rejected), round(time.perf_counter() - began, 3))


def _batches(contacts: Iterable[Contact], size: int) -> Iterator[list[Contact]]:
    source = iter(contacts)
    while some := list(itertools.islice(source, size)):
        yield some


def _take_batch(
    connection: Connection,
    book: Book,
    now: datetime,
    contacts: list[Contact],
    actor: str,
    ticket_type: str | None,
    past: str | None,
) -> tuple[int, int, list[Rejected]]:
    who = people.actor_of(book.desk, actor)
    people.demand(book.desk, who, "intake")
    alone(connection, "intake")
    wanted = [contact.external_id for contact in contacts if contact.external_id]
    seen = set(tickets.external_ids(connection, wanted))
    known, rejected, changes = 0, [], []
    for contact in contacts:
        if contact.external_id in seen:
            known += 1
            continue
        try:
            decision, given = _decide(book, contact, who, now, ticket_type)
        except TicketflowError as error:
            rejected.append(Rejected(contact, error))
            continue
        changes.append(tickets.Change(None, (), _opened(connection, book, decision, given, now, past)))
        if contact.external_id:
            seen.add(contact.external_id)
    tickets.save(connection, changes, now)
    return len(changes), known, rejected


def _decide(
    book: Book, contact: Contact, actor: Actor, now: datetime, ticket_type: str | None
) -> tuple[Decision, dict[str, Value]]:
    if contact.error is not None:
        raise contact.error
    name = contact.ticket_type or ticket_type
    if name is None:
        raise BadValue("the contact has no type", "give --type, or map a column to type", field="type")
    rules = book.rules(name, book.version_of(name))
    at = contact.opened_at or now
    if at > now:
        raise BadValue("{at} lies in the future", "mend the time", field="opened_at", at=at.isoformat())
    customer = coerce_all(rules.desk.customer.fields, contact.customer, rules.zone)
    decision = open_ticket(
        rules, actor, at, fields=contact.fields, channel=contact.channel, priority=contact.priority, tags=contact.tags,
        external_id=contact.external_id,
    )  # fmt: skip
    return decision, {field: value for field, value in customer.items() if value is not None}


def _opened(
    connection: Connection, book: Book, decision: Decision, given: dict[str, Value], now: datetime, past: str | None
) -> Outcome:
    ticket: Ticket = decision.ticket
    if past is None and any(timer.due_at <= now for timer in decision.arm):
        raise UsageError(
            "contacts this old have timers that are due already",
            "say --past record (nobody is told) or --past fire (the next run tells)",
            field="past",
        )
    customer = records.customer(connection, book.desk.customer, given, ticket.opened_at)
    decision = for_customer(decision, customer)
    if past != "record":
        return opened(decision)
    rules = book.rules(ticket.type, ticket.version)
    caught_up = run_unit(rules, decision.ticket, decision.arm, limit=now, fired_at=now, quiet=True)
    return dataclasses.replace(caught_up, entries=(*decision.entries, *caught_up.entries))
