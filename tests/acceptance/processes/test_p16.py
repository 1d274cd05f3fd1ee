"""P16: somebody who did not handle it reviews completeness, standard form, truthfulness and the service items."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.acceptance.processes.steps import HANDLED, PASSED, RECORD, SOLVED, SPECIAL, opened, situations, walk
from workflow import Desk, Forbidden, Refused
from workflow.desk.files import folder_or_default
from workflow.testing import memory_desk

SETTLED = (*SPECIAL, ("office_01", "settle", RECORD))
FAULT = {"review_reason": "缺少退费日期", "review_faults": "completeness, truthfulness"}


# Who did the work that is reviewed.
DID = {
    "activation": "agent_06",
    "complaint": "office_01",
    "emergency": "technician_01",
    "follow_up": "specialist_03",
    "service": "office_01",
}


def test_whoever_handled_it_does_not_review_it(tmp_path: Path) -> None:
    """Not even if they are a reviewer as well."""
    folder = Path(shutil.copytree(folder_or_default(None), tmp_path / "definitions"))
    people = (folder / "desk.yaml").read_text("utf-8")
    both = re.sub(rf"(?m)^(  (?:{'|'.join(DID.values())}): .*roles: \[\w+)", r"\1, reviewer", people)
    assert both.count(", reviewer]") == len(set(DID.values()))
    (folder / "desk.yaml").write_text(both, "utf-8")
    with memory_desk(folder) as desk:
        for name, did in DID.items():
            done = HANDLED[name][:-1] if name == "activation" else (*HANDLED[name], *SOLVED[name])
            ticket = opened(desk, name, *done)
            assert ticket.state == "review", name
            assert "review" in situations(desk, ticket.id)
            for trigger in ("passed", "failed"):
                with pytest.raises(Refused) as refusal:
                    desk.advance(ticket.id, trigger, actor=did, fields=FAULT)
                assert refusal.value.rule == "not_by", name
            assert walk(desk, ticket.id, PASSED).stage != "review"


def test_a_review_that_fails_says_why_and_goes_back_to_handling(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SETTLED)
    with pytest.raises(Forbidden):
        desk.advance(ticket.id, "passed", actor="office_01")
    with pytest.raises(Refused, match="review_reason"):
        desk.advance(ticket.id, "failed", actor="reviewer_01")
    with pytest.raises(Refused, match="review_faults"):
        desk.advance(ticket.id, "failed", actor="reviewer_01", fields={"review_reason": "缺少退费日期"})
    ticket = walk(desk, ticket.id, ("reviewer_01", "failed", FAULT))
    assert (ticket.state, ticket.fields["review_faults"]) == ("handle.case_file", ("completeness", "truthfulness"))


def test_each_failed_review_has_reasons_of_its_own(desk: Desk) -> None:
    again = ("office_01", "settle")
    ticket = opened(desk, "complaint", *SETTLED, ("reviewer_01", "failed", FAULT), again)
    (option,) = [each for each in desk.what_next(ticket.id, actor="reviewer_01") if each.trigger == "failed"]
    assert (option.allowed, option.requires) == (True, ("review_faults", "review_reason"))
    with pytest.raises(Refused, match="review_faults, review_reason"):
        desk.advance(ticket.id, "failed", actor="reviewer_01")
    form = {"review_faults": "standard_form", "review_reason": "日期格式不符"}
    ticket = walk(desk, ticket.id, ("reviewer_01", "failed", form), again, ("reviewer_01", "passed"))
    assert not {"review_faults", "review_reason"} & set(ticket.fields)
    kept = [entry.private["fields.review_faults"] for entry in desk.history(ticket.id) if entry.trigger == "failed"]
    assert kept == [["completeness", "truthfulness"], ["standard_form"]]
