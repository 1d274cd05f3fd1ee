"""One desk in many threads, and after a fork."""

from __future__ import annotations

import os
import warnings
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.acceptance.hosts import JOB, host_engine, place, placed
from tests.store.small import JOB as JOB_TYPE
from tests.store.small import Books, write
from workflow import (
    Conflict,
    Contact,
    Desk,
    Refused,
    StoreBusy,
    Ticket,
    TicketflowError,
    UsageError,
    VirtualClock,
)
from workflow.store.engine import Store
from workflow.testing import memory_desk

THREADS = 8


def together(work: Callable[[int], Any]) -> list[Any]:
    """Do work in threads that start as one; return what each returned, or the error it was refused with."""
    start = Barrier(THREADS)

    def run(number: int) -> Any:
        start.wait()
        try:
            return work(number)
        except TicketflowError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def life(desk: Desk, number: int) -> str:
    ticket = desk.open("job", **JOB, customer={"phone": f"1380000{number % 2}"}, key=f"open {number}")
    desk.note(ticket.id, f"by thread {number}", actor="ann")
    assert desk.find(f"1380000{number % 2}").tickets
    desk.advance(ticket.id, "accept", actor="ann")
    desk.advance(ticket.id, "pass_on", actor="ann")
    desk.run_timeouts()
    return desk.advance(ticket.id, "done", actor="cat").state


def test_threads_share_a_desk(desk: Desk, books: Books) -> None:
    assert together(lambda number: life(desk, number)) == ["archive"] * THREADS
    assert (books.count("tickets"), books.count("customers")) == (THREADS, 2)
    books.assert_balanced()


def test_threads_share_a_desk_in_memory(definitions: Path) -> None:
    with memory_desk(definitions) as desk:
        assert together(lambda number: life(desk, number)) == ["archive"] * THREADS
        assert len(desk.find().tickets) == THREADS


def test_of_threads_that_saw_the_same_version_one_wins(desk: Desk, books: Books) -> None:
    ticket = desk.open("job", **JOB)
    ends = together(lambda _: desk.advance(ticket.id, "nudge", actor="ann", if_version=ticket.ticket_version))
    assert Counter(type(end).__name__ for end in ends) == {"Ticket": 1, "Conflict": THREADS - 1}
    assert desk.get(ticket.id).ticket_version == ticket.ticket_version + 1
    books.assert_balanced()


def test_threads_that_use_the_same_key_open_one_ticket(desk: Desk) -> None:
    ends = together(lambda _: desk.open("job", **JOB, key="k"))
    assert {ticket.id for ticket in ends} == {ends[0].id}
    assert sum(ticket.replayed for ticket in ends) == THREADS - 1


def test_threads_host_the_desk_each_in_its_own_transaction(desk: Desk, database_url: str, books: Books) -> None:
    ticket = desk.open("job", **JOB).id
    with host_engine(database_url) as engine:

        def work(number: int) -> None:
            with Session(engine) as session:
                inside = desk.within(session)
                place(session)
                inside.note(ticket, f"by thread {number}", actor="ann")
                inside.open("job", **JOB)
                session.commit() if number % 2 else session.rollback()

        assert together(work) == [None] * THREADS
        assert placed(engine) == THREADS // 2
    assert len(desk.history(ticket)) == 1 + THREADS // 2
    assert books.count("tickets") == 1 + THREADS // 2
    books.assert_balanced()


def test_rules_change_while_threads_work(desk: Desk, tmp_path: Path) -> None:
    folder = write(tmp_path / "next", JOB_TYPE.replace("version: 1", "version: 2"))

    def work(number: int) -> int:
        if number == 0:
            return desk.apply(folder, actor="boss").changed + 1
        return desk.open("job", **JOB).version

    assert set(together(work)) <= {1, 2}
    assert desk.open("job", **JOB).version == 2


def test_more_threads_than_connections_wait_or_are_told(sqlite_url: str, definitions: Path) -> None:
    Desk.connect(sqlite_url, definitions=definitions).close()
    store = Store(sqlite_url)
    store.engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    with ExitStack() as held, pytest.raises(StoreBusy, match="every connection is in use") as busy:
        deque((held.enter_context(store.read()) for _ in range(100)), maxlen=0)
    assert busy.value.exit_code == 7
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_desk_does_not_survive_a_fork(desk: Desk, database_url: str, definitions: Path) -> None:
    desk.open("job", **JOB)

    def child() -> str:
        try:
            desk.open("job", **JOB)
        except UsageError as refused:
            desk.close()
            with Desk.connect(database_url, definitions=definitions, clock=desk.clock) as own:
                own.open("job", **JOB)
            return refused.remedy
        return "it went on"

    assert forked(child).startswith("connect again in the new process")
    desk.note(1, "the parent's connections live on", actor="ann")
    assert len(desk.find().tickets) == 2


def forked(work: Callable[[], str]) -> str:
    """Return what a forked child's work returned."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # whoever runs the tests may have threads
        pid = os.fork()
    if not pid:
        try:
            os.write(writer, work().encode())
        except BaseException as error:
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as answer:
        return answer.read()


def test_desks_that_are_told_of_one_contact_open_one_ticket(
    desk: Desk, database_url: str, definitions: Path, clock: VirtualClock, books: Books
) -> None:
    with Desk.connect(database_url, definitions=definitions, clock=clock) as other:

        def tell(number: int) -> Any:
            which = (desk, other)[number % 2]
            if number < THREADS // 2:
                return which.open("job", **JOB, external_id="call-1")
            contact = Contact(1, {"statement": "x"}, external_id="call-1")
            return which.intake([contact], actor="boss", ticket_type="job").opened

        found = together(tell)
    assert books.count("tickets") == 1
    opened = [each for each in found if each == 1 or isinstance(each, Ticket)]
    others = [each for each in found if each not in opened]
    assert len(opened) == 1
    assert all(each == 0 or isinstance(each, Conflict) for each in others), found
    books.assert_balanced()


@pytest.mark.prove
def test_what_desks_remember_of_decisions_is_nobody_elses_answer(
    desk: Desk, database_url: str, definitions: Path, clock: VirtualClock
) -> None:
    """Each asks the same condition over and over, of tickets that differ, on machines that others ask too."""
    with Desk.connect(database_url, definitions=definitions, clock=clock) as other:

        def ask(number: int) -> list[str]:
            which, states = (desk, other)[number % 2], []
            for turn in range(6):
                agreed, severity = (number + turn) % 3 == 0, "high" if (number * turn) % 2 else "low"
                fields = {"statement": "x", "agreed": agreed, "severity": severity}
                ticket = which.open("job", actor="ann", fields=fields)
                try:
                    state = which.advance(ticket.id, "when_agreed", actor="ann").state
                except Refused:
                    state = "intake"
                states.append(f"{state} {'archive' if agreed and severity == 'high' else 'intake'}")
            return states

        answers = [each.split() for found in together(ask) for each in found]
    assert len(answers) == 6 * THREADS
    assert [(state, wanted) for state, wanted in answers if state != wanted] == []
