"""P17: the feedback record is complete before the review, and travels with the ticket from desk to desk."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import HANDLED, RECORD, SPECIAL, opened, walk
from workflow import Desk, Refused


@pytest.mark.parametrize("missing", RECORD)
def test_nothing_of_it_may_be_missing(desk: Desk, missing: str) -> None:
    ticket, other = opened(desk, "complaint", *SPECIAL), opened(desk, "service", *HANDLED["service"])
    record = {name: value for name, value in RECORD.items() if name != missing}
    with pytest.raises(Refused, match=missing):
        desk.advance(ticket.id, "settle", actor="office_01", fields=record)
    with pytest.raises(Refused, match=missing):
        desk.advance(other.id, "settle", actor="office_01", fields=record)


def test_added_services_and_who_has_had_it_are_recorded(desk: Desk) -> None:
    ticket = opened(desk, "complaint", *SPECIAL, ("specialist_03", "report_upward"))
    walk(desk, ticket.id, ("region_01", "instructed", {"instructions": "换机"}))
    full = {**RECORD, "added_services": "none"}
    ticket = walk(desk, ticket.id, ("specialist_03", "settle", full), ("reviewer_01", "passed"))
    assert ticket.fields["added_services"] == "none"
    teams = [entry.data["team"] for entry in desk.history(ticket.id) if "team" in entry.data]
    assert teams == [
        "frontline",
        "complaints",
        "service_department",
        "region",
        "service_department",
        "reviewers",
        "callback",
    ]
