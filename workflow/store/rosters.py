"""What the teams' policies go by: who has how many open tickets, and who was given the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select, text

from workflow.core.giving import Roster
from workflow.store.definitions import put_setting, setting
from workflow.store.sql import Among, Prepared, listed
from workflow.store.tables import tickets

_TURN = "turn:"
_LOADS = Prepared(
    select(tickets.c.assignee, func.count().label("many"))
    .where(Among(tickets.c.assignee), text("stage <> 'archive'"))  # in these words, so that an index of such helps
    .group_by(tickets.c.assignee)
)


def roster_of(connection: Connection) -> Roster:
    """Return a roster for one transaction: each team is read when it is first asked for."""

    def loads(names: Sequence[str]) -> Mapping[str, int]:
        return dict(_LOADS.fetch(connection, {"ids": listed(connection, names)}))

    return Roster(loads, lambda team: setting(connection, _TURN + team))


def keep_turns(connection: Connection, roster: Roster) -> None:
    """Write down who of each team was given the last ticket."""
    for team, name in sorted(roster.turns.items()):
        put_setting(connection, _TURN + team, name)
