"""Who was shown whose personal data, when and why: rows that are only ever added."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from workflow.core.chain import canonical
from workflow.store.sql import Writer, instants
from workflow.store.tables import disclosures


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One look at the personal data of a ticket: by whom, `how` (the command, or what a host calls it), and why.

    `fields` are those that the ticket had; the customer's are `customer.NAME`.
    """

    id: int
    ticket_id: int
    happened_at: datetime
    actor: str
    how: str
    fields: tuple[str, ...]
    reason: str | None


_COLUMNS = tuple(disclosures.c[name] for name in Disclosure.__slots__)
_ADD = Writer(disclosures, "INSERT", Disclosure.__slots__[1:])


def add(
    connection: Connection,
    shown: Iterable[tuple[int, Iterable[str]]],
    *,
    actor: str,
    how: str,
    reason: str | None,
    at: datetime,
) -> None:
    """Write down that fields of these tickets are shown."""
    when = instants(connection)[at]
    _ADD.run_many(
        connection, [(ticket_id, when, actor, how, canonical(list(names)), reason) for ticket_id, names in shown]
    )


def rows(connection: Connection, *, ticket_id: int | None, limit: int, after: int | None) -> tuple[Disclosure, ...]:
    """Return the rows in the order they were written, those of one ticket if it is named."""
    query = select(*_COLUMNS).order_by(disclosures.c.id).limit(limit)
    if ticket_id is not None:
        query = query.where(disclosures.c.ticket_id == ticket_id)
    if after is not None:
        query = query.where(disclosures.c.id > after)
    return tuple(
        Disclosure(**{**row._mapping, "fields": tuple(json.loads(row.fields))}) for row in connection.execute(query)
    )
