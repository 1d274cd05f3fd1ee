"""Taking in many contacts: each a ticket, known ones left alone, bad ones set aside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people
from workflow.core.classify import Fault, Voice
from workflow.definition.resolve import first_state
from workflow.desk.book import Book
from workflow.desk.contacts import Contact
from workflow.desk.machines import Machines
from workflow.desk.reception import Opening, Reception
from workflow.desk.sorting import asked, facts_of, propose, stored_situation
from workflow.desk.transactions import Transactions
from workflow.errors import TicketflowError, UsageError
from workflow.store import crash
from workflow.store.engine import OPENING, alone

PAST = ("record", "fire")
MOST_AT_ONCE, MOST_REJECTED = 20_000_000, 100_000_000  # about as many bytes of contacts in memory
Said: TypeAlias = Mapping[int, Sequence[Voice | Fault]]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A contact that was not taken in, and why."""

    contact: Contact
    reason: TicketflowError


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What an intake did: contacts that opened a ticket, were known already, set aside, or joined to an open ticket."""

    opened: int = 0
    known: int = 0
    rejected: tuple[Rejected, ...] = ()
    seconds: float = 0.0
    joined: int = 0


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
            proposal = propose(
                book, facts_of(book, contact, contact.opened_at or now), stored_situation(connection, book)
            )
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
    separate: str | None,
    machines: Machines,
) -> IntakeReport:
    """Open a ticket for every contact, or join it to one; a transaction for every `batch` of them."""
    if past is not None and past not in PAST:
        raise UsageError("the past can be: {known}", "choose one of them", field="past", known=", ".join(PAST))
    if batch < 1:
        raise UsageError("a batch has at least one contact", "give a batch of 1 or more", field="batch")
    began, done, rejected, weight = time.perf_counter(), IntakeReport(), list[Rejected](), 0
    for some in _batches(contacts, batch):
        said = _asked(transactions, book_of, clock, some, ticket_type, machines)

        def work(connection: Connection, some: list[Contact] = some, said: Said = said) -> IntakeReport:
            alone(connection, OPENING, shared=True)
            book, openings = book_of(connection), [_opening(contact, ticket_type, states, separate) for contact in some]
            return _take_batch(connection, book, clock.now(), some, openings, actor, past, said)

        more = transactions.unit(work)
        done = IntakeReport(done.opened + more.opened, done.known + more.known, joined=done.joined + more.joined)
        rejected += more.rejected
        weight += sum(_weight(each.contact) for each in more.rejected)
        if weight > MOST_REJECTED:
            rejected.append(Rejected(Contact(some[-1].line), _too_many(len(rejected))))
            break
    return replace(done, rejected=tuple(rejected), seconds=round(time.perf_counter() - began, 3))


def _batches(contacts: Iterable[Contact], size: int) -> Iterator[list[Contact]]:
    some, weight = list[Contact](), 0
    for contact in contacts:
        some.append(contact)
        weight += _weight(contact)
        if len(some) == size or weight > MOST_AT_ONCE:
            yield some
            some, weight = [], 0
    if some:
        yield some


def _weight(contact: Contact) -> int:
    """Return about how many bytes a contact takes."""
    return 500 + sum(map(len, map(str, contact.raw.values())))


def _too_many(rows: int) -> UsageError:
    return UsageError(
        "{rows} rows cannot be taken in, which is more than can be kept: nothing after this was read",
        "see what is wrong with the first of them, and take the file in again", rows=rows,
    )  # fmt: skip


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
    contacts: Sequence[Contact],
    openings: Sequence[Opening],
    actor: str,
    past: str | None,
    said: Said,
) -> IntakeReport:
    who = people.actor_of(book.desk, actor)
    people.demand(book.desk, who, "intake")
    alone(connection, "intake")
    while True:
        reception = Reception(connection, book, who, now, openings, verb="intake", quiet=past == "record")
        opened, known, joined, rejected = 0, 0, 0, list[Rejected]()
        for contact, opening in zip(contacts, openings, strict=True):
            if opening.external_id in reception.known:
                known += 1
                continue
            try:
                if contact.error is not None:
                    raise contact.error
                _, why = reception.receive(opening, reception.sort(opening, said.get(contact.line, ())))
            except TicketflowError as error:
                rejected.append(Rejected(contact, error))
                continue
            opened, joined = opened + (why is None), joined + (why is not None)
        if past is None and reception.overdue:
            raise UsageError(
                "contacts this old have timers that are due already",
                "say --past record (nobody is told) or --past fire (the next run tells)",
                field="past",
            )
        if reception.save() is not None:
            crash.point("intake.batch")
            return IntakeReport(opened, known, tuple(rejected), joined=joined)


def _opening(contact: Contact, ticket_type: str | None, states: Mapping[str, str], separate: str | None) -> Opening:
    return Opening(
        contact.ticket_type or ticket_type, contact.fields, contact.customer, contact.channel, contact.priority,
        contact.tags, contact.external_id, at=contact.opened_at, separate=separate,
        state=states.get(contact.state, contact.state) if contact.state else None, entered_at=contact.entered_at,
    )  # fmt: skip
