"""Commands about calendars: a month of one, and how a due time comes about."""

from __future__ import annotations

import calendar as gregorian
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import render
from workflow.cli.context import Session
from workflow.cli.output import styled
from workflow.cli.shell import Command, Group, pass_session
from workflow.errors import NotFound, UsageError

if TYPE_CHECKING:
    from workflow.core.calendar import Calendar
    from workflow.core.steps import Step
    from workflow.definition.duration import Duration
    from workflow.definition.hours import Day

_MONTH = re.compile(r"([1-8]\d{3})-(0[1-9]|1[0-2])", re.ASCII)
TIME = "%Y-%m-%d %H:%M"
MIDNIGHT = 24 * 60
CELL = 10
NARROWEST = 7 * CELL + 6


@click.group("calendar", cls=Group)
def calendar() -> None:
    """See opening hours, and work out due times."""


@calendar.command("show", cls=Command)
@click.argument("name")
@click.option("--month", metavar="YYYY-MM", help="Which month; this one, unless named.")
@pass_session
def show(session: Session, name: str, *, month: str | None) -> None:
    """Show a month of the calendar NAME.

    Each day with its hours, holidays and make-up working days. With --json each line is one day.
    """
    found = _calendar(session, name)
    days = [found.day(day) for day in _days_of(month, found, session)]
    if session.json:
        session.dump(*(_day_json(found, day) for day in days))
        return
    session.heading("{calendar}, {month} ({zone})", calendar=_label(session, name), month=f"{days[0].date:%Y-%m}",
                    zone=str(found.zone))  # fmt: skip
    if session.width is None or session.width < NARROWEST:
        names = _weekdays(session)
        rows = ((day.date.isoformat(), names[day.date.weekday()], _why(session, day), _hours(day)) for day in days)
        session.table(("date", "day", "why", "hours"), rows, fold=True)
        return
    session.print(*_grid(session, days))
    session.details(_legend(session, days))


@calendar.command("add", cls=Command)
@click.argument("name")
@click.argument("length")
@click.option("--from", "start", metavar="TIME", help="When it begins, in the calendar's zone; now, unless said.")
@pass_session
def add(session: Session, name: str, length: str, *, start: str | None) -> None:
    """Work out when LENGTH has passed on the calendar NAME.

    Shows each open interval that is counted, and the days that are passed over, with the reason:

        ticketflow calendar add desk 4h --from '2026-02-14 17:00'
    """
    from workflow.core.steps import steps
    from workflow.core.times import parse_time

    found, wanted = _calendar(session, name), _length(length)
    _demand_fit(found, wanted)
    begin = parse_time(start, found.zone, field="from") if start else session.desk.clock.now()
    due = found.add(begin, wanted)
    way = list(steps(found, begin, wanted))
    if session.json:
        session.dump(
            {
                "calendar": name,
                "from": begin.astimezone(found.zone),
                "length": wanted.text,
                "due": due.astimezone(found.zone),
                "announced": not found.outside_announced(due),
                "steps": [step_json(step) for step in way],
            }
        )
        return
    if way:
        session.table(("from", "to", "open", "so far", "why"), (step_row(session, step) for step in way), fold=True)
    session.say("{length} from {start} on {calendar}: due {due} ({zone}).", length=wanted.text,
                start=_moment(begin, found), calendar=_label(session, name), due=_moment(due, found),
                zone=str(found.zone))  # fmt: skip
    if found.outside_announced(due):
        session.hint("No public holidays are announced for that time yet; the due time may still change.")


def _calendar(session: Session, name: str) -> Calendar:
    from workflow.core.calendar import ALWAYS, Calendar
    from workflow.definition.desk import CalendarSpec

    desk = session.spec
    if name == ALWAYS.name:
        return Calendar.of(name, CalendarSpec(weekly={"daily": ("00:00-24:00",)}), desk.zone)
    if name not in desk.calendars:
        known = ", ".join([*desk.calendars, ALWAYS.name])
        raise NotFound("there is no calendar {calendar}", "the calendars are: {known}", calendar=name, known=known)
    return Calendar.of(name, desk.calendars[name], desk.zone)


def _label(session: Session, name: str) -> str:
    spec = session.spec.calendars.get(name)
    return session.label(spec.label, name) if spec else name


def _length(text: str) -> Duration:
    from workflow.definition.duration import parse_duration
    from workflow.definition.problems import RULES, Wrong

    try:
        return parse_duration(text)
    except Wrong as wrong:
        rule = RULES[wrong.code]
        raise UsageError(rule.sentence, rule.remedy, field="length", **({"text": text} | wrong.values)) from None


def _demand_fit(found: Calendar, length: Duration) -> None:
    """Refuse a length that the calendar cannot count, as `check` does in a definition."""
    from workflow.definition.resolve import ALWAYS

    if length.working_days and found.name == ALWAYS:
        raise UsageError(
            "{length} counts working days, and the calendar {calendar} has none",
            "name a calendar with working hours, or write hours",
            field="length", length=length.text, calendar=found.name,
        )  # fmt: skip
    if length.in_days and found.hours.closes:
        raise UsageError(
            "{length} may mean two things on the calendar {calendar}, which closes",
            "write working days, like 2wd, or open hours, like 48h",
            field="length", length=length.text, calendar=found.name,
        )  # fmt: skip


