"""Tickets as they are remembered: one by one, with their timers and history, under a lock where they are to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, bindparam, select, type_coerce
from sqlalchemy.types import NullType

from workflow.core.events import Link
from workflow.core.model import HistoryEntry, Ticket
from workflow.core.values import keeps
from workflow.errors import Damaged, NotFound
from workflow.store import records, timekeeping
from workflow.store.causes import of_database
from workflow.store.moments import instant
from workflow.store.rows import BASE, TIMER, Shapes, Timers, entry_of, ticket_of, timer_of
from workflow.store.sql import Among, Prepared, Row, from_json, listed
from workflow.store.tables import history, links, tickets, timers

Made = TypeVar("Made")
_ONE = Prepared(BASE.where(tickets.c.id == bindparam("id")))
_LOCKED = Prepared(BASE.where(tickets.c.id == bindparam("id")).with_for_update(of=tickets))
_TIMERS = Prepared(select(*TIMER).where(timers.c.ticket_id == bindparam("id")))
_EXTERNAL = Prepared(select(tickets.c.external_id, tickets.c.id).where(Among(tickets.c.external_id)))
_CASES = Prepared(
    select(
        tickets.c.customer_id, tickets.c.id, tickets.c.type, tickets.c.version, tickets.c.tags, tickets.c.fields,
        tickets.c.opened_at,
    )
    .where(Among(tickets.c.customer_id), tickets.c.stage != "archive")
    .order_by(tickets.c.id)
)  # fmt: skip
_TURNS = ("fired", "skipped", "incident", "migrated")
_STORED = [type_coerce(column, NullType).label(column.name) for column in history.c]  # read row by row
_HISTORY = Prepared(select(history).where(history.c.ticket_id == bindparam("id")).order_by(history.c.seq))


class Case(NamedTuple):
    """What tells an open ticket from the customer's others; `fields` are as they are stored."""

    ticket: int
    type: str
    version: int
    tags: tuple[str, ...]
    fields: Mapping[str, Any]
    opened_at: datetime


def hold(connection: Connection, ticket_id: int) -> Row | None:
    """Lock a ticket until the transaction ends and return its row, for `held`; SQLite's writers hold everything."""
    return _row(connection, _LOCKED, ticket_id)


def held(connection: Connection, ticket_id: int, row: Row | None, shapes: Shapes) -> tuple[Ticket, Timers]:
    """Return a ticket that is locked, by its row, and its armed timers; raise NotFound."""
    return _ticket(connection, ticket_id, row, shapes), armed(connection, ticket_id)


def lock(connection: Connection, ticket_id: int, shapes: Shapes) -> tuple[Ticket, Timers]:
    """Return a ticket and its armed timers, locked until the transaction ends; raise NotFound."""
    return held(connection, ticket_id, hold(connection, ticket_id), shapes)


def get(connection: Connection, ticket_id: int, shapes: Shapes) -> Ticket:
    """Return a ticket as it is stored; raise NotFound."""
    return _ticket(connection, ticket_id, _row(connection, _ONE, ticket_id), shapes)


def _row(connection: Connection, query: Prepared, ticket_id: int) -> Row | None:
    known = query.fetch(connection, {"id": ticket_id}) if 0 < ticket_id < 2**63 else ()
    return known[0] if known else None


def _ticket(connection: Connection, ticket_id: int, row: Row | None, shapes: Shapes) -> Ticket:
    if row is None:
        raise _missing(ticket_id)
    try:
        return ticket_of(row, shapes, timekeeping.clocks_of(connection, ticket_id))
    except Exception as fault:  # whatever a damaged row raises
        if of_database(fault):
            raise
        raise unreadable(ticket_id, str(fault) or type(fault).__name__) from fault


def unreadable(ticket_id: int, reason: str) -> Damaged:
    """Return the error for a ticket whose rows make none."""
    return Damaged(
        "ticket {ticket} cannot be read: {reason}",
        "restore its row from a backup, then retry its incident",
        ticket=ticket_id,
        reason=reason,
    )


def missing(connection: Connection, ticket_id: int) -> NotFound | None:
    """Return the error for a ticket that does not exist, or None for one that does."""
    known = 0 < ticket_id < 2**63 and connection.execute(select(tickets.c.id).where(tickets.c.id == ticket_id)).first()
    return None if known else _missing(ticket_id)


def _missing(ticket_id: int) -> NotFound:
    return NotFound("there is no ticket {ticket}", "list the tickets with `ticketflow list`", ticket=ticket_id)


