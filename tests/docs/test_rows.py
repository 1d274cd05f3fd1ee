"""The rows and what cites them: each has its place, its command and its test, and a comment marks a whole entry."""

from __future__ import annotations

import pytest
import yaml

from tests.docs import rows
from tests.docs.citations import DEFINITIONS, Citation, citations_of, without
from tests.docs.generated import commands

TEXT = """\
ladder:             # P1: and why
  hold: 2h          # P2 says no such thing
  rungs:
    - {to: lead}    # P3, P4
teams: {a: {lead: [x,
      y]}}
limits:
  late:             # P5
    after: 2h
"""


def test_a_citation_marks_what_starts_on_its_line_whole() -> None:
    assert list(citations_of(TEXT, "t.yaml")) == [
        Citation("P1", "t.yaml", 1, ("ladder",), "ladder"),
        Citation("P3", "t.yaml", 4, ("ladder", "rungs", 0), "ladder[to: lead]"),
        Citation("P4", "t.yaml", 4, ("ladder", "rungs", 0), "ladder[to: lead]"),
        Citation("P5", "t.yaml", 8, ("limits", "late"), "limits.late"),
    ]


@pytest.mark.parametrize("text", ["# P1: above what it means\na: 1\n", "a: {b: 1,\n   } # P2\n"])
def test_one_that_marks_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"t\.yaml:[12]: nothing starts"):
        list(citations_of(text, "t.yaml"))


def test_what_is_taken_out_goes_with_all_that_held_nothing_else() -> None:
    gone = without(TEXT, [("ladder", "rungs", 0), ("limits", "late")])
    assert yaml.safe_load(gone) == {"ladder": {"hold": "2h"}, "teams": {"a": {"lead": ["x", "y"]}}}


@pytest.mark.prove
def test_taking_nothing_out_changes_nothing() -> None:
    for file in DEFINITIONS.rglob("*.yaml"):
        text = file.read_text("utf-8")
        assert yaml.safe_load(without(text, [])) == yaml.safe_load(text)


def test_the_commands_of_the_rows_exist_and_their_triggers_are_fired_by_their_tests() -> None:
    known = {context.command_path.removeprefix("ticketflow ") for context in commands()}
    shipped = "\n".join(file.read_text("utf-8") for file in DEFINITIONS.glob("*.yaml"))
    common = (rows.TESTS / "steps.py").read_text("utf-8")
    for row, command in [(row, command) for row, all_of_it in rows.COMMANDS.items() for command in all_of_it]:
        verb, _, trigger = command.partition(" ID ")
        assert verb in known
        assert not trigger or f" {trigger}:" in shipped
        assert not trigger or f'"{trigger}"' in common + rows.test_of(row).read_text("utf-8"), row


def test_a_row_that_lacks_something_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "COMMANDS", {row: says for row, says in rows.COMMANDS.items() if row != "P16"})
    monkeypatch.setattr(rows, "MISSING", rows.MISSING | {"P23": "it is not missing"})
    monkeypatch.setattr(rows, "BY_COMMAND", rows.BY_COMMAND | {"P24": "it is cited all the same"})
    with pytest.raises(ValueError, match=r"P16 has no command\nP23 has a test and a place.*\nP24 is cited") as told:
        rows.table()
    assert len(str(told.value).splitlines()) == 3
