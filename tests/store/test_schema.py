"""The shape of the tables: made at head, upgraded from every revision, and refused when it is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect, text

from tests.store.dumps import FOLDER, load
from tests.store.small import NOON, Books, opened
from workflow.errors import SchemaOutdated
from workflow.store import schema
from workflow.store.engine import Store
from workflow.store.tables import PREFIX, metadata

REVISIONS = schema.revisions()
OLDER = REVISIONS[:-1]
pytestmark = pytest.mark.empty


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


def is_ours(name: str | None, kind: str, _parents: object = None) -> bool:
    return kind != "table" or (name or "").startswith(PREFIX)


def differences(connection: Connection, wanted: MetaData) -> list[object]:
    options: dict[str, Any] = {"include_name": is_ours, "version_table": schema.REVISION_TABLE}
    if connection.dialect.name == "postgresql":  # SQLite's identity columns would be taken for defaults
        options["compare_server_default"] = True
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), wanted))


def drop_ours(store: Store) -> MetaData:
    """Drop the tables, and return the shape they had."""
    found = MetaData()
    with store.write() as connection:
        found.reflect(connection, only=lambda name, _: name.startswith(PREFIX))
        found.drop_all(connection)
    found.remove(found.tables[schema.REVISION_TABLE])
    return found


def execute(store: Store, *statements: str) -> None:
    with store.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_fresh_database_is_the_one_that_migrations_make(store: Store) -> None:
    assert schema.upgrade(store) == (None, schema.HEAD)
    with store.read() as connection:
        assert differences(connection, metadata) == []
    migrated = drop_ours(store)
    assert schema.prepare(store)
    assert not schema.prepare(store)
    with store.read() as connection:
        assert schema.current(connection) == schema.HEAD
        assert differences(connection, migrated) == []
    made = drop_ours(store)
    assert schema.upgrade(store) == (None, schema.HEAD)
    with store.read() as connection:
        assert differences(connection, made) == []


@pytest.mark.parametrize("make", [schema.prepare, schema.upgrade])
def test_what_few_rows_are_asked_for_has_an_index_of_those_alone(store: Store, make: Callable[[Store], object]) -> None:
    make(store)
    with store.read() as connection:
        found = inspect(connection).get_indexes(f"{PREFIX}tickets") + inspect(connection).get_indexes(
            f"{PREFIX}history"
        )
        where = {index["name"]: index["dialect_options"].get(f"{connection.dialect.name}_where") for index in found}
    assert "archive" in str(where[f"ix_{PREFIX}tickets_updated_at"])
    assert "incident" in str(where[f"ux_{PREFIX}history_timer"])
    assert where[f"ix_{PREFIX}tickets_pinned"] is None


def test_the_revisions_are_one_line_and_every_earlier_one_has_its_rows() -> None:
    assert REVISIONS[-1] == schema.HEAD
    assert list(REVISIONS) == sorted(set(REVISIONS))
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == list(OLDER)


@pytest.mark.parametrize("revision", OLDER)
def test_an_older_database_is_refused_then_upgraded_and_all_of_it_is_there(
    store: Store, database_url: str, definitions: Path, books: Books, revision: str
) -> None:
    rows = load(store, revision)
    with pytest.raises(SchemaOutdated) as refused, opened(database_url, definitions):
        pass
    assert (refused.value.exit_code, refused.value.values["found"]) == (7, revision)
    assert "ticketflow db upgrade" in refused.value.remedy

    assert schema.upgrade(store) == (revision, schema.HEAD)
    assert schema.upgrade(store) == (schema.HEAD, schema.HEAD)
    with store.read() as connection:
        assert differences(connection, metadata) == []
    assert {name: len(found) for name, found in rows.items()} == {
        name: len(found) for name, found in books.rows().items() if found
    }
    books.assert_balanced()
    with opened(database_url, definitions, NOON.replace(hour=18)) as desk:
        first, second = desk.find().tickets
        assert (first.fields["statement"], second.fields["statement"]) == ("宽带ＡＢＣ断线", "100% plain")
        for words in ("abc", "线", "ünal", "13800000000", "外部", "VIP"):
            assert [ticket.id for ticket in desk.find(words).tickets] == [first.id]
        assert [ticket.id for ticket in desk.find("100%").tickets] == [second.id]
        assert [entry.kind for entry in desk.history(first.id)][:2] == ["opened", "advanced"]
        assert desk.open(
            "job", actor="ann", fields={"statement": "宽带ＡＢＣ断线", "fees": "12.50", "words": "一,two"},
            customer={"name": "Ünal", "phone": "13800000000"}, tags=["Vip"], external_id="外部-1", channel="web",
            key="first",
        ).replayed  # fmt: skip
        assert desk.open("job", actor="ann", fields={"statement": "new"}, customer={"phone": "13800000000"}).id == 3
        assert desk.run_timeouts().fired == (3 if revision >= "0003" else 2)  # where a ladder is open
    books.assert_balanced()


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(store: Store) -> None:
    load(store, OLDER[0])
    execute(store, "UPDATE ticketflow_tickets SET fields = 'broken' WHERE id = 2")
    with pytest.raises(ValueError, match="Expecting value"):
        schema.upgrade(store)
    with store.read() as connection:
        assert schema.current(connection) == OLDER[0]
    execute(store, "UPDATE ticketflow_tickets SET fields = '{}' WHERE id = 2")
    assert schema.upgrade(store) == (OLDER[0], schema.HEAD)


FOREIGN = {
    "foreign tables of our names": ("CREATE TABLE ticketflow_tickets (id INTEGER PRIMARY KEY, title TEXT)",),
    "a foreign revision table": ("CREATE TABLE ticketflow_revision (version_num TEXT, more TEXT)",),
    "a revision table of another shape": (
        "CREATE TABLE ticketflow_revision (number INTEGER)",
        "INSERT INTO ticketflow_revision VALUES (1)",
    ),
}
BROKEN = {
    "a newer revision": ("UPDATE ticketflow_revision SET version_num = '9999'",),
    "two revisions": ("INSERT INTO ticketflow_revision VALUES ('0001')",),
    "no revision": ("DELETE FROM ticketflow_revision",),
    "a missing table": ("DROP TABLE ticketflow_timers",),
    "a missing empty table": ("DROP TABLE ticketflow_slas",),
}


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
def test_foreign_tables_of_our_names_are_left_alone(
    store: Store, database_url: str, definitions: Path, statements: tuple[str, ...]
) -> None:
    execute(store, *statements)
    for attempt in (lambda: opened(database_url, definitions).__enter__(), lambda: schema.upgrade(store)):
        with pytest.raises(SchemaOutdated) as refused:
            attempt()
        assert refused.value.remedy
    with store.read() as connection:
        found = MetaData()
        found.reflect(connection)
        assert len(found.tables) == 1


@pytest.mark.parametrize("statements", BROKEN.values(), ids=BROKEN)
def test_tables_that_are_not_of_this_release_are_refused(
    store: Store, database_url: str, definitions: Path, statements: tuple[str, ...]
) -> None:
    with opened(database_url, definitions):
        pass
    execute(store, *statements)
    for attempt in (lambda: opened(database_url, definitions).__enter__(), lambda: schema.upgrade(store)):
        with pytest.raises(SchemaOutdated) as refused:
            attempt()
        assert (refused.value.exit_code, bool(refused.value.remedy)) == (7, True)


@pytest.mark.parametrize("column", ["tickets.search", "timers.position", "outbox.attempts"])
def test_a_missing_column_is_refused_at_the_first_verb_that_needs_it(
    store: Store, database_url: str, definitions: Path, books: Books, column: str
) -> None:
    with opened(database_url, definitions) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
    table, name = column.split(".")
    execute(store, f"ALTER TABLE ticketflow_{table} DROP COLUMN {name}")
    with pytest.raises(SchemaOutdated), opened(database_url, definitions) as desk:
        desk.escalate(desk.open("job", actor="ann", fields={"statement": "x"}).id, actor="ann")
    assert books.count("customers") == 0


def test_the_tables_live_beside_those_of_a_host(store: Store, database_url: str, definitions: Path) -> None:
    execute(store, "CREATE TABLE orders (id INTEGER PRIMARY KEY)", "CREATE TABLE alembic_version (version_num TEXT)")
    with opened(database_url, definitions) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 0
        assert differences(connection, metadata) == []
