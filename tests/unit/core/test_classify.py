"""Sorting: which rules speak, on which words, who goes before whom, and what a person's correction is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.definition.samples import DESK, TYPE, load
from workflow.core.classify import Classifier, Facts, Fault, Proposal, Voice

HEAD = "match: all\ndefault: t\nrules:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def classifier(folder: Path, rules: str, head: str = HEAD) -> Classifier:
    kinds = {
        "t": TYPE.replace("fields:", "category: kind\nfields:"),
        "u": TYPE.replace("ticket_type: t", "ticket_type: u"),
    }
    definitions, problems = load(folder, DESK, **kinds, rules=head + rules)
    assert definitions is not None, problems
    return Classifier(definitions.desk, definitions.types)


def sort(folder: Path, rules: str, text: str = "", *, head: str = HEAD, **facts: Any) -> Proposal:
    found = classifier(folder, rules, head).propose(Facts(text=text, **facts))
    assert found is not None
    return found


def spoke(found: Proposal) -> list[str]:
    return [voice.by for voice in found.voices]


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("投诉", "我要投诉你", True),
        ("app", "打开APP后闪退", True),
        ("app", "ＡＰＰ打不开", True),
        ("app", "I am happy", False),
        ("10015", "拨打10015", True),
        ("10015", "工号1001512", False),
        ("sue you", "I'll SUE YOU.", True),
        ("STRASSE", "Hauptstraße", False),
        ("straße", "die STRASSE hier", True),
        ("？", "几点开门?", True),
    ],
)
def test_a_word_is_found_folded_and_whole_where_it_is_latin(folder: Path, word: str, text: str, found: bool) -> None:
    assert spoke(sort(folder, f"  r: {{when: {{words: ['{word}']}}, type: u}}\n", text)) == (["r"] if found else [])


WORDS = "  r: {when: {words: {any: [a1, b1], all: [c1], none: [d1], start: [e1]}}, type: u}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("e1\na1 c1", ("c1", "e1", "a1")),
        ("e1\na1 b1 c1", ("c1", "e1", "a1", "b1")),
        ("e1\nc1", None),
        ("e1\na1", None),
        ("e1\na1 c1 d1", None),
        ("x\ne1 a1 c1", None),
        ("x" * 60 + " e1 a1 c1", None),
    ],
)
def test_all_that_a_rule_asks_must_be_true(folder: Path, text: str, found: tuple[str, ...] | None) -> None:
    voices = sort(folder, WORDS, text).voices
    assert (voices[0].words if voices else None) == found


def test_channels_patterns_and_conditions_are_asked_too(folder: Path) -> None:
    rules = (
        "  r:\n    when: {channels: web, patterns: 'no[0-9]+',"
        ' conditions: \'n > 2 && customer.phone == "1" && "u" in open_types\'}\n    type: u\n'
    )
    sound: dict[str, Any] = {"channel": "web", "fields": {"n": "3"}, "customer": {"phone": "1"}, "open_types": ("u",)}
    assert spoke(sort(folder, rules, "order NO17", **sound)) == ["r"]
    for missing in (*sound, "text"):
        some = {name: value for name, value in sound.items() if name != missing}
        assert spoke(sort(folder, rules, "" if missing == "text" else "NO17", **some)) == []


def test_a_condition_that_fails_silences_its_rule_alone(folder: Path) -> None:
    rules = "  r: {when: {conditions: '1 / n > 0'}, type: u}\n  s: {when: {words: x}, tags: [late]}\n"
    found = sort(folder, rules, "x", fields={"n": 0})
    assert ([fault.by for fault in found.faults], spoke(found), found.proposed["tags"]) == (["r"], ["s"], ("late",))


ORDER = """\
  first: {when: {words: x}, category: z, priority: low, tags: [one]}
  second: {when: {words: x}, type: t, category: a, priority: high, team: front}
  third: {when: {words: x}, type: u, tags: [two], risk: escalation}
""".replace("category: z", "category: b")


def test_who_goes_before_whom(folder: Path) -> None:
    found = sort(folder, ORDER, "x")
    assert found.proposed == {
        "type": "t", "category": "b", "priority": "high", "team": "front", "tags": ("one", "risk", "two"),
        "risk": "escalation",
    }  # fmt: skip
    assert (found.by["type"], found.by["category"], found.by["priority"], found.by["risk"]) == (
        "second", "first", "second", "third",
    )  # fmt: skip


def test_with_first_only_the_first_speaks(folder: Path) -> None:
    found = sort(folder, ORDER, "x", head=HEAD.replace("all", "first"))
    assert (spoke(found), found.proposed["type"], found.defaulted) == (["first"], "t", True)


def test_a_category_that_the_type_does_not_know_is_not_proposed(folder: Path) -> None:
    found = sort(folder, "  r: {when: {words: x}, category: a}\n  s: {when: {words: x}, type: u}\n", "x")
    assert "category" not in found.proposed


def test_where_the_type_is_known_only_a_risk_is_looked_for(folder: Path) -> None:
    rules = classifier(folder, ORDER)
    found = rules.propose(Facts(text="x"), ticket_type="t")
    assert found is not None
    assert (spoke(found), found.proposed) == (["third"], {"tags": ("risk", "two"), "risk": "escalation"})
    assert rules.propose(Facts(text="y"), ticket_type="t") is None


def test_a_machine_goes_before_the_rules(folder: Path) -> None:
    said: list[Voice | Fault] = [Voice("machine:m", {"type": "u", "answer": "hello"}), Fault("machine:n", "slow")]
    found = classifier(folder, ORDER).propose(Facts(text="x"), said)
    assert found is not None
    assert (found.by["type"], found.answer, len(found.faults)) == ("machine:m", ("machine:m", "hello"), 1)


def test_a_hostile_pattern_takes_no_longer_than_another(folder: Path) -> None:
    found = sort(folder, "  r: {when: {patterns: '(a+)+$'}, type: u}\n", "a" * 50_000 + "b")
    assert spoke(found) == []
