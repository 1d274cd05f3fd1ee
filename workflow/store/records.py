"""The smaller books: customers, idempotency keys, runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update

from workflow.core.chain import SALT_BYTES, canonical
from workflow.core.model import NOTHING, Customer, Value
from workflow.core.text import search_text, searchable
from workflow.core.values import decoded, encode, encoded
from workflow.definition.model import CustomerSpec
from workflow.errors import Conflict, NotFound
from workflow.store.engine import alone
from workflow.store.sql import Prepared
from workflow.store.tables import customer_keys, customers, idempotency

LONGEST_KEY = 500  # in characters; an index row of PostgreSQL holds some 2,700 bytes
_KNOWN = Prepared(select(customer_keys.c.customer_id).where(customer_keys.c.key == bindparam("key")))
_NEW_KEY = Prepared(  # an error would abort a host's transaction on PostgreSQL
    text(f"INSERT INTO {customer_keys.name} (key, customer_id) VALUES (:key, :customer_id) ON CONFLICT DO NOTHING")  # noqa: S608 - constant
)
_GIVEN = select(customers.c.fields, customers.c.tags).where(customers.c.id == bindparam("id"))
_CUSTOMER, _LOCK_CUSTOMER = Prepared(_GIVEN), Prepared(_GIVEN.with_for_update())
_NEW_CUSTOMER = Prepared(insert(customers).returning(customers.c.id), ["fields", "tags", "created_at", "search"])
_CHANGE_CUSTOMER = Prepared(update(customers).where(customers.c.id == bindparam("of_id")), ["fields", "tags", "search"])
_DROP_CUSTOMER = Prepared(delete(customers).where(customers.c.id == bindparam("id")))


def customer(connection: Connection, spec: CustomerSpec, given: Mapping[str, Value], at: datetime) -> Customer | None:
    """Return the customer that these facts belong to: the known one, with the new facts added, or a new one.

    Of the lines of `same_by` whose fields are all given, the first that is known decides; all of them are remembered.
    """
    if not given:
        return None
    keys = [
        _key({name: given[name] for name in names}) for names in spec.same_by if all(name in given for name in names)
    ]
    known = next((owner for key in keys if (owner := _KNOWN.run(connection, {"key": key}).scalar()) is not None), None)
    if known is None:
        new = _customer_row(Customer(0, given)) | {"created_at": at}
        made: int = _NEW_CUSTOMER.run(connection, new).scalar_one()
        if _remember_keys(connection, keys, made):
            return Customer(made, dict(given))
        _DROP_CUSTOMER.run(connection, {"id": made})  # another transaction was first
        return customer(connection, spec, given, at)
    for key in keys:
        _remember_keys(connection, [key], known)
    return change_customer(connection, spec, known, fields=given)


def _customer_row(known: Customer) -> dict[str, str]:
    return {
        "fields": canonical(encoded(known.fields)),
        "tags": canonical(list(known.tags)),
        "search": search_text(known.fields.values()),
    }


def _key(facts: Mapping[str, Value]) -> str:
    key = canonical([[name, searchable(str(encode(value))).strip()] for name, value in facts.items()])
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


def _remember_keys(connection: Connection, keys: list[str], owner: int) -> bool:
    """Remember what a customer is known by; return False if the first of it has just become another's."""
    for key in keys:
        _NEW_KEY.run(connection, {"key": key, "customer_id": owner})
        if key is keys[0] and _KNOWN.run(connection, {"key": key}).scalar() != owner:
            return False
    return True


def change_customer(
    connection: Connection,
    spec: CustomerSpec,
    customer_id: int,
    *,
    fields: Mapping[str, Value] = NOTHING,
    add: frozenset[str] = frozenset(),
    remove: frozenset[str] = frozenset(),
) -> Customer:
    """Return a customer with these facts and tags added and taken away; raise NotFound."""
    old = _read_customer(connection, _LOCK_CUSTOMER, spec, customer_id)
    new = Customer(customer_id, {**old.fields, **fields}, tuple(sorted({*old.tags, *add} - remove)))
    if new != old:
        _CHANGE_CUSTOMER.run(connection, _customer_row(new) | {"of_id": customer_id})
    return new


def get_customer(connection: Connection, spec: CustomerSpec, customer_id: int) -> Customer:
    """Return a customer; raise NotFound."""
    return _read_customer(connection, _CUSTOMER, spec, customer_id)


def _read_customer(connection: Connection, query: Prepared, spec: CustomerSpec, customer_id: int) -> Customer:
    row = query.run(connection, {"id": customer_id}).first() if customer_id < 2**63 else None
    if row is None:
        raise NotFound("there is no customer {customer}", "find one by a ticket of theirs", customer=customer_id)
    return Customer(customer_id, decoded(spec.fields, json.loads(row.fields)), tuple(json.loads(row.tags)))


def _mark(arguments: Mapping[str, Any], salt: str) -> str:
    """Return the salted hash under which the arguments of a call are kept with its idempotency key.

    What was not given is left out, so that an argument added later changes no hash of an older call.
    """
    text = json.dumps(_given(arguments), sort_keys=True, default=str)
    return f"{salt}:{hashlib.sha256(f'{salt}{text}'.encode()).hexdigest()}"


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        name: _given(value) if isinstance(value, Mapping) and name in ("event", "opening") else value
        for name, value in arguments.items()
    }
    return {name: value for name, value in plain.items() if value not in (None, (), [], {})}


def replay(connection: Connection, verb: str, key: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the result of the call that used this idempotency key before, or None; wait for one that uses it now.

    Raise Conflict if that call had other arguments.
    """
    alone(connection, f"{verb} {key}")
    same = (idempotency.c.verb == verb) & (idempotency.c.key == key)
    found = connection.execute(select(idempotency.c.arguments, idempotency.c.result).where(same)).first()
    if found is None:
        return None
    if found.arguments != _mark(arguments, found.arguments.partition(":")[0]):
        raise Conflict(
            "the key {key} was used for another {verb}", "use a new key for a new call", key=key, verb=verb, field="key"
        )
    return str(found.result)


def remember(
    connection: Connection, verb: str, key: str, arguments: Mapping[str, Any], result: str, at: datetime
) -> None:
    """Keep a call's result under its idempotency key, which `replay` found unused."""
    mark = _mark(arguments, os.urandom(SALT_BYTES).hex())
    row = {"verb": verb, "key": key, "arguments": mark, "result": result, "created_at": at}
    connection.execute(insert(idempotency).values(**row))
