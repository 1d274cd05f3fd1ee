"""What business time means: the table of due times, and the corners around it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from workflow.core import calendar as module
from workflow.core.calendar import ALWAYS, Calendar, calendars_of
from workflow.core.steps import counted, outline, steps
from workflow.definition.desk import CalendarSpec, DeskSpec
from workflow.definition.duration import Duration, parse_duration
from workflow.errors import DefinitionError, UsageError

OFFICE = {"mon-fri": ["09:00-12:00", "13:30-18:00"]}
NIGHT = {"daily": "22:00-06:00"}
WHOLE = {"daily": "00:00-24:00"}


def a_calendar(zone: str = "Asia/Shanghai", **spec: Any) -> Calendar:
    return Calendar.of("desk", CalendarSpec.model_validate(spec, strict=False), zone)


CN = a_calendar(weekly=OFFICE, public_holidays="cn")
BERLIN = a_calendar("Europe/Berlin", weekly=WHOLE)
BERLIN_NIGHT = a_calendar("Europe/Berlin", weekly=NIGHT)
EVENING = a_calendar(weekly={"daily": "20:00-08:00"})


def at(text: str, calendar: Calendar = CN) -> datetime:
    """Read a local time of a calendar's zone, or one with its offset."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=calendar.zone)).astimezone(UTC)


def due(calendar: Calendar, start: str, length: str) -> str:
    """Return the due time as people of the calendar's zone read it."""
    length = f"{int(length.split()[0])}m" if length.endswith(" min") else length
    found = calendar.add(at(start, calendar), parse_duration(length))
    assert found.tzinfo is UTC
    return found.astimezone(calendar.zone).isoformat(timespec="auto").removesuffix("+08:00")


@pytest.mark.parametrize(
    ("calendar", "start", "length", "expected"),
    [
        (CN, "2026-02-13T17:00", "120 min", "2026-02-14T10:00:00"),  # a make-up Saturday
        (CN, "2026-02-14T17:30", "120 min", "2026-02-24T10:30:00"),  # after the Spring Festival
        (CN, "2025-09-27T10:00", "240 min", "2025-09-28T14:30:00"),  # a make-up Sunday
        (CN, "2026-03-02T18:00", "30 min", "2026-03-03T09:30:00"),
        (CN, "2026-03-02T17:30", "30 min", "2026-03-02T18:00:00"),
        (CN, "2026-03-02T12:30", "2wd", "2026-03-04T12:00:00"),
        (EVENING, "2026-03-02T07:00", "120 min", "2026-03-02T21:00:00"),
        (BERLIN, "2026-03-28T12:00", "1440 min", "2026-03-29T13:00:00+02:00"),
        (BERLIN_NIGHT, "2026-10-24T22:00", "540 min", "2026-10-25T06:00:00+01:00"),
    ],
)
def test_the_table(calendar: Calendar, start: str, length: str, expected: str) -> None:
    assert due(calendar, start, length) == expected
    if not length.endswith("wd"):
        begin = at(start, calendar)
        minutes = timedelta(minutes=int(length.split()[0]))
        assert calendar.elapsed(begin, calendar.add(begin, minutes)) == minutes


def test_nothing_to_count_is_the_start_itself_also_at_night() -> None:
    night = at("2026-03-02T03:00")
    assert CN.add(night, timedelta()) == night
    assert ALWAYS.add(night, timedelta()) == night
    assert CN.elapsed(night, night) == CN.elapsed(night, night - timedelta(days=3)) == timedelta()
    assert ALWAYS.elapsed(night, night - timedelta(days=3)) == timedelta()


def test_nothing_is_rounded() -> None:
    start = at("2026-03-02T17:59:59.999999")
    assert CN.add(start, timedelta(microseconds=1)) == at("2026-03-02T18:00")
    assert CN.add(start, timedelta(microseconds=2)) == at("2026-03-03T09:00:00.000001")
    assert CN.elapsed(start, at("2026-03-03T09:00:00.000003")) == timedelta(microseconds=4)


