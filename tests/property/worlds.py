"""Random desks, tickets, people and runs for the laws of time; and how to let them happen, late or punctually.

Times lie on a grid of ten minutes. A world is drawn with baits: short scripts that make sure that what is rare in
random cases (a pause over a due time, a breach armed again) is not rare here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from workflow.core import instants, people, sla, unit
from workflow.core.events import (
    Acknowledge,
    Advance,
    Approve,
    Claim,
    Escalate,
    Event,
    Excuse,
    Extend,
    MakePromise,
    Repair,
    SetFields,
)
from workflow.core.guard import Rules
from workflow.core.migrate import Migrate
from workflow.core.model import HistoryEntry, Outcome, Ticket, Timer
from workflow.core.opening import open_ticket
from workflow.core.people import actor_of
from workflow.definition.desk import DeskSpec
from workflow.definition.inheritance import resolve
from workflow.definition.machine import Compiled, compile_type
from workflow.definition.model import VERBS, TicketTypeSpec
from workflow.errors import Refused

OPENS = datetime(2026, 3, 2, 9, tzinfo=UTC)
TICK = timedelta(minutes=10)
END = 40
PLACES = ("classify", "handle", "review", "callback")
HOURS = (
    ("08:00-12:00", "13:00-18:00"), ("10:00-11:00", "12:00-20:00"), ("00:00-09:30", "11:30-24:00"), ("00:00-24:00",),
)  # fmt: skip
VARYING = {"fired_at", "late_by", "merged", "due_at", "rung", "to", "cause"}
SETTLED = {"assigned", "notified", "called", "overtaken", "suppressed", "joined"}
SHIFTS = {"li": "mornings", "lu": "afternoons"}
Act = tuple[Any, ...]


def at_tick(tick: int) -> datetime:
    return OPENS + tick * TICK


@dataclass(frozen=True)
class World:
    """A type and its other version, a desk with the hours of its revisions, what people do at which tick, and the runs.

    A run comes before or after the people of its tick. `skew` is how far the clock is ahead of what happens. A ticket
    that `came_in` mid-flow is in that state, and was opened elsewhere so many ticks before.
    """

    definition: Mapping[str, Any]
    hours: Sequence[int]
    counts_from: str
    other: Mapping[str, Any]
    acts: Sequence[tuple[int, Act]]
    runs: Sequence[tuple[int, bool]]
    skew: timedelta = timedelta()
    came_in: tuple[str, int] | None = None

    def version(self, number: int) -> Mapping[str, Any]:
        return self.definition if number == 1 else self.other

    def desk(self, revision: int) -> DeskSpec:
        rungs = [{"to": "lead", "after": "20m"}, {"to": "chief", "after": "30m"}, {"to": "boss", "after": "40m"}]
        calendars = {
            "office": {"weekly": {"daily": list(HOURS[self.hours[revision]])}},
            "mornings": {"weekly": {"daily": "06:00-11:00"}},
            "afternoons": {"weekly": {"daily": "11:30-18:00"}},
        }
        return DeskSpec.model_validate(
            {
                "desk": "world",
                "zone": "UTC",
                "calendars": calendars,
                "roles": {
                    "agent": {"may": [verb for verb in VERBS if verb not in ("acknowledge", "approve", "excuse")]},
                    "lead": {"may": list(VERBS)},
                    "chief": {"may": list(VERBS)},
                },
                "teams": {"front": {"lead": "li", "members": ["ann", "bob"]}},
                "members": {
                    "ann": {"roles": ["agent"]},
                    "bob": {"roles": ["agent"]},
                    "li": {"roles": ["lead"], "shift": "mornings"},
                    "lu": {"roles": ["chief"], "shift": "afternoons"},
                    "boss": {"roles": ["chief"]},
                },
                "ladder": {"rungs": rungs, "hold": "50m", "counts_from": self.counts_from},
            }
        )


# -- drawing --------------------------------------------------------------------------------------------------------

minutes = st.sampled_from(["10m", "20m", "30m", "50m", "90m"])
calendar = st.sampled_from(["always", "always", "office"])
moves = st.fixed_dictionaries(
    {
        "after": minutes,
        "calendar": calendar,
        "dest": st.sampled_from((*PLACES, "intake", "archive")),
        "times": st.sampled_from([1, 2, 3]),
    },
    optional={
        "conditions": st.sampled_from(["n == 1", "n == 2"]),
        "actions": st.sampled_from([["escalate"], [{"set": {"n": 2}}], [{"priority": "high"}]]),
    },
)
notices = st.fixed_dictionaries(
    {
        "after": minutes,
        "calendar": calendar,
        "actions": st.sampled_from(
            [["escalate"], ["reassign"], ["escalate", {"notify": "owner"}], [{"notify": "team"}]]
        ),
    },
    optional={
        "every": st.sampled_from(["10m", "20m"]),
        "times": st.sampled_from([1, 2, 3, 6]),
        "conditions": st.sampled_from(["n == 1", "n == 2"]),
    },
)
setters = st.fixed_dictionaries(
    {"after": minutes, "actions": st.sampled_from([[{"set": {"n": 1}}], [{"set": {"n": 2}}], [{"priority": "normal"}]])}
)
timeouts = st.dictionaries(st.sampled_from(["a", "b", "c"]), moves | notices | notices | setters, max_size=2)
nothing: st.SearchStrategy[list[str]] = st.just([])
level_actions = st.sampled_from([[], [], ["escalate"], ["escalate"], [{"notify": "owner"}], [{"priority": "high"}]])
ADVANCES = ("go", "on", "ping", "ask")
deeds: st.SearchStrategy[Act] = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from(ADVANCES), st.sampled_from(["ann", "ann", "ann", "li"])),
    st.tuples(st.just("set"), st.sampled_from([1, 2])),
    st.tuples(st.just("priority"), st.sampled_from(["normal", "high"])),
    st.sampled_from(
        [("escalate",), ("acknowledge",), ("claim",), ("kept",), ("approve", True), ("approve", False), ("excuse",)]
    ),
    st.tuples(st.just("promise"), st.integers(1, 12)),
    st.tuples(st.just("extend"), st.sampled_from([2, 5])),
    st.tuples(st.just("repair"), st.sampled_from(["classify", "handle", "callback"])),
    st.tuples(st.just("apply"), st.booleans()),
    st.tuples(st.just("migrate"), st.sampled_from([1, 2]), st.booleans()),
)
ticks = st.integers(0, END)


@st.composite
def clocks(draw: st.DrawFn, *, beyond: bool) -> dict[str, Any]:
    """Draw an SLA. With `beyond` it may have levels after its goal, and end in other ways."""
    stop = draw(st.sampled_from(["archive", "archive", "callback", "review"]))
    pause = draw(st.sampled_from(["classify", "handle"]).map(lambda place: [place]) | nothing)
    levels = [
        {"at": at, "actions": draw(level_actions), "repeat": at == "100%" and draw(st.booleans())}
        for at in draw(st.sampled_from([["-20m", "100%"], ["50%", "100%"], ["100%"], ["-60m", "80%", "100%"]]))
    ]
    if beyond and draw(st.booleans()):
        levels.append({"at": "+20m", "actions": draw(level_actions)})
    spec = {
        "goal": {
            "high": draw(st.sampled_from(["20m", "30m"])),
            "default": draw(st.sampled_from(["50m", "70m", "100m"])),
        },
        "calendar": draw(calendar),
        "start": draw(st.sampled_from(["intake", "intake", "intake", "handle"])),
        "stop": stop,
        "pause": pause,
        "reset": draw(st.just(["ping"]) | nothing),
        "levels": levels,
    }
    if beyond:
        spec["cancel"] = draw(st.sampled_from([[], [], ["review"]])) if stop != "review" else []
        spec["reopen"] = draw(st.sampled_from(["new_cycle", "continue", "ignore"]))
        spec["stop_by"] = draw(st.sampled_from(["anyone", "anyone", "person"]))
    return spec


def room(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "team": "front",
        "transitions": {
            "go": draw(st.sampled_from(PLACES)),
            "on": draw(st.sampled_from((*PLACES, "intake"))),
            "ping": {},
            "ask": {"actions": ["escalate"]},
        },
        "timeouts": draw(timeouts),
    }


@st.composite
def worlds(draw: st.DrawFn, *, beyond: bool = True) -> World:
    """Draw a world with its baits."""
    stages: dict[str, Any] = {"archive": {}}
    for place in ("intake", *PLACES):
        stages[place] = room(draw)
    sla_specs = {"s": draw(clocks(beyond=beyond))}
    if draw(st.booleans()):
        sla_specs["u"] = draw(clocks(beyond=beyond))
    acts: list[tuple[int, Act]] = draw(st.lists(st.tuples(ticks, deeds), max_size=3))
    came_in = None
    if draw(st.booleans()):  # a pause over a due time
        sla_specs["s"] |= {"start": "intake", "stop": "archive", "pause": ["classify"], "calendar": "always"}
        stages["intake"] |= {"timeouts": {}}
        stages["intake"]["transitions"]["go"] = "classify"
        stages["classify"] |= {"timeouts": {}}
        begin = draw(st.integers(1, 4))
        acts += [(begin, ("advance", "go", "ann")), (draw(st.integers(12, 16)), ("advance", "on", "ann"))]
    else:
        on_its_way = st.tuples(st.sampled_from(("intake", "classify", "handle", *PLACES)), st.integers(0, 14))
        came_in = draw(st.none() | on_its_way | on_its_way)
    if draw(st.booleans()):  # a breach armed again
        begin = draw(st.integers(1, 6))
        acts += [(begin, ("priority", "high")), (begin + draw(st.integers(2, 4)), ("priority", "normal"))]
    if draw(st.booleans()):  # repeats that pile up
        actions = [draw(st.sampled_from(["escalate", "reassign", {"notify": "team"}]))]
        piled = {"after": "10m", "every": "10m", "calendar": draw(calendar), "actions": actions}
        for place in ("intake", draw(st.sampled_from(["classify", "handle"]))):
            stages[place] = {**stages[place], "timeouts": {"tell": piled}}
    if draw(st.booleans()):
        acts.append((draw(ticks), ("promise", draw(st.integers(1, 12)))))
    if draw(st.booleans()):  # other hours for what is open
        acts.append((draw(st.integers(1, 30)), ("apply", draw(st.booleans()))))
    if draw(st.booleans()):
        acts.append((draw(ticks), ("escalate",)))
    other_stages, other_slas = dict(stages), dict(sla_specs)
    if draw(st.booleans()):  # to another version and back
        for place in draw(st.sets(st.sampled_from(("intake", *PLACES)), max_size=3)):
            other_stages[place] = room(draw)
        for name in draw(st.sets(st.sampled_from(("s", "u", "w")))):
            other_slas[name] = draw(clocks(beyond=beyond))
        if "u" in other_slas and draw(st.booleans()):
            del other_slas["u"]
        begin = draw(ticks)
        acts += [(begin, ("migrate", 2, draw(st.booleans()))), (draw(st.integers(begin, END)), ("migrate", 1, False))]
    if "reassign" in str(stages):  # whose it is may differ, and so whether it can be claimed
        acts = [(at, act) for at, act in acts if act[0] != "claim"]
    acts.sort(key=lambda act: act[0])
    runs = draw(st.lists(st.tuples(ticks, st.booleans()), max_size=2))
    if draw(st.booleans()) and acts:  # a person between two runs
        among = draw(st.sampled_from(acts))[0]
        runs += [(max(0, among - 3), True), (min(END, among + 2), False)]
    fields = {"n": {"type": "int", "default": 1}}
    definition, other = (
        {"ticket_type": "world", "version": version, "fields": fields, "stages": rooms, "sla": slas}
        for version, rooms, slas in ((1, stages, sla_specs), (2, other_stages, other_slas))
    )
    hours = draw(st.lists(st.integers(0, len(HOURS) - 1), min_size=5, max_size=5))
    return World(
        definition, hours, draw(st.sampled_from(["raised", "due"])), other, acts, sorted(set(runs)),
        draw(st.sampled_from([timedelta(), timedelta(), timedelta(minutes=7), timedelta(days=1)])),
        came_in,
    )  # fmt: skip


# -- letting it happen ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One unit: what it was, when, what it found and what it left."""

    kind: str
    limit: datetime
    rules: Rules
    ticket: Ticket
    timers: tuple[Timer, ...]
    outcome: Outcome


