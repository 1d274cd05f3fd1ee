"""Tickets taken by many at once: what is due, what is of an older desk, and those that make no sense set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, Select, bindparam, exc, func, select, update

from workflow.core.model import Ticket
from workflow.store import timekeeping
from workflow.store.moments import from_column
from workflow.store.rows import BASE, TIMER, Shapes, Timers, ticket_of, timer_of
from workflow.store.sql import Among, Prepared, Row, Writer, instants, listed
from workflow.store.tables import incidents, tickets, timers

UNREADABLE = "ticket:unreadable:0:0"  # stands for the timers of a ticket that makes no sense
Held: TypeAlias = tuple[Ticket, Timers]
Unreadable: TypeAlias = tuple[int, str]
OPEN_INCIDENT = Writer(incidents, "INSERT", [column.name for column in incidents.c if column.name != "id"])
_DUE = Prepared(
    select(tickets.c.id)
    .where(tickets.c.next_timer_at <= bindparam("as_of"), tickets.c.opened_at <= bindparam("as_of"))
    .order_by(tickets.c.next_timer_at, tickets.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_COUNT = Prepared(
    select(func.count())
    .select_from(tickets)
    .where(tickets.c.next_timer_at <= bindparam("as_of"), tickets.c.opened_at <= bindparam("as_of"))
)
_NEXT = Prepared(
    select(tickets.c.next_timer_at)
    .where(tickets.c.next_timer_at.is_not(None))
    .order_by(tickets.c.next_timer_at)
    .limit(1)
)
_MANY = Prepared(BASE.where(Among(tickets.c.id)))
_TIMERS = Prepared(select(timers.c.ticket_id, *TIMER).where(Among(timers.c.ticket_id)))


def claim_due(connection: Connection, as_of: datetime, most: int) -> list[int]:
    """Lock up to `most` tickets with something due at `as_of`, the most overdue first; skip what others hold."""
    return [row[0] for row in _DUE.fetch(connection, {"as_of": as_of, "most": most})]


def due_after(
    connection: Connection, as_of: datetime, last: tuple[datetime, int] | None, most: int
) -> list[tuple[datetime, int]]:
    """Look which tickets would be claimed after the last one seen, and when they are due."""
    due = tickets.c.next_timer_at
    query = select(due, tickets.c.id).where(due <= as_of, tickets.c.opened_at <= as_of)
    if last is not None:
        query = query.where(due >= last[0], (due > last[0]) | (tickets.c.id > last[1]))
    return [(row[0], row[1]) for row in connection.execute(query.order_by(due, tickets.c.id).limit(most))]


def claim_older(
    connection: Connection, revision: int, after: int, most: int, shapes: Shapes, *, lock: bool = True
) -> tuple[list[Held], list[Unreadable]]:
    """Lock up to `most` open tickets of a desk revision before this one, by id; skip what others hold.

    Those whose rows make no ticket are returned apart, with the reason. Without `lock` they are only looked at.
    """
    query = _older(revision).where(tickets.c.id > after).order_by(tickets.c.id).limit(most)
    rows = connection.execute(query.with_for_update(skip_locked=True) if lock else query).all()
    return held(connection, [row.id for row in rows], shapes)


def count_older(connection: Connection, revision: int) -> int:
    """Return how many open tickets are of a desk revision before this one."""
    return connection.execute(select(func.count()).select_from(_older(revision).subquery())).scalar_one()


def _older(revision: int) -> Select[tuple[int]]:
    return select(tickets.c.id).where(tickets.c.desk_revision < revision, tickets.c.stage != "archive")


def claim(
    connection: Connection, ids: Sequence[int], shapes: Shapes, *, lock: bool = True
) -> tuple[list[Held], list[Unreadable]]:
    """Lock those of the tickets that nobody else holds, and return them; without `lock` they are only looked at."""
    query = select(tickets.c.id).where(tickets.c.id.in_(ids)).order_by(tickets.c.id)
    rows = connection.execute(query.with_for_update(skip_locked=True) if lock else query).all()
    return held(connection, [row.id for row in rows], shapes)


def of_other_version(connection: Connection, name: str, version: int, after: int, most: int) -> list[int]:
    """Return the next open tickets of a type that are under another of its versions, by id."""
    query = _other_version(name, version).where(tickets.c.id > after).order_by(tickets.c.id).limit(most)
    return [row.id for row in connection.execute(query)]


def count_of_other_version(connection: Connection, name: str, version: int) -> int:
    """Return how many open tickets of a type are under another of its versions."""
    return connection.execute(select(func.count()).select_from(_other_version(name, version).subquery())).scalar_one()


def states_of(connection: Connection, name: str, version: int) -> list[str]:
    """Return the states in which open tickets of a type's other versions are."""
    query = select(tickets.c.state).distinct().where(tickets.c.id.in_(_other_version(name, version)))
    return [row.state for row in connection.execute(query)]


