"""A ticket type as it runs: for every state, what can happen there, and nothing left to look up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from workflow.definition.desk import DeskSpec
from workflow.definition.document import content_hash
from workflow.definition.duration import Duration
from workflow.definition.model import (
    STAGES,
    Actions,
    Conditions,
    FieldSpec,
    Late,
    Room,
    Stage,
    StateSpec,
    TicketTypeSpec,
)

if TYPE_CHECKING:
    from workflow.definition.identity import IdentityDemand
    from workflow.definition.speech import Guidance

ALWAYS = "always"
Move: TypeAlias = tuple[str | None, str | None, str | None]
SETTLED_LATER = ("assign", "reassign", "escalate", "notify", "call")


@dataclass(frozen=True, slots=True)
class Branch:
    """One way a trigger may go, with its dest resolved to a state (None: the ticket stays).

    Of its actions, those `at_once` are done with the step; `wishes`, each a word and what it names, are settled later.
    """

    dest: str | None
    conditions: Conditions = ()
    unless: Conditions = ()
    requires: tuple[str, ...] = ()
    roles: tuple[str, ...] | None = None
    not_by: tuple[str, ...] = ()
    back: str | None = None
    actions: Actions = ()
    asks: tuple[str, ...] = ()
    consent: str | None = None
    self_service: str | None = None
    identity: IdentityDemand | None = None
    at_once: Actions = field(init=False, compare=False, repr=False)
    wishes: tuple[tuple[str, Any], ...] = field(init=False, compare=False, repr=False)

    def missing(self, filled: Collection[str], given: Collection[str]) -> tuple[str, ...]:
        """Return the fields to give with the call: required ones that are empty, and those asked for anew each time."""
        wanted = [name for name in self.requires if name not in filled]
        return tuple(dict.fromkeys((*wanted, *(name for name in self.asks if name not in given))))

    def __post_init__(self) -> None:
        """Sort the actions, once for all firings."""
        later = [action for action in self.actions if action.kind in SETTLED_LATER]
        object.__setattr__(self, "wishes", tuple((action.kind, action.argument) for action in later))
        object.__setattr__(self, "at_once", tuple(action for action in self.actions if action not in later))


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a person may ask for in a state; `origin` is the path in the file of the place that declares it."""

    name: str
    branches: tuple[Branch, ...]
    label: Mapping[str, str]
    help: Mapping[str, str]
    origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeout:
    """What happens by itself in a state; `position` is its place in the order of declaration, outer rooms first."""

    name: str
    position: int
    after: Duration
    calendar: str
    every: Duration | None
    times: int | None
    late: Late | None
    branch: Branch
    label: Mapping[str, str]
    origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlaLevel:
    """A point on a clock: a share of the goal, moved by an offset. `at` is how the author wrote it, its name."""

    at: str
    share: float
    offset: timedelta
    actions: Actions = ()
    repeat: bool = False
    branch: Branch = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Keep what reaching it does."""
        object.__setattr__(self, "branch", Branch(None, actions=self.actions))

    @property
    def is_goal(self) -> bool:
        """Whether this is the goal itself."""
        return self.share == 1 and not self.offset

    def need(self, goal: timedelta) -> timedelta:
        """Return how long the clock must have run for this level to be reached."""
        return (goal if self.share == 1 else goal * self.share) + self.offset

    def turns(self, goal: timedelta, elapsed: timedelta) -> int:
        """Return how often the level lies at or before a time on the clock."""
        past = elapsed - self.need(goal)
        return 0 if past < timedelta() else past // goal + 1 if self.repeat else 1


@dataclass(frozen=True, slots=True)
class SlaRule:
    """A service-level stopwatch with nothing left to look up. The goal itself is always one of the levels."""

    name: str
    position: int
    goal: Mapping[str, Duration]
    calendar: str
    start: tuple[str, ...]
    stop: tuple[str, ...]
    pause: tuple[str, ...]
    reset: tuple[str, ...]
    cancel: tuple[str, ...]
    stop_by: str
    reopen: str
    levels: Mapping[str, SlaLevel]
    label: Mapping[str, str]

    def goal_for(self, priority: str) -> Duration:
        """Return the goal for a priority."""
        return self.goal.get(priority) or self.goal["default"]

    def reactions(self, move: Move) -> frozenset[str]:
        """Return what a move calls for of cancel, stop, reset and start, and `pause` where it goes into one or out."""
        named = {"cancel": self.cancel, "stop": self.stop, "reset": self.reset, "start": self.start}
        found = {word for word, what in named.items() if _is_one_of(move, what)}
        _, source, dest = move
        if dest is not None and (source is None or self.pauses_in(source) != self.pauses_in(dest)):
            found.add("pause")
        return frozenset(found)

    def pauses_in(self, state: str) -> bool:
        """Say whether the clock is paused while the ticket is in a state."""
        return any(within(state, place) for place in self.pause)


@dataclass(frozen=True, slots=True)
class State:
    """A place where a ticket can rest. The nearest triggers come first: its own, its stage's, its type's."""

    name: str
    stage: Stage
    team: str | None
    label: Mapping[str, str]
    help: Mapping[str, str]
    triggers: Mapping[str, Trigger]
    timeouts: Mapping[str, Timeout]


@dataclass(frozen=True)
class TicketType:
    """A ticket type ready to run: immutable, with every state's triggers and timeouts resolved."""

    name: str
    version: int
    spec: TicketTypeSpec
    states: Mapping[str, State]
    initial: str
    slas: Mapping[str, SlaRule]
    _reactions: dict[Move, Mapping[str, frozenset[str]]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def reactions(self, move: Move) -> Mapping[str, frozenset[str]]:
        """Return the clocks that a move can do anything to, with what it calls for; worked out once for each move."""
        if move not in self._reactions:
            archived = move[2] is not None and self.states[move[2]].stage == "archive"
            each = {name: rule.reactions(move) for name, rule in self.slas.items()}
            self._reactions[move] = {name: words for name, words in each.items() if words or archived}
        return self._reactions[move]

    def spans(self, rule: SlaRule, state: str) -> bool:
        """Say whether a state stands between the places where a clock starts and where it stops, in reading order."""
        order = list(self.states)

        def first(places: tuple[str, ...]) -> int | None:
            return min((at for at, name in enumerate(order) if any(within(name, one) for one in places)), default=None)

        start, stop, here = first(rule.start), first(rule.stop), order.index(state)
        return start is not None and start <= here and (stop is None or here < stop)

    @cached_property
    def content_hash(self) -> str:
        """The hash of what this definition means."""
        return content_hash(self.spec)

    @cached_property
    def on_open(self) -> Branch:
        """What is done with the opening itself."""
        return Branch(None, actions=self.spec.on_open)

    @cached_property
    def triggers(self) -> frozenset[str]:
        """Every trigger that some state knows."""
        return frozenset(trigger for state in self.states.values() for trigger in state.triggers)

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """The declared fields, in the author's order."""
        return self.spec.fields

    @property
    def categories(self) -> Collection[str]:
        """What the category of a ticket can be."""
        return categories(self.spec)

    def stage_of(self, state: str) -> Stage:
        """Return the stage a state belongs to."""
        return self.states[state].stage


@dataclass(frozen=True)
class Definitions:
    """A whole desk: desk.yaml, its ticket types by name, and what its people say."""

    desk: DeskSpec
    types: Mapping[str, TicketType]
    guidance: Guidance | None = None


def categories(spec: TicketTypeSpec) -> Collection[str]:
    """Return what the category of a ticket can be: the choices of the field that the type calls so."""
    field = spec.fields.get(spec.category or "")
    return field.choices if field else ()


def timeout_trigger(name: str) -> str:
    """Return the machine's trigger for a timeout; the colon keeps it apart from every trigger a person can name."""
    return f"timeout:{name}"


def state_names(spec: TicketTypeSpec) -> dict[str, tuple[Stage, Room, StateSpec | None]]:
    """Return every state's full name with its stage, the stage's room and its own, in the order of the stages."""
    found: dict[str, tuple[Stage, Room, StateSpec | None]] = {}
    for stage in STAGES:
        if stage not in spec.stages:
            continue
        room = spec.stages[stage] or StateSpec()
        inner = getattr(room, "states", {})
        for name, state in inner.items():
            found[f"{stage}.{name}"] = (stage, room, state or StateSpec())
        if not inner:
            found[stage] = (stage, room, None)
    return found


def within(state: str, place: str) -> bool:
    """Say whether a state is a place, or one of the states of a stage."""
    return state == place or state.startswith(f"{place}.")


def _is_one_of(move: Move, what: tuple[str, ...]) -> bool:
    """Say whether a move is one of the triggers, or enters one of the places from outside or by re-entry."""
    trigger, source, dest = move
    if trigger in what:
        return True
    return dest is not None and any(
        within(dest, place) and (source is None or not within(source, place) or source == dest == place)
        for place in what
    )


def first_state(names: Mapping[str, object], place: str) -> str | None:
    """Return the state that a dest names: itself, or the first state of a stage; None where there is no such place."""
    if place in names:
        return place
    return next((name for name in names if name.startswith(f"{place}.")), None)
