"""Tickets with their timers and history: read under a lock, written back as one change."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, text, update

from workflow.core import chain
from workflow.core.model import Customer, HistoryEntry, Link, Outcome, SlaClock, Ticket, Timer, replace
from workflow.core.text import search_text
from workflow.core.values import decoded, encoded, keeps
from workflow.definition.model import FieldSpec
from workflow.errors import Conflict, NotFound, TicketflowError
from workflow.store import timekeeping
from workflow.store.sql import ASKED_AT_ONCE, Prepared
from workflow.store.tables import (
    customers,
    from_column,
    history,
    incidents,
    instant,
    links,
    outbox,
    tickets,
    timers,
    to_text,
)

UNREADABLE = "ticket:unreadable:0:0"  # stands for the timers of a ticket that makes no sense
SpecsOf = Callable[[str, int], Mapping[str, FieldSpec]]
_OWN = tuple(column for column in tickets.c if column.name not in ("search", "next_timer_at"))
_INSTANTS = ("opened_at", "entered_at", "updated_at", "last_fired_due", "next_due_at", "missed_at")
_CODED = ("customer_id", "fields", "tags", "acted", "walks", "ladder", "promise")
_PLAIN = tuple(column.name for column in _OWN if column.name not in (*_INSTANTS, *_CODED))
BASE = select(*_OWN, customers.c.fields.label("customer_fields"), customers.c.tags.label("customer_tags")).select_from(
    tickets.outerjoin(customers, customers.c.id == tickets.c.customer_id)
)


@dataclass(frozen=True)
class Shapes:
    """What the stored JSON of fields means: the ticket types' fields by (type, version), and the customer's."""

    fields_of: SpecsOf
    customer: Mapping[str, FieldSpec]


@dataclass(frozen=True)
class Change:
    """What one unit did to one ticket: from the value that was read to the outcome. New tickets have no `before`."""

    before: Ticket | None
    timers: tuple[Timer, ...]
    outcome: Outcome


_ONE = Prepared(BASE.where(tickets.c.id == bindparam("id")))
_LOCK = Prepared(select(tickets.c.id).where(tickets.c.id == bindparam("id")).with_for_update())
_TIMER = (timers.c.kind, timers.c.name, timers.c.cycle, timers.c.occurrence, timers.c.due_at, timers.c.position)
_TIMERS = Prepared(select(*_TIMER).where(timers.c.ticket_id == bindparam("id")))
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
_INSERT = Prepared(insert(tickets))
_SAME = update(tickets).where(tickets.c.id == bindparam("of_id"), tickets.c.ticket_version == bindparam("of_version"))
_NEVER = ("id", "type", "version", "opened_at", "external_id", "channel", "customer_id")  # change after the opening
_TEXTS = ("fields", "tags", "search")  # long, and seldom changed by a timer
_UPDATE = Prepared(_SAME, [column.name for column in tickets.c if column.name not in _NEVER])
_MOVE = Prepared(_SAME, [column.name for column in tickets.c if column.name not in (*_NEVER, *_TEXTS)])
_HISTORY = Prepared(insert(history))
_ARM = Prepared(insert(timers))
_DISARM = Prepared(
    delete(timers).where(
        *(timers.c[name] == bindparam(f"of_{name}") for name in ("ticket_id", "kind", "name", "cycle", "occurrence"))
    )
)
_MESSAGE = Prepared(insert(outbox), [column.name for column in outbox.c if column.name != "id"])
_INCIDENT = Prepared(insert(incidents), [column.name for column in incidents.c if column.name != "id"])
_LINK = Prepared(
    insert(links).from_select(
        ["ticket_id", "other_id", "kind", "created_at"],
        select(
            bindparam("ticket_id", type_=links.c.ticket_id.type),
            bindparam("other_id", type_=links.c.other_id.type),
            bindparam("kind", type_=links.c.kind.type),
            bindparam("created_at", type_=links.c.created_at.type),
        ).where(
            ~select(links.c.ticket_id)
            .where(
                links.c.ticket_id == bindparam("ticket_id"),
                links.c.other_id == bindparam("other_id"),
                links.c.kind == bindparam("kind"),
            )
            .exists()
        ),
    )
)
_THAWED: dict[str, Any] = {  # what a result that was kept by an earlier release does not say
    "customer_fields": None, "customer_tags": None, "clocks": [], "missed_at": None, "ladder": None, "ladders": 0,
    "promise": None, "promises": 0,
}  # fmt: skip
_HISTORY_OF = select(history).where(history.c.ticket_id == bindparam("id")).order_by(history.c.seq)


def hold(connection: Connection, ticket_id: int) -> None:
    """Lock a ticket until the transaction ends, where there is one; SQLite's writers hold everything."""
    if connection.dialect.name != "sqlite" and 0 < ticket_id < 2**63:
        _LOCK.fetch(connection, {"id": ticket_id})