def _other_version(name: str, version: int) -> Select[tuple[int]]:
    return select(tickets.c.id).where(
        tickets.c.type == name, tickets.c.version != version, tickets.c.stage != "archive"
    )


def pin_desk(connection: Connection, ids: Sequence[int], revision: int) -> None:
    """Note that a desk revision changes nothing for these tickets."""
    connection.execute(update(tickets).where(tickets.c.id.in_(ids)).values(desk_revision=revision))


def held(connection: Connection, ids: Sequence[int], shapes: Shapes) -> tuple[list[Held], list[Unreadable]]:
    """Return tickets with their timers, and apart those whose rows make no ticket, with the reason."""
    if not ids:
        return [], []
    found: list[Held] = []
    unreadable: list[Unreadable] = []
    wanted = {"ids": listed(connection, ids)}
    try:
        rows = {row[0]: row for row in _MANY.fetch(connection, wanted)}
        clocks = timekeeping.clock_rows_of(connection, ids)
        armed: dict[int, list[Row]] = {}
        for row in _TIMERS.fetch(connection, wanted):
            armed.setdefault(row[0], []).append(row[1:])
    except exc.DataError as fault:  # an instant that Python has none for: one by one, it is found whose it is
        if len(ids) == 1:
            return [], [(ids[0], str(fault.orig))]
        for ticket_id in ids:
            some, bad = held(connection, [ticket_id], shapes)
            found, unreadable = found + some, unreadable + bad
        return found, unreadable
    for ticket_id in ids:
        try:
            own = tuple(map(timekeeping.clock_of, clocks.get(ticket_id, ())))
            ticket = ticket_of(rows[ticket_id], shapes, own)
            found.append((ticket, tuple(map(timer_of, armed.get(ticket_id, ())))))
        except Exception as fault:  # whatever a damaged row raises, the others have their turn
            unreadable.append((ticket_id, str(fault) or type(fault).__name__))
    return found, unreadable


def set_aside(connection: Connection, failed: Sequence[Unreadable], at: datetime) -> None:
    """Open an incident for tickets that no timer can be fired of, and let runs pass them by until it is retried."""
    ids = [ticket_id for ticket_id, _ in failed]
    connection.execute(update(tickets).where(tickets.c.id.in_(ids)).values(next_timer_at=None))
    known = select(incidents.c.ticket_id).where(
        incidents.c.ticket_id.in_(ids), incidents.c.timer == UNREADABLE, incidents.c.closed_at.is_(None)
    )
    open_already = {row.ticket_id for row in connection.execute(known)}
    now = instants(connection)[at]
    OPEN_INCIDENT.run_many(
        connection,
        [
            (ticket_id, UNREADABLE, now, 0, reason[:2000], now, None)
            for ticket_id, reason in failed
            if ticket_id not in open_already
        ],
    )


def next_timer_at(connection: Connection) -> datetime | None:
    """Return when the next timer of any ticket is due."""
    return from_column(_NEXT.run(connection).scalar())


def mend_next_timer(connection: Connection, ids: Sequence[int]) -> None:
    """Set `next_timer_at` by the armed timers, where it said that something was due and nothing was."""
    least = select(func.min(timers.c.due_at)).where(timers.c.ticket_id == tickets.c.id).scalar_subquery()
    connection.execute(update(tickets).where(tickets.c.id.in_(ids)).values(next_timer_at=least))


def count_due(connection: Connection, as_of: datetime) -> int:
    """Return how many tickets have something due at `as_of`."""
    return int(_COUNT.run(connection, {"as_of": as_of}).scalar_one())
