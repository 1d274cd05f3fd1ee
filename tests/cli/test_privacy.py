"""The commands about personal data: what is shown to whom, and what is recorded of that."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Terminal

LEAD = ("--actor", "lead_day")
SECRETS = ("13812345678", "张三", "13987654321")


@pytest.fixture
def number(terminal: Terminal) -> int:
    number = terminal.ticket("complaint", "--note", "他的另一个电话是 13987654321")
    terminal("note", number, "13987654321 无人接听")
    return number


def test_no_command_shows_personal_data_unasked(terminal: Terminal, number: int) -> None:
    for words in (
        ("show", number), ("list",), ("find", "13812345678"), ("history", number), ("explain", number), ("say", number),
        ("form", number), ("form", number, "--format", "html"), ("export",), ("export", "--format", "jsonl"),
        ("escalations",), ("outbox", "list"), ("claim", number), ("disclosures",),
    ):  # fmt: skip
        for json in ((), ("--json",)):
            shown = terminal(*words, *json)
            assert not [secret for secret in SECRETS if secret in shown], words
    assert terminal.objects("disclosures") == []


def test_every_command_that_reveals_writes_it_down(terminal: Terminal, number: int) -> None:
    commands = ("show", "history", "explain", "say", "form")
    for command in commands:
        assert "张三" in terminal(command, number, "--reveal", *LEAD) or command in ("history", "explain", "say")
    for command in ("list", "export"):
        assert "13812345678" in terminal(command, "--reveal", "--reason", "audit", "--json", *LEAD)
    assert "13987654321" in terminal("history", number, "--reveal", *LEAD)
    rows = terminal.objects("disclosures", "--ticket", number)
    assert [row["how"] for row in rows] == [*commands, "list", "export", "history"]
    assert [row["reason"] for row in rows][-3:] == ["audit", "audit", None]
    assert {(row["ticket_id"], row["actor"]) for row in rows} == {(number, "lead_day")}
    assert rows[0]["fields"] == ["customer.name", "customer.phone"]
    assert terminal.objects("disclosures", "--after", rows[0]["id"]) == rows[1:]
    assert "audit" in terminal("disclosures")


def test_a_reason_goes_with_reveal_only(terminal: Terminal, number: int) -> None:
    assert terminal.error("show", number, "--reason", "audit", code=2)["field"] == "reason"
    assert terminal.error("show", number, "--reveal", code=5)["code"] == "forbidden"
    assert terminal("disclosures") == ""