def test_an_instant_is_the_same_whatever_zone_it_comes_in() -> None:
    start = datetime.fromisoformat("2026-03-27T12:00").replace(tzinfo=BERLIN.zone)
    length = timedelta(days=3)
    for calendar in (BERLIN, ALWAYS):
        found = calendar.add(start, length)
        assert found == calendar.add(start.astimezone(UTC), length) == start.astimezone(UTC) + length
        assert calendar.elapsed(start, found.astimezone(BERLIN.zone)) == length
        assert calendar.is_open(start)


@pytest.mark.parametrize(("night", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-03-02", 8)])
def test_a_night_of_a_clock_change_is_an_hour_shorter_or_longer(night: str, hours: int) -> None:
    noon = at(f"{night}T12:00", BERLIN_NIGHT)
    assert BERLIN_NIGHT.elapsed(noon, noon + timedelta(days=1)) == timedelta(hours=hours)


def test_times_that_a_clock_change_skips_are_the_change_itself() -> None:
    early = a_calendar("Europe/Berlin", weekly={"daily": ["01:00-02:15", "02:30-05:00"]})
    found = [
        [each.astimezone(early.zone).isoformat()[11:] for each in interval]
        for interval in early.open_between(at("2026-03-29T00:00", early), at("2026-03-29T12:00", early))
    ]
    assert found == [["01:00:00+01:00", "05:00:00+02:00"]]
    gone = a_calendar("Europe/Berlin", weekly={"daily": "02:10-02:50"})
    assert gone.elapsed(at("2026-03-29T00:00", gone), at("2026-03-30T00:00", gone)) == timedelta()
    assert not gone.is_working(date(2026, 3, 29))


def test_times_that_come_twice_are_their_first_coming() -> None:
    early = a_calendar("Europe/Berlin", weekly={"daily": ["01:00-02:15", "02:30-05:00"]})
    found = [
        [each.astimezone(early.zone).isoformat()[11:] for each in interval]
        for interval in early.open_between(at("2026-10-25T00:00", early), at("2026-10-25T12:00", early))
    ]
    assert found == [["01:00:00+02:00", "02:15:00+02:00"], ["02:30:00+02:00", "05:00:00+01:00"]]


def test_a_date_that_a_zone_leaves_out_is_no_working_day() -> None:
    samoa = a_calendar("Pacific/Apia", weekly=WHOLE)
    assert due(samoa, "2011-12-29T10:00", "1wd") == "2011-12-31T10:00:00+14:00"
    assert due(samoa, "2011-12-29T23:00", "2h") == "2011-12-31T01:00:00+14:00"


def test_an_overnight_shift_belongs_to_its_first_day() -> None:
    weekdays = a_calendar(weekly={"mon-fri": "22:00-06:00"}, holidays={"2026-03-04": "all"})
    assert weekdays.is_open(at("2026-03-07T05:59:59")), "Friday's shift"
    assert not weekdays.is_open(at("2026-03-07T06:00"))
    assert not weekdays.is_open(at("2026-03-09T05:00")), "Sunday has none"
    assert weekdays.is_open(at("2026-03-04T05:00")), "Tuesday's shift goes on into the holiday"
    assert not weekdays.is_open(at("2026-03-05T05:00")), "the holiday's own does not begin"


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Kiritimati", "Asia/Shanghai"])
def test_long_shifts_go_on_over_the_end_of_a_month(zone: str) -> None:
    calendar = a_calendar(zone, weekly={"daily": "20:00-19:00"})
    for day in ("2026-02-27", "2026-02-28", "2026-03-01"):
        start = at(f"{day}T20:00", calendar)
        assert calendar.elapsed(start, start + timedelta(days=1)) == timedelta(hours=23)
        assert calendar.is_open(start + timedelta(hours=22.5))
        assert not calendar.is_open(start + timedelta(hours=23.5))


def test_touching_segments_are_one() -> None:
    calendar = a_calendar(weekly={"mon": ["09:00-12:00", "12:00-24:00"], "tue": "00:00-07:00"})
    monday = at("2026-03-02T00:00")
    assert list(calendar.open_between(monday, monday + timedelta(days=7))) == [
        (at("2026-03-02T09:00"), at("2026-03-03T07:00"))
    ]


@pytest.mark.parametrize(
    ("spec", "day", "hours", "why"),
    [
        ({}, "2026-10-01", [], "public_holiday"),
        ({}, "2026-10-10", ["09:00-12:00", "13:30-18:00"], "makeup"),
        ({}, "2026-10-11", [], "weekly"),
        ({"holidays": {"2026-10-10": "all"}}, "2026-10-10", [], "holiday"),
        ({"holidays": {"2026-10-10": "11:00-24:00"}}, "2026-10-10", ["09:00-11:00"], "holiday"),
        ({"holidays": {"2026-10-12": "08:00-14:00"}}, "2026-10-12", ["14:00-18:00"], "holiday"),
        ({"holidays": {"2026-10-12": ["10:00-11:00", "15:00-16:00"]}}, "2026-10-12",
         ["09:00-10:00", "11:00-12:00", "13:30-15:00", "16:00-18:00"], "holiday"),
        ({"holidays": {"2026-10-01": "13:00-24:00"}}, "2026-10-01", ["09:00-12:00"], "holiday"),
        ({"workdays": {"2026-10-01": "fri"}}, "2026-10-01", ["09:00-12:00", "13:30-18:00"], "workday"),
        ({"workdays": {"2026-10-11": ["10:00-14:00"]}}, "2026-10-11", ["10:00-14:00"], "workday"),
        ({"workdays": {"2026-10-10": "sat"}}, "2026-10-10", [], "workday"),
        ({"public_holidays": {"of": "cn", "makeup_as": "sat"}}, "2026-10-10", [], "makeup"),
    ],
)  # fmt: skip
def test_which_hours_a_date_has(spec: dict[str, Any], day: str, hours: list[str], why: str) -> None:
    calendar = a_calendar(**{"weekly": OFFICE, "public_holidays": "cn"} | spec)
    found = calendar.day(date.fromisoformat(day))
    assert found.why == why
    shown = [f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}" for begin, end in found.segments]
    assert shown == hours
    midnight = at(f"{day}T00:00", calendar)
    open_time = sum(
        (end - begin for begin, end in calendar.open_between(midnight, midnight + timedelta(days=1))), timedelta()
    )
    assert open_time == sum((timedelta(minutes=end - begin) for begin, end in found.segments), timedelta())


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        ("2026-03-02T10:00", "1wd", "2026-03-03T10:00:00"),
        ("2026-03-02T10:00:00.000007", "1wd", "2026-03-03T10:00:00.000007"),
        ("2026-03-06T10:00", "1wd", "2026-03-09T10:00:00"),  # over a weekend
        ("2026-03-07T10:00", "1wd", "2026-03-09T10:00:00"),  # from a weekend
        ("2026-03-02T20:00", "1wd", "2026-03-03T18:00:00"),  # closed: the last open instant before it
        ("2026-03-02T18:00", "1wd", "2026-03-03T18:00:00"),
        ("2026-03-02T09:00", "1wd", "2026-03-03T09:00:00"),
        ("2026-03-02T07:00", "1wd", "2026-03-03T09:00:00"),  # nothing before it on that date: its first opening
        ("2026-02-13T10:00", "1wd", "2026-02-14T10:00:00"),  # a make-up Saturday
        ("2026-02-14T10:00", "1wd", "2026-02-24T10:00:00"),
        ("2026-03-02T10:00", "500wd", "2028-02-10T10:00:00"),
    ],
)
def test_working_days(start: str, length: str, expected: str) -> None:
    assert due(CN, start, length) == expected


