"""The commands for time: the ladder, promises, SLA clocks, timeouts, incidents."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import After, Terminal
from workflow.cli import render
from workflow.cli.app import run

LEAD = ("--actor", "lead_day")
FIRST_RESPONSE = "after: 10m\n        actions: [reassign, escalate]"
TROUBLE = """after: 10m
        conditions: '10 / (score - 1) > 0'
        actions: [escalate]
      reminder:
        label: {en: Reminder, zh: 提醒}
        after: 1h
        every: 30m
        actions: [notify: team]"""


def at(clock: str) -> tuple[str, str]:
    """Return the option that puts the desk's clock to a time of Monday."""
    return ("--now", f"2026-03-02T{clock}:00+08:00")


def rows(shown: str) -> list[list[str]]:
    return [line.split("\t") for line in shown.splitlines()]


def handled(terminal: Terminal) -> None:
    terminal.ticket()
    terminal("advance", "1", "accept")
    terminal("advance", "1", "classified", "-f", "category=billing", "-f", "severity=special")


@pytest.fixture
def case(terminal: Terminal, after: After) -> Terminal:
    """A complaint that is being handled since nine: its clocks `reply` and `progress` run."""
    return after(terminal, handled)


@pytest.fixture
def trouble(empty: Terminal) -> Terminal:
    """A desk with a timeout that cannot fire where the score is 1, and a reminder."""
    empty("init", ".")
    path = Path("definitions/inquiry.yaml")
    text = path.read_text("utf-8")
    assert FIRST_RESPONSE in text
    path.write_text(text.replace(FIRST_RESPONSE, TROUBLE, 1), "utf-8")
    return empty


# The ladder.


def test_escalating_says_who_is_told_or_what_it_joins(terminal: Terminal) -> None:
    number = terminal.ticket()
    assert terminal("escalate", number, "--lang", "zh") == f"工单 {number} 已上报；通知：lead_day。\n"
    joined = f"Ticket {number} was escalated already; this joins what lead_day was told.\n"
    assert terminal("escalate", number, "--reason", "again") == joined
    other = terminal.ticket()
    terminal("timeouts", "run", *at("09:11"))
    assert "joins what lead_day was told" in terminal("escalate", other, *at("09:12")), "a timer was first"
    terminal("acknowledge", other, *LEAD, *at("09:13"))
    held = f"Ticket {other} was escalated already; lead_day, who took it on, is told of this too.\n"
    assert terminal("escalate", other, *at("09:14")) == held
    assert terminal.one("show", other, *at("09:14"))["ladder"]["held_by"] == "lead_day"


def test_what_the_catch_up_escalated_is_joined_too(terminal: Terminal) -> None:
    number = terminal.ticket()
    assert "this joins what lead_day was told" in terminal("escalate", number, *at("09:11"))


def test_an_escalation_is_taken_on(terminal: Terminal) -> None:
    number = terminal.ticket()
    assert terminal.error("acknowledge", number, *LEAD, code=5)["code"] == "refused"
    terminal("timeouts", "run", *at("09:11"))
    assert terminal.error("acknowledge", number, *at("09:11"), code=5)["code"] == "forbidden"
    words = ("acknowledge", number, *LEAD, "--note", "calling")
    assert terminal(*words, *at("09:12")) == (
        f"The escalation of ticket {number} is with lead_day; nobody else is told until 2026-03-02 11:12.\n"
    )
    assert terminal("advance", number, "accept", *at("09:13")).startswith(f"Ticket {number}: accept")
    assert terminal.one("show", number, *at("09:13"))["ladder"] is None
    called = terminal.ticket("complaint", *at("09:13"))
    terminal("escalate", called, *at("09:13"))
    assert terminal("acknowledge", called, *LEAD, "--lang", "zh", *at("09:14")) == f"工单 {called} 的上报已结束。\n"


