"""What one event does to one ticket. Pure: the same values always give the same Decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from workflow.core import people
from workflow.core.guard import Judge, Rules, barrier
from workflow.core.model import (
    Actor,
    Advance,
    Assign,
    Claim,
    Decision,
    Effect,
    Escalate,
    Event,
    Link,
    Note,
    SetFields,
    Tag,
    Ticket,
)
from workflow.core.moves import assigned, merged, noted, record, split, take
from workflow.core.opening import LONGEST_WORD, priority_word, tag_word
from workflow.core.values import coerce_all, storable
from workflow.errors import BadValue, NotFound, Refused, TicketflowError


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
    filled = replace(ticket, fields=merged(ticket.fields, given))
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
    public, private = split(definition.fields, given)
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
        private=private | noted(event.note),
    )


def _assign(rules: Rules, ticket: Ticket, event: Assign, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "assign", ticket.id)
    _not_archived(ticket, "assign")
    ticket = assigned(rules, ticket, event.to)
    data = {"team": ticket.team, "assignee": ticket.assignee}
    ticket, entry = record(ticket, "assigned", actor, now, data=data, private=noted(event.note))
    return Decision(ticket, (entry,))


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
    ticket, entry = record(ticket, "noted", actor, now, private={"note": storable(event.text, "note")})
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
        ticket = replace(ticket, priority=priority_word(event.priority))
        data["priority"] = ticket.priority
    public, private = split(specs, given)
    data |= public
    if not given and not data:
        raise BadValue("there is nothing to set", "name a field or a priority", field="fields")
    ticket = replace(ticket, fields=merged(ticket.fields, given))
    ticket, entry = record(ticket, "set", actor, now, data=data, private=private | noted(event.note))
    return Decision(ticket, (entry,))


def _tag_ticket(rules: Rules, ticket: Ticket, event: Tag, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "tag", ticket.id)
    add, remove = {tag_word(tag) for tag in event.add}, {tag_word(tag) for tag in event.remove}
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
    ticket, entry = record(ticket, "raised", actor, now, private=noted(event.reason, "reason"))
    effect = Effect("escalate", None, f"raised:{entry.seq}", ticket.entry)
    return Decision(ticket, (entry,), (effect,))


def _not_archived(ticket: Ticket, verb: str) -> None:
    if ticket.stage == "archive":
        raise Refused(
            "an archived ticket is final: {verb} is refused",
            "open a new ticket and link it",
            rule="archived",
            verb=verb,
        )


_DECIDERS: dict[type, Callable[..., Decision]] = {
    Advance: _advance, Assign: _assign, Claim: _claim, Note: _note, SetFields: _set_fields,
    Tag: _tag_ticket, Link: _link, Escalate: _escalate,
}  # fmt: skip
