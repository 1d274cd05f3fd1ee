"""What was refused, as the command line tells it."""

from __future__ import annotations

from tests.cli.conftest import Terminal


def test_refused_attempts_are_listed_and_old_ones_removed(terminal: Terminal) -> None:
    number = terminal.ticket()
    assert terminal("refusals", "list") == ""
    for _ in range(2):
        terminal.error("redact", number, "--field", "statement", "--reason", "x", code=5)
    (row,) = terminal.objects("refusals", "list", "--ticket", number)
    assert (row["actor"], row["verb"], row["rule"], row["times"]) == ("agent_01", "redact", "verb", 2)
    assert row["os_user"]
    assert terminal.objects("refusals", "list", "--member", "lead_day") == []
    assert "agent_01" in terminal("refusals", "list")
    assert "操作人" in terminal("refusals", "list", "--lang", "zh")
    forget = ("refusals", "forget", "--before")
    assert "30 days" in terminal.error(*forget, "2026-03-01", "--actor", "admin_01", code=5)["message"]
    assert terminal.one(*forget, "2026-01-01", "--actor", "admin_01") == {"forgotten": 0}