def test_working_days_of_a_night_shift() -> None:
    weekdays = a_calendar(weekly={"mon-fri": "22:00-06:00"})
    assert due(weekdays, "2026-03-03T23:00", "1wd") == "2026-03-04T23:00:00"
    assert due(weekdays, "2026-03-03T03:00", "1wd") == "2026-03-04T03:00:00"
    assert due(weekdays, "2026-03-03T12:00", "1wd") == "2026-03-04T06:00:00"
    assert due(weekdays, "2026-03-08T12:00", "1wd") == "2026-03-09T22:00:00"
    evening = a_calendar(weekly={"daily": "20:00-24:00"})
    assert due(evening, "2026-03-03T00:00", "1wd") == "2026-03-04T20:00:00", (
        "what closes at midnight is the day before's"
    )
    full = a_calendar(weekly=WHOLE)
    assert due(full, "2026-03-03T23:00", "2wd") == "2026-03-05T23:00:00"


def test_a_working_day_may_fall_into_the_gap_of_a_clock_change() -> None:
    assert due(BERLIN, "2026-03-28T02:30:00.5", "1wd") == "2026-03-29T03:00:00+02:00"


def test_who_comes_later_on_a_working_day_is_not_served_earlier() -> None:
    every = (at("2026-02-11T00:00") + timedelta(minutes=17 * step) for step in range(2000))
    starts = [start for start in every if CN.is_working(start.astimezone(CN.zone).date())]
    found = [CN.add(start, Duration("1wd", working_days=1)) for start in starts]
    assert all(start < end for start, end in zip(starts, found, strict=True))
    assert found == sorted(found)


