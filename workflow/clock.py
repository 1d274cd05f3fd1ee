"""The clock: the one place that reads the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from workflow.errors import UsageError


class Clock(Protocol):
    """Something that knows what time it is; always aware, always UTC."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant in UTC, to the microsecond."""
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is moved, and refuses to go back.

    >>> from datetime import UTC, datetime, timedelta
    >>> clock = VirtualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    >>> clock.advance(timedelta(hours=2)).hour
    11
    """

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)

    def now(self) -> datetime:
        """Return the instant this clock stands at."""
        return self._now

    def advance(self, step: timedelta) -> datetime:
        """Move forward by `step` and return the new instant; raise UsageError for a negative step."""
        return self.move_to(self._now + step)

    def move_to(self, instant: datetime) -> datetime:
        """Move forward to `instant` and return it; raise UsageError if that lies in this clock's past."""
        instant = as_utc(instant)
        if instant < self._now:
            raise UsageError(
                "a virtual clock does not go back: it stands at {now}, {instant} was asked for",
                "give a time at or after {now}",
                now=self._now,
                instant=instant,
            )
        self._now = instant
        return instant


def as_utc(instant: datetime) -> datetime:
    """Return an aware instant in UTC; raise UsageError for a naive one, whose zone nobody knows."""
    if instant.tzinfo is None:
        raise UsageError(
            "the time {instant} has no zone", "give an aware datetime, for example in UTC", instant=instant.isoformat()
        )
    return instant.astimezone(UTC)
