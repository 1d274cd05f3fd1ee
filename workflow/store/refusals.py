"""Who tried what and was refused: rows that are in no chain. What is the same within a minute is one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from workflow.store.sql import insert_into
from workflow.store.tables import refusals

LONGEST_USER = 120
MOST_A_MINUTE = 20  # rows of one actor that name their tickets
_KEY = ("minute", "actor", "os_user", "verb", "trigger", "ticket_id", "rule")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An attempt of a person that was refused, `times` within a minute: first when, as whom, doing what, and why not.

    `os_user` is who was at the command line, None in a host. `rule` names the rule, as `Refused.rule` does, or is
    `conflict`. `trigger` and `ticket_id` are None where there is none, or where there were too many in that minute.
    """

    id: int
    happened_at: datetime
    actor: str | None
    os_user: str | None
    verb: str
    trigger: str | None
    ticket_id: int | None
    rule: str
    times: int = 1


_COLUMNS = tuple(refusals.c[name] for name in Refusal.__slots__)


def add(connection: Connection, refusal: Refusal) -> None:
    """Write down a refusal, or count it with those of the same minute that are the same."""
    minute = refusal.happened_at.replace(second=0, microsecond=0)
    same = (refusals.c.minute == minute) & (refusals.c.actor == (refusal.actor or ""))
    if connection.execute(select(func.count()).where(same)).scalar_one() >= MOST_A_MINUTE:
        refusal = replace(refusal, ticket_id=None, trigger=None)
    row = {name: getattr(refusal, name) for name in Refusal.__slots__[1:]} | {"minute": minute}
    row |= {name: row[name] or "" for name in ("actor", "os_user", "trigger")} | {"ticket_id": refusal.ticket_id or 0}
    statement = insert_into(connection, refusals).values(row)
    counted = {"times": refusals.c.times + statement.excluded.times}
    connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=counted))


def rows(
    connection: Connection, actor: str | None, *, ticket_id: int | None, limit: int, after: int | None
) -> tuple[Refusal, ...]:
    """Return the rows in the order they were begun, those of one actor or ticket if it is named."""
    query = select(*_COLUMNS).order_by(refusals.c.id).limit(limit).where(refusals.c.id > (after or 0))
    for column, wanted in ((refusals.c.actor, actor), (refusals.c.ticket_id, ticket_id)):
        if wanted is not None:
            query = query.where(column == wanted)
    return tuple(_refusal(row._mapping) for row in connection.execute(query))


def _refusal(row: Mapping[Any, Any]) -> Refusal:
    values: dict[str, Any] = {name: value or None for name, value in row.items()}
    return Refusal(**values)


def forget(connection: Connection, before: datetime) -> int:
    """Remove what was refused before a time; return how many rows that were."""
    return connection.execute(delete(refusals).where(refusals.c.minute < before)).rowcount
