"""What keeps time beside the timers: SLA clocks by cycle, ladders with their lines, promises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, literal_column, select, text, update

from workflow.core import chain
from workflow.core.model import Ladder, LadderChange, Promise, SlaClock
from workflow.store.sql import Prepared
from workflow.store.tables import escalations, from_column, instant, slas, to_text

_TICK = timedelta(microseconds=1)
_LENGTHS = ("goal", "elapsed", "extension", "asked")
_INSTANTS = ("started_at", "since", "due_at", "ended_at")
_FLAGS = ("breached", "at_risk", "excused")
_COUNTS = ("fired", "spent")
_KEY = ("ticket_id", "name", "cycle")
_CLOCKS = Prepared(select(slas).where(slas.c.ticket_id == bindparam("id")).order_by(slas.c.name, slas.c.cycle))
_COLUMNS = tuple(column.name for column in slas.c)
KEEP_CLOCK = Prepared(
    text(
        f"INSERT INTO {slas.name} ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "  # noqa: S608 - constants
        f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY)
    )
)
RAISE = Prepared(insert(escalations), [column.name for column in escalations.c if column.name != "id"])
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
    return tuple(clock_of(row._mapping) for row in _CLOCKS.run(connection, {"id": ticket_id}))


def clocks_of_many(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[SlaClock, ...]]:
    """Return the clocks of several tickets."""
    rows = clock_rows_of(connection, ids)
    return {ticket_id: tuple(clock_of(row) for row in found) for ticket_id, found in rows.items()}


def clock_rows_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[RowMapping]]:
    """Return the rows of the clocks of several tickets."""
    found: dict[int, list[RowMapping]] = {}
    query = select(slas).where(slas.c.ticket_id.in_(ids)).order_by(slas.c.ticket_id, slas.c.name, slas.c.cycle)
    for row in connection.execute(query):
        found.setdefault(row.ticket_id, []).append(row._mapping)
    return found


def clock_of(row: Mapping[str, Any] | RowMapping) -> SlaClock:
    """Return the clock that a row holds."""
    lengths = {name: None if row[name] is None else row[name] * _TICK for name in _LENGTHS}
    instants = {name: from_column(row[name]) for name in _INSTANTS}
    flags = {name: bool(row[name]) for name in _FLAGS}
    counts = {name: json.loads(row[name]) for name in _COUNTS}
    return SlaClock(row["name"], row["cycle"], row["status"], **lengths, **instants, **flags, **counts)  # type: ignore[arg-type]


def clock_row(ticket_id: int, clock: SlaClock) -> dict[str, Any]:
    """Return the row of a clock."""
    lengths = {name: None if (value := getattr(clock, name)) is None else value // _TICK for name in _LENGTHS}
    plain = {name: getattr(clock, name) for name in ("name", "cycle", "status", *_INSTANTS, *_FLAGS)}
    counts = {name: chain.canonical(dict(getattr(clock, name))) for name in _COUNTS}
    return {"ticket_id": ticket_id, **plain, **lengths, **counts}


def ladder_rows(ticket_id: int, changes: Iterable[LadderChange]) -> Iterable[tuple[Prepared, dict[str, Any]]]:
    """Yield the statements that keep a ladder's lines, each with its row."""
    for change in changes:
        of = {"of_ticket": ticket_id, "of_ladder": change.ladder}
        if change.what == "raised" and change.rung is not None:
            rung = change.rung
            yield RAISE, {
                "ticket_id": ticket_id, "ladder": rung.ladder, "rung": rung.rung, "occurrence": rung.occurrence,
                "addressee": rung.addressee, "raised_at": rung.raised_at, "due_at": rung.due_at, "times": 1,
                "last_at": rung.raised_at, "acknowledged_at": None, "acknowledged_by": None, "ended_at": None,
            }  # fmt: skip
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
    values = json.loads(column)
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
    values = json.loads(column)
    return Promise(values["number"], instant(values["until"]), instant(values["made_at"]), values["made_by"])
