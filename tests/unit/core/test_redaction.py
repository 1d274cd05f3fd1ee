"""A datum is found however it is written, and nothing else is taken for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.core.redaction import REDACTED, Blot

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@pytest.mark.parametrize(
    ("datum", "written"),
    [
        ("13812345678", "138-1234 5678"),
        ("+86 138 1234 5678", "13812345678"),
        ("13812345678", "１３８１２３４５６７８"),
        ("11010119900307123X", "110101 19900307 123x"),
        ("Wu Meiling", "WU  MEILING"),
        ("a.b@C.com", "Ａ．B@c.COM"),
        ("张小明", "张小明"),
        ("①号", "①号"),
        ("Li", "li"),
        ("4711", "4711"),
    ],
)
def test_a_datum_is_found_as_people_write_it(datum: str, written: str) -> None:
    blot = Blot([datum])
    assert blot.text(f"call {written}, then") == f"call {REDACTED}, then"
    assert blot.value({"a": [written, 1, None, True], "b": "x"}) == {"a": [REDACTED, 1, None, True], "b": "x"}
    assert blot.stands_in(json.dumps([written], ensure_ascii=False))


def test_what_only_looks_like_it_stays() -> None:
    blot = Blot(["Li", "4711", "20260302", "a", "", "."])
    kept = {"who": "Lisa, a liar", "until": "2026-03-02T09:00:00+00:00", "number": 47110, "flag": True}
    assert blot.value(kept) == kept
    assert blot.value({"number": 4711}) == {"number": None}
    assert blot.fields({"x": 4711, "y": "Li", "z": 1}, ["z"]) == {"y": REDACTED}
    assert Blot([]).text("nothing is sought") == "nothing is sought"


@given(before=WORDS, datum=WORDS, after=WORDS)
def test_no_copy_is_left(before: str, datum: str, after: str) -> None:
    once = Blot([datum]).text(f"{before} {datum} {after}")
    if len(datum.strip()) > 1:
        assert REDACTED in once
        assert f" {datum} " not in once.replace(REDACTED, "\0")
