"""What a row stands for: tickets, timers and history entries, made of bare tuples and made into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

from sqlalchemy import select

from workflow.core import chain
from workflow.core.model import Customer, HistoryEntry, Identity, Joined, SlaClock, Ticket, Timer, replace
from workflow.core.text import search_text
from workflow.core.values import decoded, encoded
from workflow.definition.model import FieldSpec
from workflow.store import timekeeping
from workflow.store.moments import TEXTS, instant
from workflow.store.sql import Row, from_json
from workflow.store.tables import customers, tickets, timers

SpecsOf: TypeAlias = Callable[[str, int], Mapping[str, FieldSpec]]
Timers: TypeAlias = tuple[Timer, ...]
_STORE_ONLY = ("search", "next_timer_at", "counted")  # what no ticket says of itself
COLUMNS = tuple(column.name for column in tickets.c if column.name != "counted")  # what a unit writes of a ticket
_OWN = tuple(column for column in tickets.c if column.name not in _STORE_ONLY)
BASE = select(*_OWN, customers.c.fields.label("customer_fields"), customers.c.tags.label("customer_tags")).select_from(
    tickets.outerjoin(customers, customers.c.id == tickets.c.customer_id)
)
TIMER = (timers.c.kind, timers.c.name, timers.c.cycle, timers.c.occurrence, timers.c.due_at, timers.c.position)
_NAMES = (*(column.name for column in _OWN), "customer_fields", "customer_tags")
_INSTANTS = frozenset({"opened_at", "entered_at", "updated_at", "last_fired_due", "next_due_at", "missed_at"})
_LATER = (  # what may change after the opening, `fields` and `tags` last: with them changes `search`
    "type", "version", "state", "stage", "entry", "entered_at", "updated_at", "priority", "team", "assignee", "acted",
    "walks", "seq",
    "last_fired", "last_fired_due", "next_due_at", "missed_at", "ladder", "ladders", "promise", "promises", "identity",
    "ticket_version", "desk_revision", "head", "fields", "tags",
)  # fmt: skip
_NUMBERS = ("version", "entry", "seq", "ladders", "promises", "ticket_version", "desk_revision")
_numbers_of = itemgetter(*_NUMBERS)
_later = attrgetter(*_LATER)
_THAWED: dict[str, Any] = {  # what a result that was kept by an earlier release does not say
    "customer_fields": None, "customer_tags": None, "clocks": [], "missed_at": None, "ladder": None, "ladders": 0,
    "promise": None, "promises": 0, "identity": None,
}  # fmt: skip


@dataclass(frozen=True)
class Shapes:
    """What the stored JSON of fields means: the ticket types' fields by (type, version), and the customer's."""

    fields_of: SpecsOf
    customer: Mapping[str, FieldSpec]


def ticket_of(row: Sequence[Any], shapes: Shapes, clocks: tuple[SlaClock, ...]) -> Ticket:
    """Return the ticket that a row of `BASE` holds, without its constructor: see `core.model.replace`."""
    values: dict[str, Any] = dict(zip(_NAMES, row))  # noqa: B905 - a search asks for one more
    for name in _INSTANTS:
        if values[name] is not None:
            values[name] = instant(values[name])
    customer, known, marks = values.pop("customer_id"), values.pop("customer_fields"), values.pop("customer_tags")
    values["customer"] = (
        None if customer is None else Customer(customer, _fields(shapes.customer, known), tuple(from_json(marks)))
    )
    values["fields"] = _fields(shapes.fields_of(values["type"], values["version"]), values["fields"])
    values["tags"] = tuple(from_json(values["tags"]))
    values["acted"] = {state: tuple(names) for state, names in from_json(values["acted"]).items()}
    values["walks"] = from_json(values["walks"])
    values["ladder"] = timekeeping.ladder_of(values["ladder"])
    values["promise"] = timekeeping.promise_of(values["promise"])
    values["identity"] = _identity_of(values["identity"])
    if {*map(type, _numbers_of(values))} != {int}:
        raise TypeError(f"a whole number is none: {dict(zip(_NUMBERS, _numbers_of(values), strict=True))}")
    ticket = object.__new__(Ticket)
    ticket.__dict__.update(values, clocks=clocks, replayed=False, joined=None, remarks=())
    return ticket


def _fields(specs: Mapping[str, FieldSpec], stored: str) -> dict[str, Any]:
    return {} if stored == "{}" else decoded(specs, from_json(stored))


def timer_of(row: Row) -> Timer:
    """Return the timer that a row of `TIMER` holds."""
    kind, name, cycle, occurrence, due_at, position = row
    if (type(kind), type(name), type(cycle), type(occurrence), type(position)) != (str, str, int, int, int):
        raise TypeError(f"{kind!r}, {name!r}, {cycle!r}, {occurrence!r}, {position!r} is no timer")
    return Timer(kind, name, cycle, occurrence, instant(due_at), position)


def changed(before: Ticket, after: Ticket) -> tuple[str, ...]:
    """Return the columns in which two states of a ticket differ."""
    pairs = zip(_LATER, _later(before), _later(after), strict=True)
    return tuple([name for name, old, new in pairs if old is not new and old != new])


def ticket_row(
    ticket: Ticket, names: Sequence[str], moments: Mapping[Any, Any], next_timer_at: datetime | None = None
) -> list[Any]:
    """Return columns of a ticket's row, instants as `moments` gives them."""
    values, row = ticket.__dict__, list[Any]()
    for name in names:
        if name in _ENCODED:
            row.append(_ENCODED[name](values[name]))
        elif name in _INSTANTS:
            row.append(moments[values[name]])
        elif name in values:
            row.append(values[name])
        elif name == "next_timer_at":
            row.append(moments[next_timer_at])
        elif name == "customer_id":
            row.append(ticket.customer.id if ticket.customer else None)
        else:
            row.append(search_text((*ticket.fields.values(), *ticket.tags, ticket.external_id)))
    return row


