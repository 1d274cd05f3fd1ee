"""Time as a calendar counts it: the open hours between two instants, and when a length of them will have passed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from workflow.definition.desk import CalendarSpec, DeskSpec
from workflow.definition.duration import Duration
from workflow.definition.hours import Day, OpeningHours
from workflow.definition.resolve import ALWAYS as ALWAYS_NAME
from workflow.errors import DefinitionError, UsageError

LONGEST_CLOSED = timedelta(days=1200)
_MONTHS_KEPT = 480
_DAYS_KEPT = 4000
_NONE = timedelta()
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Month:
    """The open intervals of one month of UTC, with what is open through the end of each."""

    begin: datetime
    end: datetime
    opens: list[datetime]
    closes: list[datetime]
    sums: list[timedelta]
    total: timedelta

    def before(self, instant: datetime) -> timedelta:
        """Return what is open of the month before an instant in it."""
        at = bisect_right(self.opens, instant) - 1
        if at < 0:
            return _NONE
        left = self.closes[at] - instant
        return self.sums[at] - left if left > _NONE else self.sums[at]


class Calendar:
    """One calendar, ready to count. Instants are aware; what comes back is in UTC, to the microsecond.

    It may be shared between threads, and keeps what it worked out of some forty years.

    >>> spec = CalendarSpec(weekly={"mon-fri": "09:00-18:00"})
    >>> office = Calendar.of("office", spec, "Asia/Shanghai")
    >>> friday = datetime.fromisoformat("2026-03-06T17:00+08:00")
    >>> office.add(friday, timedelta(hours=2)).astimezone(office.zone).isoformat()
    '2026-03-09T10:00:00+08:00'
    """

    def __init__(self, name: str, hours: OpeningHours) -> None:
        self.name, self.hours = name, hours
        self.zone: tzinfo = hours.zone
        self._months: dict[int, _Month] = {}
        self._working: dict[date, bool] = {}

    @classmethod
    def of(cls, name: str, spec: CalendarSpec, desk_zone: str) -> Calendar:
        """Return a calendar of desk.yaml, which was checked when the desk was read."""
        return cls(name, OpeningHours(spec, desk_zone))

    def add(self, start: datetime, length: Duration | timedelta) -> datetime:
        """Return the earliest instant by which so much open time has passed since `start`; for nothing, `start`.

        For working days it is the same local time on the N-th next of them. Where that time is closed, it is the last
        open instant of that date before it, or where there is none, the first after it. Raise DefinitionError where
        nothing is open for 1,200 days.
        """
        if isinstance(length, Duration):
            if length.working_days:
                return self._working_days(start, length.working_days)
            length = length.length
        if start.tzinfo is not UTC:
            start = start.astimezone(UTC)
        if length <= _NONE:
            return start
        key = start.year * 12 + start.month - 1
        month = self._months.get(key) or self._month(key)
        target = month.before(start) + length
        if target > month.total:
            month, target = self._later(start, key, month, target)
        at = bisect_left(month.sums, target)
        return month.closes[at] - (month.sums[at] - target)

    def _later(self, start: datetime, key: int, month: _Month, target: timedelta) -> tuple[_Month, timedelta]:
        """Return the month in which the target is reached, and what of it is left then."""
        last = start
        while target > month.total:
            if month.total and month.closes[-1] > last:
                last = month.closes[-1]
            target -= month.total
            key += 1
            month = self._months.get(key) or self._month(key)
            self._demand_opening(last, month.opens[0] if month.total else month.end)
        return month, target

    def _demand_opening(self, closed: datetime, opening: datetime) -> None:
        if opening - closed > LONGEST_CLOSED:
            raise DefinitionError(
                "the calendar {calendar} has no open time in the {days} days after {start}",
                "give it hours in desk.yaml, and put that in force with `ticketflow apply`",
                calendar=self.name,
                days=LONGEST_CLOSED.days,
                start=closed,
            )

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Return the open time between two instants; nothing where `end` is not after `start`."""
        if start.tzinfo is not UTC:
            start = start.astimezone(UTC)
        if end.tzinfo is not UTC:
            end = end.astimezone(UTC)
        if end <= start:
            return _NONE
        key, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
        month = self._months.get(key) or self._month(key)
        total = -month.before(start)
        while key < last:
            total += month.total
            key += 1
            month = self._months.get(key) or self._month(key)
        return total + month.before(end)

    def is_open(self, instant: datetime) -> bool:
        """Say whether an instant is open; the one at which it closes no longer is."""
        instant = instant.astimezone(UTC)
        month = self._at(instant)
        at = bisect_right(month.opens, instant) - 1
        return at >= 0 and instant < month.closes[at]

    def open_between(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield the open intervals between two instants, in order; what touches is one."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        held: Interval | None = None
        key, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
        for each in range(key, last + 1):
            month = self._months.get(each) or self._month(each)
            for opens, closes in zip(month.opens, month.closes, strict=True):
                begin, until = max(opens, start), min(closes, end)
                if begin >= until:
                    continue
                if held and held[1] == begin:
                    held = held[0], until
                    continue
                if held:
                    yield held
                held = begin, until
        if held:
            yield held

    def day(self, day: date) -> Day:
        """Return the hours of a local date, and what made them so."""
        return self.hours.day(day)

    def is_working(self, day: date) -> bool:
        """Say whether a local date has hours of its own; what is left of the night before is not its own."""
        found = self._working.get(day)
        if found is None:
            if len(self._working) >= _DAYS_KEPT:
                self._working.clear()
            hours = self._intervals(day.toordinal())
            found = self._working[day] = any(begin < end for begin, end in hours)
        return found

    def outside_announced(self, due: datetime) -> bool:
        """Say whether a due time lies beyond what is announced of the calendar's public holidays."""
        public = self.hours.public
        return public is not None and not (
            public.announced_from <= due.astimezone(self.zone).date() <= public.announced_through
        )

    def _working_days(self, start: datetime, count: int) -> datetime:
        local = start.astimezone(self.zone)
        day = worked = local.toordinal()
        while count:
            day += 1
            if self.is_working(date.fromordinal(day)):
                count, worked = count - 1, day
            elif day - worked > LONGEST_CLOSED.days:
                self._demand_opening(self._instant(worked + 1, _NONE), self._instant(day + 1, _NONE))
        due = self._instant(day, _since_midnight(local))
        month = self._at(due)
        at = bisect_right(month.opens, due) - 1
        if at >= 0 and due < month.closes[at]:
            return due
        ends = [end for _, end in self.open_between(self._instant(day, _NONE), due)]
        return ends[-1] if ends else next(begin for begin, _ in self.open_between(due, due + 3 * _DAY))

    def working_days_before(self, due: datetime, count: int) -> datetime:
        """Return from when so many working days lead to `due`: its local time on the N-th working day before it."""
        local = due.astimezone(self.zone)
        day = worked = local.toordinal()
        while count and worked - day <= LONGEST_CLOSED.days:
            day -= 1
            if self.is_working(date.fromordinal(day)):
                count, worked = count - 1, day
        return self._instant(worked, _since_midnight(local))

    def at_time_of(self, day: datetime, other: datetime) -> datetime:
        """Return the instant on the local date of `day` at the local time of another."""
        local = other.astimezone(self.zone)
        return self._instant(day.astimezone(self.zone).toordinal(), _since_midnight(local))

    def _ends(self) -> UsageError:
        return UsageError("the calendar {calendar} ends with the year 9998", "name an earlier time", calendar=self.name)

    def _at(self, instant: datetime) -> _Month:
        key = instant.year * 12 + instant.month - 1
        return self._months.get(key) or self._month(key)

    def _month(self, key: int) -> _Month:
        """Work out and keep a month. Doing it twice at a time does no harm."""
        if not 12 < key < 9999 * 12 - 1:
            raise self._ends()
        begin, end = (datetime(each // 12, each % 12 + 1, 1, tzinfo=UTC) for each in (key, key + 1))
        opens: list[datetime] = []
        closes: list[datetime] = []
        days = range(begin.toordinal() - 2, end.toordinal() + 1)
        for first, last in sorted(
            each for day in days for each in self._intervals(day)
        ):  # a night may begin after a day
            first = max(first, closes[-1] if closes else begin)
            last = min(last, end)
            if first >= last:
                continue
            if closes and closes[-1] == first:
                closes[-1] = last
            else:
                opens.append(first)
                closes.append(last)
        sums: list[timedelta] = []
        total = _NONE
        for first, last in zip(opens, closes, strict=True):
            total += last - first
            sums.append(total)
        if len(self._months) >= _MONTHS_KEPT:
            self._months.clear()
        month = self._months[key] = _Month(begin, end, opens, closes, sums, total)
        return month

    def _intervals(self, ordinal: int) -> list[Interval]:
        return [
            (self._instant(ordinal, timedelta(minutes=begin)), self._instant(ordinal, timedelta(minutes=end)))
            for begin, end in self.hours.day(date.fromordinal(ordinal)).segments
        ]

    def _instant(self, ordinal: int, time: timedelta) -> datetime:
        """Return the first instant at which the local clock shows a time, or has passed it in a gap."""
        local = datetime.fromordinal(ordinal) + time
        here = local.replace(tzinfo=self.zone)
        before, after = here.utcoffset(), here.replace(fold=1).utcoffset()
        assert before is not None and after is not None  # noqa: S101, PT018 - a zone always knows its offset
        if before >= after:
            return (local - before).replace(tzinfo=UTC)
        low = (local - after).replace(tzinfo=UTC, microsecond=0)
        high = (local - before).replace(tzinfo=UTC, microsecond=0) + _SECOND
        while high - low > _SECOND:
            middle = low + (high - low) // 2 // _SECOND * _SECOND
            if middle.astimezone(self.zone).utcoffset() == after:
                high = middle
            else:
                low = middle
        return high


def _since_midnight(local: datetime) -> timedelta:
    return timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


class _Always(Calendar):
    """Every hour counts, and counting is plain addition."""

    def __init__(self) -> None:
        super().__init__(ALWAYS_NAME, OpeningHours(CalendarSpec(weekly={"daily": ("00:00-24:00",)}), "UTC"))

    def add(self, start: datetime, length: Duration | timedelta) -> datetime:
        """Return the instant so much later; raise UsageError for working days, which it does not have."""
        if isinstance(length, Duration):
            if length.working_days:
                raise UsageError(
                    "{length} counts working days, and the calendar {calendar} has none",
                    "name a calendar with working hours, or write hours",
                    length=length.text,
                    calendar=self.name,
                )
            length = length.length
        if start.tzinfo is not UTC:
            start = start.astimezone(UTC)
        try:
            return start + length
        except OverflowError:
            raise self._ends() from None

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Return the time between two instants; nothing where `end` is not after `start`."""
        if start.tzinfo is not UTC:
            start = start.astimezone(UTC)
        return end.astimezone(UTC) - start if end > start else _NONE

    def open_between(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield all the time between."""
        if start < end:
            yield start.astimezone(UTC), end.astimezone(UTC)

    def is_open(self, instant: datetime) -> bool:  # noqa: ARG002 - whatever it is
        """Say that it is open."""
        return True


ALWAYS: Calendar = _Always()


def calendars_of(desk: DeskSpec) -> Mapping[str, Calendar]:
    """Return every calendar of a desk, by name, and `always`."""
    named = {name: Calendar.of(name, spec, desk.zone) for name, spec in desk.calendars.items()}
    return named | {ALWAYS_NAME: ALWAYS}
