"""What is left of a desk that was killed, and the program that it happens to."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.store.small import Books

VARYING = {
    "id", "ticket_id", "other_id", "customer_id", "desk_revision", "hash", "head", "private", "digests", "arguments",
    "result",
}  # fmt: skip
COMPARED = (
    "tickets", "history", "timers", "slas", "escalations", "incidents", "outbox", "customers", "definitions", "links",
    "idempotency",
)  # fmt: skip
Victim = Callable[[str, Path, str, int | str], str]
Kill = Callable[[str, int | str], str]


def shape(books: Books) -> dict[str, list[str]]:
    """Return all rows of all tables, but for numbers that a rollback uses up, salts and what they lead to."""
    found = {}
    for name in COMPARED:
        rows = [{key: value for key, value in row.items() if key not in VARYING} for row in books.of(name)]
        for row in rows:
            if name == "history":
                data = json.loads(row["data"])
                row["data"] = {key: data[key] for key in data if key not in (*VARYING, "customer", "linked")}
        found[name] = sorted(map(str, rows))
    return found


def shape_of(url: str) -> dict[str, list[str]]:
    """Return the shape of the database at a URL."""
    books = Books(url)
    try:
        return shape(books)
    finally:
        books.close()


def kills(kill_at: Kill, name: str, step: int = 1) -> Iterator[int]:
    """Kill a piece of work at one statement after the other, until it comes through."""
    for statement in range(1, 500, step):
        outcome = kill_at(name, statement)
        if outcome == "done":
            return
        assert outcome == "killed"
        yield statement
    raise AssertionError("never done")


@contextmanager
def victim() -> Iterator[Victim]:
    """Give a function that does a piece of work and has it killed somewhere; it returns `killed` or `done`."""
    command = [sys.executable, "-m", "tests.crash.victim"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def kill_at(url: str, folder: Path, name: str, where: int | str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            print(shlex.join([url, str(folder), name, str(where)]), file=process.stdin, flush=True)
            return process.stdout.readline().strip()

        yield kill_at
        process.communicate()
