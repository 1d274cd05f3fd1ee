"""How tickets were sorted is kept with them, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.small import DESK, JOB, NOON, opened, timed, write
from workflow.desk.desk import Desk

RULES = """\
match: all
default: job
rules:
  again: {when: {conditions: '"job" in open_types && "new" in open_tags && "vip" in customer_tags'}, priority: urgent}
  line: {when: {words: [宽带, ＡＢＣ]}, tags: [new], priority: high}
"""
MOVERS = DESK.replace("apply, retry]", "apply, retry, retype]")


@pytest.fixture
def sorting(database_url: str, definitions: Path) -> Iterator[Desk]:
    (definitions / "rules.yaml").write_text(RULES, encoding="utf-8")
    with opened(database_url, definitions, NOON) as desk:
        yield desk


def test_a_proposal_is_kept_corrected_and_counted(sorting: Desk) -> None:
    ticket = sorting.open(actor="ann", fields={"statement": "宽带abc"}, customer={"phone": "13800000000"})
    found = sorting.proposal(ticket.id)
    assert found is not None
    assert (found.proposed, found.by, found.corrected) == (
        {"type": "job", "tags": ("new",), "priority": "high"},
        {"type": "default", "tags": "line", "priority": "line"}, {},
    )  # fmt: skip
    assert [(voice.by, voice.words) for voice in found.voices] == [("line", ("宽带", "ＡＢＣ"))]
    sorting.set_fields(ticket.id, actor="ann", priority="low")
    again = sorting.proposal(ticket.id)
    assert again is not None
    assert again.corrected == {"priority": {"by": "ann", "to": "low"}}
    figures = {rule.rule: (rule.spoke, rule.agreed, rule.corrected) for rule in sorting.rules_report().rules}
    assert (figures["line"], figures["default"], figures["again"]) == ((1, 0, 1), (1, 0, 0), (0, 0, 0))


def test_another_type_is_a_correction_until_it_is_taken_back(database_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "desk", JOB, timed("slow: {after: 1h, actions: [escalate]}"), desk=MOVERS)
    (folder / "rules.yaml").write_text(RULES.replace("tags: [new]", "type: job"), encoding="utf-8")
    with opened(database_url, folder, NOON) as desk:
        for _ in range(2):
            desk.open(actor="ann", fields={"statement": "宽带"})
        desk.retype(1, "timed", actor="boss")
        found = desk.proposal(1)
        assert found is not None
        assert found.corrected == {"type": {"to": "timed", "by": "boss"}}
        assert [rule.corrected for rule in desk.rules_report().rules if rule.rule == "line"] == [1]
        desk.retype(1, "job", actor="boss")
        found = desk.proposal(1)
        assert found is not None
        assert found.corrected == {}


def test_rules_know_the_customer_and_their_open_tickets(sorting: Desk) -> None:
    who = {"phone": "13800000000"}
    first = sorting.open(actor="ann", fields={"statement": "宽带"}, customer=who)
    assert first.customer is not None
    sorting.tag_customer(first.customer.id, actor="ann", add=["vip"])
    assert sorting.open(actor="ann", fields={"statement": "hello"}, customer=who).priority == "urgent"
    assert (
        sorting.open(actor="ann", fields={"statement": "hello"}, customer={"phone": "13900000000"}).priority == "normal"
    )
