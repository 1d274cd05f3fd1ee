"""A database that fails in the middle of a unit is at fault itself: told so, and nothing is held against a ticket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, exc, make_url

from tests.crash.victim import JOINING, MASTER
from tests.store.small import MINUTE, NOON, Books, opened, write
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import StoreError
from workflow.store import crash, rosters, timekeeping
from workflow.store.engine import Store

CUT = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"
TEAM = MASTER.replace("manual", "least_loaded").replace("members: [ann, bob]", "members: [ann, bob, cat]")
AGAIN = [Contact(1, {"statement": "again"}, {"phone": "138"}, external_id="again")]
DEEDS: dict[str, Callable[[Desk], object]] = {
    "opening.decided": lambda desk: desk.open("job", actor="ann", fields={"statement": "x"}),
    "opening.written": lambda desk: desk.intake(AGAIN, actor="boss", ticket_type="job"),
    "unit.locked": lambda desk: desk.note(1, "x", actor="ann"),
    "unit.decided": lambda desk: desk.escalate(1, actor="ann"),
    "unit.written": lambda desk: desk.advance(1, "accept", actor="ann"),
    "run.claimed": lambda desk: desk.run_timeouts(),
    "run.decided": lambda desk: desk.run_timeouts(),
    "run.written": lambda desk: desk.run_timeouts(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "definitions", JOINING, desk=TEAM)


def prepare(url: str, folder: Path) -> None:
    with opened(url, folder) as desk:
        for number in range(3):
            desk.open("job", actor="ann", fields={"statement": "x"}, customer={"phone": f"13{8 + number}"})


@pytest.mark.prove
def test_a_connection_that_is_cut_in_a_unit_is_told_and_the_unit_has_not_happened(
    postgres_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    prepare(postgres_url, folder)
    books, url = Books(postgres_url), make_url(postgres_url)
    admin = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    armed = [""]

    def cut(point: str) -> None:
        if point == armed[0]:
            armed[0] = ""
            books.close()
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(CUT, [url.database])

    monkeypatch.setattr(crash, "point", cut)
    with opened(postgres_url, folder, NOON + 11 * MINUTE) as desk:
        before = books.rows()
        for point, do in DEEDS.items():
            with subtests.test(point):
                armed[0] = point
                with pytest.raises(StoreError, match="was cut"):
                    do(desk)
                assert armed[0] == ""
                assert books.rows() == before
        for do in DEEDS.values():
            do(desk)
    books.assert_balanced()
    assert books.count("incidents") == 0
    books.close()


def failing(*_: Any) -> Any:
    raise exc.OperationalError("SELECT", None, OSError("disk I/O error"))


def test_a_read_that_fails_while_a_timer_fires_makes_no_incident(
    sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(sqlite_url, folder)
    books = Books(sqlite_url)
    with opened(sqlite_url, folder, NOON + 11 * MINUTE) as desk:
        before = books.rows()
        with monkeypatch.context() as broken:
            broken.setattr(rosters._LOADS, "fetch", failing)
            for do in (desk.run_timeouts, lambda: desk.note(1, "x", actor="ann")):
                with pytest.raises(StoreError, match="I/O error"):
                    do()
        assert books.rows() == before
        assert desk.run_timeouts().fired == 3
    books.assert_balanced()
    assert books.count("incidents") == 0
    books.close()


def test_a_read_that_fails_is_no_damage_of_the_ticket(
    sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(sqlite_url, folder)
    with opened(sqlite_url, folder) as desk:
        monkeypatch.setattr(timekeeping._CLOCKS, "fetch", failing)
        for do in (lambda: desk.get(1), lambda: desk.intake(AGAIN, actor="boss", ticket_type="job")):
            with pytest.raises(StoreError, match="I/O error"):
                do()


@pytest.mark.prove
def test_a_connection_that_is_known_to_be_lost_is_told(postgres_url: str, folder: Path) -> None:
    prepare(postgres_url, folder)
    store = Store(postgres_url)

    def lose(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.close()
        rosters._LOADS.fetch(connection, {"ids": ["ann"]})

    with pytest.raises(StoreError, match="was cut"):
        store.unit(lose)
    with store.read() as connection:
        assert rosters._LOADS.fetch(connection, {"ids": ["ann"]})
    store.close()
