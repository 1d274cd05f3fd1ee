"""Health: whether what is due fires, what must be told is told, and somebody looks after the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from workflow.clock import TOLERATED, clocks_differ
from workflow.delivery.settings import address_of
from workflow.delivery.trial import not_set
from workflow.errors import Unhealthy
from workflow.store import agenda, schema
from workflow.store import health as store
from workflow.store.agenda import Run
from workflow.store.claims import next_timer_at
from workflow.store.definitions import not_resumed, restored_from
from workflow.store.health import Found


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is too much. `max_unheld` is how long an escalation may be open without anybody who took it on."""

    max_late: timedelta = timedelta(minutes=5)
    max_since_run: timedelta = timedelta(minutes=10)
    max_undelivered: timedelta = timedelta(minutes=15)
    max_unheld: timedelta = timedelta(days=1)
    max_incidents: int = 0
    max_failed: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """How a desk stands. What is `Found` is counted up to a thousand, with the oldest of it.

    `last_run` is the last timeout run that did something; its `ended_at` and `as_of` are those of the empty runs since.
    `lateness` counts the firings of the runs within `window` by how late they were: `1m` up to a minute, then `5m`,
    `15m`, `1h`, `1d`, `later`. `undelivered` messages have waited longer than the limit, `unheld` escalations too;
    `held` ones wait for the hours in which people are told, the first of them until its `since`.
    `ahead` are open tickets whose last event lies in the future: a clock had jumped. `clock_ahead` is how far this
    machine's clock is ahead of a database server's, below zero if it is behind. `restored_from` is the moment of the
    backup that a desk came back from which still waits for `Desk.resume`. `unset_outlets` are those of the desk whose
    address is not set in this process. `anybody_acts` says that any user of the machine may act under names that are
    not theirs: good for a trial; `nobody_applies` that none may act as a member who may `apply` other definitions, so
    that only the database's owner can. `findings` are what is beyond the limits, each with its sentence and remedy;
    without any the desk is healthy.
    """

    as_of: datetime
    last_run: Run | None
    next_due_at: datetime | None
    overdue: Found
    lateness: Mapping[str, int]
    window: timedelta
    incidents: Found
    undelivered: Found
    held: Found
    failed: Found
    unheld: Found
    ahead: Found
    clock_ahead: timedelta
    schema: str | None
    definitions_changed: bool
    newer_holidays: tuple[str, ...]
    restored_from: datetime | None
    unset_outlets: tuple[str, ...]
    anybody_acts: bool
    nobody_applies: bool
    findings: tuple[Unhealthy, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing is beyond its limit."""
        return not self.findings

    @property
    def ran_at(self) -> datetime | None:
        """When the last timeout run ended, empty or not."""
        return (self.last_run.ended_at or self.last_run.started_at) if self.last_run else None

    def demand(self) -> None:
        """Raise Unhealthy, with the findings, unless the desk is healthy."""
        if self.findings:
            raise Unhealthy(
                "the desk is not healthy; findings: {count}", "each is told with its remedy", check="health",
                findings=self.findings, count=len(self.findings),
            )  # fmt: skip


def examine(
    connection: Connection,
    now: datetime,
    limits: Limits,
    *,
    window: timedelta,
    changed: bool,
    newer_holidays: tuple[str, ...],
    anybody_acts: bool,
    nobody_applies: bool,
    clock_ahead: timedelta,
    unset_outlets: tuple[str, ...],
) -> Health:
    """Look at everything, each by a bounded read."""
    found = Health(
        as_of=now,
        last_run=next(iter(agenda.last_runs(connection, 1)), None),
        next_due_at=next_timer_at(connection),
        overdue=store.overdue(connection, now),
        lateness=store.lateness(connection, now - window),
        window=window,
        incidents=store.open_incidents(connection),
        undelivered=store.undelivered(connection, now - limits.max_undelivered),
        held=store.held(connection, now),
        failed=store.failed(connection),
        unheld=store.unheld(connection, now - limits.max_unheld),
        ahead=store.ahead(connection, now + TOLERATED),
        clock_ahead=clock_ahead,
        schema=schema.current(connection),
        definitions_changed=changed,
        newer_holidays=newer_holidays,
        restored_from=restored_from(connection),
        anybody_acts=anybody_acts,
        nobody_applies=nobody_applies,
        unset_outlets=unset_outlets,
    )
    return replace(found, findings=tuple(_findings(found, limits)))


def _findings(found: Health, limits: Limits) -> Iterator[Unhealthy]:
    now, ran_at = found.as_of, found.ran_at
    if found.restored_from is not None:
        waits = not_resumed(found.restored_from)
        yield Unhealthy(waits.template, waits.remedy_template, check="restored", moment=found.restored_from)
    late = None if found.overdue.since is None else now - found.overdue.since
    if ran_at is None and late is not None:
        yield Unhealthy(
            "timers are due and no run has ever come",
            "let cron run `ticketflow timeouts run` every minute, or start `ticketflow scheduler`",
            check="never_run",
        )
    elif ran_at is not None and now - ran_at > limits.max_since_run:
        yield Unhealthy(
            "the last run was at {when}, {late} ago (limit {limit})",
            "see whether cron or `ticketflow scheduler` still runs, and what it logs",
            check="since_run", when=ran_at, late=now - ran_at, limit=limits.max_since_run,
        )  # fmt: skip
    if late is not None and late > limits.max_late:
        yield Unhealthy(
            "overdue tickets: {count}; {timer} of ticket {ticket} is {late} late (limit {limit})",
            "run `ticketflow timeouts run`; if others have tickets in hand for long, see who",
            check="overdue", ticket=found.overdue.ticket_id, timer=found.overdue.name, count=found.overdue.count,
            late=late, limit=limits.max_late,
        )  # fmt: skip
    if found.incidents.count > limits.max_incidents:
        yield Unhealthy(
            "open incidents: {count}; the first: {timer} of ticket {ticket} could not fire, {when}",
            "see `ticketflow incident list`; mend what it names, then `ticketflow incident retry`",
            check="incidents", ticket=found.incidents.ticket_id, timer=found.incidents.name,
            count=found.incidents.count, when=found.incidents.since,
        )  # fmt: skip
    if found.undelivered.error is not None:
        yield Unhealthy(
            "messages not taken for more than {limit}: {count}; the first is of ticket {ticket}, {when}: {reason}",
            "mend that, then run `ticketflow outbox retry ID`, or wait; see `ticketflow outbox list --state waiting`",
            check="undelivered", ticket=found.undelivered.ticket_id, count=found.undelivered.count,
            limit=limits.max_undelivered, when=found.undelivered.since, reason=found.undelivered.error,
        )  # fmt: skip
    elif found.undelivered.since is not None:
        yield Unhealthy(
            "messages unsent for more than {limit}: {count}; the first is of ticket {ticket}, {when}",
            "see that `ticketflow deliver` or `ticketflow scheduler` runs, and `ticketflow outbox list`",
            check="undelivered", ticket=found.undelivered.ticket_id, count=found.undelivered.count,
            limit=limits.max_undelivered, when=found.undelivered.since,
        )  # fmt: skip
    if found.undelivered.since is not None:
        for outlet in found.unset_outlets:
            yield not_set(outlet, address_of(outlet))
    if found.failed.count > limits.max_failed:
        yield Unhealthy(
            "messages given up: {count}; the first is of ticket {ticket}: {reason}",
            "see `ticketflow outbox list --state failed`; mend that, then run `ticketflow outbox retry --all`",
            check="failed", ticket=found.failed.ticket_id, count=found.failed.count, reason=found.failed.name,
        )  # fmt: skip
    if found.unheld.since is not None:
        yield Unhealthy(
            "escalations that nobody took on for more than {limit}: {count}; the first is of ticket {ticket}",
            "see `ticketflow escalations`; who is told runs `ticketflow acknowledge`",
            check="unheld", ticket=found.unheld.ticket_id, count=found.unheld.count, limit=limits.max_unheld,
        )  # fmt: skip
    if found.ahead.since is not None:
        yield Unhealthy(
            "open tickets whose last event lies in the future: {count}; ticket {ticket} is {late} ahead",
            "a clock had jumped: set it right; until that time has come such a ticket's events all bear it",
            check="ahead", ticket=found.ahead.ticket_id, count=found.ahead.count, late=found.ahead.since - now,
        )  # fmt: skip
    if ran_at is not None and ran_at > now + TOLERATED:
        yield Unhealthy(
            "the last run was at {when}, {late} in the future",
            "a clock had jumped: set it right, on every machine that runs timeouts",
            check="run_ahead", when=ran_at, late=ran_at - now,
        )  # fmt: skip
    if abs(found.clock_ahead) > TOLERATED:
        yield clocks_differ(found.clock_ahead)
