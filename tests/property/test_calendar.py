"""Business time against an oracle that scans it minute by minute and looks at nothing but the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, event, given
from hypothesis import strategies as st

from workflow.core.calendar import Calendar
from workflow.core.steps import counted
from workflow.definition.desk import CalendarSpec
from workflow.definition.duration import Duration
from workflow.definition.holidays import holiday_table
from workflow.definition.hours import DAYS

MINUTE, DAY, NONE = timedelta(minutes=1), timedelta(days=1), timedelta()
WINDOW = 5
# each zone with days in whose midst something happens: its clock changes, a date is left out, people make up for days
ZONES = {
    "Europe/Berlin": ["2026-03-28", "2026-10-24"],
    "America/New_York": ["2026-03-07", "2026-10-31"],
    "Australia/Sydney": ["2026-04-04", "2026-10-03"],
    "Australia/Lord_Howe": ["2026-04-04", "2026-10-03"],
    "America/Havana": ["2026-03-07", "2026-10-31"],
    "America/Santiago": ["2026-04-04", "2026-09-05"],
    "Pacific/Apia": ["2011-12-28"],
    "Asia/Shanghai": ["2026-02-13", "2026-02-23", "2026-10-07", "2026-12-30"],
}
WEEK = 7 * 1440

Hours = list[tuple[int, int]]


def written(begin: int, end: int) -> str:
    last = end if end == 1440 else end % 1440
    return f"{begin // 60:02}:{begin % 60:02}-{last // 60:02}:{last % 60:02}"


@st.composite
def hours_of_a_day(draw: st.DrawFn) -> Hours:
    """Some stretches of one day, the last perhaps over midnight."""
    marks = sorted(draw(st.sets(st.integers(0, 1440), max_size=5)))
    found = list(zip(marks[::2], marks[1::2], strict=False))
    if len(marks) % 2 and marks[-1] < 1440 and marks[0] > 0:
        found.append((marks[-1], 1440 + draw(st.integers(1, marks[0]))))
    return [(begin, end) for begin, end in found if begin != end % 1440 or (begin, end) == (0, 1440)]


@st.composite
def weeks(draw: st.DrawFn) -> list[Hours]:
    """The hours of a week, as marks on its circle at which it opens and closes in turn."""
    shape = draw(st.sampled_from(["free", "office", "night", "whole"]))
    event(f"week: {shape}")
    if shape != "free":
        hours = {"office": [(540, 720), (810, 1080)], "night": [(1320, 1800)], "whole": [(0, 1440)]}[shape]
        open_days = draw(st.integers(5, 7))
        return [hours if day < open_days else [] for day in range(7)]
    found: list[Hours] = [[] for _ in DAYS]
    marks = sorted(draw(st.sets(st.integers(0, WEEK - 1), min_size=2, max_size=20)))
    for begin, end in zip(marks[::2], [*marks[1::2], marks[0] + WEEK], strict=False):
        length = min(end - begin, 1439)
        found[begin // 1440].append((begin % 1440, begin % 1440 + length))
    return found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Any, ...]:
    """Return a zone, a day, the week, the desk's own dates, and whether China's public holidays hold."""
    zone = draw(st.sampled_from([*ZONES, "Asia/Shanghai", "Asia/Shanghai"]))
    first = date.fromisoformat(draw(st.sampled_from(ZONES[zone])))
    dates = [first + DAY * offset for offset in range(-1, WINDOW)]
    own = draw(st.dictionaries(st.sampled_from(dates), st.tuples(st.booleans(), hours_of_a_day()), max_size=3))
    holidays: dict[date, Hours | None] = {day: hours or None for day, (off, hours) in own.items() if off}
    workdays: dict[date, Hours | int] = {
        day: hours or draw(st.integers(0, 6)) for day, (off, hours) in own.items() if not off
    }
    public = zone == "Asia/Shanghai" and draw(st.sampled_from([True, True, False]))
    week = draw(weeks())
    for what in ("holidays", "workdays", "public"):
        event(f"{what}: {bool(locals()[what])}")
    return zone, first, week, holidays, workdays, public


def calendar_of(world: tuple[Any, ...]) -> Calendar:
    zone, _, week, holidays, workdays, public = world
    spec = {
        "weekly": {DAYS[at]: [written(*each) for each in hours] for at, hours in enumerate(week)},
        "holidays": {
            day.isoformat(): [written(*each) for each in hours] if hours else "all" for day, hours in holidays.items()
        },
        "workdays": {
            day.isoformat(): DAYS[hours] if isinstance(hours, int) else [written(*each) for each in hours]
            for day, hours in workdays.items()
        },
    }
    if public:
        spec["public_holidays"] = {"of": "cn", "makeup_as": "wed"}
    return Calendar.of("desk", CalendarSpec.model_validate(spec, strict=False), zone)


class Oracle:
    """The minutes of some days, each open or not. A minute belongs to the local time that the clock has shown by then,
    so that an hour shown twice counts for the times that come after it."""

    def __init__(self, world: tuple[Any, ...]) -> None:
        self.zone_name, first, self.week, self.holidays, self.workdays, self.public = world
        zone = ZoneInfo(self.zone_name)
        self.start = (datetime(first.year, first.month, first.day, tzinfo=UTC) - DAY).replace(hour=10)
        self.minutes: list[bool] = []
        shown = datetime(1, 1, 1)  # noqa: DTZ001 - what a clock shows has no zone
        for at in range((WINDOW + 2) * 1440):
            shown = max(shown, (self.start + at * MINUTE).astimezone(zone).replace(tzinfo=None, fold=0))
            self.minutes.append(self.says(shown))

    def says(self, shown: datetime) -> bool:
        minute = shown.hour * 60 + shown.minute
        return minute in self.opening(shown.date()) or minute + 1440 in self.opening(shown.date() - DAY)

    @cache  # noqa: B019 - an oracle lives as long as its example
    def opening(self, day: date) -> frozenset[int]:
        """Return the minutes that belong to a date, counted from its midnight."""
        table = holiday_table("cn")
        if (own := self.workdays.get(day)) is not None:
            return minutes_of(self.week[own] if isinstance(own, int) else own)
        made_up = self.public and day in table.makeup
        hours = minutes_of(self.week[2 if made_up else day.weekday()])
        if day in self.holidays:
            return hours - minutes_of(self.holidays[day] or [(0, 2880)])
        return frozenset() if self.public and not made_up and day in table.off else hours

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        return sum((part for _, part in self._parts(start, end)), NONE)

    def add(self, start: datetime, length: timedelta) -> datetime | None:
        """Return when so much has passed, or None where the window ends before."""
        left = length
        for begin, part in self._parts(start, self.end):
            if part >= left:
                return begin + left
            left -= part
        return None

    @property
    def end(self) -> datetime:
        return self.start + len(self.minutes) * MINUTE

    def _parts(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, timedelta]]:
        first, last = (start - self.start) // MINUTE, -((self.start - end) // MINUTE)
        for at in range(first, last):
            if self.minutes[at]:
                begin = max(self.start + at * MINUTE, start)
                yield begin, min(self.start + (at + 1) * MINUTE, end) - begin


def minutes_of(hours: Hours) -> frozenset[int]:
    return frozenset(minute for begin, end in hours for minute in range(begin, end))


instants = st.integers(0, WINDOW * 86_400 * 1_000_000).map(lambda each: timedelta(microseconds=each))
lengths = st.one_of(
    st.integers(1, 2 * 86_400 * 1_000_000).map(lambda each: timedelta(microseconds=each)),
    st.integers(1, 2880).map(lambda each: each * MINUTE),
)


@given(worlds(), st.lists(st.tuples(instants, lengths, st.booleans()), min_size=1, max_size=4))
def test_the_calendar_counts_what_the_clock_on_the_wall_shows(
    world: tuple[Any, ...], questions: list[tuple[timedelta, timedelta, bool]]
) -> None:
    calendar, oracle = calendar_of(world), Oracle(world)
    opened = {
        oracle.start + at * MINUTE
        for at, (before, after) in enumerate(pairwise([False, *oracle.minutes]))
        if after > before
    }
    spans = list(calendar.open_between(oracle.start, oracle.end))
    assert {begin for begin, _ in spans} == opened
    assert sum((end - begin for begin, end in spans), NONE) == oracle.elapsed(oracle.start, oracle.end)
    for offset, length, whole in questions:
        start = oracle.start + (offset // MINUTE * MINUTE if whole else offset)
        assert calendar.is_open(start) == oracle.minutes[offset // MINUTE]
        end = min(start + length, oracle.end)
        assert calendar.elapsed(start, end) == oracle.elapsed(start, end)
        expected = oracle.add(start, length)
        event(f"due in the window: {expected is not None}")
        if expected is not None:
            assert calendar.add(start, length) == expected


moments = st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001
amounts = st.integers(0, 3 * 86_400 * 1_000_000).map(lambda each: timedelta(microseconds=each))


@given(worlds(), moments, amounts, amounts, amounts)
def test_laws_of_counting(
    world: tuple[Any, ...], start: datetime, later: timedelta, one: timedelta, two: timedelta
) -> None:
    calendar = calendar_of(world)
    assume(sum(len(minutes_of(hours)) for hours in world[2]) > 300)
    due = calendar.add(start, one)
    assert calendar.elapsed(start, due) == one
    assert calendar.add(start, NONE) == start
    if one:
        assert calendar.elapsed(start, due - timedelta(microseconds=1)) < one, "it is the earliest such instant"
        assert calendar.add(due, two) == calendar.add(start, one + two)
    assert due <= calendar.add(start + later, one)
    assert due <= calendar.add(start, one + two)
    middle, end = start + later, start + later + one + two
    assert calendar.elapsed(start, end) == calendar.elapsed(start, middle) + calendar.elapsed(middle, end)
    steps = [step for step in counted(calendar, start, due) if step.kind == "open"]
    spans = [(step.begin.astimezone(UTC), step.end.astimezone(UTC)) for step in steps]
    assert sum((until - begin for begin, until in spans), NONE) == one
    assert all(before[1] < after[0] for before, after in pairwise(spans))


@given(worlds(), moments, st.integers(1, 40))
def test_working_days_end_on_the_last_of_them(world: tuple[Any, ...], start: datetime, count: int) -> None:
    calendar = calendar_of(world)
    assume(any(calendar.hours.weekly))
    day = start.astimezone(calendar.zone).date()
    local = start.astimezone(calendar.zone).time()
    due = calendar.add(start, Duration(f"{count}wd", working_days=count))
    while count:
        day += DAY
        count -= calendar.is_working(day)
    same = datetime.combine(day, local, calendar.zone)
    skipped = same.astimezone(UTC).astimezone(calendar.zone).replace(tzinfo=None) != same.replace(tzinfo=None)
    if calendar.is_open(same) and not skipped:
        assert due == same
    assert due.astimezone(calendar.zone).date() in (day, day + DAY)
    assert calendar.is_open(due) or calendar.is_open(due - timedelta(microseconds=1))
