"""The desk: what hosts, the command line and cron call. Its methods are the verbs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection

from workflow.clock import Clock, SystemClock, VirtualClock, as_utc
from workflow.core import people, sla
from workflow.core.classify import Proposal
from workflow.core.guard import HostCondition
from workflow.core.model import NOTHING, Actor, Customer, HistoryEntry, Link, Option, SlaClock, Ticket
from workflow.core.opening import tag_word
from workflow.definition.model import DeskSpec
from workflow.definition.resolve import TicketType
from workflow.delivery.relay import DeliveryReport
from workflow.delivery.routes import HostAction
from workflow.delivery.settings import Delivery
from workflow.desk import book as rulebook
from workflow.desk import deliveries, sorting, unit
from workflow.desk.book import ApplyReport, Book
from workflow.desk.machines import HostClassifier, Machines
from workflow.desk.revise import revise_open
from workflow.desk.runs import RunReport, run_due
from workflow.desk.sorting import RulesReport
from workflow.desk.speaking import SpeechVerbs
from workflow.desk.transactions import Host, Inside, Joined, Own, Transactions, undone
from workflow.desk.unit import Opening
from workflow.errors import Refused, UsageError
from workflow.store import agenda, claims, customers, outbox, proposals, schema, tickets, timekeeping
from workflow.store import definitions as stored_definitions
from workflow.store.agenda import DueTimer, IncidentRow, Run
from workflow.store.engine import Store
from workflow.store.outbox import OutboxRow
from workflow.store.search import Page, Query, find
from workflow.store.timekeeping import Escalation

if TYPE_CHECKING:
    from workflow.desk.contacts import Contact
    from workflow.desk.explaining import Explanation
    from workflow.desk.health import Health, Limits
    from workflow.desk.intake import IntakeReport
    from workflow.desk.repair import ClockDifference, Difference, TimerDifference


class Desk(SpeechVerbs):
    """One service desk: its definitions, people and database.

    Safe to share between threads; after a fork, connect again. Instants are aware; those that come back are in UTC.
    Every verb is one transaction of its own, or, on a desk made by `within`, part of the host's. What is refused
    raises an error of `workflow.errors` and leaves nothing half-written.

    >>> from workflow.testing import memory_desk
    >>> with memory_desk() as desk:
    ...     ticket = desk.open("inquiry", actor="agent_01", fields={"statement": "When do you open?"})
    ...     (ticket.id, ticket.type, ticket.stage)
    (1, 'inquiry', 'intake')
    """

    @classmethod
    def connect(
        cls,
        url: str = "sqlite:///ticketflow.db",
        *,
        definitions: str | Path | None = None,
        clock: Clock | None = None,
        busy_timeout: float = 5.0,
        conditions: Mapping[str, HostCondition] | None = None,
        actions: Mapping[str, HostAction] | None = None,
        delivery: Delivery | None = None,
        classifiers: Mapping[str, HostClassifier] | None = None,
    ) -> Self:
        """Return the desk that lives in a database, making its tables and applying the definitions in a fresh one.

        In a database that has a desk, what was applied there counts, whatever the files say: see `apply`.
        `busy_timeout` is in seconds. `conditions` are the host's own, by the name that definitions `call`; each gets
        the ticket and the instant, must be pure and return a bool. `actions` are what `deliver` does for messages to
        `host:NAME`: each gets a Notice, at least once. On PostgreSQL a system `clock` is put right by the server's, so
        that all machines agree. `delivery` says by which ways the other messages leave. `classifiers` are asked about
        every contact without a type, before the rules: each gets Facts and returns a Verdict or None; one that raises
        or takes over five seconds is passed over, which is recorded. Raise
        DefinitionError, StoreError or SchemaOutdated.
        """
        store = Store(url, busy_timeout=busy_timeout)
        try:
            folder = rulebook.folder_or_default(definitions)
            time, asked = store.clock(clock or SystemClock()), classifiers or {}
            desk = cls(Own(store), time, folder, conditions or {}, actions or {}, [], delivery, asked)
            schema.prepare(store)
            if desk._transactions.read(stored_definitions.latest_desk) is None:
                desk.apply()
            desk._check_clock()
            return desk
        except BaseException:
            store.close()
            raise

    def _check_clock(self) -> None:
        """Refuse a virtual clock to a desk that has once run on the system's, and the other way round."""
        own = "virtual" if isinstance(self.clock, VirtualClock) else "system"
        known = self._transactions.read(lambda connection: stored_definitions.setting(connection, "clock"))
        if known is None or own == "virtual":
            now = self.clock.now().isoformat()

            def keep(connection: Connection) -> None:
                before = stored_definitions.setting(connection, "clock")
                if before is not None and not before.startswith("virtual"):
                    return
                if before is not None and own == "virtual" and before.removeprefix("virtual ") > now:
                    raise Refused(
                        "this desk's virtual clock stands at {known}, later than {now}",
                        "give a time at or after {known}",
                        rule="clock",
                        known=before.removeprefix("virtual "),
                        now=now,
                    )
                stored_definitions.put_setting(connection, "clock", f"virtual {now}" if own == "virtual" else own)

            self._transactions.unit(keep)
            known = known or own
        if known.split()[0] != own:
            raise Refused(
                "this desk runs on the {known} clock and cannot be used with the {own} one",
                "use a database of its own for trials; a virtual desk takes --now TIME",
                rule="clock",
                known=known.split()[0],
                own=own,
            )

    def _now(self) -> datetime:
        """Return what time it is in a transaction that has just begun, so that the clock was set if need be."""
        return self._transactions.read(lambda _: self.clock.now())

    def within(self, host: Host) -> Self:
        """Return this desk inside the host's transaction, without ever committing.

        The host's rollback takes everything with it, its commit makes it all true. On SQLite, enter before the
        transaction's first read. Raise StoreBusy if another transaction holds the lock; nothing is tried again.
        """
        return type(self)(
            Joined(host, self.clock), self.clock, self._folder, self._conditions, self._actions, self._books,
            self.delivery, self._classifiers,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections. A desk made by `within` has none of its own."""
        if isinstance(self._transactions, Own):
            self._transactions.store.close()

    @property
    def url(self) -> str:
        """The database's URL without its password; empty inside a host's transaction."""
        return self._transactions.store.url if isinstance(self._transactions, Own) else ""

    # The rules in force.

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
        return known != rulebook.folder_print(self._folder)

    @property
    def newer_holidays(self) -> tuple[str, ...]:
        """The tables of public holidays, as `cn@2027`, of which this release knows more than the desk was applied with.

        Open tickets go on by what was applied until `apply` is called again, with the same files or others.
        """
        return self._read(lambda _, book: book.newer_holidays)

    def apply(
        self, definitions: str | Path | None = None, *, actor: str = "system", dry_run: bool = False
    ) -> ApplyReport:
        """Put the definitions of a folder in force in one recorded step and say what that changes.

        Open tickets stay with the version they are pinned to; where a calendar changed, their timers are armed anew,
        each ticket in a recorded step of its own. Raise DefinitionError with every problem of the files,
        or DefinitionChanged where a version that tickets are pinned to was edited; then nothing is changed. With
        `dry_run` all that is done and taken back again.
        """
        folder = self._folder if definitions is None else Path(definitions)
        found = rulebook.load(folder, self._conditions, self._actions)
        now = self._now()

        def work(connection: Connection) -> ApplyReport:
            if stored_definitions.latest_desk(connection) is not None:
                desk = self._book(connection).desk
                people.demand(desk, people.actor_of(desk, actor), "apply")
            return rulebook.apply(connection, found, now, print_of_folder=rulebook.folder_print(folder))

        def with_tickets(report: ApplyReport, transactions: Transactions) -> ApplyReport:
            for done in revise_open(transactions, self._book, self.clock, now):
                report = dataclasses.replace(
                    report,
                    rearmed=report.rearmed + done.rearmed,
                    moved=report.moved + done.moved,
                    set_aside=report.set_aside + len(done.failed),
                )
            return report

        if dry_run:
            report = undone(self._transactions, lambda connection: with_tickets(work(connection), Inside(connection)))
            return dataclasses.replace(report, dry_run=True)
        return with_tickets(self._transactions.unit(work), self._transactions)

    # Looking.

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
        sort: str = "id",
        limit: int = 50,
        after: str | None = None,
    ) -> Page:
        """Return a page of tickets: those whose fields, customer or tags contain `text`, and that every filter fits.

        A customer is named by id or by a part of what is known of them. A ticket is `overdue` when the next thing
        that people were to do is, or was missed in the state it is in; `opened_from` belongs to its span of time,
        `opened_before` no longer does. `sort` is id, due, updated, opened or priority,
        with a `-` in front for the other way round. `after` takes the `next` of the page before.
        """
        if limit < 1:
            raise UsageError("a page has at least one ticket", "give a limit of 1 or more", field="limit")
        query = Query(
            text, type=type, state=state, stage=stage, team=team, assignee=assignee, priority=priority,
            channel=channel, customer=customer, tag=tag, external_id=external_id,
            overdue_at=self.clock.now() if overdue else None,
            opened_from=None if opened_from is None else as_utc(opened_from),
            opened_before=None if opened_before is None else as_utc(opened_before), sort=sort,
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
        return self._transactions.read(
            lambda connection: examine(
                connection,
                now,
                limits or Limits(),
                window=window,
                changed=changed,
                newer_holidays=newer,
                clock_ahead=getattr(self.clock, "ahead", timedelta()),
            )
        )

    def customer(self, customer_id: int) -> Customer:
        """Return what the desk knows of a customer; their tickets are `find(customer=ID)`. Raise NotFound."""
        return self._read(lambda connection, book: customers.get_customer(connection, book.desk.customer, customer_id))

    def tag_customer(
        self, customer_id: int, *, actor: str, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> Customer:
        """Put tags on a customer or take them off."""
        put, taken = (frozenset(tag_word(tag) for tag in tags) for tags in (add, remove))

        def work(connection: Connection) -> Customer:
            book = self._book(connection)
            people.demand(book.desk, people.actor_of(book.desk, actor), "tag")
            return customers.change_customer(connection, book.desk.customer, customer_id, add=put, remove=taken)

        return self._transactions.unit(work)

    def member(self, name: str) -> Actor:
        """Return a member of the desk as an actor, with their roles; raise NotFound."""
        return self._read(lambda _, book: people.actor_of(book.desk, name))

    def outbox(self, *, limit: int = 50, after: int | None = None, state: str | None = None) -> tuple[OutboxRow, ...]:
        """Return messages in the order they were written, `after` an id."""
        return self._read(lambda connection, _: outbox.rows(connection, limit=limit, after=after, state=state))

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

    def agenda(self, *, until: datetime | None = None, limit: int = 50) -> tuple[DueTimer, ...]:
        """Return the timers that are armed, in the order of their due times: what is due, and what comes next."""
        end = None if until is None else as_utc(until)
        return self._read(lambda connection, _: tuple(agenda.due_timers(connection, limit=limit, until=end)))

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

    def retry(self, incident_id: int, *, actor: str) -> Ticket:
        """Fire the timer of an incident now, or close the incident where there is nothing left to fire.

        Raise Forbidden, NotFound, or Refused if it is closed or fails again; then nothing is changed.
        """
        from workflow.desk import repair

        return self._transactions.unit(
            lambda connection: repair.retry(connection, self._book(connection), incident_id, actor, self.clock)
        )

    def check_clocks(self, ids: Iterable[int] | None = None) -> tuple[ClockDifference | TimerDifference, ...]:
        """Return where stored SLA clocks and timers, of these tickets or of all, are not what the history says."""
        from workflow.desk import repair

        found: list[ClockDifference | TimerDifference] = []
        for page in self._pages(ids):
            found += self._read(functools.partial(repair.differences, ids=page))
        return tuple(found)

    def rebuild_clocks(
        self, ids: Iterable[int] | None = None, *, actor: str
    ) -> tuple[ClockDifference | TimerDifference, ...]:
        """Put SLA clocks and timers right by the history, each ticket in a recorded step; return what was wrong.

        What is missing is armed, not before now; what waits for nothing is dropped.
        """
        self._read(lambda _, book: people.demand(book.desk, people.actor_of(book.desk, actor), "retry"))
        wrong: list[ClockDifference | TimerDifference] = []
        for ticket_id in dict.fromkeys(found.ticket_id for found in self.check_clocks(ids)):
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

    # Many tickets at once.

    def run_timeouts(
        self,
        *,
        as_of: datetime | None = None,
        limit: int | None = None,
        chunk: int | None = None,
        dry_run: bool = False,
        stop: Callable[[], bool] | None = None,
        progress: Callable[[RunReport], object] | None = None,
    ) -> RunReport:
        """Fire every timer that is due at or before `as_of` (now), exactly once, and say what was done.

        Safe to run from any number of processes at once. On a virtual clock a later `as_of` moves the clock; on the
        system's it is refused. `limit` bounds the tickets of this run, `chunk` those of one transaction; between
        transactions `stop` is asked and `progress` called. With `dry_run` nothing is changed.
        """
        now = self._now()
        when = now if as_of is None else as_utc(as_of)
        if when > now:
            if not isinstance(self.clock, VirtualClock):
                raise Refused(
                    "{as_of} lies in the future", "only a desk on a virtual clock can be moved there", rule="clock",
                    as_of=when,
                )  # fmt: skip
            if not dry_run:
                self.clock.move_to(when)
                self._check_clock()
        return run_due(
            self._transactions, self._book, self.clock, as_of=when, limit=limit, chunk_size=chunk, dry_run=dry_run,
            stop=stop, progress=progress,
        )  # fmt: skip

    def next_due(self) -> datetime | None:
        """Return when the next timer of any ticket is due, or the next message that can leave from here, or None."""
        return min(filter(None, (self.next_timer_due(), self.next_message_due())), default=None)

    def next_timer_due(self) -> datetime | None:
        """Return when the next timer of any ticket is due, or None."""
        return self._transactions.read(claims.next_timer_at)

    def next_message_due(self) -> datetime | None:
        """Return when the next message is due that can leave from this process, or None."""
        return self._transactions.read(
            lambda connection: deliveries.next_due(connection, self._book, self.delivery, self._actions)
        )

    def deliver(self, *, limit: int | None = None, stop: Callable[[], bool] = lambda: False) -> DeliveryReport:
        """Send the messages that are due, at least once each, and say what became of them.

        What has ended meanwhile is not told. Safe to run from any number of processes at once: no message is sent by
        two of them unless one died over it. Receivers drop doubles by the message's key. `stop` is asked before each.
        """
        return deliveries.run(
            self._transactions, self._book, self.clock, self.delivery, self._actions, limit=limit, stop=stop
        )

    def retry_outbox(self, ids: Iterable[int] | None = None, *, actor: str = "system") -> int:
        """Make messages due now and return how many: all that were given up, or those named, given up or waiting.

        Raise Forbidden, NotFound or Refused; then nothing is changed.
        """
        wanted = None if ids is None else list(ids)
        return self._transactions.unit(
            lambda connection: deliveries.retry(connection, self._book(connection), self.clock, wanted, actor)
        )

    def intake(
        self,
        contacts: Iterable[Contact],
        *,
        actor: str,
        ticket_type: str | None = None,
        past: str | None = None,
        batch: int = 500,
    ) -> IntakeReport:
        """Open a ticket for every contact that is not known by its external id yet, batch by batch.

        Each batch is one transaction: killed half-way and run again, the rest is done. Bad contacts are reported and
        do not stop the others. `past` says what becomes of timers that are due already: `record` fires them without
        telling anybody, `fire` leaves them to the next run; without it such a contact raises UsageError.
        """
        from workflow.desk.intake import take_in

        return take_in(
            self._transactions, self._book, self.clock, contacts, actor=actor, ticket_type=ticket_type, past=past,
            batch=batch, machines=Machines(self._classifiers),
        )  # fmt: skip

    # Sorting.

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
            return sorting.propose(connection, book, facts, said) or Proposal({}, {})

        return self._read(work)

    def proposal(self, ticket_id: int) -> Proposal | None:
        """Return how a ticket was sorted when it was opened, and what a person has changed of that; None if it was not.

        Raise NotFound.
        """

        def work(connection: Connection, book: Book) -> Proposal | None:
            tickets.get(connection, ticket_id, book.shapes)
            return proposals.of(connection, ticket_id)

        return self._read(work)

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
