"""Writing what units did to their tickets, set by set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from workflow.core import chain
from workflow.core.model import Message, Outcome, Ticket, replace
from workflow.errors import Conflict
from workflow.store import timekeeping
from workflow.store.claims import OPEN_INCIDENT
from workflow.store.rows import COLUMNS, Timers, changed, entry_row, ticket_row, timer_text
from workflow.store.sql import Prepared, Row, Writer, allocate, instants
from workflow.store.tables import history, links, outbox, tickets, timers
from workflow.store.tickets import missing

_OPEN = Writer(tickets, "INSERT", COLUMNS)
_HISTORY = Writer(history, "INSERT", [column.name for column in history.c])
_ARM = Writer(timers, "INSERT", [column.name for column in timers.c])
_DISARM = Writer(timers, "DELETE", keys=("ticket_id", "kind", "name", "cycle", "occurrence"))
_MESSAGE = Writer(outbox, "INSERT", [column.name for column in outbox.c if column.name != "id"])
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
_ORDER: tuple[Writer | Prepared, ...] = (  # a timer that is armed anew goes before it comes
    _OPEN, _HISTORY, _DISARM, _ARM, _MESSAGE, OPEN_INCIDENT, _LINK, timekeeping.START_CLOCK, timekeeping.KEEP_CLOCK,
    timekeeping.RAISE, timekeeping.REPEAT, timekeeping.ACKNOWLEDGE, timekeeping.END,
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What one unit did to one ticket: from the value that was read to the outcome.

    New tickets have no `before`; one that has an id keeps it.
    """

    before: Ticket | None
    timers: Timers
    outcome: Outcome


@lru_cache(maxsize=512)
def _update(names: tuple[str, ...]) -> Writer:
    return Writer(tickets, "UPDATE", names, ("id", "ticket_version"))


def save(connection: Connection, changes: Sequence[Change], recorded_at: datetime) -> list[Ticket]:
    """Write what units did to their tickets: state, history, timers, messages and incidents, each in one statement.

    Return the tickets as they stand now, with id, version and head of the chain. Raise Conflict if a ticket is not
    what was read, which a lock held since then makes impossible.
    """
    after = []
    moments, salt = instants(connection), _salts(changes)
    at = moments[recorded_at]
    updates: dict[tuple[str, ...], list[Row]] = {}
    rows: dict[Writer | Prepared, list[Any]] = {statement: [] for statement in _ORDER}
    fresh = [change.outcome.ticket.id for change in changes if change.before is None]
    ids = iter(allocate(connection, tickets, fresh.count(0)))
    for change in changes:
        before, outcome = change.before, change.outcome
        if before is not None and not outcome.entries:
            after.append(before)
            continue
        ticket_id, head = (outcome.ticket.id or next(ids), "") if before is None else (before.id, before.head)
        for entry in outcome.entries:
            row = entry_row(ticket_id, head, entry, at, salt, moments[entry.happened_at])
            rows[_HISTORY].append(row)
            head = row[-1]
        ticket = replace(outcome.ticket, id=ticket_id, ticket_version=outcome.ticket.ticket_version + 1, head=head)
        after.append(ticket)
        next_timer_at = min([timer.due_at for timer in outcome.timers], default=None)
        if before is None:
            rows[_OPEN].append(tuple(ticket_row(ticket, COLUMNS, moments, next_timer_at)))
        else:
            names = (*changed(before, ticket), "next_timer_at")
            names += ("search",) if "fields" in names or "tags" in names else ()
            row = (*ticket_row(ticket, names, moments, next_timer_at), before.id, before.ticket_version)
            updates.setdefault(names, []).append(row)
        _timers(ticket_id, change.timers, outcome.timers, rows, moments)
        for clock_writer, row in timekeeping.clock_rows(ticket, before.clocks if before else (), moments):
            rows[clock_writer].append(row)
        for statement, line in timekeeping.ladder_rows(ticket_id, outcome.ladders, moments):
            rows[statement].append(line)
        rows[_MESSAGE] += [_message(ticket_id, message, moments) for message in outcome.messages]
        for incident in outcome.incidents:
            timer = incident.timer
            row = (ticket_id, timer_text(timer.key), moments[timer.due_at], timer.position, incident.reason, at, None)
            rows[OPEN_INCIDENT].append(row)
        for link in outcome.links:
            if link.other not in fresh and missing(connection, link.other):  # only a definition names it
                continue
            for own, other in ((ticket_id, link.other), (link.other, ticket_id)):
                rows[_LINK].append({"ticket_id": own, "other_id": other, "kind": link.kind, "created_at": recorded_at})
    touched = sum(_update(names).run_many(connection, some) for names, some in updates.items())
    if touched != sum(map(len, updates.values())):
        raise Conflict("a ticket changed while it was locked", "try again; if it happens again, look at the database")
    for statement in _ORDER:
        statement.run_many(connection, rows[statement])
    return after


def _salts(changes: Sequence[Change]) -> Callable[[], bytes]:
    """Return what gives a salt for each private value of the changes, all drawn in one call of the system."""
    many = sum([len(entry.private) for change in changes for entry in change.outcome.entries])
    drawn, size = os.urandom(many * chain.SALT_BYTES), chain.SALT_BYTES
    return iter([drawn[at : at + size] for at in range(0, len(drawn), size)]).__next__


def _timers(
    ticket_id: int, old: Timers, new: Timers, rows: Mapping[Writer | Prepared, list[Any]], moments: Mapping[Any, Any]
) -> None:
    before, after = set(old), set(new)
    rows[_DISARM] += [(ticket_id, *timer.key) for timer in old if timer not in after]
    rows[_ARM] += [
        (ticket_id, *timer.key, moments[timer.due_at], timer.position) for timer in new if timer not in before
    ]


def _message(ticket_id: int, message: Message, moments: Mapping[Any, Any]) -> Row:
    at = moments[message.happened_at]
    return (
        ticket_id, message.seq, message.to, message.kind, message.reason, message.cause_entry, message.stands,
        chain.canonical(dict(message.data)), at, "waiting", 0, at, None, None,
    )  # fmt: skip
