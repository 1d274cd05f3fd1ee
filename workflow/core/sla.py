"""SLA clocks: stopwatches over a ticket's history, as a pure fold. The live unit and a rebuild take the same steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from workflow.core.calendar import Calendar
from workflow.core.guard import Rules
from workflow.core.model import HistoryEntry, SlaClock, Ticket, Timer, last_cycle, replace
from workflow.definition.duration import Duration
from workflow.definition.model import AUTOMATIC_ACTORS
from workflow.definition.resolve import SlaLevel, SlaRule

MOVES = ("opened", "advanced", "fired")
ASKED = ("extension_asked", "extension_refused", "extended")
FIRST_POSITION = 10_000  # after every timeout of a state
LEVELS = 100
NO_TIME = timedelta()
RulesOf: TypeAlias = Callable[[str, int, int], Rules]


def follow(rules: Rules, ticket: Ticket, entry: HistoryEntry) -> tuple[Ticket, HistoryEntry, tuple[SlaClock, ...]]:
    """Return the ticket with its clocks after an entry of its history, the entry noting it, and the clocks changed.

    The ticket is as the entry left it, but for its clocks.
    """
    if entry.kind == "excused":
        excused = (entry.data["sla"], entry.data["cycle"])
        clocks = tuple(
            replace(each, excused=each.excused or (each.name, each.cycle) == excused) for each in ticket.clocks
        )
        return replace(ticket, clocks=clocks), entry, ()
    definition = rules.compiled.definition
    moved: Mapping[str, frozenset[str]] = {}
    if entry.kind in MOVES and (entry.trigger or entry.dest):
        moved = definition.reactions((entry.trigger, entry.source, entry.dest))
    touched: Iterable[str] = moved
    if entry.kind in ASKED or "priority" in entry.data:
        touched = definition.slas
    elif entry.timer is not None and entry.timer[0] == "sla":
        touched = (entry.timer[1].partition("/")[0],)
    if not touched:
        return ticket, entry, ()
    clocks = ticket.clocks
    changed: list[SlaClock] = []
    notes: dict[str, list[str]] = {}
    skipped: dict[str, list[str]] = {}
    for name, rule in definition.slas.items():
        if name not in touched:
            continue
        old = last_cycle(clocks, name)
        steps = _Steps(rules, rule, old, entry, ticket.priority, moved.get(name, frozenset()))
        steps.take()
        if steps.clock is old or steps.clock is None:
            continue
        changed.append(steps.clock)
        kept = [clock for clock in clocks if clock is not old] if old else clocks
        clocks = (*kept, *steps.ended, steps.clock)
        if steps.words:
            notes[name] = steps.words
        if steps.skipped:
            skipped[name] = steps.skipped
    if not changed:
        return ticket, entry, ()
    if notes:
        entry = replace(entry, data={**entry.data, "clocks": notes, **({"skipped": skipped} if skipped else {})})
    ordered = tuple(sorted(clocks, key=lambda clock: (clock.name, clock.cycle)))
    return replace(ticket, clocks=ordered), entry, tuple(changed)


def timers(rules: Rules, clock: SlaClock, at: datetime) -> tuple[Timer, ...]:
    """Return the timers that a clock needs: one for each level still to come, none of them due before `at`."""
    if clock.status != "running" or clock.since is None:
        return ()
    rule = rules.compiled.definition.slas[clock.name]
    calendar = rules.calendar(rule.calendar)
    found = []
    for index, level in enumerate(rule.levels.values()):
        turns = clock.spent.get(level.at, 0)
        if turns and not level.repeat:
            continue
        left = level.need(clock.goal) + turns * clock.goal - clock.elapsed
        due = max(at, calendar.add(clock.since, left) if left > NO_TIME else clock.since)
        position = FIRST_POSITION + rule.position * LEVELS + index
        occurrence = clock.fired.get(level.at, 0) + 1
        found.append(Timer("sla", timer_name(clock.name, level.at), clock.cycle, occurrence, due, position))
    return tuple(found)


def repeats(rules: Rules, clock: SlaClock, level: SlaLevel) -> Iterator[datetime]:
    """Yield when a level of a running clock that repeats is due after its coming turn: at each further full goal."""
    calendar = rules.calendar(rules.compiled.definition.slas[clock.name].calendar)
    left = level.need(clock.goal) + clock.spent.get(level.at, 0) * clock.goal - clock.elapsed
    while clock.since is not None:
        left += clock.goal
        yield calendar.add(clock.since, left)


def timer_name(clock: str, level: str) -> str:
    """Return the name of a level's timer."""
    return f"{clock}/{level}"


