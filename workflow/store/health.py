"""What a desk's health is read from: bounded reads by index, however many tickets there are."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, case, func, literal_column, select

from workflow.errors import StoreError
from workflow.store import schema
from workflow.store.engine import Store
from workflow.store.moments import instant
from workflow.store.outbox import PENDING
from workflow.store.tables import escalations, history, incidents, outbox, runs, tickets, timers

CLASSES = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400}
LATER = "later"
_NAMES, _BOUNDS = (*CLASSES, LATER), tuple(CLASSES.values())
MOST = 1000  # nobody needs to know how many more there are
_RUNS = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """How many there are (counted up to a thousand), and of the first its ticket, its instant, name and last error."""

    count: int = 0
    ticket_id: int | None = None
    since: datetime | None = None
    name: str | None = None
    error: str | None = None


def late_class(seconds: float) -> str:
    """Return the class of a lateness: the least bound that it keeps.

    >>> late_class(0.5), late_class(60), late_class(61), late_class(100_000)
    ('1m', '1m', '5m', 'later')
    """
    return _NAMES[bisect_left(_BOUNDS, seconds)]


def lateness(connection: Connection, since: datetime) -> dict[str, int]:
    """Return how late the firings of the runs since then were, by class."""
    found = Counter(dict.fromkeys(_NAMES, 0))
    query = select(runs.c.started_at, runs.c.lateness).order_by(runs.c.id.desc()).limit(_RUNS)
    for row in connection.execute(query):
        if row.started_at < since:
            break
        found.update(json.loads(row.lateness or "{}"))
    return dict(found)


def overdue(connection: Connection, now: datetime) -> Found:
    """Return the tickets with a timer that is due at `now` and has not fired, the longest overdue first."""
    due = tickets.c.next_timer_at <= now
    first = select(tickets.c.id, tickets.c.next_timer_at).where(due).order_by(tickets.c.next_timer_at, tickets.c.id)
    found = _found(connection, first, select(tickets.c.id).where(due))
    if found.ticket_id is None:
        return found
    name = select(timers.c.name).where(timers.c.ticket_id == found.ticket_id).order_by(timers.c.due_at).limit(1)
    return Found(found.count, found.ticket_id, found.since, connection.execute(name).scalar())


def ahead(connection: Connection, limit: datetime) -> Found:
    """Return the open tickets whose last event lies after `limit`, the furthest ahead first."""
    those = (tickets.c.updated_at > limit, tickets.c.stage != literal_column("'archive'"))
    first = select(tickets.c.id, tickets.c.updated_at).where(*those).order_by(tickets.c.updated_at.desc())
    return _found(connection, first, select(tickets.c.id).where(*those))


def open_incidents(connection: Connection) -> Found:
    """Return the incidents that nobody has dealt with."""
    still = incidents.c.closed_at.is_(None)
    first = select(incidents.c.ticket_id, incidents.c.opened_at, incidents.c.timer).where(still)
    return _found(connection, first.order_by(incidents.c.id), select(incidents.c.id).where(still))


def undelivered(connection: Connection, before: datetime) -> Found:
    """Return the messages still to be sent that might have been since before that, the longest first.

    A message may leave from when it was written, however late its run came, or from when it was brought back, or from
    the end of its quiet hours.
    """
    brought_back = (outbox.c.state == "held") | ((outbox.c.state == "waiting") & (outbox.c.attempts == 0))
    since = case(
        (brought_back & (outbox.c.next_try_at > history.c.recorded_at), outbox.c.next_try_at),
        else_=history.c.recorded_at,
    )
    written = (history.c.ticket_id == outbox.c.ticket_id) & (history.c.seq == outbox.c.seq)
    those = (outbox.c.state.in_(PENDING), outbox.c.created_at <= before, since <= before)
    first = (
        select(outbox.c.ticket_id, since, outbox.c.addressee, outbox.c.last_error).join(history, written).where(*those)
    )
    return _found(connection, first.order_by(since), select(outbox.c.id).join(history, written).where(*those))


def held(connection: Connection, now: datetime) -> Found:
    """Return the messages that wait for the hours in which people are told, with when the first of them may leave."""
    those = (outbox.c.state == "held", outbox.c.next_try_at > now)
    first = select(outbox.c.ticket_id, outbox.c.next_try_at, outbox.c.addressee).where(*those)
    return _found(connection, first.order_by(outbox.c.next_try_at), select(outbox.c.id).where(*those))


def failed(connection: Connection) -> Found:
    """Return the messages that were given up."""
    those = outbox.c.state == "failed"
    first = select(outbox.c.ticket_id, outbox.c.created_at, outbox.c.last_error).where(those)
    return _found(connection, first, select(outbox.c.id).where(those))


def unheld(connection: Connection, before: datetime) -> Found:
    """Return the open escalations that nobody has taken on since before that."""
    those = (
        escalations.c.ended_at.is_(None), escalations.c.acknowledged_at.is_(None), escalations.c.raised_at <= before,
    )  # fmt: skip
    first = select(escalations.c.ticket_id, escalations.c.raised_at, escalations.c.addressee).where(*those)
    ladders = select(escalations.c.ticket_id, escalations.c.ladder).where(*those).distinct()
    return _found(connection, first.order_by(escalations.c.raised_at), ladders)


def _found(connection: Connection, first: Select[Any], all_of_them: Select[Any]) -> Found:
    row = connection.execute(first.limit(1)).first()
    if row is None:
        return Found()
    counted = select(func.count()).select_from(all_of_them.limit(MOST).subquery())
    name, error = (*(text if text is None else str(text) for text in row[2:]), None, None)[:2]
    return Found(connection.execute(counted).scalar_one(), row[0], instant(row[1]), name, error)


def demand_desk(store: Store) -> None:
    """Raise StoreError where there is no desk; unlike connecting, looking does not make one."""
    file = store.engine.url.database if store.engine.dialect.name == "sqlite" else None
    found = None
    if not file or file.startswith("file:") or Path(file).exists():
        with store.read() as connection:
            found = schema.current(connection)
    if found is None:
        raise StoreError(
            "there is no desk in {database}", "check --database; `ticketflow open` makes one", database=store.url
        )