def test_escalations_are_listed_the_open_ones_first(terminal: Terminal) -> None:
    assert terminal("escalations") == ""
    assert terminal.err == "No escalations.\n"
    first, second = terminal.ticket(), terminal.ticket()
    for number in (first, second):
        terminal("escalate", number)
    terminal("acknowledge", second, *LEAD)
    found = terminal.objects("escalations", "--all")
    assert [(line["ticket_id"], line["ended_at"] is None) for line in found] == [(first, True), (second, False)]
    assert found[0]["raised_at"] == "2026-03-02T09:00:00+08:00"
    assert [line["ticket_id"] for line in terminal.objects("escalations")] == [first]
    assert len(terminal.objects("escalations", "--all", "--limit", "1")) == 1
    header, one, other = rows(terminal("escalations", "--all"))
    assert header == ["ticket", "rung", "told", "since", "times", "last told", "status"]
    assert one[2:] == ["lead_day", "2026-03-02 09:00", "1", "2026-03-02 09:00", "nobody has taken it on"]
    assert other[-1] == "taken on by lead_day, 2026-03-02 09:00; over"
    header, one, other = rows(terminal("escalations", "--all", "--lang", "zh"))
    assert (header[2], one[-1], other[-1]) == ("通知", "无人接手", "lead_day 于 2026-03-02 09:00 接手；已结束")


# Promises.


def test_a_promise_is_made_changed_and_kept(case: Terminal) -> None:
    words = ("promise", "1", "--until", "2026-03-03 12:00")
    assert case(*words) == "The customer of ticket 1 is promised an answer until 2026-03-03 12:00.\n"
    error = case.error("promise", "1", "--until", "2026-03-03 13:00", code=2)
    assert (error["code"], error["field"]) == ("bad_value", "reason")
    found = case.one("promise", "1", "--until", "2026-03-03 13:00", "--reason", "the part is late")
    assert found["promise"] == {
        "number": 2, "until": "2026-03-03T13:00:00+08:00", "made_at": "2026-03-02T09:00:00+08:00",
        "made_by": "agent_01",
    }  # fmt: skip
    assert "promised\tuntil 2026-03-03 13:00, by agent_01 on 2026-03-02 09:00" in case("show", "1")
    assert case("promise", "1", "--kept", "--lang", "zh") == "工单 1 的承诺已兑现。\n"
    assert case.one("show", "1")["promise"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["--until", "2026-03-03 12:00", "--kept"], 2),
        (["--until", "soon"], 2),
        (["--until", "2026-03-02 08:00"], 2),
        (["--kept"], 5),
        (["--until", "2026-03-03 12:00", "--actor", "reviewer_01"], 5),
    ],
)
def test_what_is_no_promise_is_told(case: Terminal, words: list[str], code: int) -> None:
    assert case.error("promise", "1", *words, code=code)["message"]
    assert case.one("show", "1")["promise"] is None


# SLA clocks.


def test_clocks_are_listed_with_what_has_elapsed(case: Terminal) -> None:
    header, progress, reply = rows(case("sla", "list", "1", *at("10:30")))
    assert header == ["clock", "cycle", "status", "due", "elapsed", "goal", "breached", "excused"]
    assert progress == ["progress", "1", "running", "2026-03-02 11:00", "1h30m", "2h", "no", "no"]
    assert reply == ["reply", "1", "running", "2026-03-05 09:00", "1h30m", "72h", "no", "no"]
    assert rows(case("sla", "list", "1", "--lang", "zh", *at("10:30")))[1][:3] == ["进度反馈", "1", "计时中"]
    found = case.objects("sla", "list", "1", *at("10:30"))
    assert [(clock["name"], clock["elapsed"], clock["goal"]) for clock in found] == [
        ("progress", 5400.0, 7200.0), ("reply", 5400.0, 259200.0),
    ]  # fmt: skip
    assert found[1]["due_at"] == "2026-03-05T09:00:00+08:00"
    fresh = case.ticket("complaint", *at("10:30"))
    assert case("sla", "list", fresh, *at("10:30")) == ""
    assert case.err == f"No SLA clock of ticket {fresh} has started.\n"


def test_a_clock_that_is_paused_or_over_says_so(case: Terminal) -> None:
    case("advance", "1", "wait_for_customer", *at("10:00"))
    assert "reply\tpaused\n" in case("show", "1", *at("10:00"))
    assert "reply paused" in case("list", *at("10:00"))
    assert case.objects("sla", "list", "1", *at("12:00"))[1]["elapsed"] == 3600.0
    case("advance", "1", "withdraw", "-f", "closing_reason=paid", *at("12:30"))
    assert "reply\tmet on 2026-03-02 12:30\n" in case("show", "1", *at("12:30"))


