"""Who may do what, and who is meant by 'the lead' or 'somebody else'."""

from __future__ import annotations

from workflow.core.model import Actor, Ticket
from workflow.definition.model import DeskSpec
from workflow.errors import Forbidden, NotFound

SYSTEM = Actor("system", automatic=True)
TIMER = Actor("timer", automatic=True)


def actor_of(desk: DeskSpec, name: str) -> Actor:
    """Return the member of that name as an actor; raise NotFound for anybody else.

    `system` is the desk itself: it may do everything and can be named by hosts, never by the command line.
    """
    if name == SYSTEM.name:
        return SYSTEM
    member = desk.members.get(name)
    if member is None:
        raise NotFound(
            "there is no member {actor} on this desk", "the members are listed in desk.yaml", actor=name, field="actor"
        )
    return Actor(name, frozenset(member.roles))


def may(desk: DeskSpec, actor: Actor, verb: str) -> bool:
    """Say whether one of the actor's roles grants the verb. What no role grants is denied."""
    return actor.automatic or any(verb in desk.roles[role].may for role in actor.roles if role in desk.roles)


def demand(desk: DeskSpec, actor: Actor, verb: str, ticket: int | None = None) -> None:
    """Raise Forbidden unless one of the actor's roles grants the verb."""
    if not may(desk, actor, verb):
        holders = sorted(name for name, role in desk.roles.items() if verb in role.may)
        raise Forbidden(
            "{actor} may not {verb}: it takes one of the roles {needed}, {actor} has {held}",
            "ask a member with one of those roles, or grant the verb in desk.yaml",
            rule="verb",
            ticket=ticket,
            actor=actor.name,
            verb=verb,
            needed=", ".join(holders) or "-",
            held=", ".join(sorted(actor.roles)) or "-",
        )


def lead_of(desk: DeskSpec, ticket: Ticket) -> str | None:
    """Return the lead of the ticket's team."""
    team = desk.teams.get(ticket.team or "")
    return team.lead if team else None


def next_member(desk: DeskSpec, ticket: Ticket) -> str | None:
    """Return somebody of the ticket's team other than its assignee: the next one in the team's own order."""
    team = desk.teams.get(ticket.team or "")
    if team is None:
        return None
    order = list(team.members)
    if ticket.assignee in order:
        place = order.index(ticket.assignee)
        order = order[place + 1 :] + order[:place]
    return next((name for name in order if name != ticket.assignee), None)
