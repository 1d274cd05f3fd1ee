"""Putting new calendars in force for the tickets that are open: each is re-armed once, in its own history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core.unit import run_unit
from workflow.desk.book import Book
from workflow.desk.saving import by_halves
from workflow.desk.transactions import Transactions
from workflow.store import agenda, claims, crash, definitions
from workflow.store.changes import Change
from workflow.store.rosters import keep_turns, roster_of

CHUNK = 1000
DONE = "rearmed"


@dataclass(frozen=True, slots=True)
class Revised:
    """What one transaction did to open tickets; those that `failed` were set aside, with the reason."""

    changes: list[Change]
    failed: list[claims.Unreadable]

    @property
    def ids(self) -> list[int]:
        """The tickets that were met, and changed or set aside."""
        return [change.outcome.ticket.id for change in self.changes] + [ticket_id for ticket_id, _ in self.failed]

    @property
    def rearmed(self) -> int:
        """How many tickets were re-armed."""
        return sum(any(entry.kind == "rearmed" for entry in change.outcome.entries) for change in self.changes)

    @property
    def moved(self) -> int:
        """How many due times are other than before."""
        return sum(
            timer.due_at != due
            for change in self.changes
            for before in ({timer.key: timer.due_at for timer in change.timers},)
            for timer in change.outcome.timers
            if (due := before.get(timer.key)) is not None
        )


def revise_open(
    transactions: Transactions,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    at: datetime,
    *,
    dry_run: bool = False,
) -> Iterator[Revised]:
    """Re-arm the open tickets that were armed under other calendars; yield what each transaction did.

    Killed half-way, the next run or unit does the rest. Nothing is done where no calendar changed. A ticket that cannot
    be decided becomes an incident, and is re-armed once that is retried. A `dry_run` reads and decides, no more.
    """
    last = 0
    over = False

    def chunk(connection: Connection) -> tuple[int, Revised, bool]:
        book = book_of(connection)
        done = definitions.setting(connection, DONE)
        since = int(done) if done else book.revisions[0].id
        if since == book.desk_id:
            return 0, Revised([], []), True
        if not book.newer_calendars(since):
            if not dry_run:
                definitions.put_setting(connection, DONE, str(book.desk_id))
            return 0, Revised([], []), True
        claimed, failed = claims.claim_older(connection, book.desk_id, last, CHUNK, book.shapes, lock=not dry_run)
        met = [ticket.id for ticket, _ in claimed] + [ticket_id for ticket_id, _ in failed]
        aside = agenda.set_aside(connection, met)
        changes: list[Change] = []
        same, roster = [], roster_of(connection)
        for ticket, timers in claimed:
            if ticket.id in aside:
                continue
            try:
                rules, known, newer = book.standing(ticket)
                if newer and newer[-1][0] > at:
                    continue
                outcome = run_unit(rules, known, timers, limit=at, fired_at=at, newer=newer, roster=roster)
            except Exception as fault:  # one ticket must not keep the others from theirs
                failed.append((ticket.id, str(fault) or type(fault).__name__))
                continue
            if outcome.entries:
                changes.append(Change(ticket, timers, outcome))
            else:
                same.append(ticket.id)
        if dry_run:
            return max(met, default=last), Revised(changes, [bad for bad in failed if bad[0] not in aside]), not met
        now = clock.now()
        changes, refused = by_halves(connection, changes, now)
        if failed := [(ticket_id, reason) for ticket_id, reason in failed + refused if ticket_id not in aside]:
            claims.set_aside(connection, failed, now)
        keep_turns(connection, roster)
        claims.pin_desk(connection, same, book.desk_id)
        crash.point("revise.chunk")
        if not met and not claims.count_older(connection, book.desk_id):
            definitions.put_setting(connection, DONE, str(book.desk_id))
        return max(met, default=last), Revised(changes, failed), not met

    while not over:
        last, revised, over = (transactions.read if dry_run else transactions.unit)(chunk)
        yield revised
