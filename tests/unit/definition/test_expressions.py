"""Conditions: what compiles, what does not and where, and what an unset field does to an answer."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.definition.expressions import (
    BUILT_IN,
    FUNCTIONS,
    RESERVED,
    Comparison,
    ConditionError,
    compile_condition,
    variables_of,
)
from workflow.definition.model import FieldSpec
from workflow.definition.wire import Checked
from workflow.errors import ConditionFault

VARIABLES = variables_of(
    {
        "kind": FieldSpec(type="choice", choices={"a": {}}),
        "note": FieldSpec(type="text"),
        "n": FieldSpec(type="int"),
        "m": FieldSpec(type="int"),
        "fees": FieldSpec(type="decimal"),
        "ok": FieldSpec(type="bool"),
        "day": FieldSpec(type="date"),
        "words": FieldSpec(type="list"),
    },
    {"phone": FieldSpec(type="text"), "since": FieldSpec(type="datetime")},
)


def ask(source: str, **values: object) -> bool | frozenset[str]:
    return compile_condition(source, VARIABLES).holds(
        {name.replace("__", "."): value for name, value in values.items()}
    )


def test_what_conditions_see() -> None:
    assert VARIABLES == {
        "kind": "string", "note": "string", "n": "int", "m": "int", "fees": "double", "ok": "bool",
        "day": "timestamp", "words": "list", "customer.phone": "string", "customer.since": "timestamp", **BUILT_IN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "values", "answer"),
    [
        ('kind == "a"', {"kind": "a"}, True),
        ('kind == "a"', {"kind": "b", "n": 3}, False),
        ('customer.phone.startsWith("138")', {"customer__phone": "13800001111"}, True),
        ("fees >= 12.5", {"fees": Decimal("12.50")}, True),
        ("fees >= 12.5", {"fees": 12}, False),
        ('"x" in words', {"words": ("x", "y")}, True),
        ('"note" in filled', {"filled": frozenset({"note"})}, True),
        ('actor_roles.exists(role, role == "lead")', {"actor_roles": {"lead"}}, True),
        ("size(note) == 2", {"note": "投诉"}, True),
        ('now - entered_at > duration("1h")', {"now": datetime(2026, 3, 2, 10, tzinfo=UTC),
         "entered_at": datetime(2026, 3, 2, 17, 30, tzinfo=timezone(timedelta(hours=8)))}, False),
        ('now.getHours("Asia/Shanghai") == 18', {"now": datetime(2026, 3, 2, 10, tzinfo=UTC)}, True),
        ("ok ? n > 1 : n > 2", {"ok": False, "n": 2}, False),
        ("-n < -1 && !ok", {"n": 2, "ok": False}, True),
    ],
)  # fmt: skip
def test_answers(source: str, values: Mapping[str, object], answer: bool) -> None:
    assert ask(source, **values) is answer


@pytest.mark.parametrize(
    ("source", "values", "answer"),
    [
        ("n > 1", {}, {"n"}),
        ("n > 1 && m > 1", {}, {"n", "m"}),
        ("n > 1 && m > 1", {"n": 2}, {"m"}),
        ("n > 1 && m > 1", {"n": 0}, False),
        ("n > 1 && m > 1", {"m": 0}, False),
        ("n > 1 || m > 1", {"m": 2}, True),
        ("n > 1 || m > 1", {"m": 0}, {"n"}),
        ("!(n > 1)", {}, {"n"}),
        ("!(n > 1 && ok)", {"ok": False}, True),
        ("ok ? n > 1 : m > 1", {}, {"ok"}),
        ("ok ? n > 1 : m > 1", {"ok": True, "m": 5}, {"n"}),
        ("ok ? n > 1 : m > 1", {"ok": False, "m": 5}, True),
        ("(ok || n > 1) && m > 1", {"ok": True}, {"m"}),
        ("(ok || n > 1) == (m > 1)", {"ok": True, "m": 2}, True),
        ("(ok || n > 1) == (m > 1)", {"ok": False, "m": 2}, {"n"}),
        ("words.exists(word, word == note)", {"words": ["x"]}, {"note"}),
        ("words.exists(word, word == note)", {"words": []}, False),
        ('customer.phone == "1"', {}, {"customer.phone"}),
        ('{"a": n}["a"] > 1 && [m, 2][0] > 1', {"m": 3}, {"n"}),
        ('has({"a": n}.a) && n > 1', {}, {"n"}),
    ],
)
def test_what_is_not_set_leaves_open_only_what_it_matters_to(
    source: str, values: Mapping[str, object], answer: bool | set[str]
) -> None:
    assert ask(source, **values) == answer


@pytest.mark.parametrize(
    ("source", "values", "reason"),
    [
        ("n / m > 1", {"n": 1, "m": 0}, "divide by zero"),
        ("n / m > 1 || ok", {"n": 1, "m": 0}, "divide by zero"),
        ("ok || n / m > 1", {"n": 1, "m": 0}, "divide by zero"),
        ("note.matches(kind)", {"note": "x", "kind": "("}, "invalid regular expression"),
        ("timestamp(note) > now", {"note": 'No value with name "ok" found in Activation'}, "conversion failed"),
        ('words[5] == "x"', {"words": ["x"]}, "Index error"),
        ("n + 9223372036854775807 > 0", {"n": 5}, "overflow"),
        ("n > 1", {"n": 2**70}, "too big"),
        ("n > 1", {"n": "3"}, "Unexpected value type"),
        ('note == "x"', {"note": "\ud800"}, ""),
        ("words.all(a, words.all(b, words.all(c, a == b || b == c || a != c)))", {"words": ["x"] * 300}, "budget"),
    ],
)
def test_every_other_fault_is_told_apart(source: str, values: Mapping[str, object], reason: str) -> None:
    with pytest.raises(ConditionFault) as caught:
        ask(source, **values)
    assert reason in caught.value.message
    assert source in caught.value.message


def test_a_fault_that_is_absorbed_is_none() -> None:
    assert ask("ok || n / m > 1", n=1, m=0, ok=True) is True
    assert ask("n / m > 1 && ok", n=1, m=0, ok=False) is False


def test_names_literals_and_constants_are_known() -> None:
    condition = compile_condition('kind in ["a", "b"] || "c" == note || customer.phone != "1" && now > now', VARIABLES)
    assert condition.names == {"kind", "note", "customer.phone", "now"}
    assert list(condition.comparisons) == [
        Comparison("kind", "a", 9),
        Comparison("kind", "b", 14),
        Comparison("note", "c", 22),
        Comparison("customer.phone", "1", 55),
    ]
    assert condition.constant is None
    assert repr(condition).startswith("Condition('kind in")
    assert compile_condition("ok || true", VARIABLES).constant is True
    assert compile_condition("n > 1 && false", VARIABLES).constant is False
    assert compile_condition("1 < 2", VARIABLES).holds({}) is True
    assert compile_condition("[1].exists(x, x / 0 > 1)", VARIABLES).constant is None
    assert compile_condition("fees > 1.5", VARIABLES).constant is None


@pytest.mark.parametrize(
    ("source", "code", "column"),
    [
        ("n >", "condition-syntax", 4),
        ("", "condition-syntax", 1),
        ('note = "x"', "condition-syntax", 6),
        ("投 == 1", "condition-syntax", 1),
        ("if", "condition-syntax", 1),
        ("n.x > 1", "condition-syntax", 2),
        ("(" * 300 + "ok" + ")" * 300, "condition-syntax", 1),
        ("x" * 2001, "condition-too-long", 2001),
        ('"投😀" == note && nn > 1', "condition-unknown-name", 17),
        ("ok &&\n  nn > 1", "condition-unknown-name", 9),
        ("foo(n)", "condition-unknown-name", 1),
        ("customer.fone == note", "condition-unknown-name", 1),
        ("note > 2", "condition-type", 6),
        ("ok && note", "condition-type", 4),
        ("fees > 2", "condition-decimal", 6),
        ("fees > n", "condition-decimal", 6),
        ("note == null", "condition-null", 6),
        ("has(note)", "condition-has", 5),
        ("fees != 2.0", "condition-equal-decimals", 6),
        ("fees in [1.0]", "condition-equal-decimals", 6),
        ('"a" + note', "condition-not-bool", 1),
        ("dyn(ok)", "condition-not-bool", 1),
        ('note.matches("[")', "condition-constant", 13),
        ("1 / 0 > 1", "condition-constant", 3),
        ("ok || [n, 1][0] > [1][5]", "condition-constant", 22),
    ],
)
def test_what_does_not_compile(source: str, code: str, column: int) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, VARIABLES)
    error = caught.value
    assert (error.faults[0].code, error.column) == (code, column)
    assert error.reason in str(error)


def test_every_mistake_of_a_condition_is_told() -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition('sevrity == "x" || note > 2 || fees > 2 && foo(n)', VARIABLES)
    assert [(each.code, each.offset) for each in caught.value.faults] == [
        ("condition-unknown-name", 0),
        ("condition-type", 23),
        ("condition-decimal", 35),
        ("condition-unknown-name", 42),
    ]
    assert "2.0" in compile_error("fees > 2").suggestion
    assert compile_error('note.startWith("x")').suggestion == "did you mean startsWith?"


def compile_error(source: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, VARIABLES)
    return caught.value


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_words_are_those_that_break_or_mislead(word: str) -> None:
    """Each is a word, a type or a function of CEL, or the space of the customer's names."""
    free = {
        "customer",
        "google",
        "exists",
        "exists_one",
        "all",
        "has",
        "map",
        "filter",
        "dyn",
        "matches",
        "contains",
        "size",
    }
    if word in free:
        assert word in {*FUNCTIONS, "customer", "google", "has", "dyn"}
        return
    with pytest.raises(ConditionError):
        compile_condition(f'{word} == "x"', {"note": "string"})