def armed(connection: Connection, ticket_id: int) -> Timers:
    """Return a ticket's armed timers."""
    return _read(ticket_id, timer_of, _TIMERS.fetch(connection, {"id": ticket_id}))


def next_timer_of(connection: Connection, ticket_id: int) -> datetime | None:
    """Return when the next timer of a ticket is due, as its row says; None too where runs pass it by."""
    found: datetime | None = connection.execute(
        select(tickets.c.next_timer_at).where(tickets.c.id == ticket_id)
    ).scalar_one()
    return found


def links_of(connection: Connection, ticket_id: int) -> tuple[Link, ...]:
    """Return the tickets that a ticket is linked with."""
    query = select(links.c.other_id, links.c.kind).where(links.c.ticket_id == ticket_id).order_by(*links.c[:3])
    return tuple(Link(row.other_id, row.kind) for row in connection.execute(query))


def ids_after(connection: Connection, after: int, most: int) -> list[int]:
    """Return the next ticket ids."""
    query = select(tickets.c.id).where(tickets.c.id > after).order_by(tickets.c.id).limit(most)
    return [row.id for row in connection.execute(query)]


def external_ids(connection: Connection, wanted: Sequence[str]) -> dict[str, int]:
    """Return which of these external ids are known already, and by which ticket: as its own, or as a contact joined."""
    some = list(filter(keeps, wanted))
    if not some:
        return {}
    ids = {"ids": listed(connection, some)}
    return records.joined(connection, some) | dict(_EXTERNAL.fetch(connection, ids))


def open_cases(connection: Connection, owners: Sequence[int]) -> list[tuple[int, Case]]:
    """Return the open tickets of some customers, each with whose it is; by id, without those that are damaged."""
    rows = _CASES.fetch(connection, {"ids": listed(connection, owners)}) if owners else ()
    found = []
    for owner, ticket, name, version, tags, fields, opened_at in rows:
        with suppress(ValueError, TypeError):
            case = Case(ticket, name, version, tuple(from_json(tags)), from_json(fields), instant(opened_at))
            found.append((owner, case))
    return found


def repairs_of(connection: Connection, ticket_id: int) -> tuple[HistoryEntry, ...]:
    """Return when a ticket was put into another state by hand, the oldest first."""
    query = select(*_STORED).where(history.c.ticket_id == ticket_id, history.c.kind == "repaired")
    return _read(ticket_id, entry_of, connection.execute(query.order_by(history.c.seq)))


def history_of(connection: Connection, ticket_id: int) -> tuple[HistoryEntry, ...]:
    """Return a ticket's history, the oldest entry first."""
    return _read(ticket_id, entry_of, _HISTORY.run(connection, {"id": ticket_id}))


def _read(ticket_id: int, made_of: Callable[[Any], Made], rows: Iterable[Any]) -> tuple[Made, ...]:
    try:
        return tuple(map(made_of, rows))
    except Exception as fault:  # whatever a damaged row raises
        if of_database(fault):
            raise
        raise unreadable(ticket_id, str(fault) or type(fault).__name__) from fault


def turns_of(connection: Connection, ids: Sequence[int]) -> tuple[dict[int, tuple[HistoryEntry, ...]], dict[int, str]]:
    """Return of each ticket's history what says which timers had their turn, and how it was migrated.

    Besides, why those cannot be read whose rows are damaged.
    """
    found: dict[int, tuple[HistoryEntry, ...]] = {}
    damaged: dict[int, str] = {}
    query = select(*_STORED).where(history.c.ticket_id.in_(ids), history.c.kind.in_(_TURNS))
    for row in connection.execute(query.order_by(history.c.ticket_id, history.c.seq)):
        try:
            found[row.ticket_id] = (*found.get(row.ticket_id, ()), entry_of(row))
        except Exception as fault:  # whatever a damaged row raises
            damaged[row.ticket_id] = str(unreadable(row.ticket_id, str(fault) or type(fault).__name__))
    return found, damaged


def private_of(connection: Connection, ticket_id: int, seq: int) -> Mapping[str, Any]:
    """Return the personal data and free texts of one history entry."""
    query = select(history.c.private).where(history.c.ticket_id == ticket_id, history.c.seq == seq)
    found = connection.execute(query).scalar_one_or_none()
    return {name: item["value"] for name, item in from_json(found).items()} if found else {}
