"""The same by hand: `transitions`, an ORM session, and an APScheduler job for each ticket.

It has no roles, no chain, no catch-up, no clocks and no ladder, and loses a job when it stops between its commit and
the scheduler's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import JSON, ForeignKey, create_engine, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from transitions import Machine

CLASSIFIED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "handle.with_lead": lambda fields: fields["category"] == "attitude",
    "handle.by_phone": lambda fields: fields["severity"] == "general",
    "handle.case_file": lambda _: True,
}
sessions: sessionmaker[Session] = sessionmaker()
fired = threading.Semaphore(0)


class Base(DeclarativeBase):
    pass


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    assignee: Mapped[str | None]
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)


class History(Base):
    __tablename__ = "history"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    what: Mapped[str]
    actor: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime]


class ByHand:
    """A desk with `many` tickets that wait to be classified, each with a job for when that is late."""

    def __init__(self, url: str, many: int, *, due: timedelta) -> None:
        self.many, on_sqlite = many, url.startswith("sqlite")
        self.engine = create_engine(url, connect_args={"timeout": 60} if on_sqlite else {})
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON"
        if on_sqlite:
            event.listen(self.engine, "connect", lambda connection, _: connection.executescript(pragmas))
        Base.metadata.create_all(self.engine)
        sessions.configure(bind=self.engine)
        self.scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
        self.scheduler.add_executor(ThreadPoolExecutor(1))
        self.scheduler.add_jobstore(SQLAlchemyJobStore(engine=self.engine))
        self.scheduler.start(paused=True)
        with sessions.begin() as session:
            session.add_all(Ticket(state="classify", fields={"severity": "general"}) for _ in range(many))
        for ticket_id in range(1, many + 1):
            self._arm(ticket_id, due)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.scheduler.shutdown()
        with sessions() as session:
            assert session.scalar(select(func.count(History.id))) == self.many
        self.engine.dispose()

    def advance(self, ticket_id: int) -> None:
        with sessions.begin() as session:
            ticket = session.get_one(Ticket, ticket_id)
            ticket.fields = fields = {**ticket.fields, "category": "billing"}
            machine = Machine(ticket, states=["classify", *CLASSIFIED], initial=ticket.state, auto_transitions=False)
            for dest, holds in CLASSIFIED.items():
                machine.add_transition("classified", "classify", dest, conditions=partial(holds, fields))
            machine.events["classified"].trigger(ticket)
            session.add(_entry(ticket_id, "classified", "agent_01", fields))
        self.scheduler.remove_job(str(ticket_id))
        self._arm(ticket_id, timedelta(days=1))

    def take_in(self, number: int) -> None:
        with sessions.begin() as session:
            ticket = Ticket(state="intake", fields={"statement": f"Number {number}"})
            session.add(ticket)
            session.flush()
            session.add(_entry(ticket.id, "opened", "agent_01", ticket.fields))
            known = ticket.id
        self._arm(known, timedelta(days=1))
        self.many += 1

    def run(self) -> None:
        """Let the scheduler run every job, and wait for the last."""
        self.scheduler.resume()
        for _ in range(self.many):
            assert fired.acquire(timeout=60)

    def _arm(self, ticket_id: int, after: timedelta) -> None:
        self.scheduler.add_job(
            too_late, "date", run_date=datetime.now(UTC) + after, args=[ticket_id], id=str(ticket_id)
        )


def too_late(ticket_id: int) -> None:
    """Give the ticket to somebody else: what a job does, without telling the lead."""
    with sessions.begin() as session:
        session.get_one(Ticket, ticket_id).assignee = "agent_02"
        session.add(_entry(ticket_id, "too_late", "timer", {}))
    fired.release()


def _entry(ticket_id: int, what: str, actor: str, data: dict[str, Any]) -> History:
    return History(ticket_id=ticket_id, what=what, actor=actor, data=data, at=datetime.now(UTC))
