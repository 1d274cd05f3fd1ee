"""The commands that show opening hours and work out due times."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Terminal
from tests.cli.test_documented import documented
from tests.unit.definition.samples import DESK, TYPE
from workflow.cli.app import run

CALENDARS = """\
calendars:
  office:
    label: {en: Office, zh: 办公时间}
    weekly: {mon-fri: ['09:00-12:00', '13:30-18:00']}
    public_holidays: cn
    holidays: {2026-10-20: all, 2026-10-21: 15:00-24:00}
    workdays: {2026-10-24: ['10:00-14:00']}
  night: {zone: Europe/Berlin, weekly: {daily: 22:00-06:00}}
"""


@pytest.fixture
def desk(empty: Terminal) -> Terminal:
    """Return a terminal in a folder with a desk that has two calendars."""
    folder = empty.folder / "definitions"
    folder.mkdir()
    plain = "".join(line for line in DESK.splitlines(keepends=True) if not line.startswith("calendars:"))
    (folder / "desk.yaml").write_text(plain + CALENDARS, "utf-8")
    (folder / "t.yaml").write_text(TYPE, "utf-8")
    empty.env["TICKETFLOW_ACTOR"] = "li"
    return empty


def test_a_month_day_by_day(desk: Terminal) -> None:
    days = {day["date"]: day for day in desk.objects("calendar", "show", "office", "--month", "2026-10")}
    assert len(days) == 31
    assert days["2026-10-01"] == {
        "calendar": "office",
        "date": "2026-10-01",
        "hours": [],
        "why": "public_holiday",
        "holiday": {"en": "National Day", "zh": "国庆节"},
        "open_minutes": 0,
        "announced": True,
    }
    assert days["2026-10-10"]["why"] == "makeup"
    assert days["2026-10-10"]["hours"] == ["09:00-12:00", "13:30-18:00"]
    assert days["2026-10-21"]["hours"] == ["09:00-12:00", "13:30-15:00"]
    assert [days[f"2026-10-{day}"]["open_minutes"] for day in (12, 20, 21, 24, 25)] == [450, 0, 270, 240, 0]
    assert not desk.objects("calendar", "show", "office", "--month", "2027-01")[0]["announced"]


def test_a_month_without_a_terminal_is_a_table(desk: Terminal) -> None:
    lines = desk("calendar", "show", "office").splitlines()
    assert lines[:2] == ["Office, 2026-03 (Asia/Shanghai)", "date\tday\twhy\thours"]
    assert lines[2:4] == ["2026-03-01\tSun\tclosed on this weekday\t-", "2026-03-02\tMon\t-\t09:00-12:00, 13:30-18:00"]
    assert len(lines) == 2 + 31


@pytest.mark.usefixtures("desk")
def test_a_month_on_a_terminal_is_a_grid(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["calendar", "show", "office", "--month", "2026-10", "--now", "2026-03-02T09:00+08:00"]
    assert run(words, width=80) == 0
    assert (
        capsys.readouterr().out
        == """\
Office, 2026-10 (Asia/Shanghai)
Mon        Tue        Wed        Thu        Fri        Sat        Sun
                                 1 off      2 off      3 off      4 off
5 off      6 off      7 off      8          9          10 work    11
                                 9-12       9-12       9-12
                                 13:30-18   13:30-18   13:30-18
12         13         14         15         16         17         18
9-12       9-12       9-12       9-12       9-12
13:30-18   13:30-18   13:30-18   13:30-18   13:30-18
19         20 off     21 work    22         23         24 work    25
9-12                  9-12       9-12       9-12       10-14
13:30-18              13:30-15   13:30-18   13:30-18
26         27         28         29         30         31
9-12       9-12       9-12       9-12       9-12
13:30-18   13:30-18   13:30-18   13:30-18   13:30-18
  2026-10-01 – 2026-10-07  National Day, closed
  2026-10-10               National Day, make-up working day
  2026-10-20               the desk's own holiday
  2026-10-21               the desk's own holiday, in part
  2026-10-24               the desk's own working day
"""
    )
    assert run([*words, "--lang", "zh"], width=80) == 0
    shown = capsys.readouterr().out
    assert "办公时间，2026-10（Asia/Shanghai）" in shown
    assert "5 休       6 休       7 休       8          9          10 班      11\n" in shown
    assert "  2026-10-10               国庆节调休上班\n" in shown
    assert run(words, width=60) == 0
    narrow = capsys.readouterr().out.splitlines()
    assert narrow[1] == "date        day  why                   hours"
    assert "2026-10-31  Sat  closed on this week…  -" in narrow


def test_always_is_a_calendar_too(desk: Terminal) -> None:
    days = desk.objects("calendar", "show", "always", "--month", "2024-02")
    assert len(days) == 29
    assert {day["open_minutes"] for day in days} == {1440}
    assert (
        desk.one("calendar", "add", "always", "3d", "--from", "2026-03-02 12:30")["due"] == "2026-03-05T12:30:00+08:00"
    )


def test_the_minutes_of_a_date_with_a_clock_change(desk: Terminal) -> None:
    days = {day["date"]: day for day in desk.objects("calendar", "show", "night", "--month", "2026-03")}
    assert days["2026-03-28"]["open_minutes"] == 480
    assert days["2026-03-29"]["open_minutes"] == 420
    assert days["2026-03-29"]["hours"] == ["22:00-06:00"]


def test_a_due_time_with_its_steps(desk: Terminal) -> None:
    shown = desk("calendar", "add", "office", "10h", "--from", "2026-02-13 17:00")
    assert (
        shown
        == """\
