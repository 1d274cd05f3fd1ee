"""Statements compiled to text once for each driver, and executed as text: on the hot path that is worth a factor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ClauseElement

from workflow.store.tables import to_text


def insert_into(connection: Connection, table: Table) -> Any:
    """Return an INSERT of the database's own kind, which knows ON CONFLICT."""
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


class Prepared:
    """One statement, ready for any driver. Values are plain Python; instants are aware datetimes."""

    def __init__(self, statement: ClauseElement | Executable, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns
        self._texts: dict[tuple[str, str, str], tuple[str, Sequence[str] | None, dict[str, Any]]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Execute once."""
        text, order, constants = self._text(connection)
        return connection.exec_driver_sql(text, _parameters(connection, order, {**constants, **(values or {})}))

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Execute for every row; return how many rows of the table were touched."""
        if not rows:
            return 0
        text, order, _ = self._text(connection)
        return connection.exec_driver_sql(text, [_parameters(connection, order, row) for row in rows]).rowcount

    def _text(self, connection: Connection) -> tuple[str, Sequence[str] | None, dict[str, Any]]:
        dialect = connection.dialect
        key = (dialect.name, dialect.driver, dialect.paramstyle)
        if key not in self._texts:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            self._texts[key] = (str(compiled), compiled.positiontup if compiled.positional else None, constants)
        return self._texts[key]


def _parameters(connection: Connection, order: Sequence[str] | None, values: Mapping[str, Any]) -> Any:
    found: Iterable[Any] = values.values() if order is None else map(values.__getitem__, order)
    if connection.dialect.name == "sqlite":
        found = [to_text(value) if isinstance(value, datetime) else value for value in found]
    return dict(zip(values, found, strict=True)) if order is None else tuple(found)