def test_more_time_is_asked_for_and_granted(case: Terminal) -> None:
    words = ("sla", "extend", "1", "reply", "--reason", "the part is late")
    assert case(*words, "--by", "24h") == "24h more were asked for on reply of ticket 1; a lead may approve.\n"
    assert "reply\trunning, more time asked for; due 2026-03-05 09:00" in case("show", "1")
    assert case.error("sla", "approve", "1", "reply", code=5)["code"] == "forbidden"
    assert case("sla", "approve", "1", "reply", "--refuse", *LEAD) == "reply of ticket 1 is not extended.\n"
    case(*words, "--by", "1h30m")
    assert case("sla", "approve", "1", "reply", *LEAD, "--note", "fine", "--lang", "zh") == (
        "工单 1 的 答复客户 已延期；到期：2026-03-05 10:30。\n"
    )
    assert case.error("sla", "approve", "1", "reply", *LEAD, code=5)["code"] == "refused"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["reply", "--by", "2wd"], 2, "--by takes hours and minutes, not days"),
        (["reply", "--by", "1d"], 2, "--by takes hours and minutes, not days"),
        (["reply", "--by", "soon"], 2, "soon is no duration"),
        (["reply", "--by", "0h"], 2, "longer than zero"),
        (["reply"], 2, "Missing option '--by'"),
        (["nonsense", "--by", "1h"], 4, "complaint has no clock nonsense"),
    ],
)
def test_an_extension_that_is_none_is_told(case: Terminal, words: list[str], code: int, told: str) -> None:
    clock, *more = words
    assert told in case.error("sla", "extend", "1", clock, *more, "--reason", "x", code=code)["message"]


def test_lengths_are_refused_in_chinese_too(case: Terminal) -> None:
    case("sla", "extend", "1", "reply", "--by", "soon", "--reason", "x", "--lang", "zh", code=2)
    assert case.err.startswith("错误： soon 不是时长")


def test_a_miss_is_excused_and_stays(case: Terminal) -> None:
    words = ("sla", "excuse", "1", "progress", "--reason", "an outage", *LEAD)
    assert case.error(*words, code=5)["code"] == "refused"
    case("timeouts", "run", *at("11:30"))
    assert "progress\trunning, missed; due 2026-03-02 11:00" in case("show", "1", *at("11:30"))
    assert "progress missed 2026-03-02 11:00; reply 2026-03-05 09:00" in case("list", *at("11:30"))
    assert case.error(*words, "--cycle", "2", *at("11:30"), code=5)["code"] == "refused"
    assert case(*words, "--cycle", "1", *at("11:30")) == (
        "The miss of progress of ticket 1 is excused; it stays in the record.\n"
    )
    assert rows(case("sla", "list", "1", *at("11:30")))[1][-2:] == ["yes", "yes"]


def test_what_is_stored_is_proved_and_mended(case: Terminal) -> None:
    assert case("sla", "rebuild", "--check") == "Every SLA clock and timer is what history says.\n"
    assert case.objects("sla", "rebuild", "--check", "1") == []
    assert case.error("sla", "rebuild", "--check", "1", "99", code=4)["ticket"] == 99
    with sqlite3.connect("ticketflow.db") as database:
        database.execute("UPDATE ticketflow_slas SET goal = 3600000000, at_risk = 1 WHERE name = 'reply'")
        database.execute("DELETE FROM ticketflow_slas WHERE name = 'progress'")
    missing, wrong = case.objects("sla", "rebuild", "--check", code=8)
    assert (missing["name"], missing["stored"], missing["told"]["status"]) == ("progress", None, "running")
    assert (wrong["ticket_id"], wrong["stored"]["goal"], wrong["told"]["goal"]) == (1, 3600.0, 259200.0)
    told = case("sla", "rebuild", "--check", "1", code=8).splitlines()
    assert told[0] == (
        "Ticket 1, progress, cycle 1: stored nothing; by history status=running, elapsed=0s, due_at=2026-03-02 11:00."
    )
    assert told[1] == "Ticket 1, reply, cycle 1: stored goal=1h, at_risk=yes; by history goal=72h, at_risk=no."
    assert case.err.startswith("Error: 2 SLA clocks and timers are not what history says\n")
    assert case.error("sla", "rebuild", code=5)["code"] == "forbidden"
    assert case("sla", "rebuild", *LEAD).splitlines()[-1] == "2 SLA clocks and timers of 1 tickets were put right."
    assert case("sla", "rebuild", *LEAD, "--lang", "zh") == "所有时限和定时都与经过相符。\n"
    assert rows(case("history", "1"))[-1][2:] == ["lead_day", "rebuilt", "rebuilt=progress, reply"]
    case("timeouts", "run", *at("11:00"))
    assert "missed" in case("show", "1", *at("11:00")), "its timer is armed again"


