"""`explain` and `health` as people and monitors meet them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.conftest import After, Terminal
from tests.cli.test_documented import documented
from workflow.cli import render

LATER = "2026-03-02T09:10:01+08:00"
AFTERNOON = "2026-03-03T15:00:00+08:00"


def worked_on(terminal: Terminal) -> None:
    number = terminal.ticket("complaint", "-f", "severity=special", "-f", "category=billing")
    terminal("advance", number, "accept")
    terminal("advance", number, "classified")
    terminal("advance", number, "wait_for_customer", "--actor", "specialist_03", TICKETFLOW_NOW=LATER)
    terminal("advance", number, "customer_replied", "--actor", "specialist_03", TICKETFLOW_NOW=AFTERNOON)


@pytest.fixture
def number(terminal: Terminal, after: After) -> int:
    """Open a complaint at nine, which a specialist works on, waits with, and works on again."""
    after(terminal, worked_on)
    return 1


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_fits_eighty_columns_and_is_said_in_one_language(terminal: Terminal, number: int, lang: str) -> None:
    terminal("escalate", number, TICKETFLOW_NOW=AFTERNOON)
    terminal("promise", number, "--until", "2026-03-09 12:00", TICKETFLOW_NOW=AFTERNOON)
    shown = terminal("explain", number, "--lang", lang, TICKETFLOW_NOW=AFTERNOON)
    assert max(map(render.cells, shown.splitlines())) <= 80
    assert not re.search(r"\{\w+\}", shown)
    said = {"en": "What comes next, if nobody does anything", "zh": "若无人操作，接下来"}
    assert [word in shown for word in said.values()] == [lang == "en", lang == "zh"]


def test_it_reads_like_an_explanation(terminal: Terminal, number: int) -> None:
    shown = " ".join(terminal("explain", number, TICKETFLOW_NOW="2026-03-03T18:00:00+08:00").split())
    for sentence in (
        f"Ticket {number}: complaint, in handle.case_file",
        "Here since 2026-03-03 15:00, for 3h.",
        "specialist_03 has it (team service_department, lead lead_service).",
        "The team gave it to specialist_03 on 2026-03-03 15:00, who had the fewest open tickets of those on duty.",
        "Timers are due that no run has fired yet.",
        "2026-03-03 15:00 specialist_03, customer_replied: handle.waiting_customer → handle.case_file",
        "counted on the calendar desk from 2026-03-03 15:00, 10m1s having run before:",
        "2026-03-03 15:00 2026-03-03 18:30 3h30m 3h30m",
        "progress: missed; 3h10m1s have run, the goal was 2h and due 2026-03-03 16:49 (desk).",
        "reply: 3h10m1s of 72h have run, 68h49m59s are left; due 2026-03-06 14:49 (always).",
        "2026-03-02 09:10 – 2026-03-03 15:00 stood still, in handle.waiting_customer",
        "rung 1: lead lead_service is on duty",
        "take_over no: take_over takes one of the roles lead, supervisor; agent_01 has agent",
    ):
        assert sentence in shown, sentence


def test_its_json_has_the_documented_keys_and_masks_what_show_masks(terminal: Terminal, number: int) -> None:
    found = terminal.one("explain", number, TICKETFLOW_NOW=AFTERNOON)
    assert set(found) == documented("explain")
    assert found["ticket"]["customer"]["fields"] == {"name": "张*", "phone": "138****5678"}
    assert found["as_of"] == AFTERNOON
    timer = next(timer for timer in found["timers"] if timer["name"] == "progress/100%")
    assert (timer["fate"], timer["due_at"], timer["before"]) == ("fires", "2026-03-03T16:49:59+08:00", 601.0)
    assert [message["to"] for message in timer["messages"]] == ["member:specialist_03"]
    assert {step["kind"] for count in timer["counts"] for step in count["steps"]} == {"open"}
    assert terminal.error("explain", number, "--reveal", code=5, TICKETFLOW_NOW=AFTERNOON)["code"] == "forbidden"
    revealed = terminal.one("explain", number, "--reveal", "--actor", "lead_day", TICKETFLOW_NOW=AFTERNOON)
    assert revealed["ticket"]["customer"]["fields"]["phone"] == "13812345678"
    assert terminal.error("explain", 99, code=4, TICKETFLOW_NOW=AFTERNOON)["ticket"] == 99


def test_long_counts_are_shortened_in_the_text_only(terminal: Terminal, number: int) -> None:
    by = "600h"
    terminal("sla", "extend", number, "progress", "--by", by, "--reason", "x", TICKETFLOW_NOW=AFTERNOON)
    terminal("sla", "approve", number, "progress", "--actor", "lead_day", TICKETFLOW_NOW=AFTERNOON)
    assert "more days" in terminal("explain", number, TICKETFLOW_NOW=AFTERNOON)
    found = terminal.one("explain", number, TICKETFLOW_NOW=AFTERNOON)
    assert max(len(count["steps"]) for timer in found["timers"] for count in timer["counts"]) > 60


def test_an_archived_ticket_is_explained_too(terminal: Terminal, number: int) -> None:
    terminal("advance", number, "withdraw", "-f", "closing_reason=x", TICKETFLOW_NOW=AFTERNOON)
    shown = terminal("explain", number, TICKETFLOW_NOW=AFTERNOON)
    assert "Nothing: no timer waits." in shown
    assert "Nothing: it is archived." in shown
    assert "progress, cycle 1: met on 2026-03-03 15:00, after 10m1s of 2h." in shown


def test_a_fresh_desk_is_healthy(terminal: Terminal) -> None:
    assert "The desk is healthy." in terminal("health")
    found = terminal.one("health")
    assert set(found) == documented("health")
    assert (found["ok"], found["findings"]) == (True, [])


def test_a_monitor_notices_that_nothing_fires(terminal: Terminal, number: int) -> None:
    when: dict[str, Any] = {"TICKETFLOW_NOW": "2026-03-03T18:00:00+08:00"}
    shown = terminal("health", "--max-undelivered", "100h", code=9, **when)
    lines = [line for line in shown.splitlines() if ": " in line and "`" in line and "trial" not in line]
    assert len(lines) == 2
    assert lines[1].startswith(f"overdue tickets: 1; progress/100% of ticket {number} is 1h10m1s late (limit 5m): run")
    assert "Error: the desk is not healthy; findings: 2" in terminal.err
    found = terminal.objects("health", "--max-undelivered", "100h", code=9, **when)[0]
    assert [finding["check"] for finding in found["findings"]] == ["never_run", "overdue"]
    assert {finding["code"] for finding in found["findings"]} == {"unhealthy"}
    assert found["overdue"] == {
        "count": 1, "ticket_id": number, "since": "2026-03-03T16:49:59+08:00", "name": "progress/100%",
        "error": None,
    }  # fmt: skip
    chinese = terminal("health", "--lang", "zh", code=9, **when)
    assert "有到期事项，却从未运行过" in chinese
    terminal("timeouts", "run", **when)
    terminal("health", "--max-undelivered", "100h", **when)
    later: dict[str, Any] = {"TICKETFLOW_NOW": "2026-03-03T18:10:01+08:00"}
    assert "the last run was at 2026-03-03 18:00, 10m1s ago (limit 10m)" in terminal(
        "health", "--max-undelivered", "100h", code=9, **later
    )
    terminal("health", "--max-undelivered", "100h", "--max-since-run", "1h", **later)


def test_a_limit_is_a_length_of_time(terminal: Terminal) -> None:
    assert terminal.error("health", "--max-late", "soon", code=2)["code"] == "usage"
    assert terminal.error("health", "--max-late", "2wd", code=2)["code"] == "usage"


def test_where_there_is_no_desk_it_fails_and_makes_none(empty: Terminal) -> None:
    assert "there is no desk in" in empty.error("health", code=7)["message"]
    assert list(empty.folder.iterdir()) == []


def test_a_store_that_cannot_be_used_is_exit_7(empty: Terminal) -> None:
    (empty.folder / "ticketflow.db").write_text("this is no database, whatever it is called\n" * 100)
    assert empty.error("health", code=7)["code"] == "store"
