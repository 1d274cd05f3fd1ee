"""Figures as they are kept: histograms by day, month and year, and how far each ticket's history is in them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, update

from workflow.core.figures import IDLE, NOBODY, Counted
from workflow.core.model import HistoryEntry
from workflow.store.engine import alone
from workflow.store.moments import from_column
from workflow.store.rows import entry_of
from workflow.store.sql import Among, Prepared, Writer, listed
from workflow.store.tables import figures, history, tickets

ALL = "all"  # has one key, the empty one: what goes by day, or by nothing, is read quickly
DIMENSIONS = (ALL, "type", "team", "agent", "channel")
WHAT = "figures"  # what only one transaction does at a time, and nobody reads meanwhile
DAY, MONTH, YEAR = len("2026-03-02"), len("2026-03"), len("2026")
PERIOD, KEY = 1, 2  # where a row has them
Row: TypeAlias = tuple[str, str, str, str]
Rows: TypeAlias = dict[Row, dict[str, int]]


class Behind(NamedTuple):
    """A ticket, the last of its entries that is counted, and the last that there is to count."""

    ticket_id: int
    counted: int
    seq: int


_COLUMNS = tuple(column.name for column in figures.c)
_AFTER = select(tickets.c.id, tickets.c.counted, tickets.c.seq).where(tickets.c.id > bindparam("after"))
_NEXT = _AFTER.order_by(tickets.c.id).limit(bindparam("most"))
_ALL, _BEHIND = Prepared(_NEXT), Prepared(_NEXT.where(tickets.c.counted < tickets.c.seq))
_STILL = Prepared(select(tickets.c.id, tickets.c.counted).where(Among(tickets.c.id)).with_for_update(skip_locked=True))
_READ = [history.c.ticket_id, *(c for c in history.c if c.name in HistoryEntry._fields and c.name != "private")]
_ENTRIES = Prepared(
    select(*_READ, literal_column("NULL").label("private"))
    .where(Among(history.c.ticket_id), history.c.kind.not_in([literal_column(f"'{kind}'") for kind in IDLE]))
    .order_by(history.c.ticket_id, history.c.seq)
)
_COUNTED = Writer(tickets, "UPDATE", ["counted"], ["id"])
_KNOWN = Prepared(
    select(figures.c.key, figures.c.measure, figures.c.counts).where(
        figures.c.dimension == bindparam("dimension"), figures.c.period == bindparam("period"), Among(figures.c.key)
    )
)
_NEW = Writer(figures, "INSERT", _COLUMNS)
_MORE = Writer(figures, "UPDATE", _COLUMNS[-1:], _COLUMNS[:-1])
_OF = Prepared(
    select(figures.c.period, figures.c.key, figures.c.measure, figures.c.counts).where(
        figures.c.dimension == bindparam("dimension"), Among(figures.c.period)
    )
)
_PERIODS = select(figures.c.period).distinct().where(func.length(figures.c.period) == bindparam("length"))


def behind(connection: Connection, after: int, most: int) -> list[Behind]:
    """Return the next tickets, by id, that have entries which are not counted."""
    return [*map(Behind._make, _BEHIND.fetch(connection, {"after": after, "most": most}))]


def all_counted(connection: Connection, after: int, most: int) -> list[Behind]:
    """Return the next tickets, by id, as if nothing of what is counted of them were."""
    return [Behind(number, 0, upto) for number, upto, _ in _ALL.fetch(connection, {"after": after, "most": most})]


def still_behind(connection: Connection, some: Sequence[Behind]) -> set[Behind]:
    """Lock tickets, and return those that nobody has counted meanwhile, nor keeps locked."""
    found: dict[int, int] = dict(_STILL.fetch(connection, {"ids": listed(connection, [one.ticket_id for one in some])}))
    return {one for one in some if found.get(one.ticket_id) == one.counted}


def histories(connection: Connection, ids: Sequence[int]) -> dict[int, list[HistoryEntry] | Exception]:
    """Return of each ticket what its history says but for what is IDLE; or why it cannot be read."""
    found: dict[int, Any] = {ticket_id: [] for ticket_id in ids}
    for row in _ENTRIES.run(connection, {"ids": listed(connection, ids)}):
        entries = found[row.ticket_id]
        if isinstance(entries, list):
            try:
                entries.append(entry_of(row))
            except Exception as fault:  # whatever a damaged row raises
                found[row.ticket_id] = fault
    return found


def keep(connection: Connection, counted: Iterable[Counted], whole: Iterable[Behind]) -> None:
    """Add to the figures, and note that tickets are in them as a whole."""
    rows = rolled_up(rows_of(counted))
    known: dict[Row, str] = {}
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for dimension, period, key, _ in rows:
        keys[dimension, period].add(key)
    for (dimension, period), some in keys.items():
        values = {"dimension": dimension, "period": period, "ids": listed(connection, sorted(some))}
        for key, measure, counts in _KNOWN.fetch(connection, values):
            known[dimension, period, key, measure] = counts
    new, more = [], []
    for row, counts in rows.items():
        if row in known:
            add(counts, json.loads(known[row]))
            more.append((packed(counts), *row))
        else:
            new.append((*row, packed(counts)))
    _NEW.run_many(connection, new)
    _MORE.run_many(connection, more)
    _COUNTED.run_many(connection, [(one.seq, one.ticket_id) for one in whole])


def add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add a histogram to another; ten times as fast for a small one as a Counter."""
    for value, many in more.items():
        counts[value] = counts.get(value, 0) + many


