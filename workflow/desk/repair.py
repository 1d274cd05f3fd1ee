"""Recorded repairs: a timer that could not fire is retried, a clock that is not what history says is rebuilt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people, sla
from workflow.core.instants import event_time
from workflow.core.model import SlaClock, Ticket
from workflow.core.repair import rebuilt, retry_timer
from workflow.core.unit import run_unit
from workflow.desk.book import Book
from workflow.errors import Refused
from workflow.store import agenda, claims, tickets
from workflow.store.changes import Change, save


@dataclass(frozen=True, slots=True)
class ClockDifference:
    """A stored SLA clock that is not what its ticket's history says: `stored` or `told` is None where there is none."""

    ticket_id: int
    name: str
    cycle: int
    stored: SlaClock | None
    told: SlaClock | None


def retry(connection: Connection, book: Book, incident_id: int, actor: str, clock: Clock) -> Ticket:
    """Fire the timer of an incident now, or close the incident where there is nothing left to fire.

    Of a ticket that could not be read, all that is due meanwhile has its turn.
    """
    people.demand(book.desk, people.actor_of(book.desk, actor), "retry")
    ticket, timers = tickets.lock(connection, agenda.incident(connection, incident_id).ticket_id, book.shapes)
    incident = agenda.incident(connection, incident_id)  # now that nobody else can be at it
    if incident.closed_at is not None:
        raise Refused(
            "incident {incident} is closed", "nothing is left to retry", rule="incident", incident=incident_id
        )
    now = clock.now()
    rules, known, newer = book.standing(ticket)
    when = event_time(known, now, None)
    fired_at = max(now, when)
    if incident.timer == claims.UNREADABLE:
        outcome = run_unit(rules, known, timers, limit=when, fired_at=fired_at, newer=newer)
        claims.mend_next_timer(connection, [ticket.id])
    else:
        outcome = retry_timer(
            rules, known, timers, incident.as_timer(), at=when, fired_at=fired_at, actor=actor, newer=newer
        )
    (after,) = save(connection, [Change(ticket, timers, outcome)], now)
    agenda.close_incident(connection, incident_id, now)
    return after


def differences(connection: Connection, book: Book, ids: Iterable[int]) -> list[ClockDifference]:
    """Return where stored SLA clocks are not what history and the desk revisions named there say."""
    found: list[ClockDifference] = []
    for ticket_id in ids:
        ticket = tickets.get(connection, ticket_id, book.shapes)
        told = {(clock.name, clock.cycle): clock for clock in _told(connection, book, ticket)}
        stored = {(clock.name, clock.cycle): clock for clock in ticket.clocks}
        for key in sorted({*told, *stored}):
            was, says = stored.get(key), told.get(key)
            found += [ClockDifference(ticket_id, *key, was, says)] if was != says else []
    return found


def rebuild(connection: Connection, book: Book, ticket_id: int, actor: str, clock: Clock) -> list[ClockDifference]:
    """Put a ticket's clocks right by its history, in one recorded step; return what was different."""
    people.demand(book.desk, people.actor_of(book.desk, actor), "retry")
    ticket, timers = tickets.lock(connection, ticket_id, book.shapes)
    wrong = differences(connection, book, [ticket_id])
    if wrong:
        now = clock.now()
        rules, known, _ = book.standing(ticket)
        when = event_time(known, now, None)
        outcome = rebuilt(rules, known, timers, _told(connection, book, ticket), at=when, actor=actor)
        save(connection, [Change(ticket, timers, outcome)], now)
    return wrong


def _told(connection: Connection, book: Book, ticket: Ticket) -> tuple[SlaClock, ...]:
    return sla.rebuild(ticket, tickets.history_of(connection, ticket.id), book.rules)
