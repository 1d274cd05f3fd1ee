"""How long the figures of a year take: `python -m benchmarks --stats [TICKETS]`.

Some hundred tickets of every shipped type are really taken through the desk, on a virtual clock, with waits drawn by
chance; some stop half-way. Their rows are then multiplied: each copy is on another day of the year, takes up to four
times as long or a quarter, and is the work of other people, so that there are about fifty. Personal data, digests and
hashes are left out of the copies, which therefore prove nothing of the chain.
"""

from __future__ import annotations

import heapq
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.postgres import ROOT
from workflow import Desk, Refused, VirtualClock
from workflow.store.tables import figures, history, tickets

OPENS = datetime(2026, 1, 1, 1, tzinfo=UTC)
TAKEN = 350
CLOSES = datetime(2028, 1, 1, tzinfo=UTC)
DAYS = 365
CREWS = 3  # of so many people each member of the shipped desk is one
MIX = (12, 7, 10, 2, 3, 4, 3)  # of the types, as examples/walks.json has them
CHANNELS = ("phone", "web", "wechat", "weibo", "douyin", "app")
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("in all", {}),
    *((f"by {by}", {"by": by}) for by in ("type", "team", "agent", "channel", "day")),
    *((f"by {by}, of 11 months", {"by": by, "since": "2026-01-02", "until": "2026-12-15"}) for by in ("agent", "type")),
)
CHILD = """
import json, sys, time
from datetime import date, datetime
from workflow import Desk, VirtualClock
asked = json.loads(sys.argv[2])
asked |= {name: date.fromisoformat(asked[name]) for name in ("since", "until") if name in asked}
began = time.perf_counter()
clock = VirtualClock(datetime.fromisoformat(sys.argv[3]))
with Desk.connect(sys.argv[1], definitions=sys.argv[4], clock=clock) as desk:
    found = desk.stats(**asked)
took = time.perf_counter() - began
highest = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([took, int(highest.split()[1]) / 1024, found.total.opened, len(found.rows)]))
"""


def measure(many: int) -> None:
    """Print what counting so many tickets takes, and reading their figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "year.db"
        url, definitions = f"sqlite:///{file.as_posix()}", ROOT / "definitions"
        with Desk.connect(url, definitions=definitions, clock=VirtualClock(OPENS)) as desk:
            live(desk)
        multiply(file, -(-many // TAKEN))
        print(f"{_megabytes(file)} of tickets", flush=True)
        with Desk.connect(url, definitions=definitions, clock=VirtualClock(CLOSES)) as desk:
            began = time.perf_counter()
            counted = desk.count_figures()
            took = time.perf_counter() - began
        print(f"counted {counted:,} tickets in {took:.0f} s, {took / counted * 1e6:.0f} µs each", flush=True)
        print(f"{_megabytes(file)} with the figures", flush=True)
        for name, asked in ASKED:
            command = [sys.executable, "-c", CHILD, url, json.dumps(asked), CLOSES.isoformat(), str(definitions)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
            seconds, megabytes, opened, rows = json.loads(told)
            print(f"{name}: {seconds:.2f} s, {megabytes:.0f} MB at most, {opened:,} opened, {rows} rows", flush=True)


def live(desk: Desk) -> None:
    """Take tickets of every type through the desk; they come in over half a day."""
    chance = random.Random(33)  # noqa: S311 - nothing to guess here
    walks = json.loads((ROOT / "examples" / "walks.json").read_text(encoding="utf-8"))
    ids: dict[int, int] = {}
    steps: list[tuple[datetime, int, int, str]] = []
    for number in range(TAKEN):
        at = OPENS + timedelta(seconds=chance.randrange(12 * 3600))
        heapq.heappush(steps, (at, number, -1, *chance.choices([*walks], MIX)))
    while steps:
        at, number, step, name = heapq.heappop(steps)
        desk.run_timeouts(as_of=at)
        with suppress(Refused):  # a timeout has moved it: here it stays
            if step < 0:
                channel = CHANNELS[number % len(CHANNELS)]
                ids[number] = desk.open(name, actor="agent_01", fields={"statement": "断网"}, channel=channel).id
            else:
                given = walks[name][step]
                desk.advance(ids[number], given["trigger"], actor=given["actor"], fields=given["fields"])
            if step + 1 < len(walks[name]) and chance.random() > 0.01:
                wait = timedelta(seconds=chance.lognormvariate(5 if step < 1 else 8, 1.5))
                heapq.heappush(steps, (at + wait, number, step + 1, name))


def multiply(file: Path, copies: int) -> None:
    """Put copies of every ticket and its history beside it."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript("PRAGMA synchronous=OFF; CREATE TEMP TABLE copies (copy, day, speed)")
    speeds = ((copy, copy % DAYS, 4 ** (copy * 0.618 % 2 - 1)) for copy in range(1, copies))
    connection.executemany("INSERT INTO copies VALUES (?, ?, ?)", speeds)
    shifted = "strftime('%Y-%m-%dT%H:%M:%f', julianday(t.opened_at) + day + {later}) || '000Z'"
    moved = {
        "id": f"t.id + copy * {TAKEN}", "opened_at": shifted.format(later="0"), "head": "''", "counted": "0",
        "assignee": f"t.assignee || '.' || (copy % {CREWS})",
    }  # fmt: skip
    later = "(julianday(h.happened_at) - julianday(t.opened_at)) * speed"
    told = {
        "ticket_id": f"h.ticket_id + copy * {TAKEN}", "happened_at": shifted.format(later=later), "hash": "''",
        "private": "NULL", "digests": "NULL",
        "actor": f"CASE WHEN h.actor = 'timer' THEN h.actor ELSE h.actor || '.' || (copy % {CREWS}) END",
    }  # fmt: skip
    connection.execute("BEGIN")
    for table, new, source in (
        (tickets, moved, f"{tickets.name} AS t"),
        (history, told, f"{tickets.name} AS t JOIN {history.name} AS h ON h.ticket_id = t.id"),
    ):
        own = source.rpartition(" AS ")[2][0]
        values = ", ".join(new.get(column.name, f'{own}."{column.name}"') for column in table.columns)
        connection.execute(
            f"INSERT INTO {table.name} SELECT {values} FROM copies CROSS JOIN {source} WHERE t.id <= {TAKEN} "
            f"ORDER BY copy, t.id"
        )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _megabytes(file: Path) -> str:
    connection = sqlite3.connect(file)
    found = [
        connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0] for table in (tickets, history, figures)
    ]
    connection.close()
    return f"{file.stat().st_size / 2**20:,.0f} MB, {found[0]:,} tickets, {found[1]:,} entries, {found[2]:,} figures"
