"""The page of guarantees names tests that exist, and every crash point."""

from __future__ import annotations

import re

from tests.docs.citations import ROOT
from workflow.store import crash

PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")


def test_every_test_that_is_named_exists() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named - there == set()
    assert len(named) > 30


def test_every_row_of_a_promise_names_a_test() -> None:
    tables = [text.splitlines() for text in PAGE.split("\n\n") if text.partition("\n")[0].endswith("| test |")]
    assert len(tables) == 3
    assert [row for _, _, *rows in tables for row in rows if "`test_" not in row] == []


def test_every_crash_point_has_its_row() -> None:
    named = {
        name
        for line in PAGE.splitlines()
        if line.startswith("| ")
        for name in re.findall(r"`(\w+\.\w+)`", line.split("|")[1])
    }
    assert named == set(crash.POINTS)
