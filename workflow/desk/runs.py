"""The timeout run: claim what is due in chunks, decide ticket by ticket, write set-wise."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core.unit import run_unit
from workflow.desk.book import Book
from workflow.desk.transactions import Transactions
from workflow.desk.unit import rules_for
from workflow.errors import UsageError
from workflow.store import records, tickets

CHUNKS = {"sqlite": 5000, "postgresql": 2000}


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a timeout run did. `lost` counts tickets that others held locked; `oldest_lateness` is in seconds."""

    as_of: datetime
    tickets: int = 0
    fired: int = 0
    skipped: int = 0
    escalated: int = 0
    incidents: int = 0
    lost: int = 0
    oldest_lateness: float | None = None
    seconds: float = 0.0


def run_due(
    transactions: Transactions,
    book_of: Callable[[Connection], Book],
    clock: Clock,
    *,
    as_of: datetime,
    limit: int | None = None,
) -> RunReport:
    """Fire what is due at `as_of`, chunk by chunk, each chunk one transaction."""
    if limit is not None and limit < 0:
        raise UsageError("a run cannot take fewer than no tickets", "give a limit of 0 or more", field="limit")
    started_at, began = clock.now(), time.perf_counter()
    report = RunReport(as_of)
    left = limit

    def chunk(connection: Connection) -> tuple[RunReport, int]:
        book = book_of(connection)
        size = CHUNKS[connection.dialect.name]
        most = size if left is None else min(size, left)
        claimed = tickets.claim_due(connection, as_of, most, book.shapes) if most else []
        changes, fired, skipped, escalated, incidents, oldest = [], 0, 0, 0, 0, report.oldest_lateness
        idle = []
        for ticket, timers in claimed:
            if not any(timer.due_at <= as_of for timer in timers):
                idle.append(ticket.id)
                continue
            rules, ticket = rules_for(book, ticket)
            outcome = run_unit(rules, ticket, timers, limit=as_of, fired_at=as_of)
            changes.append(tickets.Change(ticket, timers, outcome))
            fired, skipped = fired + outcome.fired, skipped + outcome.skipped
            incidents += len(outcome.incidents)
            escalated += sum(message.kind == "escalate" for message in outcome.messages)
            late = (as_of - min(timer.due_at for timer in timers)).total_seconds()
            oldest = late if oldest is None else max(oldest, late)
        tickets.save(connection, changes, clock.now())
        if idle:
            tickets.mend_next_timer(connection, idle)
        so_far = dataclasses.replace(
            report,
            tickets=report.tickets + len(claimed),
            fired=report.fired + fired,
            skipped=report.skipped + skipped,
            escalated=report.escalated + escalated,
            incidents=report.incidents + incidents,
            oldest_lateness=oldest,
        )
        return so_far, len(claimed)

    while True:
        report, claimed = transactions.unit(chunk)
        left = None if left is None else left - claimed
        if claimed == 0 or left == 0:
            break

    def close(connection: Connection) -> RunReport:
        lost = 0 if left == 0 else tickets.count_due(connection, as_of)
        done = dataclasses.replace(report, lost=lost, seconds=round(time.perf_counter() - began, 3))
        row = {
            "as_of": as_of, "started_at": started_at, "ended_at": clock.now(), "tickets": done.tickets,
            "fired": done.fired, "skipped": done.skipped, "incidents": done.incidents, "lost": done.lost,
            "oldest_lateness": done.oldest_lateness,
        }  # fmt: skip
        records.write_run(connection, row)
        return done

    return transactions.unit(close)
