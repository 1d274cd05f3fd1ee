"""What types, states, triggers, clocks and timers are called: by name, in Chinese by their labels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING

from workflow.cli.context import Session

if TYPE_CHECKING:
    from workflow import DueTimer, SlaClock
    from workflow.core.model import HistoryEntry, Ticket
    from workflow.definition.resolve import TicketType

TIMERS = {"sla": "SLA", "promise": "promise", "rung": "next rung"}


class Labels:
    """The words of one desk for one session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def type_label(self, ticket: Ticket) -> str:
        """Return the type's name, in Chinese its label."""
        return self._word(self.definition(ticket.type, ticket.version).spec.label, ticket.type)

    def state_label(self, at: Ticket | HistoryEntry, state: str) -> str:
        """Return the state's name, in Chinese its label; `at` says of which definition."""
        found = self.definition(at.type, at.version).states.get(state)
        return self._word(found.label if found else {}, state)

    def trigger_label(self, at: Ticket | HistoryEntry, trigger: str) -> str:
        """Return the trigger's name, in Chinese its label."""
        states = self.definition(at.type, at.version).states.values()
        found = next((state.triggers[trigger] for state in states if trigger in state.triggers), None)
        return self._word(found.label if found else {}, trigger)

    def clock_label(self, at: Ticket | HistoryEntry, name: str) -> str:
        """Return an SLA clock's name, in Chinese its label."""
        found = self.definition(at.type, at.version).slas.get(name)
        return self._word(found.label if found else {}, name)

    def timer_label(self, at: Ticket | HistoryEntry, kind: str, name: str) -> str:
        """Return what a timer is, in words; `at` says of which definition, and in which state."""
        state = getattr(at, "source", None) or at.state
        return self._timer(self.definition(at.type, at.version), state, kind, name)

    def clock_status(self, clock: SlaClock) -> str:
        """Return what a clock does, with what is to be feared of it."""
        words = [clock.status]
        if clock.is_open and clock.breached:
            words.append("missed")
        elif clock.is_open and clock.at_risk:
            words.append("at risk")
        if clock.asked:
            words.append("more time asked for")
        return ", ".join(map(self.session.tell, words))

    def agenda_row(self, timer: DueTimer) -> tuple[str, str, str]:
        """Return what a list of timers says of one: its ticket's type and state, and what it is."""
        definition = self._in_force.get(timer.type)
        state = definition.states.get(timer.state) if definition else None
        kind = self._word(definition.spec.label, timer.type) if definition else timer.type
        place = self._word(state.label, timer.state) if state else timer.state
        return kind, place, self._timer(definition, timer.state, timer.kind, timer.name)

    @cached_property
    def _in_force(self) -> Mapping[str, TicketType]:
        return self.session.desk.types

    def _timer(self, definition: TicketType | None, state: str, kind: str, name: str) -> str:
        """Return what a timer is, in words: a timeout's name, a clock with the level, a promise, the next rung."""
        tell = self.session.tell
        if kind == "timeout":
            place = definition.states.get(state) if definition else None
            known = place.timeouts.get(name) if place else None
            return self._word(known.label, name) if known else name
        what = tell(TIMERS.get(kind, kind))
        if kind == "sla":
            clock, _, level = name.partition("/")
            rule = definition.slas.get(clock) if definition else None
            return f"{what} {self._word(rule.label, clock) if rule else clock} {level}"
        return f"{what}: {tell(name)}" if kind == "promise" else what

    @cache  # noqa: B019 - a view lives as long as its command
    def definition(self, name: str, version: int) -> TicketType:
        """Return the definition that a ticket is pinned to."""
        return self.session.desk.definition(name, version)

    def _word(self, label: Mapping[str, str], name: str) -> str:
        return self.session.label(label, name) if self.session.lang != "en" else name
