"""What a step does to a ticket: the move, the actions at once, the timers, the entry in its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from workflow.core import giving, people
from workflow.core.events import Link
from workflow.core.guard import Rules
from workflow.core.model import NOTHING, Actor, Decision, Effect, HistoryEntry, Ticket, Timer, Value, replace
from workflow.core.values import coerce_all, encode, storable
from workflow.definition.model import Action, FieldSpec
from workflow.definition.resolve import Branch
from workflow.errors import NotFound, TicketflowError

ACTOR, TEAM = "actor", "team"  # to whom a ticket may be assigned: who fires the trigger, or nobody of the team yet
ASSIGNS = ("assign", "reassign")
PERSON = "person"  # what a person asked for stands until somebody acknowledges it


def refused(ticket: Ticket, refusal: TicketflowError) -> Decision:
    """Return the decision that nothing happens to the ticket, and why not; the refusal names the ticket."""
    if refusal.ticket is None:
        refusal.ticket = refusal.values["ticket"] = ticket.id
    return Decision(ticket, refusal=refusal)


def record(
    ticket: Ticket,
    kind: str,
    actor: Actor,
    at: datetime,
    changes: Mapping[str, Any] = NOTHING,
    *,
    trigger: str | None = None,
    source: str | None = None,
    dest: str | None = None,
    timer: tuple[str, str, int, int] | None = None,
    data: Mapping[str, Any] = NOTHING,
    private: Mapping[str, Any] = NOTHING,
) -> tuple[Ticket, HistoryEntry]:
    """Return the ticket changed, with its next history entry written."""
    seq = ticket.seq + 1
    ticket = replace(ticket, **changes, seq=seq, updated_at=at)
    entry = HistoryEntry(
        seq, kind, at, actor.name, ticket.state, ticket.entry, ticket.type, ticket.version, trigger, source, dest,
        timer, data, private, ticket.desk_revision,
    )  # fmt: skip
    return ticket, entry


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
    *,
    changes: Mapping[str, Any] = NOTHING,
    trigger: str | None = None,
    timer: tuple[str, str, int, int] | None = None,
    data: Mapping[str, Any] = NOTHING,
    private: Mapping[str, Any] = NOTHING,
) -> Decision:
    """Take a branch: do its immediate actions, move if it has a dest, and note what is to be settled.

    What it asks for stands on `stands`; by default, if a timer asks, on the stay that follows. That a timer moved the
    ticket is an event, which the customer is told in any case. `changes` are the ticket's besides.
    """
    before = ticket
    become, public, hidden = dict(changes), dict(data), dict(private)
    links = act(rules, ticket, branch.at_once, become, public, hidden) if branch.at_once else ()
    if branch.back:
        public["back"] = branch.back
    if not actor.automatic:
        become["acted"] = _acted(ticket, actor)
    if branch.dest is not None:
        become |= _entering(rules, ticket, branch.dest, at, become, by_person=not actor.automatic)
    handed_over(rules, ticket, branch, actor, become)
    if become.get("assignee") == actor.name != ticket.assignee:
        public["assignee"] = actor.name
    if become.get("team", ticket.team) != ticket.team:
        public["team"] = become["team"]
    ticket, written = record(
        ticket, kind, actor, at, become, trigger=trigger, source=before.state, dest=branch.dest, timer=timer,
        data=public, private=hidden,
    )  # fmt: skip
    entries: tuple[HistoryEntry, ...] = (written,)
    timers: tuple[Timer, ...] = ()
    if branch.dest is not None:
        timers, spent = arm(rules, ticket, at)
        ticket, entries = with_spent(ticket, entries, spent, at)
    timed = kind == "fired"
    on = stands or (f"entry:{ticket.entry}" if timed else None)
    effects = wished(rules, branch, cause, ticket.entry, timed, on)
    if "team" in become and not any(effect.action in ASSIGNS for effect in effects):
        effects = giving.give(rules, ticket, cause, written.seq, timed=timed) + effects
    return Decision(ticket, entries, effects, timers, links=links)


def handed_over(rules: Rules, ticket: Ticket, branch: Branch, actor: Actor, become: dict[str, Any]) -> None:
    """Note to whom a branch gives the ticket with the step itself: a team, or whoever takes the step."""
    for action, target in branch.wishes:
        if action != "assign" or not _at_once(rules, target) or (target == ACTOR and actor.automatic):
            continue
        team, assignee = become.get("team", ticket.team), become.get("assignee", ticket.assignee)
        if target in (ACTOR, TEAM):
            become |= {"team": team, "assignee": actor.name if target == ACTOR else None}
        else:
            become |= given_to(rules, team, assignee, giving.queue(rules, ticket, target, become))


def _at_once(rules: Rules, target: str) -> bool:
    return target in (ACTOR, TEAM) or target in rules.desk.teams


def wished(
    rules: Rules, branch: Branch, cause: str, entry: int, timed: bool = False, on: str | None = None
) -> tuple[Effect, ...]:
    """Return what of a branch's actions is settled at the end of the unit."""
    effects = []
    for action, target in branch.wishes:
        if action == "assign" and _at_once(rules, target):
            continue  # done with the step
        where = on or (PERSON if action == "escalate" else None)
        if action == "notify" and target == "customer" and branch.dest is not None:
            where = None
        effects.append(Effect(action, target, cause, entry, timed, where))
    return tuple(effects)


