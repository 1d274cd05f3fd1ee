"""The test of the rows' tests: what cites a row in the definitions is needed by the row's own test."""

from __future__ import annotations

from functools import cache

import pytest

from tests.acceptance.processes.removal import Verdict, judge
from tests.docs.citations import Citation, citations
from tests.docs.rows import MISSING

CITED = [each for each in citations() if each.row not in MISSING]
ROWS = {row: tuple(each for each in CITED if each.row == row) for row in dict.fromkeys(each.row for each in CITED)}


@cache
def without(row: str, *removed: Citation) -> Verdict:
    """Judge the row's test once, and only if it passes with nothing taken out."""
    if removed:
        assert without(row).kind == "passed", without(row).why
    return judge(row, removed)


@pytest.mark.prove
@pytest.mark.parametrize(
    "cited", [pytest.param(each, id=str(each), marks=pytest.mark.xdist_group(each.row)) for each in CITED]
)
def test_each_place_that_cites_a_row_is_needed_by_its_test(cited: Citation) -> None:
    assert without(cited.row, cited).kind in ("refused", "failed"), without(cited.row, cited).why


@pytest.mark.prove
@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.xdist_group(row)) for row in ROWS])
def test_a_row_fails_without_all_of_it_and_not_only_because_the_desk_is_refused(row: str) -> None:
    together = without(row, *ROWS[row])
    assert together.kind in ("refused", "failed"), together.why
    assert "failed" in {together.kind, *(without(row, each).kind for each in ROWS[row])}
