"""The commands that keep time, and those about the tables."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Terminal

LATER: dict[str, Any] = {"TICKETFLOW_NOW": "2026-03-02T09:11:00+08:00"}


def test_a_timeout_run_fires_what_is_due_once(terminal: Terminal) -> None:
    terminal.ticket()
    found = terminal.one("timeouts", "run", **LATER)
    assert (found["fired"], found["skipped"], found["incidents"], found["lost"]) == (1, 0, 0, 0)
    assert found["as_of"] == "2026-03-02T09:11:00+08:00"
    assert terminal("timeouts", "run", **LATER) == (
        "As of 2026-03-02 09:11: 0 fired, 0 skipped, 0 incidents, 0 locked.\n"
    )


def test_a_run_can_be_bounded_and_moved(terminal: Terminal) -> None:
    for _ in range(3):
        terminal.ticket()
    assert terminal.one("timeouts", "run", "--limit", "2", **LATER)["tickets"] == 2
    assert terminal.one("timeouts", "run", "--as-of", "2026-03-02 09:11", **LATER)["tickets"] == 1
    assert terminal.error("timeouts", "run", "--as-of", "yesterday", code=2, **LATER)["code"] == "usage"


def test_the_outbox_says_what_must_be_told_to_whom(terminal: Terminal) -> None:
    assert terminal("outbox", "list") == ""
    assert terminal.err == "No messages.\n"
    terminal.ticket()
    terminal("escalate", "1")
    terminal("timeouts", "run", **LATER)
    first, second = terminal.objects("outbox", "list", **LATER)
    assert set(first) == {"id", "ticket_id", "to", "kind", "reason", "state", "created_at", "attempts", "data"}
    assert terminal.objects("outbox", "list", "--after", first["id"], **LATER) == [second]
    assert terminal.objects("outbox", "list", "--limit", "1", **LATER) == [first]
    header, *rows = [line.split("\t") for line in terminal("outbox", "list", "--lang", "zh", **LATER).splitlines()]
    assert header == ["编号", "工单", "时间", "收件人", "事项", "原因", "发送情况"]
    assert [row[3:6] for row in rows] == [
        ["member:lead_day", "上报", "raised"], ["member:lead_day", "上报", "first_response"],
    ]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "more"), [(signal.SIGTERM, []), (signal.SIGINT, ["--json"])])
def test_the_scheduler_fires_and_ends_when_told(empty: Terminal, number: signal.Signals, more: list[str]) -> None:
    del empty.env["TICKETFLOW_NOW"]
    empty.ticket("inquiry", "--at", (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds"))
    with empty.spawn("scheduler", "--every", "0.05", *more) as process:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0], "it fires"
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["fired"] == 1 if more else b"1 fired" in out


def test_the_scheduler_wants_a_clock_that_goes(terminal: Terminal) -> None:
    assert "--now" in terminal.error("scheduler", code=2)["message"]


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
