"""One unit of work on one ticket: load, catch up, decide, write, all in the transaction it is given."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import TOLERATED, Clock, to_the_second
from workflow.core import ladder, people, phrases
from workflow.core.events import Acknowledge, Claim, Event, Link
from workflow.core.giving import is_untouched
from workflow.core.instants import TICK, event_time
from workflow.core.migrate import Migrate
from workflow.core.model import Option, Outcome, Remark, Ticket, replace
from workflow.core.options import options
from workflow.core.unit import caught_up, run_unit
from workflow.desk import sorting
from workflow.desk.book import Book
from workflow.errors import TicketflowError, Unhealthy
from workflow.store import crash, tickets
from workflow.store.changes import Change, save
from workflow.store.rosters import keep_turns, roster_of
from workflow.store.sql import Row

log = logging.getLogger("workflow.desk")


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
    if isinstance(event, Claim) and ticket.assignee not in (None, actor):
        event = Claim(untouched=is_untouched(ticket, tickets.history_of(connection, ticket_id)))
    if at is not None and isinstance(event, Acknowledge):
        ladder.demand_told(ticket, when)
    missing = tickets.missing(connection, event.other) if isinstance(event, Link) else None
    remarks = remarks_on(book, phrases.texts_of(event) if not isinstance(event, Migrate) else {}, ticket)
    roster = roster_of(connection)
    outcome = run_unit(
        rules, known, timers, limit=when, fired_at=max(now, when), event=event, actor=who, if_version=if_version,
        refusal=missing or phrases.refusal(remarks, ticket_id), newer=newer, roster=roster,
    )  # fmt: skip
    crash.point("unit.decided")
    (after,) = save(connection, [Change(ticket, timers, outcome)], now)
    keep_turns(connection, roster)
    if outcome.refusal is None:
        sorting.correct(connection, book, after, event, who)
    crash.point("unit.written")
    return replace(after, remarks=remarks) if remarks else after, outcome.refusal


def remarks_on(book: Book, texts: Mapping[str, str], marked: Ticket | Collection[str]) -> tuple[Remark, ...]:
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
    return at, run_unit(rules, stored, armed, limit=at - TICK, fired_at=at, newer=newer, roster=roster_of(connection))
