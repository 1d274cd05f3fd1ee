"""Personal data taken out of every table: of tickets that are locked, and of their customer.

In the history a value goes whole, together with its salt: nobody can guess from the digest in the chain what it was.
What of a text may stay, the entry that tells of the redaction says anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, select, update

from workflow.core.chain import canonical
from workflow.core.migrate import LOST
from workflow.core.redaction import Blot
from workflow.store.records import FORGOTTEN, JOINED
from workflow.store.sql import Among, listed
from workflow.store.tables import (
    customers,
    disclosures,
    history,
    idempotency,
    incidents,
    outbox,
    proposals,
    tickets,
)

FIELD = "fields."
_TEXTS: Mapping[Table, Sequence[str]] = {
    disclosures: ("reason",),
    incidents: ("reason",),
    outbox: ("reason", "last_error"),
}
_JSON: Mapping[Table, Sequence[str]] = {
    outbox: ("data",), proposals: ("proposed", "sources", "voices", "faults", "corrected"),
}  # fmt: skip
_CHAINED: Mapping[Table, Sequence[str]] = {tickets: ("external_id", "tags", "channel"), history: ("data",)}


def held_in(connection: Connection, ticket_id: int, fields: Iterable[str]) -> dict[str, list[Any]]:
    """Return what a ticket's history holds of these fields in its private parts, under each name."""
    wanted = {prefix + name: name for name in fields for prefix in (FIELD, LOST)}
    found: dict[str, list[Any]] = {}
    for private in connection.execute(select(history.c.private).where(history.c.ticket_id == ticket_id)).scalars():
        for name, item in json.loads(private or "{}").items():
            if name in wanted and item["value"] is not None:
                found.setdefault(wanted[name], []).append(item["value"])
    return found


def tickets_of(connection: Connection, customer_id: int) -> list[int]:
    """Return the ids of a customer's tickets."""
    return list(connection.execute(select(tickets.c.id).where(tickets.c.customer_id == customer_id)).scalars())


def scrub(connection: Connection, ids: Sequence[int], blot: Blot) -> None:
    """Take data out of all that is kept of these tickets beside their own rows."""
    for table, columns in _TEXTS.items():
        _change(connection, table, ids, columns, blot.text)
    for table, columns in _JSON.items():
        _change(connection, table, ids, columns, lambda text: canonical(blot.value(json.loads(text))))
    _change(connection, history, ids, ("private",), lambda text: _private(text, blot))


def forget(connection: Connection, ticket_id: int, fields: Iterable[str], entries: Iterable[int]) -> None:
    """Take fields out of a ticket's history, and what people wrote in some entries, each with its salt."""
    gone = {prefix + name for name in fields for prefix in (FIELD, LOST)}
    texts = set(entries)
    query = select(history.c.seq, history.c.private).where(
        history.c.ticket_id == ticket_id, history.c.private.is_not(None)
    )
    for seq, private in connection.execute(query).all():
        known = json.loads(private)
        kept = {
            name: item
            for name, item in known.items()
            if name not in gone and (seq not in texts or name.startswith((FIELD, LOST)))
        }
        if kept != known:
            same = (history.c.ticket_id == ticket_id) & (history.c.seq == seq)
            connection.execute(update(history).where(same).values(private=canonical(kept) if kept else None))


def forget_results(
    connection: Connection, blot: Blot, *, ticket_id: int, customer_id: int | None, fields: Sequence[str],
    customer: Sequence[str],
) -> None:  # fmt: skip
    """Take data out of the results kept for idempotency keys; the marks of arguments go, for they could be guessed."""
    mark = f'"customer_id":{customer_id},' if customer else f'"id":{ticket_id},'
    query = select(idempotency.c.verb, idempotency.c.key, idempotency.c.result)
    for row in connection.execute(query.where(idempotency.c.result.contains(mark, autoescape=True))).all():
        result = json.loads(row.result)
        for column, names in (("fields", fields if result["id"] == ticket_id else ()), ("customer_fields", customer)):
            if result.get(column):
                result[column] = canonical(blot.fields(json.loads(result[column]), names))
        same = (idempotency.c.verb == row.verb) & (idempotency.c.key == row.key)
        text = canonical(
            {name: blot.value(value) if isinstance(value, str) else value for name, value in result.items()}
        )
        connection.execute(update(idempotency).where(same).values(result=text, arguments=FORGOTTEN))


def left(connection: Connection, ids: Sequence[int], customer_id: int | None, blot: Blot) -> Iterator[str]:
    """Yield the places where the data still stand, which the chain or a unique name keeps from being changed."""
    for table, columns in _CHAINED.items():
        for row in _rows(connection, table, ids, columns):
            for column in columns:
                if blot.stands_in(row[column]):
                    yield f"{table.name}.{column} ({', '.join(str(row[key.name]) for key in table.primary_key)})"
    joined = (idempotency.c.verb == JOINED) & idempotency.c.result.in_([str(ticket_id) for ticket_id in ids])
    forgotten = (idempotency.c.verb != JOINED) & (idempotency.c.arguments == FORGOTTEN)
    keys = connection.execute(select(idempotency.c.key).where(joined | forgotten)).scalars()
    yield from (f"{idempotency.name}.key" for key in keys if blot.stands_in(key))
    tags = select(customers.c.tags).where(customers.c.id == customer_id)
    if blot.stands_in(connection.execute(tags).scalar() or ""):
        yield f"{customers.name}.tags ({customer_id})"


def _private(text: str, blot: Blot) -> str | None:
    """Return a private part without the values that have the data in them."""
    kept = {name: item for name, item in json.loads(text).items() if not blot.stands_in(item["value"])}
    return canonical(kept) if kept else None


def _change(
    connection: Connection,
    table: Table,
    ids: Sequence[int],
    columns: Sequence[str],
    change: Callable[[str], str | None],
) -> None:
    for row in _rows(connection, table, ids, columns):
        new = {name: changed for name in columns if row[name] and (changed := change(row[name])) != row[name]}
        if new:
            same = and_(*(key == row[key.name] for key in table.primary_key))
            connection.execute(update(table).where(same).values(**new))


def _rows(connection: Connection, table: Table, ids: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    owner = table.c["ticket_id" if "ticket_id" in table.c else "id"]
    keys = [key.name for key in table.primary_key]
    query = select(*(table.c[name] for name in dict.fromkeys((*keys, *columns)))).where(Among(owner))
    return [dict(row._mapping) for row in connection.execute(query, {"ids": listed(connection, ids)})]
