"""Why a ticket is due when it is due, and what will come of it: worked out as values, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workflow.core import people
from workflow.core.calendar import ALWAYS
from workflow.core.giving import Roster
from workflow.core.guard import Rules
from workflow.core.ladder import NO_LADDER
from workflow.core.model import NOTHING, HistoryEntry, Message, SlaClock, Ticket, Timer
from workflow.core.sla import CAME_IN, RulesOf, level_of
from workflow.core.steps import Step, outline
from workflow.core.unit import run_unit
from workflow.definition.resolve import TicketType, state_names

FORESEEN = 100  # instants: a ladder's last rung may come again and again before a limit of days does
ENDS = ("met", "missed", "cancelled")


@dataclass(frozen=True, slots=True)
class Count:
    """A length of time as a calendar counts it: `counted` is its open time, `steps` outline where that lies."""

    calendar: str
    begin: datetime
    end: datetime
    counted: timedelta
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Wake:
    """An armed timer: how its due time comes about, and what it does if nobody does anything before.

    `length` is how the author wrote it. What was counted `before` the first of `counts` is an SLA clock's. `fate` is
    `fires`, `skipped`, `incident`, `dropped` (an earlier timer ends what it stands on) or `unknown` (too far ahead);
    `entries` and `messages` are what it will write and whom it will tell. `unannounced` says that it is due outside the
    public holidays that are known.
    """

    timer: Timer
    label: Mapping[str, str]
    length: str
    counts: tuple[Count, ...]
    before: timedelta
    fate: str
    state: str | None
    entries: tuple[HistoryEntry, ...]
    messages: tuple[Message, ...]
    unannounced: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a clock's cycle in which it was `running` or `paused`; the last one may have no end yet."""

    status: str
    state: str
    begin: datetime
    end: datetime | None
    counted: timedelta


@dataclass(frozen=True, slots=True)
class ClockStory:
    """One cycle of an SLA clock with the stretches it ran and stood still; together they make `elapsed`."""

    clock: SlaClock
    label: Mapping[str, str]
    calendar: str
    elapsed: timedelta
    stretches: tuple[Stretch, ...]

    @property
    def left(self) -> timedelta:
        """What is left of the goal; below zero where it is used up."""
        return self.clock.goal - self.elapsed


@dataclass(frozen=True, slots=True)
class Duty:
    """One rung of the ladder: who is on duty on it `now`, and who `then`, when the next rung is due."""

    rung: int
    to: str
    after: str | None
    now: str | None
    then: str | None


def place_calendar(definition: TicketType, state: str) -> str:
    """Return the calendar that durations in a state count on, unless they name another."""
    _, room, own = state_names(definition.spec)[state]
    return (own and own.calendar) or room.calendar or definition.spec.calendar


def wakes(
    rules: Rules,
    ticket: Ticket,
    timers: Iterable[Timer],
    history: Sequence[HistoryEntry],
    rules_of: RulesOf,
    roster: Roster | None = None,
) -> tuple[Wake, ...]:
    """Return what each armed timer waits for and will do, the first due first.

    The ticket, its timers and its history are as caught up; `roster` is as of now.
    """
    waiting = sorted(timers, key=lambda timer: timer.order)
    found: dict[tuple[str, str, int, int], Wake] = {}
    now, armed = ticket, tuple(waiting)
    for _ in range(FORESEEN):
        if len(found) == len(waiting) or not armed:
            break
        at = min(timer.due_at for timer in armed)
        outcome = run_unit(rules, now, armed, limit=at, fired_at=at, roster=roster)
        there = {timer.key for timer in armed}
        for timer in waiting:
            if timer.due_at == at and timer.key in there:
                found[timer.key] = _wake(rules, ticket, timer, history, rules_of, outcome.entries, outcome.messages)
        now, armed = outcome.ticket, outcome.timers
    left = {timer.key for timer in armed}
    for timer in waiting:
        if timer.key not in found:
            fate = "unknown" if timer.key in left else "dropped"
            found[timer.key] = replace(_wake(rules, ticket, timer, history, rules_of, (), ()), fate=fate)
    return tuple(found[timer.key] for timer in waiting)


