"""What the teams' policies go by: who has how many open tickets, and who was given the last one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, exc, func, select, text

from workflow.core.giving import Roster
from workflow.store.definitions import put_setting, setting
from workflow.store.sql import Among, Prepared, listed
from workflow.store.tables import tickets

Asked = TypeVar("Asked")
Found = TypeVar("Found")
_TURN = "turn:"
_LOADS = Prepared(
    select(tickets.c.assignee, func.count().label("many"))
    .where(Among(tickets.c.assignee), text("stage <> 'archive'"))  # in these words, so that an index of such helps
    .group_by(tickets.c.assignee)
)


def roster_of(connection: Connection) -> Roster:
    """Return a roster for one transaction: each team is read when it is first asked for.

    That may be while a timer fires, and what fails then is taken for a fault of the timer's: `keep_turns` raises it.
    """

    def loads(names: Sequence[str]) -> Mapping[str, int]:
        return dict(_LOADS.fetch(connection, {"ids": listed(connection, names)}))

    def kept(read: Callable[[Asked], Found]) -> Callable[[Asked], Found]:
        def reading(asked: Asked) -> Found:
            try:
                return read(asked)
            except exc.SQLAlchemyError as fault:
                roster.fault = roster.fault or fault
                raise

        return reading

    roster = Roster(kept(loads), kept(lambda team: setting(connection, _TURN + team)))
    return roster


def keep_turns(connection: Connection, roster: Roster) -> None:
    """Write down who of each team was given the last ticket; raise what the database did when the roster was read."""
    if roster.fault is not None:
        raise roster.fault
    for team, name in sorted(roster.turns.items()):
        put_setting(connection, _TURN + team, name)