def lock(connection: Connection, ticket_id: int, shapes: Shapes) -> tuple[Ticket, tuple[Timer, ...]]:
    """Return a ticket and its armed timers, locked until the transaction ends; raise NotFound."""
    hold(connection, ticket_id)
    ticket = get(connection, ticket_id, shapes)
    return ticket, armed(connection, ticket_id)


def get(connection: Connection, ticket_id: int, shapes: Shapes) -> Ticket:
    """Return a ticket as it is stored; raise NotFound."""
    row = _ONE.run(connection, {"id": ticket_id}).first() if 0 < ticket_id < 2**63 else None
    if row is None:
        raise _missing(ticket_id)
    try:
        return from_row(row, shapes, timekeeping.clocks_of(connection, ticket_id))
    except Exception as fault:  # whatever a damaged row raises
        raise TicketflowError(
            "ticket {ticket} cannot be read: {reason}",
            "restore its row from a backup, then retry its incident",
            ticket=ticket_id,
            reason=str(fault) or type(fault).__name__,
        ) from fault


def missing(connection: Connection, ticket_id: int) -> NotFound | None:
    """Return the error for a ticket that does not exist, or None for one that does."""
    known = 0 < ticket_id < 2**63 and connection.execute(select(tickets.c.id).where(tickets.c.id == ticket_id)).first()
    return None if known else _missing(ticket_id)


def _missing(ticket_id: int) -> NotFound:
    return NotFound("there is no ticket {ticket}", "list the tickets with `ticketflow list`", ticket=ticket_id)


def armed(connection: Connection, ticket_id: int) -> tuple[Timer, ...]:
    """Return a ticket's armed timers."""
    return tuple(_timer(row) for row in _TIMERS.run(connection, {"id": ticket_id}))


Held: TypeAlias = tuple[Ticket, tuple[Timer, ...]]
Unreadable: TypeAlias = tuple[int, str]


def claim_due(connection: Connection, as_of: datetime, most: int) -> list[int]:
    """Lock up to `most` tickets with something due at `as_of`, the most overdue first; skip what others hold."""
    return [row[0] for row in _DUE.fetch(connection, {"as_of": as_of, "most": most})]


def claim_older(
    connection: Connection, revision: int, after: int, most: int, shapes: Shapes
) -> tuple[list[Held], list[Unreadable]]:
    """Lock up to `most` open tickets of a desk revision before this one, by id; skip what others hold.

    Those whose rows make no ticket are returned apart, with the reason.
    """
    query = _older(revision).where(tickets.c.id > after).order_by(tickets.c.id).limit(most)
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    return held(connection, [row.id for row in rows], shapes)


def count_older(connection: Connection, revision: int) -> int:
    """Return how many open tickets are of a desk revision before this one."""
    return connection.execute(select(func.count()).select_from(_older(revision).subquery())).scalar_one()


def _older(revision: int) -> Select[tuple[int]]:
    return select(tickets.c.id).where(tickets.c.desk_revision < revision, tickets.c.stage != "archive")


