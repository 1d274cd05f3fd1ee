"""The picture of a ticket type: every move is in it, and no label can break it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.definition.diagram import diagram, escape, spoken
from workflow.definition.inheritance import resolve
from workflow.definition.model import TicketTypeSpec
from workflow.definition.parse import load_definitions
from workflow.definition.resolve import TicketType
from workflow.definition.shipped import shipped_folder

LINE = re.compile(
    r"stateDiagram-v2"
    r"|classDef \w+ [\w:#,-]+"
    r"|class \w+ \w+"
    r'|state "[^";]*(?:#\d+;[^";]*)*" as \w+(?: \{)?'
    r"|\}"
    r"|(?:\[\*\]|\w+) --> (?:\[\*\]|\w+)"
    r"|\w+ (?:--> \w+ )?: [^\n;:\"]*(?:#\d+;[^\n;:\"]*)*"
)


def definition(label: str = "Take in") -> TicketType:
    return resolve(TicketTypeSpec.model_validate({
        "ticket_type": "t", "version": 1,
        "stages": {
            "intake": {
                "label": {"en": label, "zh": "受理"},
                "transitions": {"accept": {"label": label, "dest": "handle"}, "ask": {}},
                "timeouts": {"slow": {"after": "10m", "label": {"zh": "慢"}, "actions": ["escalate"]}},
            },
            "handle": {
                "transitions": {"close_it": "archive"},
                "states": {
                    "one": {"transitions": {"next": {"dest": "handle.two"}}},
                    "two": {"timeouts": {"silence": {"after": "72h", "dest": "handle.one"}}},
                },
            },
            "archive": {},
        },
    }))  # fmt: skip


def test_a_whole_diagram() -> None:
    visited = {("intake", "accept", "handle.one"), ("handle.one", "next", "handle.two")}
    drawn = diagram(definition(), current="handle.two", visited=visited)
    assert (
        drawn
        == """\
stateDiagram-v2
    classDef current fill:#1f6feb,stroke:#0b3d91,color:#ffffff,stroke-width:3px
    classDef visited fill:#dbeafe,stroke:#1f6feb,color:#0b3d91
    [*] --> intake
    state "Take in" as intake
    intake : ⏱ 10m slow
    state "handle" as handle {
        state "one" as handle_one
        state "● two" as handle_two
    }
    state "archive" as archive
    intake --> handle_one : ✓ Take in
    handle_one --> handle_two : ✓ next
    handle --> archive : close it
    handle_two --> handle_one : ⏱ 72h silence
    archive --> [*]
    class intake visited
    class handle_one visited
    class handle_two current
"""
    )


def test_only_the_way_that_was_taken_is_ticked() -> None:
    ways = {"accept": "archive", "refuse": "archive"}
    intake = {"transitions": ways, "timeouts": {"old": {"after": "9d", "dest": "archive"}}}
    spec = {"ticket_type": "t", "version": 1, "stages": {"intake": intake, "archive": {}}}
    made = resolve(TicketTypeSpec.model_validate(spec))
    for trigger, label in (("accept", "accept"), ("refuse", "refuse"), ("timeout:old", "⏱ 9d old")):
        drawn = diagram(made, visited={("intake", trigger, "archive")})
        assert [line.partition("✓ ")[2] for line in drawn.splitlines() if "✓" in line] == [label]
    assert "✓" not in diagram(made, visited={("intake", "old", "archive")})


def test_labels_are_in_the_language_asked_for() -> None:
    drawn = diagram(definition(), lang="zh")
    assert 'state "受理" as intake' in drawn
    assert "⏱ 10m 慢" in drawn
    assert "Take in" in drawn, "what has no Chinese label keeps its English one"
    assert spoken({"en": " "}, "handle.by_phone", "zh") == "by phone"


@pytest.mark.parametrize(
    "label",
    [
        'a"; b',
        "x\n    evil --> y",
        "%% gone",
        "} --> {",
        "<<choice>>",
        "[[fork]]",
        "a: b",
        "#35;",
        "`x`\\",
        "\u202e\x1b[31m",
    ],
)
def test_no_label_breaks_the_diagram(label: str) -> None:
    drawn = diagram(definition(label), visited={("nowhere", "go", "else")}, current="nowhere")
    assert all(LINE.fullmatch(line.strip()) for line in drawn.splitlines())
    assert len(drawn.splitlines()) == len(diagram(definition()).splitlines())


@given(st.text())
def test_any_text_is_escaped_to_one_harmless_line(text: str) -> None:
    shown = escape(text)
    assert not set(re.sub(r"#\d+;", "", shown)) & set('"#;:%{}[]<>\\`\n\r\x1b\u202e')
    assert shown.isprintable()


def test_every_shipped_type_can_be_drawn() -> None:
    definitions, _ = load_definitions(shipped_folder())
    assert definitions is not None
    for ticket_type in definitions.types.values():
        lines = diagram(ticket_type, lang="zh").splitlines()
        assert all(LINE.fullmatch(line.strip()) for line in lines)
        assert all(
            any(line.strip().endswith(f" as {name.replace('.', '_')}") for line in lines) for name in ticket_type.states
        )
