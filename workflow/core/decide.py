"""What one event does to one ticket. Pure: the same values always give the same Decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from workflow.core import giving, people
from workflow.core.events import (
    Acknowledge,
    Advance,
    Approve,
    Assign,
    Claim,
    Escalate,
    Event,
    Excuse,
    Extend,
    Link,
    MakePromise,
    Note,
    Redact,
    Repair,
    SetFields,
    Tag,
    Transfer,
    Verify,
)
from workflow.core.guard import Judge, Rules, barrier
from workflow.core.identity import unmet, verified
from workflow.core.model import Actor, Decision, Effect, Promise, SlaClock, Ticket, Timer, replace
from workflow.core.moves import PERSON, assigned, merged, noted, record, refused, split, take
from workflow.core.opening import priority_word, tag_word, tag_words
from workflow.core.redaction import redacted
from workflow.core.values import LONGEST_WORD, coerce_all, storable
from workflow.definition.duration import LONGEST
from workflow.definition.resolve import Branch, first_state
from workflow.errors import BadValue, NotFound, Refused, TicketflowError

WARNING = timedelta(hours=1)  # the owner is warned so long before a promise falls due (P22)
PROMISES = 1_000_000  # their place in the order of firing: after the levels of SLA clocks


def decide(rules: Rules, ticket: Ticket, event: Event, actor: Actor, now: datetime) -> Decision:
    """Return what `event`, done by `actor` at `now`, does to the ticket: a new value, or the refusal.

    The ticket must have been caught up to `now`.
    """
    try:
        return _DECIDERS[type(event)](rules, ticket, event, actor, now)
    except TicketflowError as refusal:
        return refused(ticket, refusal)


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
    filled = replace(ticket, fields=merged(ticket.fields, given)) if given else ticket
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
    said = [name for name, value in given.items() if value is not None]
    judge = Judge(rules, filled, actor, now)
    branch = machine.step(ticket.state, event.trigger, judge.holds)
    if branch is None:
        raise judge.refusal(event.trigger)
    if refusal := barrier(filled, actor, event.trigger, branch, said) or unmet(filled, event.trigger, branch, now):
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
    gives = giving.give(rules, ticket, f"assigned:{entry.seq}", entry.seq) if event.to else ()
    return Decision(ticket, (entry,), gives)


def _transfer(rules: Rules, ticket: Ticket, event: Transfer, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "transfer", ticket.id)
    _not_archived(ticket, "transfer")
    reason = _reason(event.reason)
    if not event.to and not event.skill:
        raise BadValue("a transfer goes to somebody", "name a team, a member or a skill", field="to")
    if not event.announced:
        raise Refused(
            "a customer is told before somebody else goes on with their case",
            "tell them, and say so with the transfer",
            rule="announced",
        )
    before, to = ticket.assignee or ticket.team, event.to or ticket.team
    if to in rules.desk.members and not rules.on_duty(to, now):
        raise Refused("{to} is not on duty", "name somebody else, or a team", rule="duty", to=to)
    if event.to and event.to == ticket.assignee:
        raise Refused("the ticket is {assignee}'s already", "name somebody else", rule="claimed", assignee=to)
    ticket = assigned(rules, replace(ticket, assignee=None), to)
    data: dict[str, Any] = {"team": ticket.team, "assignee": ticket.assignee, "instead_of": before, "announced": True}
    if event.skill:
        skill = tag_word(event.skill)
        giving.demand_skill(rules, ticket.assignee or ticket.team, skill)
        ticket = replace(ticket, tags=tuple(sorted({*ticket.tags, skill})))
        data["tagged"] = [skill]
    ticket, entry = record(ticket, "transferred", actor, now, data=data, private=reason)
    cause = f"transferred:{entry.seq}"
    given = giving.give(rules, ticket, cause, entry.seq, but=before)
    told = Effect("notify", "owner" if given or ticket.assignee else "team", cause, ticket.entry, seq=entry.seq)
    return Decision(ticket, (entry,), (*given, told))


def _claim(rules: Rules, ticket: Ticket, event: Claim, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "claim", ticket.id)
    _not_archived(ticket, "claim")
    if ticket.assignee not in (None, actor.name) and not (event.untouched and _is_of_team(rules, ticket, actor)):
        raise Refused(
            "the ticket is {assignee}'s already",
            "ask for it to be assigned to you",
            rule="claimed",
            assignee=ticket.assignee,
        )
    data = {"team": ticket.team, "assignee": actor.name}
    ticket, entry = record(ticket, "assigned", actor, now, {"assignee": actor.name}, data=data)
    return Decision(ticket, (entry,))


def _is_of_team(rules: Rules, ticket: Ticket, actor: Actor) -> bool:
    team = rules.desk.teams.get(ticket.team or "")
    return team is not None and actor.name in (*team.members, *team.lead)


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
    ticket = replace(ticket, tags=tag_words({*ticket.tags, *add} - remove, grow=bool(add)))
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
    effect = Effect("escalate", None, f"raised:{entry.seq}", ticket.entry, stands=PERSON)
    return Decision(ticket, (entry,), (effect,))


def _acknowledge(rules: Rules, ticket: Ticket, _event: Acknowledge, actor: Actor, _now: datetime) -> Decision:
    people.demand(rules.desk, actor, "acknowledge", ticket.id)
    if ticket.ladder is None:
        raise Refused(
            "no escalation of this ticket is open", "`ticketflow escalations` lists those that are", rule="ladder"
        )
    return Decision(ticket)  # the unit takes the ladder on, as it does for a lead who claims the ticket


def _make_promise(rules: Rules, ticket: Ticket, event: MakePromise, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "promise", ticket.id)
    _not_archived(ticket, "promise")
    old = ticket.promise
    if event.until is None:
        if old is None:
            raise Refused("nothing is promised on this ticket", "promise something first", rule="promise")
        data: dict[str, Any] = {"number": old.number, "until": old.until.isoformat(), "late": now > old.until}
        kept, entry = record(
            replace(ticket, promise=None), "promise_kept", actor, now, data=data, private=noted(event.reason, "reason")
        )
        return Decision(kept, (entry,))
    if event.until <= now:
        raise BadValue(
            "{until} has passed: only a time to come can be promised", "promise a later time", field="until",
            until=event.until,
        )  # fmt: skip
    if event.until - now > LONGEST:
        raise BadValue("nobody can promise so far ahead", "promise a time within ten years", field="until")
    if old is not None and not event.reason:
        raise BadValue(
            "the customer was promised {until}, and is told why that changes",
            "give the reason",
            field="reason",
            until=old.until,
        )
    promise = Promise(ticket.promises + 1, event.until, now, actor.name)
    data = {"number": promise.number, "until": event.until.isoformat()}
    if old is not None:
        data |= {"instead_of": old.until.isoformat(), "late": now > old.until - WARNING}
    timers = promised(promise.number, promise.until, now)
    if len(timers) == 1:
        data["skipped"] = ["warning"]
    ticket = replace(ticket, promise=promise, promises=promise.number)
    ticket, entry = record(ticket, "promised", actor, now, data=data, private=noted(event.reason, "reason"))
    said = {name: value for name, value in data.items() if name in ("until", "instead_of")}
    told = Effect("promise", "customer", f"promised:{entry.seq}", ticket.entry, seq=entry.seq, data=said)
    return Decision(ticket, (entry,), (told,), arm=tuple(timers))


def promised(number: int, until: datetime, now: datetime) -> list[Timer]:
    """Return the timers of a promise made now: the owner's warning, unless that is past already, and its end."""
    return [
        Timer("promise", name, number, 1, due, PROMISES + place)
        for place, (name, due) in enumerate((("warning", until - WARNING), ("due", until)))
        if due > now
    ]


