"""The timeout run: claim what is due in chunks, decide ticket by ticket, write set-wise."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core.giving import Roster
from workflow.core.model import Outcome, Timer
from workflow.core.unit import run_unit
from workflow.desk.book import Book
from workflow.desk.revise import revise_open
from workflow.desk.saving import REFUSED, Save, all_at_once, by_halves
from workflow.desk.transactions import Transactions
from workflow.errors import UsageError
from workflow.store import agenda, claims, crash, health
from workflow.store.changes import Change
from workflow.store.rosters import keep_turns, roster_of

CHUNKS = {"sqlite": 1000, "postgresql": 2000}


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a timeout run did, or with `dry_run` would do.

    `locked` tickets were due and in others' hands when the run ended: they, or the next run, fire them. `raced` ones
    had been fired by others first, `errors` could not be read or decided at all. `incidents` are timers that could not
    fire. `oldest_lateness` is in seconds. A dry run takes no lock: it cannot tell what others would have, nor what the
    database would refuse.
    """

    as_of: datetime
    tickets: int = 0
    fired: int = 0
    skipped: int = 0
    escalated: int = 0
    incidents: int = 0
    locked: int = 0
    raced: int = 0
    errors: int = 0
    oldest_lateness: float | None = None
    seconds: float = 0.0
    dry_run: bool = False


def run_due(
    transactions: Transactions,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    *,
    as_of: datetime,
    limit: int | None = None,
    chunk_size: int | None = None,
    dry_run: bool = False,
    quiet: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[RunReport], object] | None = None,
) -> RunReport:
    """Fire what is due at `as_of`, chunk by chunk, each chunk one transaction.

    `limit` bounds the tickets that something happens to; those that only fail do not use it up. A `quiet` run only
    records whom it would have told. `stop` is asked between chunks.
    """
    if limit is not None and limit < 0:
        raise UsageError("a run cannot take fewer than no tickets", "give a limit of 0 or more", field="limit")
    if chunk_size is not None and chunk_size < 1:
        raise UsageError("a chunk has at least one ticket", "give a chunk of 1 or more", field="chunk")
    started_at, began = clock.now(), time.perf_counter()
    so_far = _SoFar(RunReport(as_of, dry_run=dry_run), limit)
    revised: set[int] = set()

    def chunk(connection: Connection, *, save: Save = all_at_once) -> _SoFar:
        return _chunk(connection, book_of, clock, so_far, so_far.most(connection, chunk_size), save, quiet)

    def look(connection: Connection) -> _SoFar:
        return _look(connection, book_of, so_far, so_far.most(connection, chunk_size), revised)

    def go_on() -> _SoFar:
        if dry_run:
            return transactions.read(look)
        try:
            return transactions.unit(chunk)
        except REFUSED:  # whose it is will be found
            return transactions.unit(partial(chunk, save=by_halves))

    for some in revise_open(transactions, book_of, clock, as_of, dry_run=dry_run):
        so_far = so_far.after(some.changes, errors=len(some.failed))
        if dry_run:
            revised.update(some.ids)
    while so_far.more and not (stop and stop()):
        so_far = go_on()
        if progress:
            progress(so_far.report)
    if dry_run:
        return replace(so_far.report, seconds=round(time.perf_counter() - began, 3))

    def close(connection: Connection) -> RunReport:
        all_had_their_turn = not so_far.more and so_far.left != 0
        locked = claims.count_due(connection, as_of) if all_had_their_turn else 0
        done = replace(so_far.report, locked=locked, seconds=round(time.perf_counter() - began, 3))
        row = {
            "as_of": as_of, "started_at": started_at, "ended_at": clock.now(), "tickets": done.tickets,
            "fired": done.fired, "skipped": done.skipped, "incidents": done.incidents, "lost": done.locked,
            "raced": done.raced, "escalated": done.escalated,
            "errors": done.errors, "oldest_lateness": done.oldest_lateness, "lateness": json.dumps(so_far.lateness),
        }  # fmt: skip
        agenda.write_run(connection, row)
        crash.point("run.closing")
        return done

    return transactions.unit(close)


