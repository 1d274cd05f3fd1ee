"""The judges of a branch: whether it holds, whether this actor may take it, whether all it asks for is filled in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from workflow.core.calendar import ALWAYS, Calendar, calendars_of
from workflow.core.model import Actor, Ticket
from workflow.definition.desk import DeskSpec
from workflow.definition.machine import Compiled
from workflow.definition.model import Condition
from workflow.definition.resolve import Branch, within
from workflow.errors import ConditionFault, DefinitionError, Forbidden, Refused

HostCondition = Callable[[Ticket, datetime], bool]


@dataclass(frozen=True)
class Rules:
    """Everything a decision may consult besides the ticket: its compiled type, the desk, the host's conditions."""

    compiled: Compiled
    desk: DeskSpec
    desk_revision: int = 0
    hosts: Mapping[str, HostCondition] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The desk's zone."""
        return ZoneInfo(self.desk.zone)

    @cached_property
    def calendars(self) -> Mapping[str, Calendar]:
        """The desk's calendars by name, `always` among them."""
        return calendars_of(self.desk)

    def calendar(self, name: str) -> Calendar:
        """Return a calendar by name; raise DefinitionError where the desk has none of it."""
        if name == ALWAYS.name:
            return ALWAYS
        if name not in self.calendars:
            raise DefinitionError(
                "the desk has no calendar {calendar}",
                "declare it in desk.yaml and run `ticketflow apply`",
                calendar=name,
            )
        return self.calendars[name]

    @cached_property
    def serving(self) -> Mapping[str, tuple[str, ...]]:
        """The teams that serve each team besides itself, in the desk's order."""
        teams = self.desk.teams
        found = {name: tuple(other for other in teams if name in teams[other].serves) for name in teams}
        return {name: others for name, others in found.items() if others}

    def on_duty(self, member: str, at: datetime) -> bool:
        """Say whether a member is on duty at an instant: in their shift, or without one."""
        shift = self.desk.members[member].shift
        return shift is None or self.calendar(shift).is_open(at)


class Judge:
    """Asks a ticket's conditions and remembers the answers, for the refusal that may follow."""

    def __init__(self, rules: Rules, ticket: Ticket, actor: Actor, now: datetime) -> None:
        self.rules, self.ticket, self.actor, self.now = rules, ticket, actor, now
        self.failed: list[str] = []
        self.seen: dict[str, Any] = {}
        self.unset: set[str] = set()

    def holds(self, branch: Branch) -> bool:
        """Say whether every condition of the branch holds and none of its `unless` does.

        A condition that ends unknown does not hold; an `unless` that does is taken to hold.
        """
        for condition in branch.conditions:
            if self._ask(condition) is not True:
                self.failed.append(_words(condition))
                return False
        for condition in branch.unless:
            if self._ask(condition) is not False:
                self.failed.append(f"unless {_words(condition)}")
                return False
        return True

    def _ask(self, condition: Condition) -> bool | frozenset[str]:
        if not isinstance(condition, str):
            return self._ask_host(condition.call)
        compiled = self.rules.compiled.conditions[condition]
        values = {name: value for name in compiled.names if (value := self.read(name)) is not None}
        answer = compiled.holds(values)
        self.seen |= values
        if isinstance(answer, frozenset):
            self.unset |= answer
        return answer

    def _ask_host(self, name: str) -> bool:
        function = self.rules.hosts.get(name)
        if function is None:
            raise ConditionFault(
                "the host registered no condition {name}", "register it where the desk is made", name=name
            )
        try:
            answer = function(self.ticket, self.now)
        except Exception as error:
            raise ConditionFault(
                "the host's condition {name} raised {kind}", "mend the condition", name=name, kind=type(error).__name__
            ) from error
        if not isinstance(answer, bool):
            raise ConditionFault("the host's condition {name} did not return a bool", "mend the condition", name=name)
        return answer

    def read(self, name: str) -> Any:
        """Return what a condition sees under a name, or None."""
        ticket = self.ticket
        if name.startswith("customer."):
            return self._plain(ticket.customer.fields.get(name[9:]) if ticket.customer else None)
        if name in ticket.fields:
            return self._plain(ticket.fields[name])
        match name:
            case "filled":
                customer = ticket.customer.fields if ticket.customer else {}
                return [*ticket.fields, *(f"customer.{field}" for field in customer)]
            case "tags":
                return list(ticket.tags)
            case "now":
                return self.now
            case "actor":
                return self.actor.name
            case "actor_roles":
                return sorted(self.actor.roles)
            case "priority" | "channel" | "team" | "assignee" | "state" | "entered_at" | "opened_at":
                return getattr(ticket, name)
        return None

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), self.rules.zone)
        return list(value) if isinstance(value, tuple) else value

    def refusal(self, trigger: str) -> Refused:
        """Return the refusal that says which conditions did not hold, and what they saw."""
        private = {name for name, spec in self.rules.compiled.definition.fields.items() if spec.private}
        seen = ", ".join(
            f"{name}={'…' if name in private or name.startswith('customer.') else value!r}"
            for name, value in sorted(self.seen.items())
        )
        return Refused(
            "{trigger} is refused in {state}: {conditions} does not hold; seen: {seen}; not set: {unset}",
            "change what the condition reads, or choose another trigger",
            rule="conditions",
            ticket=self.ticket.id,
            trigger=trigger,
            state=self.ticket.state,
            conditions="; ".join(self.failed),
            seen=seen or "-",
            unset=", ".join(sorted(self.unset)) or "-",
        )


def barrier(ticket: Ticket, actor: Actor, trigger: str, branch: Branch, given: Collection[str] = ()) -> Refused | None:
    """Return why the chosen branch may not be taken by this actor now, or None. `given` are filled with this call."""
    if branch.roles is not None and not actor.automatic and not actor.roles & set(branch.roles):
        return Forbidden(
            "{trigger} takes one of the roles {needed}; {actor} has {held}",
            "ask a member with one of those roles",
            rule="roles",
            ticket=ticket.id,
            trigger=trigger,
            actor=actor.name,
            needed=", ".join(branch.roles),
            held=", ".join(sorted(actor.roles)) or "-",
        )
    for place in branch.not_by:
        if any(actor.name in names for state, names in ticket.acted.items() if within(state, place)):
            return Refused(
                "{trigger} must be done by somebody else: {actor} acted in {place}",
                "ask a colleague who did not (four eyes)",
                rule="not_by",
                ticket=ticket.id,
                trigger=trigger,
                actor=actor.name,
                place=place,
            )
    if missing := branch.missing(ticket.fields, given):
        return Refused(
            "{trigger} needs the fields {missing}",
            "give them with the call, like --field {first}=…",
            rule="requires",
            ticket=ticket.id,
            field=missing[0],
            trigger=trigger,
            missing=", ".join(missing),
            first=missing[0],
        )
    return None


def _words(condition: Condition) -> str:
    return condition if isinstance(condition, str) else f"{condition.call}()"
