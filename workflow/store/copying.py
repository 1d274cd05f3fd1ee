"""One desk's rows brought into another database, slice by slice, until both hold the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Connection, Table, and_, bindparam, delete, func, select, text, update

from workflow.errors import NotFound, Refused, StoreError
from workflow.store import crash, schema
from workflow.store.definitions import RESTORED, put_setting
from workflow.store.engine import Store, file_url, translated
from workflow.store.files import give_name
from workflow.store.sql import Writer, instants
from workflow.store.tables import PREFIX, desk_revisions, history, incidents, metadata, outbox, settings, tickets

SLICE = 500  # ids by one transaction
UNFINISHED = schema.UNFINISHED


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did: the rows that the target holds now, how many of them were written by this call.

    `changed` says that the source was written to meanwhile; then the target waits for another call.
    """

    rows: int
    written: int
    changed: bool = False


@dataclass(frozen=True)
class _Slices:
    """A table, whose rows are taken bit by bit: by a column of whole numbers, where it has one."""

    table: Table

    @cached_property
    def by(self) -> Column[int] | None:
        """The column."""
        return next((self.table.c[name] for name in ("id", "ticket_id", "customer_id") if name in self.table.c), None)

    def ranges(self, *connections: Connection) -> Iterator[tuple[int, int] | None]:
        """Yield the ranges that together have all rows of these databases."""
        if self.by is None:
            yield None
            return
        ends = [connection.execute(select(func.min(self.by), func.max(self.by))).one() for connection in connections]
        first, last = (
            chosen([end[at] for end in ends if end[at] is not None], default=0) for at, chosen in ((0, min), (1, max))
        )
        for start in range(first, last + 1, SLICE):
            yield start, start + SLICE

    def rows(self, connection: Connection, within: tuple[int, int] | None) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return the rows of a range by their keys."""
        query = select(self.table)
        if within is not None and self.by is not None:
            query = query.where(self.by >= within[0], self.by < within[1])
        names = [column.name for column in self.table.primary_key]
        places = [self.table.c.keys().index(name) for name in names]
        return {tuple(row[place] for place in places): tuple(row) for row in connection.execute(query)}

    def put(self, connection: Connection, wanted: dict[Any, Any], there: dict[Any, Any]) -> int:
        """Make the rows that are there those that are wanted; return how many were written."""
        keys = list(self.table.primary_key)
        same = and_(*(key == bindparam(f"key_{key.name}") for key in keys))

        def named(key: Sequence[Any]) -> dict[str, Any]:
            return {f"key_{column.name}": value for column, value in zip(keys, key, strict=True)}

        def valued(row: Sequence[Any]) -> dict[str, Any]:
            return dict(zip(self.table.c.keys(), row, strict=True))

        gone = [named(key) for key in there.keys() - wanted.keys()]
        other = [named(key) | valued(wanted[key]) for key in wanted.keys() & there.keys() if wanted[key] != there[key]]
        moments = instants(connection)
        new = [
            tuple([moments[value] if isinstance(value, datetime) else value for value in row])
            for key, row in wanted.items()
            if key not in there
        ]
        if gone:
            connection.execute(delete(self.table).where(same), gone)
        if other:
            values: Any = {column.name: bindparam(column.name) for column in self.table.c}
            connection.execute(update(self.table).where(same).values(values), other)
        Writer(self.table, "INSERT", self.table.c.keys()).run_many(connection, new)
        return len(gone) + len(other) + len(new)


def copy(
    source: Store,
    target: Store,
    *,
    live: bool = False,
    restored: bool = False,
    progress: Callable[[str, int], object] = lambda _table, _rows: None,
) -> CopyReport:
    """Bring the target to hold what the source holds now, and prove that it does.

    The source is read at one moment, and others may write to it; the target is unusable until a copy has ended. Where
    the source was written to meanwhile it has not, unless it is `live`: then what was at that moment is enough. Called
    again, it goes on. Raise Refused for a target that holds another desk, StoreError for a source that is such an
    unfinished target itself, or if the two differ in the end, which is a fault of ours or of the disk. A target that is
    `restored` knows from which moment, and neither fires nor tells anything until it is told from when: see
    `Desk.resume`.
    """
    file = source.engine.url.database if source.engine.dialect.name == "sqlite" else None
    if file and not Path(file).exists():
        raise NotFound("there is no file {path}", "name the database of a desk", path=file)
    with _at_one_moment(source) as there:
        mark = _name(there)
        schema.prepare(target, unfinished=True)
        target.unit(lambda connection: _claim(connection, mark))
        rows = written = 0
        for slices in map(_Slices, _tables()):
            with target.read() as here:
                ranges = list(slices.ranges(there, here))
            for within in ranges:
                wanted = slices.rows(there, within)
                written += target.unit(lambda here: slices.put(here, wanted, slices.rows(here, within)))  # noqa: B023
                rows += len(wanted)
                crash.point("copy.slice")
            progress(slices.table.name.removeprefix(PREFIX), rows)
        _prove(there, target)
        crash.point("copy.proved")
        if not live and _state(source) != _state_of(there):
            return CopyReport(rows, written, changed=True)
        last = _Slices(settings)
        wanted = last.rows(there, None)
        if restored:
            moment = (
                there.execute(select(func.max(history.c.recorded_at))).scalar()
                or there.execute(select(func.max(desk_revisions.c.applied_at))).scalar_one()
            )
            wanted[RESTORED,] = (RESTORED, moment.isoformat())
        target.unit(_count_on)
        target.unit(lambda here: last.put(here, wanted, last.rows(here, None)))
        crash.point("copy.finished")
    return CopyReport(rows + len(wanted), written + len(wanted))


def _tables() -> list[Table]:
    """Return the tables in the order in which their rows may be written, without the settings: they come last."""
    return [table for table in metadata.sorted_tables if table is not settings]


def _name(connection: Connection) -> str:
    """Return what a desk is known by: when and as what it was first applied."""
    first = None
    if found := schema.current(connection):
        schema.demand_head(found)
        schema.demand_finished(connection)
        first = connection.execute(select(desk_revisions).order_by(desk_revisions.c.id).limit(1)).first()
    if first is None:
        raise Refused("the source holds no desk", "name the database of a desk", rule="copy", field="source")
    return f"{first.applied_at.isoformat()} {first.content_hash}"


def _claim(connection: Connection, mark: str) -> None:
    known = connection.execute(select(settings.c.value).where(settings.c.name == UNFINISHED)).scalar()
    empty = connection.execute(select(desk_revisions.c.id).limit(1)).first() is None
    if known != mark and not (known is None and empty):
        raise Refused("the target holds a desk already", "name a database that holds none", rule="copy", field="target")
    put_setting(connection, UNFINISHED, mark)


def _prove(there: Connection, target: Store) -> None:
    """Compare every row anew."""
    for slices in map(_Slices, _tables()):
        with target.read() as here:
            for within in slices.ranges(there, here):
                if slices.rows(there, within) != slices.rows(here, within):
                    raise StoreError(
                        "{table} is not the same on both sides", "call it again; if it stays, check the disks",
                        table=slices.table.name,
                    )  # fmt: skip


def _count_on(connection: Connection) -> None:
    """Let new rows have ids after those that were copied."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if "id" in table.c:
            sequence = func.pg_get_serial_sequence(table.name, "id")
            connection.execute(
                select(
                    func.setval(
                        sequence, func.coalesce(select(func.max(table.c.id)).scalar_subquery(), 0) + 1, text("false")
                    )
                )
            )


