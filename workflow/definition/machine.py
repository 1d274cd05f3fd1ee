"""Each ticket type compiled once: the `transitions` machine that decides every step, and its conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import is_
from typing import Any

from transitions import Event, EventData, Machine, Transition

from workflow.definition.desk import DeskSpec
from workflow.definition.expressions import Condition, compile_condition, variables_of
from workflow.definition.resolve import Branch, TicketType, timeout_trigger

Holds = Callable[[Branch], bool]


class _Proxy:
    """Stands in for a ticket during one step."""

    __slots__ = ("chosen", "holds", "state")

    def __init__(self, state: str, holds: Holds) -> None:
        self.state, self.holds = state, holds
        self.chosen: Branch | None = None


def _holds(branch: Branch, event: EventData) -> bool:
    model: Any = event.model
    return bool(model.holds(branch))


def _choose(branch: Branch, event: EventData) -> None:
    model: Any = event.model
    model.chosen = branch


@dataclass(frozen=True, slots=True)
class _Ways:
    """What the machine does with a trigger in a state: the branches it asks about, in order, and what each leads to.

    It was learnt from these transitions of the machine and holds for them alone.
    """

    transitions: list[Transition]
    found: tuple[tuple[Branch, Branch | None], ...]


@dataclass(frozen=True)
class Compiled:
    """A ticket type with its machine and its compiled conditions, shared by every ticket pinned to it.

    The machine decides. It is asked once for each branch of a trigger in a state; what it answered is remembered for as
    long as it has the same transitions there.
    """

    definition: TicketType
    machine: Machine
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    _ways: dict[tuple[str, str], _Ways] = field(default_factory=dict, compare=False, repr=False)

    def knows(self, state: str, trigger: str) -> bool:
        """Say whether the machine has the trigger in the state at all."""
        event = self.machine.events.get(trigger)
        return event is not None and bool(event.transitions.get(state))

    def step(self, state: str, trigger: str, holds: Holds) -> Branch | None:
        """Return the branch that the machine takes, or None where it has none or none holds.

        `holds` is asked branch by branch, in the author's order, until one does.
        """
        event = self.machine.events.get(trigger)
        transitions = event.transitions.get(state) if event is not None else None
        if event is None or not transitions:
            return None
        ways = self._ways.get((state, trigger))
        if ways is None or ways.transitions != transitions:
            ways = self._ways[state, trigger] = _learn(event, state, transitions)
        for asked, taken in ways.found:
            if holds(asked):
                return taken
        return None


def _learn(event: Event, state: str, transitions: list[Transition]) -> _Ways:
    asked: list[Branch] = []

    def never(branch: Branch) -> bool:
        asked.append(branch)
        return False

    _ask(event, state, never)
    return _Ways(list(transitions), tuple((branch, _ask(event, state, partial(is_, branch))) for branch in asked))


def _ask(event: Event, state: str, holds: Holds) -> Branch | None:
    proxy = _Proxy(state, holds)
    return proxy.chosen if event.trigger(proxy) else None


def compile_type(definition: TicketType, desk: DeskSpec) -> Compiled:
    """Compile a checked definition. The desk lends the customer's fields that conditions may read."""
    machine = Machine(
        model=None, states=list(definition.states), initial=None, auto_transitions=False, send_event=True, queued=False
    )
    variables = variables_of(definition.fields, desk.customer.fields)
    conditions: dict[str, Condition] = {}

    def add(trigger: str, source: str, branch: Branch) -> None:
        for condition in (*branch.conditions, *branch.unless):
            if isinstance(condition, str) and condition not in conditions:
                conditions[condition] = compile_condition(condition, variables)
        options: dict[str, Any] = {"conditions": [partial(_holds, branch)], "before": [partial(_choose, branch)]}
        machine.add_transition(trigger, source, branch.dest, **options)

    for state in definition.states.values():
        for trigger in state.triggers.values():
            for branch in trigger.branches:
                add(trigger.name, state.name, branch)
        for timeout in state.timeouts.values():
            add(timeout_trigger(timeout.name), state.name, timeout.branch)
    return Compiled(definition, machine, conditions)