def assigned(rules: Rules, ticket: Ticket, to: str | None) -> Ticket:
    """Return the ticket given to a team or a member; raise NotFound for neither. None takes it from everybody."""
    return replace(ticket, **given_to(rules, ticket.team, ticket.assignee, to))


def given_to(rules: Rules, team: str | None, assignee: str | None, to: str | None) -> dict[str, Any]:
    """Return the team and the assignee of a ticket that is given to somebody."""
    teams = rules.desk.teams
    if to is None:
        return {"assignee": None}
    if to in teams:
        return {"team": to, "assignee": assignee if assignee in teams[to].members else None}
    if to in rules.desk.members:
        own = teams.get(team or "")
        if own is None or not (to in own.members or to in own.lead):
            team = next((name for name, known in teams.items() if to in known.members), team)
        return {"team": team, "assignee": to}
    raise NotFound(
        "there is no team or member {to}", "the teams and members are listed in desk.yaml", field="to", to=to
    )


def _entering(
    rules: Rules, ticket: Ticket, dest: str, at: datetime, become: Mapping[str, Any], *, by_person: bool
) -> dict[str, Any]:
    """Return what becomes of a ticket that enters a state, besides what its step makes of it."""
    state = rules.compiled.definition.states[dest]
    team = giving.queue(rules, ticket, state.team, become) if state.team else ticket.team
    members = rules.desk.teams[team].members if team in rules.desk.teams else ()
    keeps = ticket.assignee if team == ticket.team or ticket.assignee in members else None
    return {
        "state": dest, "stage": state.stage, "entry": ticket.entry + 1, "entered_at": at, "missed_at": None,
        "team": team, "assignee": keeps,
    } | ({"walks": NOTHING} if by_person else {})  # fmt: skip


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


def act(
    rules: Rules,
    ticket: Ticket,
    actions: Iterable[Action],
    become: dict[str, Any],
    public: dict[str, Any],
    hidden: dict[str, Any],
) -> tuple[Link, ...]:
    """Note what the actions change at once, and what of that the history entry says, in the clear and not."""
    links: list[Link] = []
    specs = rules.compiled.definition.fields
    for action in actions:
        fields = become.get("fields", ticket.fields)
        wanted = {action.count: fields.get(action.count, 0) + 1} if action.count else action.set
        if wanted is not None:
            values = coerce_all(specs, wanted, rules.zone)
            become["fields"] = merged(fields, values)
            clear, secret = split(specs, values)
            public |= clear
            hidden |= secret
        elif action.priority is not None:
            become["priority"] = public["priority"] = action.priority
        elif action.tag is not None:
            become["tags"] = tuple(sorted({*become.get("tags", ticket.tags), *action.tag}))
            public["tagged"] = [*public.get("tagged", ()), *action.tag]
        elif action.link is not None:
            links.append(Link(action.link))
            public["linked"] = action.link
    return tuple(links)


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