def _state(store: Store) -> tuple[Any, ...]:
    with store.read() as connection:
        return _state_of(connection)


def _state_of(connection: Connection) -> tuple[Any, ...]:
    """Return what changes with every new row, and with every step of a ticket or a message."""
    steps: dict[Table, tuple[Any, ...]] = {
        tickets: (func.sum(tickets.c.ticket_version), func.sum(tickets.c.seq)),
        outbox: (func.sum(outbox.c.attempts), func.count(outbox.c.next_try_at), func.count(outbox.c.sent_at)),
        incidents: (func.count(incidents.c.closed_at),),
    }
    queries = (select(func.count(), *steps.get(table, ())).select_from(table) for table in _tables())
    return tuple(tuple(connection.execute(query).one()) for query in queries)


@contextmanager
def _at_one_moment(store: Store) -> Iterator[Connection]:
    """Open a transaction that sees one moment, however long it takes."""
    if store.engine.dialect.name == "sqlite":
        with store.read() as connection:
            yield connection
        return
    with translated(store.name), store.engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def backup(source: Store, path: Path) -> CopyReport:
    """Write what a desk holds at this moment into a new SQLite file, whole or not at all; others may go on writing.

    Raise Refused if the file is there.
    """
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    if path.exists():
        raise Refused("{path} is there already", "name another file", rule="backup", path=str(path))
    store = Store(file_url(part.absolute()))
    try:
        done = copy(source, store, live=True)
        with store.engine.connect() as connection:  # all of it in the one file
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
        store.close()
        crash.point("backup.proved")
        give_name(part, path)
    except FileExistsError:
        raise Refused("{path} is there already", "name another file", rule="backup", path=str(path)) from None
    finally:
        store.close()
        for file in path.parent.glob(f"{part.name}*"):
            file.unlink()
    return done
