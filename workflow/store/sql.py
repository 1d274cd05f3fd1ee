"""Statements compiled to text once for each driver, and executed as text: on the hot path that is worth a factor."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib import import_module
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Executable, Insert, Table, exc
from sqlalchemy.sql.elements import ClauseElement

from workflow.store.tables import to_text

_PLAIN_DRIVERS = ("pysqlite", "psycopg")  # an asynchronous one stands behind something of SQLAlchemy's own
_WORTH_COPYING = 5
Values = Mapping[str, Any]
Row = tuple[Any, ...]


ASKED_AT_ONCE = 10_000  # a statement of PostgreSQL takes 65,535 values, one of SQLite half of that


def insert_into(connection: Connection, table: Table) -> Any:
    """Return an INSERT of the database's own kind, which knows ON CONFLICT."""
    dialect: Any = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    return dialect.insert(table)


class Rows:
    """What a statement answered. Its rows know their columns by name, as SQLAlchemy's do; `plain` are bare tuples."""

    __slots__ = ("_named", "plain")

    def __init__(self, plain: Sequence[Row], named: Callable[[Row], Any]) -> None:
        self.plain, self._named = plain, named

    def __iter__(self) -> Iterator[Any]:
        return map(self._named, self.plain)

    def first(self) -> Any:
        """Return the first row, or None."""
        return self._named(self.plain[0]) if self.plain else None

    def scalar(self) -> Any:
        """Return the first value of the first row, or None."""
        return self.plain[0][0] if self.plain else None

    def scalar_one(self) -> Any:
        """Return the one value of the one row."""
        ((value,),) = self.plain
        return value


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as one driver takes it, and what makes its parameters of values by name."""

    text: str
    parameters: Callable[[Values], Any]


class Prepared:
    """One statement, ready for any driver. Values are plain Python; instants are aware datetimes.

    Inside a transaction it runs on the driver's own cursor: SQLAlchemy takes 30 to 80 µs a statement where SQLite takes
    two. An engine that listens to its cursors hears of it all the same, for then it goes through SQLAlchemy.
    """

    def __init__(self, statement: ClauseElement | Executable, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns
        self._texts: dict[tuple[str, str, str], _Text] = {}

    @cached_property
    def _answers(self) -> tuple[str, ...]:
        """The columns of what it answers; none for a statement that answers nothing."""
        return tuple(column.key for column in getattr(self._statement, "exported_columns", ()))

    @cached_property
    def _named(self) -> Callable[[Row], Any]:
        return _row_class(self._answers)

    @cached_property
    def _copied(self) -> tuple[str, Callable[[Values], Row]]:
        return _copy(self._statement, self._columns)

    def run(self, connection: Connection, values: Values | None = None) -> Rows:
        """Execute once."""
        return Rows(self.fetch(connection, values), self._named)

    def fetch(self, connection: Connection, values: Values | None = None) -> Sequence[Row]:
        """Execute once; return the rows as bare tuples, in the order of the statement's columns."""
        prepared = self._text(connection)
        parameters = prepared.parameters(values or {})
        if not _is_direct(connection):
            result = connection.exec_driver_sql(prepared.text, parameters)
            return [tuple(row) for row in result] if result.returns_rows else []
        cursor = connection.connection.cursor()
        try:
            cursor.execute(prepared.text, parameters)
            return cursor.fetchall() if self._answers else []
        except connection.dialect.loaded_dbapi.Error as error:
            raise _wrapped(connection, prepared.text, error) from error
        finally:
            cursor.close()

    def run_many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Execute for every row; return how many rows of the table were touched."""
        if not rows:
            return 0
        prepared = self._text(connection)
        if not _is_direct(connection):
            return connection.exec_driver_sql(prepared.text, [prepared.parameters(row) for row in rows]).rowcount
        cursor: Any = connection.connection.cursor()
        try:
            copied, pick = self._copied
            if copied and len(rows) >= _WORTH_COPYING and connection.dialect.driver == "psycopg":
                with cursor.copy(copied) as copy:
                    for row in rows:
                        copy.write_row(pick(row))
            elif len(rows) == 1:
                cursor.execute(prepared.text, prepared.parameters(rows[0]))
            else:
                cursor.executemany(prepared.text, [prepared.parameters(row) for row in rows])
            return int(cursor.rowcount)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _wrapped(connection, prepared.text, error) from error
        finally:
            cursor.close()

    def _text(self, connection: Connection) -> _Text:
        dialect = connection.dialect
        key = (dialect.name, dialect.driver, dialect.paramstyle)
        if key not in self._texts:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            order = compiled.positiontup if compiled.positional else None
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            self._texts[key] = _Text(str(compiled), _maker(order, constants, instants_as_text=dialect.name == "sqlite"))
        return self._texts[key]


def _row_class(names: Iterable[str]) -> Callable[[Row], Any]:
    """Return what gives a bare row its columns' names."""
    make_class: Any = namedtuple  # whose names only mypy wants to know beforehand
    row = make_class("Row", names, rename=True)
    row._mapping = property(row._asdict)
    make: Callable[[Row], Any] = row._make
    return make


def _maker(order: Sequence[str] | None, constants: Values, *, instants_as_text: bool) -> Callable[[Values], Any]:
    """Return what makes a driver's parameters of values by name."""
    if order is None:
        return lambda values: {**constants, **values} if constants else values
    pick: Callable[[Values], Row] = _picker(order)

    def make(values: Values) -> Row:
        found = pick({**constants, **values} if constants else values)
        if not instants_as_text:
            return found
        return tuple([to_text(value) if isinstance(value, datetime) else value for value in found])

    return make


def _picker(order: Sequence[str]) -> Callable[[Values], Row]:
    if len(order) > 1:
        return itemgetter(*order)
    return lambda values: tuple(values[name] for name in order)


def _copy(statement: Any, columns: Sequence[str] | None) -> tuple[str, Callable[[Values], Row]]:
    """Return how PostgreSQL takes in many rows of a plain INSERT: 2 to 3 times as fast as one INSERT for each."""
    if not isinstance(statement, Insert) or statement.select is not None or statement.exported_columns:
        return "", _picker(())
    names = columns or [column.name for column in statement.table.columns]
    quoted = ", ".join(f'"{name}"' for name in names)
    return f'COPY "{statement.table.name}" ({quoted}) FROM STDIN', _picker(names)


def _is_direct(connection: Connection) -> bool:
    """Say whether the driver's cursor does what SQLAlchemy would: the transaction has begun, and nobody listens."""
    events = connection.dispatch
    return (
        connection.dialect.driver in _PLAIN_DRIVERS
        and connection.in_transaction()
        and not (events.before_cursor_execute or events.after_cursor_execute)
    )


def _wrapped(connection: Connection, text: str, error: Any) -> exc.StatementError:
    """Return what SQLAlchemy makes of a driver's error; a connection that is lost is given up, as there."""
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    lost = dialect.is_disconnect(error, driver, None)
    if lost:
        connection.invalidate(error)
    kind = dialect.loaded_dbapi.Error
    found: exc.StatementError = exc.DBAPIError.instance(
        text, None, error, kind, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )
    return found
