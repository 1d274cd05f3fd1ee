"""Who may do what, and who is meant by 'the lead' or 'somebody else'."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from workflow.core.guard import Rules
from workflow.core.model import Actor, Ticket
from workflow.definition.desk import ANYBODY, DeskFile, DeskSpec
from workflow.definition.model import AUTOMATIC_ACTORS
from workflow.errors import Forbidden, NotFound, Refused

SYSTEM = Actor("system", automatic=True)
TIMER = Actor("timer", automatic=True)
MACHINE = Actor("machine", automatic=True)


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


def identities(desk: DeskFile, user: str) -> tuple[str, ...]:
    """Return the members that a user of the operating system may act as: their own first, if they have one."""
    own = [name for name, member in desk.members.items() if user in member.os_user]
    also = [*desk.act_as.get(user, ()), *desk.act_as.get(ANYBODY, ())]
    also += [desk.default_actor] if desk.default_actor else []
    return tuple(dict.fromkeys([*own, *(desk.members if ANYBODY in also else also)]))


def acting(desk: DeskSpec, user: str, name: str | None) -> str:
    """Return as whom a user of the operating system acts: as who is named, else as their own member, else by default.

    Raise NotFound for nobody's name, Forbidden for one that this user may not take, Refused for the desk's own.
    """
    if name in AUTOMATIC_ACTORS:
        raise Refused("nobody acts as {actor}: it is the desk itself", "name a member", rule="actor", actor=name)
    known = identities(desk, user)
    told: dict[str, Any] = {"rule": "os_user", "user": user or "-", "known": ", ".join(known) or "-"}
    if name is not None:
        if actor_of(desk, name).name in known:
            return name
        raise Forbidden(
            "you, the user {user} of this system, may not act as {actor}; you may act as: {known}",
            "whoever may `apply` lets you in desk.yaml: as an os_user of {actor}, or under act_as",
            actor=name, **told,
        )  # fmt: skip
    own = next((name for name in known if user in desk.members[name].os_user), desk.default_actor)
    if own is None:
        raise Forbidden(
            "who acts is not known: no member of the desk has the os_user {user}; you may act as: {known}",
            "say --actor NAME, set TICKETFLOW_ACTOR, or give a member this os_user in desk.yaml",
            **told,
        )  # fmt: skip
    return own


def may(desk: DeskSpec, actor: Actor, verb: str) -> bool:
    """Say whether one of the actor's roles grants the verb; the desk itself may do everything."""
    return actor.automatic or desk.grants(actor.roles, verb)


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


def lead_of(rules: Rules, ticket: Ticket, at: datetime) -> str | None:
    """Return the lead of the ticket's team: the first on duty, else the first."""
    return _first_on_duty(rules, leads_of(rules, ticket), at) or next(iter(leads_of(rules, ticket)), None)


def leads_of(rules: Rules, ticket: Ticket) -> tuple[str, ...]:
    """Return the leads of the ticket's team."""
    team = rules.desk.teams.get(ticket.team or "")
    return team.lead if team else ()


def on_rung(rules: Rules, ticket: Ticket, to: str, at: datetime) -> str | None:
    """Return who is meant by a rung at an instant: a lead of the team, the holder of a role, or a member, on duty."""
    if to == "lead":
        meant = leads_of(rules, ticket)
    elif to in rules.desk.members:
        meant = (to,)
    else:
        meant = tuple(name for name, member in rules.desk.members.items() if to in member.roles)
    return _first_on_duty(rules, meant, at)


def _first_on_duty(rules: Rules, names: Iterable[str], at: datetime) -> str | None:
    return next((name for name in names if rules.on_duty(name, at)), None)
