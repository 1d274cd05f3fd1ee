"""Small input that wants to become large: what reads it ends soon, in little memory, with an error that says where."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.xes import read_log
from tests.unit.contact_files import refusal, stdin
from tests.unit.definition.samples import DESK, TYPE, load
from workflow.core.values import coerce
from workflow.definition.expressions import ConditionError, compile_condition, compile_pattern
from workflow.definition.fields import misfit
from workflow.definition.model import FieldSpec
from workflow.definition.phrases import matches
from workflow.definition.speech import Phrase
from workflow.definition.texts import outline
from workflow.errors import BadValue, ConditionFault, UsageError

MEGABYTE = 1_000_000
NAMES = {"text": "string", "words": "list", "n": "int"}


@contextmanager
def bounded(seconds: float = 3, megabytes: float | None = None) -> Iterator[None]:
    """Demand that what is done takes so much at most, of processor and, where that is said, of memory."""
    began, peak = time.process_time(), 0
    if megabytes:
        tracemalloc.start()
    try:
        yield
    finally:
        took = time.process_time() - began
        if megabytes:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert took < seconds
    assert peak < (megabytes or 1) * MEGABYTE


# definitions


@pytest.mark.parametrize(
    ("bomb", "code"),
    [
        ("a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)), "too-many-nodes"),
        ("a0: &a0 {k: x}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 60)), "merge-key"),
        ("a: " + "{a: " * 5_000, "too-deep"), ("a:\n" + "- " * 5_000, "too-deep"), ("? " * 5_000, "too-deep"),
        ("a: " + "9" * 200_000, "unknown-key"), ("a: !!python/object/apply:os.system [id]", "tag"),
        ("&a a: *a\n" * 3_000, "duplicate-key"), ("a: |\n" + "  x\n" * 50_000, "unknown-key"),
        ("--- a\n" * 3_000, "several-documents"), ("a" * 3_000 + ": 1", "syntax"),
        (f"ticket_type: {'t' * 200_000}", "bad-name"),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_no_definition_explodes(bomb: str, code: str, tmp_path: Path) -> None:
    with bounded():
        definitions, problems = load(tmp_path, t=bomb)
    assert definitions is None
    assert code in {problem.code for problem in problems}, problems[:3]
    assert all(problem.line >= 1 and problem.column >= 1 and len(problem.message) < 1_000 for problem in problems)


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 500 + "true" + ")" * 500, "!" * 1_500 + "true", "[" * 500 + "]" * 500 + " == []",
        "x" * 2_001, '"' + "a" * 1_990 + '" == text', "n + " * 480 + "1 > 0", "text" + " + text" * 280 + ' == "x"',
        '{"a": ' * 300 + "1" + "}" * 300 + " == {}", "-" * 900 + "1 > 0", "n > " + "9" * 1_900,
        "true ? " * 250 + "true", " || ".join(["true"] * 480),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_no_condition_explodes_when_it_is_read(condition: str) -> None:
    with bounded():
        try:
            compile_condition(condition, NAMES).holds({"text": "x" * 1_000, "n": 1, "words": []})
        except (ConditionError, ConditionFault) as error:
            told = str(error)
        else:
            told = ""
    assert len(told) < 5_000


@pytest.mark.prove
@pytest.mark.parametrize(
    "condition",
    [
        "words.all(a, words.all(b, words.all(c, words.all(d, a == b || c == d || a != c))))",
        "words.map(a, words.map(b, words.map(c, a + b + c))).size() > 0",
        "words.exists(a, words.exists(b, words.exists(c, a + b == c)))",
        "(text + text + text + text).matches('(x+x+)+y')", "text.matches('(x|x|x|x)*y')",
        "text.matches('(.*)(.*)(.*)(.*)(.*)y')",
        "words.filter(a, text.contains(a)).size() == 0",
    ],
)  # fmt: skip
def test_no_condition_explodes_when_it_is_asked(condition: str) -> None:
    with bounded(seconds=8):
        try:
            compile_condition(condition, NAMES).holds({"text": "x" * 100_000, "words": ["x" * 100] * 2_000})
        except ConditionFault as fault:
            told = fault.message
        else:
            told = "the budget was enough"
    assert "budget" in told


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*$", "([a-z]+)*=", "(.*a){20}", "^(a?){50}a{50}$"])
def test_no_text_stretches_a_pattern(pattern: str) -> None:
    text = "a" * 100_000 + "!"
    with bounded():
        spec = FieldSpec(type="text", pattern=pattern)
        assert compile_pattern(pattern, whole=True)(text) is False
        assert misfit(spec, text) is not None
        with pytest.raises(BadValue):
            coerce("code", spec, text, None)  # type: ignore[arg-type]  # no time is read
        phrase = Phrase(words=("aa!",), fine_with_time=True, instead="-", why="-")
        list(matches({"p": phrase}, f"aa! {text}", [pattern]))


def test_a_pattern_that_is_too_much_is_told(tmp_path: Path) -> None:
    for pattern in ("(?=x)", r"(x)\\1", "x{1001}", "((x{100}){100}){100}", "(" * 2_000, "x)(x"):
        with bounded():
            text = TYPE.replace("note: {type: text}", f'note: {{type: text, pattern: "{pattern}"}}')
            definitions, problems = load(tmp_path, t=text)
        assert definitions is None, pattern
        assert [problem.code for problem in problems] == ["bad-pattern"], pattern


def test_phrases_are_found_in_one_pass() -> None:
    phrase = Phrase(words=("稍等",), except_for=("稍等3分钟",), instead="-", why="-")
    with bounded():
        assert list(matches({"p": phrase}, "稍等3分钟。" * 16_000)) == []


def test_a_text_that_is_nested_without_end_is_told() -> None:
    for text in (
        "{{ a" + "|a" * 990 + " }}",
        "{{ " + "(" * 900 + "a",
        "{% if a %}" * 200,
        "{{ a" + ".a" * 990 + " }}",
        "{{ " + "not " * 490 + "a }}",
    ):
        with bounded():
            outline(text)


def test_a_calendar_without_end_is_told(tmp_path: Path) -> None:
    days = ", ".join(f"{2000 + n // 360}-{n // 30 % 12 + 1:02}-{n % 28 + 1:02}" for n in range(20_000))
    with bounded(seconds=8):
        _, problems = load(tmp_path, desk=DESK.replace("{weekly", f"{{closed: [{days}], weekly"))
    assert problems


# files of contacts and logs


def test_lines_without_end_are_set_aside() -> None:
    with bounded(megabytes=60):
        for line in ("x" * 3_000_000, '"' + "x, " * 500_000, "{" * 2_000_000, '{"a": "' + "x" * 3_000_000):
            for form in ("csv", "jsonl"):
                content = ("statement\nfirst\n" if form == "csv" else '{"statement": "first"}\n') + line
                first, *others = stdin(content, format=form, mapping={"statement": "statement"})
                assert first.fields == {"statement": "first"}
                assert all(each.error and each.error.remedy for each in others)


def test_a_row_of_a_million_cells_is_one_error() -> None:
    with bounded():
        _, bad = stdin("statement\nfirst\n" + "x," * 400_000)
        assert bad.error is not None
        (bad,) = stdin(
            json.dumps({"statement": dict.fromkeys(map(str, range(50_000)), 1)}), mapping={"statement": "statement"}
        )
        assert bad.error is not None


XML = "<log><trace><string key='a' value='b'/>{}</trace></log>"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ('<!DOCTYPE log [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + XML.format("&b;"), "no document type"),
        ('<!DOCTYPE log [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + XML.format("&a;"), "no document type"),
        ('<!DOCTYPE log SYSTEM "http://127.0.0.1:9/log.dtd">' + XML.format(""), "no document type"),
        (XML.format("<!-- " + "x" * 2 * MEGABYTE), "longer than"),
        (XML.format("<string key='" + "x" * 2 * MEGABYTE), "longer than"),
        (XML.format("<a>" * 100), "deep"), (XML.format("<event/>\n" * 12_000), "more than 10000 values"),
        (XML.format("&nobody;"), "undefined entity"), ("<log>" + "<trace>" * 3, "no element found"),
        ("<html/>", "begins with html"),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_no_log_explodes(log: str, reason: str) -> None:
    for data in (log.encode(), gzip.compress(log.encode())):
        with bounded(), pytest.raises(UsageError, match=reason) as refused:
            list(read_log("-", stdin=io.BytesIO(data)))
        assert refused.value.remedy


@pytest.mark.prove
def test_a_packed_log_is_not_unpacked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.desk.source.UNPACKED_AT_LEAST", 200_000)
    bomb = gzip.compress(b"<log>" + b"<trace/>\n" * 200_000)
    assert len(bomb) < 10_000
    with bounded(megabytes=20), pytest.raises(UsageError, match="unpacks to more than 100 times its size"):
        for _ in read_log("-", stdin=io.BytesIO(bomb)):
            pass


@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"%PDF-1.7"])
def test_no_archive_is_opened(begin: bytes) -> None:
    assert "not text" in refusal(begin + bytes(100)).message
