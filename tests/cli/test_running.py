"""The commands that keep time, and those about the tables."""

from __future__ import annotations

import sqlite3
from typing import Any

from tests.cli.conftest import Terminal

LATER: dict[str, Any] = {"TICKETFLOW_NOW": "2026-03-02T09:11:00+08:00"}


def test_a_timeout_run_fires_what_is_due_once(terminal: Terminal) -> None:
    terminal.ticket()
    found = terminal.one("timeouts", "run", **LATER)
    assert (found["fired"], found["skipped"], found["incidents"], found["locked"]) == (1, 0, 0, 0)
    assert found["as_of"] == "2026-03-02T09:11:00+08:00"
    assert terminal("timeouts", "run", **LATER) == (
        "As of 2026-03-02 09:11: 0 fired, 0 skipped, 0 escalated, 0 incidents.\n"
    )


def test_a_run_can_be_bounded_and_moved(terminal: Terminal) -> None:
    for _ in range(3):
        terminal.ticket()
    assert terminal.one("timeouts", "run", "--limit", "2", **LATER)["tickets"] == 2
    assert terminal.one("timeouts", "run", "--as-of", "2026-03-02 09:11", **LATER)["tickets"] == 1
    assert terminal.error("timeouts", "run", "--as-of", "yesterday", code=2, **LATER)["code"] == "usage"


def test_the_tables_revision_is_shown_and_brought_up(terminal: Terminal) -> None:
    found = terminal.one("db", "current")
    assert found["revision"] == found["head"]
    assert terminal("db", "current").endswith(f"revision {found['head']}; this release needs {found['head']}\n")
    assert terminal.one("db", "upgrade") == {
        "database": found["database"], "before": found["head"], "revision": found["head"],
    }  # fmt: skip
    assert terminal("db", "upgrade", "--lang", "zh").endswith(f"版本 {found['head']}（原为 {found['head']}）\n")


def test_an_older_database_is_refused_with_the_remedy(terminal: Terminal) -> None:
    with sqlite3.connect(terminal.folder / "ticketflow.db") as database:
        database.execute("UPDATE ticketflow_revision SET version_num = 'unheard-of'")
    assert terminal.error("list", code=7)["code"] == "schema"
    assert terminal.one("db", "current")["revision"] == "unheard-of"


def test_nothing_is_made_by_looking(empty: Terminal) -> None:
    assert empty.one("db", "current")["revision"] is None
    assert empty("db", "current").count("revision -") == 1
