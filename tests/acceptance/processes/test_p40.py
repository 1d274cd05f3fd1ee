"""P40: most customers give up when the first answer is slow: the share within the limit is on the report."""

from __future__ import annotations

import pytest

from tests.acceptance.processes.steps import later, opened, walk
from workflow import Desk


@pytest.mark.parametrize(
    "name", ["activation", "complaint", "emergency", "follow_up", "inquiry", "service", "suggestion"]
)
def test_of_three_tickets_the_one_that_is_answered_within_its_limit_counts(desk: Desk, name: str) -> None:
    first, second, _ = (opened(desk, name) for _ in range(3))
    walk(desk, first.id, ("agent_01", "accept"))
    assert desk.stats(by="type").rows[0].connect_rate == 1, "nobody else is late yet"
    later(desk, hours=4, minutes=1)
    walk(desk, second.id, ("agent_02", "accept"))
    (found,) = desk.stats(by="type").rows
    assert (found.on_time, found.late, found.waiting) == (1, 1, 1)
    assert found.connect_rate == pytest.approx(1 / 3)
