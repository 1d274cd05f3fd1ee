"""What time asks of names and numbers: calendars, durations they can count, clocks, shifts and the ladder."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from workflow.definition.desk import CalendarSpec, DeskSpec
from workflow.definition.duration import Duration, parse_duration
from workflow.definition.hours import DAYS, OpeningHours, closes
from workflow.definition.inheritance import level_place
from workflow.definition.model import PRIORITIES, Actions, Room, Sla, TicketTypeSpec
from workflow.definition.problems import Wrong
from workflow.definition.resolve import ALWAYS, TicketType
from workflow.definition.sheet import Sheet
from workflow.definition.tree import Path

DEFAULT = "default"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = 24 * 60
WEEK = 7 * DAY
JANUARY = datetime(2026, 1, 5, tzinfo=UTC)
_DAYS = re.compile(r"\d+d", re.IGNORECASE)


def check_calendar(path: Path, name: str | None, desk: DeskSpec | None, sheet: Sheet) -> None:
    """Report a calendar that the desk does not have."""
    if name is not None and desk is not None:
        sheet.expect(path, "unknown-calendar", name, [ALWAYS, *desk.calendars])


def check_duration(path: Path, duration: Duration, calendar: str, desk: DeskSpec | None, sheet: Sheet) -> None:
    """Report a duration that its calendar cannot count."""
    if duration.working_days and calendar == ALWAYS:
        sheet.report(path, "no-working-days", duration.text)
    elif desk and _DAYS.search(duration.text) and closes(desk.calendars.get(calendar), desk.zone):
        hours = duration.length // HOUR
        sheet.report(path, "days-of-closed-hours", duration.text, calendar=calendar, days=-(-hours // 24), hours=hours)


class SlaCheck:
    """Checks the SLA clocks of a ticket type as its author wrote them. `actions` checks a list of actions at a path."""

    def __init__(
        self,
        spec: TicketTypeSpec,
        desk: DeskSpec | None,
        sheet: Sheet,
        places: Collection[str],
        actions: Callable[[Path, Actions], None],
    ) -> None:
        self.spec, self.desk, self.sheet, self.places, self.actions = spec, desk, sheet, places, actions
        stages = [stage for stage in spec.stages.values() if stage]
        rooms: list[TicketTypeSpec | Room] = [spec, *stages]
        rooms += [state for stage in stages for state in stage.states.values() if state]
        self.marks = [*places, *(name for room in rooms for name, entry in room.transitions.items() if entry)]

    def check(self) -> None:
        """Report what is wrong with the clocks, one by one."""
        for name, sla in self.spec.sla.items():
            path: Path = ("sla", name)
            calendar = sla.calendar or self.spec.calendar
            check_calendar((*path, "calendar"), sla.calendar, self.desk, self.sheet)
            for key in ("start", "stop", "reset", "cancel"):
                for at, mark in enumerate(getattr(sla, key)):
                    self.sheet.expect((*path, key, at), "unknown-mark", mark, self.marks)
            for at, place in enumerate(sla.pause):
                self.sheet.expect((*path, "pause", at), "unknown-place", place, self.places)
            self._check_goal(path, sla, calendar)
            self._check_levels(path, sla, calendar)

    def _check_goal(self, path: Path, sla: Sla, calendar: str) -> None:
        for priority, goal in sla.goal.items():
            at = (*path, "goal", priority)
            self.sheet.expect(at, "unknown-word", priority, [*PRIORITIES, DEFAULT], key=True)
            check_duration(at, goal, calendar, self.desk, self.sheet)
            if goal.working_days and sla.pause:
                self.sheet.report(at, "working-days-paused", goal.text)
        if DEFAULT not in sla.goal and (missing := [each for each in PRIORITIES if each not in sla.goal]):
            self.sheet.report((*path, "goal"), "goal-missing", ", ".join(missing), key=True)

    def _check_levels(self, path: Path, sla: Sla, calendar: str) -> None:
        seen: dict[tuple[float, timedelta], str] = {}
        days = next((goal for goal in sla.goal.values() if goal.working_days), None)
        for index, level in enumerate(sla.levels):
            at = (*path, "levels", index)
            self.actions((*at, "actions"), level.actions)
            try:
                place = level_place(level.at)
            except Wrong:
                self.sheet.report((*at, "at"), "bad-level", level.at)
                continue
            if place in seen:
                self.sheet.report((*at, "at"), "duplicate-level", level.at, other=seen[place])
            seen.setdefault(place, level.at)
            if place[1]:
                check_duration((*at, "at"), parse_duration(level.at[1:]), calendar, self.desk, self.sheet)
            elif days and place[0] != 1:
                self.sheet.report((*at, "at"), "share-of-working-days", level.at, goal=days.text)


def check_people(desk: DeskSpec, sheet: Sheet) -> None:
    """Report what is wrong with shifts, with when people are told, and with the ladder."""
    for name, person in desk.members.items():
        check_calendar(("members", name, "shift"), person.shift, desk, sheet)
    for whose in ("members", "customer"):
        if hours := getattr(desk.delivery.hours, whose):
            check_calendar(("delivery", "hours", whose, "calendar"), hours.calendar, desk, sheet)
    for length in ("first", "longest"):
        check_duration(("delivery", "retry", length), getattr(desk.delivery.retry, length), ALWAYS, desk, sheet)
    if desk.ladder is None:
        return
    check_duration(("ladder", "hold"), desk.ladder.hold, ALWAYS, desk, sheet)
    rungs = desk.ladder.rungs
    if not rungs:
        sheet.report(("ladder", "rungs"), "empty-list")
    for at, rung in enumerate(rungs):
        path: Path = ("ladder", "rungs", at)
        known = ["lead", *desk.roles, *desk.members]
        if rung.after is None:
            sheet.report(path, "missing-key", "after")
        else:
            check_duration((*path, "after"), rung.after, ALWAYS, desk, sheet)
        if not sheet.expect((*path, "to"), "unknown-rung", rung.to, known):
            continue
        member = desk.members.get(rung.to)
        if at == len(rungs) - 1 and (member is None or member.shift):
            sheet.report((*path, "to"), "last-rung", rung.to)
        else:
            _check_duty((*path, "to"), rung.to, desk, sheet)
    told = {name for rung in rungs for names in _told(rung.to, desk).values() for name in names}
    if told and not any(desk.grants(desk.members[name].roles, "acknowledge") for name in told if name in desk.members):
        sheet.report(("ladder",), "nobody-acknowledges", ", ".join(sorted(told)), key=True)


def _told(to: str, desk: DeskSpec) -> dict[str, tuple[str, ...]]:
    """Return the members whom a rung may tell, by how they are called."""
    if to == "lead":
        return {f"lead ({name})": team.lead for name, team in desk.teams.items()}
    if to in desk.members:
        return {to: (to,)}
    return {to: tuple(name for name, member in desk.members.items() if to in member.roles)}


def _check_duty(path: Path, to: str, desk: DeskSpec, sheet: Sheet) -> None:
    """Report the first hour of the week at which nobody is on duty for a rung: holidays left aside."""
    for text, names in _told(to, desk).items():
        if not names:
            sheet.report(path, "unheld-role", text)
        elif (gap := first_gap(desk, names)) is not None:
            day, minute = divmod(gap, DAY)
            sheet.report(path, "rung-unattended", text, day=DAYS[day], time=f"{minute // 60:02}:{minute % 60:02}")


def first_gap(desk: DeskSpec, names: Iterable[str]) -> int | None:
    """Return the first minute of the desk's week at which none of these members is on duty; None where one always is.

    Shifts of another zone are compared as they lie in January; what cannot be read leaves no gap.
    """
    shifts = {desk.members[name].shift if name in desk.members else None for name in names}
    if None in shifts:
        return None
    attended = 0  # a bit for each minute; a week may run over into the next, or begin in the one before
    for shift in shifts:
        hours = _hours(desk.calendars.get(shift or ""), desk)
        if hours is None:
            return None
        ahead = (_offset(ZoneInfo(desk.zone)) - _offset(hours.zone)) // MINUTE
        for at, segments in enumerate(hours.weekly):
            for begin, end in segments:
                attended |= ((1 << (end - begin)) - 1) << (at * DAY + begin + ahead + WEEK)
    attended |= attended >> WEEK | attended >> 2 * WEEK
    free = ~attended & ((1 << WEEK) - 1)
    return (free & -free).bit_length() - 1 if free else None


def _offset(zone: ZoneInfo) -> timedelta:
    return JANUARY.astimezone(zone).utcoffset() or timedelta()


def _hours(spec: CalendarSpec | None, desk: DeskSpec) -> OpeningHours | None:
    """Return a calendar's hours; None for `always`, and for one that something is wrong with."""
    try:
        return OpeningHours(spec, desk.zone) if spec else None
    except (ValueError, KeyError, OSError):
        return None


