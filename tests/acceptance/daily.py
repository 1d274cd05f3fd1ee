"""Late = punctual on real data: one late run against a run every so many days, from the first ticket to the same end.

`python -m tests.acceptance.daily [DAYS [TICKETS]]` compares; DAYS is 1 unless given, TICKETS all of them. What law 5
lets differ is left out: fired_at and late_by, assignees and addressees, rungs between a ladder's opening and its end.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.acceptance.test_real_data import SHANGHAI, civic
from workflow import Contact, Desk, HistoryEntry

FIRST, END = datetime(2011, 4, 2, tzinfo=SHANGHAI), datetime(2020, 3, 1, tzinfo=SHANGHAI)


def dues_of(entry: HistoryEntry) -> list[datetime]:
    """Return the due times that an entry stands for, or when it happened."""
    return [datetime.fromisoformat(due) for due in entry.data.get("merged", ())] or [entry.happened_at]


def told(desk: Desk, tickets: int) -> Iterator[Any]:
    """Yield what must be the same however often runs came."""
    for number in range(1, tickets + 1):
        ticket, history = desk.get(number), desk.history(number)
        ladder = ticket.ladder and (ticket.ladder.id, ticket.ladder.opened_at, dict(ticket.ladder.causes))
        yield (
            ticket.state, ticket.entry, ticket.priority, dict(ticket.fields), ticket.clocks, ladder, ticket.next_due_at,
            [
                (entry.kind, due, entry.timer and (*entry.timer[:3], entry.timer[3] - later), entry.source, entry.dest)
                for entry in history
                if entry.kind not in ("escalated", "unattended", "assigned", "notified", "overtaken")
                for later, due in reversed([*enumerate(reversed(dues_of(entry)))])
            ],
        )  # fmt: skip


def compare(folder: Path, days: int, tickets: int | None) -> dict[str, Any]:
    """Live through it both ways; return how many runs and firings there were, raise where the two differ."""
    contacts = [
        Contact(line, fields={"statement": body}, external_id=key, opened_at=at)
        for line, (key, at, body) in enumerate(sorted(civic(), key=lambda found: found[1])[:tickets], 2)
    ]
    late, often = folder / "late.db", folder / "often.db"
    with Desk.connect(f"sqlite:///{late}") as desk:
        opened = desk.intake(contacts, actor="lead_day", ticket_type="complaint", past="fire").opened
    shutil.copyfile(late, often)
    began = time.perf_counter()
    with Desk.connect(f"sqlite:///{late}") as desk, Desk.connect(f"sqlite:///{often}") as other:
        once = desk.run_timeouts(as_of=END).fired
        runs = fired = 0
        as_of = FIRST
        while as_of < END:
            as_of = min(as_of + timedelta(days=days), END)
            fired += other.run_timeouts(as_of=as_of).fired
            runs += 1
        for number, (one, many) in enumerate(zip(told(desk, opened), told(other, opened), strict=True), 1):
            if one != many:
                raise SystemExit(f"ticket {number} differs:\n{one}\n{many}")
    seconds = round(time.perf_counter() - began, 1)
    return {"tickets": opened, "runs": runs, "fired": fired, "fired at once": once, "seconds": seconds}


if __name__ == "__main__":
    given = dict(zip(("days", "tickets"), map(int, sys.argv[1:]), strict=False))
    with tempfile.TemporaryDirectory() as scratch:
        print(compare(Path(scratch), given.get("days", 1), given.get("tickets")))
