"""Prepared statements: on the driver's own cursor, and yet as if SQLAlchemy had run them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from tests.store.small import NOON
from workflow.store.moments import Instant, from_column
from workflow.store.sql import Among, Prepared, Writer, instants, listed

notes = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("text", String(400), nullable=False),
    Column("at", Instant),
    Column("of", Integer),
)
KEEP = Prepared(insert(notes))
MADE = Prepared(insert(notes).returning(notes.c.id), ["id", "text"])
ONE = Prepared(select(notes).where(notes.c.id == bindparam("id")))
ALL = Prepared(select(notes).order_by(notes.c.id))
CHANGE = Prepared(update(notes).where(notes.c.of == bindparam("of_of")), ["text"])
AMONG = Prepared(select(notes.c.id).where(Among(notes.c.id), notes.c.of == bindparam("of")).order_by(notes.c.id))
ADD = Writer(notes, "INSERT", ["id", "text", "at", "of"])
MOVE = Writer(notes, "UPDATE", ["text", "at"], ["id", "of"])
DROP = Writer(notes, "DELETE", keys=["id", "text"])
AWKWARD = 'back\\slash, "quoted", \ttab,\nline, {brace}, \\N, 50 %, 投诉 🙂'


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    notes.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["heard", "unheard"])
def connection(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction: with a listener, so that SQLAlchemy runs it all, and without."""
    if request.param == "heard":
        event.listen(engine, "before_cursor_execute", lambda *_: None)
    with engine.begin() as connection:
        yield connection


def row(number: int, text: str = "x", at: datetime | None = NOON) -> dict[str, Any]:
    return {"id": number, "text": text, "at": at, "of": number % 2}


@pytest.mark.parametrize("many", [1, 4, 5, 300])
def test_what_is_written_comes_back(connection: Connection, many: int) -> None:
    moment = datetime(2026, 3, 2, 9, 30, 0, 7, tzinfo=timezone(timedelta(hours=8)))
    rows = [row(number, f"{number} {AWKWARD}", None if number % 3 else moment) for number in range(many)]
    assert KEEP.run_many(connection, rows) == many
    assert [found._mapping | {"at": from_column(found.at)} for found in ALL.run(connection)] == rows
    assert CHANGE.run_many(connection, [{"text": "even", "of_of": 0}]) == (many + 1) // 2
    assert [found.text == "even" for found in ALL.run(connection)] == [number % 2 == 0 for number in range(many)]
    assert CHANGE.run_many(connection, []) == 0


@pytest.mark.parametrize("many", [1, 4, 5, 300])
def test_tuples_are_written_as_rows_are(connection: Connection, many: int) -> None:
    moments = instants(connection)
    rows = [row(number, f"{number} {AWKWARD}", None if number % 3 else NOON) for number in range(many)]
    bare = [(each["id"], each["text"], moments[each["at"]], each["of"]) for each in rows]
    assert ADD.run_many(connection, bare) == many
    assert [found._mapping | {"at": from_column(found.at)} for found in ALL.run(connection)] == rows
    assert MOVE.run_many(connection, [("new", moments[NOON], number, number % 2) for number in range(many)]) == many
    assert {found[1:3] for found in ALL.fetch(connection)} == {("new", moments[NOON])}
    assert MOVE.run_many(connection, [("newer", None, number, 7) for number in range(many)]) == 0
    assert DROP.run_many(connection, [(number, "new" if number else "old") for number in range(many)]) == many - 1
    assert [found[0] for found in ALL.fetch(connection)] == [0]
    assert ADD.run_many(connection, []) == MOVE.run_many(connection, []) == DROP.run_many(connection, []) == 0


def test_many_ids_are_one_value(connection: Connection) -> None:
    KEEP.run_many(connection, [row(number) for number in range(20)])
    wanted = [3, 4, 5, 9, *range(100, 100_000)]
    assert AMONG.fetch(connection, {"ids": listed(connection, wanted), "of": 1}) == [(3,), (5,), (9,)]
    assert AMONG.fetch(connection, {"ids": listed(connection, []), "of": 1}) == []


