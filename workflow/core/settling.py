"""What actions asked for besides the move, done at the end of a unit: who gets the ticket, and who is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from workflow.core import people
from workflow.core.giving import GIVE, MANUAL, Roster, choose
from workflow.core.guard import Rules
from workflow.core.model import NOTHING, Actor, Effect, HistoryEntry, Message, Ticket, replace
from workflow.core.moves import ASSIGNS, given_to, record

_TELLS = {"notify": "notified", "call": "called"}


@dataclass(slots=True)
class Settled:
    """A ticket with what was asked for done, the entries that say so, and the messages.

    `given` is what the entries are to say besides by which it came to a team that gave it to somebody.
    """

    ticket: Ticket
    entries: list[HistoryEntry] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    given: dict[int, dict[str, str]] = field(default_factory=dict)


def settle(
    rules: Rules,
    ticket: Ticket,
    effects: Iterable[Effect],
    actor: Actor,
    at: datetime,
    wall: datetime,
    roster: Roster,
    *,
    overtaken: Collection[Effect] = (),
    quiet: bool = False,
) -> Settled:
    """Do the assignments and write the messages that actions asked for; one cause tells nobody the same twice.

    What was overtaken is only recorded; so is all that is asked for where it is `quiet`. Who is on duty is asked as of
    `wall`.
    """
    done = Settled(ticket)
    for effect in effects:
        ticket, to, kind, changes = done.ticket, None, "unattended", NOTHING
        if effect.action == GIVE:
            stands = (ticket.assignee, ticket.team, ticket.entry) == (None, effect.target, effect.cause_entry)
            if (
                stands
                and ticket.stage != "archive"
                and (chosen := choose(rules, ticket, wall, roster, effect.data.get("but")))
            ):
                done.ticket = replace(ticket, assignee=chosen)
                done.given[effect.seq or 0] = {"assignee": chosen, **policy_of(rules, ticket.team)}
            continue
        action = "escalate" if effect.action == "tell" else effect.action
        data: dict[str, str | None] = {"action": action, "cause": effect.cause}
        if effect in overtaken:
            kind = "overtaken"
        elif quiet or effect.action == "escalate":
            kind = "suppressed"
        elif effect.action in ASSIGNS:
            chosen = (
                effect.target if effect.action == "assign" else choose(rules, ticket, wall, roster, ticket.assignee)
            )
            chosen = people.lead_of(rules, ticket, wall) if chosen == "lead" else chosen
            if chosen in rules.desk.members and ticket.stage != "archive":
                kind, changes = "assigned", given_to(rules, ticket.team, ticket.assignee, chosen)
                data = {**changes, "cause": effect.cause}
                if effect.action == "reassign":
                    data |= policy_of(rules, ticket.team)
        elif to := _addressee(rules, ticket, effect, wall):
            if action == "notify" and any(
                (told.to, told.kind, told.reason) == (to, action, effect.cause) for told in done.messages
            ):
                continue
            kind, data = _TELLS.get(effect.action, ""), {"to": to, "cause": effect.cause}
        if to is None or effect.seq is None:
            done.ticket, entry = record(ticket, kind, people.TIMER if effect.timed else actor, at, changes, data=data)
            done.entries.append(entry)
        if to is not None:
            seq = effect.seq or done.ticket.seq
            done.messages.append(
                Message(to, action, effect.cause, seq, effect.cause_entry, at, effect.stands, effect.data)
            )
    return done


def policy_of(rules: Rules, team: str | None) -> dict[str, str]:
    """Return what the history says of a team that gives its tickets out: by which policy."""
    policy = rules.desk.teams[team].assignment if team else MANUAL
    return {} if policy == MANUAL else {"policy": policy}


def _addressee(rules: Rules, ticket: Ticket, effect: Effect, wall: datetime) -> str | None:
    target = effect.target
    if effect.action == "call":
        return f"host:{target}"
    if target == "customer" or ":" in target:
        return str(target)
    if target == "team" or target in rules.desk.teams:
        team = ticket.team if target == "team" else target
        return f"team:{team}" if team else None
    if target == "lead" or (target == "owner" and ticket.assignee is None):
        target = people.lead_of(rules, ticket, wall)
    elif target == "owner":
        target = ticket.assignee
    return f"member:{target}" if target else None