def test_what_cannot_be_read_is_named_and_the_exit_code_says_so(case: Terminal) -> None:
    with sqlite3.connect("ticketflow.db") as database:
        database.execute("UPDATE ticketflow_history SET state = 'nowhere'")
    assert "its history makes no sense" in case.objects("sla", "rebuild", "--check", code=8)[0]["damaged"]
    assert case("sla", "rebuild", "--lang", "zh", *LEAD, code=8).startswith("工单 1 无法读取：")
    assert "有 1 张工单无法读取：1" in case.err
    with sqlite3.connect("ticketflow.db") as database:
        database.execute("UPDATE ticketflow_timers SET due_at = 'soon'")
    assert {row["ticket_id"] for row in case.objects("timeouts", "list") if row["damaged"]} == {1}
    assert rows(case("timeouts", "list"))[1][:4] == ["-", "-", "1", "damaged"]


# Timeouts.


def test_a_run_tells_apart_what_it_did_not_do(trouble: Terminal) -> None:
    for score in ("1", "2"):
        trouble("open", "inquiry", "-f", "statement=?", "-f", f"score={score}")
    dry = trouble.one("timeouts", "run", "--dry-run", *at("09:10"))
    assert (dry["dry_run"], dry["tickets"], dry["fired"], dry["incidents"]) == (True, 2, 1, 1)
    assert trouble("timeouts", "run", "--dry-run", "--lang", "zh", *at("09:10")) == (
        "截至 2026-03-02 09:10：执行 1，跳过 0，上报 1，异常 1。\n"
    )
    assert trouble.err == "未做改动：运行即会如此。\n"
    assert trouble("timeouts", "log", *at("09:10")) == ""
    assert trouble.err == "No runs.\n"
    with sqlite3.connect("ticketflow.db") as database:
        database.execute("UPDATE ticketflow_tickets SET fields = '{' WHERE id = 2")
    assert trouble("timeouts", "run", "--chunk", "1", *at("09:10")) == (
        "As of 2026-03-02 09:10: 0 fired, 0 skipped, 0 escalated, 1 incidents.\n"
        "Others were first on 0 tickets and have 0 in hand; 1 cannot be read.\n"
    )
    assert trouble("timeouts", "run", *at("09:20")).endswith(": 0 fired, 0 skipped, 0 escalated, 0 incidents.\n")


@pytest.mark.parametrize(
    "words", [["--as-of", "soon"], ["--limit", "0"], ["--chunk", "0"], ["--as-of", "2026-13-01"], ["--limit", "x"]]
)
def test_a_run_that_makes_no_sense_is_told(terminal: Terminal, words: list[str]) -> None:
    assert terminal.error("timeouts", "run", *words, code=2)["code"] == "usage"


def test_what_is_due_and_what_comes_next(case: Terminal) -> None:
    other = case.ticket("inquiry", *at("10:55"))
    found = case.objects("timeouts", "list", *at("11:02"))
    assert [(timer["kind"], timer["name"], timer["ticket_id"]) for timer in found] == [
        ("sla", "progress/100%", 1), ("timeout", "first_response", other), ("sla", "reply/-1h", 1),
        ("sla", "reply/100%", 1),
    ]  # fmt: skip
    assert found[0]["due_at"] == "2026-03-02T11:00:00+08:00"
    assert len(case.objects("timeouts", "list", "--limit", "2", *at("11:02"))) == 2
    assert len(case.objects("timeouts", "list", "--until", "2026-03-02 11:00", *at("11:02"))) == 1
    header, late, soon, *_ = rows(case("timeouts", "list", *at("11:02")))
    assert header == ["due", "late", "ticket", "type", "state", "what"]
    assert late == ["2026-03-02 11:00", "2m", "1", "complaint", "handle.case_file", "SLA progress 100%"]
    assert soon == ["2026-03-02 11:05", "-", str(other), "inquiry", "intake", "first_response"]
    _, late, soon, *_ = rows(case("timeouts", "list", "--lang", "zh", *at("11:02")))
    assert (late[-1], soon[3:]) == ("时限 进度反馈 100%", ["咨询", "受理", "首次响应超时"])
    assert case.error("timeouts", "list", "--until", "soon", *at("11:02"), code=2)["code"] == "usage"


