"""Statements compiled to text once for each driver, and executed as text: on the hot path that is worth a factor."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib import import_module
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Dialect, Executable, Table, bindparam, exc, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement

from workflow.store.moments import TEXTS

_PLAIN_DRIVERS = ("pysqlite", "psycopg")  # an asynchronous one stands behind something of SQLAlchemy's own
_WORTH_A_SET = 5
_scan: Any = json.JSONDecoder().__dict__["scan_once"]
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
        with _Cursor(connection, prepared.text) as cursor:
            cursor.execute(prepared.text, parameters)
            return cursor.fetchall() if self._answers else []

    def run_many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Execute for every row; return how many rows of the table were touched."""
        if not rows:
            return 0
        prepared = self._text(connection)
        return _execute(connection, prepared.text, [prepared.parameters(row) for row in rows])

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
        return tuple([TEXTS[value] if isinstance(value, datetime) else value for value in found])

    return make


def _picker(order: Sequence[str]) -> Callable[[Values], Row]:
    if len(order) > 1:
        return itemgetter(*order)
    return lambda values: tuple(values[name] for name in order)


class Among(ColumnElement[bool]):
    """Whether a column is among `ids`, numbers or texts, which are one value, made by `listed`, however many."""

    inherit_cache = False
    _is_implicitly_boolean = True  # or SQLAlchemy asks whether it `= 1`, beside other conditions, and no index helps
    type = Boolean()

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column: ColumnElement[Any] = column
        self.ids: ColumnElement[Any] = bindparam("ids")


@compiles(Among)
def _among(element: Among, compiler: Any, **more: Any) -> str:
    column, ids = compiler.process(element.column, **more), compiler.process(element.ids, **more)
    if compiler.dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - of columns and a parameter
    return f"{column} = ANY (CAST({ids} AS {element.column.type.compile(compiler.dialect)}[]))"


def listed(connection: Connection, ids: Sequence[int] | Sequence[str]) -> Any:
    """Return ids as `Among` takes them."""
    return json.dumps(ids) if connection.dialect.name == "sqlite" else list(ids)


def allocate(connection: Connection, table: Table, many: int) -> list[int]:
    """Return fresh ids of a table. On SQLite the write lock is held; on PostgreSQL gaps are legal."""
    if not many:
        return []
    if connection.dialect.name == "sqlite":
        first = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) + 1 FROM {table.name}").scalar_one()  # noqa: S608
        return list(range(first, first + many))
    series = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :many)")
    return sorted(row[0] for row in connection.execute(series, {"table": table.name, "many": many}))


def from_json(text: str) -> Any:
    """Return what `json.loads` does, for a short text in a quarter of its time; raise ValueError."""
    if text in ("{}", "[]"):
        return {} if text == "{}" else []
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end, value = -1, None
    return value if end == len(text) else json.loads(text)


