"""Rows made of tickets and tickets made of rows: by the quick way as by the slow one."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.small import NOON
from workflow.core.model import Customer, Ladder, Promise, SlaClock, Ticket, replace
from workflow.core.remembered import MOST, Remembered
from workflow.definition.model import FieldSpec
from workflow.store import rows
from workflow.store.moments import TEXTS, to_text
from workflow.store.sql import from_json

NAMES = rows.COLUMNS
FIELDS = {"words": FieldSpec(type="list"), "fees": FieldSpec(type="decimal"), "moment": FieldSpec(type="datetime")}
SHAPES = rows.Shapes(lambda _type, _version: FIELDS, {"name": FieldSpec(type="text")})
moments = st.datetimes(timezones=st.just(UTC))
words = st.text(max_size=5)
values = st.fixed_dictionaries(
    {},
    optional={
        "words": st.lists(words, min_size=1).map(tuple), "fees": st.decimals(0, 9, places=2), "moment": moments,
        "gone": words,
    },
)  # fmt: skip
clocks = st.builds(
    SlaClock, name=words, cycle=st.integers(1, 9), status=words, goal=st.timedeltas(), started_at=moments,
    elapsed=st.timedeltas(), since=st.none() | moments, due_at=st.none() | moments, ended_at=st.none() | moments,
    asked=st.none() | st.timedeltas(), fired=st.dictionaries(words, st.integers()),
    spent=st.dictionaries(words, st.integers()),
)  # fmt: skip
ladders = st.builds(
    Ladder, st.integers(), st.integers(), st.integers(), moments, causes=st.dictionaries(words, words),
    addressee=st.none() | words, told_at=st.none() | moments, held_by=st.none() | words, held_until=st.none() | moments,
)  # fmt: skip
some = st.builds(
    Ticket, id=st.integers(1), type=words, version=st.integers(1), state=words, stage=words, opened_at=moments,
    entered_at=moments, updated_at=moments, tags=st.lists(words).map(tuple), fields=values, team=st.none() | words,
    acted=st.dictionaries(words, st.lists(words).map(tuple)), walks=st.dictionaries(words, st.integers()),
    customer=st.none() | st.builds(Customer, st.integers(1), st.dictionaries(st.just("name"), words), st.just(())),
    last_fired_due=st.none() | moments, clocks=st.lists(clocks, max_size=2).map(tuple), external_id=st.none() | words,
    ladder=st.none() | ladders,
    promise=st.none() | st.builds(Promise, st.integers(), moments, moments, words), head=words,
)  # fmt: skip


@given(some)
def test_a_frozen_ticket_thaws_as_it_was(ticket: Ticket) -> None:
    assert rows.thaw(rows.freeze(ticket), SHAPES) == ticket


@given(some, some)
def test_what_changed_is_all_that_differs(before: Ticket, after: Ticket) -> None:
    fixed = ("id", "type", "version", "opened_at", "external_id", "channel", "customer")
    after = replace(after, **{name: getattr(before, name) for name in fixed})
    names = rows.changed(before, after)
    old, new = (dict(zip(NAMES, rows.ticket_row(each, NAMES, TEXTS), strict=True)) for each in (before, after))
    changes = dict(zip(names, rows.ticket_row(after, names, TEXTS), strict=True))
    searched = {"search": new["search"]} if {"fields", "tags"} & set(names) else {}
    assert old | changes | searched == new
    assert rows.changed(before, before) == rows.changed(before, replace(before, clocks=())) == ()


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists) | st.text(), st.sampled_from(["", " ", "x", "]"]))
def test_json_is_read_as_json_reads_it(value: Any, more: str) -> None:
    for text in (json.dumps(value) + more, str(value), more + json.dumps({"a": value}, indent=1)):
        try:
            expected = json.loads(text)
        except ValueError:
            with pytest.raises(ValueError, match=r"line 1|Extra data|Expecting"):
                from_json(text)
        else:
            assert repr(from_json(text)) == repr(expected)  # a NaN equals nothing, itself neither


def test_no_more_is_remembered_than_a_few_thousand() -> None:
    squares = Remembered[int, int](lambda number: number * number)
    assert [squares[number] for number in range(2 * MOST)] == [number * number for number in range(2 * MOST)]
    assert len(squares) <= MOST
    assert [to_text(NOON + timedelta(microseconds=at)) for at in (0, 7)] == [
        "2026-03-02T12:00:00.000000Z", "2026-03-02T12:00:00.000007Z",
    ]  # fmt: skip


def test_an_empty_object_is_a_new_one() -> None:
    from_json("{}")["a"] = from_json("[]")
    assert from_json("{}") == {}