def check_announced(desk: DeskSpec, types: Iterable[TicketType], today: date, sheet: Sheet) -> None:
    """Report the calendars on which a limit that begins today may lie outside the announced public holidays."""
    limits = list(_limits(types))
    for name, spec in desk.calendars.items():
        hours = _hours(spec, desk)
        if hours is None or hours.public is None or not any(hours.weekly):
            continue
        worth = {limit.text: _days_taken(limit, hours) for calendar, limit in limits if calendar == name}
        longest = max(worth, key=lambda text: worth[text], default=None)
        path = ("calendars", name, "public_holidays")
        since, through = hours.public.announced_from, hours.public.announced_through
        if longest is not None and today < since:
            sheet.report(path, "holidays-unknown", longest, since=since.isoformat())
        elif longest is not None and worth[longest] > (through - today).days:
            sheet.report(path, "holidays-unannounced", longest, through=through.isoformat())


def _limits(types: Iterable[TicketType]) -> Iterator[tuple[str, Duration]]:
    for definition in types:
        for rule in definition.slas.values():
            yield from ((rule.calendar, goal) for goal in rule.goal.values())
        for state in definition.states.values():
            for timeout in state.timeouts.values():
                yield from ((timeout.calendar, each) for each in (timeout.after, timeout.every) if each)


def _days_taken(limit: Duration, hours: OpeningHours) -> float:
    """Return about how many days a limit takes, in weeks without holidays."""
    if limit.working_days:
        return limit.working_days * 7 / sum(bool(segments) for segments in hours.weekly)
    week = sum(end - begin for segments in hours.weekly for begin, end in segments)
    return limit.length / MINUTE / week * 7
