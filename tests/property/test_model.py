"""The product agrees with the reference model: states, verdicts, firings and their times, ladders' opening and end."""

from __future__ import annotations

import pytest

from tests.property import model_adapter


@pytest.mark.skipif(not model_adapter.model_path().is_file(), reason="the reference model is not here")
@pytest.mark.parametrize("cases", [range(150), pytest.param(range(150, 4000), marks=pytest.mark.prove)], ids=str)
def test_the_product_agrees_with_the_reference_model(cases: range) -> None:
    differing = list(model_adapter.with_ticks(cases))
    assert not differing, differing[0]


def test_a_case_that_differs_is_told() -> None:
    mine, theirs = model_adapter.Seen(), model_adapter.Seen()
    assert mine.differences(theirs) == ""
    mine.lines.append(("ladder", 3.0))
    assert mine.differences(theirs) == "lines 0: product [('ladder', 3.0)], model []"