def pin_desk(connection: Connection, ids: Sequence[int], revision: int) -> None:
    """Note that a desk revision changes nothing for these tickets."""
    connection.execute(update(tickets).where(tickets.c.id.in_(ids)).values(desk_revision=revision))


def held(connection: Connection, ids: Sequence[int], shapes: Shapes) -> tuple[list[Held], list[Unreadable]]:
    """Return tickets with their timers, and apart those whose rows make no ticket, with the reason."""
    if not ids:
        return [], []
    found: list[Held] = []
    unreadable: list[Unreadable] = []
    try:
        rows = {row.id: row for row in connection.execute(BASE.where(tickets.c.id.in_(ids)))}
        clocks = timekeeping.clock_rows_of(connection, ids)
        armed_by: dict[int, list[Any]] = {ticket_id: [] for ticket_id in ids}
        for row in connection.execute(select(*_TIMER, timers.c.ticket_id).where(timers.c.ticket_id.in_(ids))):
            armed_by[row.ticket_id].append(row)
    except ValueError as fault:  # an instant that is none: one by one, it is found whose it is
        if len(ids) == 1:
            return [], [(ids[0], str(fault))]
        for ticket_id in ids:
            some, bad = held(connection, [ticket_id], shapes)
            found, unreadable = found + some, unreadable + bad
        return found, unreadable
    for ticket_id in ids:
        try:
            own = tuple(timekeeping.clock_of(row) for row in clocks.get(ticket_id, ()))
            ticket = from_row(rows[ticket_id], shapes, own)
            found.append((ticket, tuple(_timer(row) for row in armed_by[ticket_id])))
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
    rows = [
        {
            "ticket_id": ticket_id, "timer": UNREADABLE, "due_at": at, "position": 0, "reason": reason[:2000],
            "opened_at": at, "closed_at": None,
        }
        for ticket_id, reason in failed
        if ticket_id not in open_already
    ]  # fmt: skip
    _INCIDENT.run_many(connection, rows)


def next_timer_at(connection: Connection) -> datetime | None:
    """Return when the next timer of any ticket is due."""
    return from_column(_NEXT.run(connection).scalar())


def links_of(connection: Connection, ticket_id: int) -> tuple[Link, ...]:
    """Return the tickets that a ticket is linked with."""
    query = select(links.c.other_id, links.c.kind).where(links.c.ticket_id == ticket_id).order_by(*links.c[:3])
    return tuple(Link(row.other_id, row.kind) for row in connection.execute(query))


def mend_next_timer(connection: Connection, ids: Sequence[int]) -> None:
    """Set `next_timer_at` by the armed timers, where it said that something was due and nothing was."""
    least = select(func.min(timers.c.due_at)).where(timers.c.ticket_id == tickets.c.id).scalar_subquery()
    connection.execute(update(tickets).where(tickets.c.id.in_(ids)).values(next_timer_at=least))


def count_due(connection: Connection, as_of: datetime) -> int:
    """Return how many tickets have something due at `as_of`."""
    return int(_COUNT.run(connection, {"as_of": as_of}).scalar_one())


def ids_after(connection: Connection, after: int, most: int) -> list[int]:
    """Return the next ticket ids."""
    query = select(tickets.c.id).where(tickets.c.id > after).order_by(tickets.c.id).limit(most)
    return [row.id for row in connection.execute(query)]


def external_ids(connection: Connection, wanted: Sequence[str]) -> dict[str, int]:
    """Return which of these external ids are known already, and by which ticket."""
    query = select(tickets.c.external_id, tickets.c.id)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        some = filter(keeps, wanted[start : start + ASKED_AT_ONCE])
        rows = connection.execute(query.where(tickets.c.external_id.in_(list(some))))
        found |= {row.external_id: row.id for row in rows}
    return found


