"""Measure Ticketflow against the raw driver and the same by hand: `python -m benchmarks [--quick] [--rows …]`.

Apart from that, by hand: `--stats` measures the figures of a year."""

import argparse
import os
import platform
import sqlite3
import sys
from importlib.metadata import version

from benchmarks.databases import databases
from benchmarks.figures import measure
from benchmarks.memory import memory
from benchmarks.startup import startup
from benchmarks.together import together
from benchmarks.work import Size, advance, intake, nothing, run

ROWS = {
    "advance": advance, "run": run, "together": together, "nothing": nothing, "intake": intake, "memory": memory,
    "startup": startup,
}  # fmt: skip
HEADINGS = ("work, in ms for each ticket or call", "against", "theirs", "ours", "ratio", "goal")
parser = argparse.ArgumentParser(prog="python -m benchmarks")
parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="measure only these")
parser.add_argument("--quick", action="store_true", help="fewer tickets and fewer rounds")
parser.add_argument("--million", action="store_true", help="1,000,000 open tickets; takes an hour and 20 GB of disk")
parser.add_argument(
    "--stats", nargs="?", type=int, const=1_000_000, metavar="TICKETS",
    help="measure only the figures of a year of so many tickets; a million take half an hour and 10 GB of disk",
)  # fmt: skip
chosen = parser.parse_args()
if chosen.stats:
    measure(chosen.stats)
    sys.exit()

lines: list[tuple[str, ...]] = [HEADINGS, tuple("-" * len(heading) for heading in HEADINGS)]
with databases() as (known, missing):
    for name in chosen.rows:
        for database in known[:1] if name == "startup" else known:
            print(f"{name}, {database.name} …", file=sys.stderr)
            for row in ROWS[name](database, Size(quick=chosen.quick, million=chosen.million)):
                figures = (f"{row.theirs:.3f}", f"{row.ours:.3f}", f"{row.ours / row.theirs:.2f}")
                lines.append((row.work, row.against, *figures, row.goal))
                print(*lines[-1], sep=" | ", file=sys.stderr)
    if missing:
        lines.append(("everything on PostgreSQL", f"skipped: {missing}", "", "", "", ""))

widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
for line in lines:
    print("|", " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)), "|")
load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors{load}"
packages = ", ".join(f"{name} {version(name)}" for name in ("SQLAlchemy", "psycopg", "transitions", "APScheduler"))
print(f"\n{machine}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}")
