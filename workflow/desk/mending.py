"""The verbs that put right what went wrong: incidents, messages given up, clocks and timers against the history."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from workflow.core import people
from workflow.core.model import Ticket
from workflow.desk import deliveries
from workflow.desk.refusing import Refusing
from workflow.store import tickets

if TYPE_CHECKING:
    from workflow.desk.repair import Difference


class MendingVerbs(Refusing):
    """What can be tried again or rebuilt."""

    def retry(self, incident_id: int, *, actor: str) -> Ticket:
        """Fire the timer of an incident now, or close the incident where there is nothing left to fire.

        Raise Forbidden, NotFound, or Refused if it is closed or fails again; then nothing is changed.
        """
        from workflow.desk import repair

        with self._judged("retry", actor):
            return self._transactions.unit(
                lambda connection: repair.retry(connection, self._book(connection), incident_id, actor, self.clock)
            )

    def retry_outbox(self, ids: Iterable[int] | None = None, *, actor: str = "system") -> int:
        """Make messages due now and return how many: all that were given up, or those named, given up or waiting.

        Raise Forbidden, NotFound or Refused; then nothing is changed.
        """
        wanted = None if ids is None else list(ids)
        with self._judged("retry_outbox", actor):
            return self._transactions.unit(
                lambda connection: deliveries.retry(connection, self._book(connection), self.clock, wanted, actor)
            )

    def check_clocks(self, ids: Iterable[int] | None = None) -> tuple[Difference, ...]:
        """Return where stored SLA clocks and timers, of these tickets or of all, are not what the history says.

        A ticket that cannot be read is named among them, and keeps no other from being looked at.
        """
        from workflow.desk import repair

        found: list[Difference] = []
        for page in self._pages(ids):
            found += self._read(functools.partial(repair.differences, ids=page))
        return tuple(found)

    def rebuild_clocks(self, ids: Iterable[int] | None = None, *, actor: str) -> tuple[Difference, ...]:
        """Put SLA clocks and timers right by the history, each ticket in a recorded step; return what was wrong.

        What is missing is armed, not before now; what waits for nothing is dropped. A ticket that cannot be read is
        named among them and stays as it is.
        """
        from workflow.desk.repair import UnreadableTicket

        with self._judged("rebuild_clocks", actor):
            self._read(lambda _, book: people.demand(book.desk, people.actor_of(book.desk, actor), "retry"))
        found = self.check_clocks(ids)
        wrong: list[Difference] = [each for each in found if isinstance(each, UnreadableTicket)]
        unread = {each.ticket_id for each in wrong}
        for ticket_id in dict.fromkeys(each.ticket_id for each in found if each.ticket_id not in unread):
            wrong += self._transactions.unit(functools.partial(self._rebuild, ticket_id=ticket_id, actor=actor))
        return tuple(wrong)

    def _rebuild(self, connection: Connection, *, ticket_id: int, actor: str) -> list[Difference]:
        from workflow.desk import repair

        return repair.rebuild(connection, self._book(connection), ticket_id, actor, self.clock)

    def _pages(self, ids: Iterable[int] | None) -> Iterator[list[int]]:
        """Yield the ids of tickets, of all or as given, so many that one transaction may read them."""
        if ids is not None:
            yield list(ids)
            return
        last = 0
        while page := self._transactions.read(functools.partial(tickets.ids_after, after=last, most=500)):
            yield page
            last = page[-1]
