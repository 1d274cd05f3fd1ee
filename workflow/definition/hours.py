"""Opening hours: what a calendar of desk.yaml says of each date, and what can be wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from workflow.definition.desk import CalendarSpec, DeskSpec
from workflow.definition.holidays import NAMES, TABLES, HolidayTable, holiday_table
from workflow.definition.problems import Wrong
from workflow.definition.resolve import ALWAYS

if TYPE_CHECKING:
    from workflow.definition.sheet import Sheet
    from workflow.definition.tree import Path

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WHOLE = "all"
_MIDNIGHT = 24 * 60
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)
Segments = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Day:
    """What a calendar says of one date.

    `segments` are its hours in minutes after local midnight, in order and apart; an overnight one ends past 1440.
    `why` is `weekly`, or `holiday` or `workday` (the desk's own), or `public_holiday` or `makeup` (announced); `name`
    is the announced holiday's. `closed` is what a holiday of the desk's own takes away.
    """

    date: date
    segments: Segments
    why: str = "weekly"
    name: Mapping[str, str] | None = None
    closed: Segments = ()


class OpeningHours:
    """The hours of each date, worked out: a working day made up > a holiday > the week."""

    def __init__(self, spec: CalendarSpec, desk_zone: str) -> None:
        """Read a calendar that `check_calendars` finds nothing wrong with."""
        self.zone = ZoneInfo(spec.zone or desk_zone)
        self.weekly = tuple(map(merged, _week(spec)))
        own = spec.public_holidays
        self.public: HolidayTable | None = holiday_table(own.of) if own else None
        self._makeup = self.weekly[DAYS.index(own.makeup_as)] if own else ()
        self._holidays = {date.fromisoformat(day): hours for day, hours in spec.holidays.items()}
        self._workdays = {date.fromisoformat(day): hours for day, hours in spec.workdays.items()}

    def day(self, day: date) -> Day:
        """Return what holds on a date.

        A part-day holiday takes hours away from those that the date would have had; an announced day off says nothing
        about a date that the desk itself names.
        """
        if hours := self._workdays.get(day):
            return Day(day, self._as_workday(hours), "workday")
        public = self.public
        makeup = public and public.makeup.get(day)
        usual = self._makeup if makeup else self.weekly[day.weekday()]
        if hours := self._holidays.get(day):
            closed = ((0, 2 * _MIDNIGHT),) if WHOLE in hours else merged(map(segment, hours))
            return Day(day, tuple(_without(usual, closed)), "holiday", None, closed)
        if makeup:
            return Day(day, usual, "makeup", NAMES[makeup])
        if off := public and public.off.get(day):
            return Day(day, (), "public_holiday", NAMES[off])
        return Day(day, usual)

    def _as_workday(self, hours: tuple[str, ...]) -> Segments:
        return self.weekly[DAYS.index(hours[0])] if hours[0] in DAYS else merged(map(segment, hours))

    @cached_property
    def closes(self) -> bool:
        """Whether there are closed hours; where there are none, a day has 24 hours."""
        whole = all(merged(_spread(self.weekly, at)) == ((0, _MIDNIGHT),) for at in range(7))
        return not whole or self.public is not None or bool(self._holidays or self._workdays)


def segment(text: str) -> tuple[int, int]:
    """Return the minutes after midnight between which a stretch of hours lies; raise ValueError for anything else.

    >>> segment("22:00-06:00")
    (1320, 1800)
    """
    begin, dash, end = text.partition("-")
    if not dash:
        raise Wrong("bad-segment", text=text)
    first, last = _time(begin.strip()), _time(end.strip())
    if first in (last, _MIDNIGHT):
        raise Wrong("bad-segment", text=text)
    return first, last if last > first else last + _MIDNIGHT


def _time(text: str) -> int:
    found = _TIME.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else _MIDNIGHT + 1
    if minutes > _MIDNIGHT:
        raise Wrong("bad-time", text=text)
    return minutes


def days_of(text: str) -> tuple[int, ...]:
    """Return the weekdays that a key of `weekly` names, Monday is 0; raise ValueError for anything else.

    >>> days_of("sat-mon")
    (5, 6, 0)
    """
    if text == "daily":
        return tuple(range(7))
    first, dash, last = text.partition("-")
    for name in (first, last) if dash else (first,):
        if name not in DAYS:
            raise Wrong("unknown-day", text=name, known=(*DAYS, "mon-fri", "daily"))
    begin = DAYS.index(first)
    length = (DAYS.index(last) - begin) % 7 + 1 if dash else 1
    return tuple((begin + step) % 7 for step in range(length))


def merged(segments: Iterable[tuple[int, int]]) -> Segments:
    """Return segments in order, those that touch or overlap made one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(segments):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)


def _week(spec: CalendarSpec) -> list[list[tuple[int, int]]]:
    week: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for days, hours in spec.weekly.items():
        for day in days_of(days):
            week[day] += map(segment, hours)
    return week


def _without(segments: Segments, closed: Segments) -> Iterator[tuple[int, int]]:
    """Yield what is left of segments; both are in order and apart."""
    for begin, end in segments:
        rest = begin
        for first, last in closed:
            if last > rest and first < end:
                if first > rest:
                    yield rest, first
                rest = last
        if rest < end:
            yield rest, end


