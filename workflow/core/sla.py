"""SLA clocks: stopwatches over a ticket's history, as a pure fold. The live unit and a rebuild take the same steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

from workflow.core.guard import Rules
from workflow.core.model import HistoryEntry, SlaClock, Ticket, Timer, last_cycle, replace
from workflow.core.stopwatch import ASKED, MOVES, NO_TIME, Stopwatch, banked, by_working_days, with_due
from workflow.definition.resolve import SlaLevel, SlaRule, within

FIRST_POSITION = 10_000  # after every timeout of a state
LEVELS = 100
CAME_IN = "opened_at"  # said by the opening of a ticket that came in mid-flow
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
    if CAME_IN in entry.data:
        return _brought_in(rules, ticket, entry)
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
    done: list[Stopwatch] = []
    for name, rule in definition.slas.items():
        if name not in touched:
            continue
        old = last_cycle(clocks, name)
        steps = Stopwatch(rules, rule, old, entry, ticket.priority, moved.get(name, frozenset()))
        steps.take()
        if steps.clock is old or steps.clock is None:
            continue
        changed.append(steps.clock)
        kept = [clock for clock in clocks if clock is not old] if old else clocks
        clocks = (*kept, *steps.ended, steps.clock)
        done.append(steps)
    if not changed:
        return ticket, entry, ()
    return _with(ticket, clocks), _noting(entry, done), tuple(changed)


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
    clock = banked(clock, before, at)
    wanted = rule.goal_for(priority)
    if wanted.working_days and clock.status == "running":
        clock = replace(clock, goal=by_working_days(clock, after, wanted, at) + clock.extension)
    return with_due(clock, after)


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
    done: list[Stopwatch] = []
    for name in {**was.slas, **now.slas}:
        last, before, rule = last_cycle(clocks, name), was.slas.get(name), now.slas.get(name)
        steps = Stopwatch(new if rule else old, rule or was.slas[name], last, entry, ticket.priority, ())
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
        done.append(steps)
    return _with(ticket, clocks), _noting(entry, done), tuple(altered)


def _brought_in(rules: Rules, ticket: Ticket, entry: HistoryEntry) -> tuple[Ticket, HistoryEntry, tuple[SlaClock, ...]]:
    """Return a ticket that came in mid-flow with the clocks between whose start and stop it stands.

    A clock that starts where the ticket is counts from when it came there, one that starts before from its opening. Of
    the levels that are past by then only the highest fires.
    """
    definition = rules.compiled.definition
    opened_at = datetime.fromisoformat(entry.data[CAME_IN])
    found: list[Stopwatch] = []
    for rule in definition.slas.values() if definition.stage_of(entry.state) != "archive" else ():
        if definition.spans(rule, entry.state):
            here = any(within(entry.state, place) for place in rule.start)
            steps = Stopwatch(rules, rule, None, entry, ticket.priority, ())
            steps.attach(entry.happened_at if here else opened_at, rules)
            found.append(steps)
    clocks = tuple(steps.clock for steps in found if steps.clock)
    return _with(ticket, clocks), _noting(entry, found), clocks


def _with(ticket: Ticket, clocks: Iterable[SlaClock]) -> Ticket:
    return replace(ticket, clocks=tuple(sorted(clocks, key=lambda clock: (clock.name, clock.cycle))))


def _noting(entry: HistoryEntry, done: Iterable[Stopwatch]) -> HistoryEntry:
    """Return an entry that says what it did to the clocks."""
    notes = {steps.rule.name: steps.words for steps in done if steps.words}
    skipped = {steps.rule.name: steps.skipped for steps in done if steps.skipped}
    told = {word: what for word, what in (("clocks", notes), ("skipped", skipped)) if what}
    return replace(entry, data={**entry.data, **told}) if told else entry


def counted(rules: Rules, ticket: Ticket, now: datetime) -> tuple[SlaClock, ...]:
    """Return a ticket's clocks with what has elapsed of the running ones up to now."""
    slas = rules.compiled.definition.slas
    return tuple(
        banked(clock, rules.calendar(slas[clock.name].calendar), max(now, clock.since))
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