def allocate(connection: Connection, many: int) -> list[int]:
    """Return fresh ticket ids. On SQLite the write lock is held; on PostgreSQL gaps are legal."""
    if connection.dialect.name == "sqlite":
        first = connection.exec_driver_sql("SELECT coalesce(max(id), 0) + 1 FROM ticketflow_tickets").scalar_one()
        return list(range(first, first + many))
    rows = connection.execute(
        text("SELECT nextval(pg_get_serial_sequence('ticketflow_tickets', 'id')) FROM generate_series(1, :many)"),
        {"many": many},
    )
    return sorted(row[0] for row in rows)


def save(connection: Connection, changes: Sequence[Change], recorded_at: datetime) -> list[Ticket]:
    """Write what units did to their tickets: state, history, timers, messages and incidents, each in one statement.

    Return the tickets as they stand now, with id, version and head of the chain. Raise Conflict if a ticket is not
    what was read, which a lock held since then makes impossible.
    """
    after = []
    inserted: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    rows: dict[Prepared, list[dict[str, Any]]] = {
        _HISTORY: [],
        _DISARM: [],
        _ARM: [],
        _MESSAGE: [],
        _INCIDENT: [],
        _LINK: [],
        timekeeping.KEEP_CLOCK: [],
        timekeeping.RAISE: [],
        timekeeping.REPEAT: [],
        timekeeping.ACKNOWLEDGE: [],
        timekeeping.END: [],
    }
    new = [change for change in changes if change.before is None]
    ids = iter(allocate(connection, len(new)) if new else ())
    for change in changes:
        before, outcome = change.before, change.outcome
        if before is not None and not outcome.entries:
            after.append(before)
            continue
        ticket_id, head = (next(ids), "") if before is None else (before.id, before.head)
        entries = _chained(ticket_id, head, outcome.entries, recorded_at)
        ticket = replace(
            outcome.ticket,
            id=ticket_id,
            ticket_version=outcome.ticket.ticket_version + 1,
            head=entries[-1]["hash"],
        )
        row = _row(ticket, min((timer.due_at for timer in outcome.timers), default=None))
        if before is None:
            inserted.append(row | _texts(ticket))
        else:
            row |= {"of_id": before.id, "of_version": before.ticket_version}
            if (ticket.fields, ticket.tags) == (before.fields, before.tags):
                moved.append(row)
            else:
                updated.append(row | _texts(ticket))
        rows[_HISTORY] += entries
        _diff(ticket.id, change, rows)
        known = before.clocks if before else ()
        rows[timekeeping.KEEP_CLOCK] += [
            timekeeping.clock_row(ticket.id, clock) for clock in ticket.clocks if clock not in known
        ]
        for statement, line in timekeeping.ladder_rows(ticket.id, outcome.ladders):
            rows[statement].append(line)
        for message in outcome.messages:
            rows[_MESSAGE].append(
                {
                    "ticket_id": ticket.id, "seq": message.seq, "addressee": message.to, "kind": message.kind,
                    "reason": message.reason, "cause_entry": message.cause_entry, "stands": message.stands,
                    "data": chain.canonical(dict(message.data)), "created_at": message.happened_at,
                    "state": "waiting", "attempts": 0, "next_try_at": message.happened_at, "sent_at": None,
                    "last_error": None,
                }
            )  # fmt: skip
        for incident in outcome.incidents:
            rows[_INCIDENT].append(
                {
                    "ticket_id": ticket.id, "timer": timer_text(incident.timer.key), "due_at": incident.timer.due_at,
                    "position": incident.timer.position, "reason": incident.reason, "opened_at": recorded_at,
                    "closed_at": None,
                }
            )  # fmt: skip
        after.append(ticket)
        for link in outcome.links:
            if missing(connection, link.other):  # named by a definition: the history says so, there is nothing to link
                continue
            for own, other in ((ticket.id, link.other), (link.other, ticket.id)):
                rows[_LINK].append({"ticket_id": own, "other_id": other, "kind": link.kind, "created_at": recorded_at})
    _INSERT.run_many(connection, inserted)
    touched = _MOVE.run_many(connection, moved) + _UPDATE.run_many(connection, updated)
    if touched != len(moved) + len(updated):
        raise Conflict("a ticket changed while it was locked", "try again; if it happens again, look at the database")
    for statement, values in rows.items():
        statement.run_many(connection, values)
    return after