from	to	open	so far	why
2026-02-13 17:00	2026-02-13 18:00	1h	1h	-
2026-02-14 09:00	2026-02-14 12:00	3h	4h	Spring Festival, make-up working day
2026-02-14 13:30	2026-02-14 18:00	4h30m	8h30m	Spring Festival, make-up working day
2026-02-15	2026-02-23	-	-	Spring Festival, closed
2026-02-24 09:00	2026-02-24 10:30	1h30m	10h	-
10h from 2026-02-13 17:00 on Office: due 2026-02-24 10:30 (Asia/Shanghai).
"""
    )
    found = desk.one("calendar", "add", "office", "10h", "--from", "2026-02-13 17:00")
    assert found["due"] == "2026-02-24T10:30:00+08:00"
    assert found["announced"] is True
    assert [step["kind"] for step in found["steps"]] == ["open", "open", "open", "closed", "open"]
    assert found["steps"][3] == {
        "kind": "closed",
        "from": "2026-02-15T00:00:00+08:00",
        "to": "2026-02-24T00:00:00+08:00",
        "counted_seconds": None,
        "working_day": None,
        "why": "public_holiday",
        "holiday": {"en": "Spring Festival", "zh": "春节"},
    }
    assert found["steps"][4]["counted_seconds"] == 36_000


def test_working_days_with_their_steps(desk: Terminal) -> None:
    shown = desk("calendar", "add", "office", "2wd", "--from", "2026-03-06 12:30", "--lang", "zh").splitlines()
    assert shown[1:] == [
        "2026-03-07\t2026-03-08\t-\t-\t每周休息",
        "2026-03-09\t2026-03-09\t09:00-12:00, 13:30-18:00\t1wd\t-",
        "2026-03-10\t2026-03-10\t09:00-12:00, 13:30-18:00\t2wd\t-",
        "办公时间：从 2026-03-06 12:30 起 2wd，到期 2026-03-10 12:00（Asia/Shanghai）。",
    ]


def test_a_due_time_counts_from_now_and_in_the_calendars_own_zone(desk: Terminal) -> None:
    found = desk.one("calendar", "add", "night", "30s")
    assert found["from"] == "2026-03-02T02:00:00+01:00", "nine in the morning in Shanghai"
    assert found["due"] == "2026-03-02T02:00:30+01:00"
    assert "due 2026-03-02 02:00:30 (Europe/Berlin)" in desk("calendar", "add", "night", "30s")
    assert (
        desk.one("calendar", "add", "night", "9h", "--from", "2026-10-24 22:00")["due"] == "2026-10-25T06:00:00+01:00"
    )


def test_a_due_time_beyond_the_announced_holidays_is_told(desk: Terminal) -> None:
    found = desk.one("calendar", "add", "office", "2wd", "--from", "2026-12-31 10:00")
    assert (found["due"], found["announced"]) == ("2027-01-04T10:00:00+08:00", False)
    desk("calendar", "add", "office", "2wd", "--from", "2026-12-31 10:00")
    assert "No public holidays are announced for that time yet" in desk.err


def test_the_documented_keys_come(desk: Terminal) -> None:
    assert set(desk.objects("calendar", "show", "office")[0]) == documented("calendar show")
    assert set(desk.one("calendar", "add", "office", "4h")) == documented("calendar add")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["show", "offic"], 4, "there is no calendar offic"),
        (["show", "office", "--month", "2026-13"], 2, "2026-13 is no month"),
        (["show", "office", "--month", "October"], 2, "October is no month"),
        (["add", "office", "4 hours"], 2, "4 hours is no duration"),
        (["add", "office", "0h"], 2, "a duration must be longer than zero"),
        (["add", "office", "3d"], 2, "3d may mean two things on the calendar office, which closes"),
        (["add", "always", "2wd"], 2, "2wd counts working days, and the calendar always has none"),
        (["add", "office", "4h", "--from", "noon"], 2, "'noon' is not a time"),
    ],
)
def test_what_cannot_be_answered_is_refused(desk: Terminal, words: list[str], code: int, message: str) -> None:
    error = desk.error("calendar", *words, code=code)
    assert error["message"] == message
    assert error["remedy"]