def _spread(weekly: tuple[Segments, ...], at: int) -> Iterator[tuple[int, int]]:
    """Yield what of the week falls on one of its days: its own hours, and what is left over from the night before."""
    for begin, end in weekly[at]:
        yield begin, min(end, _MIDNIGHT)
    for _, end in weekly[at - 1]:
        if end > _MIDNIGHT:
            yield 0, end - _MIDNIGHT


def closes(spec: CalendarSpec | None, desk_zone: str) -> bool:
    """Whether a calendar has closed hours, so that `3d` means nothing on it; None is `always`.

    A calendar that `check_calendars` has something against counts as closing.
    """
    if spec is None:
        return False
    try:
        return OpeningHours(spec, desk_zone).closes
    except (ValueError, KeyError, OSError):
        return True


def check_calendars(desk: DeskSpec, sheet: Sheet) -> None:
    """Report what is wrong with the calendars of desk.yaml."""
    for name, spec in desk.calendars.items():
        at: Path = ("calendars", name)
        found = len(sheet.reader.problems)
        if name == ALWAYS:
            sheet.report(at, "reserved-name", name, key=True)
        if spec.zone is not None:
            check_zone(spec.zone, (*at, "zone"), sheet)
        _check_week(spec, at, sheet)
        if public := spec.public_holidays:
            sheet.expect((*at, "public_holidays", "of"), "unknown-public-holidays", public.of, TABLES)
            sheet.expect((*at, "public_holidays", "makeup_as"), "unknown-day", public.makeup_as, DAYS)
        _check_dates(spec, at, sheet)
        if len(sheet.reader.problems) == found:
            _check_neighbours(spec, at, sheet)


def check_zone(zone: str, path: Path, sheet: Sheet) -> None:
    """Report a time zone that nobody knows."""
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        sheet.report(path, "unknown-zone", zone, known=sorted(available_timezones()))


def _check_week(spec: CalendarSpec, at: Path, sheet: Sheet) -> None:
    """Check the hours of the week, and that none overlap on its circle."""
    week: list[tuple[int, int, str]] = []
    for key, hours in spec.weekly.items():
        path = (*at, "weekly", key)
        try:
            days = days_of(key)
        except Wrong as wrong:
            sheet.report(path, wrong.code, key=True, **wrong.values)
            days = ()
        for place, text in enumerate(hours):
            if (found := _read(text, (*path, place), sheet)) is None:
                continue
            for day in days:
                begin, end = (day * _MIDNIGHT + minutes for minutes in found)
                other = next((each for each in week if _overlap(begin, end, *each[:2], around=7 * _MIDNIGHT)), None)
                if other:
                    sheet.report((*path, place), "overlapping-hours", text, other=other[2])
                    break
                week.append((begin, end, f"{DAYS[day]} {text}"))
    if not any(spec.weekly.values()) and not spec.workdays and not _has_lost_hours(at, sheet):
        sheet.report((*at, "weekly"), "never-open", str(at[-1]), key=True)


def _has_lost_hours(at: Path, sheet: Sheet) -> bool:
    """Say whether a week without hours had some in the file, which did not fit and were told of."""
    found = sheet.node(at).step("weekly")
    written = found[1].value if found else {}
    return bool(any(hours != [] for hours in written.values()) if isinstance(written, dict) else written)


def _check_dates(spec: CalendarSpec, at: Path, sheet: Sheet) -> None:
    for kind, dated in (("holidays", spec.holidays), ("workdays", spec.workdays)):
        alone = (WHOLE,) if kind == "holidays" else DAYS
        for day, hours in dated.items():
            path = (*at, kind, day)
            if not _is_date(day):
                sheet.report(path, "bad-date", day, key=True)
            elif kind == "workdays" and day in spec.holidays:
                sheet.report(path, "holiday-and-workday", day, key=True)
            read: list[tuple[int, int, str]] = []
            if not hours:
                sheet.report(path, "empty-list")
            if len(hours) == 1 and hours[0] in alone:
                continue
            for place, text in enumerate(hours):
                if (found := _read(text, (*path, place), sheet)) is None:
                    continue
                if other := next((each for each in read if _overlap(*found, *each[:2])), None):
                    sheet.report((*path, place), "overlapping-hours", text, other=other[2])
                read.append((*found, text))


def _check_neighbours(spec: CalendarSpec, at: Path, sheet: Sheet) -> None:
    """Check that the hours of a working day of its own do not overlap the night before or the night after."""
    hours = OpeningHours(spec, "UTC")
    for key, written in spec.workdays.items():
        day = date.fromisoformat(key)
        own = hours.day(day).segments
        for other in (hours.day(day + timedelta(days=step)) for step in (-1, 1)):
            shift = (other.date - day).days * _MIDNIGHT
            if any(_overlap(*mine, begin + shift, end + shift) for mine in own for begin, end in other.segments):
                sheet.report(
                    (*at, "workdays", key), "overlapping-hours", ", ".join(written), other=other.date.isoformat()
                )
                break


def _read(text: str, path: Path, sheet: Sheet) -> tuple[int, int] | None:
    try:
        return segment(text)
    except Wrong as wrong:
        sheet.report(path, wrong.code, **wrong.values)
        return None


def _overlap(begin: int, end: int, first: int, last: int, *, around: int = 0) -> bool:
    """Whether two stretches share a minute; with `around`, on a circle of so many."""
    shifts = (-around, 0, around) if around else (0,)
    return any(begin < last + shift and first + shift < end for shift in shifts)


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and 1000 <= date.fromisoformat(text).year < 9000
    except ValueError:
        return False
