"""Putting new calendars in force for the tickets that are open: each is re-armed once, in its own history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from workflow.core.unit import run_unit
from workflow.desk.book import Book
from workflow.desk.transactions import Transactions
from workflow.store import definitions, tickets

CHUNK = 1000
DONE = "rearmed"


def revise_open(transactions: Transactions, book_of: Callable[[Connection], Book], at: datetime) -> int:
    """Re-arm the open tickets that were armed under other calendars, chunk by chunk; return how many there were.

    Killed half-way, the next run or unit does the rest. Nothing is done where no calendar changed.
    """
    last, revised = 0, 0

    def chunk(connection: Connection) -> tuple[int, int, bool]:
        book = book_of(connection)
        done = definitions.setting(connection, DONE)
        since = int(done) if done else book.revisions[0].id
        if since == book.desk_id:
            return 0, 0, True
        if not book.newer_calendars(since):
            definitions.put_setting(connection, DONE, str(book.desk_id))
            return 0, 0, True
        claimed = tickets.claim_older(connection, book.desk_id, last, CHUNK, book.shapes)
        changes: list[tickets.Change] = []
        same: list[tickets.Change] = []
        for ticket, timers in claimed:
            rules, known, newer = book.standing(ticket)
            outcome = run_unit(rules, known, timers, limit=at, fired_at=at, newer=newer)
            (changes if outcome.entries else same).append(tickets.Change(ticket, timers, outcome))
        tickets.save(connection, changes, at)
        tickets.pin_desk(connection, [change.outcome.ticket.id for change in same], book.desk_id)
        if not claimed and not tickets.count_older(connection, book.desk_id):
            definitions.put_setting(connection, DONE, str(book.desk_id))
        return max((ticket.id for ticket, _ in claimed), default=0), len(changes), not claimed

    while True:
        reached, many, over = transactions.unit(chunk)
        revised += many
        if over:
            return revised
        last = reached
