"""Runs a row's test on the shipped definitions without what some lines cite, in this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Generator, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

import pytest

from tests.docs.citations import DEFINITIONS, ROOT, Citation, Entry, Place, entries, without
from tests.docs.rows import test_of
from workflow import TicketflowError
from workflow.definition import parse
from workflow.desk.files import folder_print
from workflow.errors import Problem

HERE = Path(__file__).parent
OPTIONS = [
    *("-x", "-q", "-s", "--no-header", "--no-summary", "-Wignore", "--timeout=0", "--override-ini=strict=false"),
    *("--override-ini=addopts=--import-mode=importlib", f"--rootdir={ROOT}", f"--confcutdir={HERE}"),
    *(f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "pytest_cov", "faulthandler", "unraisableexception")),
]
# What is left of a file once a place is gone that it names.
DANGLING = ("unknown-", "undeclared-", "condition-unknown-", "condition-value", "situation-never", "missing-key")
DEEPEST = 8  # so many times what hangs on what was removed goes too
# Why a desk cannot do without what was marked, whole; any other refusal is of what was marked only by half.
REFUSED = {"stage-missing", "sla-never-stops", "no-working-days", "no-ladder", "last-rung"}


class Verdict(NamedTuple):
    """What became of a row's test, and why: it passed; the desk was refused; its own assertion or step failed."""

    kind: Literal["passed", "refused", "failed", "broken"]
    why: str = ""


def judge(row: str, removed: Collection[Citation]) -> Verdict:
    """Run the test of a row on a copy of the definitions, less what was removed and what names it."""
    with TemporaryDirectory() as scratch:
        return _judge(row, removed, Path(scratch))


def _judge(row: str, removed: Collection[Citation], folder: Path) -> Verdict:
    shutil.copytree(DEFINITIONS, folder / "definitions")
    for name in {each.file for each in removed}:
        take_out(folder / "definitions" / name, [each.place for each in removed if each.file == name])
    witness, before = Witness(), Path.cwd()
    os.chdir(folder)  # a desk that is given no definitions has those of the folder it is in
    try:
        with patch.object(parse, "load_definitions", once(parse.load_definitions)):
            if problems := settle(Path("definitions")):
                whole = all(each.code in REFUSED for each in problems)
                return Verdict("refused" if whole else "broken", str(problems[0]))
            code = pytest.main([str(test_of(row)), *OPTIONS], plugins=[witness])
    finally:
        os.chdir(before)
    if witness.failure:
        return witness.failure
    return Verdict("passed") if code == pytest.ExitCode.OK else Verdict("broken", f"pytest ended with {code}")


class Witness:
    """Keeps the first failure of a run of pytest, and whose it is."""

    failure: Verdict | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Look at each error where it still is one."""
        error = call.excinfo
        if error and not error.errisinstance(pytest.skip.Exception):
            asserted = error.errisinstance(AssertionError) and HERE in Path(error.traceback[-1].path).parents
            own = asserted or error.errisinstance((pytest.fail.Exception, TicketflowError))
            self.failure = Verdict("failed" if own else "broken", f"{item.nodeid}: {error.exconly()}")
        return (yield)


def once(load: Callable[..., Any]) -> Callable[..., Any]:
    """Let definitions that are read again and again be read once."""
    known: dict[object, Any] = {}

    def loaded(folder: Path, **options: Any) -> Any:
        key = (folder_print(folder), repr({name: value for name, value in options.items() if value}))
        if key not in known:
            known[key] = load(folder, **options)
        return known[key]

    return loaded


def settle(folder: Path) -> list[Problem]:
    """Take out what hangs on what is gone, and return the errors that remain."""
    for _ in range(DEEPEST):
        errors = [each for each in parse.load_definitions(folder)[1] if each.severity == "error"]
        loose = [each for each in errors if each.code.startswith(DANGLING)]
        if not loose:
            return errors
        for file in {each.file for each in loose}:
            found = list(entries(Path(file).read_text("utf-8")))
            take_out(Path(file), [hanging(each, found) for each in loose if each.file == file])
    return errors


def hanging(problem: Problem, found: Iterable[Entry]) -> Place:
    """Return the place of what names something that is gone: for a `dest`, the way that leads there."""
    there = (problem.line, problem.column)
    exact = [entry for entry in found if there in entry.starts]
    on_line = [entry for entry in found if entry.starts[0][0] == problem.line]
    place = exact[-1].place if exact else on_line[0].place
    return place[:-1] if place[-1] == "dest" else place


def take_out(file: Path, places: Collection[Place]) -> None:
    """Take places out of a file."""
    file.write_text(without(file.read_text("utf-8"), places), "utf-8")
