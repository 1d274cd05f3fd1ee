"""P23: complaints and complex cases are called back within 24 hours."""

from __future__ import annotations

from tests.acceptance.processes.steps import REVIEWED, later, opened
from workflow import Desk


def test_a_day_without_the_call_is_told_to_the_lead(desk: Desk) -> None:
    opened(desk, "complaint", *REVIEWED)
    late = ("member:lead_day", "escalate")
    assert late not in later(desk, hours=23, minutes=59)
    assert late in later(desk, minutes=1)
