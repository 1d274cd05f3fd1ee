"""The record of what people tried and were refused: who, what, when and why not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection

from workflow.clock import as_utc
from workflow.core import people
from workflow.core.values import LONGEST_WORD, storable
from workflow.desk.ground import Ground
from workflow.errors import Conflict, Refused, TicketflowError, Unhealthy
from workflow.store import refusals
from workflow.store.refusals import LONGEST_USER, Refusal

KEPT = timedelta(days=30)  # at least: nobody takes a fresh trace away
log = logging.getLogger("workflow.desk")


class Refusing(Ground):
    """What verbs stand on that a person may be refused. `os_user` is who is at the command line, None in a host."""

    os_user: str | None = None

    @contextmanager
    def _judged(self, verb: str, actor: str, ticket_id: int | None = None) -> Iterator[None]:
        """Put it on record if what is done here is refused, after it is rolled back."""
        try:
            yield
        except (Refused, Conflict) as refusal:
            self.record_refusal(refusal, verb=verb, actor=actor, ticket_id=ticket_id)
            raise

    def record_refusal(
        self, refusal: Refused | Conflict, *, verb: str, actor: str | None, ticket_id: int | None = None
    ) -> None:
        """Put on record, in a transaction of its own, that a person was refused something.

        The verbs do so themselves. A host calls it for what it refuses by rules of its own; and after it has rolled
        back a transaction in which a verb was refused, for the verb's record went with it. What is recorded holds no
        text that anybody typed: who, which verb and trigger, which ticket, the rule. An `actor` who is no member is
        passed over. Never raises for a record that cannot be kept: that is logged.
        """
        storable(verb, "verb", longest=LONGEST_WORD)
        rule = getattr(refusal, "rule", "") or refusal.code
        trigger, ticket = refusal.values.get("trigger"), refusal.ticket or ticket_id

        def work(connection: Connection) -> None:
            if actor is None or actor in self._book(connection).desk.members:
                user = self.os_user and self.os_user[:LONGEST_USER]
                refusals.add(connection, Refusal(0, self.clock.now(), actor, user, verb, trigger, ticket, rule))

        try:
            self._transactions.unit(work)
        except TicketflowError as reason:
            log.warning(
                Unhealthy(
                    "that {actor} was refused {verb} could not be put on record: {reason}",
                    "mend that; the refusal itself stands", check="refusals", actor=actor or "-", verb=verb,
                    reason=reason.message,
                )
            )  # fmt: skip

    def refusals(
        self, *, member: str | None = None, ticket_id: int | None = None, limit: int = 50, after: int | None = None
    ) -> tuple[Refusal, ...]:
        """Return which attempts of people were refused, in the order that happened, `after` an id."""
        return self._read(
            lambda connection, _: refusals.rows(connection, member, ticket_id=ticket_id, limit=limit, after=after)
        )

    def forget_refusals(self, before: datetime, *, actor: str) -> int:
        """Remove what was refused before a time, at least 30 days ago, and return how many rows that were.

        Raise Forbidden unless a role of theirs may `redact`, Refused for a later time.
        """

        def work(connection: Connection) -> int:
            book = self._book(connection)
            people.demand(book.desk, people.actor_of(book.desk, actor), "redact")
            if as_utc(before) > (last := self.clock.now() - KEPT):
                raise Refused(
                    "refused attempts are kept for {days} days", "give a time before {last}", rule="kept",
                    days=KEPT.days, last=last,
                )  # fmt: skip
            return refusals.forget(connection, as_utc(before))

        with self._judged("forget_refusals", actor):
            return self._transactions.unit(work)
