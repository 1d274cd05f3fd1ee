"""What keeps time, as people look at it: what is due and what comes next, the runs there were, open incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, type_coerce, update
from sqlalchemy.types import NullType

from workflow.core.model import Timer
from workflow.errors import NotFound, TicketflowError
from workflow.store.claims import UNREADABLE
from workflow.store.rows import TIMER, timer_of
from workflow.store.tables import incidents, runs, tickets, timers
from workflow.store.tickets import unreadable


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer that is armed, with its ticket's place. `kind` is timeout, sla, promise or rung."""

    ticket_id: int
    type: str
    state: str
    kind: str
    name: str
    occurrence: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Agenda:
    """Armed timers in the order of their due times. `damaged` are the errors of those whose rows make none."""

    timers: tuple[DueTimer, ...]
    damaged: tuple[TicketflowError, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A timeout run that did something; `empty` counts those after it that found nothing to do."""

    id: int
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None
    tickets: int
    fired: int
    skipped: int
    incidents: int
    locked: int
    raced: int
    escalated: int
    errors: int
    oldest_lateness: float | None
    empty: int


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """A timer that could not fire, `kind:name:cycle:occurrence`, or a ticket that could not be read."""

    id: int
    ticket_id: int
    timer: str
    due_at: datetime
    reason: str
    opened_at: datetime
    closed_at: datetime | None
    position: int = 0

    def as_timer(self) -> Timer:
        """Return the timer that failed."""
        kind, name, cycle, occurrence = self.timer.split(":")
        return Timer(kind, name, int(cycle), int(occurrence), self.due_at, self.position)


def due_timers(connection: Connection, *, limit: int, until: datetime | None = None) -> Agenda:
    """Return the armed timers in the order of their due times, until an instant."""
    query = (
        select(
            timers.c.ticket_id, tickets.c.type, tickets.c.state, *(type_coerce(column, NullType) for column in TIMER),
        )
        .join(tickets, tickets.c.id == timers.c.ticket_id)
        .order_by(timers.c.due_at, timers.c.ticket_id, timers.c.position)
        .limit(limit)
    )  # fmt: skip
    if until is not None:
        query = query.where(timers.c.due_at <= until)
    found: list[DueTimer] = []
    damaged: list[TicketflowError] = []
    for ticket_id, kind, state, *rest in connection.execute(query):
        try:
            timer = timer_of(tuple(rest))
        except Exception as fault:  # whatever a damaged row raises
            damaged.append(unreadable(ticket_id, str(fault) or type(fault).__name__))
        else:
            found.append(DueTimer(ticket_id, kind, state, timer.kind, timer.name, timer.occurrence, timer.due_at))
    return Agenda(tuple(found), tuple(damaged))


_RUN = tuple(runs.c["lost" if name == "locked" else name] for name in Run.__slots__)  # the column has an old name
_INCIDENT = tuple(incidents.c[name] for name in IncidentRow.__slots__)


def last_runs(connection: Connection, limit: int) -> list[Run]:
    """Return the last runs, the newest first."""
    return [Run(*row) for row in connection.execute(select(*_RUN).order_by(runs.c.id.desc()).limit(limit))]


def write_run(connection: Connection, values: Mapping[str, Any]) -> None:
    """Keep a run that did something as a row of its own; an empty one only updates the last row."""
    if values["tickets"] or values["errors"]:
        connection.execute(insert(runs).values(**values, empty=0))
        return
    last = connection.execute(select(runs.c.id, runs.c.empty).order_by(runs.c.id.desc()).limit(1)).first()
    if last is None:
        connection.execute(insert(runs).values(**values, empty=1))
    else:
        ended = {"ended_at": values["ended_at"], "as_of": values["as_of"], "empty": last.empty + 1}
        connection.execute(update(runs).where(runs.c.id == last.id).values(**ended))


def incident_rows(
    connection: Connection, *, open_only: bool, limit: int, after: int | None, ticket_id: int | None = None
) -> list[IncidentRow]:
    """Return incidents in the order they were opened, those of one ticket if it is named."""
    query = select(*_INCIDENT).order_by(incidents.c.id).limit(limit)
    if open_only:
        query = query.where(incidents.c.closed_at.is_(None))
    if after is not None:
        query = query.where(incidents.c.id > after)
    if ticket_id is not None:
        query = query.where(incidents.c.ticket_id == ticket_id)
    return [IncidentRow(*row) for row in connection.execute(query)]


def set_aside(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Return which of these tickets runs pass by until their incident is retried."""
    query = select(incidents.c.ticket_id).where(
        incidents.c.ticket_id.in_(ids), incidents.c.timer == UNREADABLE, incidents.c.closed_at.is_(None)
    )
    return {row.ticket_id for row in connection.execute(query)}


def incident(connection: Connection, incident_id: int) -> IncidentRow:
    """Return an incident; raise NotFound."""
    query = select(*_INCIDENT).where(incidents.c.id == incident_id)
    row = connection.execute(query).first() if 0 < incident_id < 2**63 else None
    if row is None:
        raise NotFound(
            "there is no incident {incident}", "list them with `ticketflow incident list`", incident=incident_id
        )
    return IncidentRow(*row)


def close_incident(connection: Connection, incident_id: int, at: datetime) -> None:
    """Note that an incident is dealt with."""
    connection.execute(update(incidents).where(incidents.c.id == incident_id).values(closed_at=at))
