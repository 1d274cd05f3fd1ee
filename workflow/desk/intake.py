"""Taking in many contacts: each a ticket, known ones left alone, bad ones set aside."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people
from workflow.core.classify import Fault, Proposal, Voice
from workflow.core.model import Actor, Decision, Outcome, Value, replace
from workflow.core.unit import run_unit
from workflow.definition.resolve import first_state
from workflow.desk.book import Book
from workflow.desk.contacts import Contact
from workflow.desk.machines import Machines
from workflow.desk.sorting import asked, facts_of, propose
from workflow.desk.transactions import Transactions
from workflow.desk.unit import Opening, begun, decide_opening, with_customers
from workflow.errors import TicketflowError, UsageError
from workflow.store import crash, proposals, tickets
from workflow.store.changes import Change, save
from workflow.store.engine import OPENING, alone

PAST = ("record", "fire")
Said: TypeAlias = Mapping[int, Sequence[Voice | Fault]]


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


@dataclass(frozen=True, slots=True)
class UnknownState:
    """A word for a state that is none of its type's: `count` contacts have it, the first of them in `line`."""

    type: str
    state: str
    line: int
    count: int = 1


def unknown_states(
    connection: Connection,
    book: Book,
    contacts: Iterable[Contact],
    now: datetime,
    *,
    ticket_type: str | None,
    states: Mapping[str, str],
) -> tuple[UnknownState, ...]:
    """Return the words for states that contacts come with and their types do not have, `states` considered."""
    found: dict[tuple[str, str], UnknownState] = {}
    types = book.in_force
    for contact in contacts:
        if contact.state is None or contact.error is not None:
            continue
        name, word = contact.ticket_type or ticket_type, states.get(contact.state, contact.state)
        if name is None:
            proposal = propose(connection, book, facts_of(book, contact, contact.opened_at or now))
            name = proposal.proposed.get("type") if proposal else None
        if name in types and first_state(types[name].states, word) is None:
            known = found.get((name, word))
            found[name, word] = (
                replace(known, count=known.count + 1) if known else UnknownState(name, word, contact.line)
            )
    return tuple(found.values())


def take_in(
    transactions: Transactions,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    contacts: Iterable[Contact],
    *,
    actor: str,
    ticket_type: str | None,
    past: str | None,
    states: Mapping[str, str],
    batch: int,
    machines: Machines,
) -> IntakeReport:
    """Open a ticket for every contact, a transaction for every `batch` of them."""
    if past is not None and past not in PAST:
        raise UsageError("the past can be: {known}", "choose one of them", field="past", known=", ".join(PAST))
    if batch < 1:
        raise UsageError("a batch has at least one contact", "give a batch of 1 or more", field="batch")
    began, opened, known, rejected = time.perf_counter(), 0, 0, list[Rejected]()
    for some in _batches(contacts, batch):
        said = _asked(transactions, book_of, clock, some, ticket_type, machines)

        def work(
            connection: Connection, some: list[Contact] = some, said: Said = said
        ) -> tuple[int, int, list[Rejected]]:
            alone(connection, OPENING, shared=True)
            book = book_of(connection)
            return _take_batch(connection, book, clock.now(), some, actor, ticket_type, past, states, said)

        more, old, bad = transactions.unit(work)
        opened, known = opened + more, known + old
        rejected += bad
    return IntakeReport(opened, known, tuple(rejected), round(time.perf_counter() - began, 3))


def _batches(contacts: Iterable[Contact], size: int) -> Iterator[list[Contact]]:
    source = iter(contacts)
    while some := list(itertools.islice(source, size)):
        yield some


def _asked(
    transactions: Transactions,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    contacts: list[Contact],
    ticket_type: str | None,
    machines: Machines,
) -> Said:
    """Return what the host's machines say of the contacts without a type, asked before the transaction."""
    if not machines:
        return {}
    book, now = transactions.read(book_of), clock.now()
    return {
        contact.line: asked(book, machines, facts_of(book, contact, contact.opened_at or now))
        for contact in contacts
        if contact.error is None and not (contact.ticket_type or ticket_type)
    }


def _take_batch(
    connection: Connection,
    book: Book,
    now: datetime,
    contacts: list[Contact],
    actor: str,
    ticket_type: str | None,
    past: str | None,
    states: Mapping[str, str],
    said: Said,
) -> tuple[int, int, list[Rejected]]:
    who = people.actor_of(book.desk, actor)
    people.demand(book.desk, who, "intake")
    alone(connection, "intake")
    wanted = [contact.external_id for contact in contacts if contact.external_id]
    seen = set(tickets.external_ids(connection, wanted))
    known, rejected, decided = 0, [], []
    sorted_: list[Proposal | None] = []
    for contact in contacts:
        if contact.external_id in seen:
            known += 1
            continue
        try:
            if contact.error is not None:
                raise contact.error
            name = contact.ticket_type or ticket_type
            facts = facts_of(book, contact, contact.opened_at or now)
            proposal = propose(connection, book, facts, said.get(contact.line, ()), ticket_type=name)
            decided.append(_decide(book, contact, who, now, name, proposal, states))
        except TicketflowError as error:
            rejected.append(Rejected(contact, error))
            continue
        sorted_.append(proposal)
        if contact.external_id:
            seen.add(contact.external_id)
    openings = zip(with_customers(connection, book, decided), sorted_, strict=True)
    changes = [Change(None, (), _opened(book, decision, who, now, past, proposal)) for decision, proposal in openings]
    saved = save(connection, changes, now)
    proposals.keep(connection, zip((ticket.id for ticket in saved), sorted_, strict=True))
    crash.point("intake.batch")
    return len(changes), known, rejected


def _decide(
    book: Book,
    contact: Contact,
    actor: Actor,
    now: datetime,
    name: str | None,
    proposal: Proposal | None,
    states: Mapping[str, str],
) -> tuple[Decision, dict[str, Value]]:
    opening = Opening(
        name, contact.fields, contact.customer, contact.channel, contact.priority, contact.tags, contact.external_id,
        at=contact.opened_at, state=states.get(contact.state, contact.state) if contact.state else None,
        entered_at=contact.entered_at,
    )  # fmt: skip
    return decide_opening(book, opening, actor, now, proposal, verb="intake")


def _opened(
    book: Book, decision: Decision, actor: Actor, now: datetime, past: str | None, proposal: Proposal | None
) -> Outcome:
    if past is None and any(timer.due_at <= now for timer in decision.arm):
        raise UsageError(
            "contacts this old have timers that are due already",
            "say --past record (nobody is told) or --past fire (the next run tells)",
            field="past",
        )
    first = begun(book, decision, actor, now, proposal, quiet=past == "record")
    if past != "record":
        return first
    ticket = first.ticket
    rules = book.rules(ticket.type, ticket.version)
    later = run_unit(rules, ticket, first.timers, limit=now, fired_at=now, quiet=True)
    return replace(later, entries=(*first.entries, *later.entries), links=(*first.links, *later.links))
