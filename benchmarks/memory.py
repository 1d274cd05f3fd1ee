"""How much memory a process takes that runs everything that is due."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.databases import Database
from benchmarks.work import NOW, Row, Size, complaints, desk_at, multiply
from tests.postgres import ROOT

CHILD = """
import sys
from datetime import datetime
from workflow import Desk, VirtualClock
clock = VirtualClock(datetime.fromisoformat(sys.argv[3]))
with Desk.connect(sys.argv[1], definitions=sys.argv[2], clock=clock) as desk:
    report = desk.run_timeouts()
highest = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(report.tickets, int(highest.split()[1]) / 1024)
"""


def memory(database: Database, size: Size) -> list[Row]:
    """Measure the highest memory of a run, against that of a run of fewer tickets: it must be flat. On Linux only."""
    if sys.platform != "linux":
        return []
    taken, late_of = (2_000, 5) if size.quick else (10_000, 10)
    factors = (2, 5) if size.quick else (10, 100 if size.million else 50)
    few, many = (_highest(database, taken, late_of, factor) for factor in factors)
    name = f"memory of a run, MB, {taken * factors[1] // late_of:,} due of {taken * factors[1]:,}, {database.name}"
    return [Row(name, f"{taken * factors[0] // late_of:,} due", few, many, "≤ 150 MB")]


def _highest(database: Database, taken: int, late_of: int, factor: int) -> float:
    url = database.fresh()
    with desk_at(url) as desk:
        desk.intake(complaints(taken, late_of=late_of), actor="agent_01", past="fire")
    multiply(database, url, factor)
    command = [sys.executable, "-c", CHILD, url, str(ROOT / "definitions"), NOW.isoformat()]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
    tickets, megabytes = told.split()
    assert int(tickets) == taken * factor // late_of
    return float(megabytes)
