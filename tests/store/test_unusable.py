"""A database that cannot be used says so in one typed error, and two who make it at once make it once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.store.small import Books, opened
from workflow.errors import StoreBusy, StoreError

HOLD = """
import sys
from sqlalchemy import create_engine, text
engine = create_engine(sys.argv[1], isolation_level="AUTOCOMMIT")
with engine.connect() as connection:
    connection.execute(text("BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"))
    connection.execute(text(sys.argv[2]))
    print("held", flush=True)
    sys.stdin.read()
"""
CONNECT = """
import sys
from datetime import UTC, datetime
from workflow import Desk, VirtualClock
print("ready", flush=True)
sys.stdin.readline()
with Desk.connect(sys.argv[1], definitions=sys.argv[2], clock=VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))) as desk:
    desk.open("job", actor="ann", fields={"statement": "x"})
"""


@contextmanager
def held(url: str, statement: str) -> Iterator[None]:
    """Let another process hold what `statement` locks."""
    command = [sys.executable, "-c", HOLD, url, statement]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()
    assert holder.returncode == 0


def refused(url: str, folder: Path) -> StoreError:
    with pytest.raises(StoreError) as error, opened(url, folder):
        pass
    assert (error.value.exit_code, bool(error.value.remedy)) == (7, True)
    return error.value


def test_a_folder_a_text_file_and_a_place_that_is_not_there_are_no_databases(definitions: Path, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is not a database, but it is long enough to be taken for one.\n" * 20)
    (tmp_path / "damaged.db").write_bytes(b"SQLite format 3\0" + os.urandom(8192))
    for name in ("", "text.db", "damaged.db", "no/such/folder/t.db"):
        refused(f"sqlite:///{tmp_path / name}", definitions)
    assert (tmp_path / "text.db").read_text().startswith("This is not")


@pytest.mark.parametrize(
    "url", ["mysql://root@localhost/x", "nonsense", "", "sqlite+nonsense:///x", "postgresql://h:port/x"]
)
def test_a_url_that_is_none_is_refused(definitions: Path, url: str) -> None:
    refused(url, definitions)


def test_a_read_only_file_is_refused_in_words(sqlite_url: str, definitions: Path, tmp_path: Path) -> None:
    with opened(sqlite_url, definitions) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
    uri = f"sqlite:///file:{tmp_path / 't.db'}?mode=ro&uri=true"
    with pytest.raises(StoreError) as error, opened(uri, definitions) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
    assert "readonly" in error.value.message


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes where it likes")
def test_a_file_without_the_right_to_write_is_refused(sqlite_url: str, definitions: Path, tmp_path: Path) -> None:
    with opened(sqlite_url, definitions):
        pass
    (tmp_path / "t.db").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        refused(sqlite_url, definitions)
    finally:
        tmp_path.chmod(0o755)


def test_a_database_that_stays_locked_is_busy_after_the_timeout(
    database_url: str, definitions: Path, books: Books
) -> None:
    with opened(database_url, definitions, busy_timeout=0.1) as desk:
        ticket = desk.open("job", actor="ann", fields={"statement": "x"})
        before = books.rows()
        with held(database_url, "UPDATE ticketflow_tickets SET priority = priority WHERE id = 1"):
            began = time.monotonic()
            with pytest.raises(StoreBusy) as busy:
                desk.note(ticket.id, "hello", actor="ann")
            assert 0.1 <= time.monotonic() - began < 2
            assert (busy.value.exit_code, bool(busy.value.remedy)) == (7, True)
            assert desk.get(ticket.id) == ticket
            assert books.rows() == before
        assert desk.note(ticket.id, "hello", actor="ann").seq == 2


def test_a_fresh_database_that_is_locked_is_busy(sqlite_url: str, definitions: Path) -> None:
    with held(sqlite_url, "CREATE TABLE orders (id INTEGER)"), pytest.raises(StoreBusy):
        opened(sqlite_url, definitions, busy_timeout=0.1).__enter__()


def test_waiting_is_enough_when_the_lock_is_given_back_in_time(database_url: str, definitions: Path) -> None:
    with opened(database_url, definitions) as desk:
        ticket = desk.open("job", actor="ann", fields={"statement": "x"})
        done: list[int] = []
        with held(database_url, "UPDATE ticketflow_tickets SET priority = priority"):
            waiting = threading.Thread(target=lambda: done.append(desk.note(ticket.id, "hello", actor="ann").seq))
            waiting.start()
            waiting.join(0.05)
            assert not done
        waiting.join()
        assert done == [2]


def test_a_server_that_is_not_there_is_a_store_error(postgres_url: str, definitions: Path) -> None:
    url = make_url(postgres_url)
    for wrong in (url.set(port=1), url.set(database="nobody_made_this"), url.set(password="s3cret")):
        assert "s3cret" not in refused(wrong.render_as_string(hide_password=False), definitions).message


def test_a_connection_that_was_cut_is_made_anew(postgres_url: str, definitions: Path) -> None:
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    cut = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"  # noqa: S608 - constants
    with opened(postgres_url, definitions) as desk, held(postgres_url, cut):
        assert desk.open("job", actor="ann", fields={"statement": "x"}).id == 1


@pytest.mark.empty
def test_many_who_make_the_same_fresh_desk_at_once_make_one(database_url: str, definitions: Path, books: Books) -> None:
    barrier, faults = threading.Barrier(6), []

    def connect() -> None:
        barrier.wait()
        try:
            with opened(database_url, definitions) as desk:
                desk.open("job", actor="ann", fields={"statement": "x"})
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=connect) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert (books.count("desk_revisions"), books.count("definitions"), books.count("tickets")) == (1, 1, 6)
    books.assert_balanced()


@pytest.mark.prove
@pytest.mark.empty
def test_two_processes_that_make_the_same_fresh_desk_make_one(
    database_url: str, definitions: Path, books: Books
) -> None:
    command = [sys.executable, "-c", CONNECT, database_url, str(definitions)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 2
    assert (books.count("desk_revisions"), books.count("definitions"), books.count("tickets")) == (1, 1, 2)


def test_a_database_without_a_write_ahead_log_is_refused(definitions: Path, tmp_path: Path) -> None:
    error = refused(f"sqlite:///file:{tmp_path / 't.db'}?vfs=unix-none&uri=true", definitions)
    assert "write-ahead log" in error.message