def _wake(
    rules: Rules,
    ticket: Ticket,
    timer: Timer,
    history: Sequence[HistoryEntry],
    rules_of: RulesOf,
    entries: Iterable[HistoryEntry],
    messages: Iterable[Message],
) -> Wake:
    cause = ":".join(map(str, timer.key if timer.kind != "rung" else (timer.kind, timer.cycle, timer.occurrence)))
    own = tuple(entry for entry in entries if entry.timer == timer.key or entry.data.get("cause") == cause)
    turn = next((entry for entry in own if entry.timer == timer.key), None)
    fate = "dropped" if turn is None else turn.kind if turn.kind in ("skipped", "incident") else "fires"
    label, length, calendar, before, counts = _reckoned(rules, ticket, timer, history, rules_of)
    return Wake(
        timer, label, length, counts, before, fate, turn.dest if turn else None, own,
        tuple(message for message in messages if message.reason == cause),
        rules.calendar(calendar).outside_announced(timer.due_at),
    )  # fmt: skip


def _reckoned(
    rules: Rules, ticket: Ticket, timer: Timer, history: Sequence[HistoryEntry], rules_of: RulesOf
) -> tuple[Mapping[str, str], str, str, timedelta, tuple[Count, ...]]:
    """Return a timer's label, length and calendar, and how its due time was counted."""
    none = timedelta()
    match timer.kind:
        case "timeout":
            timeout = rules.compiled.definition.states[ticket.state].timeouts[timer.name]
            start, length = _start(ticket, timer, history), timeout.after
            if timer.occurrence > 1 and timeout.every:
                length = timeout.every
            if length.working_days:
                calendar = rules.calendar(timeout.calendar)
                walk = tuple(outline(calendar, start, timer.due_at, length.working_days))
                known = calendar.elapsed(start, timer.due_at)
                counts: tuple[Count, ...] = (Count(timeout.calendar, start, timer.due_at, known, walk),)
            else:
                counts = _counts(timeout.calendar, start, timer.due_at, history, rules, rules_of)
            return timeout.label, length.text, timeout.calendar, none, counts
        case "sla":
            rule, level = level_of(rules, timer.name)
            clock = ticket.clock(rule.name)
            assert clock is not None and clock.since is not None  # noqa: S101, PT018 - the timer stands on it
            since = min(clock.since, timer.due_at)
            count = _count(rules, rule.calendar, since, timer.due_at)
            return rule.label, level.at, rule.calendar, clock.elapsed, (count,)
        case "rung":
            return NOTHING, _rung_length(rules, ticket), ALWAYS.name, none, ()
    return NOTHING, "-1h" if timer.name == "warning" else "", ALWAYS.name, none, ()


def _start(ticket: Ticket, timer: Timer, history: Sequence[HistoryEntry]) -> datetime:
    """Return from when a timeout counts: the entry, or where it repeats, the due time before."""
    before = (*timer.key[:3], timer.occurrence - 1)
    last = next((entry for entry in reversed(history) if entry.timer == before), None)
    return datetime.fromisoformat(last.data["due_at"]) if last else ticket.entered_at


def _rung_length(rules: Rules, ticket: Ticket) -> str:
    spec, ladder = rules.desk.ladder or NO_LADDER, ticket.ladder
    if ladder is None or ladder.held_by is not None:
        return spec.hold.text
    after = spec.rungs[min(ladder.rung, len(spec.rungs)) - 1].after
    return after.text if after else ""


