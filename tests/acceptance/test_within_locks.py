"""What a host's transaction locks, for how long, and what others are told meanwhile."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.acceptance.hosts import JOB, Order, begins_itself, host_engine, impatient, place, placed
from tests.store.small import Books, opened
from workflow import Contact, Desk, StoreBusy, StoreError, SystemClock, Ticket, VirtualClock

AGAIN = "roll back and run the whole transaction again"
EARLIER = "roll back, and enter `within` before the transaction's first read"


@pytest.fixture
def ticket(desk: Desk) -> int:
    return desk.open("job", **JOB).id


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with host_engine(database_url, **impatient(database_url)) as engine:
        yield engine


@pytest.fixture
def on_sqlite(sqlite_url: str, definitions: Path, clock: VirtualClock) -> Iterator[tuple[Desk, Engine]]:
    with (
        Desk.connect(sqlite_url, definitions=definitions, clock=clock, busy_timeout=0.05) as desk,
        host_engine(sqlite_url, **impatient(sqlite_url)) as engine,
    ):
        yield desk, engine


@pytest.fixture
def on_postgres(postgres_url: str, definitions: Path, clock: VirtualClock) -> Iterator[tuple[Desk, Engine]]:
    with (
        Desk.connect(postgres_url, definitions=definitions, clock=clock) as desk,
        host_engine(postgres_url) as engine,
    ):
        yield desk, engine


@contextmanager
def waiting(engine: Engine, work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Start work that has to wait for a lock of this test's own, and go on when it does."""
    with ThreadPoolExecutor() as pool:
        future = pool.submit(work)
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not connection.scalar(query):
                assert not future.done(), "it did not wait"
                time.sleep(0.002)
        yield future


# Another transaction holds the lock.


