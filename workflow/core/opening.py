"""How a ticket begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from workflow.core import people, sla
from workflow.core.classify import Proposal
from workflow.core.guard import Rules
from workflow.core.model import (
    NOTHING,
    Actor,
    Customer,
    Decision,
    Effect,
    Ticket,
    replace,
)
from workflow.core.moves import PERSON, act, arm, handed_over, noted, record, split, wished, with_spent
from workflow.core.values import LONGEST_WORD, coerce, coerce_all, storable
from workflow.definition.model import PRIORITIES
from workflow.definition.resolve import Branch, TicketType, first_state
from workflow.errors import BadValue

LONGEST_EXTERNAL_ID = 500
MOST_TAGS = 100
_NEVER = datetime.min.replace(tzinfo=UTC)
_BLANK = Ticket(0, "", 0, "", "", _NEVER, _NEVER, _NEVER)


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
    proposal: Proposal | None = None,
    state: str | None = None,
    opened_at: datetime | None = None,
    separate: str | None = None,
) -> Decision:
    """Return a new ticket in its type's first state, with its first timers; raise what is wrong with the request.

    What is given goes before what is proposed; `separate` says why it is not joined to an open one. The ticket's id is
    0 until the store gives it one, and the customer comes by `for_customer`. One with a `state` comes from elsewhere,
    in mid-flow: it was opened there at `opened_at` and has been in that state since `now`. Nothing is demanded of its
    way there, and nobody is told what its type tells of an opening.
    """
    people.demand(rules.desk, actor, verb)
    definition = rules.compiled.definition
    proposed = proposal.proposed if proposal else NOTHING
    category = definition.spec.category
    if category and "category" in proposed and not fields.get(category):
        fields = {**fields, category: proposed["category"]}
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
    first = definition.states[definition.initial]
    here = first if state is None else definition.states[place_of(definition, state)]
    team = proposed.get("team", first.team)
    ticket = replace(
        _BLANK,
        type=definition.name,
        version=definition.version,
        state=here.name,
        stage=here.stage,
        opened_at=opened_at or now,
        entered_at=now,
        updated_at=now,
        priority=priority_word(priority or proposed.get("priority", "normal")),
        channel=channel,
        team=team if here is first else here.team or (None if here.stage == "archive" else team),
        external_id=external_id,
        tags=tag_words((*tags, *proposed.get("tags", ()))),
        fields=values,
        acted={here.name: (actor.name,)} if state is None and not actor.automatic else {},
        desk_revision=rules.desk_revision,
    )
    become: dict[str, Any] = {}
    links = act(rules, ticket, definition.on_open.at_once, become, {}, {})
    wishes = definition.on_open if state is None else Branch(None)
    handed_over(rules, ticket, wishes, actor, become)
    ticket = replace(ticket, **become) if become else ticket
    public, private = split(definition.fields, ticket.fields)
    data: dict[str, Any] = {"priority": ticket.priority, "team": ticket.team}
    data |= {name: value for name, value in (("channel", channel), ("external_id", external_id)) if value}
    data |= {"tags": list(ticket.tags)} if ticket.tags else {}
    data |= {"linked": links[-1].other} if links else {}
    data |= {sla.CAME_IN: ticket.opened_at.isoformat()} if state is not None else {}
    data |= public
    if proposal:
        data |= {name: value for name, value in _told(proposal).items() if value}
        private |= {"answer": proposal.answer[1]} if proposal.answer else {}
    private |= noted(note) | noted(separate, "separate")
    ticket, entry = record(ticket, "opened", actor, now, dest=here.name, data=data, private=private)
    ticket, entry, clocks = sla.follow(rules, ticket, entry)
    timers, spent = arm(rules, ticket, now)
    levels = [timer for clock in clocks for timer in sla.timers(rules, clock, now)]
    effects = wished(rules, wishes, f"opened:{entry.seq}", ticket.entry)
    if "risk" in proposed:
        effects = (*effects, Effect("escalate", None, f"risk:{entry.seq}", ticket.entry, stands=PERSON))
    ticket, entries = with_spent(ticket, (entry,), spent, now)
    return Decision(ticket, entries, effects, arm=(*timers, *levels), links=links)


def place_of(definition: TicketType, word: str) -> str:
    """Return the state that a word names, of a stage the first; raise BadValue where the type has neither."""
    state = first_state(definition.states, word)
    if state is None:
        raise BadValue(
            "{type} has no state {given!r}", "its states are: {known}", field="state", type=definition.name,
            given=word[:80], known=", ".join(definition.states),
        )  # fmt: skip
    return state


def _told(proposal: Proposal) -> dict[str, Any]:
    """Return what the history says of how a ticket was sorted: by whom what was proposed, and who failed."""
    return {
        "proposal": dict(proposal.by),
        "machine": proposal.answer[0] if proposal.answer else None,
        "faults": [fault.by for fault in proposal.faults],
    }


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


def tag_words(words: Iterable[str], *, grow: bool = True) -> tuple[str, ...]:
    """Return tags in their order; raise BadValue for what is none, or for too many unless they do not `grow`."""
    tags = tuple(sorted({tag_word(word) for word in words}))
    if grow and len(tags) > MOST_TAGS:
        raise BadValue(
            "{given} tags are too many", "a ticket or a customer has up to {most}", field="tags", given=len(tags),
            most=MOST_TAGS,
        )  # fmt: skip
    return tags


def tag_word(word: str) -> str:
    """Return a tag without the space around it; raise BadValue for what is none."""
    tag = word.strip()
    if not tag or len(tag) > LONGEST_WORD or not tag.isprintable() or "," in tag:
        raise BadValue(
            "{given!r} is no tag",
            "a tag is 1 to 60 printable characters without a comma",
            field="tags",
            given=word[:80],
        )
    return tag
