"""The desk inside an asynchronous host's transaction, through SQLAlchemy's `run_sync`, on both databases."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.acceptance.hosts import JOB, Base, Order
from tests.store.small import Books
from workflow import Desk, Forbidden, Ticket, UsageError, VirtualClock

Story = Callable[[AsyncEngine], Awaitable[None]]


@asynccontextmanager
async def host_engine(url: str) -> AsyncIterator[AsyncEngine]:
    name = make_url(url).drivername.replace("sqlite", "sqlite+aiosqlite")
    engine = create_async_engine(make_url(url).set(drivername=name))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    try:
        yield engine
    finally:
        await engine.dispose()


@pytest.fixture
def play(database_url: str) -> Callable[[Story], None]:
    """Give what runs a story on an engine of its own."""

    async def run(story: Story) -> None:
        async with host_engine(database_url) as engine:
            await story(engine)

    def start(story: Story) -> None:
        loop = asyncio.SelectorEventLoop if sys.platform == "win32" else None  # psycopg needs that one there
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(run(story))

    return start


def complain(desk: Desk) -> Callable[[Session], Ticket]:
    """Return the part that runs synchronously."""

    def work(session: Session) -> Ticket:
        order = Order(status="cancelled")
        session.add(order)
        session.flush()
        return desk.within(session).open("job", **JOB, external_id=f"order-{order.id}")

    return work


def test_commit_and_rollback_are_the_hosts(desk: Desk, books: Books, play: Callable[[Story], None]) -> None:
    before = books.rows()

    async def story(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session:
            await session.run_sync(complain(desk))
            await session.rollback()
            assert books.rows() == before
            ticket = await session.run_sync(complain(desk))
            await session.commit()
            assert len((await session.scalars(select(Order))).all()) == 1
        assert desk.get(ticket.id) == ticket

    play(story)
    books.assert_balanced()


def test_a_savepoint_of_the_host_commits_nothing(desk: Desk, books: Books, play: Callable[[Story], None]) -> None:
    before = books.rows()

    async def story(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session:
            async with session.begin_nested():
                await session.run_sync(complain(desk))
            await session.rollback()

    play(story)
    assert books.rows() == before


def test_a_refused_event_keeps_its_catch_up(
    desk: Desk, clock: VirtualClock, books: Books, play: Callable[[Story], None]
) -> None:
    ticket = desk.open("job", **JOB).id
    clock.advance(timedelta(hours=1))

    async def story(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session:
            with pytest.raises(Forbidden):
                await session.run_sync(lambda host: desk.within(host).advance(ticket, "accept", actor="eve"))
            session.add(Order(status="placed"))
            await session.commit()

    play(story)
    assert [entry.kind for entry in desk.history(ticket)] == ["opened", "fired", "escalated", "assigned"]
    assert books.count("outbox") == 1


def test_a_connection_will_do(desk: Desk, books: Books, play: Callable[[Story], None]) -> None:
    async def story(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            await connection.run_sync(lambda host: desk.within(host).open("job", **JOB))
            await connection.commit()
        async with engine.connect() as connection:
            await connection.run_sync(lambda host: desk.within(host).open("job", **JOB))

    play(story)
    assert books.count("tickets") == 1


def test_waiting_for_a_lock_does_not_stop_the_loop(desk: Desk, books: Books, play: Callable[[Story], None]) -> None:
    ticket = desk.open("job", **JOB).id

    async def story(engine: AsyncEngine) -> None:
        async def note(text: str, held: asyncio.Event) -> None:
            async with AsyncSession(engine) as session:
                await session.run_sync(lambda host: desk.within(host).note(ticket, text, actor="ann"))
                held.set()
                await asyncio.sleep(0.02)
                await session.commit()

        held = asyncio.Event()
        first = asyncio.create_task(note("first", held))
        await held.wait()
        await asyncio.gather(first, note("second", held))

    play(story)
    assert [entry.private.get("note") for entry in desk.history(ticket)] == [None, "first", "second"]
    books.assert_balanced()


def test_a_task_that_is_cancelled_leaves_nothing(desk: Desk, books: Books, play: Callable[[Story], None]) -> None:
    before = books.rows()

    async def story(engine: AsyncEngine) -> None:
        async def begin(opened: asyncio.Event) -> None:
            async with AsyncSession(engine) as session, session.begin():
                await session.run_sync(complain(desk))
                opened.set()
                await asyncio.sleep(60)

        opened = asyncio.Event()
        task = asyncio.create_task(begin(opened))
        await opened.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(story)
    assert books.rows() == before
    assert desk.open("job", **JOB).stage == "intake"


@pytest.mark.parametrize("kind", [AsyncSession, AsyncConnection])
def test_without_run_sync_the_way_is_told(
    desk: Desk, play: Callable[[Story], None], kind: type[AsyncSession] | type[AsyncConnection]
) -> None:
    async def story(engine: AsyncEngine) -> None:
        async with kind(engine) as host:
            with pytest.raises(UsageError, match=kind.__name__) as refused:
                desk.within(host)  # type: ignore[arg-type]
            assert "run_sync" in refused.value.remedy

    play(story)