def level_of(rules: Rules, timer: str) -> tuple[SlaRule, SlaLevel]:
    """Return the clock's rule and the level that a timer of this name stands for; raise KeyError for neither."""
    clock, _, at = timer.partition("/")
    rule = rules.compiled.definition.slas[clock]
    return rule, rule.levels[at]


def awaits(ticket: Ticket, timer: Timer) -> bool:
    """Say whether a clock still waits for this firing of a level; other timers are not a clock's business."""
    if timer.kind != "sla":
        return True
    name, _, at = timer.name.partition("/")
    clock = ticket.clock(name)
    return (
        clock is not None and clock.is_open and clock.cycle == timer.cycle and clock.fired.get(at, 0) < timer.occurrence
    )


def is_late_joiner(clock: SlaClock, level: SlaLevel) -> bool:
    """Say whether a level was already past when its goal was put in force."""
    return level.need(clock.goal) + clock.spent.get(level.at, 0) * clock.goal < clock.elapsed


def recount(old: Rules, new: Rules, clock: SlaClock, priority: str, at: datetime) -> SlaClock:
    """Return a clock under another desk revision: what has elapsed stays as counted, what remains counts anew."""
    if not clock.is_open or clock.name not in new.compiled.definition.slas:
        return clock
    rule = new.compiled.definition.slas[clock.name]
    before, after = old.calendar(rule.calendar), new.calendar(rule.calendar)
    clock = _banked(clock, before, at)
    wanted = rule.goal_for(priority)
    if wanted.working_days and clock.status == "running":
        clock = replace(clock, goal=_by_working_days(clock, after, wanted, at) + clock.extension)
    return _with_due(clock, after)


def migrated(
    old: Rules, new: Rules, ticket: Ticket, entry: HistoryEntry
) -> tuple[Ticket, HistoryEntry, tuple[SlaClock, ...]]:
    """Return the ticket with its clocks under another definition, the entry noting it, and the clocks changed.

    An open clock of the same name goes on with the new goal, any other is cancelled. One that is new is attached where
    the ticket stands between its start and its stop; one that the entry names as `resumed` goes on where it was.
    """
    was, now = old.compiled.definition, new.compiled.definition
    source = entry.data["from"][2]
    clocks = ticket.clocks
    altered: list[SlaClock] = []
    notes: dict[str, list[str]] = {}
    skipped: dict[str, list[str]] = {}
    for name in {**was.slas, **now.slas}:
        last, before, rule = last_cycle(clocks, name), was.slas.get(name), now.slas.get(name)
        steps = _Steps(new if rule else old, rule or was.slas[name], last, entry, ticket.priority, ())
        if last is not None and last.is_open:
            steps.clock = steps.carried(last, before, old) if rule else steps.end(last, "cancelled")
        elif last is not None and rule and name in entry.data.get("resumed", ()):
            steps.clock = steps.carried(steps.run(replace(last, ended_at=None)), None, new)
        elif last is None and rule and now.spans(rule, entry.state) and not (before and was.spans(before, source)):
            steps.clock = steps.in_place(steps.begin(None))
        if steps.clock is last or steps.clock is None:
            continue
        altered.append(steps.clock)
        clocks = (*(clock for clock in clocks if clock is not last), steps.clock)
        notes |= {name: steps.words} if steps.words else {}
        skipped |= {name: steps.skipped} if steps.skipped else {}
    told = {word: what for word, what in (("clocks", notes), ("skipped", skipped)) if what}
    ordered = tuple(sorted(clocks, key=lambda clock: (clock.name, clock.cycle)))
    return replace(ticket, clocks=ordered), replace(entry, data={**entry.data, **told}), tuple(altered)


def counted(rules: Rules, ticket: Ticket, now: datetime) -> tuple[SlaClock, ...]:
    """Return a ticket's clocks with what has elapsed of the running ones up to now."""
    slas = rules.compiled.definition.slas
    return tuple(
        _banked(clock, rules.calendar(slas[clock.name].calendar), max(now, clock.since))
        if clock.since is not None and clock.name in slas
        else clock
        for clock in ticket.clocks
    )