def test_promises_and_rungs_are_on_the_list(case: Terminal) -> None:
    case("promise", "1", "--until", "2026-03-02 10:30")
    case("escalate", "1")
    names = [row[-1] for row in rows(case("timeouts", "list"))[1:]]
    assert names == ["promise: warning", "next rung", "promise: due", "SLA progress 100%", "SLA reply -1h",
                     "SLA reply 100%"]  # fmt: skip
    names = [row[-1] for row in rows(case("timeouts", "list", "--lang", "zh", "--limit", "2"))[1:]]
    assert sorted(names) == ["上报下一级", "承诺: 警告"]


def test_an_empty_desk_has_nothing_to_come(terminal: Terminal) -> None:
    assert terminal("timeouts", "list") == ""
    assert terminal.err == "Nothing is due, and nothing comes.\n"


def test_the_runs_are_logged(terminal: Terminal) -> None:
    terminal.ticket()
    for clock in ("09:05", "09:12", "09:13"):
        terminal("timeouts", "run", *at(clock))
    newest, first = terminal.objects("timeouts", "log", *at("09:13"))
    assert (newest["fired"], newest["empty"], newest["oldest_lateness"]) == (1, 1, 120.0)
    assert (first["fired"], first["empty"]) == (0, 1)
    header, row, _ = rows(terminal("timeouts", "log", *at("09:13")))
    assert header[-2:] == ["latest by", "empty"]
    assert row[1:] == ["2026-03-02 09:13", "1", "1", "1", "0", "0", "0", "0", "0", "2m", "1"]
    assert len(terminal.objects("timeouts", "log", "--limit", "1", *at("09:13"))) == 1


