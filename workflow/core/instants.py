"""When an event happens, and which timers have had their turn by then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from workflow.core.model import Ticket
from workflow.errors import UsageError

TICK = timedelta(microseconds=1)
APART = timedelta(seconds=1)  # so far the clocks of two machines differ that are both right
IsDue: TypeAlias = Callable[[datetime], bool]


def event_time(ticket: Ticket, now: datetime, at: datetime | None) -> datetime:
    """Return when an event happens: `at`, or else now.

    It never lies before the ticket's last event, nor at or before the due time of its last fired timer. Raise
    UsageError for an `at` that cannot be true. Up to a second ahead, as another machine's now may be, it is now.
    """
    if at is None:
        return not_before_its_last(ticket, now)
    at = as_named(at, now)
    if at > now:
        raise UsageError("{at} lies in the future", "leave the time out, or give an earlier one", field="at", at=at)
    if ticket.last_fired_due and at <= ticket.last_fired_due:
        raise UsageError(
            "{at} is not after {due}, when the timer {timer} had its turn: people may have been told",
            "give a later time",
            field="at",
            ticket=ticket.id,
            at=at,
            due=ticket.last_fired_due,
            timer=ticket.last_fired,
        )
    if at < ticket.updated_at:
        raise UsageError(
            "{at} lies before the ticket's last event at {last}",
            "give a later time",
            field="at",
            ticket=ticket.id,
            at=at,
            last=ticket.updated_at,
        )
    return at


def as_named(at: datetime, now: datetime) -> datetime:
    """Return an instant that somebody names: now, where it lies ahead only because another clock was read for it."""
    return min(at, now) if at - now <= APART else at


def not_before_its_last(ticket: Ticket, instant: datetime) -> datetime:
    """Return an instant, or the first after it at which the next event of the ticket can be."""
    after_firing = ticket.last_fired_due + TICK if ticket.last_fired_due else instant
    return max(instant, ticket.updated_at, after_firing)


def before(limit: datetime) -> IsDue:
    """Let be due what is due before the limit."""
    return lambda instant: instant < limit


def by(limit: datetime) -> IsDue:
    """Let be due what is due at the limit or before."""
    return lambda instant: instant <= limit
