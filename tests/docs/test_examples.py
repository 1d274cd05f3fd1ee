"""Every example of every page and docstring runs, and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import workflow
from tests.docs.citations import ROOT
from tests.docs.markdown import Block, blocks, transcript
from workflow.cli.app import cli

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(module.name for module in pkgutil.walk_packages(workflow.__path__, "workflow."))
LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, "utf-8")
        elif block.language == "python":
            run_python(block, page, names)
        elif block.language == "console":
            run_console(block, page)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=LOOSE)
    assert result.failed == 0, f"`python -m doctest` of {name} tells more above"


def run_python(block: Block, page: Path, names: dict[str, Any]) -> None:
    if ">>> " in block.code:
        test = doctest.DocTestParser().get_doctest(block.code, names, page.name, str(page), block.line - 1)
        told: list[str] = []
        runner = doctest.DocTestRunner(optionflags=LOOSE)
        runner.run(test, out=told.append, clear_globs=False)
        names.update(test.globs)
        assert not runner.failures, "".join(told)
    else:
        exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)  # noqa: S102 - our own pages


def run_console(block: Block, page: Path) -> None:
    for command, shown in transcript(block.code):
        if not command.startswith("ticketflow"):
            continue
        done = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="ticketflow")
        where = f"{page.name}:{block.line}: $ {command}\n{done.output}"
        assert done.exit_code == 0 or "Error" in shown, where
        assert not shown or doctest.OutputChecker().check_output(shown, done.output, LOOSE), (
            f"{where}\nwas to be\n{shown}"
        )
