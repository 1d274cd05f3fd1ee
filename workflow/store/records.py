"""The smaller books: customers, idempotency keys, the outbox, runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from workflow.core.chain import canonical
from workflow.core.model import Customer, Value
from workflow.core.values import decode, encode
from workflow.definition.model import CustomerSpec
from workflow.errors import Conflict
from workflow.store.engine import alone
from workflow.store.sql import Prepared, insert_into
from workflow.store.tables import customer_keys, customers, idempotency, outbox, runs

_KNOWN = Prepared(select(customer_keys.c.customer_id).where(customer_keys.c.key == bindparam("key")))
_NEW_CUSTOMER = Prepared(insert(customers).returning(customers.c.id), ["fields", "tags", "created_at"])


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that waits, was sent, or failed."""

    id: int
    ticket_id: int
    to: str
    kind: str
    reason: str
    state: str
    created_at: datetime
    attempts: int
    data: Mapping[str, Any]


def _insert_new(connection: Connection, table: Table) -> Any:
    """INSERT … ON CONFLICT DO NOTHING: an error would abort a host's transaction on PostgreSQL."""
    return insert_into(connection, table).on_conflict_do_nothing()


def customer(connection: Connection, spec: CustomerSpec, given: Mapping[str, Value], at: datetime) -> Customer | None:
    """Return the customer that these facts belong to: the known one, with the new facts added, or a new one."""
    if not given:
        return None
    key = next((names for names in spec.same_by if all(name in given for name in names)), None)
    text = canonical([[name, encode(given[name])] for name in key]) if key else None
    fields = {name: encode(value) for name, value in given.items()}
    if text is not None and (known := _known(connection, text)) is not None:
        stored = select(customers.c.fields, customers.c.tags).where(customers.c.id == known).with_for_update()
        row = connection.execute(stored).one()
        old = json.loads(row.fields)
        merged = old | fields
        if merged != old:
            connection.execute(update(customers).where(customers.c.id == known).values(fields=canonical(merged)))
        decoded = {name: decode(spec.fields[name].type, item) for name, item in merged.items() if name in spec.fields}
        return Customer(known, decoded, tuple(json.loads(row.tags)))
    new = {"fields": canonical(fields), "tags": "[]", "created_at": at}
    made: int = _NEW_CUSTOMER.run(connection, new).scalar_one()
    if text is not None:
        connection.execute(_insert_new(connection, customer_keys).values(key=text, customer_id=made))
        owner = _known(connection, text)
        if owner is not None and owner != made:
            connection.execute(delete(customers).where(customers.c.id == made))
            return customer(connection, spec, given, at)
    return Customer(made, dict(given))


def _known(connection: Connection, key: str) -> int | None:
    return _KNOWN.run(connection, {"key": key}).scalar()


def fingerprint(arguments: Mapping[str, Any]) -> str:
    """Return the hash under which the arguments of a call are kept with its idempotency key.

    What was not given is left out, so that an argument added later changes no hash of an older call.
    """
    return hashlib.sha256(json.dumps(_given(arguments), sort_keys=True, default=str).encode()).hexdigest()


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: _given(value) if isinstance(value, Mapping) else value for name, value in arguments.items()}
    return {name: value for name, value in plain.items() if value not in (None, (), [], {})}


def replay(connection: Connection, verb: str, key: str, arguments: str) -> str | None:
    """Return the result of the call that used this idempotency key before, or None; wait for one that uses it now.

    Raise Conflict if that call had other arguments.
    """
    alone(connection, f"{verb} {key}")
    same = (idempotency.c.verb == verb) & (idempotency.c.key == key)
    found = connection.execute(select(idempotency.c.arguments, idempotency.c.result).where(same)).first()
    if found is None:
        return None
    if found.arguments != arguments:
        raise Conflict(
            "the key {key} was used for another {verb}", "use a new key for a new call", key=key, verb=verb, field="key"
        )
    return str(found.result)


def remember(connection: Connection, verb: str, key: str, arguments: str, result: str, at: datetime) -> None:
    """Keep a call's result under its idempotency key, which `replay` found unused."""
    row = {"verb": verb, "key": key, "arguments": arguments, "result": result, "created_at": at}
    connection.execute(insert(idempotency).values(**row))


def outbox_rows(connection: Connection, limit: int, after: int | None) -> list[OutboxRow]:
    """Return messages in the order they were written."""
    query = select(outbox).order_by(outbox.c.id).limit(limit)
    if after is not None:
        query = query.where(outbox.c.id > after)
    return [
        OutboxRow(
            row.id, row.ticket_id, row.addressee, row.kind, row.reason, row.state, row.created_at, row.attempts,
            json.loads(row.data),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def write_run(connection: Connection, values: Mapping[str, Any]) -> None:
    """Keep a run that did something as a row of its own; an empty one only updates the last row."""
    if any(values[name] for name in ("tickets", "lost")):
        connection.execute(insert(runs).values(**values, empty=0))
        return
    last = connection.execute(select(runs.c.id, runs.c.empty).order_by(runs.c.id.desc()).limit(1)).first()
    if last is None:
        connection.execute(insert(runs).values(**values, empty=1))
    else:
        ended = {"ended_at": values["ended_at"], "as_of": values["as_of"], "empty": last.empty + 1}
        connection.execute(update(runs).where(runs.c.id == last.id).values(**ended))
