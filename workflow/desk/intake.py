"""Taking in many contacts: each a ticket, known ones left alone, bad ones set aside."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people
from workflow.core.model import Actor, Decision, Outcome, Value, replace
from workflow.core.unit import opened, run_unit
from workflow.desk.book import Book
from workflow.desk.contacts import Contact
from workflow.desk.transactions import Transactions
from workflow.desk.unit import Opening, decide_opening, with_customers
from workflow.errors import BadValue, TicketflowError, UsageError
from workflow.store import crash, tickets
from workflow.store.changes import Change, save
from workflow.store.engine import OPENING, alone

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
            alone(connection, OPENING, shared=True)
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
    known, rejected, decided = 0, [], []
    for contact in contacts:
        if contact.external_id in seen:
            known += 1
            continue
        try:
            decided.append(_decide(book, contact, who, now, ticket_type))
        except TicketflowError as error:
            rejected.append(Rejected(contact, error))
            continue
        if contact.external_id:
            seen.add(contact.external_id)
    openings = with_customers(connection, book, decided)
    changes = [Change(None, (), _opened(book, decision, now, past)) for decision in openings]
    save(connection, changes, now)
    crash.point("intake.batch")
    return len(changes), known, rejected


def _decide(
    book: Book, contact: Contact, actor: Actor, now: datetime, ticket_type: str | None
) -> tuple[Decision, dict[str, Value]]:
    if contact.error is not None:
        raise contact.error
    name = contact.ticket_type or ticket_type
    if name is None:
        raise BadValue("the contact has no type", "give --type, or map a column to type", field="type")
    opening = Opening(
        name, contact.fields, contact.customer, contact.channel, contact.priority, contact.tags, contact.external_id,
        at=contact.opened_at,
    )  # fmt: skip
    return decide_opening(book, opening, actor, now, verb="intake")


def _opened(book: Book, decision: Decision, now: datetime, past: str | None) -> Outcome:
    if past is None and any(timer.due_at <= now for timer in decision.arm):
        raise UsageError(
            "contacts this old have timers that are due already",
            "say --past record (nobody is told) or --past fire (the next run tells)",
            field="past",
        )
    if past != "record":
        return opened(decision)
    ticket = decision.ticket
    rules = book.rules(ticket.type, ticket.version)
    outcome = run_unit(rules, ticket, decision.arm, limit=now, fired_at=now, quiet=True)
    return replace(outcome, entries=(*decision.entries, *outcome.entries))
