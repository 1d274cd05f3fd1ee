"""What can be wrong with opening hours beyond a misspelling, each told once, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.definition.samples import DESK, load, marked

OFFICE = "weekly: {mon-fri: 09:00-18:00}"
OVERLAP = "overlapping-hours"


def told(folder: Path, calendar: str) -> list[tuple[str, tuple[int, int]]]:
    assert DESK.count(f"{{{OFFICE}}}") == 1
    _, problems = load(folder, DESK.replace(f"{{{OFFICE}}}", f"{{{calendar}}}"))
    return [(each.code, (each.line, each.column)) for each in problems]


@pytest.mark.parametrize(
    ("code", "calendar"),
    [
        ("bad-segment", "weekly: {mon: »09:00-09:00}"),
        ("bad-segment", "weekly: {mon: »24:00-06:00}"),
        ("bad-segment", "weekly: {mon: »9}"),
        ("bad-segment", "weekly: {mon: »{from: 09:00}}"),
        ("bad-segment", "weekly: {sat: »all}"),
        ("bad-time", "weekly: {mon: [09:00-12:00, »13:00-24:30]}"),
        ("not-text", "weekly: {mon: [»9]}"),
        ("wrong-type", "weekly: »[mon]"),
        ("unknown-day", "weekly: {»fri-: 09:00-18:00, mon: 09:00-18:00}"),
        ("unknown-key", OFFICE + ", »hollidays: {2026-10-01: all}"),
        (OVERLAP, "weekly: {daily: 09:00-18:00, sat: »17:00-20:00}"),
        (OVERLAP, "weekly: {mon: [22:00-06:00, »23:00-24:00]}"),
        (OVERLAP, "weekly: {sun: 22:00-06:00, mon: »05:00-12:00}"),
        (OVERLAP, "weekly: {mon: 05:00-12:00, sun: »22:00-06:00}"),
        (OVERLAP, "weekly: {daily: »20:00-19:00, mon: »18:00-20:00}"),
        (OVERLAP, OFFICE + ", holidays: {2026-12-24: [13:00-20:00, »19:00-24:00]}"),
        (OVERLAP, OFFICE + ", workdays: {2026-10-11: [10:00-14:00, »13:00-15:00]}"),
        (OVERLAP, "weekly: {sat: 22:00-06:00}, workdays: {2026-10-11: »05:00-14:00}"),
        (OVERLAP, "weekly: {mon-fri: 05:00-18:00}, workdays: {2026-10-11: »22:00-06:00}"),
        ("bad-date", OFFICE + ", holidays: {»2026-02-30: all}"),
        ("bad-date", OFFICE + ", holidays: {»20261001: all}"),
        ("bad-date", OFFICE + ", workdays: {»0001-01-01: mon}"),
        ("bad-segment", OFFICE + ", workdays: {2026-10-11: »all}"),
        ("bad-segment", OFFICE + ", workdays: {2026-10-11: [»fri, 10:00-12:00]}"),
        ("bad-segment", OFFICE + ", holidays: {2026-10-11: »fri}"),
        ("missing-key", OFFICE + ", public_holidays: »{makeup_as: mon}"),
    ],
)
def test_a_mistake_in_a_calendar(code: str, calendar: str, tmp_path: Path) -> None:
    marks = calendar.count("»")
    if marks > 1:  # the second of two is where the overlap is found
        calendar = calendar.replace("»", "", marks - 1)
    offset = DESK.index(f"{{{OFFICE}}}") + 1
    _, place = marked(DESK[:offset] + calendar)
    found = told(tmp_path, calendar.replace("»", ""))
    assert [each for each, _ in found] == [code]
    if code != "missing-key":
        assert found == [(code, place)]


@pytest.mark.parametrize(
    "calendar",
    [
        "weekly: {mon: [09:00-12:00, 12:00-18:00], tue: [00:00-24:00], wed: 00:00-01:00}",
        "weekly: {sun: 22:00-06:00, mon: 06:00-12:00}",
        "weekly: {sat-mon: 10:00-14:00}",
        "weekly: {daily: 08:00-20:00, mon-fri: 20:00-22:00}",
        "weekly: {mon-fri: 09:00-18:00}, holidays: {2026-12-24: 13:00-24:00, 2026-10-10: all}",
        "weekly: {mon-fri: 22:00-06:00}, workdays: {2026-10-11: fri, 2026-10-17: ['10:00-14:00', 15:00-16:00]}",
        "workdays: {2026-10-11: 09:00-18:00}",
        "zone: Europe/Berlin, weekly: {mon-fri: 09:00-18:00}, public_holidays: {of: cn, makeup_as: fri}",
    ],
)
def test_hours_with_nothing_wrong(calendar: str, tmp_path: Path) -> None:
    assert told(tmp_path, calendar) == []
