"""Where a unit's transaction comes from: one of our own, or the host's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from workflow.errors import UsageError
from workflow.store.engine import Store, enter, translated

T = TypeVar("T")


class Transactions(Protocol):
    """Runs work in a transaction."""

    def unit(self, work: Callable[[Connection], T]) -> T:
        """Run work that may write; all of it is kept or none."""
        ...

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads."""
        ...


class Own:
    """Every unit is a transaction of its own, committed before the verb returns."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def unit(self, work: Callable[[Connection], T]) -> T:
        """Run work and commit; tried again where the database asks for that."""
        return self.store.unit(work)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads."""
        with self.store.read() as connection:
            return work(connection)


class Joined:
    """Units are part of the host's transaction: the host's commit makes them true, its rollback takes them away."""

    def __init__(self, host: Connection | Session) -> None:
        with translated(inside_host=True):
            self.connection = host.connection() if isinstance(host, Session) else host
            if not isinstance(self.connection, Connection):
                raise UsageError(
                    "within() takes a SQLAlchemy Connection or Session, not {given}",
                    "inside async code, call it through run_sync",
                    given=type(host).__name__,
                )
            enter(self.connection)

    def unit(self, work: Callable[[Connection], T]) -> T:
        """Run work behind a savepoint, so that a failure leaves the host's transaction usable."""
        with translated(inside_host=True):
            enter(self.connection)
            with self.connection.begin_nested():
                return work(self.connection)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads."""
        with translated(inside_host=True):
            return work(self.connection)
