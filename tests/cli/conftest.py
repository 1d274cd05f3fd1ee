"""A folder of its own for every test, with a desk on a virtual clock and the commands at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from workflow.cli.app import cli

NOW = "2026-03-02T09:00:00+08:00"
PROGRAM = [sys.executable, "-m", "workflow.cli.main"]


class Terminal:
    """Runs commands in a folder, in this process or in one of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.env = folder, {"TICKETFLOW_NOW": NOW, "TICKETFLOW_ACTOR": "agent_01"}
        self.err = ""

    def __call__(self, *words: object, code: int = 0, stdin: str | bytes | None = None, **env: Any) -> str:
        """Run a command, expect its exit code and return what it printed; `err` then holds the rest."""
        found = CliRunner(env=self.env | env).invoke(cli, [str(word) for word in words], input=stdin)
        self.err = found.stderr
        assert found.exit_code == code, found.output
        return found.stdout

    def objects(self, *words: object, code: int = 0, **more: Any) -> list[dict[str, Any]]:
        """Run a command with --json and return the objects that it printed."""
        return [json.loads(line) for line in self(*words, "--json", code=code, **more).splitlines()]

    def one(self, *words: object, code: int = 0, **more: Any) -> dict[str, Any]:
        """Run a command with --json and return the one object that it printed."""
        (found,) = self.objects(*words, code=code, **more)
        return found

    def error(self, *words: object, code: int, **more: Any) -> dict[str, Any]:
        """Run a command with --json that fails, and return its error."""
        assert self(*words, "--json", code=code, **more) == ""
        error: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return error

    def spawn(self, *words: str | bytes, **more: Any) -> subprocess.Popen[bytes]:
        """Start a command in a process of its own."""
        settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.environment()}
        return subprocess.Popen([*PROGRAM, *words], cwd=self.folder, **settings | more)

    def environment(self) -> Mapping[str, str]:
        return {**os.environ, **self.env, "PYTHONPATH": str(Path(__file__).parents[2])}

    def ticket(self, kind: str = "complaint", *more: object, **env: Any) -> int:
        """Open a ticket of its own and return its id."""
        words = ("--field", "statement=The line is dead.", "--customer", "name=张三", "--customer", "phone=13812345678")
        return int(self.one("open", kind, *words, "--separate", "another case", *more, **env)["id"])


Story = Callable[[Terminal], object]
After = Callable[[Terminal, Story], Terminal]


def copied(folder: Path, terminal: Terminal) -> Terminal:
    """Copy the desk of a folder into a terminal's, and return the terminal."""
    for path in folder.glob("ticketflow.db*"):
        shutil.copyfile(path, terminal.folder / path.name)
    return terminal


@pytest.fixture(scope="session")
def fresh_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one desk that tests copy."""
    folder = tmp_path_factory.mktemp("fresh-desk")
    terminal = Terminal(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        terminal("types")
    return folder / "ticketflow.db"


@pytest.fixture(scope="session")
def after(fresh_desk: Path, tmp_path_factory: pytest.TempPathFactory) -> After:
    """Give a function that puts a terminal's desk where some commands lead; they run once for many tests."""

    @cache
    def lived(story: Story) -> Path:
        folder = tmp_path_factory.mktemp("lived")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            story(copied(fresh_desk.parent, Terminal(folder)))
        return folder

    return lambda terminal, story: copied(lived(story), terminal)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path)


@pytest.fixture
def terminal(empty: Terminal, fresh_desk: Path) -> Terminal:
    """Return a terminal in a folder with the shipped desk, at nine in the morning."""
    return copied(fresh_desk.parent, empty)
