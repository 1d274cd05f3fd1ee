"""Connections and transactions: one write lock policy, one retry policy, and no driver error that leaks."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from workflow.clock import Clock, DatabaseClock, SystemClock
from workflow.errors import BadValue, Conflict, SchemaOutdated, StoreBusy, StoreError, TicketflowError, UsageError
from workflow.store.causes import HERE, RETRIED, cause_of, line, sqlite_name, state
from workflow.store.tables import metadata

T = TypeVar("T")
ATTEMPTS = 5
OPENING = "opening"
LOGGED_AS = "ticketflow"
_AUTOCOMMIT, _FAILED = "25P01", "25P02"


class Store:
    """One database. Safe to share between threads; after a fork, make a new one."""

    def __init__(self, url: str, *, busy_timeout: float = 5.0) -> None:
        self.busy_timeout = busy_timeout
        self._process = os.getpid()
        self.engine = _engine(url, busy_timeout)
        self.name = name_of(self.engine)
        in_memory = self.engine.dialect.name == "sqlite" and isinstance(self.engine.pool, StaticPool)
        self._alone: Any = threading.RLock() if in_memory else nullcontext()
        self._clock: Clock | None = None

    @property
    def url(self) -> str:
        """The database's URL, without what may be secret in it."""
        return self.name

    def clock(self, own: Clock) -> Clock:
        """Return the clock that all who share this database go by: a server's, or a file's machine's own."""
        shared = self.engine.dialect.name == "postgresql" and isinstance(own, SystemClock)
        self._clock = DatabaseClock(own) if shared else own
        return self._clock

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that may write: on SQLite it holds the write lock from its first statement on."""
        self._demand_same_process()
        with self._alone, translated(self.name), self.engine.connect() as connection:
            connection = connection.execution_options(ticketflow_immediate=True)
            with connection.begin():
                set_clock(connection, self._clock)
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        self._demand_same_process()
        with self._alone, translated(self.name), self.engine.connect() as connection, connection.begin():
            set_clock(connection, self._clock)
            yield connection

    def unit(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own; again, a few times, if the database asks for that."""
        for attempt in range(ATTEMPTS):
            try:
                with self.write() as connection:
                    return work(connection)
            except StoreBusy as busy:
                cause = busy.__cause__
                if attempt + 1 == ATTEMPTS or state(getattr(cause, "orig", None)) not in RETRIED:
                    raise
                time.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    def compact(self) -> None:
        """Write the database anew, so that nothing that was deleted is left in its files; nobody else may use it.

        Raise StoreBusy if somebody does for longer than the busy timeout.
        """
        self._demand_same_process()
        with self._alone, translated(self.name), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                for table in metadata.sorted_tables:
                    connection.exec_driver_sql(f"VACUUM FULL {table.name}")
                return
            driver: Any = connection.connection.driver_connection
            driver.execute("VACUUM")
            if driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise StoreBusy("the database is read by somebody else", "try again when nobody uses it")

    def close(self) -> None:
        """Give back every connection; after a fork they are the parent's and are left alone."""
        self.engine.dispose(close=self._process == os.getpid())

    def _demand_same_process(self) -> None:
        if self._process != os.getpid():
            raise UsageError(
                "this desk was connected before the process was forked",
                "connect again in the new process: two processes cannot share a connection",
            )


def file_url(path: Path) -> str:
    """Return the URL of an SQLite file, whatever its name: a ? or a % in it is no more than that."""
    return str(URL.create("sqlite", database=path.as_posix()))


def set_clock(connection: Connection, clock: Clock | None) -> None:
    """Set a clock by the database that it belongs to, where that was not done lately."""
    if isinstance(clock, DatabaseClock) and clock.is_stale:
        clock.ask(lambda: connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one())


def enter(connection: Connection) -> None:
    """Make a host's connection ready for units that write.

    On SQLite the write lock is taken here. The driver sends no BEGIN of its own before a SELECT or a SAVEPOINT, so
    where it is missing it is sent; in a transaction that has begun, a write of nothing takes the lock, or fails while
    the host can still tell why. Under a savepoint with no BEGIN before it, releasing the savepoint would commit.
    """
    if connection.dialect.name != "sqlite":
        return
    if not connection.in_transaction():
        connection.begin()
    driver = connection.connection.driver_connection
    begun = getattr(driver, "in_transaction", False)
    connection.exec_driver_sql("DELETE FROM ticketflow_settings WHERE 0" if begun else "BEGIN IMMEDIATE")
    if connection.in_nested_transaction() and not event.contains(connection, "release_savepoint", _shield):
        event.listen(connection, "release_savepoint", _shield)


def _shield(connection: Connection, name: str, _context: Any) -> None:
    """Give a savepoint that is about to be released a twin: the twin goes, and nothing is committed."""
    connection.exec_driver_sql(f"SAVEPOINT {name}")


