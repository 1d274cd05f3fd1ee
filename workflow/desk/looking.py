"""The verbs that only read: the rules in force, tickets and what is known of them, what is due, how all fares."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from workflow.clock import as_utc
from workflow.core import people, sla
from workflow.core.classify import Proposal
from workflow.core.events import Link
from workflow.core.model import NOTHING, Actor, Customer, HistoryEntry, Option, SlaClock, Ticket
from workflow.definition.desk import ANYBODY, DeskSpec
from workflow.definition.resolve import TicketType
from workflow.delivery import trial
from workflow.delivery.routes import unset
from workflow.delivery.trial import OutletState, Trial
from workflow.desk import files, sorting, unit
from workflow.desk.book import Book
from workflow.desk.ground import Ground
from workflow.desk.machines import Machines
from workflow.desk.reception import Opening
from workflow.desk.sorting import RulesReport
from workflow.errors import UsageError
from workflow.store import agenda, customers, outbox, proposals, tickets, timekeeping
from workflow.store import definitions as stored_definitions
from workflow.store.agenda import Agenda, IncidentRow, Run
from workflow.store.outbox import OutboxRow
from workflow.store.owner import is_owner
from workflow.store.search import Page, Query, find
from workflow.store.timekeeping import Escalation

if TYPE_CHECKING:
    from workflow.desk.contacts import Contact
    from workflow.desk.explaining import Explanation
    from workflow.desk.health import Health, Limits
    from workflow.desk.intake import UnknownState


class LookingVerbs(Ground):
    """What may be asked of a desk. Nothing is written."""

    @property
    def desk(self) -> DeskSpec:
        """The desk revision in force: people, teams, zone, customer."""
        return self._transactions.read(self._book).desk

    @property
    def types(self) -> Mapping[str, TicketType]:
        """The ticket types in force, by name."""
        return self._transactions.read(self._book).in_force

    def definition(self, name: str, version: int) -> TicketType:
        """Return any version of a type that was ever in force; raise NotFound."""
        return self._transactions.read(self._book).definition(name, version)

    @property
    def registered(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names of the host's own conditions and actions, which its definitions may `call`."""
        return frozenset(self._conditions), frozenset(self._actions)

    @property
    def definitions_changed(self) -> bool:
        """Whether the files differ from what was last applied."""
        known = self._transactions.read(lambda connection: stored_definitions.setting(connection, "folder"))
        return known != files.folder_print(self.folder)

    @property
    def opened_by_owner(self) -> bool:
        """Whether no user of the system may act as a member who may `apply`, and this process's owns the database.

        Then a command line may `apply` as `system`, or the desk would stay as it is for ever.
        """
        return self.desk.is_locked and self._transactions.read(is_owner)

    @property
    def newer_holidays(self) -> tuple[str, ...]:
        """The tables of public holidays, as `cn@2027`, of which this release knows more than the desk was applied with.

        Open tickets go on by what was applied until `apply` is called again, with the same files or others.
        """
        return self._read(lambda _, book: book.newer_holidays)

    def get(self, ticket_id: int) -> Ticket:
        """Return a ticket as it is stored; raise NotFound."""
        return self._read(lambda connection, book: tickets.get(connection, ticket_id, book.shapes))

    def find(
        self,
        text: str | None = None,
        *,
        type: str | None = None,
        state: str | None = None,
        stage: str | None = None,
        team: str | None = None,
        assignee: str | None = None,
        priority: str | None = None,
        channel: str | None = None,
        customer: str | int | None = None,
        tag: str | None = None,
        external_id: str | None = None,
        overdue: bool = False,
        opened_from: datetime | None = None,
        opened_before: datetime | None = None,
        closed_from: datetime | None = None,
        closed_before: datetime | None = None,
        sort: str = "id",
        limit: int = 50,
        after: str | None = None,
    ) -> Page:
        """Return a page of tickets: those whose fields, customer or tags contain `text`, and that every filter fits.

        A customer is named by id or by a part of what is known of them. A ticket is `overdue` when the next thing
        that people were to do is, or was missed in the state it is in; `opened_from` belongs to its span of time,
        `opened_before` no longer does; `closed_from` and `closed_before` choose by when it was archived. `external_id`
        is that of the contact that opened it or of one that was joined to it. `sort` is id, due, updated, opened or
        priority, with a `-` in front for the other way round. `after` takes the `next` of the page before.
        """
        if limit < 1:
            raise UsageError("a page has at least one ticket", "give a limit of 1 or more", field="limit")
        query = Query(
            text, type=type, state=state, stage=stage, team=team, assignee=assignee, priority=priority,
            channel=channel, customer=customer, tag=tag, external_id=external_id,
            overdue_at=self.clock.now() if overdue else None,
            opened_from=None if opened_from is None else as_utc(opened_from),
            opened_before=None if opened_before is None else as_utc(opened_before),
            closed_from=None if closed_from is None else as_utc(closed_from),
            closed_before=None if closed_before is None else as_utc(closed_before), sort=sort,
        )  # fmt: skip
        return self._read(lambda connection, book: find(connection, query, book.shapes, limit=limit, after=after))

    def links(self, ticket_id: int) -> tuple[Link, ...]:
        """Return the tickets that a ticket is linked with, from either side; raise NotFound."""

        def work(connection: Connection, book: Book) -> tuple[Link, ...]:
            tickets.get(connection, ticket_id, book.shapes)
            return tickets.links_of(connection, ticket_id)

        return self._read(work)

    def history(self, ticket_id: int) -> tuple[HistoryEntry, ...]:
        """Return all that happened to a ticket, the oldest first; raise NotFound."""

        def work(connection: Connection, book: Book) -> tuple[HistoryEntry, ...]:
            tickets.get(connection, ticket_id, book.shapes)
            return tickets.history_of(connection, ticket_id)

        return self._read(work)

    def repairs(self, ticket_id: int) -> tuple[HistoryEntry, ...]:
        """Return the entries of a ticket's history by which somebody put it into another state by hand."""
        return self._read(lambda connection, _: tickets.repairs_of(connection, ticket_id))

    def what_next(self, ticket_id: int, *, actor: str) -> tuple[Option, ...]:
        """Return every trigger of the ticket's state, allowed or refused with the reason.

        That is as of now, with the timers that are due already fired, but without writing anything.
        """
        return self._read(lambda connection, book: unit.what_next(connection, book, ticket_id, actor, self.clock.now()))

    def explain(self, ticket_id: int, *, actor: str) -> Explanation:
        """Say where a ticket is and how it came there, what comes next and why then, and who is told; raise NotFound.

        That is as of now, with the timers that are due already fired, but without writing anything.
        """
        from workflow.desk.explaining import explain

        return self._read(lambda connection, book: explain(connection, book, ticket_id, actor, self.clock.now()))

    def health(self, *, limits: Limits | None = None, window: timedelta = timedelta(days=1)) -> Health:
        """Say whether what is due fires and what must be told is told; its `demand` raises Unhealthy where not.

        However many tickets there are, this reads little. `window` is how far the histogram of lateness looks back.
        """
        from workflow.desk.health import Limits, examine

        changed, newer, now = self.definitions_changed, self.newer_holidays, self.clock.now()
        desk = self.desk
        return self._transactions.read(
            lambda connection: examine(
                connection,
                now,
                limits or Limits(),
                window=window,
                changed=changed,
                newer_holidays=newer,
                anybody_acts=ANYBODY in desk.act_as,
                nobody_applies=desk.is_locked,
                clock_ahead=getattr(self.clock, "ahead", timedelta()),
                unset_outlets=unset(self.delivery, desk),
            )
        )

    def customer(self, customer_id: int) -> Customer:
        """Return what the desk knows of a customer; their tickets are `find(customer=ID)`. Raise NotFound."""
        return self._read(lambda connection, book: customers.get_customer(connection, book.desk.customer, customer_id))

    def member(self, name: str) -> Actor:
        """Return a member of the desk as an actor, with their roles; raise NotFound."""
        return self._read(lambda _, book: people.actor_of(book.desk, name))

    def outbox(self, *, limit: int = 50, after: int | None = None, state: str | None = None) -> tuple[OutboxRow, ...]:
        """Return messages in the order they were written, `after` an id."""
        return self._read(lambda connection, _: outbox.rows(connection, limit=limit, after=after, state=state))

    def outlets(self) -> tuple[OutletState, ...]:
        """Return the ways by which messages can leave, and which of their settings are made in this process."""
        return tuple(trial.states(self.delivery, self.desk))

    def try_outlet(self, name: str, *, to: str | None = None, text: str | None = None) -> Trial:
        """Send a text by an outlet, by `mail` or by the `webhook`, as `deliver` does, and say what became of it.

        It is for `to`, a member, a team or `customer` who is told that way; mail needs one. Nothing is written. Raise
        NotFound, UsageError, or Unhealthy for what is not set in this process.
        """
        return trial.attempt(name, self.delivery, self.desk, self.clock.now(), to=to, text=text)

    def clocks(self, ticket_id: int) -> tuple[SlaClock, ...]:
        """Return every cycle of a ticket's SLA clocks, a running one with what has elapsed up to now."""

        def work(connection: Connection, book: Book) -> tuple[SlaClock, ...]:
            ticket = tickets.get(connection, ticket_id, book.shapes)
            return sla.counted(book.standing(ticket)[0], ticket, self.clock.now())

        return self._read(work)

    def escalations(self, *, open_only: bool = True, limit: int = 50) -> tuple[Escalation, ...]:
        """Return who was told on which rung: of open ladders first, then the newest first."""
        return self._read(
            lambda connection, _: tuple(timekeeping.lines(connection, open_only=open_only, limit=limit, after=None))
        )

    def agenda(self, *, until: datetime | None = None, limit: int = 50) -> Agenda:
        """Return the timers that are armed, in the order of their due times: what is due, and what comes next."""
        end = None if until is None else as_utc(until)
        return self._read(lambda connection, _: agenda.due_timers(connection, limit=limit, until=end))

    def runs(self, *, limit: int = 50) -> tuple[Run, ...]:
        """Return the last timeout runs, the newest first; those that found nothing are counted with the one before."""
        return self._read(lambda connection, _: tuple(agenda.last_runs(connection, limit)))

    def incidents(
        self, *, open_only: bool = True, limit: int = 50, after: int | None = None
    ) -> tuple[IncidentRow, ...]:
        """Return the timers that could not fire, in the order of their incidents, `after` an id."""
        return self._read(
            lambda connection, _: tuple(agenda.incident_rows(connection, open_only=open_only, limit=limit, after=after))
        )

    def classify(
        self,
        text: str = "",
        *,
        fields: Mapping[str, object] = NOTHING,
        customer: Mapping[str, object] = NOTHING,
        channel: str | None = None,
        tags: Iterable[str] = (),
    ) -> Proposal:
        """Say how a contact would be sorted if it came now, by the rules in force and the host's classifiers.

        `text` is what the customer wrote, besides the text fields. Nothing is written.
        """
        opening = Opening(None, fields, customer, channel, tags=tuple(tags))

        def work(connection: Connection, book: Book) -> Proposal:
            facts = sorting.facts_of(book, opening, self.clock.now())
            facts = dataclasses.replace(facts, text="\n".join(filter(None, (text, facts.text))))
            said = sorting.asked(book, Machines(self._classifiers), facts)
            situation = sorting.stored_situation(connection, book)
            return sorting.propose(book, facts, situation, said) or Proposal({}, {})

        return self._read(work)

    def proposal(self, ticket_id: int) -> Proposal | None:
        """Return how a ticket was sorted when it was opened, and what a person has changed of that; None if it was not.

        Raise NotFound.
        """

        def work(connection: Connection, book: Book) -> Proposal | None:
            tickets.get(connection, ticket_id, book.shapes)
            return proposals.of(connection, ticket_id)

        return self._read(work)

    def unknown_states(
        self, contacts: Iterable[Contact], *, ticket_type: str | None = None, states: Mapping[str, str] = NOTHING
    ) -> tuple[UnknownState, ...]:
        """Return the words for states, each once, that `intake` would refuse. Nothing is written."""
        from workflow.desk.intake import unknown_states

        return self._read(
            lambda connection, book: unknown_states(
                connection, book, contacts, self.clock.now(), ticket_type=ticket_type, states=states
            )
        )

    def rules_report(self, contacts: Iterable[Contact] | None = None) -> RulesReport:
        """Say how often each rule spoke and how often a person agreed: over contacts, or over the desk's own tickets.

        A contact's own type counts as what a person says. Nothing is written.
        """
        if contacts is None:
            return self._read(sorting.report_of_tickets)
        machines = Machines(self._classifiers)
        return self._read(
            lambda connection, book: sorting.report_of_contacts(connection, book, contacts, machines, self.clock.now())
        )
