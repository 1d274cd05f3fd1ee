"""Recorded repairs: a timer that could not fire is retried, a clock that is not what history says is rebuilt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import armed, people, sla
from workflow.core.instants import event_time
from workflow.core.model import SlaClock, Ticket, Timer, replace
from workflow.core.repair import rebuilt, retry_timer
from workflow.core.unit import run_unit
from workflow.desk.book import Book
from workflow.errors import Damaged, Refused
from workflow.store import agenda, claims, crash, tickets, timekeeping
from workflow.store.changes import Change, save
from workflow.store.rosters import keep_turns, roster_of


@dataclass(frozen=True, slots=True)
class ClockDifference:
    """A stored SLA clock that is not what its ticket's history says: `stored` or `told` is None where there is none."""

    ticket_id: int
    name: str
    cycle: int
    stored: SlaClock | None
    told: SlaClock | None


@dataclass(frozen=True, slots=True)
class TimerDifference:
    """A timer that is not as it must be: due when it is `stored`, and as `told` by history; None where it is not there.

    Of kind `next` it is not a timer, but what the ticket's row says of when the least of them is due.
    """

    ticket_id: int
    kind: str
    name: str
    cycle: int
    occurrence: int
    stored: datetime | None
    told: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadableTicket:
    """A ticket of which nothing can be compared, because its rows or its history make no sense."""

    ticket_id: int
    reason: str


Difference: TypeAlias = ClockDifference | TimerDifference | UnreadableTicket


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
    roster = roster_of(connection)
    if incident.timer == claims.UNREADABLE:
        outcome = run_unit(rules, known, timers, limit=when, fired_at=fired_at, newer=newer, roster=roster)
        claims.mend_next_timer(connection, [ticket.id])
    else:
        outcome = retry_timer(
            rules, known, timers, incident.as_timer(), at=when, fired_at=fired_at, actor=actor, newer=newer,
            roster=roster,
        )  # fmt: skip
    (after,) = save(connection, [Change(ticket, timers, outcome)], now)
    keep_turns(connection, roster)
    agenda.close_incident(connection, incident_id, now)
    crash.point("retry.written")
    return after


def differences(connection: Connection, book: Book, ids: Iterable[int]) -> list[Difference]:
    """Return where stored SLA clocks and timers are not what history and the desk revisions named there say.

    Raise NotFound for a ticket that does not exist.
    """
    found: list[Difference] = []
    for ticket_id in ids:
        try:
            ticket = tickets.get(connection, ticket_id, book.shapes)
            found += _compared(connection, book, ticket, ticket.updated_at).differences
        except Damaged as damage:
            found.append(UnreadableTicket(ticket_id, damage.values["reason"]))
    return found


def rebuild(connection: Connection, book: Book, ticket_id: int, actor: str, clock: Clock) -> list[Difference]:
    """Put a ticket's clocks and timers right by its history, in one recorded step; return what was different."""
    people.demand(book.desk, people.actor_of(book.desk, actor), "retry")
    ticket, timers = tickets.lock(connection, ticket_id, book.shapes)
    now = clock.now()
    rules, known, _ = book.standing(ticket)
    when = event_time(known, now, None)
    found = _compared(connection, book, ticket, when)
    if found.differences:
        timekeeping.drop_clocks(connection, ticket_id)
        outcome = rebuilt(rules, known, found.timers, found.clocks, at=when, actor=actor)
        save(connection, [Change(replace(ticket, clocks=()), timers, outcome)], now)
        claims.mend_next_timer(connection, [ticket_id])
        crash.point("rebuild.written")
    return found.differences


@dataclass(frozen=True, slots=True)
class _Compared:
    """How a ticket differs from what its history says, and the clocks and timers that would be right."""

    differences: list[Difference]
    clocks: tuple[SlaClock, ...]
    timers: list[Timer]


def _compared(connection: Connection, book: Book, ticket: Ticket, now: datetime) -> _Compared:
    rules, known, _ = book.standing(ticket)
    history = tickets.history_of(connection, ticket.id)
    try:
        clocks = sla.rebuild(ticket, history, book.rules)
        wanted = armed.wanted(rules, known, clocks, history, book.rules)
    except Exception as fault:  # whatever a damaged history raises
        reason = f"its history makes no sense ({type(fault).__name__}: {fault})"
        raise tickets.unreadable(ticket.id, reason) from fault
    told = {(clock.name, clock.cycle): clock for clock in clocks}
    stored = {(clock.name, clock.cycle): clock for clock in ticket.clocks}
    found: list[Difference] = [
        ClockDifference(ticket.id, *key, stored.get(key), told.get(key))
        for key in sorted({*told, *stored})
        if stored.get(key) != told.get(key)
    ]
    incidents = agenda.incident_rows(connection, open_only=True, limit=1000, after=None, ticket_id=ticket.id)
    armed_now = tickets.armed(connection, ticket.id)
    unlike, timers = armed.compare(
        armed_now,
        wanted,
        {incident.as_timer().key for incident in incidents},
        now,
        {entry.happened_at for entry in history if entry.kind == "rebuilt"},
    )
    found += [TimerDifference(ticket.id, *each.key, each.stored, each.told) for each in unlike]
    following, least = (
        tickets.next_timer_of(connection, ticket.id),
        min((each.due_at for each in armed_now), default=None),
    )
    if following != least and not any(incident.timer == claims.UNREADABLE for incident in incidents):
        found.append(TimerDifference(ticket.id, "next", "next_timer_at", 0, 0, following, least))
    return _Compared(found, clocks, timers)