def alone(connection: Connection, what: str, *, shared: bool = False) -> None:
    """Let no other transaction do `what` until this one ends; those that share it only wait for one that does not.

    SQLite's write lock sees to that by itself.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        connection.execute(select(lock(func.hashtextextended(f"ticketflow {what}", 0))))


def name_of(engine: Engine) -> str:
    """Return what errors call a database by: its URL, without what may be secret in it."""
    url = engine.url if engine.dialect.name == "sqlite" else engine.url.set(query={})
    return url.render_as_string(hide_password=True)


@contextmanager
def translated(database: str = HERE, *, inside_host: bool = False) -> Iterator[None]:
    """Turn what the driver raises into errors of the store's own, which name the database."""
    tell = _translate_inside_host if inside_host else cause_of
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict(
            "somebody else wrote the same at the same time: {reason}", "try again", reason=line(error.orig)
        ) from error
    except (exc.DataError, OverflowError, UnicodeEncodeError) as error:
        reason = line(getattr(error, "orig", error))
        raise BadValue("a value cannot be stored: {reason}", "give another one", reason=reason) from error
    except exc.DBAPIError as error:
        raise tell(error.orig, database) from error
    except sqlite3.Error as error:
        raise tell(error, database) from error
    except exc.TimeoutError as error:
        raise StoreBusy("every connection is in use", "try again, or let fewer threads use the desk") from error
    except (exc.NoSuchModuleError, exc.ArgumentError, ImportError) as error:
        raise StoreError("the database cannot be used: {reason}", "check its URL", reason=line(error)) from error
    except exc.InvalidRequestError as error:
        if not inside_host:
            if isinstance(error, exc.PendingRollbackError):  # the connection was lost, and somebody went on
                raise tell(error, database) from error
            raise
        raise UsageError(
            "the host's transaction cannot be used: {reason}",
            "begin a transaction, and call `within` anew in it",
            reason=line(error),
        ) from error


def _translate_inside_host(error: BaseException | None, database: str) -> TicketflowError:
    """Say the same with what a host can do about it."""
    found, reason = cause_of(error, database), line(error)
    if state(error) == _AUTOCOMMIT:
        return UsageError("the host's connection commits by itself", "take it out of AUTOCOMMIT")
    if state(error) == _FAILED:
        return StoreError("a statement of the host's transaction failed before: {reason}", "roll back", reason=reason)
    if isinstance(found, SchemaOutdated):
        return SchemaOutdated(
            "the host's database has not the desk's tables: {reason}",
            "connect the desk to the same database",
            reason=reason,
        )
    if not isinstance(found, StoreBusy):
        return found
    if sqlite_name(error) == "SQLITE_BUSY_SNAPSHOT":
        return StoreBusy(
            found.template, "roll back, and enter `within` before the transaction's first read", **found.values
        )
    return StoreBusy(found.template, "roll back and run the whole transaction again", **found.values)


def _no_row(record: logging.LogRecord) -> bool:
    """Let SQLAlchemy log our statements, but not the rows that they return, as it does at DEBUG."""
    return record.levelno > logging.DEBUG


def _engine(url: str, busy_timeout: float) -> Engine:
    quiet: dict[str, Any] = {"hide_parameters": True, "logging_name": LOGGED_AS}
    logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGED_AS}").addFilter(_no_row)
    with translated():
        try:
            parsed = make_url(url)
        except ValueError as error:  # a port that is no number
            raise exc.ArgumentError(str(error)) from error
        if "@" in (parsed.host or ""):  # the end of a password, which no error may show
            raise StoreError("the URL of the database has an @ too many", "write one in a password as %40")
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "postgresql":
            return _postgresql(parsed, int(busy_timeout * 1000), quiet)
        if parsed.get_backend_name() != "sqlite":
            raise StoreError(
                "{backend} is not supported", "use sqlite:///FILE or postgresql://…", backend=parsed.get_backend_name()
            )
        in_memory = parsed.database in (None, "", ":memory:")
        more: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
        arguments = {"timeout": busy_timeout, "check_same_thread": False, "isolation_level": None}
        engine = create_engine(parsed, connect_args=arguments, **quiet, **more)
    prepare = partial(_prepare_sqlite, busy_timeout=busy_timeout, database=name_of(engine))
    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql(url: URL, lock_timeout: int, quiet: Mapping[str, Any]) -> Engine:
    if url.get_driver_name() != "psycopg":
        return create_engine(url, pool_pre_ping=True, **quiet)
    bounced = url.query.get("pgbouncer", "false")
    if bounced not in ("true", "false"):
        raise exc.ArgumentError(f"pgbouncer is true or false, not {bounced}")
    arguments: dict[str, Any] = {"connect_timeout": 10}
    if bounced == "true":
        arguments["prepare_threshold"] = None
    else:
        given = url.normalized_query.get("options", ())  # like -csearch_path=shop
        arguments["options"] = " ".join((*given, f"-c lock_timeout={lock_timeout} -c timezone=UTC"))
    plain = url.difference_update_query(["pgbouncer"])
    engine = create_engine(plain, connect_args=arguments, **quiet)
    event.listen(engine, "checkout", _demand_alive)
    if bounced == "true":
        event.listen(engine, "begin", partial(_set_for_transaction, lock_timeout=lock_timeout))
    return engine


def _set_for_transaction(connection: Connection, *, lock_timeout: int) -> None:
    """Set what a session keeps elsewhere: PgBouncer's next transaction may be in another session of the server."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"SELECT set_config('lock_timeout', '{lock_timeout}', true), set_config('timezone', 'UTC', true)")


def _demand_alive(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool connect anew where the server has hung up: it is heard, and not asked, which saves a round trip."""
    try:
        for _ in range(2):  # what it said last, and then its silence
            connection.pgconn.consume_input()
    except Exception as error:
        raise exc.InvalidatePoolError from error


def _prepare_sqlite(connection: Any, _record: Any, *, busy_timeout: float, database: str) -> None:
    mode = _write_ahead(connection, time.monotonic() + busy_timeout)
    if mode not in ("wal", "memory"):
        raise StoreError(
            "{database} cannot keep a write-ahead log (its journal mode stays {mode})",
            "put it on a local disk",
            database=database,
            mode=mode,
        )
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-32000")  # so that a chunk's pages are written once; filled only as needed


def _write_ahead(connection: Any, deadline: float) -> Any:
    """Switch the log on; while another connection does the same, SQLite refuses at once instead of waiting."""
    while True:
        try:
            return connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if not isinstance(cause_of(error), StoreBusy) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("ticketflow_immediate", False)
    connection.connection.driver_connection.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")  # type: ignore[union-attr]
