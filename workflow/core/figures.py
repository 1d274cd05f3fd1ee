"""What a ticket's history adds to the desk's figures: a pure fold that counts each entry once, and for good."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from workflow.core.model import HistoryEntry
from workflow.core.sla import CAME_IN
from workflow.definition.model import AUTOMATIC_ACTORS
from workflow.definition.resolve import SlaRule, TicketType

FIRST_RESPONSE = "first_response"  # the timeout, or the SLA clock, that is the limit of the first answer
IDLE = ("noted", "notified", "called", "suppressed", "overtaken", "tagged", "linked", "acknowledged", "used_up")
NOBODY = "-"
_SECOND = timedelta(seconds=1)
ENDINGS = ("met", "missed", "cancelled")
DefinitionOf: TypeAlias = Callable[[str, int], TicketType]
DayOf: TypeAlias = Callable[[datetime, int], str]


def _steps() -> list[int]:
    steps = [0]
    while steps[-1] < 10**10:
        steps.append(max(steps[-1] + 1, steps[-1] * 101 // 100))
    return steps


_STEPS = _steps()


def rounded(length: timedelta) -> int:
    """Return a length in seconds as it is counted: rounded down, to the second up to 200 s, by less than 1 % after.

    >>> rounded(timedelta(seconds=59.9)), rounded(timedelta(hours=2))
    (59, 7194)
    """
    return _STEPS[bisect_right(_STEPS, max(length // _SECOND, 0)) - 1]


class Whose(NamedTuple):
    """For whom something counts; the channel is that of the opening."""

    type: str
    team: str = NOBODY
    agent: str = NOBODY
    channel: str = NOBODY


class Counted(NamedTuple):
    """One thing that the entry `seq` adds to the figures of a day: `many` of `measure`, of that `value`.

    Of a length of time the value is its seconds, `rounded`; of a score the score; of what is only counted, 0.
    """

    seq: int
    day: str
    whose: Whose
    measure: str
    value: int = 0
    many: int = 1


def counted(
    history: Iterable[HistoryEntry], definition_of: DefinitionOf, day_of: DayOf, *, after: int = 0
) -> Iterator[Counted]:
    """Yield what the entries of a ticket's history that come after one of them add to the figures.

    `history` is whole, but for what is IDLE; `day_of` gives the day of an instant under a revision of the desk. What an
    entry adds depends only on those before it, and nothing is ever taken back but by an entry that says so.
    """
    fold = _Fold(definition_of, day_of)
    for entry in history:
        yield from (found for found in fold.take(entry) if found.seq > after)


class _Fold:
    """A ticket as its history has told of it so far.

    `whose.agent` last took it or moved it since it came to its team; for `handler` counts how well it was handled.
    """

    def __init__(self, definition_of: DefinitionOf, day_of: DayOf) -> None:
        self.definition_of, self.day_of = definition_of, day_of
        self.stage = ""
        self.whose = Whose("")
        self.handler: Whose | None = None
        self.clocks: dict[str, _Cycles] = {}
        self.breaches: dict[tuple[str, int], Counted | None] = {}
        self.rungs: set[tuple[int, int]] = set()
        self.awaited = False
        self.overdue: Counted | None = None

    def take(self, entry: HistoryEntry) -> Iterator[Counted]:
        self.entry, self.day = entry, self.day_of(entry.happened_at, entry.desk_revision)
        person = None if entry.actor in AUTOMATIC_ACTORS else entry.actor
        stage, before = entry.state.partition(".")[0], self.whose
        if entry.kind == "opened":
            channel = entry.data.get("channel") or NOBODY
            self.whose = Whose(entry.type, entry.data.get("team") or NOBODY, NOBODY, channel)
            self.opened_at = self.since = entry.happened_at
            self.stage, self.awaited = stage, stage == "intake"
            opened = self.found("opened", self.by(person))
            if CAME_IN in entry.data:
                self.opened_at = datetime.fromisoformat(entry.data[CAME_IN])
                opened = opened._replace(day=self.day_of(self.opened_at, entry.desk_revision))
            yield opened
            if stage == "archive":
                yield self.found("archived", self.by(person))
        moved = entry.kind == "advanced" and entry.dest is not None and person is not None
        if moved and self.stage == "handle":
            self.handler = self.by(person)
        if entry.timer is not None or "clocks" in entry.data or entry.kind == "excused":
            yield from self.limits()
        if entry.kind == "repaired":
            yield self.found("repaired", self.by(person))
        if self.awaited and (moved or stage != self.stage):
            yield from self.answer(moved=moved)
        if stage != self.stage:
            yield self.found(f"stage.{self.stage}", self.by(person), rounded(entry.happened_at - self.since))
            if stage == "archive":
                yield self.found("archived", self.by(person))
            self.stage, self.since = stage, entry.happened_at
        if entry.kind == "advanced" or "back" in entry.data:
            yield from self.said()
        elif "rung" in entry.data:
            yield from self.raised()
        team, agent = entry.data.get("team", self.whose.team) or NOBODY, self.whose.agent
        if "assignee" in entry.data:
            agent = entry.data["assignee"] or NOBODY
        elif team != before.team:
            agent = NOBODY
        elif moved and person:
            agent = person
        self.whose = Whose(entry.type, team, agent, self.whose.channel)

    def by(self, person: str | None) -> Whose:
        """Return for whom counts what a person did; what nobody did counts for who holds the ticket."""
        whose = self.whose
        return Whose(whose.type, whose.team, person, whose.channel) if person else whose

    def found(self, measure: str, whose: Whose, value: int = 0) -> Counted:
        return Counted(self.entry.seq, self.day, whose, measure, value)

    def answer(self, *, moved: bool) -> Iterator[Counted]:
        """Yield the first answer, which is a person's first move, and whether it came within its limit.

        None is awaited any more of what a machine has moved out of intake in time.
        """
        entry = self.entry
        if moved:
            whose = self.by(entry.actor)
            yield self.found("response", whose, rounded(entry.happened_at - self.opened_at))
            if self.overdue:
                yield self.found("late", whose)
                yield self.overdue._replace(seq=entry.seq, many=-1)
            elif _has_limit(self.definition_of(entry.type, entry.version)):
                yield self.found("on_time", whose)
        self.awaited = not moved and self.overdue is not None

    def limits(self) -> Iterator[Counted]:
        """Yield the limits that have passed: of the first answer, and of SLA clocks, those of them that are excused."""
        entry = self.entry
        for name, words in entry.data.get("clocks", {}).items():
            cycles = self.clocks.setdefault(name, _Cycles())
            cycles.follow(words, goes_on=self.goes_on(name, cycles))
            if "missed" in words or "breached" in words:
                yield from self.missed(name, cycles.missed if "missed" in words else cycles.number)
        if entry.timer is not None and entry.kind in ("fired", "skipped"):
            kind, name, cycle, _ = entry.timer
            if kind == "sla":
                name, _, level = name.partition("/")
                self.clocks.setdefault(name, _Cycles()).number = cycle
                if self.is_past_goal(name, level):
                    yield from self.missed(name, cycle)
            elif name == FIRST_RESPONSE and (entry.kind == "fired" or entry.data.get("why") == "late"):
                yield from self.unanswered()
        if entry.kind == "excused":
            key = (entry.data["sla"], entry.data["cycle"])
            if breach := self.breaches.get(key):
                yield breach._replace(seq=entry.seq, measure="excused")
                self.breaches[key] = None

    def missed(self, name: str, cycle: int) -> Iterator[Counted]:
        if (name, cycle) not in self.breaches:
            breach = self.found("breaches", self.whose)
            self.breaches[name, cycle] = breach
            yield breach
            if name == FIRST_RESPONSE:
                yield from self.unanswered()

    def unanswered(self) -> Iterator[Counted]:
        if self.awaited and self.overdue is None:
            self.overdue = self.found("waiting", self.whose)
            yield self.overdue

    def rule(self, name: str) -> SlaRule | None:
        return self.definition_of(self.entry.type, self.entry.version).slas.get(name)

    def goes_on(self, name: str, cycles: _Cycles) -> bool:
        """Say whether a clock that starts again goes on with its last cycle."""
        rule = self.rule(name)
        continues = rule is not None and rule.reopen == "continue" and not cycles.cancelled
        return bool(cycles.number) and (continues or name in self.entry.data.get("resumed", ()))

    def is_past_goal(self, name: str, level: str) -> bool:
        rule = self.rule(name)
        known = rule.levels.get(level) if rule else None
        return known is not None and known.share >= 1 and known.offset >= timedelta()

    def said(self) -> Iterator[Counted]:
        """Yield what a customer said of how they were served, and that a ticket had to be handled again."""
        data, whose = self.entry.data, self.handler or self.by(None)
        if data.get("back") == "rework":
            yield self.found("reopened", whose)
        if self.entry.kind != "advanced":
            return
        satisfied, score = data.get("fields.satisfied"), data.get("fields.score")
        if isinstance(satisfied, bool):
            yield self.found("satisfied" if satisfied else "dissatisfied", whose)
        if isinstance(score, int):
            yield self.found("score", whose, score)

    def raised(self) -> Iterator[Counted]:
        """Yield that an escalation has reached a rung, the first time."""
        data = self.entry.data
        if self.entry.kind in ("escalated", "unattended") and "rung" in data:
            reached = (data["ladder"], data["rung"])
            if reached not in self.rungs:
                self.rungs.add(reached)
                yield self.found(f"escalated.{data['rung']}", self.whose)


class _Cycles:
    """How many cycles an SLA clock has had, as its words in the history tell; `missed` is the last that was."""

    def __init__(self) -> None:
        self.number, self.missed, self.is_open, self.cancelled = 0, 0, False, False

    def follow(self, words: Iterable[str], *, goes_on: bool) -> None:
        for word in words:
            if word == "running" and not self.is_open:
                self.number += not goes_on
                self.is_open = True
            elif word in ENDINGS:
                self.is_open, goes_on = False, False  # what starts in the same breath was reset
                self.cancelled = word == "cancelled"
                self.missed = self.number if word == "missed" else self.missed


def _has_limit(definition: TicketType) -> bool:
    """Say whether a type limits the first answer."""
    intake = (state for state in definition.states.values() if state.stage == "intake")
    return FIRST_RESPONSE in definition.slas or any(FIRST_RESPONSE in state.timeouts for state in intake)
