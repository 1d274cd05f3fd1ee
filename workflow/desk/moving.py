"""The verbs that let open tickets follow another version, and that show what another type would make of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from workflow.core import people
from workflow.core.model import NOTHING
from workflow.desk.book import Book
from workflow.desk.refusing import Refusing

if TYPE_CHECKING:
    from workflow.desk.migrate import MigrateReport, Moved


class MovingVerbs(Refusing):
    """What changes the rules under open tickets."""

    def migrate(
        self,
        ticket_type: str,
        *,
        to_version: int,
        actor: str,
        states: Mapping[str, str] = NOTHING,
        limit: int | None = None,
        dry_run: bool = False,
    ) -> MigrateReport:
        """Put the open tickets of a type under one of its versions, each in a recorded step of its own, and say so.

        Killed or limited, a second call goes on with those left; `to_version` of before, with the reverse `states`,
        undoes it. What becomes of a ticket `retype` says. With `dry_run` the report's `moved` says it of each ticket,
        and nothing is written. Raise UsageError with every state that becomes none, NotFound for an unknown version.
        """
        from workflow.desk.migrate import migrate_open

        with self._judged("migrate", actor):
            return migrate_open(
                self._transactions, self._book, self.clock, ticket_type, to_version,
                states=states, actor=actor, limit=limit, dry_run=dry_run,
            )  # fmt: skip

    def preview_retype(
        self,
        ticket_id: int,
        ticket_type: str,
        *,
        actor: str,
        states: Mapping[str, str] = NOTHING,
        fields: Mapping[str, object] = NOTHING,
    ) -> Moved:
        """Say what `retype` would do to a ticket now, without writing; raise what would refuse it."""
        from workflow.desk.migrate import event_for, look

        def work(connection: Connection, book: Book) -> Moved:
            event = event_for(book, ticket_type, book.version_of(ticket_type), "retype", states, fields)
            return look(connection, book, ticket_id, event, people.actor_of(book.desk, actor), self.clock.now())

        return self._read(work)