def test_a_lock_that_another_transaction_holds_is_told_and_never_tried_again(
    desk: Desk, engine: Engine, ticket: int
) -> None:
    tries: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _count(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        tries.extend(sign for sign in ("BEGIN IMMEDIATE", "FOR UPDATE") if sign in statement)

    with Session(engine) as first, Session(engine) as second:
        desk.within(first).note(ticket, "first", actor="ann")
        tries.clear()
        with pytest.raises(StoreBusy) as busy:
            desk.within(second).note(ticket, "second", actor="ann")
        assert busy.value.remedy == AGAIN
        assert len(tries) == 1
        first.commit()
        second.rollback()
        desk.within(second).note(ticket, "second", actor="ann")
        second.commit()
    assert [entry.private.get("note") for entry in desk.history(ticket)] == [None, "first", "second"]


def test_after_waiting_in_vain_a_host_on_postgresql_can_go_on(on_postgres: tuple[Desk, Engine]) -> None:
    desk, engine = on_postgres
    ticket = desk.open("job", **JOB).id
    with Session(engine) as first, Session(engine) as second:
        desk.within(first).note(ticket, "first", actor="ann")
        second.execute(text("SET LOCAL lock_timeout = 20"))
        place(second)
        with pytest.raises(StoreBusy):
            desk.within(second).note(ticket, "second", actor="ann")
        desk.within(second).open("job", **JOB)
        second.commit()
    assert (len(desk.find().tickets), placed(engine)) == (2, 1)


def test_a_ticket_is_locked_until_the_hosts_transaction_ends(
    desk: Desk, engine: Engine, ticket: int, database_url: str, definitions: Path, clock: VirtualClock, books: Books
) -> None:
    other = desk.open("job", **JOB).id
    now = clock.advance(timedelta(hours=1))
    with opened(database_url, definitions, now, busy_timeout=0.05) as elsewhere, Session(engine) as session:
        desk.within(session).note(ticket, "mine", actor="ann")
        with pytest.raises(StoreBusy):
            elsewhere.note(ticket, "theirs", actor="ann")
        if engine.dialect.name == "sqlite":
            with pytest.raises(StoreBusy):
                elsewhere.run_timeouts()
        else:
            report = elsewhere.run_timeouts()
            assert (report.fired, report.locked) == (1, 1)
            assert [row.ticket_id for row in elsewhere.outbox()] == [other]
        assert elsewhere.get(ticket).ticket_version == 1
        session.rollback()
        assert elsewhere.run_timeouts().locked == 0
    assert sorted(row.ticket_id for row in desk.outbox()) == [ticket, other]
    books.assert_balanced()


def test_who_waits_for_the_host_finds_what_it_did(on_postgres: tuple[Desk, Engine]) -> None:
    desk, engine = on_postgres
    ticket = desk.open("job", **JOB)
    with Session(engine) as session:
        desk.within(session).advance(ticket.id, "accept", actor="ann")

        def note() -> Ticket:
            return desk.note(ticket.id, "after", actor="ann")

        with waiting(engine, note) as noted:
            session.commit()
            assert noted.result().state == "handle.first"


def test_of_two_hosts_that_lock_crosswise_one_is_told(on_postgres: tuple[Desk, Engine]) -> None:
    desk, engine = on_postgres
    tickets = [desk.open("job", **JOB).id for _ in range(2)]
    both = Barrier(2)

    def cross(first: int, second: int) -> str:
        with Session(engine) as session:
            desk.within(session).note(first, "one", actor="ann")
            both.wait()
            try:
                desk.within(session).note(second, "two", actor="ann")
            except StoreBusy as busy:
                return busy.remedy
            session.commit()
            return "done"

    with ThreadPoolExecutor() as pool:
        ends = list(pool.map(cross, tickets, reversed(tickets)))
    assert sorted(ends) == sorted(["done", AGAIN])
    assert [len(desk.history(ticket)) for ticket in tickets] == [2, 2]


# What the host read before it entered.


def test_on_sqlite_a_snapshot_that_is_too_old_cannot_write(on_sqlite: tuple[Desk, Engine]) -> None:
    desk, engine = on_sqlite
    begins_itself(engine)
    with Session(engine) as session:
        assert session.scalars(select(Order)).all() == []
        desk.open("job", **JOB)
        with pytest.raises(StoreBusy) as busy:
            desk.within(session)
        assert busy.value.remedy == EARLIER
        session.rollback()
        desk.within(session).note(1, "now", actor="ann")
        session.commit()
    assert len(desk.history(1)) == 2


def test_on_sqlite_entering_first_keeps_other_writers_out(on_sqlite: tuple[Desk, Engine]) -> None:
    desk, engine = on_sqlite
    for prepare in (lambda engine: engine, begins_itself):
        prepare(engine)
        with Session(engine) as session:
            inside = desk.within(session)
            assert session.scalars(select(Order)).all() == []
            with pytest.raises(StoreBusy):
                desk.open("job", **JOB)
            inside.open("job", **JOB)
            session.commit()
    assert len(desk.find().tickets) == 2


def test_on_sqlite_a_driver_that_did_not_begin_reads_no_snapshot(on_sqlite: tuple[Desk, Engine]) -> None:
    desk, engine = on_sqlite
    with Session(engine) as session:
        assert session.scalars(select(Order)).all() == []
        desk.open("job", **JOB)
        desk.within(session).note(1, "seen", actor="ann")
        session.commit()
    assert len(desk.history(1)) == 2


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_stricter_isolation_of_the_host(postgres_url: str, definitions: Path, clock: VirtualClock, level: str) -> None:
    with (
        Desk.connect(postgres_url, definitions=definitions, clock=clock) as desk,
        host_engine(postgres_url, isolation_level=level) as engine,
        Session(engine) as session,
    ):
        ticket = desk.within(session).open("job", **JOB, key="k").id
        assert desk.within(session).open("job", **JOB, key="k").replayed
        place(session)
        session.commit()
        assert session.scalars(select(Order)).all()
        desk.note(ticket, "meanwhile", actor="ann")
        with pytest.raises(StoreBusy) as busy:
            desk.within(session).advance(ticket, "accept", actor="ann")
        assert busy.value.remedy == AGAIN
        session.rollback()
        desk.within(session).advance(ticket, "accept", actor="ann")
        session.commit()
        assert desk.get(ticket).state == "handle.first"


def test_a_transaction_that_has_failed_already_says_so(on_postgres: tuple[Desk, Engine]) -> None:
    desk, engine = on_postgres
    with engine.connect() as connection:
        inside = desk.within(connection)
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1 / 0"))
        with pytest.raises(StoreError, match="a statement of the host's transaction failed before") as failed:
            inside.open("job", **JOB)
        assert failed.value.remedy == "roll back"
        connection.rollback()
        inside.open("job", **JOB)
        connection.commit()
    assert len(desk.find().tickets) == 1


# The same key in two transactions at once.


def test_a_key_waits_for_the_transaction_that_uses_it(on_postgres: tuple[Desk, Engine]) -> None:
    desk, engine = on_postgres
    for key in ("kept", "dropped"):
        with Session(engine) as session:
            first = desk.within(session).open("job", **JOB, key=key)

            def again(key: str = key) -> Ticket:
                return desk.open("job", **JOB, key=key)

            with waiting(engine, again) as future:
                session.commit() if key == "kept" else session.rollback()
                second = future.result()
        assert second.replayed == (key == "kept")
        assert (second.id == first.id) == (key == "kept")
    assert len(desk.find().tickets) == 2


def test_a_key_answers_who_waited_for_the_ticket(on_postgres: tuple[Desk, Engine]) -> None:
    desk, engine = on_postgres
    ticket = desk.open("job", **JOB).id
    with Session(engine) as session:
        first = desk.within(session).advance(ticket, "accept", actor="ann", key="k")

        def again() -> Ticket:
            return desk.advance(ticket, "accept", actor="ann", key="k")

        with waiting(engine, again) as future:
            session.commit()
            assert future.result().replayed
    assert first.ticket_version == desk.get(ticket).ticket_version


def test_hosts_that_commit_late_never_interleave_within_a_ticket(postgres_url: str, definitions: Path) -> None:
    """Two hosts and their timeout runs on three tickets; each sleeps over what it wrote, and then commits or not."""
    with (
        Desk.connect(postgres_url, definitions=definitions) as desk,
        host_engine(postgres_url) as engine,
        ThreadPoolExecutor(2) as pool,
    ):
        long_ago = SystemClock().now() - timedelta(minutes=20)
        numbers = [desk.open("job", **JOB, at=long_ago).id for _ in range(3)]

        def live(host: int) -> list[str]:
            chance, kept = random.Random(host), list[str]()  # noqa: S311 - for pauses
            for turn in range(25):
                notes = [f"{host} {turn} {part}" for part in "ab"]
                with Session(engine) as session:
                    inside, number = desk.within(session), chance.choice(numbers)
                    for note in notes:
                        inside.note(number, note, actor="ann")
                        time.sleep(chance.uniform(0, 0.01))
                    if chance.random() < 0.7:
                        session.commit()
                        kept += notes
                desk.run_timeouts()
            return kept

        kept = sorted(itertools.chain(*pool.map(live, range(2))))
        stories = [desk.history(number) for number in numbers]
    written = []
    for history in stories:
        times = [entry.happened_at for entry in history]
        assert times == sorted(times)
        assert sum(entry.kind == "fired" for entry in history) == 1
        notes = [entry.private["note"] for entry in history if entry.kind == "noted"]
        assert notes[0::2] == [note.replace("b", "a") for note in notes[1::2]]  # the two of a transaction in one piece
        for host in "01":
            own = [int(note.split()[1]) for note in notes if note.startswith(host)]
            assert own == sorted(own)
        written += notes
    assert sorted(written) == kept
    books = Books(postgres_url)
    books.assert_balanced()
    books.close()


def test_a_batch_that_meets_a_customer_who_is_just_being_made_takes_that_one(on_postgres: tuple[Desk, Engine]) -> None:
    desk, engine = on_postgres
    some = [
        Contact(number, {"statement": "x"}, {"phone": phone}, "job")
        for number, phone in enumerate(["1", "2", "2", "3"])
    ]
    with engine.connect() as connection, connection.begin() as transaction:
        first = desk.within(connection).open("job", **JOB | {"customer": {"phone": "2", "name": "Wu"}})
        with waiting(engine, lambda: desk.intake(some, actor="boss")) as report:
            transaction.commit()
        assert report.result().opened == 4
    known = [ticket.customer for ticket in desk.find().tickets if ticket.customer]
    assert [who.fields["phone"] for who in known] == ["2", "1", "2", "2", "3"]
    assert first.customer is not None
    assert [who.id == first.customer.id for who in known] == [True, False, True, True, False]
    assert known[2].fields["name"] == "Wu"
    assert desk.intake(some, actor="boss").opened == 4
    assert {ticket.customer.id for ticket in desk.find().tickets if ticket.customer} == {who.id for who in known}