@dataclass
class Played:
    """What happened, with every unit on the way: `recorded` is what people did and when it counted."""

    world: World
    outcome: Outcome
    revisions: list[tuple[datetime, Rules]]
    other: Compiled
    entries: list[HistoryEntry] = field(default_factory=list)
    recorded: list[tuple[datetime, Act]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    units: list[Step] = field(default_factory=list)

    @property
    def ticket(self) -> Ticket:
        return self.outcome.ticket

    def rules_of(self, _type: str, version: int, revision: int) -> Rules:
        rules = self.revisions[revision][1]
        return rules if version == 1 else replace(rules, compiled=self.other)

    def rules(self, ticket: Ticket, revision: int | None = None) -> Rules:
        return self.rules_of(ticket.type, ticket.version, ticket.desk_revision if revision is None else revision)

    def event(self, act: Act, when: datetime) -> tuple[Event | Migrate, str]:
        if act[0] != "migrate":
            return event_of(act, when)
        states = {"review": "handle"} if act[2] else {}
        history = tuple(self.entries)
        return Migrate(partial(self.rules_of, "world", act[1]), "migrate", states, history=history), "ann"

    def unit(
        self, kind: str, limit: datetime, skew: timedelta, event: Event | Migrate | None = None, actor: str = ""
    ) -> None:
        ticket, timers = self.ticket, self.outcome.timers
        rules = self.rules(ticket)
        newer = [
            (when, self.rules(ticket, revision))
            for revision, (when, _) in enumerate(self.revisions)
            if revision > ticket.desk_revision
        ]
        who = actor_of(rules.desk, actor) if actor else people.TIMER
        self.outcome = unit.run_unit(
            rules, ticket, timers, limit=limit, fired_at=limit + skew, event=event, actor=who, newer=newer
        )  # fmt: skip
        self.units.append(Step(kind, limit, rules, ticket, timers, self.outcome))
        self.entries += self.outcome.entries

    def act(self, when: datetime, act: Act, skew: timedelta) -> None:
        self.recorded.append((when, act))
        if act[0] == "apply":
            known = len(self.revisions)
            rules = Rules(self.revisions[0][1].compiled, self.world.desk(known), known)
            self.revisions.append((when, rules))
            if act[1]:  # at once, as `apply` does; otherwise by whoever comes next
                self.unit("apply", when, skew)
            return
        event, actor = self.event(act, when)
        self.unit("act", when, skew, event, actor)
        refusal = self.outcome.refusal
        self.answers.append(refusal.rule if isinstance(refusal, Refused) else type(refusal).__name__)

    def run(self, now: datetime, skew: timedelta) -> None:
        self.unit("run", now, skew)


def event_of(act: Act, when: datetime) -> tuple[Event, str]:
    match act:
        case ("advance", trigger, actor):
            return Advance(trigger), actor
        case ("set", number):
            return SetFields({"n": number}), "ann"
        case ("priority", word):
            return SetFields(priority=word), "ann"
        case ("escalate",):
            return Escalate(), "ann"
        case ("acknowledge",):
            return Acknowledge(), "li"
        case ("claim",):
            return Claim(), "li"
        case ("promise", length):
            return MakePromise(when + length * TICK, "because"), "ann"
        case ("kept",):
            return MakePromise(None), "ann"
        case ("extend", length):
            return Extend("s", length * TICK, "more to do"), "ann"
        case ("approve", granted):
            return Approve("s", granted), "li"
        case ("repair", place):
            return Repair(place, "it was stuck"), "li"
    return Excuse("s", "it was not our doing"), "li"


def begin(world: World) -> Played:
    desk = world.desk(0)
    compiled, other = (
        compile_type(resolve(TicketTypeSpec.model_validate(each)), desk) for each in (world.definition, world.other)
    )
    rules, ann = Rules(compiled, desk, 0), actor_of(desk, "ann")
    state, before = world.came_in or (None, 0)
    decision = open_ticket(rules, ann, OPENS, state=state, opened_at=OPENS - before * TICK)
    outcome = unit.opened(rules, decision, ann, wall=OPENS)
    return Played(world, outcome, [(OPENS, rules)], other, list(outcome.entries))


def play(world: World) -> Played:
    """Let the world happen by its own schedule; a last run comes at the end."""
    played = begin(world)
    for tick in range(END + 1):
        now = at_tick(tick)
        if (tick, True) in world.runs:
            played.run(now, world.skew)
        for at, act in world.acts:
            if at == tick:
                last = played.revisions[-1][0]
                played.act(max(instants.event_time(played.ticket, now, None), last), act, world.skew)
        if (tick, False) in world.runs or tick == END:
            played.run(now, world.skew)
    return played


def replay(played: Played) -> Played:
    """Let people act just when they did, with a run at every tick: what is punctual.

    Another revision is met by the run of its tick: met at once it would be a run before the people of that tick. One
    that comes after the last tick, because something fired at it, has a run of its own.
    """
    again = begin(played.world)
    acts = [(when, 0, act) for when, act in played.recorded]
    last = [when for when, act in played.recorded if act[0] == "apply" and when > at_tick(END)]
    runs = [(when, 1, ()) for when in (*map(at_tick, range(END + 1)), *last)]
    for when, kind, act in sorted(acts + runs, key=lambda step: step[:2]):
        if kind:
            again.run(when, timedelta())
        else:
            assert instants.event_time(again.ticket, when, None) == when
            again.act(when, ("apply", False) if act[0] == "apply" else act, timedelta())
    return again


# -- what is compared -----------------------------------------------------------------------------------------------


def told(entries: Sequence[HistoryEntry]) -> list[Any]:
    """Return what must not depend on when runs happened: repeats one by one, and nothing of what law 5 lets differ."""
    lines: list[Any] = []
    ladders = 0
    for entry in entries:
        data = {name: value for name, value in entry.data.items() if name not in VARYING}
        if entry.kind in SETTLED or (entry.kind == "unattended" and "ladder" not in data):
            continue
        if entry.kind in ("escalated", "unattended"):
            if data["ladder"] > ladders:  # it opens; the further rungs may differ
                ladders = data["ladder"]
                lines.append((entry.happened_at, "ladder", ladders))
            continue
        if entry.kind == "fired" and entry.timer is not None and not data and entry.dest is None:
            dues = [datetime.fromisoformat(due) for due in entry.data.get("merged", ())] or [entry.happened_at]
            first = entry.timer[3] - len(dues) + 1
            lines += [(due, "fired", (*entry.timer[:3], first + place)) for place, due in enumerate(dues)]
            continue
        line = (entry.happened_at, entry.kind, entry.trigger, entry.source, entry.dest, entry.entry, entry.timer)
        lines.append((*line, entry.actor, tuple(sorted((name, str(value)) for name, value in data.items()))))
    return lines


def standing(played: Played) -> dict[str, Any]:
    """Return how the ticket stands, but for what law 5 lets differ."""
    ticket = played.ticket
    causes = sorted(  # a person's cause is numbered by history, whose length may differ
        "raised" if cause.startswith("raised:") else cause for cause in (ticket.ladder.causes if ticket.ladder else ())
    )
    opened_ladder = ticket.ladder and (ticket.ladder.id, ticket.ladder.opened_at, causes)
    plain = replace(
        ticket, ladder=None, seq=0, assignee=None, updated_at=OPENS, last_fired=None, last_fired_due=None, head=""
    )
    timers = [timer for timer in played.outcome.timers if timer.kind != "rung"]
    return {"ticket": plain, "ladder": opened_ladder, "timers": timers, "answers": played.answers}


# -- what a world shows ---------------------------------------------------------------------------------------------


def features(played: Played) -> set[str]:
    """Return which of the rare things happened."""
    found: set[str] = set()
    last = ""
    for step in played.units:
        kind, outcome = step.kind, step.outcome
        if kind == "act" and last == "run" and any(entry.actor in ("ann", "li") for entry in outcome.entries):
            found.add("after a run")
        if kind == "run" and last == "act" and "after a run" in found:
            found.add("a person between two runs")
        last = kind
        keys = {timer.key for timer in step.timers}
        for entry in outcome.entries:
            if entry.kind == "fired" and entry.timer and entry.timer not in keys and "merged" not in entry.data:
                found.add("re-arming inside a run")
            if "merged" in entry.data:
                found.add("merged repeats")
            if entry.kind == "rearmed":
                found.add("another revision of the desk")
            if entry.kind == "migrated":
                found.add("a migration")
            if entry.kind == "migrated" and any(known.kind == "fired" for known in played.entries[: entry.seq]):
                found.add("a migration of what has fired")
    if played.entries[0].kind == "opened" and played.entries[0].data.get("clocks") and played.world.came_in:
        found.add("a clock brought in")
    if played.ticket.ladders:
        found.add("a ladder")
    if any(entry.kind == "promised" for entry in played.entries):
        found.add("a promise")
    goals = [entry for entry in played.entries if entry.kind == "fired" and entry.timer and entry.timer[1] == "s/100%"]
    if any(one.timer and two.timer and one.timer[2] == two.timer[2] for one, two in pairwise(goals)):
        found.add("a breach armed again")
    if _paused_over_due(played):
        found.add("a pause over a due time")
    return found - {"after a run"}


def _paused_over_due(played: Played) -> bool:
    dues: dict[tuple[str, int], datetime] = {}
    for step in played.units:
        for clock in step.ticket.clocks:
            key = (clock.name, clock.cycle)
            if clock.status == "running" and clock.due_at and not clock.breached:
                dues[key] = clock.due_at
            if clock.status == "paused" and key in dues and dues[key] < step.outcome.ticket.updated_at:
                return True
    return False


def rebuilt(played: Played) -> tuple[Any, ...]:
    """Return the clocks as the history alone says they are."""
    return sla.rebuild(played.ticket, played.entries, played.rules_of)
