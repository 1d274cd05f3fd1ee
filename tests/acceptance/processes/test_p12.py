"""P12: a special complaint has a case file 投诉处理单, goes to the department, is called back, or goes upward."""

from __future__ import annotations

from tests.acceptance.processes.steps import REVIEWED, heard, opened, told, walk
from workflow import Desk

SPECIAL = (("agent_01", "accept"), ("agent_01", "classified", {"category": "billing", "severity": "special"}))


def test_form_department_callback_archive(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL)
    assert (ticket.state, ticket.team) == ("handle.case_file", "service_department")
    ticket = walk(desk, ticket.id, *REVIEWED[3:])
    assert ticket.state == "callback"
    assert walk(desk, ticket.id, ("callback_01", "satisfied", {"score": "5"})).state == "archive"


def test_what_cannot_be_solved_here_is_reported_upward_and_comes_back_with_instructions(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("specialist_03", "report_upward"))
    assert (ticket.state, ticket.team) == ("handle.reported_upward", "region")
    assert ("member:supervisor_01", "notify") in told(desk)
    ticket = walk(desk, ticket.id, ("region_01", "instructed", {"instructions": "换机"}))
    assert ticket.state == "handle.case_file"


def test_the_department_has_words_for_it(desk: Desk) -> None:
    said = heard(desk, "complaint", *SPECIAL, ("specialist_03", "report_upward"))
    assert {"case_file", "reported_upward"} <= set(said)
