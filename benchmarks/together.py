"""How much faster several timeout runs are at once: on PostgreSQL they share what is due, on SQLite they take turns."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import median

from benchmarks.databases import Database
from benchmarks.work import NOW, Row, Size, complaints, desk_at, multiply
from tests.postgres import ROOT

CHUNK = 250
TOGETHER = (1, 2, 4)
CHILD = """
import sys
import time
from datetime import datetime
from workflow import Desk, VirtualClock
clock = VirtualClock(datetime.fromisoformat(sys.argv[3]))
with Desk.connect(sys.argv[1], definitions=sys.argv[2], clock=clock, busy_timeout=120) as desk:
    assert desk.types
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.process_time()
    print(desk.run_timeouts(chunk=int(sys.argv[4])).fired, time.process_time() - began, flush=True)
"""


def together(database: Database, size: Size) -> list[Row]:
    """Measure the tickets a second of two and of four runs at once, each a process, against one.

    Where the processors are busy these say little: what a ticket takes of them says whether runs hinder each other.
    """
    taken, factor = (2_000, 2) if size.quick else (4_000, 5)
    many, base = taken * factor, database.fresh()
    with desk_at(base) as desk:
        desk.intake(complaints(taken, late_of=1), actor="agent_01", past="fire")
    multiply(database, base, factor)
    measured: dict[int, list[tuple[float, float]]] = {runs: [] for runs in TOGETHER}
    for _ in range(1 if size.quick else 3):
        for runs in TOGETHER:
            measured[runs].append(_seconds(database.copy(base), runs, many))
    a_second = {runs: many / median(wall for wall, _ in measured[runs]) for runs in TOGETHER}
    each = {runs: median(busy for _, busy in measured[runs]) * 1e3 / many for runs in TOGETHER}
    rows = []
    for runs in TOGETHER[1:]:
        name = f"{runs} runs at once, {many:,} due, {database.name}"
        rows += [
            Row(f"tickets a second: {name}", "one run", a_second[1], a_second[runs]),
            Row(f"processor time: {name}", "one run", each[1], each[runs]),
        ]
    return rows


def _seconds(url: str, runs: int, many: int) -> tuple[float, float]:
    """Return how long so many runs take until everything is fired, and their processor time."""
    command = [sys.executable, "-c", CHILD, url, str(ROOT / "definitions"), NOW.isoformat(), str(CHUNK)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
            )
            for _ in range(runs)
        ]
        for each in started:
            assert each.stdout
            assert each.stdout.readline() == "ready\n"
        began = time.perf_counter()
        for each in started:
            assert each.stdin
            print("go", file=each.stdin, flush=True)
        told = [each.stdout.readline().split() for each in started if each.stdout]
        took = time.perf_counter() - began
    fired = sum(int(tickets) for tickets, _ in told)
    assert fired == many, f"{fired:,} fired of {many:,}"
    return took, sum(float(busy) for _, busy in told)
