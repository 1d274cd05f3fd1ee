"""Where the ways of a ticket type lead: states can be reached, tickets archived, and nothing goes round by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from workflow.definition.desk import DeskSpec
from workflow.definition.model import STAGES, Actions, Condition
from workflow.definition.resolve import Branch, State, TicketType
from workflow.definition.sheet import Sheet
from workflow.definition.tree import Path

Graph = Mapping[str, set[str]]
Constant = Callable[[Condition], bool | None]


class Way(NamedTuple):
    """One branch of a trigger or timeout in one state. `name` is the timeout's; `bounded` says it has `times`."""

    source: State
    branch: Branch
    path: Path
    trigger: str | None = None
    name: str | None = None
    bounded: bool = False

    @property
    def dest(self) -> str:
        """Where the ticket is afterwards."""
        return self.branch.dest or self.source.name

    @property
    def ends_it_all(self) -> bool:
        """Whether this ends a ticket of the type wherever it is, as `withdraw` does."""
        return self.path[0] == "transitions" and self.dest.partition(".")[0] == "archive"


def check_flow(definition: TicketType, desk: DeskSpec | None, sheet: Sheet, constant: Constant) -> list[Way]:
    """Report what is wrong with the ways through a ticket type, and return those that a ticket can go.

    `constant` says what a condition always says.
    """
    dead = _dead_branches(definition, sheet, constant)
    ways = [way for way in _ways(definition) if way.dest in definition.states]
    _check_direction(definition, ways, sheet)
    open_ways = [way for way in ways if way.path not in dead]
    _check_reach(definition, open_ways, sheet)
    _check_timers(ways, sheet)
    _check_addressees(definition, open_ways, desk, sheet)
    return open_ways


def _ways(definition: TicketType) -> Iterator[Way]:
    for state in definition.states.values():
        if state.stage == "archive":
            continue
        for trigger in state.triggers.values():
            for at, branch in enumerate(trigger.branches):
                yield Way(state, branch, (*trigger.origin, "branches", at), trigger.name)
        for timeout in state.timeouts.values():
            yield Way(state, timeout.branch, timeout.origin, name=timeout.name, bounded=timeout.times is not None)


def _dead_branches(definition: TicketType, sheet: Sheet, constant: Constant) -> set[Path]:
    """Report the branches that an earlier one always shuts out; return these, and those whose conditions never hold."""
    dead: set[Path] = set()
    triggers = {trigger.origin: trigger for state in definition.states.values() for trigger in state.triggers.values()}
    for origin, trigger in triggers.items():
        earlier: list[tuple[set[Condition], set[Condition]]] = []
        for at, branch in enumerate(trigger.branches):
            path: Path = (*origin, "branches", at)
            conditions, unless = set(branch.conditions), set(branch.unless)
            if any(asked <= conditions and denied <= unless for asked, denied in earlier):
                sheet.report(path, "dead-branch")
                dead.add(path)
            if any(constant(each) is False for each in conditions) or any(constant(each) for each in unless):
                dead.add(path)
            else:
                asked = {each for each in conditions if constant(each) is None}
                earlier.append((asked, {each for each in unless if constant(each) is None}))
    return dead


def _check_direction(definition: TicketType, ways: list[Way], sheet: Sheet) -> None:
    """Check `back` and `skips`. A way declared for several states must be right in each, its `back` in one.

    A transition of the whole type to archive, such as `withdraw`, ends a ticket wherever it is and skips nothing.
    """
    stages = list(STAGES)
    needless: dict[Path, Way | None] = {}
    skipped: defaultdict[Path, set[str]] = defaultdict(set)
    first: dict[Path, Way] = {}
    for way in ways:
        here, there = stages.index(way.source.stage), stages.index(definition.stage_of(way.dest))
        if there < here and not way.branch.back:
            sheet.report((*way.path, "dest"), "back-missing", way.dest, source=way.source.name, dest=way.dest)
        if way.branch.back:
            needless[way.path] = None if there < here else needless.get(way.path, way)
        if not way.ends_it_all and (passed := set(stages[here + 1 : there]) - set(definition.spec.skips)):
            first.setdefault(way.path, way)
            skipped[way.path] |= passed
    for path, needless_way in needless.items():
        if needless_way:
            source, dest = needless_way.source.name, needless_way.dest
            sheet.report((*path, "back"), "back-not-backward", source=source, dest=dest)
    for path, missed in skipped.items():
        text = ", ".join(stage for stage in stages if stage in missed)
        sheet.report((*path, "dest"), "stage-skipped", text, source=first[path].source.name, dest=first[path].dest)


def _check_reach(definition: TicketType, ways: list[Way], sheet: Sheet) -> None:
    reached = reach([definition.initial], graph_of((way.source.name, way.dest) for way in ways))
    ends = [name for name, state in definition.states.items() if state.stage == "archive"]
    archived = reach(ends, graph_of((way.dest, way.source.name) for way in ways))
    for name, state in definition.states.items():
        path = place_path(state)
        if name not in reached:
            sheet.report(path, "unreachable-state", name, key=True)
        if ends and name not in archived:
            sheet.report(path, "no-way-to-archive", name, key=True)


def _check_timers(ways: list[Way], sheet: Sheet) -> None:
    """Report the rounds that timeouts walk without a person and without a bound."""
    timed = [way for way in ways if way.name and way.branch.dest and not way.bounded]
    graph = graph_of((way.source.name, way.dest) for way in timed)
    told: set[str] = set()
    for way in timed:
        after = reach([way.dest], graph)
        if way.source.name in after and way.source.name not in told:
            round_ = {name for name in after if way.source.name in reach([name], graph)}
            names = [each.name for each in timed if each.source.name in round_ and each.dest in round_ and each.name]
            sheet.report(way.path, "timer-loop", ", ".join(dict.fromkeys(names)), key=True)
            told |= round_


def _check_addressees(definition: TicketType, ways: list[Way], desk: DeskSpec | None, sheet: Sheet) -> None:
    """Report what would tell a team where there may be none: a ticket keeps its team until a state gives it another."""
    start = definition.states.get(definition.initial)
    lost = reach(
        [start.name] if start and not start.team else [],
        graph_of(
            (way.source.name, way.dest)
            for way in ways
            if not definition.states[way.dest].team and not _gives_team(way, desk)
        ),
    )
    for way in ways:
        if not definition.states[way.dest].team and way.source.name in lost and not _gives_team(way, desk):
            _check_told(way.branch.actions, (*way.path, "actions"), way.dest, sheet)
    if start and start.name in lost:
        _check_told(definition.spec.on_open, ("on_open",), start.name, sheet)


def _check_told(actions: Actions, path: Path, state: str, sheet: Sheet) -> None:
    for at, action in enumerate(actions):
        if action.escalate or action.notify in ("team", "lead"):
            text = "escalate" if action.escalate else f"notify: {action.notify}"
            sheet.report((*path, at), "nobody-to-tell", text, state=state)


def _gives_team(way: Way, desk: DeskSpec | None) -> bool:
    return any(action.assign and (desk is None or action.assign in desk.teams) for action in way.branch.actions)


def place_path(state: State) -> Path:
    """Return where in the file a state stands."""
    _, dot, inner = state.name.partition(".")
    return ("stages", state.stage, *(("states", inner) if dot else ()))


def graph_of(pairs: Iterable[tuple[str, str]]) -> Graph:
    """Return where each source leads."""
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for source, dest in pairs:
        graph[source].add(dest)
    return graph


def reach(start: Iterable[str], graph: Graph) -> set[str]:
    """Return what can be reached from the start, the start included."""
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen
