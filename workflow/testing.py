"""What a host's tests need: a desk in memory, on a clock that moves only when told to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from workflow.clock import VirtualClock
from workflow.core.guard import HostCondition
from workflow.delivery.routes import HostAction
from workflow.delivery.settings import Delivery
from workflow.desk.desk import Desk
from workflow.desk.machines import HostClassifier

MONDAY_MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def memory_desk(
    definitions: str | Path | None = None,
    *,
    start: datetime = MONDAY_MORNING,
    conditions: Mapping[str, HostCondition] | None = None,
    actions: Mapping[str, HostAction] | Collection[str] = (),
    delivery: Delivery | None = None,
    classifiers: Mapping[str, HostClassifier] | None = None,
) -> Desk:
    """Return a fresh desk in memory; `desk.clock` is a VirtualClock that stands at `start`.

    Without `definitions` it has ./definitions, or else the shipped ones. `conditions`, `actions` and `delivery` are
    those of `Desk.connect`. It is gone when it is closed.

    >>> from datetime import timedelta
    >>> with memory_desk() as desk:
    ...     _ = desk.open("complaint", actor="agent_01", fields={"statement": "The line is dead."})
    ...     _ = desk.clock.advance(timedelta(hours=1))
    ...     desk.run_timeouts().fired
    1
    """
    return Desk.connect(
        "sqlite://", definitions=definitions, clock=VirtualClock(start), conditions=conditions, actions=actions,
        delivery=delivery, classifiers=classifiers,
    )  # fmt: skip
