"""Customers, and what each is known by: found and remembered for many contacts at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, delete, select, text

from workflow.core.chain import canonical
from workflow.core.model import Customer, Value
from workflow.core.opening import tag_words
from workflow.core.redaction import Blot
from workflow.core.text import search_text, searchable
from workflow.core.values import decoded, encode, encoded
from workflow.definition.desk import CustomerSpec
from workflow.errors import NotFound
from workflow.store.sql import Among, Prepared, Row, Writer, allocate, from_json, instants, listed
from workflow.store.tables import customer_keys, customers

Names: TypeAlias = tuple[str, ...]
LONGEST_KEY = 500  # in characters; an index row of PostgreSQL holds some 2,700 bytes
_NUMBER, _BETWEEN_DIGITS = re.compile(r"\+?[0-9][0-9 .()-]*"), re.compile(r"[ .()-]")
_SAID = ("fields", "tags", "search")
_KNOWN = Prepared(select(customer_keys.c.key, customer_keys.c.customer_id).where(Among(customer_keys.c.key)))
_NEW_KEY = Prepared(  # an error would abort a host's transaction on PostgreSQL
    text(f"INSERT INTO {customer_keys.name} (key, customer_id) VALUES (:key, :customer_id) ON CONFLICT DO NOTHING")  # noqa: S608 - constant
)
_GIVEN = select(customers.c.id, customers.c.fields, customers.c.tags).order_by(customers.c.id)
_ONE = Prepared(_GIVEN.where(customers.c.id == bindparam("id")))
_LOCK = Prepared(_GIVEN.where(Among(customers.c.id)).with_for_update())
_NEW = Writer(customers, "INSERT", ("id", *_SAID, "created_at"))
_CHANGE = Writer(customers, "UPDATE", _SAID, ("id",))
_FORGET = (
    Prepared(delete(customer_keys).where(Among(customer_keys.c.customer_id))),
    Prepared(delete(customers).where(Among(customers.c.id))),
)


class Callers:
    """Whom the facts of some contacts belong to: known customers, locked, and new ones as they are met.

    Of the lines of `same_by` whose fields are all given, the first that is known decides; all of them are remembered.
    Nothing is written before `keep`.
    """

    def __init__(self, connection: Connection, spec: CustomerSpec, told: Sequence[Mapping[str, Value]]) -> None:
        self._connection, self._spec = connection, spec
        keys = [_keys(spec, given) for given in told]
        self._before = _owners(connection, keys)
        self._stored = _locked(connection, spec, set(self._before.values()))
        self._ids = iter(allocate(connection, customers, _strangers(told, keys, self._before)))
        self._owners, self._now = dict(self._before), dict(self._stored)
        self._made: dict[int, datetime] = {}

    @property
    def known(self) -> list[int]:
        """The customers whom the desk knew before."""
        return list(self._stored)

    def find(self, given: Mapping[str, Value]) -> tuple[Customer, Names] | None:
        """Return the customer known by these facts, and by which of them."""
        for names, key in _lines(self._spec, given):
            if key in self._owners:
                return self._now[self._owners[key]], names
        return None

    def meet(self, given: Mapping[str, Value], at: datetime) -> Customer | None:
        """Return whom these facts belong to with the new ones added, or a new customer; None for no facts."""
        if not given:
            return None
        found = self.find(given)
        if found is None:
            old = Customer(next(self._ids))
            self._made[old.id] = at
        else:
            old = found[0]
        for _, key in _lines(self._spec, given):
            self._owners.setdefault(key, old.id)
        met = self._now[old.id] = Customer(old.id, {**old.fields, **given}, old.tags)
        return met

    def keep(self) -> bool:
        """Write what is new; if another transaction was first with a customer, write none of them and return False."""
        connection, now = self._connection, self._now
        moments = instants(connection)
        _NEW.run_many(connection, [(who, *_row(now[who]), moments[at]) for who, at in self._made.items()])
        _CHANGE.run_many(connection, [(*_row(now[who]), who) for who, old in self._stored.items() if now[who] != old])
        fresh = {key: who for key, who in self._owners.items() if key not in self._before}
        rows = [{"key": key, "customer_id": who} for key, who in fresh.items()]
        if _NEW_KEY.run_many(connection, rows) == len(rows):
            return True
        theirs = _owners(connection, [list(fresh)])
        if all(theirs[key] == who for key, who in fresh.items() if who in self._made):
            return True
        for forget in _FORGET:
            forget.run(connection, {"ids": listed(connection, list(self._made))})
        return False


def known_customer(connection: Connection, spec: CustomerSpec, given: Mapping[str, Value]) -> Customer | None:
    """Return the customer whom the desk knows by these facts already."""
    keys = _keys(spec, given)
    owners = _owners(connection, [keys])
    known = next((owners[key] for key in keys if key in owners), None)
    return None if known is None else get_customer(connection, spec, known)


def _lines(spec: CustomerSpec, given: Mapping[str, Value]) -> list[tuple[Names, str]]:
    """Return the lines of `same_by` whose fields are all given, each with its key."""
    lines = [names for names in spec.same_by if all(name in given for name in names)]
    return [(names, _key({name: given[name] for name in names})) for names in lines]


def _keys(spec: CustomerSpec, given: Mapping[str, Value]) -> list[str]:
    return [key for _, key in _lines(spec, given)]


def _key(facts: Mapping[str, Value]) -> str:
    key = canonical([[name, _folded(str(encode(value)))] for name, value in facts.items()])
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


def _folded(value: str) -> str:
    """Return a fact as it is compared: width, case and the space around it do not count, nor what parts a number."""
    text = searchable(value).strip()
    return _BETWEEN_DIGITS.sub("", text) if _NUMBER.fullmatch(text) else text


def _owners(connection: Connection, keys: Sequence[Sequence[str]]) -> dict[str, int]:
    wanted = {key: None for own in keys for key in own}
    return dict(_KNOWN.fetch(connection, {"ids": listed(connection, list(wanted))})) if wanted else {}


def _locked(connection: Connection, spec: CustomerSpec, ids: set[int]) -> dict[int, Customer]:
    rows = _LOCK.fetch(connection, {"ids": listed(connection, list(ids))}) if ids else ()
    return {row[0]: _customer(spec, row) for row in rows}


def _strangers(told: Sequence[Mapping[str, Value]], keys: Sequence[Sequence[str]], owners: Mapping[str, int]) -> int:
    """Return how many new customers there can be at most."""
    unknown = [tuple(own) for given, own in zip(told, keys, strict=True) if given and owners.keys().isdisjoint(own)]
    return unknown.count(()) + len({own for own in unknown if own})


def change_customer(
    connection: Connection,
    spec: CustomerSpec,
    customer_id: int,
    *,
    add: frozenset[str] = frozenset(),
    remove: frozenset[str] = frozenset(),
) -> Customer:
    """Return a customer with these tags added and taken away; raise NotFound."""
    old = _locked(connection, spec, {customer_id} if customer_id < 2**63 else set()).get(customer_id)
    if old is None:
        raise _missing(customer_id)
    new = Customer(customer_id, old.fields, tag_words({*old.tags, *add} - remove, grow=bool(add)))
    if new != old:
        _CHANGE.run_many(connection, [(*_row(new), customer_id)])
    return new


def known_by(connection: Connection, spec: CustomerSpec, customer_id: int, names: Collection[str]) -> list[str]:
    """Return what a customer's fields of these names hold, and what they held when the customer was known by them.

    The customer is locked until the transaction ends. Raise NotFound.
    """
    known = _locked(connection, spec, {customer_id}).get(customer_id)
    if known is None:
        raise _missing(customer_id)
    found = [str(encode(value)) for name, value in known.fields.items() if name in names]
    return found + [text for key in _keys_of(connection, customer_id) for name, text in _read(key) if name in names]


def redact(connection: Connection, spec: CustomerSpec, customer_id: int, names: Collection[str], blot: Blot) -> None:
    """Take fields out of what is known of a customer, who is locked; they are no more known by them."""
    known = _locked(connection, spec, {customer_id})[customer_id]
    new = Customer(customer_id, blot.fields(known.fields, names), known.tags)
    _CHANGE.run_many(connection, [(*_row(new), customer_id)])
    for key in _keys_of(connection, customer_id):
        told = _read(key)
        if not told or blot.stands_in(key) or not {name for name, _ in told}.isdisjoint(names):
            connection.execute(delete(customer_keys).where(customer_keys.c.key == key))


def _keys_of(connection: Connection, customer_id: int) -> list[str]:
    query = select(customer_keys.c.key).where(customer_keys.c.customer_id == customer_id)
    return list(connection.execute(query).scalars())


def _read(key: str) -> list[tuple[str, str]]:
    """Return the facts that a key holds; none where it is only their hash, which could be guessed."""
    return [(name, text) for name, text in from_json(key)] if key.startswith("[") else []


def get_customer(connection: Connection, spec: CustomerSpec, customer_id: int) -> Customer:
    """Return a customer; raise NotFound."""
    for row in _ONE.fetch(connection, {"id": customer_id}) if customer_id < 2**63 else ():
        return _customer(spec, row)
    raise _missing(customer_id)


def _missing(customer_id: int) -> NotFound:
    return NotFound("there is no customer {customer}", "find one by a ticket of theirs", customer=customer_id)


def _customer(spec: CustomerSpec, row: Row) -> Customer:
    return Customer(row[0], decoded(spec.fields, from_json(row[1])), tuple(from_json(row[2])))


def _row(known: Customer) -> tuple[str, str, str]:
    """Return a customer's fields, tags and what searches look through."""
    return canonical(encoded(known.fields)), canonical(known.tags), search_text(known.fields.values())