def test_rows_know_their_columns(connection: Connection) -> None:
    KEEP.run(connection, row(1, at=None))
    assert ONE.run(connection, {"id": 1}).first()._mapping == row(1, at=None)
    assert (ONE.run(connection, {"id": 1}).scalar(), ONE.run(connection, {"id": 2}).scalar()) == (1, None)
    assert list(ONE.fetch(connection, {"id": 1})) == [(1, "x", None, 1)]
    assert ONE.run(connection, {"id": 2}).first() is None
    assert MADE.run(connection, {"id": 2, "text": "y"}).scalar_one() == 2


@pytest.mark.parametrize("many", [1, 2, 10])
def test_errors_are_those_of_sqlalchemy(connection: Connection, many: int) -> None:
    with pytest.raises(IntegrityError) as twice, connection.begin_nested():
        KEEP.run_many(connection, [row(1)] * (many + 1))
    assert isinstance(twice.value.orig, connection.dialect.loaded_dbapi.Error)
    with pytest.raises(IntegrityError), connection.begin_nested():
        KEEP.run_many(connection, [row(number) | {"text": None} for number in range(many)])
    with pytest.raises(IntegrityError), connection.begin_nested():
        ADD.run_many(connection, [(number, None, None, 0) for number in range(many)])
    assert connection.scalar(select(notes.c.id)) is None


def test_the_first_line_of_an_error_shows_no_value(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        pytest.skip("SQLite counts no characters")
    with pytest.raises(DataError) as refused, connection.begin_nested():
        KEEP.run_many(connection, [row(number, "secret" * 100) for number in range(9)])
    assert "secret" not in str(refused.value.orig).splitlines()[0]


def test_a_transaction_begins_by_itself_and_is_the_connections(engine: Engine) -> None:
    with engine.connect() as connection:
        KEEP.run(connection, row(1))
        assert connection.in_transaction()
        KEEP.run_many(connection, [row(number) for number in range(2, 20)])
        connection.rollback()
        assert ALL.fetch(connection) == []
    with Session(engine) as session:
        KEEP.run(session.connection(), row(1))
        session.commit()
        assert len(ALL.fetch(session.connection())) == 1


def test_who_listens_hears_every_statement(engine: Engine) -> None:
    heard: list[str] = []
    with engine.begin() as connection:
        KEEP.run(connection, row(1))
        assert heard == []
        event.listen(engine, "before_cursor_execute", lambda *arguments: heard.append(arguments[2]))
    with engine.begin() as connection:
        ONE.run(connection, {"id": 1})
        KEEP.run_many(connection, [row(number) for number in range(2, 9)])
    assert [statement.split()[0] for statement in heard] == ["SELECT", "INSERT"]


def test_a_connection_that_was_cut_is_given_up(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    notes.metadata.create_all(engine)
    with engine.connect() as connection, connection.begin():
        ONE.run(connection, {"id": 1})
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(OperationalError) as lost:
            ONE.run(connection, {"id": 1})
        assert lost.value.connection_invalidated
        assert connection.invalidated
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    with engine.connect() as connection:
        assert ALL.fetch(connection) == []
    engine.dispose()


def test_instants_of_any_zone_sort_as_texts(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    notes.metadata.create_all(engine)
    with engine.begin() as connection:
        KEEP.run(connection, row(1, at=datetime(2026, 3, 2, 8, tzinfo=timezone(timedelta(hours=8)))))
        KEEP.run_many(connection, [row(2, at=datetime(2026, 3, 2, tzinfo=UTC)), row(3, at=None)])
        found = ALL.fetch(connection)
        assert [each[2] for each in found] == ["2026-03-02T00:00:00.000000Z"] * 2 + [None]
    engine.dispose()
