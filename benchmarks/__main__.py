"""Measure Ticketflow against the raw driver and the same by hand: `python -m benchmarks [--quick] [--rows …]`."""

import argparse
import os
import platform
import sqlite3
import sys
from importlib.metadata import version

from benchmarks.databases import databases
from benchmarks.startup import startup
from benchmarks.work import advance, intake, run

ROWS = {"advance": advance, "run": run, "intake": intake, "startup": startup}
HEADINGS = ("work, in ms for each ticket or call", "against", "theirs", "ours", "ratio", "goal")
parser = argparse.ArgumentParser(prog="python -m benchmarks")
parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="measure only these")
parser.add_argument("--quick", action="store_true", help="fewer tickets and fewer rounds")
chosen = parser.parse_args()

lines: list[tuple[str, ...]] = [HEADINGS, tuple("-" * len(heading) for heading in HEADINGS)]
with databases() as (known, missing):
    for name in chosen.rows:
        for database in known[:1] if name == "startup" else known:
            print(f"{name}, {database.name} …", file=sys.stderr)
            for work, against, theirs, ours, goal in ROWS[name](database, quick=chosen.quick):
                ratio, limit = f"{ours / theirs:.2f}", f"≤ {goal:g}" if goal else ""
                lines.append((work, against, f"{theirs * 1e3:.3f}", f"{ours * 1e3:.3f}", ratio, limit))
    if missing:
        lines.append(("everything on PostgreSQL", f"skipped: {missing}", "", "", "", ""))

widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
for line in lines:
    print("|", " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)), "|")
packages = ", ".join(f"{name} {version(name)}" for name in ("SQLAlchemy", "psycopg", "transitions", "APScheduler"))
print(f"\n{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, "
      f"SQLite {sqlite3.sqlite_version}, {packages}")  # fmt: skip
