"""How a due time comes about on a calendar: what was counted, what was passed over, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from workflow.core.calendar import Calendar
from workflow.definition.duration import Duration
from workflow.definition.hours import Day

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a count, in the calendar's zone.

    `open` is an open interval and `working_day` a date that was counted; `closed` are dates passed over. `day` is the
    first date that it touches, with the reason for its hours; `counted` is the open time so far, `number` the working
    days so far.
    """

    kind: str
    begin: datetime
    end: datetime
    day: Day
    counted: timedelta = timedelta()
    number: int = 0


def steps(calendar: Calendar, start: datetime, length: Duration | timedelta) -> Iterator[Step]:
    """Yield what leads from `start` to `calendar.add(start, length)`, in order; nothing where nothing is to count."""
    due = calendar.add(start, length)
    if isinstance(length, Duration) and length.working_days:
        yield from _by_days(calendar, start, length.working_days)
    else:
        yield from counted(calendar, start, due)


def counted(calendar: Calendar, start: datetime, end: datetime) -> Iterator[Step]:
    """Yield the open intervals between two instants, and between them the dates without any."""
    total = timedelta()
    reached = start
    for begin, until in calendar.open_between(start, end):
        first, last = begin.astimezone(calendar.zone), until.astimezone(calendar.zone)
        yield from _closed(calendar, reached.astimezone(calendar.zone).date(), first.date())
        total += until - begin
        yield Step("open", first, last, calendar.day(first.date()), total)
        reached = until
    if reached.astimezone(UTC) < end.astimezone(UTC):  # in one zone, Python compares what the clocks show
        last_date = end.astimezone(calendar.zone).date()
        yield from _closed(calendar, reached.astimezone(calendar.zone).date(), last_date + DAY)


def _by_days(calendar: Calendar, start: datetime, count: int) -> Iterator[Step]:
    day = reached = start.astimezone(calendar.zone).date() + DAY
    number = 0
    while number < count:
        if calendar.is_working(day):
            number += 1
            yield from _closed(calendar, reached, day)
            yield _whole("working_day", calendar, calendar.day(day), day, number)
            reached = day + DAY
        day += DAY


def _closed(calendar: Calendar, first: date, end: date) -> Iterator[Step]:
    """Yield the dates from `first` until before `end` that have no hours; neighbours with the same reason are one."""
    days = (calendar.day(first + DAY * at) for at in range((end - first).days))
    for (closed, *_), same in groupby(days, key=lambda day: (not day.segments, day.why, day.name)):
        held = list(same)
        if closed:
            yield _whole("closed", calendar, held[0], held[-1].date)


def _whole(kind: str, calendar: Calendar, day: Day, last: date, number: int = 0) -> Step:
    """Return a step from the midnight before a day to the one after the last."""
    begin, end = (datetime.combine(each, time(), calendar.zone) for each in (day.date, last + DAY))
    return Step(kind, begin, end, day, number=number)
