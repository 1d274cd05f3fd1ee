"""The verbs about personal data: who is shown it, and who was."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from workflow.core import people
from workflow.core.masking import Specs, masked_ticket, personal_fields
from workflow.core.model import Ticket
from workflow.core.values import storable
from workflow.desk.book import Book
from workflow.desk.ground import Ground
from workflow.store import disclosures
from workflow.store.disclosures import Disclosure

LONGEST_WORD = 60
LONGEST_REASON = 1_000


def disclose(
    connection: Connection,
    book: Book,
    tickets: Iterable[Ticket],
    actor: str,
    how: str,
    reason: str | None,
    at: datetime,
) -> None:
    """Write down that personal data of tickets are shown to a member; raise Forbidden for one who may not see them."""
    people.demand(book.desk, people.actor_of(book.desk, actor), "reveal")
    storable(how, "how", longest=LONGEST_WORD)
    if reason is not None:
        storable(reason, "reason", longest=LONGEST_REASON)
    shown = [(ticket.id, personal_fields(ticket, *_specs(book, ticket))) for ticket in tickets]
    disclosures.add(connection, shown, actor=actor, how=how, reason=reason, at=at)


def _specs(book: Book, ticket: Ticket) -> tuple[Specs, Specs]:
    return book.fields_of(ticket.type, ticket.version), book.desk.customer.fields


class PrivacyVerbs(Ground):
    """What a desk does about personal data."""

    def masked(self, ticket: Ticket) -> Ticket:
        """Return a ticket with all personal data masked, as people are shown it who may not see them."""
        return self._read(lambda _, book: masked_ticket(ticket, *_specs(book, ticket)))

    def reveal(self, *tickets: Ticket, actor: str, how: str, reason: str | None = None) -> None:
        """Write down that the personal data of tickets are shown to a member.

        Nothing of the tickets changes. `how` names what shows them. Raise Forbidden unless a role of theirs may.
        """

        def work(connection: Connection) -> None:
            disclose(connection, self._book(connection), tickets, actor, how, reason, self.clock.now())

        self._transactions.unit(work)

    def disclosures(
        self, ticket_id: int | None = None, *, limit: int = 50, after: int | None = None
    ) -> tuple[Disclosure, ...]:
        """Return who was shown personal data, in the order that happened, `after` an id."""
        return self._read(
            lambda connection, _: disclosures.rows(connection, ticket_id=ticket_id, limit=limit, after=after)
        )