def _extend(rules: Rules, ticket: Ticket, event: Extend, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "extend", ticket.id)
    clock = _open_clock(rules, ticket, event.sla)
    if event.by <= timedelta():
        raise BadValue("an extension is longer than nothing", "give a longer time", field="by")
    if clock.breached or (clock.status == "running" and clock.due_at is not None and clock.due_at <= now):
        raise Refused(
            "the clock {sla} was due at {due}: an extension is asked for before that",
            "a lead can excuse the miss",
            rule="sla",
            sla=event.sla,
            due=clock.due_at or "-",
        )
    reason = _reason(event.reason)
    data = {"sla": clock.name, "cycle": clock.cycle, "by": event.by.total_seconds()}
    ticket, entry = record(ticket, "extension_asked", actor, now, data=data, private=reason)
    cause = f"extension_asked:{entry.seq}"
    return Decision(ticket, (entry,), (Effect("notify", "lead", cause, ticket.entry, seq=entry.seq),))


def _approve(rules: Rules, ticket: Ticket, event: Approve, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "approve", ticket.id)
    clock = _open_clock(rules, ticket, event.sla)
    if clock.asked is None:
        raise Refused("nobody asked for more time on {sla}", "ask for it with `sla extend`", rule="sla", sla=event.sla)
    data: dict[str, Any] = {"sla": clock.name, "cycle": clock.cycle}
    if not event.granted:
        ticket, entry = record(ticket, "extension_refused", actor, now, data=data, private=noted(event.note))
        return Decision(ticket, (entry,))
    data["by"] = clock.asked.total_seconds()
    ticket, entry = record(ticket, "extended", actor, now, data=data, private=noted(event.note))
    told = Effect("extended", "customer", f"extended:{entry.seq}", ticket.entry, seq=entry.seq, data=data)
    return Decision(ticket, (entry,), (told,))