def test_answers_are_remembered_by_all_that_was_read_and_not_too_many() -> None:
    condition = compile_condition("count > 1 || flag", {"count": "int", "flag": "bool"})
    for _ in range(2):
        assert condition.holds({"count": 1, "flag": False}) is False
        assert condition.holds({"count": 1, "flag": True}) is True
        assert condition.holds({"count": 1}) == frozenset({"flag"})
        assert condition.holds({"count": 2}) is True
    for count in range(3_000):
        assert condition.holds({"count": count, "flag": False}) is (count > 1)
    kept = condition._answers
    assert kept is not None
    assert 0 < len(kept) <= 500
    long = compile_condition('name == "a" || size(name) > 200', {"name": "string"})
    assert long.holds({"name": "x" * 201})
    assert not long._answers


@pytest.mark.parametrize(
    ("source", "kind"), [("now > entered_at", "timestamp"), ('"x" in now', "list"), ("now > 1.0", "double")]
)
def test_what_reads_a_time_is_asked_each_time(source: str, kind: str) -> None:
    condition = compile_condition(source, {"now": kind, "entered_at": kind})
    assert condition._answers is None


def test_one_condition_may_be_asked_by_many_threads() -> None:
    condition = compile_condition("n > 100 && (ok || m > 1)", VARIABLES)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: condition.holds({"n": n, "m": 0}), range(2000)))
    assert answers == [frozenset({"ok"}) if n > 100 else False for n in range(2000)]


