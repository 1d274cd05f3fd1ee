"""On a real terminal of 80 columns."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import PROGRAM, After, Terminal
from workflow.cli import render
from workflow.cli.app import run
from workflow.cli.context import Session

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are of POSIX")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(terminal: Terminal, *words: str, columns: int = 80, **more: Any) -> str:
    """Run the command line on a pseudo-terminal and return what it showed."""
    environment = {name: value for name, value in terminal.environment().items() if name not in ("COLUMNS", "NO_COLOR")}
    return read_terminal([*PROGRAM, *words], columns=columns, cwd=terminal.folder, env=environment | more)


def read_terminal(command: Sequence[str], *, columns: int, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a program on a pseudo-terminal of so many columns and return what it showed."""
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(command, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the other side is closed
        return b""


def escalated(terminal: Terminal) -> None:
    long = "statement=" + "电话一直占线，没有人接听，" * 8
    for kind in ("complaint", "emergency"):
        terminal("open", kind, "-f", long, "-c", "name=张三", "-c", "phone=13812345678", "--tag", "长标签" * 6)
    terminal("advance", "1", "accept")
    terminal("advance", "1", "classified", "-f", "category=billing", "-f", "severity=special", "--note", long)
    terminal("escalate", "1")


@pytest.fixture
def desk(terminal: Terminal, after: After) -> Terminal:
    return after(terminal, escalated)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_eighty_columns_are_enough(
    desk: Terminal, lang: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in desk.env.items():
        monkeypatch.setenv(name, value)
    for words in (["list"], ["history", "1"], ["show", "1"], ["types"], ["outbox", "list"]):
        assert run(["--lang", lang, *words], width=80) == 0
        shown = capsys.readouterr().out
        assert all(render.cells(line) <= 80 for line in shown.splitlines()), shown
    assert shown.splitlines()[1].endswith("waiting" if lang == "en" else "待发送")


def test_colour_is_for_terminals_that_want_it(desk: Terminal) -> None:
    assert on_a_terminal(desk, "list").startswith("\x1b[1mid")
    assert "\x1b" not in on_a_terminal(desk, "list", NO_COLOR="1")


def test_words_for_customers_fit_a_terminal(desk: Terminal) -> None:
    for words in (("say", "1", "--lang", "zh"), ("form", "2", "--format", "html")):
        shown = on_a_terminal(desk, *words, NO_COLOR="1")
        assert "\x1b" not in shown
        assert all(render.cells(line) <= 80 for line in shown.splitlines()), shown


def test_a_list_leaves_this_year_out(desk: Terminal) -> None:
    shown = STYLE.sub("", on_a_terminal(desk, "list", "--state", "handle.case_file"))
    assert " 03-02 11:00 ↑ " in shown, "and marks what is escalated"
    assert all(render.cells(line) <= 80 for line in shown.splitlines())


def test_a_wide_terminal_shows_the_limits(desk: Terminal) -> None:
    shown = STYLE.sub("", on_a_terminal(desk, "list", "--state", "handle.case_file", columns=180))
    assert "escalated: lead_service; progress 03-02 11:00; reply 03-05 09:00" in shown


def test_intake_shows_how_far_it_is(terminal: Terminal) -> None:
    rows = "".join(f"{number},hello\n" for number in range(200))
    (terminal.folder / "calls.csv").write_text("external_id,statement\n" + rows)
    shown = on_a_terminal(terminal, "intake", "calls.csv", "--type", "inquiry", columns=100)
    assert "100%" in shown
    assert "200 opened" in shown


def test_a_session_without_standard_output_has_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert Session().width is None
