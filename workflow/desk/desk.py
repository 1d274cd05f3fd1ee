"""The desk: what hosts, the command line and cron call. Its methods are the verbs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from sqlalchemy import Connection

from workflow.clock import Clock, SystemClock, VirtualClock, as_utc
from workflow.core import people
from workflow.core.guard import HostCondition
from workflow.core.instants import as_named
from workflow.core.model import NOTHING
from workflow.delivery.relay import DeliveryReport
from workflow.delivery.routes import HostAction
from workflow.delivery.settings import Delivery
from workflow.desk import book as rulebook
from workflow.desk import deliveries, files
from workflow.desk.book import ApplyReport
from workflow.desk.figures import FigureVerbs
from workflow.desk.looking import LookingVerbs
from workflow.desk.machines import HostClassifier, Machines
from workflow.desk.mending import MendingVerbs
from workflow.desk.moving import MovingVerbs
from workflow.desk.privacy import PrivacyVerbs
from workflow.desk.revise import revise_open
from workflow.desk.runs import RunReport, run_due
from workflow.desk.speaking import SpeechVerbs
from workflow.desk.transactions import Host, Inside, Joined, Own, Transactions, undone
from workflow.errors import Refused, StoreBusy, UsageError
from workflow.store import claims, crash, outbox, schema
from workflow.store import definitions as stored_definitions
from workflow.store.engine import Store

if TYPE_CHECKING:
    from workflow.desk.contacts import Contact
    from workflow.desk.intake import IntakeReport

Action = TypeVar("Action", bound=HostAction)


class Desk(PrivacyVerbs, SpeechVerbs, LookingVerbs, FigureVerbs, MendingVerbs, MovingVerbs):
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
        actions: Mapping[str, HostAction] | Collection[str] = (),
        delivery: Delivery | None = None,
        classifiers: Mapping[str, HostClassifier] | None = None,
    ) -> Self:
        """Return the desk that lives in a database, making its tables and applying the definitions in a fresh one.

        In a database that has a desk, what was applied there counts, whatever the files say: see `apply`.
        `busy_timeout` is in seconds. `conditions` are the host's own, by the name that definitions `call`; each gets
        the ticket and the instant, must be pure and return a bool. `actions` are what `deliver` does for messages to
        `host:NAME`: each gets a Notice, at least once; of those that `Desk.action` registers later, only the names are
        given. On PostgreSQL a system `clock` is put right by the server's, so
        that all machines agree. `delivery` says by which ways the other messages leave. `classifiers` are asked about
        every contact without a type, before the rules: each gets Facts and returns a Verdict or None; one that raises
        or takes over five seconds is passed over, which is recorded. Raise
        DefinitionError, StoreError or SchemaOutdated.
        """
        store = Store(url, busy_timeout=busy_timeout)
        try:
            folder = files.folder_or_default(definitions)
            time, asked = store.clock(clock or SystemClock()), classifiers or {}
            done = dict(actions) if isinstance(actions, Mapping) else dict.fromkeys(actions)
            desk = cls(Own(store), time, folder, conditions or {}, done, [], delivery, asked)
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

    def action(self, name: str) -> Callable[[Action], Action]:
        """Register the function that follows for `{call: name}`: `deliver` gives it a Notice, at least once.

        A fresh database takes the definitions when it is connected to: name the action there too. Raise UsageError for
        a name that has its function.

        >>> from workflow.testing import memory_desk
        >>> with memory_desk(actions=["refund"]) as desk:
        ...     @desk.action("refund")
        ...     def refund(notice):
        ...         print(notice.key)
        """

        def register(function: Action) -> Action:
            if self._actions.get(name):
                raise UsageError("the action {name} is registered twice", "give one of them another name", name=name)
            self._actions[name] = function
            return function

        return register

    def within(self, host: Host) -> Self:
        """Return this desk inside the host's transaction, without ever committing.

        The host's rollback takes everything with it, its commit makes it all true. On SQLite, enter before the
        transaction's first read. Raise StoreBusy if another transaction holds the lock; nothing is tried again.
        """
        return type(self)(
            Joined(host, self.clock), self.clock, self.folder, self._conditions, self._actions, self._books,
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

    def apply(
        self, definitions: str | Path | None = None, *, actor: str = "system", dry_run: bool = False
    ) -> ApplyReport:
        """Put the definitions of a folder in force in one recorded step and say what that changes.

        Open tickets stay with the version they are pinned to; where a calendar changed, their timers are armed anew,
        each ticket in a recorded step of its own. Raise DefinitionError with every problem of the files,
        or DefinitionChanged where a version that tickets are pinned to was edited; then nothing is changed. With
        `dry_run` all that is done and taken back again.
        """
        folder = self.folder if definitions is None else Path(definitions)
        found = files.load(folder, self._conditions, self._actions)
        now = self._now()

        def work(connection: Connection) -> ApplyReport:
            if stored_definitions.latest_desk(connection) is not None:
                desk = self._book(connection).desk
                people.demand(desk, people.actor_of(desk, actor), "apply")
            report = rulebook.apply(connection, found, now, print_of_folder=files.folder_print(folder))
            if report.changed:
                outbox.release(connection, now)
            return report

        def with_tickets(report: ApplyReport, transactions: Transactions) -> ApplyReport:
            for done in revise_open(transactions, self._book, self.clock, now):
                report = dataclasses.replace(
                    report,
                    rearmed=report.rearmed + done.rearmed,
                    moved=report.moved + done.moved,
                    set_aside=report.set_aside + len(done.failed),
                )
            return report

        with self._judged("apply", actor):
            if dry_run:
                report = undone(
                    self._transactions, lambda connection: with_tickets(work(connection), Inside(connection))
                )
                return dataclasses.replace(report, dry_run=True)
            return with_tickets(self._transactions.unit(work), self._transactions)

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
        now, virtual = self._now(), isinstance(self.clock, VirtualClock)
        when = now if as_of is None else as_utc(as_of) if virtual else as_named(as_utc(as_of), now)
        if when > now:
            if not isinstance(self.clock, VirtualClock):
                raise Refused(
                    "{as_of} lies in the future", "only a desk on a virtual clock can be moved there", rule="clock",
                    as_of=when,
                )  # fmt: skip
            if not dry_run:
                self.clock.move_to(when)
                self._check_clock()
        if not dry_run:
            self._transactions.read(stored_definitions.demand_resumed)
        return run_due(
            self._transactions, self._book, self.clock, as_of=when, limit=limit, chunk_size=chunk, dry_run=dry_run,
            stop=stop, progress=progress,
        )  # fmt: skip

    def resume(self, since: datetime | None = None) -> None:
        """Let a desk that came back from a backup fire and tell again; any other desk is left as it is.

        What fell due before `since` fires at once, and only its history says whom that would have told; what waited to
        be told since before then is not. With None everything is as if no time had passed. Until this was called,
        `run_timeouts` and `deliver` raise Refused. Raise StoreBusy while somebody else holds a ticket that is due.
        """

        def go_on(connection: Connection) -> None:
            if since is not None:
                outbox.suppress(connection, as_utc(since))
            stored_definitions.drop_setting(connection, stored_definitions.RESTORED)

        if self._transactions.read(stored_definitions.restored_from) is not None:
            if since is not None:
                when = min(as_utc(since), self._now())
                report = run_due(self._transactions, self._book, self.clock, as_of=when, quiet=True)
                if report.locked:
                    raise StoreBusy(
                        "{count} tickets that are due are in use", "say --since again when nobody uses the desk",
                        count=report.locked,
                    )  # fmt: skip
            crash.point("resume.fired")
            self._transactions.unit(go_on)

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

    def deliver(
        self, *, limit: int | None = None, seconds: float = math.inf, stop: Callable[[], bool] = lambda: False
    ) -> DeliveryReport:
        """Send the messages that are due, at least once each, and say what became of them.

        What has ended meanwhile is not told. Safe to run from any number of processes at once: no message is sent by
        two of them unless one died over it. Receivers drop doubles by the message's key. Each way has a thread of its
        own; `stop` is asked in any of them before each message, and the host's actions are called in this one. What
        has not left after so many `seconds` waits for the next call, but for the messages in hand.
        """
        return deliveries.run(
            self._transactions, self._book, self.clock, self.delivery, self._actions, limit=limit, seconds=seconds,
            stop=stop,
        )  # fmt: skip

    def intake(
        self,
        contacts: Iterable[Contact],
        *,
        actor: str,
        ticket_type: str | None = None,
        past: str | None = None,
        states: Mapping[str, str] = NOTHING,
        separate: str | None = None,
        batch: int = 500,
    ) -> IntakeReport:
        """Open a ticket for every contact that is not known by its external id yet, batch by batch.

        A repeat contact is joined to the customer's open ticket, unless `separate` says why none is: see `open`.

        Each batch is one transaction: killed half-way and run again, the rest is done. Bad contacts are reported and
        do not stop the others. `past` says what becomes of timers that are due already: `record` fires them without
        telling anybody, `fire` leaves them to the next run; without it such a contact raises UsageError.

        A contact with a `state` comes in mid-flow, in that state of its type, or in what `states` says of the word: its
        timers count from `entered_at`, its clocks from there or from `opened_at`, by where they start. One in a state
        of the archive is taken in as archived.
        """
        from workflow.desk.intake import take_in

        with self._judged("intake", actor):
            return take_in(
                self._transactions, self._book, self.clock, contacts, actor=actor, ticket_type=ticket_type, past=past,
                states=states, batch=batch, separate=separate, machines=Machines(self._classifiers),
            )  # fmt: skip
