"""Writing what many units did: all at once, or, where the database refuses something, all but that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from workflow.errors import BadValue, Conflict
from workflow.store.changes import Change, save
from workflow.store.claims import Unreadable
from workflow.store.engine import name_of, translated

# What the database does not take, and what a row that makes no sense raises as it is worked on.
REFUSED = (Conflict, BadValue, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
Saved: TypeAlias = tuple[list[Change], list[Unreadable]]
Save: TypeAlias = Callable[[Connection, list[Change], datetime], Saved]


def all_at_once(connection: Connection, changes: list[Change], now: datetime) -> Saved:
    """Write all changes; one that the database refuses ends the transaction."""
    save(connection, changes, now)
    return changes, []


def by_halves(connection: Connection, changes: list[Change], now: datetime) -> Saved:
    """Write the changes that the database takes; return them, and the tickets whose change it refuses, with reasons."""
    try:
        with translated(name_of(connection.engine)), connection.begin_nested():
            save(connection, changes, now)
    except REFUSED as fault:
        if len(changes) == 1:
            return [], [(changes[0].outcome.ticket.id, getattr(fault, "message", str(fault)) or type(fault).__name__)]
        half = len(changes) // 2
        kept, refused = by_halves(connection, changes[:half], now)
        more, others = by_halves(connection, changes[half:], now)
        return kept + more, refused + others
    return changes, []
