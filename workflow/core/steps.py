"""How a due time comes about on a calendar: what was counted, what was passed over, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from workflow.core.calendar import Calendar
from workflow.definition.duration import Duration
from workflow.definition.hours import Day

DAY = timedelta(days=1)
EDGE = 60 * DAY  # of a long time, what is shown at either end


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a count, in the calendar's zone.

    `open` is an open interval and `working_day` a date that was counted; `closed` are dates passed over. `day` is the
    first date that it touches, with the reason for its hours; `counted` is the open time so far, `number` the working
    days so far. An outline has a step `more` for as many dates as its `number` says.
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
        first, last = (each.astimezone(calendar.zone).date() for each in (start, due))
        yield from _days(calendar, first + DAY, last + DAY)
    else:
        yield from counted(calendar, start, due)


def outline(calendar: Calendar, start: datetime, end: datetime, working_days: int = 0) -> Iterator[Step]:
    """Yield what leads from one instant to the other, as `steps` does: of a long time its first and its last months."""
    first, last = (each.astimezone(calendar.zone).date() for each in (start, end))
    head, tail = first + EDGE, last - EDGE
    if tail - head < EDGE:
        yield from _days(calendar, first + DAY, last + DAY) if working_days else counted(calendar, start, end)
        return
    more = replace(_whole("more", calendar, calendar.day(head), tail - DAY), number=(tail - head).days)
    if working_days:
        yield from _days(calendar, first + DAY, head)
        yield more
        of_tail = sum(calendar.is_working(tail + DAY * at) for at in range((last + DAY - tail).days))
        yield from _days(calendar, tail, last + DAY, working_days - of_tail)
    else:
        yield from counted(calendar, start, more.begin)
        yield more
        before = calendar.elapsed(start, more.end)
        for step in counted(calendar, more.end, end):
            yield replace(step, counted=before + step.counted) if step.kind == "open" else step


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


def _days(calendar: Calendar, first: date, end: date, number: int = 0) -> Iterator[Step]:
    """Yield the dates from `first` until before `end`, the working days counted on from `number`."""
    reached = first
    for day in (first + DAY * at for at in range((end - first).days)):
        if calendar.is_working(day):
            number += 1
            yield from _closed(calendar, reached, day)
            yield _whole("working_day", calendar, calendar.day(day), day, number)
            reached = day + DAY
    yield from _closed(calendar, reached, end)


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
