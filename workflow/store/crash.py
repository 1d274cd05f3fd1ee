"""Crash points: places between two steps where a test kills the process, to see what the next one finds.

`TICKETFLOW_CRASH_AT=run.claimed:3` in the environment kills it when it passes that point for the third time. Nobody
sets that outside tests, and then passing a point costs the call of an empty function.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

POINTS = (
    "unit.locked", "unit.decided", "unit.written", "unit.remembered", "unit.committed", "opening.decided",
    "opening.written", "run.claimed", "run.decided", "run.written", "run.closing", "resume.fired", "intake.batch",
    "apply.written", "revise.chunk", "migrate.chunk", "redact.told", "redact.written", "retry.written",
    "rebuild.written", "figures.counted", "figures.forgotten", "relay.claimed", "relay.sending", "relay.sent",
    "relay.marked", "schema.made", "schema.upgraded", "copy.slice", "copy.proved", "copy.finished", "backup.proved",
    "seal.written",
)  # fmt: skip


def _pass(name: str) -> None:
    """Do nothing."""


def _die_at(wanted: str) -> Callable[[str], None]:
    armed, _, passing = wanted.partition(":")
    if armed not in POINTS:
        raise ValueError(f"there is no crash point {armed}")
    left = int(passing or 1)

    def point(name: str) -> None:
        nonlocal left
        left -= name == armed
        if left == 0:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows ends it at once by either

    return point


point = _die_at(os.environ["TICKETFLOW_CRASH_AT"]) if "TICKETFLOW_CRASH_AT" in os.environ else _pass
