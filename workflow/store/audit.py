"""Histories as they lie in the database, for those who prove them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, select, type_coerce
from sqlalchemy.types import NullType

from workflow.core.audit import Head, Standing, Written
from workflow.store.rows import entry_of
from workflow.store.tables import history, tickets

# as they are stored: a damaged instant is for the one entry to fail by, not for the whole page
_ENTRY = [type_coerce(column, NullType()).label(column.name) for column in history.c if column.name != "recorded_at"]
_STANDING = (
    tickets.c.state,
    tickets.c.stage,
    tickets.c.entry,
    tickets.c.type,
    tickets.c.version,
    tickets.c.seq,
    tickets.c.head,
)


def heads(connection: Connection) -> dict[int, Head]:
    """Return of every ticket how many entries its history has, and the hash of the last, as its row says."""
    query = select(tickets.c.id, tickets.c.seq, tickets.c.head).order_by(tickets.c.id)
    return {row.id: (row.seq, row.head) for row in connection.execute(query)}


def strays(connection: Connection) -> list[int]:
    """Return the ids under which there is history, but no ticket."""
    known = select(tickets.c.id).where(tickets.c.id == history.c.ticket_id)
    found = connection.execute(select(history.c.ticket_id).where(~known.exists()).distinct()).scalars()
    return sorted(each for each in found if isinstance(each, int))  # SQLite holds whatever somebody wrote there


def written(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Standing, list[Written]]]:
    """Return tickets with their histories, by one statement, so that nobody's writing comes between the two."""
    columns = (tickets.c.id.label("of"), *(column.label(f"row_{column.name}") for column in _STANDING))
    query = (
        select(*columns, *_ENTRY)
        .join_from(tickets, history, history.c.ticket_id == tickets.c.id, isouter=True)
        .where(tickets.c.id.in_(ids))
        .order_by(tickets.c.id, history.c.seq)
    )
    standings: dict[int, Standing] = {}
    found: defaultdict[int, list[Written]] = defaultdict(list)
    for row in connection.execute(query):
        standings[row.of] = Standing(*row[1 : 1 + len(_STANDING)])
        if row.ticket_id is not None:
            found[row.of].append(
                Written(
                    row.seq, row.kind, row.actor, row.hash, row.data, row.digests, row.private, partial(entry_of, row)
                )
            )
    return {ticket_id: (standing, found[ticket_id]) for ticket_id, standing in standings.items()}
