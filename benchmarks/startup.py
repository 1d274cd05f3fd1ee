"""The command line's start-up, against importing what it cannot do without."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.databases import Database
from benchmarks.work import Row, complaints, desk_at, medians

NEEDED = {
    "--help": "click",
    "check": "click, yaml, pydantic, cel_expr_python",
    "advance": "click, pydantic, cel_expr_python, transitions, sqlalchemy.dialects.sqlite",
}


def startup(database: Database, *, quick: bool) -> list[Row]:
    """Measure three commands, each in a process of its own."""
    rounds, url = 5 if quick else 15, database.fresh()
    with desk_at(url) as desk:
        desk.intake(complaints(rounds), actor="agent_01", past="fire")
    program = [str(Path(sys.executable).with_name("ticketflow")), "--database", url, "--actor", "agent_01"]

    def ours(name: str, turn: int) -> None:
        # The desk was made on a virtual clock; it goes on there.
        more = ["--now", "2026-03-02T10:05+08:00", name, str(turn), "accept"] if name == "advance" else [name]
        subprocess.run([*program, *more], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own

    def theirs(imports: str, _turn: int) -> None:
        subprocess.run([sys.executable, "-c", f"import {imports}"], check=True)  # noqa: S603 - our own

    found: list[Row] = []
    for name, imports in NEEDED.items():
        floor, command = medians(rounds, partial(theirs, imports), partial(ours, name))
        found.append((f"ticketflow {name}", f"import {imports}", floor, command, 1.5))
    return found
