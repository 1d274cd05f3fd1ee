"""What keeps time beside the timers: SLA clocks by cycle, ladders with their lines, promises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from workflow.core import chain
from workflow.core.model import Ladder, LadderChange, Promise, SlaClock, Ticket
from workflow.store.moments import TEXTS, from_column, instant, to_text
from workflow.store.sql import Among, Prepared, Row, Writer, from_json, listed
from workflow.store.tables import escalations, slas

_TICK = timedelta(microseconds=1)
_KEY = ("ticket_id", "name", "cycle")
_COLUMNS = tuple(column.name for column in slas.c)
_CLOCKS = Prepared(select(slas).where(slas.c.ticket_id == bindparam("id")).order_by(slas.c.name, slas.c.cycle))
_CLOCKS_OF = Prepared(select(slas).where(Among(slas.c.ticket_id)).order_by(*(slas.c[name] for name in _KEY)))
START_CLOCK = Writer(slas, "INSERT", _COLUMNS)
KEEP_CLOCK = Writer(slas, "UPDATE", _COLUMNS[len(_KEY) :], _KEY)
_RAISED = tuple(column.name for column in escalations.c if column.name != "id")
RAISE = Writer(escalations, "INSERT", _RAISED)
_LINE = update(escalations).where(
    escalations.c.ticket_id == bindparam("of_ticket"), escalations.c.ladder == bindparam("of_ladder")
)
_OTHER = escalations.alias()
_LAST = select(func.max(_OTHER.c.occurrence)).where(
    _OTHER.c.ticket_id == bindparam("of_ticket"), _OTHER.c.ladder == bindparam("of_ladder")
)
REPEAT = Prepared(
    _LINE.where(escalations.c.occurrence == _LAST.scalar_subquery()).values(
        times=literal_column("times + 1"),
        last_at=bindparam("at", type_=escalations.c.last_at.type),
        acknowledged_at=literal_column("NULL"),  # it is with nobody again; the history keeps who had it
        acknowledged_by=literal_column("NULL"),
    )
)
ACKNOWLEDGE = Prepared(
    _LINE.where(escalations.c.ended_at.is_(None)).values(
        acknowledged_at=bindparam("at", type_=escalations.c.last_at.type), acknowledged_by=bindparam("by")
    )
)
END = Prepared(
    _LINE.where(escalations.c.ended_at.is_(None)).values(ended_at=bindparam("at", type_=escalations.c.last_at.type))
)


@dataclass(frozen=True, slots=True)
class Escalation:
    """One line of a ladder: who was told of it on which rung, how often and when, and who took it on."""

    id: int
    ticket_id: int
    ladder: int
    rung: int
    to: str | None
    raised_at: datetime
    times: int
    last_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether the ladder is: none of its causes has ended."""
        return self.ended_at is None


def clocks_of(connection: Connection, ticket_id: int) -> tuple[SlaClock, ...]:
    """Return every cycle of a ticket's SLA clocks, by name and cycle."""
    return tuple(map(clock_of, _CLOCKS.fetch(connection, {"id": ticket_id})))


def drop_clocks(connection: Connection, ticket_id: int) -> None:
    """Forget a ticket's clocks, so that they are written anew."""
    connection.execute(slas.delete().where(slas.c.ticket_id == ticket_id))


def clock_rows_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[Row]]:
    """Return the rows of the clocks of several tickets."""
    found: dict[int, list[Row]] = {}
    for row in _CLOCKS_OF.fetch(connection, {"ids": listed(connection, ids)}):
        found.setdefault(row[0], []).append(row)
    return found


def clock_of(row: Row) -> SlaClock:
    """Return the clock that a row of its table holds."""
    (_, name, cycle, status, goal, started_at, elapsed, since, due_at, ended_at, breached, at_risk, excused, extension,
     asked, fired, spent) = row  # fmt: skip
    return SlaClock(
        name, cycle, status, goal * _TICK, instant(started_at), elapsed * _TICK, from_column(since),
        from_column(due_at), from_column(ended_at), bool(breached), bool(at_risk), bool(excused), extension * _TICK,
        None if asked is None else asked * _TICK, from_json(fired), from_json(spent),
    )  # fmt: skip


def clock_row(ticket_id: int, clock: SlaClock, moments: Mapping[Any, Any]) -> Row:
    """Return the row of a clock, its instants as `moments` gives them."""
    return (
        ticket_id, clock.name, clock.cycle, clock.status, clock.goal // _TICK, moments[clock.started_at],
        clock.elapsed // _TICK, moments[clock.since], moments[clock.due_at], moments[clock.ended_at], clock.breached,
        clock.at_risk, clock.excused, clock.extension // _TICK, None if clock.asked is None else clock.asked // _TICK,
        chain.canonical(dict(clock.fired)), chain.canonical(dict(clock.spent)),
    )  # fmt: skip


