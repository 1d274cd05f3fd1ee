"""`say`, `form` and `phrases` as people meet them, in both languages, on narrow terminals and in pipes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import After, Terminal
from workflow.cli import render
from workflow.cli.app import run

LATER = "2026-03-02T09:10:00+08:00"
LONG = "statement=" + "电话一直占线，没有人接听，" * 12
STYLE = re.compile("\x1b")


def complained(terminal: Terminal) -> None:
    terminal("open", "complaint", "-f", LONG, "-c", "name=张小明", "-c", "phone=13812345678")


@pytest.fixture
def number(terminal: Terminal, after: After) -> int:
    """Open a complaint with a long statement."""
    after(terminal, complained)
    return 1


@pytest.mark.parametrize("words", [("say",), ("form",), ("form", "--format", "html")], ids=" ".join)
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(
    terminal: Terminal, number: int, words: tuple[str, ...], lang: str, width: int,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in (terminal.env | {"TICKETFLOW_NOW": LATER}).items():
        monkeypatch.setenv(name, value)
    command, *more = words
    assert run([command, str(number), *more, "--lang", lang], width=width) == 0
    shown = capsys.readouterr().out
    assert max(map(render.cells, shown.splitlines())) <= width
    assert re.sub(r"\s", "", LONG.removeprefix("statement=")) in re.sub(r"[\s\\]", "", shown)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_in_a_pipe_nothing_is_wrapped_cut_or_styled(terminal: Terminal, number: int, lang: str) -> None:
    for words in (("say", number), ("form", number), ("form", number, "--format", "html")):
        shown = terminal(*words, "--lang", lang, TICKETFLOW_NOW=LATER)
        assert LONG.removeprefix("statement=") in shown
        assert not STYLE.search(shown)
        assert not re.search(r"\{\w+\}|\{\{|None", shown)


def test_say_puts_words_first_and_what_to_do_after_an_arrow(terminal: Terminal, number: int) -> None:
    title, label, first, second, do, *_ = terminal("say", number, "--lang", "zh", TICKETFLOW_NOW=LATER).splitlines()
    assert title == "工单 1：投诉，在 受理"
    assert (label, first[:5], second[:4]) == ("久候先致谢", "  张*，", "  请您")
    assert do.startswith("  → 客户已等 10 分钟。")


def test_say_in_the_customers_language(terminal: Terminal, number: int) -> None:
    shown = terminal("say", number, "--lang", "zh", "--in", "en", TICKETFLOW_NOW=LATER)
    assert shown.startswith("工单 1：")
    assert "Hello 张*, thank you for your patience. I am Agent 01" in shown


def test_say_reveals_to_those_who_may(terminal: Terminal, number: int) -> None:
    assert terminal.error("say", number, "--reveal", code=5)["code"] == "forbidden"
    assert terminal.error("say", 99, code=4)["code"] == "not_found"
    found = terminal.one("say", number, "--reveal", "--actor", "lead_day", "--lang", "zh", TICKETFLOW_NOW=LATER)
    assert found["waited"] == 10
    assert found["lines"][0]["situation"] == "thank_for_waiting"
    assert found["lines"][0]["say"].startswith("张小明，您好")


def test_an_archived_ticket_has_nothing_to_say(terminal: Terminal, number: int) -> None:
    terminal("advance", number, "withdraw", "-f", "closing_reason=x")
    assert "The guidance has nothing for this state." in terminal("say", number)
    assert "closed · archive" in terminal("form", number).lower()


def test_form_as_json(terminal: Terminal, number: int) -> None:
    found = terminal.one("form", number, "--lang", "zh")
    assert found == terminal.one("form", number, "--format", "json", "--lang", "zh")
    assert {name: found[name] for name in ("name", "contact", "type", "result")} == {
        "name": "张*", "contact": "138****5678", "type": "投诉", "result": "",
    }  # fmt: skip


def test_phrases_are_checked_with_the_better_wording(terminal: Terminal, number: int, tmp_path: Path) -> None:
    shown = terminal("phrases", "check", "--text", "我也没办法", "--lang", "zh", code=2)
    assert shown.splitlines()[0] == "禁用：“没办法”"
    assert "我能马上为您做的是" in shown
    assert "better not: “please wait”" in terminal("phrases", "check", "--text", "Please  WAIT here")
    assert terminal("phrases", "check", "--text", "感谢您的耐心等候") == "Nothing to remark.\n"
    (tmp_path / "letter.txt").write_text("请向工信部反映", "utf-8")
    from_file = ("phrases", "check", "--text", "@letter.txt")
    assert terminal.one(*from_file) == {"refused": False, "remarks": []}
    terminal("tag", number, "risk")
    (told,) = terminal.one(*from_file, "--ticket", number, code=2)["remarks"]
    assert (told["phrase"], told["refused"]) == ("route_upward", True)
    assert terminal.error("phrases", "check", "--text", "", code=2)["field"] == "text"


def test_what_goes_to_a_customer_is_refused_or_remarked(terminal: Terminal) -> None:
    number = terminal.ticket("suggestion", "-f", "area=app")
    refused = terminal.error("set", number, "-f", "reply=我们会尽快处理", "--lang", "zh", code=2)
    assert (refused["code"], refused["field"]) == ("bad_value", "reply")
    assert "尽快" in refused["message"]
    assert "18:00" in refused["remedy"]
    terminal("set", number, "-f", "reply=请稍等，我们在看")
    assert "The customer is told “请稍等”; better: 我马上查，需要 2 分钟" in terminal.err
    terminal("promise", number, "--until", "2026-03-03 12:00", "--reason", "as soon as possible", code=2)
