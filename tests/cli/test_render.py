"""What is printed fits, and steers nothing."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.cli import render

NASTY = "\x1b[31mred\x07\u202egnp.exe\u2066\u200f\ufeff"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
CLEAN = TEXT.map(render.clean)


@given(st.text(max_size=60))
def test_cleaned_text_is_one_line_without_anything_hidden(text: str) -> None:
    shown = render.clean(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert {character for character in shown if unicodedata.category(character) == "Cf"} <= {"\u200c", "\u200d"}
    assert render.clean(shown) == shown


def test_cleaning_keeps_what_people_write() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert render.clean(f"投诉\u3000{family} naïve") == f"投诉\u3000{family} naïve"
    assert render.clean(NASTY) == "[31mredgnp.exe"
    assert render.clean("a\tb\nc\u2028d\ud800") == "a b c d\ufffd"


@given(st.lists(st.tuples(CLEAN, CLEAN, CLEAN), max_size=6), st.integers(30, 100), st.booleans())
def test_a_table_is_never_wider_than_its_terminal(rows: list[tuple[str, ...]], width: int, fold: bool) -> None:
    lines = list(render.table(("one", "two", "three"), rows, width, fold=fold))
    assert all(render.cells(line) <= width for line in lines)
    assert len(lines) >= 1 + len(rows)


@given(st.lists(st.tuples(CLEAN, CLEAN), max_size=6))
def test_a_table_in_a_pipe_loses_nothing(rows: list[tuple[str, str]]) -> None:
    assert [tuple(line.split("\t")) for line in render.table(("a", "b"), rows, None)] == [("a", "b"), *rows]


@given(CLEAN, st.integers(4, 40))
def test_wrapping_keeps_every_character(text: str, width: int) -> None:
    lines = render.wrap(text, width)
    assert all(render.cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_lines_break_at_spaces_and_between_wide_characters() -> None:
    assert render.wrap("told the customer 客户，已处理。", 12) == ["told the", "customer 客", "户，已处理。"]
    assert render.wrap("unbreakable", 4) == ["unbr", "eaka", "ble"]


def test_wide_characters_take_two_cells_in_a_table() -> None:
    lines = list(render.table(("类型", "id"), [("投诉", "1"), ("x", "2")], 80))
    assert lines == ["类型  id", "投诉  1", "x     2"]


def test_the_widest_column_gives_way() -> None:
    assert list(render.table(("id", "what"), [("1", "a" * 30)], 12)) == ["id  what", "1   aaaaaaa…"]
    folded = list(render.table(("id", "what"), [("1", "aaa bbb ccc")], 12, fold=True))
    assert folded == ["id  what", "1   aaa bbb", "    ccc"]


def test_details_stand_in_one_column() -> None:
    pairs = [("team", "frontline"), ("处理人", "x" * 30)]
    lines = list(render.details(pairs, 32, indent="  "))
    assert lines == ["  team    frontline", f"  处理人  {'x' * 22}", f"          {'x' * 8}"]
    assert list(render.details(pairs, None)) == ["team\tfrontline", f"处理人\t{'x' * 30}"]
    assert list(render.details([], 80)) == []


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.none() | st.lists(TEXT)))
def test_json_is_one_safe_line_that_means_the_same(value: dict[str, object]) -> None:
    line = render.dump(value)
    assert json.loads(line) == value
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Zl", "Zp"}
    assert not set(line) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def test_json_of_our_own_values() -> None:
    value = {"at": datetime(2026, 3, 2, tzinfo=UTC), "on": date(2026, 3, 2), "fees": Decimal("12.50"), "for": 1 + 2j}
    assert json.loads(render.dump(value)) == {
        "at": "2026-03-02T00:00:00+00:00", "on": "2026-03-02", "fees": "12.50", "for": "(1+2j)",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["\ud800", "a\ud83d"])
def test_half_a_character_survives_json(text: str) -> None:
    render.dump(text).encode()
