"""Recorded repairs: a timer that could not fire is retried, clocks that are not what history says are put right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from workflow.core import firing, people, sla
from workflow.core.giving import Roster
from workflow.core.guard import Rules
from workflow.core.instants import before
from workflow.core.model import Actor, Outcome, SlaClock, Ticket, Timer, replace
from workflow.core.unit import Revision, Unit
from workflow.errors import Refused


def retry_timer(
    rules: Rules,
    ticket: Ticket,
    timers: Iterable[Timer],
    timer: Timer,
    *,
    at: datetime,
    fired_at: datetime,
    actor: str,
    newer: Sequence[Revision] = (),
    roster: Roster | None = None,
) -> Outcome:
    """Return what a timer that could not fire does now: `due_at` keeps the old time, all else happens at `at`.

    Where what armed it has ended, or it has fired since, that is recorded and nothing else. Raise Refused if it fails
    again.
    """
    unit = Unit(rules, ticket, timers, limit=at, fired_at=fired_at, inclusive=False, roster=roster)
    unit.catch_up_through(newer)
    who = Actor(actor)
    if not (firing.lives(unit.ticket, timer) and sla.awaits(unit.ticket, timer)):
        unit.write("incident_closed", who, at, {"timer": ":".join(map(str, timer.key)), "why": "left"})
        return unit.outcome()
    unit.write("incident_closed", who, at, {"timer": ":".join(map(str, timer.key)), "why": "retried"})
    try:
        decision = unit.fire(replace(timer, due_at=at), before(at), timer.due_at)
    except Exception as fault:
        raise Refused(
            "the timer {timer} fails again: {reason}", "mend what it needs, then retry", rule="incident",
            ticket=ticket.id, timer=timer.name, reason=str(fault) or type(fault).__name__,
        ) from fault  # fmt: skip
    armed = {known[:2] for known in unit.timers}
    unit.absorb(replace(decision, arm=tuple(more for more in decision.arm if more.key[:2] not in armed)))
    unit.settle(at, people.TIMER)
    return unit.outcome()


def rebuilt(
    rules: Rules, ticket: Ticket, timers: Iterable[Timer], clocks: tuple[SlaClock, ...], *, at: datetime, actor: str
) -> Outcome:
    """Return the ticket with these clocks and timers in place of its own."""
    unit = Unit(rules, replace(ticket, clocks=clocks), timers, limit=at, fired_at=at, inclusive=False)
    unit.write("rebuilt", Actor(actor), at, {"rebuilt": sorted({clock.name for clock in clocks})})
    return unit.outcome()
