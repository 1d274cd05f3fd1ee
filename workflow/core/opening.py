"""How a ticket begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from workflow.core import people, sla
from workflow.core.guard import Rules
from workflow.core.model import (
    NOTHING,
    Actor,
    Customer,
    Decision,
    Ticket,
    replace,
)
from workflow.core.moves import arm, noted, record, split, with_spent
from workflow.core.values import coerce, coerce_all, storable
from workflow.definition.model import PRIORITIES
from workflow.errors import BadValue

LONGEST_EXTERNAL_ID = 500
LONGEST_WORD = 60


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
    verb: str = "open",
) -> Decision:
    """Return a new ticket in its type's first state, with its first timers; raise what is wrong with the request.

    The ticket's id is 0 until the store gives it one, and the customer comes by `for_customer`.
    """
    people.demand(rules.desk, actor, verb)
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
    if channel is not None:
        storable(channel, "channel", longest=LONGEST_WORD)
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
        priority=priority_word(priority or "normal"),
        channel=channel,
        team=state.team,
        external_id=external_id,
        tags=tuple(sorted({tag_word(tag) for tag in tags})),
        fields=values,
        acted={state.name: (actor.name,)} if not actor.automatic else {},
        desk_revision=rules.desk_revision,
    )
    public, private = split(definition.fields, values)
    data: dict[str, Any] = {"priority": ticket.priority, "team": ticket.team}
    data |= {name: value for name, value in (("channel", channel), ("external_id", external_id)) if value}
    data |= {"tags": list(ticket.tags)} if ticket.tags else {}
    data |= public
    ticket, entry = record(ticket, "opened", actor, now, dest=state.name, data=data, private=private | noted(note))
    ticket, entry, clocks = sla.follow(rules, ticket, entry)
    timers, spent = arm(rules, ticket, now)
    levels = [timer for clock in clocks for timer in sla.timers(rules, clock, now)]
    return Decision(*with_spent(ticket, (entry,), spent, now), arm=(*timers, *levels))


def for_customer(decision: Decision, customer: Customer | None) -> Decision:
    """Return the opening of a ticket with the customer as the store knows them."""
    if customer is None:
        return decision
    first, *rest = decision.entries
    first = replace(first, data={**first.data, "customer": customer.id})
    return replace(decision, ticket=replace(decision.ticket, customer=customer), entries=(first, *rest))


def priority_word(word: str) -> str:
    """Return a priority; raise BadValue for any other word."""
    if word not in PRIORITIES:
        raise BadValue(
            "there is no priority {given}", "the priorities are: {known}", field="priority", given=word,
            known=", ".join(PRIORITIES),
        )  # fmt: skip
    return word


def tag_word(word: str) -> str:
    """Return a tag without the space around it; raise BadValue for what is none."""
    tag = word.strip()
    if not tag or len(tag) > 60 or not tag.isprintable() or "," in tag:
        raise BadValue(
            "{given!r} is no tag",
            "a tag is 1 to 60 printable characters without a comma",
            field="tags",
            given=word[:80],
        )
    return tag