@pytest.mark.prove
def test_runs_of_many_processes_fire_once(terminal: Terminal) -> None:
    for _ in range(12):
        terminal.ticket()
    terminal.env["TICKETFLOW_NOW"] = "2026-03-02T09:11:00+08:00"
    started = [terminal.spawn("timeouts", "run", "--chunk", "2", "--json") for _ in range(2)]
    reports = [json.loads(process.communicate(timeout=120)[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sum(report["fired"] for report in reports) == 12
    assert len(terminal.objects("outbox", "list")) == 12


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are of POSIX")
def test_a_run_shows_on_a_terminal_how_far_it_is(terminal: Terminal) -> None:
    from tests.cli.test_terminal import on_a_terminal

    terminal.ticket()
    shown = on_a_terminal(terminal, "timeouts", "run", columns=100, TICKETFLOW_NOW="2026-03-02T09:11:00+08:00")
    assert "1 tickets, 1 fired" in shown
    assert shown.splitlines()[-1].endswith("1 fired, 0 skipped, 1 escalated, 0 incidents.")


# Incidents.


def test_incidents_are_listed_and_retried(trouble: Terminal) -> None:
    assert trouble("incident", "list") == ""
    assert trouble.err == "No incidents.\n"
    for _ in range(2):
        trouble("open", "inquiry", "-f", "statement=?", "-f", "score=1")
    trouble("timeouts", "run", *at("09:11"))
    first, second = trouble.objects("incident", "list", *at("09:11"))
    assert (first["ticket_id"], first["timer"], first["closed_at"]) == (1, "timeout:first_response:1:1", None)
    assert first["due_at"] == "2026-03-02T09:10:00+08:00"
    assert trouble.objects("incident", "list", "--after", first["id"], *at("09:11")) == [second]
    header, row, _ = rows(trouble("incident", "list", *at("09:11")))
    assert header == ["id", "ticket", "timer", "due", "since", "status", "why"]
    assert row[2:6] == ["first_response", "2026-03-02 09:10", "2026-03-02 09:11", "still open"]
    error = trouble.error("incident", "retry", "1", *LEAD, *at("09:12"), code=5)
    assert error["message"].startswith("the timer first_response fails again")
    assert trouble.error("incident", "retry", "1", *at("09:12"), code=5)["code"] == "forbidden"
    trouble("set", "1", "-f", "score=2", *at("09:12"))
    told = trouble("incident", "retry", "1", "2", "77", *LEAD, *at("09:13"), code=8)
    assert told == "Incident 1 is closed; ticket 1 is in intake, with agent_01.\n"
    assert trouble.err.count("Error:") == 3
    assert "Error: 1 done, 2 refused" in trouble.err
    assert [row["id"] for row in trouble.objects("incident", "list", *at("09:13"))] == [2]
    assert rows(trouble("incident", "list", "--all", "--lang", "zh", *at("09:13")))[1][5] == "已关闭"
    assert trouble.error("incident", "retry", "1", *LEAD, *at("09:14"), code=5)["code"] == "refused"
    assert trouble.error("incident", "retry", "77", *LEAD, *at("09:14"), code=4)["code"] == "not_found"
    kinds = [row[3] for row in rows(trouble("history", "1", *at("09:14")))]
    assert kinds[-3:] == ["incident closed", "fired", "escalated"]


# The whole story.


def told(terminal: Terminal, number: int, *more: str) -> list[tuple[str, str]]:
    """Return what happened and its details, line by line."""
    return [(row[3], row[4]) for row in rows(terminal("history", number, *more))[1:]]


def test_history_tells_of_time_in_words(case: Terminal) -> None:
    case("promise", "1", "--until", "2026-03-02 09:30")
    case("promise", "1", "--until", "2026-03-02 12:00", "--reason", "parts")
    case("sla", "extend", "1", "reply", "--by", "24h", "--reason", "parts")
    case("sla", "approve", "1", "reply", *LEAD)
    case("escalate", "1", *at("09:05"))
    case("timeouts", "run", *at("11:01"))
    case("acknowledge", "1", "--actor", "supervisor_01", *at("11:02"))
    case("sla", "excuse", "1", "progress", "--reason", "outage", *LEAD, *at("11:03"))
    case("promise", "1", "--kept", *at("11:04"))
    case("set", "1", "--priority", "urgent", *at("11:05"))
    lines = told(case, 1, *at("11:05"))
    assert [line for line in lines if line[0] in ("promised", "extension asked", "extended", "excused")] == [
        ("promised", "skipped: warning, until=2026-03-02 09:30"),
        ("promised", "instead of=2026-03-02 09:30, late, until=2026-03-02 12:00, reason=parts"),
        ("extension asked", "by=24h, cycle=1, clock=reply, reason=parts"),
        ("extended", "reply new goal, by=24h, cycle=1, clock=reply"),
        ("excused", "cycle=1, clock=progress, reason=outage"),
    ]
    assert ("promise kept", "until=2026-03-02 12:00") in lines
    assert any(kind == "escalated" and facts.startswith("next rung") for kind, facts in lines)
    assert any(kind == "fired" and facts.startswith("SLA progress 100%; late by=1m") for kind, facts in lines)
    assert lines[-1] == ("set", "reply new goal, priority=urgent")
    chinese = told(case, 1, "--lang", "zh", *at("11:05"))
    assert not any(word.isascii() for word, _ in chinese)
    assert ("已延期", "答复客户 目标已改, 延长=24h, 周期=1, 时限=答复客户") in chinese
    assert chinese[2][1].startswith("分类完成: 分类 → 投诉处理单; 进度反馈 计时中, 答复客户 计时中")


def test_history_tells_what_was_merged_and_skipped(trouble: Terminal) -> None:
    trouble("open", "inquiry", "-f", "statement=?")
    trouble("timeouts", "run", *at("12:10"))
    lines = told(trouble, 1, *at("12:10"))
    assert any(kind == "skipped" and facts.startswith("first_response; ") for kind, facts in lines)
    (merged,) = [facts for _, facts in lines if facts.startswith("reminder")]
    assert "stands for 5 due times, 2026-03-02 10:00 to 2026-03-02 12:00" in merged
    assert "合并 5 次到期，2026-03-02 10:00 至 2026-03-02 12:00" in trouble("history", 1, "--lang", "zh", *at("12:10"))


def test_history_tells_of_new_rules(case: Terminal) -> None:
    case("init", "rules")
    path = Path("rules/definitions/desk.yaml")
    text = path.read_text("utf-8")
    assert "mon-fri: 09:00-18:30" in text
    path.write_text(text.replace("mon-fri: 09:00-18:30", "mon-fri: 09:00-10:30"), "utf-8")
    case("apply", "--definitions", "rules/definitions", "--actor", "admin_01", *at("10:00"))
    assert told(case, 1, *at("10:00"))[-1] == ("rearmed", "desk revision=2")
    assert told(case, 1, "--lang", "zh", *at("10:00"))[-1] == ("按新规则重新计时", "服务台版本=2")
    assert "progress\trunning; due 2026-03-03 09:30" in case("show", "1", *at("10:00"))


def test_what_a_person_was_faster_with_is_told(terminal: Terminal) -> None:
    number = terminal.ticket("inquiry")
    terminal("claim", number, *at("09:12"))
    lines = told(terminal, number, *at("09:12"))
    assert ("overtaken", "action=reassign") in lines
    assert any(kind == "已无需执行" for kind, _ in told(terminal, number, "--lang", "zh", *at("09:12")))


def test_show_and_list_say_who_holds_what(case: Terminal) -> None:
    case("escalate", "1")
    case("promise", "1", "--until", "2026-03-03 12:00")
    assert "escalated\tsince 2026-03-02 09:00, on rung 1: lead_service\n" in case("show", "1")
    limits = "escalated: lead_service; promised 2026-03-03 12:00; progress 2026-03-02 11:00; reply 2026-03-05 09:00"
    assert rows(case("list"))[1][-1] == limits
    case("timeouts", "run", *at("11:01"))
    case("acknowledge", "1", "--actor", "supervisor_01", *at("11:02"))
    assert "上报" in case("show", "1", "--lang", "zh", *at("11:02"))
    shown = case.one("show", "1", *at("11:02"))
    assert [clock["name"] for clock in shown["clocks"]] == ["progress", "reply"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_eighty_columns_are_enough_for_time(
    case: Terminal, lang: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case("escalate", "1", "--reason", "电话一直占线，没有人接听，" * 8)
    case("promise", "1", "--until", "2026-03-03 12:00", "--reason", "很忙" * 40)
    case("timeouts", "run", *at("11:30"))
    environment: dict[str, Any] = case.env | {"TICKETFLOW_NOW": "2026-03-02T11:30:00+08:00"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for words in (
        ["list"], ["show", "1"], ["history", "1"], ["escalations", "--all"], ["sla", "list", "1"],
        ["timeouts", "list"], ["timeouts", "log"], ["timeouts", "run"], ["incident", "list"],
        ["sla", "rebuild", "--check"],
    ):  # fmt: skip
        assert run(["--lang", lang, *words], width=80) == 0
        shown = capsys.readouterr().out
        assert all(render.cells(line) <= 80 for line in shown.splitlines()), shown


@pytest.mark.parametrize(
    "words",
    [
        ["acknowledge"], ["promise"], ["sla", "list"], ["sla", "extend"], ["sla", "approve"], ["sla", "excuse"],
        ["sla", "rebuild"], ["incident", "retry"],
    ],
)  # fmt: skip
def test_an_id_that_is_none_is_told(terminal: Terminal, words: list[str]) -> None:
    for given in ("0", "x", "-1", str(2**63)):
        assert terminal.error(*words, given, "reply", code=2)["code"] == "usage"


@pytest.mark.parametrize(
    "words",
    [
        ["acknowledge", "99"], ["promise", "99", "--kept"], ["sla", "list", "99"],
        ["sla", "extend", "99", "reply", "--by", "1h", "--reason", "x"], ["sla", "approve", "99", "reply"],
        ["sla", "excuse", "99", "reply", "--reason", "x"], ["sla", "rebuild", "99"], ["incident", "retry", "99"],
        ["escalate", "99"],
    ],
)  # fmt: skip
def test_a_ticket_that_is_not_there_is_told(terminal: Terminal, words: list[str]) -> None:
    assert terminal.error(*words, *LEAD, code=4)["code"] == "not_found"