def packed(counts: Mapping[str, int]) -> str:
    """Return a histogram as it is kept."""
    return json.dumps({value: many for value, many in counts.items() if many}, separators=(",", ":"))


def rows_of(counted: Iterable[Counted]) -> Rows:
    """Return what was counted in each of its dimensions, by day."""
    rows: Rows = defaultdict(dict)
    for _, day, whose, measure, value, many in counted:
        text = str(value)
        for dimension, key in zip(DIMENSIONS, ("", *whose)):  # noqa: B905 - both are five
            counts = rows[dimension, day, key, measure]
            counts[text] = counts.get(text, 0) + many
    return rows


def rolled_up(rows: Rows) -> Rows:
    """Return rows by day with those by month and year beside them."""
    found: Rows = defaultdict(dict, rows)
    for (dimension, day, key, measure), counts in rows.items():
        for period in (day[:MONTH], day[:YEAR]):
            add(found[dimension, period, key, measure], counts)
    return found


def kept(connection: Connection, dimension: str, periods: Sequence[str]) -> Iterator[tuple[Row, dict[str, int]]]:
    """Yield the histograms of some periods."""
    for period, key, measure, counts in _OF.fetch(
        connection, {"dimension": dimension, "ids": listed(connection, periods)}
    ):
        yield (dimension, period, key, measure), json.loads(counts)


def periods(connection: Connection, length: int) -> list[str]:
    """Return the periods of one length that have figures, in order."""
    rows = connection.execute(_PERIODS.where(figures.c.dimension == DIMENSIONS[0]), {"length": length})
    return sorted(row.period for row in rows)


def everything(connection: Connection) -> Iterator[tuple[Row, dict[str, int]]]:
    """Yield every histogram."""
    for *row, counts in connection.execution_options(yield_per=1000).execute(select(figures)):
        yield (row[0], row[1], row[2], row[3]), json.loads(counts)


def cover(since: date, until: date) -> list[str]:
    """Return the fewest periods that make up the days from `since` to `until`.

    >>> cover(date(2025, 12, 31), date(2027, 2, 2))
    ['2025-12-31', '2026', '2027-01', '2027-02-01', '2027-02-02']
    """
    found, day = [], since
    while day <= until:
        name, month = day.isoformat(), (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        year = date(day.year + 1, 1, 1)
        length, following = DAY, day + timedelta(days=1)
        if day.day == 1 and month - timedelta(days=1) <= until:
            length, following = MONTH, month
            if day.month == 1 and year - timedelta(days=1) <= until:
                length, following = YEAR, year
        found.append(name[:length])
        day = following
    return found


def load(connection: Connection, dimension: str) -> dict[str, tuple[int, datetime | None]]:
    """Return how many tickets each has that are open, and when the oldest of them was opened."""
    column = tickets.c[{"agent": "assignee", ALL: "type"}.get(dimension, dimension)]
    query = (
        select(column, func.count(), func.min(tickets.c.opened_at))
        .where(tickets.c.stage != literal_column("'archive'"))
        .group_by(column)
    )
    return {key or NOBODY: (many, from_column(oldest)) for key, many, oldest in connection.execute(query)}


def alone_with_figures(connection: Connection, *, shared: bool = False) -> None:
    """Keep others from counting until the transaction ends."""
    alone(connection, WHAT, shared=shared)


def forget(connection: Connection) -> None:
    """Drop every figure, so that all tickets are counted anew."""
    connection.execute(delete(figures))
    connection.execute(update(tickets).where(tickets.c.counted > 0).values(counted=0))
