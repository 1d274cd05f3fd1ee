"""One unit of work on one ticket: load, catch up, decide, write, all in the transaction it is given."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import TOLERATED, Clock, to_the_second
from workflow.core import ladder, people, phrases
from workflow.core.classify import Fault, Proposal, Voice
from workflow.core.instants import TICK, event_time
from workflow.core.migrate import Migrate
from workflow.core.model import (
    NOTHING,
    Acknowledge,
    Actor,
    Advance,
    Decision,
    Event,
    Link,
    Option,
    Outcome,
    Remark,
    Ticket,
    Value,
    replace,
)
from workflow.core.opening import for_customer, open_ticket
from workflow.core.options import options
from workflow.core.unit import caught_up, opened, run_unit
from workflow.core.values import coerce_all
from workflow.desk import sorting
from workflow.desk.book import Book
from workflow.errors import BadValue, Conflict, TicketflowError, Unhealthy
from workflow.store import crash, customers, proposals, tickets
from workflow.store.changes import Change, save
from workflow.store.sql import Row

log = logging.getLogger("workflow.desk")


@dataclass(frozen=True, slots=True)
class Opening:
    """What somebody says of a ticket that is to be opened; one with `state` or `entered_at` comes in mid-flow."""

    ticket_type: str | None
    fields: Mapping[str, object] = NOTHING
    customer: Mapping[str, object] = NOTHING
    channel: str | None = None
    priority: str | None = None
    tags: tuple[str, ...] = ()
    external_id: str | None = None
    note: str | None = None
    at: datetime | None = None
    state: str | None = None
    entered_at: datetime | None = None


def decide_opening(
    book: Book, opening: Opening, actor: Actor, now: datetime, proposal: Proposal | None, *, verb: str = "open"
) -> tuple[Decision, dict[str, Value]]:
    """Return the new ticket and what is said of its customer; nothing is read from the database or written to it.

    Whoever opens a ticket in mid-flow must be one who may take contacts in.
    """
    name = opening.ticket_type or (proposal.proposed.get("type") if proposal else None)
    if name is None:
        raise BadValue(
            "the contact has no type", "give --type, map a column to type, or sort contacts by rules.yaml", field="type"
        )
    rules = book.rules(name, book.version_of(name))
    opened_at = opening.at or opening.entered_at or now
    at = opening.entered_at or opened_at
    state = opening.state or (rules.compiled.definition.initial if opening.entered_at else None)
    for field, when in (("at", opened_at), ("entered_at", at)):
        if when > now:
            raise BadValue("{at} lies in the future", "give an earlier time", field=field, at=when)
    if at < opened_at:
        raise BadValue(
            "it came into its state at {at}, before it was opened at {opened_at}", "give a later time",
            field="entered_at", at=at, opened_at=opened_at,
        )  # fmt: skip
    customer = coerce_all(rules.desk.customer.fields, opening.customer, rules.zone)
    decision = open_ticket(
        rules, actor, at, fields=opening.fields, channel=opening.channel, priority=opening.priority,
        tags=opening.tags, external_id=opening.external_id, note=opening.note,
        verb="intake" if state else verb, proposal=proposal, state=state, opened_at=opened_at,
    )  # fmt: skip
    return decision, {name: value for name, value in customer.items() if value is not None}


def with_customers(
    connection: Connection, book: Book, decided: Sequence[tuple[Decision, Mapping[str, Value]]]
) -> list[Decision]:
    """Return openings with their customers: those the desk knows by these facts, or new ones."""
    told = [(given, decision.ticket.opened_at) for decision, given in decided]
    known = customers.customers_of(connection, book.desk.customer, told)
    return [for_customer(decision, who) for (decision, _), who in zip(decided, known, strict=True)]


def begun(
    book: Book, decision: Decision, actor: Actor, now: datetime, proposal: Proposal | None, *, quiet: bool = False
) -> Outcome:
    """Return the outcome of an opening; a machine that has an answer gives it, where the type knows what that is.

    An answer with a phrase that no customer is told is left to a person.
    """
    ticket, answers = decision.ticket, book.desk.rules and book.desk.rules.answers
    rules, then = book.rules(ticket.type, ticket.version), None
    first = ticket.state == rules.compiled.definition.initial
    if first and proposal and proposal.answer and answers and rules.compiled.knows(ticket.state, answers.trigger):
        said = {answers.field: proposal.answer[1]}
        if phrases.refusal(_remarks(book, said, ticket), ticket.id) is None:
            then = Advance(answers.trigger, said)
    return opened(rules, decision, actor, wall=now, then=then, quiet=quiet)


def open_one(
    connection: Connection, book: Book, opening: Opening, actor: str, now: datetime, said: Sequence[Voice | Fault] = ()
) -> Ticket:
    """Open a ticket. `said` is what the host's machines say of it."""
    if opening.external_id is not None and (known := tickets.external_ids(connection, [opening.external_id])):
        raise Conflict(
            "ticket {ticket} has the external id {external_id} already",
            "look at that ticket",
            ticket=known[opening.external_id],
            external_id=opening.external_id,
        )
    who = people.actor_of(book.desk, actor)
    facts = sorting.facts_of(book, opening, opening.at or now)
    proposal = sorting.propose(connection, book, facts, said, ticket_type=opening.ticket_type)
    tags = (*opening.tags, *(proposal.proposed.get("tags", ()) if proposal else ()))
    remarks = _remarks(book, phrases.texts_among(opening.fields), tags)
    if (refusal := phrases.refusal(remarks, None)) is not None:
        raise refusal
    (decision,) = with_customers(connection, book, [decide_opening(book, opening, who, now, proposal)])
    (ticket,) = save(connection, [Change(None, (), begun(book, decision, who, now, proposal))], now)
    proposals.keep(connection, [(ticket.id, proposal)])
    return replace(ticket, remarks=remarks) if remarks else ticket


