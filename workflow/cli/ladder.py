"""Escalations: calling the lead, taking one on, and seeing who was told."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.cli.tickets import changed
from workflow.cli.views import View

if TYPE_CHECKING:
    from workflow import Escalation, Ladder


@click.command("escalate", cls=Command)
@options.ticket
@click.option("--reason", metavar="TEXT", help="Why.")
@options.at
@options.if_version
@pass_session
def escalate(session: Session, ticket_id: int, *, at: str | None, **given: Any) -> None:
    """Call the team lead to ticket ID.

    Who is on duty on the first rung of the ladder is told. If nobody takes it on in time, the next rung is. On a ticket
    that is escalated already this joins what is open.

        ticketflow escalate 12 --reason "threatens to leave"
    """
    before = session.desk.get(ticket_id).ladder
    ticket = session.desk.escalate(ticket_id, actor=session.actor, at=session.time(at), **given)
    told = ticket.ladder and (ticket.ladder.held_by or ticket.ladder.addressee)
    changed(
        session,
        ticket,
        "Ticket {ticket} is escalated, but nobody is there to be told."
        if told is None
        else "Ticket {ticket} is escalated; told: {to}."
        if _is_new(ticket.ladder, before)
        else "Ticket {ticket} was escalated already; {to}, who took it on, is told of this too."
        if ticket.ladder and ticket.ladder.held_by
        else "Ticket {ticket} was escalated already; this joins what {to} was told.",
        to=told,
    )


def _is_new(ladder: Ladder | None, before: Ladder | None) -> bool:
    """Say whether an escalation opened this ladder: it was not open before, nor did the catch-up open it."""
    return ladder is not None and len(ladder.causes) == 1 and (before is None or before.id != ladder.id)


@click.command("acknowledge", cls=Command)
@options.ticket
@options.note
@options.at
@options.if_version
@pass_session
def acknowledge(session: Session, ticket_id: int, *, at: str | None, **given: Any) -> None:
    """Take on the escalation of ticket ID.

    For some time nobody else is told; if what it was about still stands then, the next rung is. Who may acknowledge
    does so too by claiming or moving the ticket.

        ticketflow acknowledge 12 --note "calling the customer"
    """
    ticket = session.desk.acknowledge(ticket_id, actor=session.actor, at=session.time(at), **given)
    if (ladder := ticket.ladder) is None:
        changed(session, ticket, "The escalation of ticket {ticket} is over.")
    else:
        changed(
            session, ticket, "The escalation of ticket {ticket} is with {by}; nobody else is told until {until}.",
            by=ladder.held_by, until=ladder.held_until,
        )  # fmt: skip


@click.command("escalations", cls=Command)
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@options.limit
@pass_session
def escalations(session: Session, *, everything: bool, limit: int) -> None:
    """List who was told of which escalation, the open ones first.

    Each rung that was raised is a line.

        ticketflow escalations --all
    """
    view, found = View(session), session.desk.escalations(open_only=not everything, limit=limit)
    if session.json:
        session.dump(*(session.zoned(asdict(line)) for line in found))
    elif found:
        session.table(
            ("ticket", "rung", "told", "since", "times", "last told", "status"),
            (
                (
                    line.ticket_id,
                    line.rung,
                    line.to,
                    view.moment(line.raised_at),
                    line.times,
                    view.moment(line.last_at),
                    _status(session, view, line),
                )
                for line in found
            ),
        )
    else:
        session.hint("No escalations.")


def _status(session: Session, view: View, line: Escalation) -> str:
    if line.acknowledged_by:
        when = view.moment(line.acknowledged_at)
        told = session.tell("taken on by {by}, {when}", {"by": line.acknowledged_by, "when": when})
    else:
        told = session.tell("nobody has taken it on")
    return told if line.is_open else session.tell("{told}; over", {"told": told})