class Writer:
    """Writes rows of one table that are given as tuples: no name is looked up, and no instant asked for its type.

    Instants in them are what `instants` gives. An "INSERT" takes `columns`; an "UPDATE" the new values of `columns`
    and then the old ones of `keys`; a "DELETE" those of `keys`.
    """

    def __init__(self, table: Table, verb: str, columns: Sequence[str] = (), keys: Sequence[str] = ()) -> None:
        self._table, self._verb, self._columns, self._keys = table, verb, tuple(columns), tuple(keys)
        self._texts: dict[str, str] = {}

    def run_many(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Execute for every row; return how many rows of the table were touched."""
        if not rows:
            return 0
        dialect = connection.dialect
        many, on_postgresql = len(rows) >= _WORTH_A_SET, dialect.name == "postgresql"
        if many and on_postgresql and self._verb == "INSERT" and dialect.driver == "psycopg" and _is_direct(connection):
            with _Cursor(connection, self._copy) as cursor:
                with cursor.copy(self._copy) as copy:
                    for row in rows:
                        copy.write_row(row)
                return int(cursor.rowcount)
        if many and on_postgresql and self._verb == "DELETE":
            return _execute(connection, self._text(dialect, many=True), [tuple(map(list, zip(*rows, strict=True)))])
        return _execute(connection, self._text(dialect, many=False), rows)

    @cached_property
    def _copy(self) -> str:
        """How PostgreSQL takes in many rows: 2 to 3 times as fast as one INSERT for each."""
        return f"COPY {self._table.name} ({_quoted(self._columns)}) FROM STDIN"

    def _text(self, dialect: Dialect, *, many: bool) -> str:
        key = f"{dialect.name} {dialect.driver} {many}"
        if key not in self._texts:
            self._texts[key] = self._gone(dialect) if many else self._plain(dialect)
        return self._texts[key]

    def _plain(self, dialect: Dialect) -> str:
        names = (*self._columns, *self._keys)
        marks = [_mark(dialect, place) for place in range(1, len(names) + 1)]
        equal = [f'"{name}" = {mark}' for name, mark in zip(names, marks, strict=True)]
        changes, where = ", ".join(equal[: len(self._columns)]), " AND ".join(equal[len(self._columns) :])
        texts = {  # of names that stand in the code
            "INSERT": f"INSERT INTO {self._table.name} ({_quoted(self._columns)}) VALUES ({', '.join(marks)})",  # noqa: S608
            "UPDATE": f"UPDATE {self._table.name} SET {changes} WHERE {where}",  # noqa: S608
            "DELETE": f"DELETE FROM {self._table.name} WHERE {where}",  # noqa: S608
        }
        return texts[self._verb]

    def _gone(self, dialect: Dialect) -> str:
        """Return how PostgreSQL deletes many rows, a list for each column of their keys: 4 times as fast as by ones."""
        kinds = [self._table.c[name].type.compile(dialect) for name in self._keys]
        lists = ", ".join(f"CAST({_mark(dialect, place)} AS {kind}[])" for place, kind in enumerate(kinds, 1))
        where = " AND ".join(f'kept."{name}" = gone."{name}"' for name in self._keys)
        names = _quoted(self._keys)
        return f"DELETE FROM {self._table.name} AS kept USING unnest({lists}) AS gone ({names}) WHERE {where}"  # noqa: S608


def instants(connection: Connection) -> Mapping[Any, Any]:
    """Return what gives an instant, or None, as the database's driver takes it."""
    return TEXTS if connection.dialect.name == "sqlite" else _AS_THEY_ARE


class _AsTheyAre(dict[Any, Any]):
    def __missing__(self, key: Any) -> Any:
        return key


_AS_THEY_ARE = _AsTheyAre()


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _mark(dialect: Dialect, place: int) -> str:
    """Return how a driver writes the value at a place, whatever way SQLAlchemy prefers."""
    if dialect.paramstyle == "numeric_dollar":
        return f"${place}"
    return "?" if dialect.name == "sqlite" else "%s"


def _execute(connection: Connection, text: str, rows: Sequence[Any]) -> int:
    """Execute a statement for every row; return how many rows of the table were touched."""
    one = len(rows) == 1
    if not _is_direct(connection):
        return connection.exec_driver_sql(text, rows[0] if one else list(rows)).rowcount
    with _Cursor(connection, text) as cursor:
        if one:
            cursor.execute(text, rows[0])
        else:
            cursor.executemany(text, rows)
        return int(cursor.rowcount)


class _Cursor:
    """The driver's own cursor, whose errors become SQLAlchemy's."""

    __slots__ = ("_connection", "_cursor", "_text")

    def __init__(self, connection: Connection, text: str) -> None:
        self._connection, self._text = connection, text
        try:
            self._cursor: Any = connection.connection.cursor()
        except connection.dialect.loaded_dbapi.Error as error:  # it is known to be lost
            raise _wrapped(connection, text, error) from error

    def __enter__(self) -> Any:
        return self._cursor

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._cursor.close()
        if kind is not None and isinstance(error, self._connection.dialect.loaded_dbapi.Error):
            raise _wrapped(self._connection, self._text, error) from error


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
