"""A desk in a schema of its own, where a host keeps it apart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import create_engine, inspect, text

from tests.store.small import NOON, Books, opened
from workflow.store import copying
from workflow.store.engine import Store, file_url


def test_a_schema_that_the_url_names_has_the_desk(postgres_url: str, definitions: Path, tmp_path: Path) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA shop"))
        connection.execute(text("CREATE SCHEMA other"))
    shop, other = (
        f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-csearch_path%3D{name}"
        for name in ("shop", "other")
    )
    with opened(shop, definitions) as desk:
        number = desk.open("job", actor="ann", fields={"statement": "x"}, customer={"name": "Ann"}).id
        desk.advance(number, "accept", actor="ann")
    with opened(shop, definitions, at=NOON + timedelta(hours=3)) as desk:
        assert desk.run_timeouts().fired == 2
        assert [ticket.id for ticket in desk.find("x").tickets] == [number]
        desk.compact()
    books = Books(shop)
    books.assert_balanced()
    books.close()
    stores = Store(shop), Store(file_url(tmp_path / "b.db")), Store(other)
    copying.backup(stores[0], tmp_path / "b.db")
    copying.copy(stores[1], stores[2])
    for store in stores:
        store.close()
    with opened(other, definitions, at=NOON + timedelta(hours=3)) as desk:
        assert desk.open("job", actor="ann", fields={"statement": "y"}).id == number + 1
    names = {schema: inspect(engine).get_table_names(schema=schema) for schema in ("shop", "other", "public")}
    engine.dispose()
    assert names["public"] == []
    assert "ticketflow_tickets" in names["shop"]
    assert set(names["shop"]) == set(names["other"])
