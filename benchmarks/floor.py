"""The floor: the driver alone, writing the very rows that a desk wrote.

What a desk wrote is read off its tables, before and after. The statements name only the columns that changed, and
all values are ready for the driver before the clock starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.base import PGDialect

from benchmarks.databases import Database
from workflow.store.tables import metadata, slas, tickets, timers

Row = tuple[Any, ...]
Books = dict[str, dict[Row, Row]]
Statement = tuple[str, Sequence[Row]]
POSTGRESQL = PGDialect()  # type: ignore[no-untyped-call]
CHANCE = {"history": ("private", "digests", "hash"), "tickets": ("head",)}  # each private value has a salt of its own


@dataclass(frozen=True)
class Written:
    """What was done to the rows of one table: the values of `columns`, of which the last `keys` find the row."""

    table: Table
    verb: str
    columns: tuple[str, ...]
    keys: int
    rows: Sequence[Row]

    def of(self, ticket: int) -> Written:
        """Return what was done to one ticket."""
        place = self.columns.index("id" if self.table is tickets else "ticket_id")
        return replace(self, rows=[row for row in self.rows if row[place] == ticket])

    def part(self, number: int, of: int) -> Written:
        """Return one of so many parts of equal size."""
        size = len(self.rows)
        return replace(self, rows=self.rows[size * number // of : size * (number + 1) // of])


def books(database: Database, url: str, only: str = "") -> Books:
    """Return every row of every table by its primary key; with `only`, those of the tickets for which it holds."""
    connection, found = database.connect(url), {}
    for table in metadata.sorted_tables:
        places = [list(table.columns).index(column) for column in table.primary_key]
        query = f"SELECT {_names(column.name for column in table.columns)} FROM {table.name}"
        if only and table is tickets:
            query += f" WHERE {only}"
        elif only and "ticket_id" in table.columns:
            query += f" WHERE ticket_id IN (SELECT id FROM {tickets.name} WHERE {only})"
        rows = connection.execute(query)
        found[table.name] = {tuple(row[place] for place in places): tuple(row) for row in rows}
    connection.close()
    return found


def counts(database: Database, url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    connection = database.connect(url)
    names = [table.name for table in metadata.sorted_tables]
    found = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    connection.close()
    return found


def differences(expected: Books, found: Books, *, chance: bool) -> list[tuple[str, Row, Row | None, Row | None]]:
    """Return the rows in which two books differ; with `chance`, but for what chance decides."""
    differ = []
    for table in metadata.sorted_tables:
        left_out = CHANCE.get(table.name.removeprefix("ticketflow_"), ()) if chance else ()
        places = [at for at, column in enumerate(table.columns) if column.name not in left_out]
        old, new = expected[table.name], found[table.name]
        for key in old.keys() | new.keys():
            was, row = old.get(key), new.get(key)
            if was is None or row is None or any(was[at] != row[at] for at in places):
                differ.append((table.name, key, was, row))
    return differ


def written(before: Books, after: Books) -> list[Written]:
    """Return what leads from one state of the tables to the other, in an order that foreign keys allow."""
    found = []
    for table in metadata.sorted_tables:
        old, new = before[table.name], after[table.name]
        columns, key = [column.name for column in table.columns], tuple(column.name for column in table.primary_key)
        pairs = [(old[name], row) for name, row in new.items() if old.get(name, row) != row]
        changed = tuple(name for at, name in enumerate(columns) if any(was[at] != row[at] for was, row in pairs))
        places = [columns.index(name) for name in changed + key]
        updated = [tuple(row[at] for at in places) for _, row in pairs]
        inserted = [row for name, row in new.items() if name not in old]
        found += [
            Written(table, "DELETE", key, len(key), [name for name in old if name not in new]),
            Written(table, "UPDATE", changed + key, len(key), updated),
            Written(table, "INSERT", tuple(columns), 0, inserted),
        ]
    return [each for each in found if each.rows]


def locked_read(database: Database, ticket: int) -> list[Statement]:
    """Return how a driver reads a ticket, its clocks and its timers before it changes them."""
    return [
        (f"SELECT * FROM {tickets.name} WHERE id = {database.mark} {database.lock}", [(ticket,)]),
        (f"SELECT * FROM {slas.name} WHERE ticket_id = {database.mark}", [(ticket,)]),
        (f"SELECT * FROM {timers.name} WHERE ticket_id = {database.mark}", [(ticket,)]),
    ]


def statements(database: Database, parts: Iterable[Written]) -> list[Statement]:
    """Return the quickest statements that write the rows: for many, SQLite's executemany and PostgreSQL's unnest."""
    found = []
    for part in parts:
        many = database.name == "PostgreSQL" and len(part.rows) > 20
        found.append(_set_based(part) if many else (_plain(part, database), part.rows))
    return [statement for statement in found if statement[1]]


def play(database: Database, connection: Any, *transactions: Iterable[Statement]) -> None:
    """Run transactions, each committed before the next."""
    cursor = connection.cursor()
    for transaction in transactions:
        cursor.execute(database.begin)
        for statement, rows in transaction:
            if len(rows) > 1:
                cursor.executemany(statement, rows)
            elif cursor.execute(statement, rows[0]).description:
                cursor.fetchall()
        cursor.execute("COMMIT")


def _plain(part: Written, database: Database) -> str:
    marks = [f'"{name}" = {database.mark}' for name in part.columns]
    changes, where = ", ".join(marks[: -part.keys]), " AND ".join(marks[-part.keys :])
    return {
        "INSERT": f"INSERT INTO {part.table.name} VALUES ({', '.join(database.mark for _ in part.columns)})",
        "UPDATE": f"UPDATE {part.table.name} SET {changes} WHERE {where}",
        "DELETE": f"DELETE FROM {part.table.name} WHERE {where}",
    }[part.verb]


def _set_based(part: Written) -> Statement:
    kinds = (f"%s::{part.table.columns[name].type.compile(POSTGRESQL)}[]" for name in part.columns)
    rows = f"unnest({', '.join(kinds)}) AS n ({_names(part.columns)})"
    changes = ", ".join(f'"{name}" = n."{name}"' for name in part.columns[: -part.keys])
    where = " AND ".join(f't."{name}" = n."{name}"' for name in part.columns[-part.keys :])
    statement = {
        "INSERT": f"INSERT INTO {part.table.name} SELECT * FROM {rows}",
        "UPDATE": f"UPDATE {part.table.name} AS t SET {changes} FROM {rows} WHERE {where}",
        "DELETE": f"DELETE FROM {part.table.name} AS t USING {rows} WHERE {where}",
    }[part.verb]
    return statement, [tuple(_array(values) for values in zip(*part.rows, strict=True))]


def _array(values: Row) -> str:
    """Return an array as PostgreSQL reads it: a text costs the driver less than a list."""
    quoted = ('"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join("NULL" if value is None else text for value, text in zip(values, quoted, strict=True)) + "}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
