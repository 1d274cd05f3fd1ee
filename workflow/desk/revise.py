"""Putting new calendars in force for the tickets that are open: each is re-armed once, in its own history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core.unit import run_unit
from workflow.desk.book import Book
from workflow.desk.saving import by_halves
from workflow.desk.transactions import Transactions
from workflow.store import crash, definitions, tickets

CHUNK = 1000
DONE = "rearmed"


def revise_open(
    transactions: Transactions, book_of: Callable[[Connection], Book], clock: Clock, at: datetime
) -> Iterator[list[tickets.Change]]:
    """Re-arm the open tickets that were armed under other calendars; yield what each transaction did.

    Killed half-way, the next run or unit does the rest. Nothing is done where no calendar changed. A ticket that cannot
    be decided is left to the run that meets it.
    """
    last = 0
    over = False

    def chunk(connection: Connection) -> tuple[int, list[tickets.Change], bool]:
        book = book_of(connection)
        done = definitions.setting(connection, DONE)
        since = int(done) if done else book.revisions[0].id
        if since == book.desk_id:
            return 0, [], True
        if not book.newer_calendars(since):
            definitions.put_setting(connection, DONE, str(book.desk_id))
            return 0, [], True
        claimed, unreadable = tickets.claim_older(connection, book.desk_id, last, CHUNK, book.shapes)
        changes: list[tickets.Change] = []
        same = []
        for ticket, timers in claimed:
            try:
                rules, known, newer = book.standing(ticket)
                if newer and newer[-1][0] > at:
                    continue
                outcome = run_unit(rules, known, timers, limit=at, fired_at=at, newer=newer)
            except Exception:  # noqa: S112 - one ticket must not keep the others from theirs
                continue
            if outcome.entries:
                changes.append(tickets.Change(ticket, timers, outcome))
            else:
                same.append(ticket.id)
        changes, _ = by_halves(connection, changes, clock.now())
        tickets.pin_desk(connection, same, book.desk_id)
        crash.point("revise.chunk")
        met = [ticket.id for ticket, _ in claimed] + [ticket_id for ticket_id, _ in unreadable]
        if not met and not tickets.count_older(connection, book.desk_id):
            definitions.put_setting(connection, DONE, str(book.desk_id))
        return max(met, default=last), changes, not met

    while not over:
        last, changes, over = transactions.unit(chunk)
        yield changes
