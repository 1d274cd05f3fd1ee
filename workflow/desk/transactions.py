"""Where a unit's transaction comes from: one of our own, or the host's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.errors import UsageError
from workflow.store import crash
from workflow.store.engine import Store, enter, name_of, set_clock, translated

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, scoped_session

T = TypeVar("T")
Host: TypeAlias = "Connection | Session | scoped_session[Any]"


class _Undo(Exception):
    pass


def undone(transactions: Transactions, work: Callable[[Connection], T]) -> T:
    """Run work in one transaction, take all of it back, and return what it found."""
    found: list[T] = []

    def all_undone(connection: Connection) -> None:
        found[:] = [work(connection)]
        raise _Undo

    with suppress(_Undo):
        transactions.unit(all_undone)
    return found[0]


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
        done = self.store.unit(work)
        crash.point("unit.committed")
        return done

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads."""
        with self.store.read() as connection:
            return work(connection)


class Inside:
    """Every unit is part of one transaction that has begun."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def unit(self, work: Callable[[Connection], T]) -> T:
        """Run work."""
        return work(self.connection)

    read = unit


class Joined:
    """Units are part of the host's transaction: the host's commit makes them true, its rollback takes them away."""

    def __init__(self, host: Host, clock: Clock) -> None:
        from sqlalchemy.orm import Session, scoped_session  # a tenth of a second, and only a host has need of it

        with translated(inside_host=True):
            connection = host.connection() if isinstance(host, Session | scoped_session) else host
            if not isinstance(connection, Connection):
                raise UsageError(
                    "within() takes a SQLAlchemy Connection or Session, not {given}",
                    "in async code: await session.run_sync(lambda session: desk.within(session).get(1))",
                    given=type(host).__name__,
                )
            enter(connection)
        self.connection, self._entered, self._clock = connection, connection.get_transaction(), clock

    def unit(self, work: Callable[[Connection], T]) -> T:
        """Run work behind a savepoint, so that a failure leaves the host's transaction usable."""
        with translated(name_of(self.connection.engine), inside_host=True):
            if self.connection.get_transaction() is not self._entered:
                enter(self.connection)
                self._entered = self.connection.get_transaction()
            with self.connection.begin_nested():
                set_clock(self.connection, self._clock)
                return work(self.connection)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads: its failure, too, would spoil a transaction of PostgreSQL."""
        return self.unit(work)
