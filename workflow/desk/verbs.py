"""The verbs of a ticket's life. Each is one unit of work; what is refused is raised after its catch-up is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from workflow.clock import as_utc
from workflow.core import events, people
from workflow.core.classify import Fault, Voice
from workflow.core.migrate import Migrate
from workflow.core.model import NOTHING, Customer, Ticket
from workflow.core.opening import tag_word
from workflow.core.values import storable
from workflow.desk import sorting, unit
from workflow.desk.book import Book
from workflow.desk.machines import Machines
from workflow.desk.migrate import event_for
from workflow.desk.reception import Opening, open_one
from workflow.desk.refusing import Refusing
from workflow.errors import TicketflowError
from workflow.store import crash, customers, records, rows, tickets
from workflow.store.engine import OPENING, alone
from workflow.store.sql import Row

LONGEST_KEY = 500


class TicketVerbs(Refusing):
    """What people do with tickets."""

    def open(
        self,
        ticket_type: str | None = None,
        *,
        actor: str,
        fields: Mapping[str, object] = NOTHING,
        customer: Mapping[str, object] = NOTHING,
        channel: str | None = None,
        priority: str | None = None,
        tags: Iterable[str] = (),
        external_id: str | None = None,
        note: str | None = None,
        separate: str | None = None,
        at: datetime | None = None,
        key: str | None = None,
        state: str | None = None,
        entered_at: datetime | None = None,
    ) -> Ticket:
        """Open a ticket in its type's first state and return it.

        Without a type the rules of the desk sort it: `proposal` says how. A risk that they see is found in any case.
        A customer who has an open ticket of the type and category is joined to it instead, where the type `joins`:
        `joined` of the ticket that is returned says why. `separate` is the reason for a second ticket all the same.
        `fields` and `customer` hold values of their fields' Python types, or what a person would type for them.
        `at` records an earlier truth. `key` makes the call idempotent: called again with the same arguments it
        returns the first result with `replayed` set. Raise NotFound, BadValue, Forbidden, or Conflict for a key or an
        external id that is used already.

        One that comes from elsewhere in mid-flow has the `state` it is in, and the time when it `entered_at` that, `at`
        unless said; who opens it must be allowed to `intake`.
        """
        opening = Opening(
            ticket_type, dict(fields), dict(customer), channel, priority, tuple(sorted(set(tags))), external_id, note,
            None if at is None else as_utc(at), state, None if entered_at is None else as_utc(entered_at), separate,
        )  # fmt: skip

        said = [] if ticket_type else self._machines_on(opening)

        def work(connection: Connection, book: Book, _row: object) -> tuple[Ticket, None]:
            return open_one(connection, book, opening, actor, self.clock.now(), said), None

        return self._keyed("open", key, {"opening": dataclasses.asdict(opening), "actor": actor}, work, actor=actor)

    def _machines_on(self, opening: Opening) -> Sequence[Voice | Fault]:
        """Return what the host's machines say of a contact. They are asked before its transaction begins."""
        if not self._classifiers:
            return ()
        book = self._transactions.read(self._book)
        return sorting.asked(book, Machines(self._classifiers), sorting.facts_of(book, opening, self.clock.now()))

    def advance(
        self,
        ticket_id: int,
        trigger: str,
        *,
        actor: str,
        fields: Mapping[str, object] = NOTHING,
        note: str | None = None,
        at: datetime | None = None,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Ticket:
        """Fire a trigger on a ticket and return the ticket as it then stands.

        Timers of the ticket that are due before the event fire first; that catch-up is kept even if the trigger is
        refused. Raise Refused (its `rule` says which rule), Forbidden, NotFound, BadValue, ConditionFault, or
        Conflict if the ticket is not at `if_version`.
        """
        event = events.Advance(trigger, dict(fields), note)  # type: ignore[arg-type]
        return self._event("advance", ticket_id, event, actor=actor, at=at, if_version=if_version, key=key)

    def urge(
        self,
        ticket_id: int,
        *,
        actor: str,
        note: str | None = None,
        at: datetime | None = None,
        if_version: int | None = None,
        key: str | None = None,
    ) -> Ticket:
        """Record that the customer asks again about an open ticket 催单; `note` is what they said.

        What that does, the ticket's type says under its trigger `urge`: see `advance`.
        """
        return self.advance(ticket_id, "urge", actor=actor, note=note, at=at, if_version=if_version, key=key)

    def assign(
        self, ticket_id: int, to: str | None, *, actor: str, note: str | None = None, at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Give a ticket to a team or a member; None leaves it to its team."""
        return self._event("assign", ticket_id, events.Assign(to, note), actor=actor, at=at, if_version=if_version)

    def transfer(
        self, ticket_id: int, to: str | None = None, *, actor: str, reason: str, announced: bool,
        skill: str | None = None, at: datetime | None = None, if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Hand a ticket over to a team or a member on duty, who is told; the customer was told before (`announced`).

        With a `skill` it is tagged so, and goes to an expert of that team, or of its own. Raise Refused where nobody
        has the skill, for a member off duty, and for a customer who was not told.
        """
        event = events.Transfer(to, reason, announced, skill)
        return self._event("transfer", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def claim(self, ticket_id: int, *, actor: str, at: datetime | None = None, if_version: int | None = None) -> Ticket:
        """Take a ticket that nobody has, or one that its team gave to somebody who has done nothing with it since."""
        return self._event("claim", ticket_id, events.Claim(), actor=actor, at=at, if_version=if_version)

    def note(
        self, ticket_id: int, text: str, *, actor: str, at: datetime | None = None, if_version: int | None = None
    ) -> Ticket:
        """Write something down in a ticket's history."""
        return self._event("note", ticket_id, events.Note(text), actor=actor, at=at, if_version=if_version)

    def set_fields(
        self,
        ticket_id: int,
        fields: Mapping[str, object] = NOTHING,
        *,
        actor: str,
        priority: str | None = None,
        note: str | None = None,
        at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:
        """Fill, change or (with None) empty fields, or set the priority."""
        event = events.SetFields(dict(fields), priority, note)  # type: ignore[arg-type]
        return self._event("set", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def tag(
        self, ticket_id: int, *, actor: str, add: Iterable[str] = (), remove: Iterable[str] = (),
        at: datetime | None = None, if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Put tags on a ticket or take them off."""
        event = events.Tag(tuple(add), tuple(remove))
        return self._event("tag", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def link(
        self, ticket_id: int, other: int, *, actor: str, kind: str = "related", at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Link a ticket to another one, both ways."""
        return self._event("link", ticket_id, events.Link(other, kind), actor=actor, at=at, if_version=if_version)

    def escalate(
        self, ticket_id: int, *, actor: str, reason: str | None = None, at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Raise the ladder: who is on duty on its first rung is told in the same transaction.

        On a ticket that is escalated already this joins the open ladder. Raise Refused for an archived ticket.
        """
        return self._event("escalate", ticket_id, events.Escalate(reason), actor=actor, at=at, if_version=if_version)

    def acknowledge(
        self, ticket_id: int, *, actor: str, note: str | None = None, at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Take an escalation on: it holds for the ladder's `hold`, then the next rung is raised if a cause stands.

        A member who may acknowledge does so too by claiming or moving the ticket. Raise Refused where none is open.
        """
        return self._event(
            "acknowledge", ticket_id, events.Acknowledge(note), actor=actor, at=at, if_version=if_version
        )

    def promise(
        self, ticket_id: int, until: datetime | None, *, actor: str, reason: str | None = None,
        at: datetime | None = None, if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Promise the customer something by a time, and tell them; `until` None says that the promise was kept.

        The owner is warned an hour before. Another promise in its place takes a `reason`, which the customer is told;
        given later than that hour before, it is recorded as late. Raise BadValue for a time that has passed.
        """
        event = events.MakePromise(None if until is None else as_utc(until), reason)
        return self._event("promise", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def extend(
        self, ticket_id: int, sla: str, by: timedelta, *, actor: str, reason: str, at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Ask for more time on an SLA clock before it is due; the lead is told and may `approve`."""
        event = events.Extend(sla, by, reason)
        return self._event("extend", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def approve(
        self, ticket_id: int, sla: str, *, actor: str, granted: bool = True, note: str | None = None,
        at: datetime | None = None, if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Grant the extension that was asked for, and tell the customer; or refuse it."""
        event = events.Approve(sla, granted, note)
        return self._event("approve", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def excuse(
        self, ticket_id: int, sla: str, *, actor: str, reason: str, cycle: int | None = None,
        at: datetime | None = None, if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Excuse a missed SLA (its last missed cycle): the miss stays in the record, and figures show both."""
        event = events.Excuse(sla, reason, cycle)
        return self._event("excuse", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def repair(
        self, ticket_id: int, to: str, *, actor: str, reason: str, at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:  # fmt: skip
        """Put an open ticket into a state that no transition leads to, where it is stuck otherwise.

        No condition is asked; it enters the state as by any move, with the state's team and timers. `to` may be a
        stage, whose first state is meant. Every report names it: the history, `explain`, the figures, the audit. Raise
        Forbidden, NotFound for a state that its type does not have, Refused for an archived ticket.
        """
        return self._event("repair", ticket_id, events.Repair(to, reason), actor=actor, at=at, if_version=if_version)

    def tag_customer(
        self, customer_id: int, *, actor: str, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> Customer:
        """Put tags on a customer or take them off."""
        put, taken = (frozenset(tag_word(tag) for tag in tags) for tags in (add, remove))

        def work(connection: Connection) -> Customer:
            book = self._book(connection)
            people.demand(book.desk, people.actor_of(book.desk, actor), "tag")
            return customers.change_customer(connection, book.desk.customer, customer_id, add=put, remove=taken)

        with self._judged("tag_customer", actor):
            return self._transactions.unit(work)

    def retype(
        self,
        ticket_id: int,
        ticket_type: str,
        *,
        actor: str,
        states: Mapping[str, str] = NOTHING,
        fields: Mapping[str, object] = NOTHING,
        reason: str | None = None,
        at: datetime | None = None,
        if_version: int | None = None,
    ) -> Ticket:
        """Make an open ticket one of another type, in the version in force: an inquiry turns out to be a complaint.

        `states` says what its state becomes, the one of the same name unless said. Fields are carried over by name
        where they fit; what is lost stands in the history, and comes back if the ticket does. Its stay goes on with its
        start: what has fired in it does not fire again, clocks of the same name go on. Raise UsageError for a state
        that becomes none, BadValue for a field that is wanting, Refused for an archived ticket.
        """

        def event(book: Book) -> Migrate:
            return event_for(book, ticket_type, book.version_of(ticket_type), "retype", states, fields, reason)

        return self._event("retype", ticket_id, event, actor=actor, at=at, if_version=if_version)

    def _event(
        self,
        verb: str,
        ticket_id: int,
        event: events.Event | Callable[[Book], Migrate],
        *,
        actor: str,
        at: datetime | None,
        if_version: int | None,
        key: str | None = None,
    ) -> Ticket:
        when = None if at is None else as_utc(at)

        def work(connection: Connection, book: Book, row: Row | None) -> tuple[Ticket, TicketflowError | None]:
            what = event(book) if callable(event) else event
            return unit.happen(
                connection, book, ticket_id, row, what, actor=actor, clock=self.clock, at=when, if_version=if_version
            )

        arguments = (
            {"ticket": ticket_id, "event": dataclasses.asdict(event), "actor": actor, "at": when, "if": if_version}
            if key is not None and not callable(event)
            else {}
        )
        return self._keyed(verb, key, arguments, work, actor=actor, ticket_id=ticket_id)

    def _keyed(
        self,
        verb: str,
        key: str | None,
        arguments: Mapping[str, Any],
        work: Callable[[Connection, Book, Row | None], tuple[Ticket, TicketflowError | None]],
        *,
        actor: str,
        ticket_id: int | None = None,
    ) -> Ticket:
        """Run a verb's work as one unit; a refusal is raised only after what was caught up is kept."""
        if key is not None:
            storable(key, "key", longest=LONGEST_KEY)

        def once(connection: Connection) -> tuple[Ticket, TicketflowError | None]:
            row = None
            if ticket_id is None:
                alone(connection, OPENING, shared=True)  # no apply comes between reading the rules and pinning to them
            else:
                row = tickets.hold(connection, ticket_id)  # or it could come under rules newer than those read now
            book = self._book(connection)
            if key is None:
                return work(connection, book, row)
            if (first := records.replay(connection, verb, key, arguments)) is not None:
                return dataclasses.replace(rows.thaw(first, book.shapes), replayed=True), None
            ticket, refusal = work(connection, book, row)
            if refusal is None:
                records.remember(connection, verb, key, arguments, rows.freeze(ticket), self.clock.now())
                crash.point("unit.remembered")
            return ticket, refusal

        with self._judged(verb, actor, ticket_id):
            ticket, refusal = self._transactions.unit(once)
            if refusal is not None:
                raise refusal
        return ticket
