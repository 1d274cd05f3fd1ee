"""The desk inside a host's transaction, on both databases: each trap that SQLAlchemy and the drivers set is a test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.acceptance.hosts import JOB, Order, begins_itself, host_engine, host_of, place, placed
from tests.store.small import JOB as JOB_TYPE
from tests.store.small import Books, write
from workflow import (
    Conflict,
    Contact,
    Desk,
    Forbidden,
    Refused,
    SchemaOutdated,
    TicketflowError,
    UsageError,
    VirtualClock,
)
from workflow.testing import memory_desk

HOUR = timedelta(hours=1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with host_engine(database_url) as engine:
        yield engine


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@pytest.fixture(params=["session", "connection"])
def host(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Session | Connection]:
    with host_of(request.param, engine) as host:
        yield host


def live(desk: Desk, clock: VirtualClock) -> int:
    """Do something that touches every book: two tickets, a customer, a key, a link, fired timers, a message."""
    ticket = desk.open("job", **JOB, customer={"phone": "13800000000"}, key="k", external_id="x").id
    other = desk.open("job", **JOB, note="again").id
    desk.link(ticket, other, actor="ann")
    clock.advance(HOUR)
    assert desk.run_timeouts().fired == 2
    desk.advance(ticket, "accept", actor="ann")
    return ticket


def test_the_hosts_rollback_takes_everything_away(
    desk: Desk, clock: VirtualClock, host: Session | Connection, books: Books, engine: Engine
) -> None:
    before = books.rows()
    place(host)
    live(desk.within(host), clock)
    host.rollback()
    assert books.rows() == before
    assert placed(engine) == 0


def test_the_hosts_commit_makes_everything_true(
    desk: Desk, clock: VirtualClock, host: Session | Connection, books: Books, engine: Engine
) -> None:
    place(host)
    ticket = live(desk.within(host), clock)
    assert books.count("tickets") == 0
    host.commit()
    assert desk.get(ticket).state == "handle.first"
    assert {name: books.count(name) for name in ("tickets", "links", "outbox", "idempotency", "runs")} == {
        "tickets": 2, "links": 2, "outbox": 2, "idempotency": 1, "runs": 1,
    }  # fmt: skip
    assert placed(engine) == 1
    books.assert_balanced()


def test_reading_inside_sees_what_was_done_inside(desk: Desk, session: Session) -> None:
    inside = desk.within(session)
    ticket = inside.open("job", **JOB)
    assert inside.get(ticket.id) == ticket
    assert inside.find("broken").tickets == (ticket,)
    assert [entry.kind for entry in inside.history(ticket.id)] == ["opened"]
    assert "accept" in [option.trigger for option in inside.what_next(ticket.id, actor="ann")]


def test_the_hosts_transaction_is_never_committed_or_ended(desk: Desk, engine: Engine, books: Books) -> None:
    with engine.connect() as connection:
        transaction = connection.begin()
        inside = desk.within(connection)
        inside.open("job", **JOB)
        inside.close()
        assert transaction.is_active
        assert connection.get_transaction() is transaction
        inside.open("job", **JOB)
        transaction.commit()
    assert books.count("tickets") == 2


# The host's savepoints.


@pytest.mark.parametrize("begins", ["driver", "host"])
def test_a_released_savepoint_commits_nothing(
    desk: Desk, host: Session | Connection, engine: Engine, books: Books, begins: str
) -> None:
    if begins == "host" and engine.dialect.name == "sqlite":
        begins_itself(engine)
    before = books.rows()
    for entered in ("before", "under", "deep"):
        if entered == "before":
            desk.within(host)
        with host.begin_nested():
            if entered == "under":
                desk.within(host).open("job", **JOB)
            place(host)
            with host.begin_nested():
                inside = desk.within(host)
                inside.open("job", **JOB)
            inside.open("job", **JOB)
        with host.begin_nested():
            place(host)
        host.rollback()
        assert books.rows() == before, entered
        assert placed(engine) == 0, entered


def test_a_savepoint_takes_away_what_was_done_under_it(
    desk: Desk, host: Session | Connection, engine: Engine, books: Books
) -> None:
    for first in ("host", "desk"):
        if first == "desk":
            desk.within(host).open("job", **JOB)
        savepoint = host.begin_nested()
        place(host)
        desk.within(host).open("job", **JOB)
        savepoint.rollback()
        place(host)
        desk.within(host).open("job", **JOB)
        with host.begin_nested():
            desk.within(host).open("job", **JOB)
        host.commit()
    assert (books.count("tickets"), placed(engine)) == (2 + 3, 2)
    books.assert_balanced()


# Refusals and errors.


def test_a_refused_event_keeps_its_catch_up(
    desk: Desk, clock: VirtualClock, session: Session, books: Books, engine: Engine
) -> None:
    ticket = desk.open("job", **JOB)
    clock.advance(HOUR)
    with pytest.raises(Forbidden):
        desk.within(session).advance(ticket.id, "accept", actor="eve")
    place(session)
    assert books.count("outbox") == 0
    session.commit()
    assert [entry.kind for entry in desk.history(ticket.id)] == ["opened", "fired", "escalated", "assigned"]
    assert (books.count("outbox"), placed(engine)) == (1, 1)


def test_the_hosts_rollback_takes_the_catch_up_of_a_refused_event_away(
    desk: Desk, clock: VirtualClock, session: Session, books: Books
) -> None:
    ticket = desk.open("job", **JOB)
    before = books.rows()
    clock.advance(HOUR)
    with pytest.raises(Forbidden):
        desk.within(session).advance(ticket.id, "accept", actor="eve")
    session.rollback()
    assert books.rows() == before
    assert desk.run_timeouts().fired == 1


FAILURES: dict[str, Any] = {
    "no such ticket": lambda desk: desk.advance(99, "accept", actor="ann"),
    "no such trigger": lambda desk: desk.advance(1, "fly", actor="ann"),
    "no such actor": lambda desk: desk.advance(1, "accept", actor="nobody"),
    "a bad value": lambda desk: desk.open("job", **JOB | {"fields": {"statement": "x", "amount": "many"}}),
    "a link to nowhere": lambda desk: desk.link(1, 99, actor="ann"),
    "a key used otherwise": lambda desk: desk.open("job", **JOB, note="other", key="k"),
    "an external id taken": lambda desk: desk.open("job", **JOB, external_id="x"),
    "an old version": lambda desk: desk.note(1, "late", actor="ann", if_version=7),
    "a condition that divides by zero": lambda desk: desk.advance(1, "broken", actor="ann", fields={"amount": 0}),
    "a number that no column holds": lambda desk: desk.find(customer=2**70),
    "a text that no column holds": lambda desk: desk.find("half a character: \ud83d"),
}


def test_an_error_leaves_the_transaction_usable(desk: Desk, session: Session, books: Books, engine: Engine) -> None:
    inside = desk.within(session)
    inside.open("job", **JOB, key="k", external_id="x")
    for name, failure in FAILURES.items():
        with pytest.raises(TicketflowError):
            failure(inside)
        inside.note(1, name, actor="ann")
    place(session)
    session.commit()
    notes = [entry.private["note"] for entry in desk.history(1) if entry.kind == "noted"]
    assert notes == list(FAILURES)
    assert (books.count("tickets"), placed(engine)) == (1, 1)
    books.assert_balanced()


def test_an_error_of_the_database_leaves_the_transaction_usable(
    postgres_url: str, definitions: Path, clock: VirtualClock
) -> None:
    """An external id that somebody else took after it was found free. On SQLite the lock makes that impossible."""
    with (
        Desk.connect(postgres_url, definitions=definitions, clock=clock) as desk,
        host_engine(postgres_url) as engine,
        Session(engine) as session,
    ):

        @event.listens_for(engine, "before_cursor_execute")
        def _race(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.replace('"', "").startswith("INSERT INTO ticketflow_tickets") and not desk.find().tickets:
                desk.open("job", **JOB, external_id="x")

        with pytest.raises(Conflict):
            desk.within(session).open("job", **JOB, external_id="x")
        place(session)
        desk.within(session).open("job", **JOB, external_id="y")
        session.commit()
        assert [ticket.external_id for ticket in desk.find().tickets] == ["x", "y"]
        assert placed(engine) == 1


# Sessions, and what they hold back.


def test_objects_that_a_session_has_not_written_yet_are_left_to_it(
    desk: Desk, session: Session, engine: Engine
) -> None:
    order = Order(status="placed")
    session.add(order)
    desk.within(session).open("job", **JOB)
    assert order in session.new
    session.flush()
    desk.within(session).open("job", **JOB, external_id=f"order-{order.id}")
    order.status = "cancelled"
    session.commit()
    assert [ticket.external_id for ticket in desk.find().tickets] == [None, f"order-{order.id}"]
    assert (placed(engine), order.status) == (1, "cancelled")


def test_a_scoped_session_is_the_session_of_its_thread(desk: Desk, engine: Engine, books: Books) -> None:
    sessions: Any = scoped_session(sessionmaker(engine))
    desk.within(sessions).open("job", **JOB)
    sessions.rollback()
    assert books.count("tickets") == 0
    desk.within(sessions).open("job", **JOB)
    sessions.commit()
    sessions.remove()
    assert books.count("tickets") == 1


def test_a_desk_inside_ends_with_the_sessions_transaction(desk: Desk, session: Session, books: Books) -> None:
    inside = desk.within(session)
    inside.open("job", **JOB)
    session.commit()
    with pytest.raises(UsageError, match="cannot be used") as refused:
        inside.open("job", **JOB)
    assert "`within` anew" in refused.value.remedy
    desk.within(session).open("job", **JOB)
    session.rollback()
    assert books.count("tickets") == 1


def test_a_desk_inside_a_connection_goes_on_in_its_next_transaction(desk: Desk, engine: Engine, books: Books) -> None:
    with engine.connect() as connection:
        inside = desk.within(connection)
        inside.open("job", **JOB)
        connection.commit()
        with connection.begin_nested():
            inside.open("job", **JOB)
        connection.rollback()
    assert books.count("tickets") == 1


def test_a_connection_that_commits_by_itself_is_refused_or_held(desk: Desk, engine: Engine, books: Books) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            with pytest.raises(UsageError, match="commits by itself"):
                desk.within(connection).open("job", **JOB)
        else:
            desk.within(connection).open("job", **JOB)
            connection.rollback()
    assert books.count("tickets") == 0


@pytest.mark.parametrize("what", [AsyncSession(), object()])
def test_only_a_session_or_a_connection_will_do(definitions: Path, what: Any) -> None:
    with memory_desk(definitions) as desk, pytest.raises(UsageError, match=type(what).__name__) as refused:
        desk.within(what)
    assert "run_sync" in refused.value.remedy


def test_a_host_of_another_database_is_told(desk: Desk, tmp_path: Path) -> None:
    with (
        host_engine(f"sqlite:///{tmp_path}/other.db") as engine,
        Session(engine) as session,
        pytest.raises(SchemaOutdated) as refused,
    ):
        desk.within(session).open("job", **JOB)
    assert refused.value.remedy == "connect the desk to the same database"


# Idempotency keys.


def test_a_key_answers_inside_and_across_transactions(desk: Desk, session: Session, books: Books) -> None:
    first = desk.within(session).open("job", **JOB, key="k")
    again = desk.within(session).open("job", **JOB, key="k")
    assert (again.id, again.replayed, first.replayed) == (first.id, True, False)
    session.commit()
    assert desk.within(session).open("job", **JOB, key="k").replayed
    session.rollback()
    assert desk.open("job", **JOB, key="k").replayed
    assert books.count("tickets") == 1


def test_a_key_is_forgotten_with_the_transaction(desk: Desk, session: Session, books: Books) -> None:
    desk.within(session).open("job", **JOB, key="k")
    session.rollback()
    assert not desk.within(session).open("job", **JOB, key="k").replayed
    session.commit()
    assert books.count("idempotency") == 1


def test_a_refused_call_does_not_use_its_key_up(desk: Desk, session: Session) -> None:
    ticket = desk.within(session).open("job", **JOB)
    with pytest.raises(Refused):
        desk.within(session).advance(ticket.id, "with_code", actor="ann", key="k")
    fields = {"code": "AB1", "day": "2026-03-02"}
    done = desk.within(session).advance(ticket.id, "with_code", actor="ann", fields=fields, key="k")
    assert (done.state, done.replayed) == ("archive", False)


# More than one ticket.


def test_many_tickets_in_one_transaction(desk: Desk, clock: VirtualClock, session: Session, books: Books) -> None:
    contacts = [Contact(line, {"statement": "late"}, external_id=f"e{line}") for line in range(20)]
    before = books.rows()
    for end in (session.rollback, session.commit):
        inside = desk.within(session)
        assert inside.intake(contacts, actor="boss", ticket_type="job", batch=7).opened == 20
        clock.advance(HOUR)
        assert inside.run_timeouts().fired == 20
        first, second = (inside.find(external_id=name).tickets[0].id for name in ("e0", "e1"))
        inside.advance(second, "accept", actor="ann")
        inside.advance(first, "accept", actor="ann")
        inside.link(first, second, actor="ann")
        assert (books.rows() == before) is True
        end()
    assert (books.count("tickets"), books.count("links")) == (20, 2)
    books.assert_balanced()


def test_rules_applied_inside_go_with_the_hosts_rollback(
    desk: Desk, session: Session, tmp_path: Path, books: Books
) -> None:
    before = books.rows()
    folder = write(tmp_path / "next", JOB_TYPE.replace("version: 1", "version: 2"))
    inside = desk.within(session)
    assert inside.apply(folder, actor="boss").changed
    assert inside.open("job", **JOB).version == 2
    session.rollback()
    assert books.rows() == before
    assert desk.open("job", **JOB).version == 1