def freeze_clock(ticket_id: int, clock: SlaClock) -> dict[str, Any]:
    """Return a clock as JSON, for `thaw_clock`."""
    return dict(zip(_COLUMNS, clock_row(ticket_id, clock, TEXTS), strict=True))


def thaw_clock(frozen: Mapping[str, Any]) -> SlaClock:
    """Return the clock that `freeze_clock` was given."""
    return clock_of(tuple(frozen[name] for name in _COLUMNS))


def clock_rows(ticket: Ticket, known: Iterable[SlaClock], moments: Mapping[Any, Any]) -> Iterator[tuple[Writer, Row]]:
    """Yield the statements that keep a ticket's clocks where they differ from those `known`, each with its row."""
    before = {(clock.name, clock.cycle): clock for clock in known}
    for clock in ticket.clocks:
        was = before.get((clock.name, clock.cycle))
        if was is None:
            yield START_CLOCK, clock_row(ticket.id, clock, moments)
        elif clock is not was and clock != was:
            row = clock_row(ticket.id, clock, moments)
            yield KEEP_CLOCK, row[len(_KEY) :] + row[: len(_KEY)]


def ladder_rows(
    ticket_id: int, changes: Iterable[LadderChange], moments: Mapping[Any, Any]
) -> Iterator[tuple[Writer | Prepared, Any]]:
    """Yield the statements that keep a ladder's lines, each with its row."""
    for change in changes:
        of = {"of_ticket": ticket_id, "of_ladder": change.ladder}
        if change.what == "raised" and change.rung is not None:
            rung = change.rung
            raised_at = moments[rung.raised_at]
            yield RAISE, (
                ticket_id, rung.ladder, rung.rung, rung.occurrence, rung.addressee, raised_at, moments[rung.due_at], 1,
                raised_at, None, None, None,
            )  # fmt: skip
        elif change.what == "repeated":
            yield REPEAT, of | {"at": change.at}
        elif change.what == "acknowledged":
            yield ACKNOWLEDGE, of | {"at": change.at, "by": change.by}
        else:
            yield END, of | {"at": change.at}


def lines(connection: Connection, *, open_only: bool, limit: int, after: int | None) -> list[Escalation]:
    """Return the lines of ladders: those of open ones first, then the newest first."""
    query = select(escalations).order_by(escalations.c.ended_at.is_not(None), escalations.c.id.desc()).limit(limit)
    if open_only:
        query = query.where(escalations.c.ended_at.is_(None))
    if after is not None:
        query = query.where(escalations.c.id < after)
    return [
        Escalation(
            row.id, row.ticket_id, row.ladder, row.rung, row.addressee, row.raised_at, row.times, row.last_at,
            row.acknowledged_at, row.acknowledged_by, row.ended_at,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def ladder_text(ladder: Ladder | None) -> str | None:
    """Return an open ladder as a column's text."""
    if ladder is None:
        return None
    return chain.canonical(
        {
            "id": ladder.id, "rung": ladder.rung, "raised": ladder.raised, "opened_at": to_text(ladder.opened_at),
            "causes": dict(ladder.causes), "addressee": ladder.addressee, "held_by": ladder.held_by,
            "held_until": to_text(ladder.held_until) if ladder.held_until else None,
            "told_at": to_text(ladder.told_at) if ladder.told_at else None,
        }
    )  # fmt: skip


def ladder_of(column: str | None) -> Ladder | None:
    """Return the ladder that `ladder_text` was given."""
    if column is None:
        return None
    values = from_json(column)
    return Ladder(**values | {name: from_column(values.get(name)) for name in ("opened_at", "held_until", "told_at")})


def promise_text(promise: Promise | None) -> str | None:
    """Return a promise as a column's text."""
    if promise is None:
        return None
    return chain.canonical(
        {
            "number": promise.number, "until": to_text(promise.until), "made_at": to_text(promise.made_at),
            "made_by": promise.made_by,
        }
    )  # fmt: skip


def promise_of(column: str | None) -> Promise | None:
    """Return the promise that `promise_text` was given."""
    if column is None:
        return None
    values = from_json(column)
    return Promise(values["number"], instant(values["until"]), instant(values["made_at"]), values["made_by"])
