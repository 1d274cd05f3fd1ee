"""The guidance that comes with the program: something to say in every state, in words that the desk itself allows."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
import yaml
from jsonschema import Draft202012Validator

from workflow.core.guard import Rules
from workflow.core.model import Actor, replace
from workflow.core.speech import what_to_say
from workflow.definition.machine import compile_type
from workflow.definition.parse import load_definitions
from workflow.definition.resolve import Definitions
from workflow.definition.schema import json_schema
from workflow.definition.shipped import shipped_folder
from workflow.definition.speech import Guidance, is_about
from workflow.testing import memory_desk

FOLDER = shipped_folder()
FILES = sorted((FOLDER / "guidance").glob("*.yaml"))
MARKED = ("heated", "out_of_scope")
CONDITIONAL = {
    "risk", "urged", "own_data", "attitude", "another_offer", "policy", "greeting", "thank_for_waiting",
    "emergency_call", "promise_slips", "progress_due", "fault_ours", "fault_both", "misunderstanding",
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Definitions:
    definitions, problems = load_definitions(FOLDER)
    assert {problem.severity for problem in problems} <= {"remark"}
    assert definitions is not None
    return definitions


@pytest.fixture(scope="module")
def guidance(shipped: Definitions) -> Guidance:
    assert shipped.guidance is not None
    return shipped.guidance


def test_in_every_state_there_is_something_to_say(shipped: Definitions, guidance: Guidance) -> None:
    always = [
        situation
        for situation in guidance.situations.situations.values()
        if situation.group == "state" and not (situation.conditions or situation.unless)
    ]
    silent = [
        f"{kind.name}/{state}"
        for kind in shipped.types.values()
        for state in kind.states
        if state != "archive" and not any(is_about(situation, kind.name, state) for situation in always)
    ]
    assert silent == []


def test_every_text_can_be_said_where_little_is_known(shipped: Definitions, guidance: Guidance) -> None:
    heard = set[str]()
    with memory_desk(FOLDER) as desk:
        for name, kind in shipped.types.items():
            opened = desk.open(
                name, actor="agent_06" if name == "activation" else "agent_01", fields={"statement": "?"}
            )
            rules = Rules(compile_type(kind, shipped.desk), shipped.desk)
            for state, lang in product(kind.states.values(), guidance.languages):
                ticket = replace(opened, state=state.name, stage=state.stage, tags=MARKED)
                spoken = what_to_say(
                    guidance, rules, ticket, (), actor=Actor("agent_01"), at=ticket.opened_at, lang=lang
                )
                heard |= {line.situation for line in spoken.lines}
                assert all(line.lang == lang and (line.say or line.do) for line in spoken.lines)
                assert not any("None" in line.say + line.do for line in spoken.lines)
    assert guidance.situations.situations.keys() - heard == CONDITIONAL


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_editors_are_told_the_schema(file: Path) -> None:
    schema: Literal["situations", "language"] = "situations" if file.stem == "situations" else "language"
    text = file.read_text("utf-8")
    assert text.startswith(f"# yaml-language-server: $schema=../{schema}.schema.json\n")
    stored = json.loads((FOLDER / f"{schema}.schema.json").read_text("utf-8"))
    assert stored == json_schema(schema), "write it anew with `ticketflow schema`"
    Draft202012Validator.check_schema(stored)
    Draft202012Validator(stored).validate(yaml.safe_load(text))
