"""The commands that show tickets."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import After, Terminal

HOSTILE = "=cmd()|' /C calc'!A0\x1b[31m\u202e"


def five_tickets(terminal: Terminal) -> None:
    terminal.ticket("complaint", "--priority", "high", "--channel", "phone")
    terminal.ticket("inquiry", "--tag", "VIP")
    terminal.ticket("inquiry")
    terminal("open", "suggestion", "-f", "statement=更大的字体", "-c", "name=李四", "-c", "phone=13900000000")
    terminal.ticket("service")
    terminal("advance", "1", "accept")
    terminal("claim", "2")


@pytest.fixture
def desk(terminal: Terminal, after: After) -> Terminal:
    """Five tickets of several kinds."""
    return after(terminal, five_tickets)


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["--type", "inquiry"], [2, 3]),
        (["--state", "classify"], [1]),
        (["--stage", "intake"], [2, 3, 4, 5]),
        (["--team", "frontline", "--priority", "high"], [1]),
        (["--assignee", "agent_01"], [1, 2, 4]),
        (["--mine"], [1, 2, 4]),
        (["--mine", "--actor", "agent_02"], [5]),
        (["--tag", "VIP"], [2]),
        (["--channel", "phone"], [1]),
        (["--customer", "李四"], [4]),
        (["--customer", "2"], [4]),
        (["--sort", "-id"], [5, 4, 3, 2, 1]),
        (["--sort", "-priority", "--limit", "1"], [1]),
        (["--overdue"], []),
        (["--overdue", "--now", "2026-03-02T09:15:00+08:00"], [2, 3, 4, 5]),
    ],
)
def test_list_shows_what_is_asked_for(desk: Terminal, words: list[str], ids: list[int]) -> None:
    assert [ticket["id"] for ticket in desk.objects("list", *words)] == ids


def test_find_looks_into_texts(desk: Terminal) -> None:
    assert [ticket["id"] for ticket in desk.objects("find", "字")] == [4]
    assert [ticket["id"] for ticket in desk.objects("find", "dead", "--type", "service")] == [5]
    assert desk("find", "nothing like it") == ""
    assert desk.err == "No tickets.\n"


def test_pages_follow_each_other(desk: Terminal) -> None:
    assert [ticket["id"] for ticket in desk.objects("list", "--limit", "2")] == [1, 2]
    cursor = json.loads(desk.err)["next"]
    assert [ticket["id"] for ticket in desk.objects("list", "--limit", "2", "--after", cursor)] == [3, 4]
    desk("list", "--limit", "2")
    assert desk.err == f"There are more: --after {cursor}, or --all.\n"
    assert len(desk.objects("list", "--limit", "2", "--all")) == 5
    assert desk.err == ""
    assert len(desk("list", "--all").splitlines()) == 6


def test_mine_and_assignee_exclude_each_other(desk: Terminal) -> None:
    assert desk.error("list", "--mine", "--assignee", "agent_02", code=2)["code"] == "usage"


def test_a_list_in_a_pipe_is_separated_by_tabs_and_whole(desk: Terminal) -> None:
    header, *rows = [line.split("\t") for line in desk("list").splitlines()]
    assert header == ["id", "type", "state", "priority", "with", "next due", "customer", "limits"]
    assert rows[0] == ["1", "complaint", "classify", "high", "agent_01", "2026-03-02 09:30", "张*", "-"]
    header, *rows = [line.split("\t") for line in desk("list", "--lang", "zh").splitlines()]
    assert header == ["编号", "类型", "状态", "优先级", "负责", "下次到期", "客户", "时限"]
    assert rows[0][:4] == ["1", "投诉", "分类", "高"]


def test_personal_data_are_masked_unless_a_role_may_see_them(desk: Terminal) -> None:
    for words in (["list"], ["show", "1"], ["history", "1"], ["export"], ["find", "dead"]):
        assert "13812345678" not in desk(*words) + desk(*words, "--json")
    assert desk.error("show", "1", "--reveal", code=5)["code"] == "forbidden"
    shown = desk.one("show", "1", "--reveal", "--actor", "lead_day")
    assert shown["customer"]["fields"] == {"name": "张三", "phone": "13812345678"}
    assert "13812345678" in desk("export", "--reveal", "--actor", "lead_day")


def test_show_says_what_can_happen_next(desk: Terminal) -> None:
    shown = desk.one("show", "1", "--actor", "reviewer_01")
    following = {option["trigger"]: option for option in shown["next"]}
    assert following["classified"]["allowed"] is False
    assert following["classified"]["refusal"]["code"] == "forbidden"
    following = {option["trigger"]: option for option in desk.one("show", "1")["next"]}
    assert following["classified"]["allowed"] is True
    assert following["classified"]["requires"] == ["category"]
    assert following["classified"]["label"]["zh"] == "分类完成"


def test_show_reads_well(desk: Terminal) -> None:
    lines = desk("show", "1").splitlines()
    assert lines[0] == "Ticket 1"
    assert "state\tclassify" in lines
    assert "customer\t张*, 138****5678" in lines
    assert "What can happen next, by agent_01" in lines
    assert any(line.startswith("withdraw\t→ archive  Withdraw (needs closing_reason)") for line in lines)
    lines = desk("show", "1", "--lang", "zh", "--actor", "reviewer_01").splitlines()
    assert "状态\t分类 (classify)" in lines
    roles = "agent, specialist, back_office, callback_agent, lead"
    assert f"withdraw\t不可：withdraw 需要角色 {roles}；reviewer_01 有 reviewer" in lines
    desk("claim", "3")
    desk("advance", "3", "accept")
    desk("advance", "3", "mark_spam", "-f", "closing_reason=ad")
    assert desk("show", "3").endswith("Nothing: it is archived.\n")


def test_a_trigger_that_stays_says_so(desk: Terminal) -> None:
    desk("advance", "1", "classified", "-f", "category=billing")
    assert "ask_lead\tstays here  Ask the lead\n" in desk("show", "1")


def test_history_tells_everything_in_order(desk: Terminal) -> None:
    desk("set", "1", "-f", "fees=3")
    entries = desk.objects("history", "1")
    assert [entry["seq"] for entry in entries] == [1, 2, 3]
    assert set(entries[0]) == {
        "seq", "kind", "happened_at", "actor", "state", "entry", "type", "version", "trigger", "source", "dest",
        "timer", "data", "private", "hash",
    }  # fmt: skip
    assert entries[1]["happened_at"] == "2026-03-02T09:00:00+08:00"
    rows = [line.split("\t") for line in desk("history", "1").splitlines()]
    assert rows[0] == ["seq", "when", "who", "what", "details"]
    assert rows[2][2:] == ["agent_01", "advanced", "accept: intake → classify"]
    assert rows[3][3:] == ["set", "fees=3"]
    rows = [line.split("\t") for line in desk("history", "1", "--lang", "zh").splitlines()]
    assert rows[2][3:] == ["推进", "受理: 受理 → 分类"]


def test_history_tells_of_timers(terminal: Terminal) -> None:
    number = terminal.ticket("inquiry")
    terminal("timeouts", "run", "--as-of", "2026-03-02 10:00:30")
    fired = next(
        entry for entry in terminal.objects("history", number, "--now", "2026-03-02T11:00+08:00") if entry["timer"]
    )
    assert set(fired["timer"]) == {"kind", "name", "cycle", "occurrence"}
    assert "first_response; late by=50m" in terminal("history", number, "--now", "2026-03-02T11:00+08:00")


def test_export_is_csv_that_no_spreadsheet_runs(terminal: Terminal) -> None:
    terminal(
        "open",
        "inquiry",
        "-f",
        f"statement={HOSTILE}",
        "-c",
        "name==2+3",
        "-c",
        'company=+a,"b"',
        "--tag",
        "x",
        "--tag",
        "y",
    )
    terminal("advance", "1", "accept")
    (row,) = csv.DictReader(io.StringIO(terminal("export")))
    assert row["fields.statement"] == "'=cmd()|' /C calc'!A0[31m"
    assert row["customer.company"] == '\'+a,"b"'
    assert row["customer.name"] == "'=*"
    assert row["tags"] == "x, y"
    assert row["opened_at"] == "2026-03-02T09:00:00+08:00"
    assert row["more"] == ""


def test_export_writes_files(desk: Terminal) -> None:
    assert desk("export", "--output", "all.csv") == ""
    assert desk.err == "5 tickets written to all.csv.\n"
    assert (desk.folder / "all.csv").read_bytes().startswith(b"\xef\xbb\xbfid,type"), "a spreadsheet knows it is UTF-8"
    desk("export", "--format", "jsonl", "-o", "all.jsonl", "--type", "inquiry", "--lang", "zh")
    assert desk.err == "已把 2 张工单写入 all.jsonl。\n"
    lines = (desk.folder / "all.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [2, 3]


def test_export_keeps_what_no_definition_knows_any_more(terminal: Terminal) -> None:
    terminal("init", "rules")
    terminal.ticket("inquiry", "--tag", "a")
    terminal("advance", "1", "accept")
    terminal("advance", "1", "classified", "-f", "topic=billing")
    folder = terminal.folder / "rules" / "definitions"
    for name in ("inquiry.yaml", "rules.yaml"):
        (folder / name).unlink()
    shutil.rmtree(folder / "guidance")  # it speaks of inquiries
    terminal("apply", "--definitions", "rules/definitions", "--actor", "admin_01")
    (row,) = csv.DictReader(io.StringIO(terminal("export")))
    assert json.loads(row["more"]) == {"fields.topic": "billing"}


def test_hostile_text_reaches_no_terminal(terminal: Terminal) -> None:
    terminal("open", "inquiry", "-f", f"statement={HOSTILE}\t\n", "-c", f"company={HOSTILE}", "--note", HOSTILE)
    for words in (["list"], ["show", "1"], ["history", "1"], ["export"], ["list", "--json"], ["show", "1", "--json"]):
        shown = terminal(*words)
        assert not set(shown) & set("\x1b\u202e"), words
        assert "=cmd()" in shown or words == ["list"]


def test_a_damaged_ticket_keeps_no_other_from_being_shown(terminal: Terminal) -> None:
    numbers = [terminal.ticket() for _ in range(3)]
    terminal("advance", numbers[0], "accept")
    terminal("advance", numbers[0], "classified", "-f", "category=billing")
    with closing(sqlite3.connect(terminal.folder / "ticketflow.db")) as database, database:
        database.execute("UPDATE ticketflow_slas SET fired = '{damaged' WHERE ticket_id = ?", (numbers[0],))
        database.execute("UPDATE ticketflow_tickets SET opened_at = 'never' WHERE id = ?", (numbers[1],))
    rows = [line.split("\t") for line in terminal("list").splitlines()]
    assert [row[:2] for row in rows[1:]] == [["3", "complaint"], ["1", "damaged"], ["2", "damaged"]]
    assert "ticket 1 cannot be read: " in terminal.err
    assert [found.get("damaged") is None for found in terminal.objects("find", "line", "--all")] == [True, False, False]
    for number in numbers[:2]:
        assert terminal.error("show", number, code=1)["ticket"] == number
    assert "3" in terminal("show", numbers[2])
    assert [json.loads(line)["id"] for line in terminal("export", "--format", "jsonl").splitlines()] == [3]


def test_the_archive_is_searched_by_time_tag_and_the_id_of_a_contact(terminal: Terminal) -> None:
    opening = ("open", "inquiry", "-f", "statement=断网", "-c", "phone=13812345678")
    first = terminal.one(*opening, "--tag", "回头客")["id"]
    joined = terminal.one(*opening, "--external-id", "call-2")
    assert (joined["id"], joined["joined"]) == (first, {"same_by": ["phone"], "category": None})
    terminal("advance", str(first), "withdraw", "-f", "closing_reason=已好", "--actor", "lead_day")
    second = terminal.one(*opening)["id"]
    closed = terminal.one("show", str(first))["updated_at"]
    wanted = {
        ("--closed-from", closed): [first], ("--closed-before", closed): [],
        ("--closed-from", closed, "--tag", "回头客", "--customer", "13812345678"): [first],
        ("--external-id", "call-2"): [first], ("--external-id", "call-3"): [], ("--stage", "intake"): [second],
    }  # fmt: skip
    for words, found in wanted.items():
        assert [ticket["id"] for ticket in terminal.objects("find", "断网", *words)] == found


def test_the_history_of_a_ticket_that_was_handed_over_is_shown(terminal: Terminal) -> None:
    number = terminal.ticket("inquiry")
    terminal("transfer", number, "--to", "complaints", "--reason", "a hard case", "--announced")
    assert "instead of=agent_01" in terminal("history", number)
