"""Durations that calendars can count, rungs that somebody hears, and limits within the announced holidays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.definition.samples import DESK, TYPE, load
from workflow.definition.holidays import holiday_table
from workflow.definition.parse import load_definitions
from workflow.errors import Problem

OFFICE = "calendars: {office: {weekly: {mon-fri: 09:00-18:00}}}\n"


def desk_of(*, calendars: str = OFFICE, members: str = "", lead: str = "li", to: str = "lead") -> str:
    desk = DESK.replace(OFFICE, calendars).replace("customer:", f"{members}customer:")
    return desk.replace("lead: li", f"lead: {lead}").replace("to: lead", f"to: {to}")


def gaps(folder: Path, desk: str) -> list[tuple[str, str, str]]:
    _, problems = load(folder, desk)
    assert {each.code for each in problems} <= {"rung-unattended"}, problems
    return [(each.text, each.values["day"], each.values["time"]) for each in problems]


@pytest.mark.parametrize(
    ("duration", "days", "hours"), [("3d", 3, 72), ("1d2h", 2, 26), ("P2D", 2, 48), ("P1DT30M", 1, 24)]
)
def test_days_of_closed_hours_are_told_how_to_be_written(duration: str, days: int, hours: int, tmp_path: Path) -> None:
    text = TYPE.replace("version: 1", "version: 1\ncalendar: office").replace("2160h", duration)
    (problem,) = load(tmp_path, t=text)[1]
    assert (problem.code, problem.values["calendar"]) == ("days-of-closed-hours", "office")
    assert str(problem).endswith(f"(write {days}wd or {hours}h)")


def test_a_calendar_that_never_closes_has_whole_days(tmp_path: Path) -> None:
    open_ = desk_of(calendars="calendars: {office: {weekly: {daily: 00:00-24:00}}}\n")
    text = TYPE.replace("version: 1", "version: 1\ncalendar: office").replace("2160h", "3d")
    assert load(tmp_path, open_, t=text)[1] == []


def test_a_place_inherits_the_calendar_of_the_place_around_it(tmp_path: Path) -> None:
    timeout = "\n    timeouts: {t: {after: 2d, dest: handle}}"
    in_office = TYPE.replace("version: 1", "version: 1\ncalendar: office")
    inside = in_office.replace("accept: handle", f"accept: handle{timeout}")
    assert [each.code for each in load(tmp_path, t=inside)[1]] == ["days-of-closed-hours"]
    always = inside.replace("team: front", "team: front\n    calendar: always")
    assert load(tmp_path, t=always)[1] == []
    clock = "sla: {c: {goal: 2d, start: intake, stop: handle}}\n"
    assert [each.code for each in load(tmp_path, t=in_office + clock)[1]] == ["days-of-closed-hours"]
    assert load(tmp_path, t=in_office + clock.replace("goal", "calendar: always, goal"))[1] == []


DAY_AND_NIGHT = (
    "calendars: {day: {weekly: {daily: 08:00-20:00}}, night: {weekly: {daily: 20:00-08:00}},"
    " early: {weekly: {daily: 06:00-16:00}}, far: {zone: Europe/Berlin, weekly: {daily: 01:00-13:00}}}\n"
)
TWO = "  day: {roles: [agent], shift: day}\n  far: {shift: far}\n  night: {shift: night}\n  early: {shift: early}\n"


@pytest.mark.parametrize(
    ("lead", "found"),
    [
        ("[day, night]", []),
        ("[night, early, day]", []),
        ("[far, night]", []),
        ("[day, li]", []),
        ("day", [("lead (front)", "mon", "00:00")]),
        ("night", [("lead (front)", "mon", "08:00")]),
        ("[night, early]", [("lead (front)", "mon", "16:00")]),
    ],
)
def test_the_first_hour_without_a_lead_on_duty(lead: str, found: list[tuple[str, str, str]], tmp_path: Path) -> None:
    assert gaps(tmp_path, desk_of(calendars=DAY_AND_NIGHT, members=TWO, lead=lead)) == found


def test_a_ladder_that_does_not_fit_is_not_missing_too(tmp_path: Path) -> None:
    escalating = TYPE.replace("[notify: owner]", "[escalate]")
    for wrong in ("ladder: {rungs: none}", "ladder: {hold: 2h}", "ladder: lead"):
        desk = DESK.replace(DESK[DESK.index("ladder:") : DESK.index("calendars:")], wrong + "\n")
        assert {Path(each.file).name for each in load(tmp_path, desk, t=escalating)[1]} == {"desk.yaml"}


def test_somebody_whom_the_ladder_tells_may_take_it_on(tmp_path: Path) -> None:
    assert not load(tmp_path, DESK)[1]
    (problem,) = load(tmp_path, DESK.replace("advance, acknowledge]", "advance]"))[1]
    assert (problem.code, problem.severity, problem.text) == ("nobody-acknowledges", "warning", "li")
    assert problem.line == DESK[: DESK.index("ladder:")].count("\n") + 1


def test_that_a_ladder_is_missing_is_told_once_a_file(tmp_path: Path) -> None:
    escalating = TYPE.replace("[notify: owner]", "[escalate, escalate]").replace(
        "done: archive", "done: {dest: archive, actions: [escalate]}"
    )
    without = DESK.replace(DESK[DESK.index("ladder:") : DESK.index("calendars:")], "")
    assert [each.code for each in load(tmp_path, without, t=escalating)[1]] == ["no-ladder"]


def test_a_role_is_held_by_whoever_is_on_duty(tmp_path: Path) -> None:
    assert gaps(tmp_path, desk_of(calendars=DAY_AND_NIGHT, members=TWO, to="agent")) == []
    alone = desk_of(calendars=DAY_AND_NIGHT, members=TWO, to="agent").replace("li: {roles: [agent], ", "li: {")
    assert gaps(tmp_path, alone) == [("agent", "mon", "00:00")]


def test_each_team_needs_a_lead_on_duty(tmp_path: Path) -> None:
    desk = desk_of(calendars=DAY_AND_NIGHT, members=TWO, lead="day")
    desk = desk.replace("members: [li]}", "members: [li]}\n  back: {lead: night}\n  all: {lead: [night, day]}")
    assert gaps(tmp_path, desk) == [("lead (front)", "mon", "00:00"), ("lead (back)", "mon", "08:00")]


def test_a_weekend_is_a_gap(tmp_path: Path) -> None:
    members = "  day: {roles: [agent], shift: day}\n"
    weekdays = "calendars: {day: {weekly: {mon-fri: 00:00-24:00}}}\n"
    desk = desk_of(calendars=weekdays, members=members, lead="day")
    assert gaps(tmp_path, desk) == [("lead (front)", "sat", "00:00")]


def test_nothing_is_said_of_shifts_that_cannot_be_read(tmp_path: Path) -> None:
    members = "  day: {roles: [agent], shift: day}\n"
    desk = desk_of(calendars="calendars: {day: {weekly: {mon: 09:00}}}\n", members=members, lead="day")
    assert [each.code for each in load(tmp_path, desk)[1]] == ["bad-segment"]


LIMITS = {
    "45h": "timeouts: {forgotten: {after: 45h, calendar: cn, actions: [notify: owner]}}\n",
    "5wd": "timeouts: {forgotten: {after: 9h, calendar: cn, every: 5wd, actions: [notify: owner]}}\n",
    "45h of a clock": "sla: {c: {goal: {low: 45h, default: 9h}, calendar: cn, start: intake, stop: archive}}\n",
}


def announced(folder: Path, left: int, limits: str, *, today: bool = True) -> list[Problem]:
    """Load a desk so many days before the end of the announced holidays."""
    desk = desk_of(calendars="calendars: {cn: {weekly: {mon-fri: 09:00-18:00}, public_holidays: cn}}\n")
    last = holiday_table("cn").announced_through
    for name, text in {"desk": desk, "t": TYPE[: TYPE.index("timeouts:")] + limits}.items():
        (folder / f"{name}.yaml").write_text(text)
    _, problems = load_definitions(folder, today=last - timedelta(days=left) if today else None)
    return list(problems)


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_a_limit_may_end_after_the_announced_holidays(limits: str, tmp_path: Path) -> None:
    assert announced(tmp_path, 7, limits) == []
    assert announced(tmp_path, 6, limits, today=False) == []
    (problem,) = announced(tmp_path, 6, limits)
    through = holiday_table("cn").announced_through.isoformat()
    assert (problem.code, problem.severity, problem.values["through"]) == ("holidays-unannounced", "warning", through)
    assert problem.file.endswith("desk.yaml")
    assert problem.text in ("45h", "5wd")


def test_a_limit_may_begin_before_the_announced_holidays(tmp_path: Path) -> None:
    table = holiday_table("cn")
    before = (table.announced_through - table.announced_from).days
    assert announced(tmp_path, before, LIMITS["5wd"]) == []
    (problem,) = announced(tmp_path, before + 1, LIMITS["5wd"])
    assert (problem.code, problem.text, problem.values["since"]) == ("holidays-unknown", "5wd", "2010-01-01")


def test_only_limits_on_that_calendar_count(tmp_path: Path) -> None:
    assert announced(tmp_path, 1, LIMITS["45h"].replace("calendar: cn, ", "")) == []
    both = LIMITS["45h"].replace(
        "{forgotten: ", "{soon: {after: 9h, calendar: cn, actions: [notify: lead]}, forgotten: "
    )
    assert [each.text for each in announced(tmp_path, -1, both)] == ["45h"], "the longest is named"
