"""What a step does to a ticket: the move, the actions at once, the timers, the entry in its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from workflow.core import people
from workflow.core.guard import Rules
from workflow.core.model import (
    NOTHING,
    Actor,
    Decision,
    Effect,
    HistoryEntry,
    Link,
    Ticket,
    Timer,
    Value,
    replace,
)
from workflow.core.values import coerce_all, encode, storable
from workflow.definition.model import Action, FieldSpec
from workflow.definition.resolve import Branch
from workflow.errors import NotFound

PERSON = "person"  # what a person asked for stands until somebody acknowledges it
SETTLED_LATER = ("assign", "reassign", "escalate", "notify", "call")


def record(ticket: Ticket, kind: str, actor: Actor, at: datetime, **more: Any) -> tuple[Ticket, HistoryEntry]:
    """Return the ticket with its next history entry written."""
    entry = HistoryEntry(
        seq=ticket.seq + 1,
        kind=kind,
        happened_at=at,
        actor=actor.name,
        state=ticket.state,
        entry=ticket.entry,
        type=ticket.type,
        version=ticket.version,
        desk_revision=ticket.desk_revision,
        **more,
    )
    return replace(ticket, seq=entry.seq, updated_at=at), entry


def arm(rules: Rules, ticket: Ticket, at: datetime) -> tuple[tuple[Timer, ...], tuple[str, ...]]:
    """Return the timers of the state just entered, and the names of those whose `times` are used up."""
    timers, spent = [], []
    for timeout in rules.compiled.definition.states[ticket.state].timeouts.values():
        walked = ticket.walks.get(f"{ticket.state}/{timeout.name}", 0)
        if timeout.branch.dest and timeout.times and walked >= timeout.times:
            spent.append(timeout.name)
        else:
            due = rules.calendar(timeout.calendar).add(at, timeout.after)
            timers.append(Timer("timeout", timeout.name, ticket.entry, 1, due, timeout.position))
    return tuple(timers), tuple(spent)


def take(
    rules: Rules,
    ticket: Ticket,
    branch: Branch,
    actor: Actor,
    at: datetime,
    cause: str,
    kind: str,
    stands: str | None = None,
    **entry: Any,
) -> Decision:
    """Take a branch: do its immediate actions, move if it has a dest, and note what is to be settled.

    What it asks for stands on `stands`; by default, if a timer asks, on the stay that follows. That a timer moved the
    ticket is an event, which the customer is told in any case.
    """
    before = ticket
    ticket, links, public, hidden = _act(rules, ticket, branch.actions)
    data, private = {**entry.pop("data", {}), **public}, {**entry.pop("private", {}), **hidden}
    if branch.back:
        data["back"] = branch.back
    timers: tuple[Timer, ...] = ()
    spent: tuple[str, ...] = ()
    if not actor.automatic:
        ticket = replace(ticket, acted=_acted(ticket, actor))
    if branch.dest is not None:
        ticket = _enter(rules, ticket, branch.dest, at, by_person=not actor.automatic)
    for action in branch.actions:
        if action.assign in rules.desk.teams:
            ticket = assigned(rules, ticket, action.assign)
    if ticket.team != before.team:
        data["team"] = ticket.team
    if branch.dest is not None:
        timers, spent = arm(rules, ticket, at)
    ticket, written = record(
        ticket, kind, actor, at, source=before.state, dest=branch.dest, data=data, private=private, **entry
    )
    timed = kind == "fired"
    on = stands or (f"entry:{ticket.entry}" if timed else None)
    moved = branch.dest is not None
    effects = tuple(
        Effect(
            action.kind, _target(action), cause, ticket.entry, timed,
            None if moved and action.notify == "customer" else on or (action.escalate and PERSON) or None,
        )
        for action in branch.actions
        if action.kind in SETTLED_LATER and action.assign not in rules.desk.teams
    )  # fmt: skip
    ticket, entries = with_spent(ticket, (written,), spent, at)
    return Decision(ticket, entries, effects, arm=timers, links=links)


def assigned(rules: Rules, ticket: Ticket, to: str | None) -> Ticket:
    """Return the ticket given to a team or a member; raise NotFound for neither. None takes it from everybody."""
    if to is None:
        return replace(ticket, assignee=None)
    if to in rules.desk.teams:
        return replace(
            ticket, team=to, assignee=ticket.assignee if ticket.assignee in rules.desk.teams[to].members else None
        )
    if to in rules.desk.members:
        own = rules.desk.teams.get(ticket.team or "")
        if own is not None and (to in own.members or to in own.lead):
            return replace(ticket, assignee=to)
        team = next((name for name, team in rules.desk.teams.items() if to in team.members), ticket.team)
        return replace(ticket, team=team, assignee=to)
    raise NotFound(
        "there is no team or member {to}", "the teams and members are listed in desk.yaml", field="to", to=to
    )


def _enter(rules: Rules, ticket: Ticket, dest: str, at: datetime, *, by_person: bool) -> Ticket:
    state = rules.compiled.definition.states[dest]
    team = state.team or ticket.team
    members = rules.desk.teams[team].members if team in rules.desk.teams else ()
    keeps = ticket.assignee if team == ticket.team or ticket.assignee in members else None
    return replace(
        ticket,
        state=dest,
        stage=state.stage,
        entry=ticket.entry + 1,
        entered_at=at,
        team=team,
        assignee=keeps,
        walks=NOTHING if by_person else ticket.walks,
    )


def with_spent(
    ticket: Ticket, entries: tuple[HistoryEntry, ...], spent: Iterable[str], at: datetime
) -> tuple[Ticket, tuple[HistoryEntry, ...]]:
    """Record the timeouts whose `times` are used up, after the entries there are."""
    for name in spent:
        ticket, used_up = record(ticket, "used_up", people.TIMER, at, data={"timeout": name})
        entries = (*entries, used_up)
    return ticket, entries


def _acted(ticket: Ticket, actor: Actor) -> Mapping[str, tuple[str, ...]]:
    names = ticket.acted.get(ticket.state, ())
    return ticket.acted if actor.name in names else {**ticket.acted, ticket.state: (*names, actor.name)}


def _act(
    rules: Rules, ticket: Ticket, actions: Iterable[Action]
) -> tuple[Ticket, tuple[Link, ...], dict[str, Any], dict[str, Any]]:
    """Do the actions that change the ticket at once; return them for the history entry, in the clear and not."""
    data: dict[str, Any] = {}
    private: dict[str, Any] = {}
    links: list[Link] = []
    specs = rules.compiled.definition.fields
    for action in actions:
        if action.set is not None:
            values = coerce_all(specs, action.set, rules.zone)
            ticket = replace(ticket, fields=merged(ticket.fields, values))
            public, hidden = split(specs, values)
            data |= public
            private |= hidden
        elif action.priority is not None:
            ticket = replace(ticket, priority=action.priority)
            data["priority"] = action.priority
        elif action.tag is not None:
            ticket = replace(ticket, tags=tuple(sorted({*ticket.tags, *action.tag})))
            data["tagged"] = [*data.get("tagged", ()), *action.tag]
        elif action.link is not None:
            links.append(Link(action.link))
            data["linked"] = action.link
    return ticket, tuple(links), data, private


def _target(action: Action) -> Any:
    value = getattr(action, action.kind)
    return None if value is True else value


def merged(old: Mapping[str, Value], new: Mapping[str, Value | None]) -> Mapping[str, Value]:
    """Return the fields with the new values in place; None empties one."""
    return {name: value for name, value in {**old, **new}.items() if value is not None} if new else old


def split(specs: Mapping[str, FieldSpec], values: Mapping[str, Value | None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values for the history entry: those that may stand in the clear, and those that may not."""
    parts: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for name, value in values.items():
        parts[specs[name].private][f"fields.{name}"] = value if value is None else encode(value)
    return parts


def noted(text: str | None, name: str = "note") -> dict[str, Any]:
    """Return a free text for a history entry's private part."""
    return {name: storable(text, name)} if text else {}
