"""Databases of earlier revisions, kept as the rows they held: `python -m tests.store.dumps` keeps today's head.

Run it before a new migration is written; a test loads every earlier revision's rows and upgrades them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, insert, text

from tests.store.small import NOON, Books, opened, write
from workflow.store import schema
from workflow.store.engine import Store
from workflow.store.moments import Instant, instant, to_text
from workflow.store.tables import PREFIX, metadata

FOLDER = Path(__file__).parent / "revisions"


def keep(path: Path) -> None:
    """Write a database that has lived a little into a file."""
    with tempfile.TemporaryDirectory() as scratch:
        url = f"sqlite:///{scratch}/t.db"
        with opened(url, write(Path(scratch) / "definitions")) as desk:
            first = desk.open(
                "job", actor="ann", fields={"statement": "宽带ＡＢＣ断线", "fees": "12.50", "words": "一,two"},
                customer={"name": "Ünal", "phone": "13800000000"}, tags=["Vip"], external_id="外部-1", channel="web",
                key="first",
            )  # fmt: skip
            second = desk.open("job", actor="bob", fields={"statement": "100% plain", "secret": 42}, note="quiet")
            desk.advance(first.id, "accept", actor="ann", note="called back", key="second")
            desk.link(first.id, second.id, actor="ann")
            desk.run_timeouts(as_of=NOON + timedelta(minutes=15))
            desk.escalate(second.id, actor="ann", reason="urgent")
        books = Books(url)
        rows = {table: books.of(table.removeprefix(PREFIX)) for table in metadata.tables}
        books.close()
    as_text = {table: [_plain(row) for row in found] for table, found in rows.items() if found}
    path.write_text(json.dumps(as_text, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_text(value) if isinstance(value, datetime) else value for name, value in row.items()}


def load(store: Store, revision: str) -> dict[str, list[dict[str, Any]]]:
    """Make an empty database one of an earlier revision, with the rows kept for it; return them."""
    rows: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / f"{revision}.json").read_text(encoding="utf-8"))
    schema.upgrade(store, to=revision)
    found = MetaData()
    with store.write() as connection:
        found.reflect(connection, only=lambda name, _: name.startswith(PREFIX))
        for table in found.sorted_tables:
            known = metadata.tables.get(table.name)
            if known is None or table.name not in rows:
                continue
            times = {column.name for column in known.columns if isinstance(column.type, Instant)}
            if connection.dialect.name == "postgresql":
                for row in rows[table.name]:
                    row |= {name: instant(row[name]) for name in times if row.get(name)}
            connection.execute(insert(table), rows[table.name])
            if connection.dialect.name == "postgresql" and "id" in table.columns:
                last = max(row["id"] for row in rows[table.name])
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})"))
    return rows


if __name__ == "__main__":
    keep(FOLDER / f"{schema.HEAD}.json")