def rebuild(ticket: Ticket, history: Iterable[HistoryEntry], rules_of: RulesOf) -> tuple[SlaClock, ...]:
    """Return the clocks that a ticket's history says it has.

    `rules_of` knows the rules of a type, a version and a desk revision that entries name.
    """
    bare = replace(ticket, clocks=())
    revision = 0
    for entry in history:
        if entry.kind == "migrated":
            kind, version, _ = entry.data["from"]
            old, new = rules_of(kind, version, revision), rules_of(entry.type, entry.version, revision)
            bare, _, _ = migrated(old, new, bare, entry)
        if entry.kind == "rearmed":
            old = rules_of(entry.type, entry.version, revision)
            rules = rules_of(entry.type, entry.version, entry.desk_revision)
            clocks = (recount(old, rules, clock, bare.priority, entry.happened_at) for clock in bare.clocks)
            bare = replace(bare, clocks=tuple(clocks))
        if entry.kind == "rearmed" or not any(clock.status == "running" for clock in bare.clocks):
            revision = entry.desk_revision
        if "priority" in entry.data:
            bare = replace(bare, priority=entry.data["priority"])
        bare, _, _ = follow(rules_of(entry.type, entry.version, revision), bare, entry)
    return bare.clocks


class _Steps:
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
        past = level.turns(clock.goal, _banked(clock, self.calendar, self.at).elapsed)
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
            clock = _banked(clock, self.calendar, self.at)
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
            clock = replace(_banked(clock, calendar, self.at), breached=breached)
            clock = self.with_goal(clock, self.base_goal(clock) + clock.extension, anew=True)
        return self.in_place(clock)

    def verdict(self, clock: SlaClock) -> str:
        late = clock.status == "running" and clock.due_at is not None and clock.due_at < self.at
        return "missed" if clock.breached or late else "met"

    def end(self, clock: SlaClock, status: str) -> SlaClock:
        """End the cycle; what was missed by then ends so, even where it is cancelled."""
        if self.verdict(clock) == "missed":
            status = "missed"
        self.words.append(status)
        clock = _banked(clock, self.calendar, self.at)
        breached = clock.breached or status == "missed"
        return replace(clock, status=status, since=None, ended_at=self.at, breached=breached, asked=None)

    def start(self, clock: SlaClock | None) -> SlaClock:
        if clock is None or clock.status == "cancelled" or self.rule.reopen == "new_cycle":
            return self.begin(clock)
        if self.rule.reopen != "continue":
            return clock
        clock = self.run(replace(clock, ended_at=None))
        return self.with_goal(clock, self.base_goal(clock) + clock.extension)

    def run(self, clock: SlaClock) -> SlaClock:
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
        return _by_working_days(_banked(clock, self.calendar, self.at), self.calendar, wanted, self.at)

    def with_goal(self, clock: SlaClock, goal: timedelta, *, anew: bool = False) -> SlaClock:
        """Put another goal in force: one still ahead gives every level its turn again; of those past, the highest.

        `anew`, the levels may be others than before, and the goal the same.
        """
        other = goal != clock.goal
        if not (other or anew):
            return clock
        self.words += ["goal"] if other else []
        breached = self.verdict(clock) == "missed"
        clock = replace(_banked(clock, self.calendar, self.at), goal=goal, breached=breached)
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
        return _with_due(replace(clock, spent=spent, at_risk=clock.at_risk and not ahead), self.calendar)

    def after_asking(self, clock: SlaClock) -> SlaClock:
        """Return the clock after an extension was asked for, granted or refused."""
        by = timedelta(seconds=self.entry.data["by"]) if "by" in self.entry.data else None
        if self.entry.kind != "extended" or by is None:
            return replace(clock, asked=by)
        return self.with_goal(replace(clock, asked=None, extension=clock.extension + by), clock.goal + by)


def _banked(clock: SlaClock, calendar: Calendar, at: datetime) -> SlaClock:
    if clock.since is None:
        return clock
    return replace(clock, elapsed=clock.elapsed + calendar.elapsed(clock.since, at), since=at)


def _by_working_days(clock: SlaClock, calendar: Calendar, wanted: Duration, at: datetime) -> timedelta:
    """Return a goal of working days as running time of a clock that was banked at `at`."""
    due = calendar.add(clock.started_at, wanted)
    return max(clock.elapsed + calendar.elapsed(at, due) - calendar.elapsed(due, at), timedelta.resolution)


def _with_due(clock: SlaClock, calendar: Calendar) -> SlaClock:
    return clock if clock.since is None else replace(clock, due_at=_due(clock, clock.since, calendar))


def _due(clock: SlaClock, since: datetime, calendar: Calendar) -> datetime:
    """Return when a clock that runs since then uses its goal up, or did."""
    left = clock.goal - clock.elapsed
    if left > NO_TIME:
        return calendar.add(since, left)
    return clock.due_at if clock.breached and clock.due_at else since
