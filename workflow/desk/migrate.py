"""Changing the type or the version of open tickets: one, or all of a type, each in its own recorded step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import people
from workflow.core.giving import Roster
from workflow.core.instants import event_time
from workflow.core.migrate import LOST, Migrate, demand_places
from workflow.core.model import NOTHING, Actor, HistoryEntry, Outcome, Ticket
from workflow.core.unit import run_unit
from workflow.desk import book as rulebook
from workflow.desk.book import Book
from workflow.desk.saving import by_halves
from workflow.desk.transactions import Transactions
from workflow.errors import NotFound
from workflow.store import claims, crash, tickets
from workflow.store.changes import Change
from workflow.store.engine import OPENING, alone
from workflow.store.rosters import keep_turns, roster_of
from workflow.store.rows import Timers

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Moved:
    """What a migration does to one ticket: `lost` are the names of fields, `dues` the timers armed anew or otherwise.

    `breached` are those of them that are due at once: the next run fires them.
    """

    ticket_id: int
    source: str
    state: str
    lost: tuple[str, ...]
    dues: Mapping[str, datetime]
    breached: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrateReport:
    """What a migration did, or with `dry_run` would do.

    `locked` tickets were held by somebody else, and `failed` ones could not be decided; both are still as they were,
    and a second call tries them again. `left` counts all that are.
    """

    type: str
    version: int
    migrated: int = 0
    left: int = 0
    locked: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    moved: tuple[Moved, ...] = ()
    dry_run: bool = False


def event_for(
    book: Book,
    name: str,
    version: int,
    verb: str,
    states: Mapping[str, str],
    fields: Mapping[str, object] = NOTHING,
    reason: str | None = None,
    history: tuple[HistoryEntry, ...] = (),
) -> Migrate:
    """Return the event that puts a ticket under a version of a type; raise NotFound, or DefinitionChanged."""
    book.definition(name, version)
    rulebook.demand_fits(book.stored[name, version], book.desk)
    return Migrate(partial(book.rules, name, version), verb, states, fields, reason, history)


def look(connection: Connection, book: Book, ticket_id: int, event: Migrate, actor: Actor, now: datetime) -> Moved:
    """Return what the event would do to a ticket; write nothing. Raise what refuses it."""
    ticket = tickets.get(connection, ticket_id, book.shapes)
    timers = tickets.armed(connection, ticket_id)
    outcome = _decide(
        book,
        ticket,
        timers,
        replace(event, history=tickets.history_of(connection, ticket_id)),
        actor,
        now,
        roster_of(connection),
    )
    if outcome.refusal is not None:
        raise outcome.refusal
    return _moved(ticket, timers, outcome)


def migrate_open(
    transactions: Transactions,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    name: str,
    version: int,
    *,
    states: Mapping[str, str],
    actor: str,
    limit: int | None,
    dry_run: bool,
) -> MigrateReport:
    """Put the open tickets of a type under one of its versions, a transaction for every so many; see `Desk.migrate`."""

    def begin(connection: Connection) -> MigrateReport:
        book = book_of(connection)
        people.demand(book.desk, people.actor_of(book.desk, actor), "migrate")
        if (name, version) not in book.stored:
            known = sorted(number for kind, number in book.stored if kind == name)
            raise NotFound(
                "{type} has no version {version}", "its versions are: {known}; `ticketflow apply` brings a new one",
                field="to_version", type=name, version=version, known=", ".join(map(str, known)) or "-",
            )  # fmt: skip
        event_for(book, name, version, "migrate", states)
        demand_places(book.definition(name, version), states, claims.states_of(connection, name, version))
        return MigrateReport(name, version, dry_run=dry_run)

    report, last, over = transactions.read(begin), 0, False

    def chunk(connection: Connection) -> tuple[MigrateReport, int, bool]:
        if not dry_run:
            alone(connection, OPENING, shared=True)  # no apply puts another meaning under the version
        book = book_of(connection)
        who = people.actor_of(book.desk, actor)
        event = event_for(book, name, version, "migrate", states)
        most = CHUNK if limit is None else min(CHUNK, limit - report.migrated - len(report.failed))
        wanted = claims.of_other_version(connection, name, version, last, most) if most > 0 else []
        held, bad = claims.claim(connection, wanted, book.shapes, lock=not dry_run)
        failed, now = dict(bad), clock.now()
        turns, damaged = tickets.turns_of(connection, [ticket.id for ticket, _ in held])
        failed |= damaged
        changes, roster = [], roster_of(connection)
        for ticket, timers in held:
            if ticket.id in damaged:
                continue
            try:
                told = replace(event, history=turns.get(ticket.id, ()))
                outcome = _decide(book, ticket, timers, told, who, now, roster)
            except Exception as fault:  # one ticket must not keep the others from theirs
                failed[ticket.id] = str(fault) or type(fault).__name__
                continue
            if outcome.refusal is not None:
                failed[ticket.id] = str(outcome.refusal)
            else:
                changes.append(Change(ticket, timers, outcome))
        if not dry_run:
            changes, refused = by_halves(connection, changes, now)
            failed |= dict(refused)
            keep_turns(connection, roster)
            crash.point("migrate.chunk")
        met = {ticket.id for ticket, _ in held} | set(failed)
        return (
            replace(
                report,
                migrated=report.migrated + len(changes),
                locked=(*report.locked, *(one for one in wanted if one not in met)),
                failed={**report.failed, **failed},
                moved=(*report.moved, *(_moved(each.before, each.timers, each.outcome) for each in changes))
                if dry_run
                else (),
            ),
            max(wanted, default=last),
            not wanted,
        )

    while not over:
        report, last, over = (transactions.read if dry_run else transactions.unit)(chunk)
    left = transactions.read(lambda connection: claims.count_of_other_version(connection, name, version))
    return replace(report, left=left)


def _decide(
    book: Book, ticket: Ticket, timers: Timers, event: Migrate, actor: Actor, now: datetime, roster: Roster
) -> Outcome:
    rules, known, newer = book.standing(ticket)
    when = event_time(known, now, None)
    return run_unit(
        rules, known, timers, limit=when, fired_at=max(now, when), event=event, actor=actor, newer=newer,
        roster=roster,
    )  # fmt: skip


def _moved(before: Ticket | None, timers: Timers, outcome: Outcome) -> Moved:
    after = outcome.ticket
    entry = next((each for each in reversed(outcome.entries) if each.kind == "migrated"), None)
    said = {**entry.data, **entry.private} if entry else {}
    known = {(timer.key, timer.due_at) for timer in timers}
    dues = {
        timer.name: timer.due_at
        for timer in outcome.timers
        if timer.kind in ("timeout", "sla") and (timer.key, timer.due_at) not in known
    }
    at = after.updated_at
    return Moved(
        after.id,
        said.get("from", (None, None, before.state if before else after.state))[2],
        after.state,
        tuple(word.removeprefix(LOST) for word in said if word.startswith(LOST)),
        dues,
        tuple(name for name, due in dues.items() if due <= at),
    )