def _diff(ticket_id: int, change: Change, rows: dict[Prepared, list[dict[str, Any]]]) -> None:
    old = {(timer.key, timer.due_at): timer for timer in change.timers}
    new = {(timer.key, timer.due_at): timer for timer in change.outcome.timers}
    for key, timer in old.items():
        if key not in new:
            kind, name, cycle, occurrence = timer.key
            rows[_DISARM].append(
                {
                    "of_ticket_id": ticket_id,
                    "of_kind": kind,
                    "of_name": name,
                    "of_cycle": cycle,
                    "of_occurrence": occurrence,
                }
            )
    for key, timer in new.items():
        if key not in old:
            rows[_ARM].append(
                {
                    "ticket_id": ticket_id, "kind": timer.kind, "name": timer.name, "cycle": timer.cycle,
                    "occurrence": timer.occurrence, "due_at": timer.due_at, "position": timer.position,
                }
            )  # fmt: skip


def _chained(ticket_id: int, head: str, entries: Iterable[HistoryEntry], recorded_at: datetime) -> list[dict[str, Any]]:
    rows = []
    for entry in entries:
        salts = {name: os.urandom(chain.SALT_BYTES) for name in entry.private}
        digests = {name: chain.digest(salts[name], value) for name, value in entry.private.items()}
        head = chain.link(head, ticket_id, entry, digests)
        private = {name: {"salt": salts[name].hex(), "value": value} for name, value in entry.private.items()}
        rows.append(
            {
                "ticket_id": ticket_id, "seq": entry.seq, "kind": entry.kind, "happened_at": entry.happened_at,
                "recorded_at": recorded_at, "actor": entry.actor, "state": entry.state, "entry": entry.entry,
                "type": entry.type, "version": entry.version, "trigger": entry.trigger, "source": entry.source,
                "dest": entry.dest, "timer": timer_text(entry.timer) if entry.timer else None,
                "data": chain.canonical(dict(entry.data)), "private": chain.canonical(private) if private else None,
                "digests": chain.canonical(digests) if digests else None, "desk_revision": entry.desk_revision,
                "hash": head,
            }
        )  # fmt: skip
    return rows


def timer_text(key: tuple[str, str, int, int]) -> str:
    """Return a timer's key as it is stored: `kind:name:cycle:occurrence`."""
    return ":".join(str(part) for part in key)


def history_of(connection: Connection, ticket_id: int) -> tuple[HistoryEntry, ...]:
    """Return a ticket's history, the oldest entry first."""
    return tuple(_entry(row) for row in connection.execute(_HISTORY_OF, {"id": ticket_id}))


def private_of(connection: Connection, ticket_id: int, seq: int) -> Mapping[str, Any]:
    """Return the personal data and free texts of one history entry."""
    query = select(history.c.private).where(history.c.ticket_id == ticket_id, history.c.seq == seq)
    found = connection.execute(query).scalar_one_or_none()
    return {name: item["value"] for name, item in json.loads(found).items()} if found else {}


def _entry(row: Row[Any]) -> HistoryEntry:
    private = json.loads(row.private) if row.private else {}
    kind, name, cycle, occurrence = row.timer.split(":") if row.timer else ("", "", 0, 0)
    return HistoryEntry(
        seq=row.seq, kind=row.kind, happened_at=row.happened_at, actor=row.actor, state=row.state, entry=row.entry,
        type=row.type, version=row.version, trigger=row.trigger, source=row.source, dest=row.dest,
        timer=(kind, name, int(cycle), int(occurrence)) if row.timer else None,
        data=json.loads(row.data), private={name: item["value"] for name, item in private.items()},
        desk_revision=row.desk_revision, hash=row.hash,
    )  # fmt: skip


