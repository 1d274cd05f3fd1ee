"""The table of attacks names tests that exist, and all that are in the room for them."""

from __future__ import annotations

import re

from tests.docs.citations import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
CITED = set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE))


def test_every_attack_names_tests_that_exist() -> None:
    rows = re.search(r"\| attack \|.*?\n\n", PAGE, re.DOTALL)
    assert rows is not None
    assert [row for row in rows[0].splitlines()[2:] if row and "::test_" not in row] == []
    missing = [
        f"{file}::{name}"
        for file, name in sorted(CITED)
        if not (ROOT / file).is_file() or f"def {name}(" not in (ROOT / file).read_text("utf-8")
    ]
    assert missing == []


def test_every_hostile_test_is_in_the_table() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / "tests" / "hostile").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert len(found) > 20
    assert found - CITED == set()
