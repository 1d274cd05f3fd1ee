"""Killed at any point, a desk has done a thing wholly or not at all, and doing it again makes it whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.victim import LATE, WORK, work
from tests.store.small import Books, opened, write
from workflow.clock import VirtualClock
from workflow.desk.desk import Desk
from workflow.store import schema
from workflow.store.engine import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")
WHOLE = ("open", "advance", "escalate", "link", "apply")
VARYING = {
    "id", "ticket_id", "other_id", "customer_id", "desk_revision", "hash", "head", "private", "digests", "result",
}  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "definitions")


@pytest.fixture
def books(url: str) -> Iterator[Books]:
    books = Books(url)
    yield books
    books.close()


@pytest.fixture
def undisturbed(tmp_path: Path, folder: Path) -> Callable[[str], dict[str, list[str]]]:
    """Give a function that says what a piece of work leaves when nothing disturbs it."""

    def find(name: str) -> dict[str, list[str]]:
        url = f"sqlite:///{tmp_path / 'undisturbed.db'}"
        prepare(url, folder)
        work(url, folder, name)
        books = Books(url)
        try:
            return shape(books)
        finally:
            books.close()

    return find


def prepare(url: str, folder: Path) -> None:
    with opened(url, folder) as desk:
        for number in range(3):
            desk.open("job", actor="ann", fields={"statement": f"old {number}"}, customer={"phone": "138"})


def shape(books: Books) -> dict[str, list[str]]:
    """Return all rows of all tables, but for numbers that a rollback uses up, salts and what they lead to."""
    found = {}
    for name in ("tickets", "history", "timers", "outbox", "customers", "definitions", "links", "idempotency"):
        rows = [{key: value for key, value in row.items() if key not in VARYING} for row in books.of(name)]
        for row in rows:
            if name == "history":
                data = json.loads(row["data"])
                row["data"] = {key: value for key, value in data.items() if key not in ("customer", "linked")}
        found[name] = sorted(map(str, rows))
    return found


@contextmanager
def victim(url: str, folder: Path) -> Iterator[Callable[[str, int], str]]:
    command = [sys.executable, "-m", "tests.crash.victim", url, str(folder)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def kill_at(name: str, statement: int) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            print(name, statement, file=process.stdin, flush=True)
            return process.stdout.readline().strip()

        yield kill_at
        process.communicate()


def kills(kill_at: Callable[[str, int], str], name: str, step: int = 1) -> Iterator[int]:
    """Kill a piece of work at one statement after the other, until it comes through."""
    for statement in range(1, 500, step):
        outcome = kill_at(name, statement)
        if outcome == "done":
            return
        assert outcome == "killed"
        yield statement
    raise AssertionError("never done")


def test_what_is_one_unit_is_done_wholly_or_not_at_all(
    url: str, folder: Path, books: Books, subtests: pytest.Subtests
) -> None:
    prepare(url, folder)
    with opened(url, folder, LATE):
        pass
    with victim(url, folder) as kill_at:
        for name in WHOLE:
            before = books.rows()
            with subtests.test(name):
                assert {books.rows() == before for _ in kills(kill_at, name)} == {True}
                assert books.rows() != before
                books.assert_balanced()
    assert {name: len(rows) for name, rows in shape(books).items()} == {
        "tickets": 4, "history": 11, "timers": 5, "outbox": 1, "customers": 2, "definitions": 2, "links": 2,
        "idempotency": 2,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["run", "intake"])
def test_what_is_several_units_keeps_those_that_were_done(
    url: str, folder: Path, books: Books, undisturbed: Callable[[str], Any], name: str
) -> None:
    prepare(url, folder)
    with victim(url, folder) as kill_at:
        for _ in kills(kill_at, name):
            books.assert_balanced()
    books.assert_balanced()
    assert shape(books) == undisturbed(name)


def test_a_desk_that_dies_while_it_is_made_is_made_by_the_next(url: str, folder: Path, books: Books) -> None:
    with victim(url, folder) as kill_at:
        for _ in kills(kill_at, "connect", step=3):
            store = Store(url)
            with store.read() as connection:
                assert schema.current(connection) in (None, schema.HEAD)
            store.close()
    assert (books.count("desk_revisions"), books.count("definitions")) == (1, 1)
    with Desk.connect(url, definitions=folder, clock=VirtualClock(LATE)) as desk:
        assert desk.open("job", actor="ann", fields={"statement": "x"}).seq == 1


def test_everything_that_can_be_done_is_killed_somewhere() -> None:
    assert {*WHOLE, "run", "intake", "connect"} == set(WORK)
