"""What one event does to one ticket. Pure: the same values always give the same Decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from workflow.core import people
from workflow.core.guard import Judge, Rules, barrier
from workflow.core.model import (
    NOTHING,
    Actor,
    Advance,
    Assign,
    Claim,
    Customer,
    Decision,
    Effect,
    Escalate,
    Event,
    HistoryEntry,
    Link,
    Note,
    SetFields,
    Tag,
    Ticket,
    Timer,
    Value,
)
from workflow.core.values import coerce, coerce_all, encode, storable
from workflow.definition.model import PRIORITIES, Action, FieldSpec
from workflow.definition.resolve import Branch
from workflow.errors import BadValue, NotFound, Refused, TicketflowError

LONGEST_EXTERNAL_ID = 500
LONGEST_WORD = 60
SETTLED_LATER = ("assign", "reassign", "escalate", "notify", "call")


def decide(rules: Rules, ticket: Ticket, event: Event, actor: Actor, now: datetime) -> Decision:
    """Return what `event`, done by `actor` at `now`, does to the ticket: a new value, or the refusal.

    The ticket must have been caught up to `now`.
    """
    try:
        return _DECIDERS[type(event)](rules, ticket, event, actor, now)
    except TicketflowError as refusal:
        if refusal.ticket is None:
            refusal.ticket = refusal.values["ticket"] = ticket.id
        return Decision(ticket, refusal=refusal)


def open_ticket(
    rules: Rules,
    actor: Actor,
    now: datetime,
    *,
    fields: Mapping[str, object] = NOTHING,
    channel: str | None = None,
    priority: str | None = None,
    tags: Iterable[str] = (),
    external_id: str | None = None,
    note: str | None = None,
) -> Decision:
    """Return a new ticket in its type's first state, with its first timers; raise what is wrong with the request.

    The ticket's id is 0 until the store gives it one, and the customer comes by `for_customer`.
    """
    people.demand(rules.desk, actor, "open")
    definition = rules.compiled.definition
    given = coerce_all(definition.fields, fields, rules.zone)
    values = {name: value for name, value in given.items() if value is not None}
    for name, spec in definition.fields.items():
        if name not in given and spec.default is not None:
            values |= {name: default} if (default := coerce(name, spec, spec.default, rules.zone)) is not None else {}
        if spec.required and name not in values:
            raise BadValue(
                "{type} needs the field {field}", "give it, like --field {field}=…", field=name, type=definition.name
            )
    if channel is not None and channel not in (rules.desk.channels or (channel,)):
        raise BadValue(
            "there is no channel {channel!r}",
            "the channels are: {known}",
            field="channel",
            channel=channel,
            known=", ".join(rules.desk.channels),
        )
    storable(channel or "", "channel", longest=LONGEST_WORD)
    if external_id is not None:
        storable(external_id, "external_id", longest=LONGEST_EXTERNAL_ID)
    state = definition.states[definition.initial]
    ticket = Ticket(
        id=0,
        type=definition.name,
        version=definition.version,
        state=state.name,
        stage=state.stage,
        opened_at=now,
        entered_at=now,
        updated_at=now,
        priority=_priority(priority or "normal"),
        channel=channel,
        team=state.team,
        external_id=external_id,
        tags=tuple(sorted({_tag(tag) for tag in tags})),
        fields=values,
        acted={state.name: (actor.name,)} if not actor.automatic else {},
        desk_revision=rules.desk_revision,
    )
    public, private = _split(definition.fields, values)
    data: dict[str, Any] = {"priority": ticket.priority, "team": ticket.team}
    data |= {name: value for name, value in (("channel", channel), ("external_id", external_id)) if value}
    data |= {"tags": list(ticket.tags)} if ticket.tags else {}
    data |= public
    ticket, entry = record(ticket, "opened", actor, now, dest=state.name, data=data, private=private | _noted(note))
    timers, spent = arm(rules, ticket, now)
    return Decision(*_with(ticket, (entry,), spent, now), arm=timers)


def for_customer(decision: Decision, customer: Customer | None) -> Decision:
    """Return the opening of a ticket with the customer as the store knows them."""
    if customer is None:
        return decision
    first, *rest = decision.entries
    first = replace(first, data={**first.data, "customer": customer.id})
    return replace(decision, ticket=replace(decision.ticket, customer=customer), entries=(first, *rest))


def arm(rules: Rules, ticket: Ticket, at: datetime) -> tuple[tuple[Timer, ...], tuple[str, ...]]:
    """Return the timers of the state just entered, and the names of those whose `times` are used up."""
    timers, spent = [], []
    for timeout in rules.compiled.definition.states[ticket.state].timeouts.values():
        walked = ticket.walks.get(f"{ticket.state}/{timeout.name}", 0)
        if timeout.branch.dest and timeout.times and walked >= timeout.times:
            spent.append(timeout.name)
        else:
            due = at + timeout.after.length
            timers.append(Timer("timeout", timeout.name, ticket.entry, 1, due, timeout.position))
    return tuple(timers), tuple(spent)


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


def take(
    rules: Rules, ticket: Ticket, branch: Branch, actor: Actor, at: datetime, cause: str, kind: str, **entry: Any
) -> Decision:
    """Take a branch: do its immediate actions, move if it has a dest, and note what is to be settled."""
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
        if ticket.team != before.team:
            data["team"] = ticket.team
        timers, spent = arm(rules, ticket, at)
    ticket, written = record(
        ticket, kind, actor, at, source=before.state, dest=branch.dest, data=data, private=private, **entry
    )
    effects = tuple(
        Effect(action.kind, _target(action), cause, ticket.entry, timed=actor.automatic)
        for action in branch.actions
        if action.kind in SETTLED_LATER
    )
    ticket, entries = _with(ticket, (written,), spent, at)
    return Decision(ticket, entries, effects, arm=timers, links=links)


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


def _with(
    ticket: Ticket, entries: tuple[HistoryEntry, ...], spent: Iterable[str], at: datetime
) -> tuple[Ticket, tuple[HistoryEntry, ...]]:
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
            ticket = replace(ticket, fields=_merged(ticket.fields, values))
            public, hidden = _split(specs, values)
            data |= public
            private |= hidden
        elif action.priority is not None:
            ticket = replace(ticket, priority=action.priority)
            data["priority"] = action.priority
        elif action.tag is not None:
            ticket = replace(ticket, tags=tuple(sorted({*ticket.tags, *action.tag})))
            data["tagged"] = list(action.tag)
        elif action.link is not None:
            links.append(Link(action.link))
            data["linked"] = action.link
    return ticket, tuple(links), data, private


def _target(action: Action) -> Any:
    value = getattr(action, action.kind)
    return None if value is True else value


def _advance(rules: Rules, ticket: Ticket, event: Advance, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "advance", ticket.id)
    definition, machine = rules.compiled.definition, rules.compiled
    if event.trigger not in definition.triggers:
        raise NotFound(
            "{type} has no trigger {trigger}",
            "its triggers here are: {known}",
            trigger=event.trigger,
            type=definition.name,
            known=", ".join(definition.states[ticket.state].triggers) or "-",
        )
    given = coerce_all(definition.fields, event.fields, rules.zone)
    filled = replace(ticket, fields=_merged(ticket.fields, given))
    if not machine.knows(ticket.state, event.trigger):
        raise Refused(
            "{trigger} is not possible in {state}",
            "possible here: {known}",
            rule="state",
            trigger=event.trigger,
            state=ticket.state,
            known=", ".join(
                name for name in definition.states[ticket.state].triggers if machine.knows(ticket.state, name)
            )
            or "-",
        )
    judge = Judge(rules, filled, actor, now)
    branch = machine.step(ticket.state, event.trigger, judge.holds)
    if branch is None:
        raise judge.refusal(event.trigger)
    if refusal := barrier(filled, actor, event.trigger, branch):
        raise refusal
    public, private = _split(definition.fields, given)
    return take(
        rules,
        filled,
        branch,
        actor,
        now,
        event.trigger,
        "advanced",
        trigger=event.trigger,
        data=public,
        private=private | _noted(event.note),
    )


def _assign(rules: Rules, ticket: Ticket, event: Assign, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "assign", ticket.id)
    _not_archived(ticket, "assign")
    ticket = assigned(rules, ticket, event.to)
    data = {"team": ticket.team, "assignee": ticket.assignee}
    ticket, entry = record(ticket, "assigned", actor, now, data=data, private=_noted(event.note))
    return Decision(ticket, (entry,))


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
        if own is not None and (to in own.members or to == own.lead):
            return replace(ticket, assignee=to)
        team = next((name for name, team in rules.desk.teams.items() if to in team.members), ticket.team)
        return replace(ticket, team=team, assignee=to)
    raise NotFound(
        "there is no team or member {to}", "the teams and members are listed in desk.yaml", field="to", to=to
    )


def _claim(rules: Rules, ticket: Ticket, _event: Claim, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "claim", ticket.id)
    _not_archived(ticket, "claim")
    if ticket.assignee not in (None, actor.name):
        raise Refused(
            "the ticket is {assignee}'s already",
            "ask for it to be assigned to you",
            rule="claimed",
            assignee=ticket.assignee,
        )
    ticket = replace(ticket, assignee=actor.name)
    ticket, entry = record(ticket, "assigned", actor, now, data={"team": ticket.team, "assignee": actor.name})
    return Decision(ticket, (entry,))


def _note(rules: Rules, ticket: Ticket, event: Note, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "note", ticket.id)
    if not event.text.strip():
        raise BadValue("a note must not be empty", "write something", field="note")
    ticket, entry = record(ticket, "noted", actor, now, private=_noted(event.text))
    return Decision(ticket, (entry,))


def _set_fields(rules: Rules, ticket: Ticket, event: SetFields, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "set", ticket.id)
    _not_archived(ticket, "set")
    specs = rules.compiled.definition.fields
    given = coerce_all(specs, event.fields, rules.zone)
    for name, value in given.items():
        if value is None and specs[name].required:
            raise BadValue("the field {field} is required and cannot be emptied", "give it a value", field=name)
    data: dict[str, Any] = {}
    if event.priority is not None:
        ticket = replace(ticket, priority=_priority(event.priority))
        data["priority"] = ticket.priority
    public, private = _split(specs, given)
    data |= public
    if not given and not data:
        raise BadValue("there is nothing to set", "name a field or a priority", field="fields")
    ticket = replace(ticket, fields=_merged(ticket.fields, given))
    ticket, entry = record(ticket, "set", actor, now, data=data, private=private | _noted(event.note))
    return Decision(ticket, (entry,))


def _tag_ticket(rules: Rules, ticket: Ticket, event: Tag, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "tag", ticket.id)
    add, remove = {_tag(tag) for tag in event.add}, {_tag(tag) for tag in event.remove}
    if not add | remove:
        raise BadValue("there is nothing to tag", "name at least one tag", field="tags")
    ticket = replace(ticket, tags=tuple(sorted({*ticket.tags, *add} - remove)))
    data = {key: sorted(tags) for key, tags in (("tagged", add), ("untagged", remove)) if tags}
    ticket, entry = record(ticket, "tagged", actor, now, data=data)
    return Decision(ticket, (entry,))


def _link(rules: Rules, ticket: Ticket, event: Link, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "link", ticket.id)
    storable(event.kind, "kind", longest=LONGEST_WORD)
    if event.other == ticket.id:
        raise BadValue("a ticket cannot be linked to itself", "name another ticket", field="other")
    ticket, entry = record(ticket, "linked", actor, now, data={"linked": event.other, "as": event.kind})
    return Decision(ticket, (entry,), links=(event,))


def _escalate(rules: Rules, ticket: Ticket, event: Escalate, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "escalate", ticket.id)
    _not_archived(ticket, "escalate")
    ticket, entry = record(ticket, "raised", actor, now, private=_noted(event.reason, "reason"))
    effect = Effect("escalate", None, f"raised:{entry.seq}", ticket.entry)
    return Decision(ticket, (entry,), (effect,))


_DECIDERS: dict[type, Callable[..., Decision]] = {
    Advance: _advance, Assign: _assign, Claim: _claim, Note: _note, SetFields: _set_fields,
    Tag: _tag_ticket, Link: _link, Escalate: _escalate,
}  # fmt: skip


def _not_archived(ticket: Ticket, verb: str) -> None:
    if ticket.stage == "archive":
        raise Refused(
            "an archived ticket is final: {verb} is refused",
            "open a new ticket and link it",
            rule="archived",
            verb=verb,
        )


def _merged(old: Mapping[str, Value], new: Mapping[str, Value | None]) -> Mapping[str, Value]:
    merged = {**old, **new}
    return {name: value for name, value in merged.items() if value is not None} if new else old


def _split(specs: Mapping[str, FieldSpec], values: Mapping[str, Value | None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values for the history entry: those that may stand in the clear, and those that may not."""
    parts: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for name, value in values.items():
        parts[specs[name].private][f"fields.{name}"] = value if value is None else encode(value)
    return parts


def _noted(text: str | None, name: str = "note") -> dict[str, Any]:
    return {name: storable(text, name)} if text else {}


def _priority(word: str) -> str:
    if word not in PRIORITIES:
        raise BadValue(
            "there is no priority {given}", "the priorities are: {known}", field="priority", given=word,
            known=", ".join(PRIORITIES),
        )  # fmt: skip
    return word


def _tag(word: str) -> str:
    tag = word.strip()
    if not tag or len(tag) > 60 or not tag.isprintable() or "," in tag:
        raise BadValue(
            "{given!r} is no tag",
            "a tag is 1 to 60 printable characters without a comma",
            field="tags",
            given=word[:80],
        )
    return tag