def happen(
    connection: Connection,
    book: Book,
    ticket_id: int,
    row: Row | None,
    event: Event | Migrate,
    *,
    actor: str,
    clock: Clock,
    at: datetime | None,
    if_version: int | None,
) -> tuple[Ticket, TicketflowError | None]:
    """Let an event happen to a ticket, which is locked and has this row.

    A refusal is returned, not raised, so that the catch-up is kept.
    """
    who = people.actor_of(book.desk, actor)
    ticket, timers = tickets.held(connection, ticket_id, row, book.shapes)
    crash.point("unit.locked")
    now = clock.now()  # now that the lock is held
    rules, known, newer = book.standing(ticket)
    when = event_time(known, now, at)
    if when - now > TOLERATED:
        log.warning(
            Unhealthy(
                "the last event of ticket {ticket} lies {late} in the future, and this one comes after it",
                "a clock had jumped: set it right; until that time has come such a ticket's events all bear it",
                check="ahead", ticket=ticket.id, late=to_the_second(when - now),
            )
        )  # fmt: skip
    if isinstance(event, Migrate):
        event = replace(event, history=tickets.history_of(connection, ticket_id))
    if at is not None and isinstance(event, Acknowledge):
        ladder.demand_told(ticket, when)
    missing = tickets.missing(connection, event.other) if isinstance(event, Link) else None
    remarks = _remarks(book, phrases.texts_of(event) if not isinstance(event, Migrate) else {}, ticket)
    outcome = run_unit(
        rules, known, timers, limit=when, fired_at=max(now, when), event=event, actor=who, if_version=if_version,
        refusal=missing or phrases.refusal(remarks, ticket_id), newer=newer,
    )  # fmt: skip
    crash.point("unit.decided")
    (after,) = save(connection, [Change(ticket, timers, outcome)], now)
    if outcome.refusal is None:
        sorting.correct(connection, book, after, event, who)
    crash.point("unit.written")
    return replace(after, remarks=remarks) if remarks else after, outcome.refusal


def _remarks(book: Book, texts: Mapping[str, str], marked: Ticket | Collection[str]) -> tuple[Remark, ...]:
    """Return what is to be remarked of texts, as far as a customer is told them, on a ticket or one with these tags."""
    if not texts or not (guidance := book.guidance):
        return ()
    marks = phrases.marks_of(guidance, marked) if isinstance(marked, Ticket) else marked
    return phrases.remarks(guidance, phrases.told(guidance, texts), marks)


def what_next(connection: Connection, book: Book, ticket_id: int, actor: str, now: datetime) -> tuple[Option, ...]:
    """Return what can be done with a ticket as it stands once its due timers have fired; write nothing."""
    rules, ticket, newer = book.standing(tickets.get(connection, ticket_id, book.shapes))
    when = event_time(ticket, now, None)
    ticket, _ = caught_up(rules, ticket, tickets.armed(connection, ticket_id), when, newer)
    return options(book.rules(ticket.type, ticket.version), ticket, people.actor_of(book.desk, actor), when)


def as_found(connection: Connection, book: Book, ticket_id: int, now: datetime) -> tuple[datetime, Outcome]:
    """Return when a person who acts now would act, and what they would find of a ticket; write nothing."""
    rules, stored, newer = book.standing(tickets.get(connection, ticket_id, book.shapes))
    at = event_time(stored, now, None)
    armed = tickets.armed(connection, ticket_id)
    return at, run_unit(rules, stored, armed, limit=at - TICK, fired_at=at, newer=newer)
