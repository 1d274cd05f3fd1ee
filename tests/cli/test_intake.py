"""The command that takes contacts in."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal

EXAMPLES = Path(__file__).parents[2] / "examples"
CONTACTS = """\
external_id,type,statement,customer.name,opened_at
a1,inquiry,Hello?,张三,2026/3/2 8:59:09
a2,service,Mend it,,
"""


def test_contacts_become_tickets_once(terminal: Terminal) -> None:
    (terminal.folder / "calls.csv").write_text(CONTACTS, "utf-8")
    found = terminal.one("intake", "calls.csv")
    assert found.pop("seconds") >= 0
    assert found == {"opened": 2, "joined": 0, "known": 0, "rejected": 0, "rejects": None}
    assert terminal("intake", "calls.csv").startswith("0 opened, 0 joined, 2 known already, 0 rejected, in ")
    assert terminal("intake", "calls.csv", "--lang", "zh").startswith("受理 0，催单并入 0，已有 2，未受理 0，用时 ")
    assert terminal.one("show", "1")["opened_at"] == "2026-03-02T08:59:09+08:00"


def test_columns_zone_and_type_can_be_said(terminal: Terminal) -> None:
    with gzip.open(terminal.folder / "log.csv.gz", "wt", encoding="utf-8") as file:
        file.write("message_id,user,body,created_at\n1,Ann,It broke,2026-03-02 00:59\n")
    terminal(
        "intake", "log.csv.gz", "--type", "complaint", "--zone", "UTC", "--map",
        "external_id=message_id,customer.name=user,statement=body,opened_at=created_at",
    )  # fmt: skip
    found = terminal.one("show", "1", "--reveal", "--actor", "lead_day")
    assert (found["external_id"], found["customer"]["fields"]["name"]) == ("1", "Ann")
    assert found["opened_at"] == "2026-03-02T08:59:00+08:00"
    assert "no zone Mars" in terminal.error("intake", "log.csv.gz", "--zone", "Mars", code=2)["message"]


def test_json_lines_come_from_standard_input(terminal: Terminal) -> None:
    lines = '{"statement": "a"}\n{"statement": "b"}\n'
    assert terminal.one("intake", "-", "--type", "inquiry", stdin=lines)["opened"] == 2
    words = ("intake", "-", "--type", "inquiry", "--format", "tsv", "--encoding", "gb18030", "--map", "statement=内容")
    assert terminal.one(*words, stdin="内容\t编号\n你好\t1\n".encode("gb18030"))["opened"] == 1
    assert terminal.one("show", "3")["fields"]["statement"] == "你好"


def test_bad_rows_are_set_aside_and_can_be_mended(terminal: Terminal) -> None:
    bad = CONTACTS + "a3,praise,Well done,=cmd(),\na4,inquiry,,,\n"
    (terminal.folder / "calls.csv").write_text(bad, "utf-8")
    words = ("intake", "calls.csv", "--lang", "zh")
    assert terminal(*words, code=8).startswith("受理 2，催单并入 0，已有 0，未受理 2")
    assert terminal.err.startswith("错误： 有 2 行未受理\n  它们连同原因在 calls.csv.rejects.csv 中")
    rejects = terminal.folder / "calls.csv.rejects.csv"
    rows = list(csv.DictReader(rejects.read_text("utf-8-sig").splitlines()))
    assert [row["line"] for row in rows] == ["4", "5"]
    assert rows[0]["reason"] == "没有工单类型 praise"
    assert rows[0]["customer.name"] == "'=cmd()"
    rejects.write_text(rejects.read_text("utf-8-sig").replace("praise", "suggestion"), "utf-8")
    assert terminal.one("intake", rejects.name, "--rejects", "left.csv", code=8)["rejects"] == "left.csv"
    assert terminal.one("show", "3")["type"] == "suggestion"


def test_rejects_of_standard_input_have_a_name_too(terminal: Terminal) -> None:
    assert terminal.one("intake", "-", stdin="statement,type\nhello,praise\n", code=8)["rejects"] == "stdin.rejects.csv"


def test_what_has_passed_already_must_be_decided(terminal: Terminal) -> None:
    path = EXAMPLES / "contacts.csv"
    later: dict[str, Any] = {"TICKETFLOW_NOW": "2026-03-04T18:00:00+08:00"}
    assert "--past" in terminal.error("intake", path, code=2, **later)["remedy"]
    assert terminal.one("intake", path, "--past", "record", **later)["opened"] >= 60
    assert terminal.objects("outbox", "list", **later) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing.csv"], "cannot be read"),
        (["empty.csv"], "is empty"),
        (["calls.csv", "--map", "nonsense"], "does not map"),
        (["calls.csv", "--map", "colour=type"], "there is no field colour"),
    ],
)
def test_files_and_mappings_of_no_use_are_refused(terminal: Terminal, words: list[str], told: str) -> None:
    (terminal.folder / "empty.csv").touch()
    (terminal.folder / "calls.csv").write_text(CONTACTS.replace("type", "kind"), "utf-8")
    assert told in terminal.error("intake", *words, code=2)["message"]


MOVING = """\
nr,type,statement,opened_at,status,since
a1,complaint,Slow,2026-03-02 08:00,offen,2026-03-02 08:30
a2,inquiry,How?,2026-03-02 08:00,offen,
a3,complaint,Done,2026-02-02 08:00,zu,2026-02-09 08:00
a4,complaint,Lost,2026-03-02 08:00,zu,
"""
COLUMNS = ("--map", "external_id=nr,type=type,statement=statement,opened_at=opened_at", "--state-column", "status")


def test_states_that_are_not_known_are_listed_at_once_and_nothing_is_taken_in(terminal: Terminal) -> None:
    (terminal.folder / "old.csv").write_text(MOVING, "utf-8")
    error = terminal.error("intake", "old.csv", *COLUMNS, code=2)
    for told in ("old.csv:2: complaint offen (1 ×)", "old.csv:3: inquiry offen (1 ×)", "old.csv:4: complaint zu (2 ×)"):
        assert told in error["message"]
    assert '--map-state "offen=STATE"' in error["remedy"]
    assert "complaint: intake, classify, handle.by_phone" in error["remedy"]
    assert terminal("intake", "old.csv", *COLUMNS, "--lang", "zh", code=2) == ""
    assert terminal.err.startswith("错误： 有 3 个状态无法识别，一张也没有导入：old.csv:2")
    assert terminal.objects("list") == []


@pytest.mark.parametrize("file", ["old.csv", "-"])
def test_a_desk_moves_in(terminal: Terminal, file: str) -> None:
    (terminal.folder / "old.csv").write_text(MOVING, "utf-8")
    words = [*COLUMNS, "--map-state", "offen=handle", "--map-state", "zu=archive", "--past", "record"]
    found = terminal.one("intake", file, *words, "--entered-column", "since", stdin=MOVING)
    assert (found["opened"], terminal.one("intake", "old.csv", *words)["known"]) == (4, 4)
    assert [ticket["state"] for ticket in terminal.objects("list", "--all")] == [
        "handle.by_phone", "handle.answering", "archive", "archive",
    ]  # fmt: skip
    (entry,) = (each for each in terminal.objects("history", "1") if each["kind"] == "opened")
    assert (entry["happened_at"], entry["data"]["opened_at"]) == (
        "2026-03-02T08:30:00+08:00",
        "2026-03-02T00:00:00+00:00",
    )
    assert "came in on its way, opened=2026-03-02 08:00" in terminal("history", "1")
    assert "办理中迁入，受理于=2026-03-02 08:00" in terminal("history", "1", "--lang", "zh")
    assert "agent_01 took it over, in handle.by_phone" in terminal("explain", "1")


def test_words_for_states_need_their_column(terminal: Terminal) -> None:
    (terminal.folder / "old.csv").write_text(MOVING, "utf-8")
    assert "--state-column" in terminal.error("intake", "old.csv", "--map-state", "a=b", code=2)["remedy"]
    assert "is mapped to nothing" in terminal.error("intake", "old.csv", "--map-state", "a=", code=2)["message"]
    assert "no column state" in terminal.error("intake", "old.csv", "--state-column", "state", code=2)["message"]


def test_an_unknown_type_rejects_every_row(terminal: Terminal) -> None:
    (terminal.folder / "calls.csv").write_text(CONTACTS.replace("type", "kind"), "utf-8")
    assert terminal.one("intake", "calls.csv", "--type", "nothing", code=8)["rejected"] == 2


def test_not_everybody_may_take_in(terminal: Terminal) -> None:
    assert terminal.error("intake", "-", "--actor", "reviewer_01", stdin=CONTACTS, code=5)["code"] == "forbidden"
