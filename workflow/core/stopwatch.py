"""One cycle of an SLA clock: what an entry of the history does to it, and how its time is counted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from workflow.core.calendar import Calendar
from workflow.core.guard import Rules
from workflow.core.model import HistoryEntry, SlaClock, replace
from workflow.definition.duration import Duration
from workflow.definition.model import AUTOMATIC_ACTORS
from workflow.definition.resolve import SlaRule

MOVES = ("opened", "advanced", "fired", "repaired")
ASKED = ("extension_asked", "extension_refused", "extended")
NO_TIME = timedelta()


class Stopwatch:
    """What one entry of the history does to one clock: `clock` is its last cycle, `ended` are those before that.

    `calls_for` says what a move has named of cancel, stop, reset and start.
    """

    def __init__(
        self,
        rules: Rules,
        rule: SlaRule,
        clock: SlaClock | None,
        entry: HistoryEntry,
        priority: str,
        calls_for: Collection[str],
    ) -> None:
        self.rule, self.clock, self.entry, self.priority, self.calls_for = rule, clock, entry, priority, calls_for
        self.calendar = rules.calendar(rule.calendar)
        self.states = rules.compiled.definition.states
        self.at = entry.happened_at
        self.ended: list[SlaClock] = []
        self.words: list[str] = []
        self.skipped: list[str] = []

    def take(self) -> None:
        """Let the entry happen to the clock."""
        entry, clock = self.entry, self.clock
        if clock is not None and entry.timer is not None and entry.timer[0] == "sla":
            self.clock = self.after_turn(clock, entry.timer)
        elif entry.kind in MOVES:
            self.clock = self.after_move(clock)
        elif clock is not None and entry.kind in ASKED and entry.data["sla"] == self.rule.name:
            self.clock = self.after_asking(clock)
        if self.clock is not None and self.clock.is_open and "priority" in entry.data:
            self.clock = self.with_goal(self.clock, self.base_goal(self.clock) + self.clock.extension)

    def after_turn(self, clock: SlaClock, timer: tuple[str, str, int, int]) -> SlaClock:
        """Return the clock after a level's turn."""
        _, name, cycle, occurrence = timer
        owner, _, at = name.partition("/")
        if (owner, cycle) != (clock.name, clock.cycle) or self.entry.kind == "incident":
            return clock
        level, turns = self.rule.levels[at], clock.spent.get(at, 0)
        merged = len(self.entry.data.get("merged", (self.at,)))
        place = level.need(clock.goal) + turns * clock.goal
        last = place + (merged - 1) * clock.goal
        past = level.turns(clock.goal, banked(clock, self.calendar, self.at).elapsed)
        return replace(
            clock,
            fired={**clock.fired, at: occurrence},
            spent={**clock.spent, at: max(turns + merged, past)},
            breached=clock.breached or last >= clock.goal,
            at_risk=clock.at_risk or place < clock.goal,
        )

    def after_move(self, clock: SlaClock | None) -> SlaClock | None:
        """Cancel, stop, reset, start, in this order; then the clock is paused just while the ticket is in a pause."""
        entry, rule = self.entry, self.rule
        archived = entry.dest is not None and self.states[entry.dest].stage == "archive"
        counts = rule.stop_by == "anyone" or entry.actor not in AUTOMATIC_ACTORS
        stops = "stop" in self.calls_for and counts
        if clock is not None and clock.is_open:
            if "cancel" in self.calls_for or (archived and not counts):
                clock = self.end(clock, "cancelled")
            elif stops or archived:
                clock = self.end(clock, self.verdict(clock))
            elif "reset" in self.calls_for:
                clock = self.begin(self.end(clock, self.verdict(clock)))
        if (clock is None or not clock.is_open) and not stops and not archived and "start" in self.calls_for:
            clock = self.start(clock)
        return self.in_place(clock) if clock is not None and clock.is_open else clock

    def in_place(self, clock: SlaClock) -> SlaClock:
        """Pause an open clock, or let it go on, by where the ticket is."""
        pauses = self.rule.pauses_in(self.entry.state)
        if pauses and clock.status == "running":
            self.words.append("paused")
            breached = self.verdict(clock) == "missed"
            due = clock.due_at if breached else None
            clock = banked(clock, self.calendar, self.at)
            return replace(clock, status="paused", since=None, due_at=due, breached=breached)
        if not pauses and clock.status == "paused":
            return self.run(clock)
        return clock

    def carried(self, clock: SlaClock, before: SlaRule | None, old: Rules) -> SlaClock:
        """Return an open clock under this rule in place of the one before; under the same one nothing changes."""
        same = before and replace(before, position=self.rule.position, label=self.rule.label)
        if before is None or same != self.rule:
            breached = self.verdict(clock) == "missed"
            calendar = old.calendar((before or self.rule).calendar)
            clock = replace(banked(clock, calendar, self.at), breached=breached)
            clock = self.with_goal(clock, self.base_goal(clock) + clock.extension, anew=True)
        return self.in_place(clock)

    def attach(self, since: datetime, rules: Rules) -> None:
        """Begin a first cycle that has run since then by the same rules, and goes on where the ticket stands."""
        now, self.at = self.at, since
        begun = self.begin(None)
        self.at = now
        self.clock = self.carried(begun, None, rules)
        if self.clock.status == "paused" and self.clock.breached:  # no level is there to tell it
            self.words.append("breached")

    def verdict(self, clock: SlaClock) -> str:
        """Say whether a cycle that ends now is met or missed."""
        late = clock.status == "running" and clock.due_at is not None and clock.due_at < self.at
        return "missed" if clock.breached or late else "met"

    def end(self, clock: SlaClock, status: str) -> SlaClock:
        """End the cycle; what was missed by then ends so, even where it is cancelled."""
        if self.verdict(clock) == "missed":
            status = "missed"
        self.words.append(status)
        clock = banked(clock, self.calendar, self.at)
        breached = clock.breached or status == "missed"
        return replace(clock, status=status, since=None, ended_at=self.at, breached=breached, asked=None)

    def start(self, clock: SlaClock | None) -> SlaClock:
        """Return a clock that is started, anew or again, as it says of being reopened."""
        if clock is None or clock.status == "cancelled" or self.rule.reopen == "new_cycle":
            return self.begin(clock)
        if self.rule.reopen != "continue":
            return clock
        clock = self.run(replace(clock, ended_at=None))
        return self.with_goal(clock, self.base_goal(clock) + clock.extension)

    def run(self, clock: SlaClock) -> SlaClock:
        """Return a clock that runs from now on."""
        self.words.append("running")
        return replace(clock, status="running", since=self.at, due_at=_due(clock, self.at, self.calendar))

    def begin(self, last: SlaClock | None) -> SlaClock:
        """Return a fresh cycle; a level that lies before its start is skipped."""
        if last is not None:
            self.ended.append(last)
        goal = self.base_goal()
        past = {level.at: turns for level in self.rule.levels.values() if (turns := level.turns(goal, NO_TIME))}
        self.skipped += past
        cycle = last.cycle + 1 if last else 1
        return self.run(SlaClock(self.rule.name, cycle, "running", goal, self.at, spent=past))

    def base_goal(self, clock: SlaClock | None = None) -> timedelta:
        """Return the goal for the ticket's priority; working days are measured from the start of the cycle."""
        wanted = self.rule.goal_for(self.priority)
        if not wanted.working_days:
            return wanted.length
        if clock is None:
            return self.calendar.elapsed(self.at, self.calendar.add(self.at, wanted))
        return by_working_days(banked(clock, self.calendar, self.at), self.calendar, wanted, self.at)

    def with_goal(self, clock: SlaClock, goal: timedelta, *, anew: bool = False) -> SlaClock:
        """Put another goal in force: one still ahead gives every level its turn again; of those past, the highest.

        `anew`, the levels may be others than before, and the goal the same.
        """
        other = goal != clock.goal
        if not (other or anew):
            return clock
        self.words += ["goal"] if other else []
        breached = self.verdict(clock) == "missed"
        clock = replace(banked(clock, self.calendar, self.at), goal=goal, breached=breached)
        ahead = other and goal > clock.elapsed
        spent = {} if ahead else dict(clock.spent)
        past = []
        for index, level in enumerate(self.rule.levels.values()):
            if turns := level.turns(goal, clock.elapsed):
                past.append((level.need(goal) + (turns - 1) * goal, index, level.at, turns))
        highest = max(past, default=None)
        for found in past:
            place, _, at, turns = found
            if spent.get(at, 0) < turns and not (found == highest and place > NO_TIME):
                spent[at] = turns
                self.skipped.append(at)
        return with_due(replace(clock, spent=spent, at_risk=clock.at_risk and not ahead), self.calendar)

    def after_asking(self, clock: SlaClock) -> SlaClock:
        """Return the clock after an extension was asked for, granted or refused."""
        by = timedelta(seconds=self.entry.data["by"]) if "by" in self.entry.data else None
        if self.entry.kind != "extended" or by is None:
            return replace(clock, asked=by)
        return self.with_goal(replace(clock, asked=None, extension=clock.extension + by), clock.goal + by)


def banked(clock: SlaClock, calendar: Calendar, at: datetime) -> SlaClock:
    """Return a clock with what has elapsed by an instant counted."""
    if clock.since is None:
        return clock
    return replace(clock, elapsed=clock.elapsed + calendar.elapsed(clock.since, at), since=at)


def by_working_days(clock: SlaClock, calendar: Calendar, wanted: Duration, at: datetime) -> timedelta:
    """Return a goal of working days as running time of a clock that was banked at `at`."""
    due = calendar.add(clock.started_at, wanted)
    return max(clock.elapsed + calendar.elapsed(at, due) - calendar.elapsed(due, at), timedelta.resolution)


def with_due(clock: SlaClock, calendar: Calendar) -> SlaClock:
    """Return a clock that was just banked with its due time; one that does not run keeps it."""
    return clock if clock.since is None else replace(clock, due_at=_due(clock, clock.since, calendar))


def _due(clock: SlaClock, since: datetime, calendar: Calendar) -> datetime:
    """Return when a clock that runs since then uses its goal up, or did."""
    left = clock.goal - clock.elapsed
    if left > NO_TIME:
        return calendar.add(since, left)
    return clock.due_at if clock.breached and clock.due_at else since
