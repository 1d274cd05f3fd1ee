"""Figures as people and programs read them."""

from __future__ import annotations

import sqlite3

import pytest

from tests.cli.conftest import Terminal
from tests.cli.test_documented import documented
from workflow.cli.app import run
from workflow.cli.render import cells

BYS = ("type", "team", "agent", "channel", "day")


@pytest.fixture
def busy(terminal: Terminal) -> Terminal:
    """A desk that has a complaint answered in time, a late inquiry, and both still open."""
    first, second = terminal.ticket(), terminal.ticket("inquiry", "--channel", "phone")
    terminal("advance", first, "accept")
    terminal.env["TICKETFLOW_NOW"] = "2026-03-02T09:20:00+08:00"
    terminal("advance", first, "classified", "-f", "category=billing")
    terminal("advance", second, "accept", "--actor", "agent_02")
    return terminal


def test_the_keys_are_those_documented(busy: Terminal) -> None:
    found = busy.one("stats")
    assert set(found) == documented("stats")
    assert (found["opened"], found["on_time"], found["late"], found["connect_rate"]) == (2, 1, 1, 0.5)
    assert found["stages"]["intake"] == {"count": 2, "median": 0, "p90": 1193}
    assert found["oldest_open_at"] == "2026-03-02T09:00:00+08:00"
    *rows, total = busy.objects("stats", "--by", "agent", "--from", "2026-03-02", "--to", "2026-03-02")
    told = [(row["key"], row["on_time"], row["late"], row["open"]) for row in rows]
    assert told == [("agent_01", 1, 0, 0), ("agent_02", 0, 1, 1), ("specialist_01", 0, 0, 1)]
    assert (total["key"], total["by"], total["since"]) == (None, "agent", "2026-03-02")
    assert busy.one("stats", "--from", "2026-03-03")["opened"] == 0
    assert documented("stats rebuild") == set(busy.one("stats", "rebuild", "--actor", "lead_day"))


@pytest.mark.parametrize("by", [None, *BYS])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_tables_fit_a_terminal_and_are_whole_for_a_program(
    busy: Terminal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by: str | None, lang: str
) -> None:
    monkeypatch.setenv("TICKETFLOW_NOW", busy.env["TICKETFLOW_NOW"])
    words = ["stats", "--lang", lang, *(["--by", by] if by else [])]
    assert run(words, width=80) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cells, lines)) <= 80
    assert ("接通率" if lang == "zh" else "in time") in " ".join(lines)
    piped = busy(*words)
    assert "…" not in piped
    assert "\x1b" not in piped
    if by:
        assert len({line.count("\t") for line in piped.splitlines()}) == 1, "one table"


def test_what_is_wrong_is_told(busy: Terminal) -> None:
    assert busy.error("stats", "--from", "May", code=2)["field"] == "--from"
    assert "comes after" in busy.error("stats", "--from", "2026-03-02", "--to", "2026-03-01", code=2)["message"]
    assert "priority" in busy.error("stats", "--by", "priority", code=2)["message"]
    assert busy.error("stats", "rebuild", code=5)["code"] == "forbidden"


def test_wrong_figures_are_named_and_mended(busy: Terminal) -> None:
    busy("stats")
    connection = sqlite3.connect(busy.folder / "ticketflow.db")
    with connection:
        connection.execute("DELETE FROM ticketflow_figures WHERE measure = 'late' AND dimension = 'agent'")
    connection.close()
    told = busy("stats", "rebuild", "--check", code=8)
    assert "agent, agent_02, 2026-03-02, late: 0 stored; by history 1.\n" in told
    assert "3 figures are not what history says" in busy.err
    assert set(busy.objects("stats", "rebuild", "--check", code=8)[0]) == documented("stats rebuild --check")
    assert busy("stats", "rebuild", "--actor", "lead_day") == "2 tickets counted.\n"
    assert busy("stats", "rebuild", "--check") == "Every figure is what history says.\n"
