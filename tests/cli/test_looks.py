"""How a ticket looks: every page of every type, in both languages, on 80 columns and in a pipe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.test_terminal import read_terminal
from workflow import Desk, VirtualClock
from workflow.definition.shipped import shipped_folder
from workflow.testing import MONDAY_MORNING

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are of POSIX")
MANY = """
import json, sys
from workflow.cli.app import run
for words in json.loads(sys.argv[1]):
    print("#", json.dumps(words), flush=True)
    assert run(words) == 0
"""
FAMILY = "👨\u200d👩\u200d👧"
LETTER = (
    f"{FAMILY}家里的宽带从上周三开始就一直断线😅，打了三次客服电话都说会有人联系，可是到现在也没有人来❤️。路由器型号是"
    "TL-WDR7660-Gigabit-Edition-Rev2.1，重启过很多次都没有用；孩子每天要上网课👍🏽，老人也要看电视，请明天派人上门处理，谢谢🙏！"
    "合同编号见https://example.com/contracts/2026/03/02/very-long-address-without-any-space-in-it-at-all-in-it"
)
PAGES = (["say"], ["form"], ["form", "--format", "html"], ["explain"], ["show"], ["history"])
TYPES = ("activation", "complaint", "emergency", "follow_up", "inquiry", "service", "suggestion")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ticket of every type, ids in their order, about which everything has been written that can be."""
    folder = tmp_path_factory.mktemp("looks")
    who = {"name": "欧阳" + "娜" * 30, "phone": "13812345678", "company": "有限责任公司" * 8, "email": "a@example.com"}
    clock = VirtualClock(MONDAY_MORNING)
    with Desk.connect(f"sqlite:///{folder}/looks.db", definitions=shipped_folder(), clock=clock) as desk:
        for name in TYPES:
            ticket = desk.open(name, actor="agent_01", fields={"statement": LETTER, "subject": LETTER}, customer=who)
            desk.note(ticket.id, LETTER, actor="agent_01")
            desk.tag(ticket.id, actor="agent_01", add=["长标签" * 15, "😅" * 30])
            desk.urge(ticket.id, actor="agent_02", note=LETTER)
            desk.escalate(ticket.id, actor="agent_01", reason=LETTER)
            desk.promise(ticket.id, clock.now() + timedelta(hours=9), actor="agent_01", reason=LETTER)
        desk.advance(2, "accept", actor="agent_01", note=LETTER)
        desk.open("complaint", actor="agent_01", fields={"statement": LETTER}, customer=who, separate=LETTER)
        clock.advance(timedelta(hours=30))
        desk.run_timeouts()
    return folder


def commands(*langs: str, tickets: int = len(TYPES)) -> list[list[str]]:
    return [
        ["--lang", lang, page[0], str(number), *page[1:]]
        for number in range(1, tickets + 1)
        for page in PAGES
        for lang in langs
    ]


def pages(
    folder: Path, asked: list[list[str]], *, terminal: bool, **settings: str
) -> Iterator[tuple[list[str], list[str]]]:
    """Run every command in one process, and yield it with the lines it showed."""
    ours = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    ours |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    ours |= {"TICKETFLOW_DATABASE": f"sqlite:///{folder}/looks.db", "TICKETFLOW_NOW": "2026-03-03T15:00:01+08:00"}
    ours |= {"TICKETFLOW_DEFINITIONS": str(shipped_folder()), "PYTHONIOENCODING": "utf-8", **settings}
    command = [sys.executable, "-c", MANY, json.dumps(asked)]
    if terminal:
        shown = read_terminal(command, columns=80, cwd=folder, env=ours)
    else:
        shown = subprocess.run(command, cwd=folder, env=ours, capture_output=True, check=True).stdout.decode()
    for page in shown.split("\n# [")[1:] if shown.startswith("\n") else ("\n" + shown).split("\n# [")[1:]:
        words, *lines = page.split("\n")
        yield json.loads("[" + words), lines


def cells(line: str) -> int:
    """Count as a terminal does, and not as the program does: wide is two, what joins or marks a sign is nothing."""
    width, joined = 0, False
    for at, sign in enumerate(line):
        if sign == "\u200d" or unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
            joined = sign == "\u200d"
            width += sign == "\ufe0f" and unicodedata.east_asian_width(line[at - 1]) != "W"
            continue
        modifies = "\U0001f3fb" <= sign <= "\U0001f3ff"
        width += 0 if joined or modifies else 1 + (unicodedata.east_asian_width(sign) in "WF")
        joined = False
    return width


def test_no_line_of_any_page_is_wider_than_the_terminal(folder: Path) -> None:
    asked = commands("en", "zh")
    found = list(pages(folder, asked, terminal=True))
    assert [words for words, _ in found] == asked
    assert any("\x1b" in line for _, lines in found for line in lines)
    for words, lines in found:
        bare = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
        assert [line for line in bare if cells(line) > 80 or "\x1b" in line] == [], words
        assert len([line for line in bare if line.strip()]) > 3, words


def test_a_terminal_without_colour_gets_none(folder: Path) -> None:
    some = commands("zh", tickets=1)
    assert all("\x1b" not in line for _, lines in pages(folder, some, terminal=True, NO_COLOR="1") for line in lines)


@pytest.mark.prove
def test_in_a_pipe_nothing_is_cut_and_nothing_steers(folder: Path) -> None:
    for words, lines in pages(folder, commands("zh"), terminal=False):
        text = "\n".join(lines)
        assert not any(unicodedata.category(sign) == "Cc" for sign in text if sign not in "\n\t"), words
        if words[2] in ("show", "history"):
            assert text.count(LETTER) >= 2, words
        if words[2] == "form":
            whole = re.sub(r"\\(.)|\s", r"\1", text)
            assert re.sub(r"\s", "", LETTER) in whole, words
        assert "…" not in text, words
