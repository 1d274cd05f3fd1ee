"""Help in two languages, completion for three shells, and a start that loads nothing it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tests.cli.conftest import Terminal
from tests.cli.sentences import commands
from workflow import __version__
from workflow.cli import app, render

HEAVY = ("sqlalchemy", "alembic", "apscheduler", "rich")
NAMES = [name.split()[1:] for name, _ in commands()]


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_help_fits_a_terminal_in_both_languages(empty: Terminal, words: list[str]) -> None:
    english, chinese = empty(*words, "-h"), empty("--lang", "zh", *words, "--help")
    assert english.startswith(f"Usage: {' '.join(['ticketflow', *words])}")
    assert chinese.startswith(f"用法： {' '.join(['ticketflow', *words])}")
    assert "Show this message and exit." in english
    assert "显示本说明。" in chinese
    for line in (english + chinese).splitlines():
        assert render.cells(line) <= 80 or line.startswith("      "), line


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    context = click.Context(app.cli)
    for name, (_, summary) in app.COMMANDS.items():
        command = app.cli.get_command(context, name)
        assert command
        assert command.get_short_help_str() == summary


def test_the_command_lists_what_there_is(empty: Terminal) -> None:
    shown = empty("--help")
    assert all(f"\n  {name}" in shown for name in app.COMMANDS)
    assert "exit 130" not in shown
    assert "3 a definition is wrong" in shown
    assert empty(code=2) == ""
    assert empty.err == shown


def test_help_speaks_the_language_wherever_it_is_said(empty: Terminal) -> None:
    for words in (["--help", "--lang", "zh"], ["--lang=zh", "--help"], ["list", "--help", "--lang", "zh"]):
        assert empty(*words).startswith("用法：")
    assert empty("list", "--help", TICKETFLOW_LANG="zh").startswith("用法：")
    assert empty("note", "--help", "--", "--lang", "zh").startswith("Usage:")


def test_version_says_where_it_comes_from(empty: Terminal) -> None:
    folder = Path(app.__file__).parents[1]
    assert empty("--version") == f"ticketflow {__version__} ({folder})\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(empty: Terminal, shell: str) -> None:
    assert "_TICKETFLOW_COMPLETE" in empty("completion", shell)


def test_completion_completes(empty: Terminal) -> None:
    words: dict[str, Any] = {"COMP_WORDS": "ticketflow adv", "COMP_CWORD": "1"}
    out = empty(_TICKETFLOW_COMPLETE="bash_complete", **words)
    assert out.strip() == "plain,advance"
    out = empty(_TICKETFLOW_COMPLETE="bash_complete", COMP_WORDS="ticketflow list --over", COMP_CWORD="2")
    assert out.strip() == "plain,--overdue"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["check"], ["list", "--help"], ["schema"]])
def test_nothing_heavy_is_loaded(words: list[str]) -> None:
    code = f"import sys; sys.argv = ['ticketflow', *{words!r}]\nfrom workflow.cli.main import main\n"
    code += "try:\n    main()\nfinally:\n    names = {name.partition('.')[0] for name in sys.modules}\n"
    code += "    print('LOADED', *names, file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("LOADED")[2].split())
    assert "click" in loaded
    assert not loaded & set(HEAVY)
