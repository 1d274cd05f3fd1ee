"""The commands that change tickets."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.cli.conftest import Terminal

TICKET_KEYS = {
    "id", "type", "version", "state", "stage", "priority", "team", "assignee", "customer", "tags", "fields", "channel",
    "external_id", "opened_at", "updated_at", "next_due_at", "missed_at", "clocks", "ladder", "promise",
    "identity", "ticket_version", "replayed", "joined",
}  # fmt: skip


def test_open_prints_the_ticket(terminal: Terminal) -> None:
    found = terminal.one(
        "open", "complaint", "-f", "statement=My line is dead", "-f", "severity=special", "-c", "name=张三",
        "-c", "phone=138 1234 5678", "--channel", "phone", "--priority", "high", "--tag", "line", "--tag", "VIP",
        "--external-id", "X-1", "--note", "was upset", "--at", "2026/3/2 8:55",
    )  # fmt: skip
    assert set(found) == TICKET_KEYS
    assert (found["id"], found["type"], found["state"], found["priority"]) == (1, "complaint", "intake", "high")
    assert found["fields"] == {"severity": "special", "statement": "My line is dead"}
    assert found["opened_at"] == "2026-03-02T08:55:00+08:00"
    assert found["tags"] == ["VIP", "line"]
    assert found["customer"]["fields"]["name"] == "张*"
    history = terminal.objects("history", "1")
    assert history[0]["private"]["note"] == "was upset"


def test_open_says_what_it_did(terminal: Terminal) -> None:
    words = ("open", "inquiry", "-f", "statement=?")
    assert terminal(*words) == "Ticket 1 is open: inquiry, in intake, with agent_01.\n"
    assert terminal(*words, "--lang", "zh") == "工单 2 已受理：咨询，在 受理，由 agent_02 负责。\n"


def test_values_come_from_files_too(terminal: Terminal) -> None:
    (terminal.folder / "letter.txt").write_text("\ufeffDear desk,\nit broke.\n", "utf-8")
    found = terminal.one("open", "inquiry", "-f", "statement=@letter.txt", "-c", "company=@@home")
    assert found["fields"]["statement"] == "Dear desk,\nit broke."
    assert found["customer"]["fields"] == {"company": "@home"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-f", "statement"], "takes name=value, not statement"),
        (["-f", "=x"], "takes name=value, not =x"),
        (["-f", "statement=a", "-f", "statement=b"], "names statement twice"),
        (["-f", "statement=@missing.txt"], "the file missing.txt for statement cannot be read"),
        (["-f", "statement=@latin.txt"], "the file latin.txt for statement cannot be read"),
        (["-f", "statement=@long.txt"], "the file long.txt for statement is too long"),
    ],
)
def test_values_that_are_no_values_are_told(terminal: Terminal, words: list[str], told: str) -> None:
    (terminal.folder / "latin.txt").write_bytes(b"caf\xe9")
    (terminal.folder / "long.txt").write_text("x" * 1_000_001)
    assert told in terminal.error("open", "inquiry", *words, code=2)["message"]


def test_a_key_makes_a_call_repeatable(terminal: Terminal) -> None:
    words = ("open", "inquiry", "-f", "statement=?", "--key", "k1")
    assert terminal.one(*words)["replayed"] is False
    assert terminal.one(*words)["replayed"] is True
    assert terminal(*words).startswith("Ticket 1 is open")
    assert "nothing was done again" in terminal.err
    assert terminal.error("open", "complaint", "-f", "statement=?", "--key", "k1", code=6)["code"] == "conflict"


def test_advance_moves_a_ticket(terminal: Terminal) -> None:
    number = terminal.ticket()
    assert terminal("advance", number, "accept") == f"Ticket {number}: accept; now in classify, with agent_01.\n"
    assert terminal("advance", number, "classified", "-f", "category=billing", "--lang", "zh") == (
        f"工单 {number}：分类完成；现在 电话处理，由 specialist_01 负责。\n"
    )


def test_advance_takes_several_tickets_each_for_itself(terminal: Terminal) -> None:
    first, second = terminal.ticket(), terminal.ticket()
    terminal("advance", first, "accept")
    out = terminal("advance", first, second, "accept", code=8)
    assert out == f"Ticket {second}: accept; now in classify, with agent_01.\n"
    assert terminal.err.splitlines()[0] == f"Error: Ticket {first}: accept is not possible in classify"
    assert terminal.err.splitlines()[2] == "Error: 1 done, 1 refused"
    third = terminal.ticket()
    (moved,) = terminal.objects("advance", first, third, "accept", code=8)
    assert (moved["id"], moved["state"]) == (third, "classify")
    errors = [json.loads(line)["error"] for line in terminal.err.splitlines()]
    assert [(error["code"], error["ticket"]) for error in errors] == [("refused", first), ("partly_done", None)]


def test_advance_takes_ids_from_standard_input(terminal: Terminal) -> None:
    numbers = [terminal.ticket() for _ in range(3)]
    out = terminal("advance", "--from", "-", "accept", stdin=f"{numbers[0]}\n\n{numbers[1]}\n")
    assert out.endswith("2 done.\n")
    listed = terminal("list", "--json", "--stage", "classify")
    words = ("advance", "--from", "-", "classified", "-f", "category=billing", "--json")
    assert len(terminal(*words, stdin=listed).splitlines()) == 2
    assert terminal("advance", "--from", "-", "accept", stdin="") == "0 done.\n"
    (terminal.folder / "ids").write_text(f"{numbers[2]}\n")
    assert "now in classify" in terminal("advance", "--from", "ids", "accept")


@pytest.mark.parametrize("line", ["x", "-1", "0", "9" * 30, "{", "{}", '{"id": "a"}', "[1]", "１２"])
def test_a_line_that_is_no_id_is_told_before_anything_moves(terminal: Terminal, line: str) -> None:
    number = terminal.ticket()
    assert (
        "is no ticket id"
        in terminal.error("advance", "--from", "-", "accept", stdin=f"{number}\n{line}\n", code=2)["message"]
    )
    assert terminal.one("show", number)["state"] == "intake"


@pytest.mark.parametrize(
    "words", [["accept"], ["1", "2", "accept", "--key", "k"], ["1", "2", "accept", "--if-version", "1"]]
)
def test_advance_knows_what_goes_together(terminal: Terminal, words: list[str]) -> None:
    assert terminal.error("advance", *words, code=2)["code"] == "usage"


def test_advance_stops_where_the_store_is_gone(terminal: Terminal) -> None:
    error = terminal.error("advance", "1", "2", "accept", "--database", "mysql://x", code=7)
    assert error["code"] == "store"


def test_if_version_lets_the_second_one_lose(terminal: Terminal) -> None:
    number = terminal.ticket()
    seen = terminal.one("show", number)["ticket_version"]
    assert terminal.one("advance", number, "accept", "--if-version", seen)["ticket_version"] == seen + 1
    assert terminal.error("advance", number, "withdraw", "--if-version", seen, code=6)["ticket"] == number


def test_assign_claim_and_give_back(terminal: Terminal) -> None:
    number = terminal.ticket()
    lead = ("--actor", "lead_day")
    assert terminal("claim", number) == f"Ticket {number} is with agent_01.\n"
    assert terminal.error("claim", number, "--actor", "agent_02", code=5)["code"] == "refused"
    assert terminal.one("assign", number, "agent_02", *lead, "--note", "yours")["assignee"] == "agent_02"
    assert terminal.one("assign", number, "reviewers", *lead)["team"] == "reviewers"
    assert terminal.one("assign", number, "--nobody", *lead)["assignee"] is None
    for words in ([], ["agent_02", "--nobody"]):
        assert terminal.error("assign", number, *words, *lead, code=2)["code"] == "usage"


def test_fields_are_filled_changed_and_emptied(terminal: Terminal) -> None:
    number = terminal.ticket()
    found = terminal.one("set", number, "-f", "fees=12.50", "-f", "satisfied=yes", "--priority", "urgent")
    assert (found["fields"]["fees"], found["fields"]["satisfied"], found["priority"]) == ("12.50", True, "urgent")
    assert "fees" not in terminal.one("set", number, "-f", "fees=")["fields"]
    assert terminal("set", number, "--priority", "low") == f"Ticket {number} is changed.\n"
    assert terminal.error("set", number, code=2)["code"] == "bad_value"


def test_a_ticket_is_urged(terminal: Terminal) -> None:  # P28
    number = terminal.ticket()
    assert terminal("urge", number, "--note", "x") == f"Urged ticket {number}; its priority is normal.\n"
    assert terminal.one("urge", number)["priority"] == "high"


def test_notes_tags_and_links(terminal: Terminal) -> None:
    number, other = terminal.ticket(), terminal.ticket()
    assert terminal("note", number, "called back") == f"Noted on ticket {number}.\n"
    assert terminal("tag", number, "VIP", "line") == f"Ticket {number} has the tags: VIP, line.\n"
    assert terminal.one("tag", number, "--remove", "VIP")["tags"] == ["line"]
    assert terminal("link", number, other, "--kind", "duplicate") == f"Ticket {number} is linked to {other}.\n"
    assert [entry["kind"] for entry in terminal.objects("history", number)][1:] == [
        "noted",
        "tagged",
        "tagged",
        "linked",
    ]


def test_a_customer_has_tags_too(terminal: Terminal) -> None:
    number = terminal.ticket()
    words = ("tag", number, "--customer")
    assert terminal(*words, "VIP") == f"The customer of ticket {number} has the tags: VIP.\n"
    assert terminal.one(*words, "loyal", "--remove", "VIP")["customer"]["tags"] == ["loyal"]
    assert terminal.error(*words, "VIP", "--if-version", "1", code=2)["code"] == "usage"
    alone = terminal.one("open", "inquiry", "-f", "statement=?")["id"]
    assert terminal.error("tag", alone, "--customer", "VIP", code=4)["code"] == "not_found"


def test_escalate_tells_the_lead(terminal: Terminal) -> None:
    number = terminal.ticket()
    assert (
        terminal("escalate", number, "--reason", "threatens to sue")
        == f"Ticket {number} is escalated; told: lead_day.\n"
    )
    (message,) = terminal.objects("outbox", "list")
    assert (message["to"], message["ticket_id"], message["kind"]) == ("member:lead_day", number, "escalate")


def test_a_misspelt_filter_is_no_empty_desk(terminal: Terminal) -> None:
    terminal.ticket()
    assert terminal.error("list", "--stage", "intak", code=4)["message"].startswith("there is no stage intak")
    assert terminal.error("list", "--team", "fronline", code=4)["code"] == "not_found"
    assert terminal.objects("list", "--stage", "review") == []


def test_an_empty_key_and_an_empty_external_id_are_none(terminal: Terminal) -> None:
    for option in ("--key", "--external-id"):
        assert (
            "must not be empty"
            in terminal.error("open", "inquiry", "-f", "statement=x", option, " ", code=2)["message"]
        )
    number = terminal.ticket()
    assert "one ticket only" in terminal.error("advance", number, number, "accept", "--key", "", code=2)["message"]


def test_a_database_that_ends_with_the_command_is_refused(terminal: Terminal) -> None:
    assert "in memory" in terminal.error("--database", "sqlite://", "open", "inquiry", code=2)["message"]


def test_an_export_keeps_lines_and_formulas_inside_their_cell(terminal: Terminal) -> None:
    words = ["a\n=cmd()|x", "a\r\n@b", "=1+1"]
    for text in words:
        terminal("open", "inquiry", "-f", f"statement={text}")
    rows = list(csv.DictReader(io.StringIO(terminal("export"), newline="")))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    told = [next(value for name, value in row.items() if name.endswith("statement")) for row in rows]
    assert [text.replace("\r\n", "\n").lstrip("'") for text in told] == [text.replace("\r\n", "\n") for text in words]
    assert not any(value.startswith(("=", "@")) for row in rows for value in row.values())
