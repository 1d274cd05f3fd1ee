"""A host's own functions do what definitions call, by whatever way they were registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.delivery.desks import job, rung
from tests.store.small import NOON
from workflow.clock import VirtualClock
from workflow.delivery.notice import Notice
from workflow.desk.desk import Desk
from workflow.errors import DefinitionError, UsageError


def test_an_action_is_registered_by_a_decorator(definitions: Path) -> None:
    rings: list[tuple[str, str]] = []
    with Desk.connect(
        "sqlite://", definitions=definitions, clock=VirtualClock(NOON), actions=["bell", "whistle"]
    ) as desk:
        job(desk, "ring", "whistle")
        report = desk.deliver()
        assert (report.sent, report.unrouted) == (0, 2), "nobody does it yet"
        assert desk.next_message_due() is None

        @desk.action("bell")
        def ring(notice: Notice) -> None:
            rings.append((notice.key, notice.to))

        report = desk.deliver()
        assert (report.sent, report.unrouted) == (1, 1)
        with pytest.raises(UsageError, match="bell is registered twice"):
            desk.action("bell")(ring)
        desk.action("whistle")(rung)
        assert desk.deliver().sent == 1
    assert rings == [("1-3", "host:bell")]


def test_definitions_call_only_what_was_named(definitions: Path) -> None:
    with pytest.raises(DefinitionError, match="no host registered the action whistle"):
        Desk.connect("sqlite://", definitions=definitions, clock=VirtualClock(NOON), actions={"bell": rung})
