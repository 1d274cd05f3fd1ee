"""Finding tickets: filters, substrings, and pages that neither skip nor repeat."""

from __future__ import annotations

import base64
import json
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    cast,
    collate,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from workflow.clock import as_utc
from workflow.core.model import Ticket
from workflow.core.text import searchable
from workflow.core.values import storable
from workflow.definition.model import PRIORITIES
from workflow.errors import TicketflowError, UsageError
from workflow.store.claims import held
from workflow.store.moments import Instant
from workflow.store.records import JOINED
from workflow.store.rows import Shapes
from workflow.store.tables import customers, idempotency, tickets
from workflow.store.tickets import unreadable

LONGEST = 1_000
IDS = select(tickets.c.id).select_from(tickets.outerjoin(customers, customers.c.id == tickets.c.customer_id))
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # and not the last instant, which has no name in zones east of Greenwich
_SAME = ("type", "state", "stage", "team", "assignee", "priority", "channel")
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Page:
    """Some tickets, and the cursor that gives the next ones (None at the end).

    `damaged` are the errors of those whose rows make no ticket.
    """

    tickets: tuple[Ticket, ...]
    next: str | None = None
    damaged: tuple[TicketflowError, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What tickets are asked for. Every filter that is given must hold."""

    text: str | None = None
    type: str | None = None
    state: str | None = None
    stage: str | None = None
    team: str | None = None
    assignee: str | None = None
    priority: str | None = None
    channel: str | None = None
    customer: str | int | None = None
    tag: str | None = None
    external_id: str | None = None
    overdue_at: datetime | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None
    closed_from: datetime | None = None
    closed_before: datetime | None = None
    sort: str = "id"


def find(connection: Connection, query: Query, shapes: Shapes, *, limit: int, after: str | None) -> Page:
    """Return one page, in the order of `query.sort` and then of ids; `after` is the `next` of the page before."""
    key, descending = _order(query.sort)
    statement = IDS.add_columns(key.label("sort_key")).where(*_filters(query, connection.dialect.name))
    if after is not None:
        value, last_id = _read_cursor(after, query.sort)
        beyond, beyond_id = (
            (key < value, tickets.c.id < last_id) if descending else (key > value, tickets.c.id > last_id)
        )
        statement = statement.where(or_(beyond, and_(key == value, beyond_id)))
    order = (key.desc(), tickets.c.id.desc()) if descending else (key.asc(), tickets.c.id.asc())
    rows = connection.execute(statement.order_by(*order).limit(limit + 1)).all()
    found, damaged = held(connection, [row.id for row in rows[:limit]], shapes)
    more = _cursor(query.sort, rows[limit - 1].sort_key, rows[limit - 1].id) if len(rows) > limit else None
    return Page(tuple(ticket for ticket, _ in found), more, tuple(unreadable(*each) for each in damaged))


def _order(sort: str) -> tuple[Any, bool]:
    name = sort.removeprefix("-")
    keys: dict[str, Any] = {
        "id": tickets.c.id,
        "due": func.coalesce(tickets.c.next_due_at, literal(_NEVER, Instant()), type_=Instant()),
        "updated": tickets.c.updated_at,
        "opened": tickets.c.opened_at,
        "priority": case(*((tickets.c.priority == word, rank) for rank, word in enumerate(PRIORITIES)), else_=0),
    }
    if name not in keys:
        raise UsageError("there is no order {sort}", "the orders are: {known}", sort=sort, known=", ".join(keys))
    return keys[name], sort.startswith("-")


def _filters(query: Query, dialect: str) -> list[ColumnElement[bool]]:
    columns = tickets.c
    for name in (*_SAME, "text", "tag", "customer", "external_id"):
        if isinstance(value := getattr(query, name), str):
            storable(value, name, longest=LONGEST, empty=True)
    found = [columns[name] == getattr(query, name) for name in _SAME if getattr(query, name) is not None]
    if query.external_id is not None:
        found.append(columns.id.in_(_own_or_joined(query.external_id)))
    if query.text is not None:
        wanted = searchable(query.text)
        texts = (columns.search, customers.c.search)
        found.append(or_(*(text.contains(wanted, autoescape=True) for text in texts)))
    if query.tag is not None:
        found.append(_part(dialect, columns.tags, json.dumps(query.tag, ensure_ascii=False)))
    if query.customer is not None:
        found.append(_customer(query.customer, dialect))
    if query.overdue_at is not None:
        found.append(columns.next_due_at < query.overdue_at)
    if query.opened_from is not None:
        found.append(columns.opened_at >= query.opened_from)
    if query.opened_before is not None:
        found.append(columns.opened_at < query.opened_before)
    if query.closed_from is not None or query.closed_before is not None:
        found.append(columns.stage == "archive")  # which nothing leaves: it was entered when the ticket was closed
    if query.closed_from is not None:
        found.append(columns.entered_at >= query.closed_from)
    if query.closed_before is not None:
        found.append(columns.entered_at < query.closed_before)
    return found


def _own_or_joined(external_id: str) -> Any:
    """Return the ticket of a contact: one that it opened, or one that it was joined to."""
    joined = (idempotency.c.verb == JOINED) & (idempotency.c.key == external_id)
    return union_all(
        select(tickets.c.id).where(tickets.c.external_id == external_id),
        select(cast(idempotency.c.result, tickets.c.id.type)).where(joined),
    )


def _part(dialect: str, whole: Any, part: str) -> ColumnElement[bool]:
    """Match a part letter by letter, where LIKE would take A for a on SQLite only."""
    return (func.strpos if dialect == "postgresql" else func.instr)(whole, part) > 0


def _customer(who: str | int, dialect: str) -> ColumnElement[bool]:
    """Match a customer by id, or by any part of what is known of them, A to Z being a to z."""
    if isinstance(who, int) or (who.isascii() and who.isdecimal() and len(who) < 10):
        return tickets.c.customer_id == int(who)
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import JSONB

        known = func.jsonb_each_text(cast(customers.c.fields, JSONB)).table_valued("key", "value")
        value: Any = collate(known.c.value, "C")
    else:
        known = func.json_each(customers.c.fields).table_valued("key", "value")
        value = known.c.value
    some = select(known.c.key).where(_part(dialect, func.lower(value), who.translate(_SMALL)))
    return exists(some.correlate(customers))


def _cursor(sort: str, value: Any, last_id: int) -> str:
    stored = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort, stored, last_id]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: str) -> tuple[Any, int]:
    try:
        made_for, value, last_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        timed = sort.removeprefix("-") in ("due", "updated", "opened")
        value = as_utc(datetime.fromisoformat(value)) if timed else int(value)
        if made_for != sort:
            raise ValueError
        return value, int(last_id)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UsageError(
            "{cursor} is no cursor of this list",
            "give the `next` of the page before, with the same order",
            cursor=cursor[:60],
        ) from error
