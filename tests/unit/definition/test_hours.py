"""Opening hours as an author writes them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workflow.definition.desk import CalendarSpec, DeskSpec
from workflow.definition.document import document
from workflow.definition.duration import parse_duration
from workflow.definition.hours import OpeningHours, closes, days_of, merged, segment
from workflow.definition.stored import read_desk, with_editions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("09:00-12:00", (540, 720)),
        ("9:00-12:00", (540, 720)),
        ("00:00-24:00", (0, 1440)),
        ("13:00-24:00", (780, 1440)),
        ("22:00-06:00", (1320, 1800)),
        ("22:00-00:00", (1320, 1440)),
        ("09:00 - 12:00", (540, 720)),
    ],
)
def test_hours_are_read(text: str, found: tuple[int, int]) -> None:
    assert segment(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "09:00", "9-12", "09:00-09:00", "24:00-06:00", "09:00-24:01", "09:60-12:00", "25:00-26:00", "９:00-12:00"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no stretch of hours|no time of day"):
        segment(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mon", (0,)),
        ("sun-sun", (6,)),
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat-mon", (5, 6, 0)),
        ("daily", tuple(range(7))),
    ],
)
def test_days_are_read(text: str, found: tuple[int, ...]) -> None:
    assert days_of(text) == found


@pytest.mark.parametrize("text", ["", "monday", "mon-", "-fri", "mon-fry", "mon,tue", "Mon"])
def test_other_days_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="there is no day"):
        days_of(text)


def test_what_touches_becomes_one() -> None:
    assert merged([(720, 800), (540, 720), (900, 960)]) == ((540, 800), (900, 960))


def hours(**spec: Any) -> OpeningHours:
    return OpeningHours(CalendarSpec.model_validate(spec, strict=False), "Asia/Shanghai")


def test_a_part_day_holiday_takes_hours_away_from_those_of_its_date() -> None:
    found = hours(
        weekly={"daily": ["08:00-12:00", "22:00-06:00"]},
        holidays={
            "2026-03-04": ["00:00-09:00", "11:00-23:00"],
            "2026-03-05": "23:00-05:00",
            "2026-03-06": "12:00-22:00",
            "2026-03-09": "08:00-10:00",
        },
    )
    assert found.day(date(2026, 3, 4)).segments == ((540, 660), (1380, 1800))
    assert found.day(date(2026, 3, 5)).segments == ((480, 720), (1320, 1380), (1740, 1800))
    assert found.day(date(2026, 3, 6)).segments == ((480, 720), (1320, 1800))
    assert found.day(date(2026, 3, 6)).closed == ((720, 1320),)
    assert found.day(date(2026, 3, 9)).segments == ((600, 720), (1320, 1800))


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (None, False),
        ({"weekly": {"daily": "00:00-24:00"}}, False),
        ({"weekly": {"daily": ["00:00-12:00", "12:00-24:00"]}}, False),
        ({"weekly": {"daily": "18:00-06:00", "mon-sun": "06:00-18:00"}}, False),
        ({"weekly": {"mon-sat": "00:00-24:00", "sun": "00:00-23:59"}}, True),
        ({"weekly": {"daily": "00:00-24:00"}, "holidays": {"2026-12-24": "all"}}, True),
        ({"weekly": {"daily": "00:00-24:00"}, "public_holidays": "cn"}, True),
        ({"weekly": {"daily": "nonsense"}}, True),
    ],
)
def test_whether_a_calendar_closes(spec: dict[str, Any] | None, found: bool) -> None:
    assert closes(CalendarSpec.model_validate(spec, strict=False) if spec else None, "UTC") is found


def test_a_calendar_survives_being_stored() -> None:
    spec = {
        "desk": "d",
        "zone": "UTC",
        "calendars": {
            "office": {
                "zone": "Asia/Shanghai",
                "weekly": {"mon-fri": ["09:00-12:00"], "sat": "10:00-14:00"},
                "public_holidays": {"of": "cn", "makeup_as": "fri"},
                "holidays": {"2026-12-24": "13:00-24:00"},
                "workdays": {"2026-10-11": "fri"},
            }
        },
    }
    desk = with_editions(DeskSpec.model_validate(spec, strict=False))
    assert read_desk(document(desk)) == desk
    assert desk.calendars["office"].weekly["sat"] == ("10:00-14:00",)


@pytest.mark.parametrize(
    ("text", "found"), [("3d", True), ("1d12h", True), ("P1D", True), ("2wd", False), ("48h", False)]
)
def test_days_of_24_hours_are_known(text: str, found: bool) -> None:
    assert parse_duration(text).in_days is found
