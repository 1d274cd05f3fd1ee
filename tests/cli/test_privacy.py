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
    terminal("show", number, "--reveal", "--reason", "ring 13987654321", *LEAD)
    assert [row["reason"] for row in terminal.objects("disclosures")][-1] == "ring 139****4321"
    assert "13987654321" in terminal("history", number, "--reveal", *LEAD)
    rows = terminal.objects("disclosures", "--ticket", number)
    assert [row["how"] for row in rows] == [*commands, "list", "export", "show", "history"]
    assert [row["reason"] for row in rows][-4:] == ["audit", "audit", "ring 139****4321", None]
    assert {(row["ticket_id"], row["actor"]) for row in rows} == {(number, "lead_day")}
    assert rows[0]["fields"] == ["customer.name", "customer.phone"]
    assert terminal.objects("disclosures", "--after", rows[0]["id"]) == rows[1:]
    assert "audit" in terminal("disclosures")


def test_a_reason_goes_with_reveal_only(terminal: Terminal, number: int) -> None:
    assert terminal.error("show", number, "--reason", "audit", code=2)["field"] == "reason"
    assert terminal.error("show", number, "--reveal", code=5)["code"] == "forbidden"
    assert terminal("disclosures") == ""


def test_what_a_caller_says_is_kept_nowhere(terminal: Terminal, number: int) -> None:
    shown = terminal.one("verify", number, "--fact", "phone_last4=5678", "--of-right")
    assert shown["identity"]["matched"] is True
    assert (shown["identity"]["facts"], shown["identity"]["party"]) == (["phone_last4"], "person_of_right")
    assert "a person of right" in terminal("show", number)
    (terminal.folder / "said").write_text("4711\n")
    for words, code in (
        (("--fact", "phone_last4=4711"), 5), (("--fact", "4711"), 2), (("--fact", "phone_last4=04711"), 2),
        (("--fact", "card=4711"), 4), (("--fact", "id_last6=004711"), 5), (("--fact", "phone_last4=@said"), 5),
        (("--fact", "phone_last4", "4711"), 2),
    ):  # fmt: skip
        assert "4711" not in terminal("verify", number, *words, code=code) + terminal.err
    (terminal.folder / "said").unlink()
    assert "phone_last4 wrong: the holder, asked by agent_01" in terminal("show", number)
    assert "核验不符" in terminal("history", number, "--lang", "zh")
    terminal("verify", number, "--fact", "phone_last4=4712", code=5)
    assert terminal.error("verify", number, "--fact", "phone_last4=5678", code=5)["message"].startswith(
        "agent_01 was given"
    )
    for file in terminal.folder.iterdir():
        assert b"4711" not in file.read_bytes(), file


def test_redact_removes_for_good_and_names_what_it_cannot(terminal: Terminal, number: int) -> None:
    terminal("open", "inquiry", "-f", "statement=13812345678", "-c", "phone=13812345678", "--tag", "13812345678")
    why = ("--reason", "asked for", "--actor", "supervisor_01")
    assert terminal.error("redact", number, "--customer", "phone", "--reason", "x", code=5)["code"] == "forbidden"
    found = terminal.one("redact", number, "-c", "phone", "-c", "name", "--entry", "1", *why, code=8)
    assert found == {
        "tickets": [1, 2], "left": ["ticketflow_tickets.tags (2)", "ticketflow_history.data (2, 1)"], "compacted": True,
    }  # fmt: skip
    assert "ticketflow_tickets.tags" in terminal.err
    terminal("tag", 2, "--remove", "13812345678")
    for command in ("history", "show"):
        assert not [secret for secret in SECRETS[:2] if secret in terminal(command, number, "--reveal", *LEAD)]
    assert "已删除个人信息" in terminal("history", number, "--lang", "zh")
    file = (terminal.folder / "ticketflow.db").read_bytes()
    assert "张三".encode() not in file
    assert terminal("redact", number, "--entry", "2", *why) == "Redacted on the tickets 1.\n"
    assert b"13987654321" not in (terminal.folder / "ticketflow.db").read_bytes()
    terminal("db", "compact")
    terminal("audit", "verify")
