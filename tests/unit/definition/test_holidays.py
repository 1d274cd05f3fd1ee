"""The shipped table of public holidays says what two libraries say that keep one of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta

import chinese_calendar
import holidays
import pytest
from chinese_calendar.constants import holidays as their_days_off
from chinese_calendar.constants import workdays as their_makeup_days

from workflow.definition.holidays import NAMES, TABLES, holiday_table

CN = holiday_table("cn")
SATURDAY = 5
# what `chinesecalendar` calls our holidays
THEIR_NAMES = {
    "new_year": "New Year's Day",
    "spring": "Spring Festival",
    "qingming": "Tomb-sweeping Day",
    "labour": "Labour Day",
    "dragon_boat": "Dragon Boat Festival",
    "victory": "Anti-Fascist 70th Day",
    "mid_autumn": "Mid-autumn Festival",
    "national": "National Day",
}


def announced() -> Iterator[date]:
    day = CN.announced_from
    while day <= CN.announced_through:
        yield day
        day += timedelta(days=1)


def is_working(day: date) -> bool:
    return day in CN.makeup or (day.weekday() < SATURDAY and day not in CN.off)


def test_both_libraries_agree_on_every_day() -> None:
    """On which days people work the two agree with each other throughout, so that neither has to be put right here."""
    theirs = holidays.country_holidays("CN", years=range(2009, 2028))
    wrong = [
        day
        for day in announced()
        if not is_working(day) == theirs.is_working_day(day) == chinese_calendar.is_workday(day)
    ]
    assert wrong == []
    assert {day for day in theirs.weekend_workdays if day >= date(2010, 1, 1)} == set(CN.makeup)
    assert {day for day in their_makeup_days if day >= date(2010, 1, 1)} == set(CN.makeup)


def test_days_off_bear_their_names() -> None:
    """`chinesecalendar` has no names for most weekends; the notices count those in: 放假…共3天. Elsewhere it agrees."""
    for day, name in CN.off.items():
        if day in their_days_off or day.weekday() < SATURDAY:
            assert their_days_off[day] == THEIR_NAMES[name], day
    for day, name in CN.makeup.items():
        assert their_makeup_days[day] == THEIR_NAMES[name], day
    assert {*CN.off.values(), *CN.makeup.values()} == set(NAMES) == set(THEIR_NAMES)


def test_the_last_year_announced_is_the_last_that_anybody_knows() -> None:
    """`holidays` goes on by computing lunar dates, without make-up days; that is no announcement.

    This fails when a library learns of a year that the table lacks: then add it.
    """
    assert CN.announced_from == date(2010, 1, 1)
    assert CN.announced_through == date(max(day.year for day in their_days_off), 12, 31)
    theirs = holidays.country_holidays("CN", years=range(2009, 2031))
    assert max(day.year for day in theirs.weekend_workdays) <= CN.announced_through.year


def test_an_edition_says_what_was_announced_when_its_last_year_was() -> None:
    then = holiday_table("cn@2022")
    assert (then.announced_from, then.announced_through) == (CN.announced_from, date(2022, 12, 31))
    assert {day for day in CN.off if day.year <= 2022} - set(then.off) == {date(2022, 12, 31)}, "announced with 2023"
    assert all(CN.off[day] == name for day, name in then.off.items())
    for unknown in ("cn@2009", "cn@2999", "cn@x"):
        with pytest.raises(ValueError, match=unknown.partition("@")[2]):
            holiday_table(unknown)


def test_what_an_edition_says_is_never_edited() -> None:
    """Desks count by the edition they were applied with: mend a year by a new edition, not in place."""
    table = holiday_table("cn@2026")
    said = repr((sorted(table.off.items()), sorted(table.makeup.items())))
    assert (
        hashlib.sha256(said.encode()).hexdigest() == "5a596731ede25a1dadcf83401dc916e250c7ce485c62c7e9bc2d8497a04b6245"
    )


def test_make_up_days_are_weekends_and_days_off_are_not_made_up() -> None:
    assert all(day.weekday() >= SATURDAY for day in CN.makeup)
    assert not set(CN.makeup) & set(CN.off)
    assert TABLES == ("cn",)


@pytest.mark.parametrize(
    ("day", "found"),
    [("2026-02-14", "spring"), ("2011-12-31", "new_year"), ("2018-12-29", "new_year"), ("2025-09-28", "national")],
)
def test_make_up_days_also_lie_in_the_year_before(day: str, found: str) -> None:
    assert CN.makeup[date.fromisoformat(day)] == found