@pytest.mark.parametrize("length", ["1m", "1wd"])
def test_a_calendar_that_never_opens_again_is_an_error(length: str) -> None:
    roster = a_calendar(weekly={}, workdays={"2026-03-02": "09:00-24:00"})
    assert due(roster, "2026-03-01T09:30", length) in ("2026-03-02T09:01:00", "2026-03-02T09:30:00")
    with pytest.raises(DefinitionError, match="no open time in the 1200 days after 2026-03-02 16:00") as caught:
        roster.add(at("2026-03-02T23:59:30"), parse_duration(length))
    assert caught.value.values["calendar"] == "desk"
    assert roster.elapsed(at("2026-03-02T09:30"), at("2126-03-02T09:30")) == timedelta(hours=14.5)


def test_how_long_a_calendar_may_stay_closed() -> None:
    first = date(2026, 3, 2)
    for gap, fits in ((1200, True), (1201, False)):
        later = (first + timedelta(days=gap)).isoformat()
        roster = a_calendar("UTC", weekly={}, workdays={first.isoformat(): "09:00-10:00", later: "10:00-11:00"})
        start = at("2026-03-02T09:00Z")
        if fits:
            assert roster.add(start, timedelta(hours=2)) == at(f"{later}T11:00Z")
        else:
            with pytest.raises(DefinitionError):
                roster.add(start, timedelta(hours=2))


def test_the_end_of_time_is_told() -> None:
    last = datetime(9999, 12, 31, tzinfo=UTC)
    for calendar in (CN, ALWAYS):
        with pytest.raises(UsageError, match="ends with the year 9998"):
            calendar.add(last, timedelta(days=2))


@pytest.mark.prove
def test_centuries_leave_no_trace() -> None:
    calendar = a_calendar(weekly=OFFICE)
    start = at("1926-03-01T09:00")
    weeks = (at("2126-03-01T09:00") - start).days // 7
    assert calendar.elapsed(start, start + timedelta(weeks=weeks)) == weeks * timedelta(hours=37.5)
    assert len(calendar._months) <= module._MONTHS_KEPT
    calendar.add(start, Duration("9999wd", working_days=9999))
    assert len(calendar._working) <= module._DAYS_KEPT


def test_always_is_plain_addition_without_working_days() -> None:
    start = at("2026-03-02T12:30")
    assert ALWAYS.add(start, parse_duration("3d")) == start + timedelta(days=3)
    assert ALWAYS.elapsed(start, start + timedelta(days=3)) == timedelta(days=3)
    assert ALWAYS.is_open(start)
    assert list(ALWAYS.open_between(start, start + timedelta(days=90))) == [(start, start + timedelta(days=90))]
    assert not ALWAYS.outside_announced(start)
    with pytest.raises(UsageError, match="2wd counts working days, and the calendar always has none"):
        ALWAYS.add(start, parse_duration("2wd"))


def test_a_due_time_that_nobody_has_announced_holidays_for() -> None:
    assert not CN.outside_announced(at("2010-01-01T00:00"))
    assert CN.outside_announced(at("2009-12-31T23:59:59"))
    assert not CN.outside_announced(at("2026-12-31T23:59:59"))
    assert CN.outside_announced(at("2027-01-01T00:00"))
    assert not BERLIN.outside_announced(at("2027-01-01T00:00")), "it has no public holidays to be unsure of"


