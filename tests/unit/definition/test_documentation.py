"""The page on the language is complete, and what it shows is so."""

from __future__ import annotations

from pathlib import Path

from tests.docs.markdown import blocks
from workflow.definition.desk import DeskFile, Ladder, Rung
from workflow.definition.expressions import BUILT_IN, RESERVED
from workflow.definition.identity import Fact, IdentityDemand, IdentitySpec
from workflow.definition.model import (
    BARE_ACTIONS,
    VERBS,
    Action,
    Branch,
    FieldSpec,
    Level,
    Room,
    Sla,
    StageSpec,
    TicketTypeSpec,
)
from workflow.definition.model import Timeout as TimeoutSpec
from workflow.definition.parse import load_definitions
from workflow.definition.problems import DID_YOU_MEAN, KNOWN, RULES
from workflow.definition.rules import Answers, Rule, RulesSpec, When, Words
from workflow.definition.telling import Hours, QuietHours, Retry, Telling

PAGE = Path(__file__).parents[3] / "docs" / "definition-language.md"


def table() -> str:
    """Return the table of problems as the page must show it."""
    rows = ["| code | | what is wrong | what to do |", "| --- | --- | --- | --- |"]
    for code, rule in RULES.items():
        remedy = rule.remedy or f"{DID_YOU_MEAN} / {KNOWN}"
        told = rule.sentence, remedy.replace("{{", "{").replace("}}", "}")
        sentence, mend = (text.replace("|", "\\|").replace("<", "&lt;") for text in told)
        rows.append(f"| `{code}` | {rule.severity} | {sentence} | {mend} |")
    return "\n".join(rows) + "\n"


def test_every_problem_is_documented() -> None:
    assert PAGE.read_text("utf-8").endswith(table()), "the page ends with what table() returns"


def test_every_definition_on_the_page_is_loaded(tmp_path: Path) -> None:
    written = [block for block in blocks(PAGE) if block.language == "yaml"]
    for number, block in enumerate(written):
        first = block.code.split(":")[0]
        name = {"desk": "desk", "match": "rules", "ticket_type": str(number)}[first]
        (tmp_path / f"{name}.yaml").write_text(block.code, "utf-8")
    definitions, problems = load_definitions(tmp_path)
    assert problems == ()
    assert definitions is not None
    assert len(definitions.types) == len(written) - 2 > 0


def test_every_key_and_word_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    keys = {
        key
        for part in (
            TicketTypeSpec, DeskFile, StageSpec, Room, Branch, TimeoutSpec, FieldSpec, Sla, Level, Ladder, Rung,
            RulesSpec, Rule, When, Words, Answers, Fact, IdentitySpec, IdentityDemand, Telling, Retry, QuietHours,
            Hours,
        )
        for key in part.model_fields
    }  # fmt: skip
    words = keys | {*BUILT_IN, *VERBS, *BARE_ACTIONS}
    assert {word for word in words if f"`{word}" not in page} == set()
    assert {word for word in Action.model_fields if f"`{word}" not in page} == set()
    reserved = page[page.index("`true false null") : page.index("customer google`")]
    assert {*reserved.strip("`").split(), "customer", "google"} == RESERVED
