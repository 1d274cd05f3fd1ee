"""A host program with a table of its own beside the desk's, on an engine that knows nothing of us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

JOB: dict[str, Any] = {"actor": "ann", "fields": {"statement": "It came broken."}}


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]


@contextmanager
def host_engine(url: str, **options: Any) -> Iterator[Engine]:
    """Give an engine as a host makes one, with its table made."""
    engine = create_engine(url, **options)
    Base.metadata.create_all(engine)
    try:
        yield engine
    finally:
        engine.dispose()


def impatient(url: str) -> dict[str, Any]:
    """Return the engine's options of a host that hardly waits for locks."""
    wait: dict[str, Any] = {"options": "-c lock_timeout=50"} if url.startswith("postgresql") else {"timeout": 0.05}
    return {"connect_args": wait}


def begins_itself(engine: Engine) -> Engine:
    """Have an SQLite engine send its own BEGIN, by the recipe of SQLAlchemy's documentation."""

    @event.listens_for(engine, "connect")
    def _connect(driver: Any, _record: object) -> None:
        driver.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def host_of(kind: str, engine: Engine) -> Session | Connection:
    """Return a Session or a Connection that has not begun anything yet."""
    return Session(engine) if kind == "session" else engine.connect()


def place(host: Session | Connection) -> None:
    """Write a row of the host's own."""
    host.execute(Base.metadata.tables["orders"].insert().values(status="placed"))


def placed(engine: Engine) -> int:
    """Return how many rows the host has, as others see it."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(Order)).scalar_one()