def _excuse(rules: Rules, ticket: Ticket, event: Excuse, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "excuse", ticket.id)
    _known_clock(rules, event.sla)
    missed = [clock for clock in ticket.clocks if clock.name == event.sla and clock.breached]
    if event.cycle is not None:
        missed = [clock for clock in missed if clock.cycle == event.cycle]
    if not missed:
        raise Refused("the clock {sla} was not missed", "there is nothing to excuse", rule="sla", sla=event.sla)
    data = {"sla": event.sla, "cycle": missed[-1].cycle}
    ticket, entry = record(ticket, "excused", actor, now, data=data, private=_reason(event.reason))
    return Decision(ticket, (entry,))


def _repair(rules: Rules, ticket: Ticket, event: Repair, actor: Actor, now: datetime) -> Decision:
    people.demand(rules.desk, actor, "repair", ticket.id)
    _not_archived(ticket, "repair")
    states = rules.compiled.definition.states
    dest = first_state(states, event.to)
    if dest is None:
        raise NotFound(
            "{type} has no state {given!r}", "its states are: {known}", field="to",
            type=ticket.type, given=event.to, known=", ".join(states),
        )  # fmt: skip
    if dest == ticket.state:
        raise Refused("the ticket is in {state} already", "name another state", rule="state", state=dest)
    private = _reason(event.reason)
    return take(rules, ticket, Branch(dest), actor, now, "repaired", "repaired", private=private)


def _known_clock(rules: Rules, name: str) -> None:
    known = rules.compiled.definition.slas
    if name not in known:
        raise NotFound(
            "{type} has no clock {sla}", "its clocks are: {known}", field="sla", sla=name,
            type=rules.compiled.definition.name, known=", ".join(known) or "-",
        )  # fmt: skip


def _open_clock(rules: Rules, ticket: Ticket, name: str) -> SlaClock:
    _known_clock(rules, name)
    clock = ticket.clock(name)
    if clock is None or not clock.is_open:
        raise Refused("the clock {sla} does not run", "only a clock that runs can be extended", rule="sla", sla=name)
    return clock


def _reason(text: str) -> dict[str, Any]:
    if not text.strip():
        raise BadValue("the reason is missing", "say why", field="reason")
    return noted(text, "reason")


def _not_archived(ticket: Ticket, verb: str) -> None:
    if ticket.stage == "archive":
        raise Refused(
            "an archived ticket is final: {verb} is refused",
            "open a new ticket and link it",
            rule="archived",
            verb=verb,
        )


_DECIDERS: dict[type, Callable[..., Decision]] = {
    Advance: _advance, Assign: _assign, Transfer: _transfer, Claim: _claim, Note: _note, SetFields: _set_fields,
    Tag: _tag_ticket, Link: _link, Escalate: _escalate, Acknowledge: _acknowledge, MakePromise: _make_promise,
    Extend: _extend, Approve: _approve, Excuse: _excuse, Repair: _repair,
    Verify: verified, Redact: redacted,
}  # fmt: skip
