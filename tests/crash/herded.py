"""One of a herd: a scheduler in a process of its own, which tells what its timeout runs claim and have written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import psycopg
from sqlalchemy import Connection

from workflow.cli.app import cli
from workflow.store import claims, crash
from workflow.testing import memory_desk

LOADED = (psycopg, memory_desk)  # before the fork, as whoever is forked needs them at once


def work(pipe: Pipe, arguments: Sequence[str], log: Path) -> None:
    """Run the command line. Send how many tickets each chunk claims, and -1 when it waits only for its commit."""
    claim = claims.claim_due

    def claim_due(connection: Connection, as_of: datetime, most: int) -> list[int]:
        ids = claim(connection, as_of, most)
        pipe.send(len(ids))
        return ids

    def point(name: str) -> None:
        if name == "run.written":
            pipe.send(-1)

    claims.claim_due, crash.point = claim_due, point
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    cli.main(list(arguments), prog_name="ticketflow")