def _counts(
    calendar: str, begin: datetime, end: datetime, history: Sequence[HistoryEntry], rules: Rules, rules_of: RulesOf
) -> tuple[Count, ...]:
    """Return how a length is counted, each part on the calendar of its time."""
    found: list[Count] = []
    cuts = [entry for entry in history if entry.kind == "rearmed" and begin <= entry.happened_at < end]
    for cut in cuts:
        before = history[history.index(cut) - 1]
        old = rules_of(before.type, before.version, before.desk_revision)
        found.append(_count(old, calendar, begin, cut.happened_at))
        begin = cut.happened_at
    return (*(part for part in found if part.begin < part.end), _count(rules, calendar, begin, end))


def _count(rules: Rules, name: str, begin: datetime, end: datetime) -> Count:
    calendar = rules.calendar(name)
    return Count(name, begin, end, calendar.elapsed(begin, end), tuple(outline(calendar, begin, end)))


def clock_stories(
    rules: Rules, ticket: Ticket, history: Iterable[HistoryEntry], rules_of: RulesOf, at: datetime
) -> tuple[ClockStory, ...]:
    """Return every cycle of the ticket's SLA clocks with its stretches, read from the history, as of `at`."""
    told = list(history)
    stories = []
    slas = rules.compiled.definition.slas
    for name in dict.fromkeys(clock.name for clock in ticket.clocks):
        cycles = {clock.cycle: clock for clock in ticket.clocks if clock.name == name}
        stretches = _stretches(name, cycles, told, rules_of, at)
        label, calendar = (slas[name].label, slas[name].calendar) if name in slas else (NOTHING, "")
        for cycle, clock in cycles.items():
            own = tuple(stretches.get(cycle, ()))
            elapsed = sum((part.counted for part in own if part.status == "running"), timedelta())
            stories.append(ClockStory(clock, label, calendar, elapsed, own))
    return tuple(stories)


def _stretches(
    name: str, cycles: Mapping[int, SlaClock], history: Iterable[HistoryEntry], rules_of: RulesOf, at: datetime
) -> dict[int, list[Stretch]]:
    found: dict[int, list[Stretch]] = {}
    cycle, since, status, state = 0, at, "", ""
    measure: Callable[[datetime, datetime], timedelta] = ALWAYS.elapsed

    def close(end: datetime | None) -> None:
        if status in ("running", "paused"):
            length = measure(since, at if end is None else end) if status == "running" else timedelta()
            found.setdefault(cycle, []).append(Stretch(status, state, since, end, length))

    for entry in history:
        words = entry.data.get("clocks", {}).get(name, ())
        if entry.kind in ("rearmed", "migrated") and status == "running":
            words = ("running", *words)
        for word in words:
            if word not in ("running", "paused", *ENDS):
                continue
            close(entry.happened_at)
            since, following = entry.happened_at, cycles.get(cycle + 1)
            if (
                word == "running"
                and status not in ("running", "paused")
                and following is not None
                and (following.started_at == since or CAME_IN in entry.data)
            ):
                cycle, since = cycle + 1, following.started_at
            status, state = word, entry.state
            then = rules_of(entry.type, entry.version, entry.desk_revision)
            if rule := then.compiled.definition.slas.get(name):
                measure = then.calendar(rule.calendar).elapsed
    close(None)
    return {
        number: [part for part in parts if part.end is None or part.begin < part.end] for number, parts in found.items()
    }


def duties(rules: Rules, ticket: Ticket, timers: Iterable[Timer], at: datetime) -> tuple[Duty, ...]:
    """Return who is on duty on each rung of the ladder, now and when the next rung is due."""
    due = next((timer.due_at for timer in timers if timer.kind == "rung"), None)
    return tuple(
        Duty(
            number,
            rung.to,
            rung.after.text if rung.after else None,
            people.on_rung(rules, ticket, rung.to, at),
            people.on_rung(rules, ticket, rung.to, due) if due else None,
        )
        for number, rung in enumerate((rules.desk.ladder or NO_LADDER).rungs, 1)
    )
