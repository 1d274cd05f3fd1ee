"""A disk that is full or may not be written, a lock that is kept, a server that takes nobody in: said so, and whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, make_url

from tests.docs.citations import ROOT
from tests.postgres import Server, give_away, scratch_folder
from tests.store.small import MINUTE, NOON, Books, opened
from tests.store.test_unusable import held
from workflow.errors import StoreBusy, StoreError

LONG = {"statement": "x" * 50_000}
OPENING = ("open", "job", "--actor", "ann", "--field")
RESTRICTED = """
import os, resource, sys, tempfile
from workflow.cli.app import cli
what, words = sys.argv[1], sys.argv[2:]
with tempfile.TemporaryDirectory() as scratch:  # what is loaded late is loaded before rights are given up
    for name in ("no/t.db", "t.db"):
        try:
            cli.main([*words, "--database", f"sqlite:///{scratch}/{name}"])
        except SystemExit:
            pass
if what.isdecimal():
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(what), int(what)))
elif os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
cli.main(words)
"""


def told(url: str, definitions: Path, *words: str, restricted: str | None = None) -> tuple[int, dict[str, Any]]:
    """Run the command line in a process of its own, that may be restricted; return its code and its error."""
    program = ["-c", RESTRICTED, restricted] if restricted else ["-m", "workflow.cli.main"]
    done = subprocess.run(
        [sys.executable, *program, "--definitions", str(definitions), "--database", url, *words, "--json"],
        cwd=ROOT, env=os.environ | {"TICKETFLOW_NOW": "2026-03-02T12:00Z"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stderr.splitlines()[-1])["error"] if done.returncode else {}


def assert_told(found: tuple[int, dict[str, Any]], what: str, where: str) -> None:
    code, error = found
    assert (code, bool(error["remedy"])) == (7, True)
    assert re.search(what, error["message"])
    assert where in error["message"]


@pytest.fixture
def file(sqlite_url: str, definitions: Path) -> Path:
    with opened(sqlite_url, definitions) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
    return Path(sqlite_url.removeprefix("sqlite:///"))


def test_a_full_file_is_named_and_holds_whole_units(sqlite_url: str, definitions: Path, file: Path) -> None:
    books, most = Books(sqlite_url), [200]

    def bound(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={most[0]}")

    event.listen(Engine, "connect", bound)
    try:
        with opened(sqlite_url, definitions) as desk:
            opened_before, error = fill(lambda: desk.open("job", actor="ann", fields=LONG))
            assert "there is no room left for" in error.message
            assert str(file) in error.message
            assert error.remedy.startswith("make room")
            books.assert_balanced()
            assert books.count("tickets") == 1 + opened_before
        most[0] = 100_000
        with opened(sqlite_url, definitions, NOON + 11 * MINUTE) as desk:
            assert desk.run_timeouts().fired == 1 + opened_before
            assert desk.open("job", actor="ann", fields=LONG).seq == 1
    finally:
        event.remove(Engine, "connect", bound)
    books.assert_balanced()
    books.close()


def fill(again: Callable[[], object]) -> tuple[int, StoreError]:
    for number in range(1000):
        try:
            again()
        except StoreError as error:
            return number, error
    raise AssertionError("never full")


@pytest.mark.prove
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_file_that_may_not_grow_is_named_and_is_as_before(sqlite_url: str, definitions: Path, file: Path) -> None:
    statement, limit = f"statement={'x' * 100_000}", str(file.stat().st_size + 60_000)
    books = Books(sqlite_url)
    before = books.rows()
    assert_told(told(sqlite_url, definitions, *OPENING, statement, restricted=limit), "cannot be", str(file))
    assert books.rows() == before
    assert told(sqlite_url, definitions, *OPENING, statement)[0] == 0
    books.assert_balanced()
    books.close()


@contextmanager
def small_disk(at: Path, size: str) -> Iterator[Path]:
    """Give a file system of its own, of this size."""
    at.mkdir()
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], check=False, capture_output=True
    ).returncode:  # fmt: skip
        pytest.skip("only root mounts")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def assert_whole_units_when_full(url: str, definitions: Path, fields: Mapping[str, str]) -> None:
    """Open tickets until there is no room; what was answered is there, and nothing else."""
    with opened(url, definitions) as desk:
        many, error = fill(lambda: desk.open("job", actor="ann", fields=fields))
    assert "there is no room left for" in error.message
    books = Books(url)
    books.assert_balanced()
    assert books.count("tickets") == many
    books.close()


@pytest.mark.prove
def test_a_disk_that_is_full_or_read_only(tmp_path: Path, definitions: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        url = f"sqlite:///{disk / 't.db'}"
        assert_whole_units_when_full(url, definitions, LONG)
        assert_told(told(url, definitions, *OPENING, "statement=x" * 5000), "no room left for", str(disk))
        assert_told(told(url, definitions, "db", "backup", str(disk / "b.db")), "no room left for", str(disk))
        assert not list(disk.glob("b.db*"))
        subprocess.run(["mount", "-o", "remount,ro,size=4m", str(disk)], check=True)
        assert_told(told(url, definitions, *OPENING, "statement=x"), "cannot be opened|can only be read", str(disk))
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert told(url, definitions, *OPENING, "statement=x")[0] == 0


@pytest.mark.prove
@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
@pytest.mark.parametrize(
    ("of_file", "of_folder", "what"),
    [(0o444, 0o555, "can only be read"), (0o444, 0o777, "can only be read"), (0o666, 0o555, "can only be read"),
     (0o000, 0o777, "cannot be opened")],
)  # fmt: skip
def test_a_file_or_a_folder_that_may_not_be_written(definitions: Path, of_file: int, of_folder: int, what: str) -> None:
    home = scratch_folder()  # which is open to all on its way
    shutil.copytree(definitions, home / "definitions")
    (file := home / "desk" / "t.db").parent.mkdir()
    url, definitions = f"sqlite:///{file}", home / "definitions"
    with opened(url, definitions):
        pass
    before = file.read_bytes()
    file.chmod(of_file)
    file.parent.chmod(of_folder)
    found = told(url, definitions, *OPENING, "statement=x", restricted="nobody")
    file.parent.chmod(0o755)
    file.chmod(0o644)
    assert_told(found, what, str(file))
    assert file.read_bytes() == before
    assert told(url, definitions, *OPENING, "statement=x")[0] == 0
    shutil.rmtree(home)


@pytest.mark.prove
def test_a_database_that_another_process_keeps_locked(sqlite_url: str, definitions: Path, file: Path) -> None:
    books = Books(sqlite_url)
    before = books.rows()
    with held(sqlite_url, "SELECT 1"):
        began = time.monotonic()
        found = told(sqlite_url, definitions, *OPENING, "statement=x")
        assert_told(found, "is locked by another transaction", str(file))
        assert 5 <= time.monotonic() - began < 30
    assert (found[1]["code"], books.rows()) == ("store_busy", before)
    assert told(sqlite_url, definitions, *OPENING, "statement=x")[0] == 0
    books.close()


@pytest.mark.prove
def test_a_server_that_takes_nobody_in_says_why(postgres_server: Server, definitions: Path) -> None:
    url = make_url(postgres_server.url)
    admin = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def attempt(**changed: Any) -> StoreError:
        wrong = url.set(**changed).render_as_string(hide_password=False)
        with pytest.raises(StoreError) as error, opened(wrong, definitions) as desk:
            desk.open("job", actor="ann", fields={"statement": "x"})
        assert str(url.password) not in str(error.value.as_dict())
        return error.value

    def order(*statements: str) -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    with opened(postgres_server.url, definitions):
        pass
    assert "does not let this user in" in attempt(password="wrong").message
    assert "is not there" in attempt(database="nobody_made_this").message
    assert "cannot be reached" in attempt(port=1).message
    assert "cannot be reached" in attempt(host="nowhere.invalid").message
    few = {"username": "few", "password": "few"}
    order("CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 0")
    assert "takes no more connections" in (busy := attempt(**few)).message
    assert isinstance(busy, StoreBusy)
    order("ALTER ROLE few CONNECTION LIMIT 9")
    assert "does not let its user do this" in attempt(**few).message
    order("GRANT ALL ON ALL TABLES IN SCHEMA public TO few", "ALTER ROLE few SET default_transaction_read_only = on")
    assert "can only be read" in attempt(**few).message

    books = Books(postgres_server.url)
    assert books.count("tickets") == 0
    books.close()
    postgres_server.stop(mode="immediate")
    assert "cannot be reached" in attempt().message
    settings = postgres_server.folder / "data" / "postgresql.conf"
    for hot, what in (("off", "is not ready"), ("on", "can only be read")):
        (postgres_server.folder / "data" / "standby.signal").touch()
        with settings.open("a") as conf:
            conf.write(f"hot_standby = {hot}\n")
        postgres_server.begin()
        until(lambda: "cannot be reached" not in attempt().message and "starting up" not in attempt().message)
        assert what in attempt().message
        postgres_server.stop(mode="immediate")
    (postgres_server.folder / "data" / "standby.signal").unlink()
    postgres_server.start()
    with opened(postgres_server.url, definitions) as desk:
        assert desk.open("job", actor="ann", fields={"statement": "x"}).id == 1


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.prove
def test_a_server_whose_disk_is_full(postgres_server: Server, definitions: Path) -> None:
    admin = make_url(postgres_server.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with small_disk(postgres_server.folder / "small", "16m") as disk:
        give_away(disk)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            connection.execute("CREATE DATABASE full_one TEMPLATE template0 TABLESPACE small")
        url = make_url(postgres_server.url).set(database="full_one").render_as_string(hide_password=False)
        incompressible = {"statement": os.urandom(40_000).hex()}
        assert_whole_units_when_full(url, definitions, incompressible)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("DROP DATABASE full_one WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")
    shutil.rmtree(disk, ignore_errors=True)
