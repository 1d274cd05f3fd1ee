"""What can be done next, and why not."""

from __future__ import annotations

from datetime import datetime

from workflow.core import people
from workflow.core.guard import Judge, Rules, barrier
from workflow.core.identity import to_affirm, unmet
from workflow.core.model import Actor, Option, Ticket, replace
from workflow.definition.resolve import Trigger
from workflow.errors import TicketflowError


def options(rules: Rules, ticket: Ticket, actor: Actor, now: datetime) -> tuple[Option, ...]:
    """Return every trigger of the ticket's state: allowed, or refused with the reason.

    A trigger that only lacks fields is allowed; `requires` names them. The ticket must have been caught up to `now`.
    """
    state = rules.compiled.definition.states[ticket.state]
    return tuple(_option(rules, ticket, actor, now, trigger) for trigger in state.triggers.values())


def _option(rules: Rules, ticket: Ticket, actor: Actor, now: datetime, trigger: Trigger) -> Option:
    judge = Judge(rules, ticket, actor, now)
    try:
        people.demand(rules.desk, actor, "advance", ticket.id)
        branch = rules.compiled.step(ticket.state, trigger.name, judge.holds)
    except TicketflowError as fault:
        return Option(trigger.name, None, False, trigger.label, refusal=fault)
    if branch is None:
        return Option(trigger.name, None, False, trigger.label, refusal=judge.refusal(trigger.name))
    refusal = barrier(ticket, actor, trigger.name, branch)
    missing = branch.missing(ticket.fields, ())
    if refusal is None or refusal.rule == "requires":
        yes = to_affirm(ticket, branch)
        given = replace(ticket, fields={**ticket.fields, **dict.fromkeys(yes, True)}) if yes else ticket
        missing, refusal = (*missing, *yes), unmet(given, trigger.name, branch, now)
    allowed = refusal is None
    return Option(trigger.name, branch.dest, allowed, trigger.label, missing, None if allowed else refusal)