LEAVES = st.sampled_from(["p", "q", "r"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.just("!"), inner),
        st.tuples(st.sampled_from(["&&", "||"]), inner, inner),
        st.tuples(st.just("?"), inner, inner, inner),
    ),
    max_leaves=6,
)
Tree = object


def written(tree: Tree) -> str:
    match tree:
        case str():
            return tree
        case ("!", inner):
            return f"!({written(inner)})"
        case ("?", choice, one, other):
            return f"(({written(choice)}) ? ({written(one)}) : ({written(other)}))"
        case (operator, one, other):
            return f"({written(one)} {operator} {written(other)})"
    raise AssertionError(tree)


def meant(tree: Tree, values: Mapping[str, bool]) -> bool | frozenset[str]:
    """Three-valued logic, read straight from its definition."""
    match tree:
        case str():
            return values.get(tree, frozenset({tree}))
        case ("!", inner):
            answer = meant(inner, values)
            return answer if isinstance(answer, frozenset) else not answer
        case ("?", choice, one, other):
            answer = meant(choice, values)
            return answer if isinstance(answer, frozenset) else meant(one if answer else other, values)
        case (operator, one, other):
            left, right = meant(one, values), meant(other, values)
            if (operator == "||") in (left, right):
                return operator == "||"
            unset = [answer for answer in (left, right) if isinstance(answer, frozenset)]
            return frozenset().union(*unset) if unset else operator == "&&"
    raise AssertionError(tree)


@given(TREES)
def test_any_combination_of_set_and_unset_agrees_with_three_valued_logic(tree: Tree) -> None:
    condition = compile_condition(written(tree), {"p": "bool", "q": "bool", "r": "bool"})
    for choice in itertools.product((True, False, None), repeat=3):
        values = {name: value for name, value in zip("pqr", choice, strict=True) if value is not None}
        assert condition.holds(values) == meant(tree, values)


def test_a_serialized_form_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="wire type 5"):
        Checked(b"\x0d\x00\x00\x00\x00")