@dataclass(frozen=True, slots=True)
class _SoFar:
    """How far a run has come: what it did, how many tickets it may still take, whether there are more.

    `lateness` counts its firings by how late they were. `seen` is the last ticket that a dry run has looked at.
    """

    report: RunReport
    left: int | None
    more: bool = True
    lateness: Mapping[str, int] = field(default_factory=dict)
    seen: tuple[datetime, int] | None = None

    def most(self, connection: Connection, chunk_size: int | None) -> int:
        """Return how many tickets the next chunk may take."""
        size = chunk_size or CHUNKS[connection.dialect.name]
        return size if self.left is None else min(size, self.left)

    def after(self, changes: Sequence[Change], *, raced: int = 0, errors: int = 0) -> _SoFar:
        """Count what was done to these tickets; those that were only re-armed are left out."""
        touched = [change for change in changes if _is_touched(change.outcome)]
        outcomes = [change.outcome for change in touched]
        report, left, lateness = self.report, self.left, Counter(self.lateness)
        oldest = report.oldest_lateness
        if touched:
            dues = [due for change in touched if (due := _due(change.timers))]
            oldest = max((report.as_of - min(dues, default=report.as_of)).total_seconds(), oldest or 0.0)
        lateness.update(
            health.late_class(entry.data["late_by"])
            for outcome in outcomes
            for entry in outcome.entries
            if "late_by" in entry.data and entry.kind != "skipped"
        )
        if left is not None:
            left = max(0, left - sum(bool(outcome.fired or outcome.skipped) for outcome in outcomes))
        report = replace(
            report,
            tickets=report.tickets + len(touched),
            fired=report.fired + sum(outcome.fired for outcome in outcomes),
            skipped=report.skipped + sum(outcome.skipped for outcome in outcomes),
            incidents=report.incidents + sum(len(outcome.incidents) for outcome in outcomes),
            escalated=report.escalated
            + sum(message.kind == "escalate" for outcome in outcomes for message in outcome.messages),
            raced=report.raced + raced,
            errors=report.errors + errors,
            oldest_lateness=oldest,
        )
        return replace(self, report=report, left=left, lateness=lateness)


def _chunk(
    connection: Connection,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    so_far: _SoFar,
    most: int,
    save: Save,
    quiet: bool,
) -> _SoFar:
    as_of = so_far.report.as_of
    ids = claims.claim_due(connection, as_of, most) if most else []
    if not ids:
        return replace(so_far, more=False)
    crash.point("run.claimed")
    book = book_of(connection)  # now that nobody can put newer rules under these tickets
    roster = roster_of(connection)
    changes, raced, failed = _decided(connection, book, ids, as_of, roster, quiet=quiet)
    now = clock.now()
    crash.point("run.decided")
    changes, refused = save(connection, changes, now)
    failed += refused
    keep_turns(connection, roster)
    if raced:
        claims.mend_next_timer(connection, raced)
    if failed:
        claims.set_aside(connection, failed, now)
    crash.point("run.written")
    return so_far.after(changes, raced=len(raced), errors=len(failed))


def _look(
    connection: Connection, book_of: Callable[[Connection], Book], so_far: _SoFar, most: int, revised: Set[int]
) -> _SoFar:
    """Decide what a run would do to its next chunk, but for those that it would have met as it `revised` them."""
    as_of = so_far.report.as_of
    found = claims.due_after(connection, as_of, so_far.seen, most) if most else []
    if not found:
        return replace(so_far, more=False)
    ids = [number for _, number in found if number not in revised]
    changes, raced, failed = _decided(connection, book_of(connection), ids, as_of, roster_of(connection))
    return replace(so_far.after(changes, raced=len(raced), errors=len(failed)), seen=found[-1])


def _decided(
    connection: Connection, book: Book, ids: Sequence[int], as_of: datetime, roster: Roster, *, quiet: bool = False
) -> tuple[list[Change], list[int], list[claims.Unreadable]]:
    """Return what happens to tickets, which of them have nothing due, and which make no sense, with the reason."""
    found, failed = claims.held(connection, ids, book.shapes)
    changes: list[Change] = []
    raced = []
    for ticket, timers in found:
        due = _due(timers)
        if due is None or due > as_of:
            raced.append(ticket.id)
            continue
        try:
            rules, known, newer = book.standing(ticket)
            outcome = run_unit(
                rules, known, timers, limit=as_of, fired_at=as_of, newer=newer, quiet=quiet, roster=roster
            )
        except Exception as fault:  # one ticket must not keep the others from their turn
            failed.append((ticket.id, str(fault) or type(fault).__name__))
            continue
        changes.append(Change(ticket, timers, outcome))
    return changes, raced, failed


def _is_touched(outcome: Outcome) -> bool:
    return bool(outcome.fired or outcome.skipped or outcome.incidents)


def _due(timers: Sequence[Timer]) -> datetime | None:
    return min([timer.due_at for timer in timers], default=None)
