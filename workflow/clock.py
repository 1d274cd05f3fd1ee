"""The clock: the one place that reads the wall clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from workflow.errors import Unhealthy, UsageError

log = logging.getLogger("workflow.clock")
TOLERATED = timedelta(minutes=1)  # by how much clocks may differ and nobody is told
ASK_AGAIN = 60.0
STEP = timedelta(seconds=1)


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


class DatabaseClock:
    """The clock of a database that several machines share, so that they agree whatever their own clocks say.

    It goes by what the database said last and by how much time has passed since: a step of the machine's own clock
    moves nothing. `ahead` is how far the machine's own clock was ahead when the database was asked.
    """

    def __init__(self, own: Clock) -> None:
        self._own, self.ahead = own, timedelta()
        here = own.now()
        self._asked, self._again = (here, here, time.monotonic()), 0.0

    def now(self) -> datetime:
        """Return the present instant in UTC, as the database has it."""
        said, _, beat = self._asked
        return said + timedelta(seconds=time.monotonic() - beat)

    @property
    def is_stale(self) -> bool:
        """Whether to ask: it was never done, not for a while, or the machine has slept or its clock stepped since."""
        _, here, beat = self._asked
        now = time.monotonic()
        return now >= self._again or abs(self._own.now() - here - timedelta(seconds=now - beat)) > STEP

    def ask(self, database: Callable[[], datetime]) -> None:
        """Ask the database what time it is, the way there and back halved; warn where the machine is far off."""
        database()  # the first question may have to open a transaction
        began = time.monotonic()
        said = as_utc(database())
        beat = time.monotonic()
        said += timedelta(seconds=(beat - began) / 2)
        here = self._own.now()
        before, self.ahead = self.ahead, here - said
        self._asked, self._again = (said, here, beat), beat + ASK_AGAIN
        if abs(self.ahead) > TOLERATED and (abs(before) <= TOLERATED or abs(self.ahead - before) > TOLERATED):
            log.warning(clocks_differ(self.ahead))


def clocks_differ(ahead: timedelta) -> Unhealthy:
    """Return what is told where the machine's own clock is so far ahead of the database's, or behind it."""
    remedy = "set it right, by NTP for example; until then the desk goes by the database's"
    late = to_the_second(abs(ahead))
    if ahead > timedelta():
        return Unhealthy("this machine's clock is {late} ahead of the database's", remedy, check="clock", late=late)
    return Unhealthy("this machine's clock is {late} behind the database's", remedy, check="clock", late=late)


def to_the_second(length: timedelta) -> timedelta:
    """Return a length of time rounded for people."""
    return timedelta(seconds=round(length.total_seconds()))


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
