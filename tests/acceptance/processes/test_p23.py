"""P23: complaints and complex cases are called back within 24 hours."""

from __future__ import annotations

from tests.acceptance.processes.steps import HANDLED, REVIEWED, called_back, later, opened, told_by
from workflow import Desk


def test_a_day_without_the_call_is_told_to_the_lead(desk: Desk) -> None:
    opened(desk, "complaint", *REVIEWED)
    late = ("member:lead_day", "escalate")
    assert late not in later(desk, hours=23, minutes=59)
    assert late in later(desk, minutes=1)


def test_so_it_is_in_every_type(desk: Desk) -> None:
    for name in HANDLED:
        opened(desk, name, *called_back(name)[: None if name != "follow_up" else 2])
    later(desk, hours=23, minutes=59)
    assert told_by(desk, "timeout:overdue") == set()
    later(desk, minutes=1)
    assert told_by(desk, "timeout:overdue") == set(HANDLED)
