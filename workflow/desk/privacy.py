"""The verbs about personal data: whom we talk to, who is shown what, and what is removed for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from workflow.core import events, people
from workflow.core.identity import withheld
from workflow.core.masking import Specs, masked_customer, masked_ticket, personal_fields
from workflow.core.model import Ticket
from workflow.core.values import LONGEST_WORD, storable
from workflow.desk.book import Book
from workflow.desk.redaction import Redaction, redact
from workflow.desk.transactions import Own
from workflow.desk.verbs import TicketVerbs
from workflow.errors import UsageError
from workflow.store import disclosures
from workflow.store.disclosures import Disclosure

LONGEST_REASON = 1_000


def disclose(
    connection: Connection,
    book: Book,
    tickets: Iterable[Ticket],
    actor: str,
    how: str,
    reason: str | None,
    at: datetime,
) -> tuple[Ticket, ...]:
    """Write down that personal data of tickets are shown to a member, and return the tickets as they may be shown.

    What takes an identity check that does not hold is masked. Raise Forbidden for who may see no personal data.
    """
    people.demand(book.desk, people.actor_of(book.desk, actor), "reveal")
    storable(how, "how", longest=LONGEST_WORD)
    if reason is not None:
        storable(reason, "reason", longest=LONGEST_REASON)
    found, shown = list[Ticket](), list[tuple[int, list[str]]]()
    for ticket in tickets:
        fields, customer = _specs(book, ticket)
        kept = withheld(book.desk.customer.fields, ticket, at)
        hidden = {f"customer.{name}" for name in kept}
        names = personal_fields(ticket, fields, customer)
        shown.append((ticket.id, [name for name in names if name not in hidden]))
        found.append(masked_customer(ticket, customer, kept))
    disclosures.add(connection, shown, actor=actor, how=how, reason=reason, at=at)
    return tuple(found)


def _specs(book: Book, ticket: Ticket) -> tuple[Specs, Specs]:
    return book.fields_of(ticket.type, ticket.version), book.desk.customer.fields


class PrivacyVerbs(TicketVerbs):
    """What a desk does about personal data."""

    def masked(self, ticket: Ticket) -> Ticket:
        """Return a ticket with all personal data masked, as people are shown it who may not see them."""
        return self._read(lambda _, book: masked_ticket(ticket, *_specs(book, ticket)))

    def reveal(self, *tickets: Ticket, actor: str, how: str, reason: str | None = None) -> tuple[Ticket, ...]:
        """Write down that the personal data of tickets are shown to a member; return the tickets as they may be shown.

        Nothing of the tickets changes. `how` names what shows them. A field that takes an identity check is masked
        unless one holds. Raise Forbidden unless a role of theirs may see personal data.
        """

        def work(connection: Connection) -> tuple[Ticket, ...]:
            return disclose(connection, self._book(connection), tickets, actor, how, reason, self.clock.now())

        with self._judged("reveal", actor, tickets[0].id if len(tickets) == 1 else None):
            return self._transactions.unit(work)

    def verify(
        self,
        ticket_id: int,
        facts: Mapping[str, str],
        *,
        actor: str,
        party: str = "holder",
        at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:
        """Compare what a caller says of some facts with the customer's record 身份核验; return the ticket if all is so.

        What was said is kept nowhere; which facts were compared, by whom, and whether the caller is the `holder` or
        another `person_of_right` is in the history. Raise Refused if it is not right, which is recorded and counted
        as well, or where a member was given too many wrong answers on this ticket.
        """
        return self._event(
            "verify", ticket_id, events.Verify(dict(facts), party), actor=actor, at=at, if_version=if_version
        )

    def redact(
        self,
        ticket_id: int,
        fields: Iterable[str] = (),
        *,
        customer: Iterable[str] = (),
        entries: Iterable[int] = (),
        actor: str,
        reason: str,
    ) -> Redaction:
        """Remove personal data for good: fields of a ticket, fields of its customer, what is written in some entries.

        They go from every table, with all earlier values and wherever they are repeated in texts: of the ticket, and
        for a customer's field of all their tickets. In the history each goes with its salt, so that the chain still
        closes and no digest can be guessed from. Each ticket gets an entry that says what was redacted, and why.
        Messages that have left, backups and logs of the database keep what they have; call `compact` afterwards. Raise
        NotFound where there is nothing, Refused for a field that stands in the clear.
        """
        names = {"fields": tuple(dict.fromkeys(fields)), "customer": tuple(dict.fromkeys(customer))}

        def work(connection: Connection) -> Redaction:
            return redact(
                connection, self._book(connection), self.clock, ticket_id, **names, entries=tuple(sorted({*entries})),
                actor=actor, reason=reason,
            )  # fmt: skip

        with self._judged("redact", actor, ticket_id):
            return self._transactions.unit(work)

    def compact(self) -> None:
        """Write the database anew, so that its files hold nothing that was removed. Meanwhile nobody can use it.

        Raise StoreBusy if somebody does, UsageError inside a host's transaction.
        """
        if not isinstance(self._transactions, Own):
            raise UsageError(
                "a database is compacted by itself, not inside a host's transaction", "call it on the desk itself"
            )
        self._transactions.store.compact()

    def disclosures(
        self, ticket_id: int | None = None, *, limit: int = 50, after: int | None = None
    ) -> tuple[Disclosure, ...]:
        """Return who was shown personal data, in the order that happened, `after` an id."""
        return self._read(
            lambda connection, _: disclosures.rows(connection, ticket_id=ticket_id, limit=limit, after=after)
        )
