"""Quiet hours: when people are told, and what is told at any hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property

from workflow.core.calendar import Calendar, calendars_of
from workflow.core.model import Ticket
from workflow.definition.desk import DeskSpec
from workflow.definition.telling import Hours
from workflow.store.outbox import OutboxRow

TICK = timedelta(microseconds=1)


class QuietHours:
    """The hours of a desk. May be shared between threads."""

    def __init__(self, desk: DeskSpec) -> None:
        self._desk = desk
        told = desk.delivery.hours
        self._of = {"member": told.members, "team": told.members, "customer": told.customer}

    @cached_property
    def _calendars(self) -> Mapping[str, Calendar]:
        return calendars_of(self._desk)

    def until(self, row: OutboxRow, ticket: Ticket, now: datetime) -> datetime | None:
        """Return until when a message waits for the hours in which its addressee is told; None if it may leave.

        Who is on their shift is told at any hour, and so is a team of which somebody is. A customer is told of a
        promise whose time would come before they are told.
        """
        kind, _, name = row.to.partition(":")
        hours = self._of.get(kind)
        if hours is None or self._passes(hours, row, ticket) or self._at_work(kind, name, now):
            return None
        calendar = self._calendars[hours.calendar]
        if calendar.is_open(now):
            return None
        opens = calendar.add(now, TICK) - TICK
        promised = (datetime.fromisoformat(row.data[name]) for name in ("until", "instead_of") if name in row.data)
        return None if kind == "customer" and any(at <= opens for at in promised) else opens

    def _passes(self, hours: Hours, row: OutboxRow, ticket: Ticket) -> bool:
        if ticket.priority in hours.passes:
            return True
        if row.kind != "escalate":
            return False
        rungs = self._desk.ladder.rungs if self._desk.ladder else ()
        last = ticket.ladder is not None and ticket.ladder.rung == len(rungs)
        return "escalations" in hours.passes or (last and "last_rung" in hours.passes)

    def _at_work(self, kind: str, name: str, now: datetime) -> bool:
        team = self._desk.teams.get(name) if kind == "team" else None
        people = (*team.lead, *team.members) if team else (name,) if kind == "member" else ()
        shifts = {member.shift for who in people if (member := self._desk.members.get(who)) and member.shift}
        return any(self._calendars[shift].is_open(now) for shift in shifts)