def _object(values: Mapping[str, Any]) -> str:
    return chain.canonical(dict(values)) if values else "{}"


def _identity_text(identity: Identity | None) -> str | None:
    return None if identity is None else chain.canonical(identity._asdict() | {"at": TEXTS[identity.at]})


def _identity_of(column: str | None) -> Identity | None:
    if column is None:
        return None
    values = from_json(column)
    return Identity(**values | {"facts": tuple(values["facts"]), "at": instant(values["at"])})


_ENCODED: dict[str, Callable[[Any], str | None]] = {
    "fields": lambda values: _object(encoded(values)),
    "tags": chain.canonical,
    "acted": _object,
    "walks": _object,
    "ladder": timekeeping.ladder_text,
    "promise": timekeeping.promise_text,
    "identity": _identity_text,
}


def freeze(ticket: Ticket) -> str:
    """Return a ticket as JSON text, for `thaw`."""
    names = [column.name for column in _OWN]
    values = dict(zip(names, ticket_row(ticket, names, TEXTS), strict=True))
    if ticket.customer:
        values["customer_fields"] = chain.canonical(encoded(ticket.customer.fields))
        values["customer_tags"] = chain.canonical(list(ticket.customer.tags))
    values |= {"joined": ticket.joined} if ticket.joined else {}
    values["clocks"] = [timekeeping.freeze_clock(ticket.id, clock) for clock in ticket.clocks]
    return chain.canonical(values)


def thaw(frozen: str, shapes: Shapes) -> Ticket:
    """Return the ticket that `freeze` was given."""
    row = _THAWED | from_json(frozen)
    ticket = ticket_of([row[name] for name in _NAMES], shapes, tuple(map(timekeeping.thaw_clock, row["clocks"])))
    if joined := row.get("joined"):
        ticket = replace(ticket, joined=Joined(tuple(joined[0]), joined[1]))
    return ticket


def timer_text(key: tuple[str, str, int, int]) -> str:
    """Return a timer's key as it is stored: `kind:name:cycle:occurrence`."""
    kind, name, cycle, occurrence = key
    return f"{kind}:{name}:{cycle}:{occurrence}"


def entry_row(ticket_id: int, head: str, entry: HistoryEntry, at: Any, salt: Callable[[], bytes], happened: Any) -> Row:
    """Return the row of a history entry that follows the one whose hash is `head`; its last column is its own hash."""
    data = _object(entry.data)
    private, digests = chain.sealed(entry.private, salt) if entry.private else (None, None)
    return (
        ticket_id, entry.seq, entry.kind, happened, at, entry.actor, entry.state, entry.entry, entry.type,
        entry.version, entry.trigger, entry.source, entry.dest, timer_text(entry.timer) if entry.timer else None,
        data, private, digests, entry.desk_revision, chain.link(head, ticket_id, entry, data, digests or "{}"),
    )  # fmt: skip


def entry_of(row: Any) -> HistoryEntry:
    """Return the history entry that a row holds."""
    private = from_json(row.private) if row.private else {}
    kind, name, cycle, occurrence = row.timer.split(":") if row.timer else ("", "", 0, 0)
    return HistoryEntry(
        seq=row.seq, kind=row.kind, happened_at=instant(row.happened_at), actor=row.actor, state=row.state,
        entry=row.entry, type=row.type, version=row.version, trigger=row.trigger, source=row.source, dest=row.dest,
        timer=(kind, name, int(cycle), int(occurrence)) if row.timer else None,
        data=from_json(row.data), private={name: item["value"] for name, item in private.items()},
        desk_revision=row.desk_revision, hash=row.hash,
    )  # fmt: skip
