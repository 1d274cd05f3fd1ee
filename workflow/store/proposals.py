"""How tickets were sorted, kept beside them: what was proposed and by whom, and what a person changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from workflow.core.chain import canonical
from workflow.core.classify import Fault, Proposal, Voice
from workflow.core.model import Customer, Value
from workflow.definition.desk import CustomerSpec
from workflow.store import customers
from workflow.store.sql import Prepared
from workflow.store.tables import proposals, tickets

_KEEP = Prepared(insert(proposals))
_OF = Prepared(select(proposals).where(proposals.c.ticket_id == bindparam("id")))
_CORRECT = Prepared(update(proposals).where(proposals.c.ticket_id == bindparam("id")), ["corrected"])
_OPEN = Prepared(
    select(tickets.c.type, tickets.c.tags)
    .where(tickets.c.customer_id == bindparam("customer"), tickets.c.stage != "archive")
    .order_by(tickets.c.id)
)


def keep(connection: Connection, sorted_: Iterable[tuple[int, Proposal | None]]) -> None:
    """Write down how tickets were sorted. An answer of a machine stands in the ticket, not here."""
    rows = [
        {
            "ticket_id": ticket_id,
            "proposed": canonical(dict(proposal.proposed)),
            "sources": canonical(dict(proposal.by)),
            "voices": canonical([[voice.by, _plain(voice.says), list(voice.words)] for voice in proposal.voices]),
            "faults": canonical([[fault.by, fault.reason] for fault in proposal.faults]),
            "corrected": "{}",
        }
        for ticket_id, proposal in sorted_
        if proposal is not None
    ]  # fmt: skip
    _KEEP.run_many(connection, rows)


def of(connection: Connection, ticket_id: int) -> Proposal | None:
    """Return how a ticket was sorted, or None if nothing was proposed for it."""
    row = _OF.run(connection, {"id": ticket_id}).first()
    return None if row is None else _proposal(row)


def correct(connection: Connection, ticket_id: int, known: Proposal, changes: Mapping[str, Any], actor: str) -> None:
    """Write down beside a proposal what a person changed; None where they came back to it."""
    corrected = {name: value for name, value in known.corrected.items() if name not in changes}
    corrected |= {name: {"to": value, "by": actor} for name, value in changes.items() if value is not None}
    if corrected != known.corrected:
        _CORRECT.run(connection, {"id": ticket_id, "corrected": canonical(corrected)})


def every(connection: Connection) -> Iterator[tuple[str, str, Proposal]]:
    """Yield the type and the stage of every ticket that was sorted, and how it was."""
    query = select(tickets.c.type, tickets.c.stage, proposals).join_from(proposals, tickets)
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield row.type, row.stage, _proposal(row)


def situation(
    connection: Connection, spec: CustomerSpec, given: Mapping[str, Value]
) -> tuple[Customer | None, list[tuple[str, tuple[str, ...]]]]:
    """Return the customer whom the desk knows by these facts, and the type and tags of each of their open tickets."""
    known = customers.known_customer(connection, spec, given)
    if known is None:
        return None, []
    rows = _OPEN.run(connection, {"customer": known.id})
    return known, [(row.type, tuple(json.loads(row.tags))) for row in rows]


def _plain(says: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in says.items() if name != "answer"}


def _proposal(row: Row[Any] | Any) -> Proposal:
    proposed, by, voices, faults, corrected = map(
        json.loads, (row.proposed, row.sources, row.voices, row.faults, row.corrected)
    )
    return Proposal(
        {name: tuple(value) if name == "tags" else value for name, value in proposed.items()},
        by,
        tuple(Voice(who, says, tuple(words)) for who, says, words in voices),
        tuple(Fault(who, reason) for who, reason in faults),
        corrected=corrected,
    )
