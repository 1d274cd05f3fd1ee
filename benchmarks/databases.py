"""The databases that are measured: how one is made, copied, and reached by its driver alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from tests.postgres import fresh_database, make_server, scratch_folder


class SQLite:
    name, mark, begin, lock = "SQLite", "?", "BEGIN IMMEDIATE", ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fresh(self) -> str:
        return f"sqlite:///{(self.folder / uuid.uuid4().hex).as_posix()}.db"

    def copy(self, url: str) -> str:
        """Copy a database that nobody is connected to; nobody who is measured waits until the copy is on the disk."""
        target = self.fresh()
        with Path(shutil.copyfile(str(make_url(url).database), str(make_url(target).database))).open("rb+") as made:
            os.fsync(made.fileno())
        return target

    def connect(self, url: str) -> Any:
        """Return the driver's own connection, as durable as a desk's, which commits when it is told to."""
        connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON")
        return connection

    def settle(self, connection: Any) -> None:
        """Do what a server does by itself after many rows were written."""
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class PostgreSQL:
    name, mark, begin, lock = "PostgreSQL", "%s", "BEGIN", "FOR UPDATE"

    def __init__(self, server: str, stack: ExitStack) -> None:
        self.server, self.stack = server, stack

    def fresh(self) -> str:
        return self.stack.enter_context(fresh_database(self.server))

    def copy(self, url: str) -> str:
        target = self.fresh()
        with self.connect(self.server) as admin:
            admin.execute(f'DROP DATABASE "{make_url(target).database}"')
            admin.execute(f'CREATE DATABASE "{make_url(target).database}" TEMPLATE "{make_url(url).database}"')
            admin.execute("CHECKPOINT")
        return target

    def connect(self, url: str) -> Any:
        plain = make_url(url).set(drivername="postgresql")
        return psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True)

    def settle(self, connection: Any) -> None:
        """Do what a server does by itself after many rows were written."""
        connection.execute("VACUUM ANALYZE")


Database = SQLite | PostgreSQL


@contextmanager
def databases() -> Iterator[tuple[list[Database], str]]:
    """Give SQLite and PostgreSQL, as durable as they can be, and the reason why there is no PostgreSQL."""
    with ExitStack() as stack:
        found: list[Database] = [SQLite(Path(stack.enter_context(tempfile.TemporaryDirectory())))]
        try:
            found.append(PostgreSQL(os.environ.get("TICKETFLOW_TEST_POSTGRES") or _start(stack), stack))
            yield found, ""
        except (OSError, RuntimeError) as error:
            if len(found) > 1:
                raise
            yield found, str(error).splitlines()[0]


def _start(stack: ExitStack) -> str:
    folder = scratch_folder()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    server = make_server(folder / "server")
    stack.callback(server.stop, mode="immediate")
    server.start(durable=True)
    return server.url