def test_a_desk_has_its_calendars_and_always() -> None:
    desk = DeskSpec.model_validate(
        {"desk": "d", "zone": "Europe/Berlin",
         "calendars": {"office": {"weekly": OFFICE}, "shanghai": {"zone": "Asia/Shanghai", "weekly": OFFICE}}},
        strict=False,
    )  # fmt: skip
    found = calendars_of(desk)
    assert list(found) == ["office", "shanghai", "always"]
    assert [str(calendar.zone) for calendar in found.values()] == ["Europe/Berlin", "Asia/Shanghai", "UTC"]
    assert found["always"] is ALWAYS
    assert found["office"].name == "office"


def told(calendar: Calendar, start: str, length: str) -> list[str]:
    return [
        f"{step.kind} {step.begin:%m-%dT%H:%M} {step.end:%m-%dT%H:%M} {step.day.why} {step.counted or step.number}"
        for step in steps(calendar, at(start), parse_duration(length))
    ]


def test_the_steps_of_a_count() -> None:
    assert told(CN, "2026-02-13T17:00", "10h") == [
        "open 02-13T17:00 02-13T18:00 weekly 1:00:00",
        "open 02-14T09:00 02-14T12:00 makeup 4:00:00",
        "open 02-14T13:30 02-14T18:00 makeup 8:30:00",
        "closed 02-15T00:00 02-24T00:00 public_holiday 0",
        "open 02-24T09:00 02-24T10:30 weekly 10:00:00",
    ]
    assert told(CN, "2026-03-07T20:00", "30m") == [
        "closed 03-07T00:00 03-09T00:00 weekly 0",
        "open 03-09T09:00 03-09T09:30 weekly 0:30:00",
    ]
    assert told(CN, "2026-03-06T10:00", "2wd") == [
        "closed 03-07T00:00 03-09T00:00 weekly 0",
        "working_day 03-09T00:00 03-10T00:00 weekly 1",
        "working_day 03-10T00:00 03-11T00:00 weekly 2",
    ]


def test_the_steps_between_two_instants_tell_what_was_closed_after_the_last_opening() -> None:
    found = list(counted(CN, at("2026-02-14T17:00"), at("2026-02-16T12:00")))
    assert [(step.kind, step.day.date.day, step.end.day) for step in found] == [("open", 14, 14), ("closed", 15, 17)]
    (only,) = counted(CN, at("2026-03-07T10:00"), at("2026-03-07T12:00"))
    assert only.kind == "closed"


def test_counting_is_quick_once_a_month_is_known() -> None:
    """A typical count costs microseconds; the bound is generous, for machines that are busy."""
    from timeit import repeat

    start = at("2026-03-02T17:30")
    for length in (timedelta(hours=4), timedelta(hours=72)):
        assert min(repeat(lambda length=length: CN.add(start, length), number=200, repeat=20)) / 200 < 30e-6  # type: ignore[misc]


@pytest.mark.parametrize("length", ["19000h", "2300wd"])
def test_an_outline_has_the_ends_of_a_long_count_and_says_how_much_it_leaves_out(length: str) -> None:
    start, wanted = at("2026-02-13T17:00"), parse_duration(length)
    end = CN.add(start, wanted)
    whole, found = list(steps(CN, start, wanted)), list(outline(CN, start, end, wanted.working_days))
    cut = next(index for index, step in enumerate(found) if step.kind == "more")
    assert len(found) < 300
    assert whole[: cut - 1] == found[: cut - 1]
    assert found[cut + 2 :] == whole[cut + 2 - len(found) :], "counted on from what is left out"
    assert found[cut].number == (found[cut].end - found[cut].begin).days > 3000


def test_an_outline_of_a_short_count_is_all_of_it() -> None:
    start = at("2026-02-13T17:00")
    for length in ("4h", "200h", "10wd"):
        wanted = parse_duration(length)
        assert list(outline(CN, start, CN.add(start, wanted), wanted.working_days)) == list(steps(CN, start, wanted))


def test_a_night_that_begins_after_the_day_whose_hours_touch_it_hides_none_of_them() -> None:
    shut, own = {"2026-03-02": ["00:02-00:01"]}, {"2026-03-03": ["00:00-00:01"]}
    calendar = a_calendar(weekly=NIGHT, holidays=shut, workdays=own)
    opening = next(calendar.open_between(at("2026-03-02T12:00", calendar), at("2026-03-04T12:00", calendar)))
    assert opening == (at("2026-03-03T00:00", calendar), at("2026-03-03T06:00", calendar))
