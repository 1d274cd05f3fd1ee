"""Where the clocks of a ticket type run: each can end, no pause is for ever, and no ticket rests where nobody looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta

from workflow.definition.duration import Duration
from workflow.definition.flow import Way, graph_of, place_path, reach
from workflow.definition.resolve import ALWAYS, SlaRule, TicketType, Timeout, within
from workflow.definition.sheet import Sheet
from workflow.definition.tree import Path

MOST_STEPS = 20_000
Chain = tuple[Timeout, ...]
Used = frozenset[tuple[Path, int]]
FAULTS = frozenset({"start-inside-stop", "sla-never-stops", "pause-without-end"})


def check_clocks(definition: TicketType, ways: list[Way], sheet: Sheet) -> None:
    """Report what is wrong with the clocks of a type through which a ticket can go these ways.

    Where a clock itself is wrong, nobody asks which states it watches.
    """
    clocks = [_Course(definition, rule, ways) for rule in definition.slas.values()]
    for clock in clocks:
        _check_course(clock, sheet)
        _check_pauses(clock, sheet)
        _check_goal(clock, sheet)
    if sheet.codes & FAULTS:
        return
    reached = reach([definition.initial], graph_of((way.source.name, way.dest) for way in ways))
    for name, state in definition.states.items():
        watched = state.timeouts or any(name in clock.surely and name not in clock.paused for clock in clocks)
        if name in reached and state.stage != "archive" and not watched:
            sheet.report(place_path(state), "resting-unseen", name, key=True)


class _Course:
    """One clock on the ways of its type.

    `maybe` are the states in which it may be running or paused, `surely` those that no ticket comes to without its
    having been started since it was last stopped. A start that reopens a clock counts, whatever its `reopen` says.
    """

    def __init__(self, definition: TicketType, rule: SlaRule, ways: list[Way]) -> None:
        self.definition, self.rule, self.ways = definition, rule, ways
        self.paused = self.states_of(rule.pause)
        self.opens = definition.initial in self.states_of(rule.start) - self.states_of(rule.stop)
        self.into: dict[str, list[tuple[bool, str, bool]]] = {name: [] for name in definition.states}
        for way in ways:
            self.into[way.dest].append((self.starts(way), way.source.name, self.ends(way)))
        self.maybe = self._spread(any, set())
        self.surely = self._spread(all, set(definition.states))

    def states_of(self, names: Iterable[str]) -> set[str]:
        """Return the states that some places hold."""
        return {state for state in self.definition.states for name in names if within(state, name)}

    def starts(self, way: Way) -> bool:
        """Say whether a way starts the clock; what stops it at once does not."""
        return touches(way, self.rule.start) and not self.stops(way)

    def stops(self, way: Way) -> bool:
        """Say whether a way stops the clock."""
        return touches(way, self.rule.stop) and (way.name is None or self.rule.stop_by == "anyone")

    def ends(self, way: Way) -> bool:
        """Say whether a way stops or cancels the clock."""
        return self.stops(way) or touches(way, self.rule.cancel)

    def _spread(self, joined: Callable[[list[bool]], bool], on: set[str]) -> set[str]:
        """Return the states in which the clock is on, if several ways come together as `joined` says."""
        while True:
            before, on = on, set()
            for name, ways in self.into.items():
                comes = [starts or (source in before and not ends) for starts, source, ends in ways]
                if joined(comes + [self.opens] * (name == self.definition.initial)):
                    on.add(name)
            if on == before:
                return on


def touches(way: Way, names: Iterable[str]) -> bool:
    """Say whether a way is one of these triggers, or enters one of these places from outside or once more."""
    source, dest = way.source.name, way.dest
    return any(
        name == way.trigger or (within(dest, name) and (not within(source, name) or source == way.branch.dest == name))
        for name in names
    )


def _check_course(clock: _Course, sheet: Sheet) -> None:
    path = ("sla", clock.rule.name)
    found = False
    for at, name in enumerate(clock.rule.start):
        inside = next((stop for stop in clock.rule.stop if within(name, stop)), None)
        ways = [way for way in clock.ways if touches(way, [name])]
        opens = clock.opens and within(clock.definition.initial, name)
        if inside or (ways and not opens and not any(clock.starts(way) for way in ways)):
            found = True
            sheet.report((*path, "start", at), "start-inside-stop", name, stop=inside or ", ".join(clock.rule.stop))
    begun = [way.dest for way in clock.ways if clock.starts(way)] + ([clock.definition.initial] if clock.opens else [])
    on_the_way = reach(begun, graph_of((way.source.name, way.dest) for way in clock.ways))
    if begun and not found and not any(clock.ends(way) for way in clock.ways if way.source.name in on_the_way):
        sheet.report((*path, "stop"), "sla-never-stops", ", ".join(clock.rule.stop))


def _check_pauses(clock: _Course, sheet: Sheet) -> None:
    """Report the pauses that nobody leaves; withdrawing a ticket is no way to go on with it."""
    graph = graph_of((way.source.name, way.dest) for way in clock.ways if not way.ends_it_all)
    for at, name in enumerate(clock.rule.pause):
        if any(reach([state], graph) <= clock.paused for state in clock.states_of([name])):
            sheet.report(("sla", clock.rule.name, "pause", at), "pause-without-end", name)


def _check_goal(clock: _Course, sheet: Sheet) -> None:
    """Report the shortest chains of timeouts that, nobody acting, outlast every goal of a clock that runs meanwhile.

    Chains end, for what goes round without a bound is an error of its own; of very many only the shorter are followed.
    """
    if "timer-loop" in sheet.codes:
        return
    rule, steps = clock.rule, 0
    goals = sorted(rule.goal.values(), key=lambda each: (each.working_days, each.length))
    timed = [way for way in clock.ways if way.name and way.branch.dest]
    chains: dict[tuple[str, Used], Chain] = {(name, frozenset()): () for name in sorted(clock.maybe)}
    outlasting: dict[Path, Chain] = {}
    while chains and not outlasting and steps < MOST_STEPS:
        before, chains = chains, {}
        for (place, used), chain in before.items():
            for way in timed:
                timeout, count = way.source.timeouts[way.name or ""], dict(used).get(way.path, 0)
                if way.source.name != place or count == timeout.times:
                    continue
                steps += 1
                longer = chain if place in clock.paused else (*chain, timeout)
                if all(_outlasts(longer, goal, rule.calendar) for goal in goals):
                    outlasting.setdefault(way.path, longer)
                elif not clock.ends(way):
                    again = used - {(way.path, count)} | {(way.path, count + 1)} if timeout.times else used
                    longer = () if touches(way, rule.reset) else longer
                    chains[way.dest, again] = max(longer, chains.get((way.dest, again), ()), key=_total)
    for path, chain in outlasting.items():
        times = Counter(after.text for after in _counted(chain, rule.calendar))
        text = " + ".join(f"{count} × {after}" if count > 1 else after for after, count in times.items())
        sheet.report((*path, "after"), "goal-outlasted", text, sla=rule.name, goal=goals[-1].text)


def _outlasts(chain: Chain, goal: Duration, calendar: str) -> bool:
    """Say whether a chain surely takes longer than a goal."""
    counted = _counted(chain, calendar)
    if goal.working_days:
        return sum(after.working_days for after in counted) > goal.working_days
    return sum((after.length for after in counted), timedelta()) > goal.length


def _counted(chain: Chain, calendar: str) -> list[Duration]:
    """Return what of a chain surely counts on a calendar; open hours never pass faster than all hours do."""
    return [each.after for each in chain if calendar in (each.calendar, ALWAYS)]


def _total(chain: Chain) -> tuple[timedelta, int]:
    return sum((each.after.length for each in chain), timedelta()), sum(each.after.working_days for each in chain)
