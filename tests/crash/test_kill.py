"""Killed at any point, a desk has done a thing wholly or not at all, and doing it again makes it whole."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.scene import Kill, kills, shape, shape_of
from tests.crash.test_points import AT
from tests.crash.test_windows import WINDOWS
from tests.crash.victim import LATE, WORK, work
from tests.store.small import Books, opened
from workflow.clock import VirtualClock
from workflow.desk.desk import Desk
from workflow.store import schema
from workflow.store.engine import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")
WHOLE = ("open", "advance", "escalate", "link", "apply")


@pytest.fixture
def undisturbed(tmp_path: Path, folder: Path) -> Callable[[str], dict[str, list[str]]]:
    """Give a function that says what a piece of work leaves when nothing disturbs it."""

    def find(name: str) -> dict[str, list[str]]:
        url = f"sqlite:///{tmp_path / 'undisturbed.db'}"
        prepare(url, folder)
        work(url, folder, name)
        return shape_of(url)

    return find


def prepare(url: str, folder: Path) -> None:
    with opened(url, folder) as desk:
        for number in range(3):
            desk.open("job", actor="ann", fields={"statement": f"old {number}"}, customer={"phone": "138"})


@pytest.mark.prove
def test_what_is_one_unit_is_done_wholly_or_not_at_all(
    kill_at: Kill, url: str, folder: Path, books: Books, subtests: pytest.Subtests
) -> None:
    prepare(url, folder)
    with opened(url, folder, LATE):
        pass
    for name in WHOLE:
        before = books.rows()
        with subtests.test(name):
            left = [books.rows() for _ in kills(kill_at, name)]
            after = books.rows()
            assert after != before
            assert left[0] == before
            assert all(rows in (before, after) for rows in left)
            if name != "apply":  # which goes on to arm timers anew
                assert after not in left
            books.assert_balanced()
    assert {name: len(rows) for name, rows in shape(books).items()} == {
        "tickets": 4, "history": 13, "timers": 6, "slas": 0, "escalations": 2, "incidents": 0, "outbox": 1,
        "customers": 2, "definitions": 2, "links": 2, "idempotency": 2,
    }  # fmt: skip


@pytest.mark.prove
@pytest.mark.parametrize("name", ["run", "intake"])
def test_what_is_several_units_keeps_those_that_were_done(
    kill_at: Kill, url: str, folder: Path, books: Books, undisturbed: Callable[[str], Any], name: str
) -> None:
    prepare(url, folder)
    for _ in kills(kill_at, name):
        books.assert_balanced()
    books.assert_balanced()
    assert shape(books) == undisturbed(name)


def test_a_desk_that_dies_while_it_is_made_is_made_by_the_next(
    kill_at: Kill, url: str, folder: Path, books: Books
) -> None:
    for _ in kills(kill_at, "connect", step=3):
        store = Store(url)
        with store.read() as connection:
            assert schema.current(connection) in (None, schema.HEAD)
        store.close()
    assert (books.count("desk_revisions"), books.count("definitions")) == (1, 1)
    with Desk.connect(url, definitions=folder, clock=VirtualClock(LATE)) as desk:
        assert desk.open("job", actor="ann", fields={"statement": "x"}).seq == 1


def test_everything_that_can_be_done_is_killed_somewhere() -> None:
    assert {*WHOLE, "run", "intake", "connect", "host"} | {*AT.values(), *WINDOWS.values()} == {*WORK, "upgrade"}