def _days_of(month: str | None, found: Calendar, session: Session) -> list[date]:
    if month is None:
        today = session.desk.clock.now().astimezone(found.zone)
        month = f"{today:%Y-%m}"
    written = _MONTH.fullmatch(month)
    if not written:
        raise UsageError("{given} is no month", "write it like 2026-10", field="month", given=month)
    year, number = int(written[1]), int(written[2])
    return [date(year, number, day) for day in range(1, gregorian.monthrange(year, number)[1] + 1)]


def _day_json(found: Calendar, day: Day) -> dict[str, Any]:
    midnight = datetime.combine(day.date, datetime.min.time(), found.zone)
    following = datetime.combine(day.date + timedelta(days=1), datetime.min.time(), found.zone)
    open_time = found.elapsed(midnight, following)
    return {
        "calendar": found.name,
        "date": day.date,
        "hours": [_written(*each) for each in day.segments],
        "why": day.why,
        "holiday": day.name and dict(day.name),
        "open_minutes": open_time // timedelta(minutes=1),
        "announced": not found.outside_announced(midnight),
    }


def step_json(step: Step) -> dict[str, Any]:
    """Return the JSON form of a step of a count."""
    return {
        "kind": step.kind,
        "from": step.begin,
        "to": step.end,
        "counted_seconds": step.counted.total_seconds() if step.kind == "open" else None,
        "working_day": step.number if step.kind == "working_day" else None,
        "why": step.day.why,
        "holiday": step.day.name and dict(step.day.name),
        **({"days": step.number} if step.kind == "more" else {}),
    }


def _written(begin: int, end: int) -> str:
    """Return hours as an author writes them."""
    last = end if end <= MIDNIGHT else end % MIDNIGHT
    return f"{begin % MIDNIGHT // 60:02}:{begin % 60:02}-{last // 60:02}:{last % 60:02}"


def _hours(day: Day) -> str:
    return ", ".join(_written(*each) for each in day.segments)


def _weekdays(session: Session) -> list[str]:
    tell = session.tell
    return [tell("Mon"), tell("Tue"), tell("Wed"), tell("Thu"), tell("Fri"), tell("Sat"), tell("Sun")]


def _grid(session: Session, days: Sequence[Day]) -> Iterator[str]:
    """Yield the month, week by week: the number of each day, marked where the week does not rule, and its hours."""
    yield styled(" ".join(render.pad(name, CELL) for name in _weekdays(session)).rstrip(), bold=True)
    blank = [[""]] * days[0].date.weekday()
    cells = blank + [[_number(session, day), *(_short(*each) for each in day.segments)] for day in days]
    for week in range(0, len(cells), 7):
        for line in zip_longest(*cells[week : week + 7], fillvalue=""):
            yield " ".join(render.pad(render.cut(cell, CELL), CELL) for cell in line).rstrip()


def _number(session: Session, day: Day) -> str:
    mark = "" if day.why == "weekly" else session.tell("work") if day.segments else session.tell("off")
    return f"{day.date.day} {mark}".rstrip()


def _short(begin: int, end: int) -> str:
    """Return hours as briefly as a grid needs them: 9-12, 13:30-18."""
    return "-".join(each.lstrip("0").replace(":00", "") or "0" for each in _written(begin, end).split("-"))


def _legend(session: Session, days: Sequence[Day]) -> Iterator[tuple[str, str]]:
    """Yield the dates on which something else than the week rules, and what."""
    for why, group in groupby(days, key=lambda day: _why(session, day) if day.why != "weekly" else ""):
        dates = [day.date.isoformat() for day in group]
        if why:
            yield " – ".join(dict.fromkeys((dates[0], dates[-1]))), why


def _why(session: Session, day: Day) -> str:
    """Return what made the hours of a day; of a plain day of the week, whether it is closed."""
    tell = session.tell
    holiday = {"holiday": session.label(day.name, "")} if day.name else {}
    match day.why:
        case "public_holiday":
            return tell("{holiday}, closed", holiday)
        case "makeup":
            return tell("{holiday}, make-up working day", holiday)
        case "holiday":
            return tell("the desk's own holiday, in part") if day.segments else tell("the desk's own holiday")
        case "workday":
            return tell("the desk's own working day")
    return "" if day.segments else tell("closed on this weekday")


def step_row(session: Session, step: Step) -> tuple[str, ...]:
    """Return a step of a count as a line of a table: from, to, open, so far, why."""
    last = step.end - timedelta(microseconds=1)
    if step.kind == "open":
        length = step.end.astimezone(UTC) - step.begin.astimezone(UTC)
        why = _why(session, step.day) if step.day.segments else ""
        return f"{step.begin:{TIME}}", f"{step.end:{TIME}}", _amount(length), _amount(step.counted), why
    if step.kind == "more":
        return "…", "", "", "", session.tell("{days} more days", {"days": step.number})
    so_far = f"{step.number}wd" if step.number else ""
    return f"{step.begin:%Y-%m-%d}", f"{last:%Y-%m-%d}", _hours(step.day), so_far, _why(session, step.day)


def _amount(length: timedelta) -> str:
    """Return a length as an author writes it, days in hours."""
    seconds = int(length.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def _moment(instant: datetime, found: Calendar) -> str:
    local = instant.astimezone(found.zone)
    return f"{local:{TIME}}" if not local.second else f"{local:{TIME}:%S}"
