"""A customer who contacts the desk again about an open case 催单: joined to its ticket, not a second one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflow.core.events import Link
from workflow.core.guard import Judge, Rules, barrier
from workflow.core.model import Actor, Decision, Effect, HistoryEntry, Ticket, Value, replace
from workflow.core.moves import PERSON, noted, record, split, take
from workflow.definition.model import PRIORITIES
from workflow.definition.resolve import TicketType
from workflow.errors import Refused

LINKED_AS = "repeat"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A contact as the ticket that it would have opened, with the entry of its opening; what it `said` by field."""

    instead_of: Ticket
    opened: HistoryEntry
    said: Mapping[str, Value]
    note: str | None = None


def category_of(definition: TicketType, fields: Mapping[str, Any]) -> str | None:
    """Return the category of a ticket of this type, or None as long as nobody has said one."""
    return fields.get(definition.spec.category or "")


def alike(one: str | None, other: str | None) -> bool:
    """Say whether two cases of one type may be the same: two different categories tell them apart, nothing else."""
    return one is None or other is None or one == other


def joined(rules: Rules, ticket: Ticket, event: Repeat, actor: Actor, now: datetime) -> Decision:
    """Return what a repeat contact does to an open ticket; raise Refused if the case is over or has become another.

    Its words are noted, what else it says recorded; its tags are added, a higher priority or a risk that it brings
    hold. The trigger that the type `joins` by fires, whoever took the contact; where it cannot, the rest is done.
    """
    definition, machine, came = rules.compiled.definition, rules.compiled, event.instead_of
    trigger = definition.spec.joins
    mine, theirs = category_of(definition, ticket.fields), category_of(definition, came.fields)
    if not trigger or ticket.stage == "archive" or ticket.type != came.type or not alike(mine, theirs):
        raise Refused("ticket {ticket} is another case", "open a ticket of its own", rule="joins", ticket=ticket.id)
    tags = [tag for tag in came.tags if tag not in ticket.tags]
    raised = PRIORITIES.index(came.priority) > PRIORITIES.index(ticket.priority)
    data: dict[str, Any] = {"repeat": True, "came_at": came.opened_at.isoformat()}
    told = {"channel": came.channel, "external_id": came.external_id, "tagged": tags}
    told |= {name: event.opened.data.get(name) for name in ("proposal", "faults")}
    data |= {name: value for name, value in told.items() if value}
    data |= {"priority": came.priority} if raised else {}
    ticket = replace(
        ticket, customer=came.customer, tags=tuple(sorted({*ticket.tags, *tags})),
        priority=came.priority if raised else ticket.priority,
    )  # fmt: skip
    new = {name: value for name, value in event.said.items() if ticket.fields.get(name) != value}
    texts = [str(value) for name, value in event.said.items() if _is_words(definition, name)]
    rest = {name: value for name, value in new.items() if not _is_words(definition, name)}
    public, private = split(definition.fields, rest)
    data |= public
    private |= noted("\n".join(filter(None, (event.note, *texts))))
    branch = None
    if machine.knows(ticket.state, trigger):
        branch = machine.step(ticket.state, trigger, Judge(rules, ticket, actor, now).holds)
    if branch is None or barrier(ticket, replace(actor, automatic=True), trigger, branch):
        ticket, entry = record(ticket, "noted", actor, now, data=data, private=private)
        decision = Decision(ticket, (entry,))
    else:
        decision = take(
            rules, ticket, branch, actor, now, trigger, "advanced", trigger=trigger, data=data, private=private
        )
    if "risk" not in event.opened.data.get("proposal", {}):
        return decision
    cause = f"risk:{decision.entries[0].seq}"
    told_lead = Effect("escalate", None, cause, decision.ticket.entry, stands=PERSON)
    return decision._replace(effects=(*decision.effects, told_lead))


def _is_words(definition: TicketType, name: str) -> bool:
    field = definition.fields[name]
    return field.type == "text" and not field.pii


def linked(decision: Decision, other: int) -> Decision:
    """Return the opening of a ticket that is linked to the customer's other one about the same."""
    first, *rest = decision.entries
    first = replace(first, data={**first.data, "linked": other, "as": LINKED_AS})
    return decision._replace(entries=(first, *rest), links=(*decision.links, Link(other, LINKED_AS)))