def _timer(row: Any) -> Timer:
    return Timer(row.kind, row.name, row.cycle, row.occurrence, instant(row.due_at), row.position)


def from_row(row: Any, shapes: Shapes, clocks: tuple[SlaClock, ...]) -> Ticket:
    """Return the ticket that a row of `BASE` holds."""
    return _ticket(row._mapping, shapes, clocks)


def freeze(ticket: Ticket) -> str:
    """Return a ticket as JSON text, for `thaw`."""
    values = {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in (_row(ticket, None) | _texts(ticket)).items()
    }
    if ticket.customer:
        values["customer_fields"] = chain.canonical(encoded(ticket.customer.fields))
        values["customer_tags"] = chain.canonical(list(ticket.customer.tags))
    values["clocks"] = [
        {
            name: to_text(value) if isinstance(value, datetime) else value
            for name, value in timekeeping.clock_row(ticket.id, clock).items()
        }
        for clock in ticket.clocks
    ]
    return chain.canonical(values)


def thaw(frozen: str, shapes: Shapes) -> Ticket:
    """Return the ticket that `freeze` was given."""
    row = _THAWED | json.loads(frozen)
    return _ticket(row, shapes, tuple(timekeeping.clock_of(clock) for clock in row["clocks"]))


def _ticket(row: Mapping[str, Any], shapes: Shapes, clocks: tuple[SlaClock, ...]) -> Ticket:
    values = {name: row[name] for name in _PLAIN}
    values |= {name: from_column(row[name]) for name in _INSTANTS}
    if row["customer_id"] is not None:
        known = decoded(shapes.customer, json.loads(row["customer_fields"]))
        values["customer"] = Customer(row["customer_id"], known, tuple(json.loads(row["customer_tags"])))
    return Ticket(
        **values,
        fields=decoded(shapes.fields_of(row["type"], row["version"]), json.loads(row["fields"])),
        tags=tuple(json.loads(row["tags"])),
        acted={state: tuple(names) for state, names in json.loads(row["acted"]).items()},
        walks=json.loads(row["walks"]),
        clocks=clocks,
        ladder=timekeeping.ladder_of(row["ladder"]),
        promise=timekeeping.promise_of(row["promise"]),
    )


def _row(ticket: Ticket, next_timer_at: datetime | None) -> dict[str, Any]:
    return {
        "id": ticket.id, "type": ticket.type, "version": ticket.version, "state": ticket.state, "stage": ticket.stage,
        "entry": ticket.entry, "opened_at": ticket.opened_at, "entered_at": ticket.entered_at,
        "updated_at": ticket.updated_at, "priority": ticket.priority, "channel": ticket.channel, "team": ticket.team,
        "assignee": ticket.assignee, "customer_id": ticket.customer.id if ticket.customer else None,
        "external_id": ticket.external_id,
        "acted": chain.canonical({state: list(names) for state, names in ticket.acted.items()}),
        "walks": chain.canonical(dict(ticket.walks)), "seq": ticket.seq, "last_fired": ticket.last_fired,
        "last_fired_due": ticket.last_fired_due, "next_timer_at": next_timer_at, "next_due_at": ticket.next_due_at,
        "missed_at": ticket.missed_at, "ladder": timekeeping.ladder_text(ticket.ladder), "ladders": ticket.ladders,
        "promise": timekeeping.promise_text(ticket.promise), "promises": ticket.promises,
        "ticket_version": ticket.ticket_version, "desk_revision": ticket.desk_revision, "head": ticket.head,
    }  # fmt: skip


def _texts(ticket: Ticket) -> dict[str, Any]:
    """Return the columns that hold what people wrote."""
    return {
        "tags": chain.canonical(list(ticket.tags)),
        "fields": chain.canonical(encoded(ticket.fields)),
        "search": search_text((*ticket.fields.values(), *ticket.tags, ticket.external_id)),
    }
