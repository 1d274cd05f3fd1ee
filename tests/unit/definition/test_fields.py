"""What a value in a definition means for a field, up to each limit."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.definition.fields import misfit
from workflow.definition.model import FieldSpec

INT = "it is not a whole number of 64 bits"
DATE = "it is not a date like '2026-03-02'"
TIME = "it is not a time like '2026-03-02T09:30'"


@pytest.mark.parametrize(
    ("spec", "good"),
    [
        ({"type": "text"}, ["x", "", "7"]),
        ({"type": "text", "min": 2, "max": 3}, ["ab", "abc", "投诉"]),
        ({"type": "text", "pattern": "[0-9]+"}, ["404"]),
        ({"type": "choice", "choices": ["a", "b"]}, ["a", "b"]),
        ({"type": "bool"}, [True, False]),
        ({"type": "int"}, [0, 2**63 - 1, -(2**63)]),
        ({"type": "int", "min": 1, "max": 5}, [1, 5]),
        ({"type": "decimal", "min": 0, "max": "2.50"}, [0, 2, 2.5, "2.5", "0.1"]),
        ({"type": "date", "min": "2026-03-02", "max": "2026-03-04"}, ["2026-03-02", "2026-03-04"]),
        ({"type": "datetime"}, ["2026-03-02T09:30", "2026-03-02T09:30+08:00", "2026-03-02"]),
        ({"type": "datetime", "max": "2026-03-02T09:30"}, ["2026-03-02T09:30", "2026-03-02T17:30+08:00"]),
        ({"type": "list"}, [[], ["x", "y"]]),
        ({"type": "list", "min": 1, "max": 2, "choices": ["a", "b"]}, [["a"], ["b", "a"]]),
    ],
)
def test_what_fits(spec: dict[str, Any], good: list[Any]) -> None:
    assert [misfit(FieldSpec.model_validate(spec), value) for value in good] == [None] * len(good)


@pytest.mark.parametrize(
    ("spec", "value", "reason"),
    [
        ({"type": "text"}, 7, "it is not a text"),
        ({"type": "text"}, ["x"], "it is not a text"),
        ({"type": "text", "min": 2}, "a", "it is below 2"),
        ({"type": "text", "max": 3}, "abcd", "it is above 3"),
        ({"type": "text", "pattern": "[0-9]+"}, "404a", "it does not match the pattern"),
        ({"type": "choice", "choices": ["a", "b"]}, "c", "c is not one of its choices"),
        ({"type": "choice", "choices": ["a", "b"]}, True, "it is not a text"),
        ({"type": "bool"}, 1, "it is neither true nor false"),
        ({"type": "bool"}, "true", "it is neither true nor false"),
        ({"type": "int"}, True, INT),
        ({"type": "int"}, "7", INT),
        ({"type": "int"}, 1.0, INT),
        ({"type": "int"}, 2**63, INT),
        ({"type": "int"}, -(2**63) - 1, INT),
        ({"type": "int", "min": 1}, 0, "it is below 1"),
        ({"type": "int", "max": 5}, 6, "it is above 5"),
        ({"type": "decimal"}, True, "it is not a number"),
        ({"type": "decimal"}, "much", "it is not a number"),
        ({"type": "decimal"}, "Infinity", "it is not a number"),
        ({"type": "decimal", "max": "2.50"}, "2.501", "it is above 2.50"),
        ({"type": "date"}, "2026-02-30", DATE),
        ({"type": "date"}, 20260302, DATE),
        ({"type": "date", "min": "2026-03-02"}, "2026-03-01", "it is below 2026-03-02"),
        ({"type": "datetime"}, "noon", TIME),
        ({"type": "datetime", "max": "2026-03-02T09:30"}, "2026-03-02T09:31", "it is above 2026-03-02T09:30"),
        ({"type": "list"}, "x", "it is not a list of texts"),
        ({"type": "list"}, ["x", 7], "it is not a list of texts"),
        ({"type": "list", "max": 1}, ["a", "b"], "it is above 1"),
        ({"type": "list", "choices": ["a", "b"]}, ["a", "c", "d"], "c is not one of its choices"),
    ],
)
def test_what_does_not_fit_and_why(spec: dict[str, Any], value: Any, reason: str) -> None:
    assert misfit(FieldSpec.model_validate(spec), value) == reason
