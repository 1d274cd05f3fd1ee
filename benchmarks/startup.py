"""The command line's start-up, against importing what it cannot do without."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.databases import Database
from benchmarks.work import Row, Size, complaints, desk_at, medians

# pydantic's own name imports nothing yet: a model does.
MODEL = "from pydantic import BaseModel"
NEEDED = {
    "--help": "import click",
    "check": f"import click, yaml, cel_expr_python, jinja2; {MODEL}",
    "advance": f"import click, cel_expr_python, transitions, sqlalchemy.dialects.sqlite; {MODEL}",
}


def startup(database: Database, size: Size) -> list[Row]:
    """Measure three commands, each in a process of its own, with bytecode as an installed program has it."""
    rounds, url = 5 if size.quick else 25, database.fresh()
    with desk_at(url) as desk:
        desk.intake(complaints(rounds + 1), actor="agent_01", past="fire")
    program = [str(Path(sys.executable).with_name("ticketflow")), "--database", url, "--actor", "agent_01"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def ours(name: str, turn: int) -> None:
        # The desk was made on a virtual clock; it goes on there.
        more = ["--now", "2026-03-02T10:05+08:00", name, str(turn), "accept"] if name == "advance" else [name]
        subprocess.run([*program, *more], check=True, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603 - our own

    def theirs(imports: str, _turn: int) -> None:
        subprocess.run([sys.executable, "-c", imports], check=True, env=environment)  # noqa: S603 - our own

    found: list[Row] = []
    for name, imports in NEEDED.items():
        ours(name, rounds + 1)  # writes the bytecode
        floor, command = medians(rounds, partial(theirs, imports), partial(ours, name))
        found.append(Row(f"ticketflow {name}", imports, floor, command, "≤ 1.5"))
    return found
