"""What is put right by hand: timers that could not fire, tickets that are stuck."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, Group, pass_session
from workflow.cli.tickets import changed
from workflow.cli.views import View
from workflow.errors import PartlyDone, TicketflowError


@click.group("incident", cls=Group)
def incident() -> None:
    """See which timers could not fire, and let them try again."""


@incident.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are closed.")
@options.limit
@click.option("--after", type=int, metavar="ID", help="Only incidents after this one.")
@pass_session
def list_incidents(session: Session, *, everything: bool, limit: int, after: int | None) -> None:
    """List the incidents that are open, the oldest first.

    Each is a timer that could not fire, or a ticket that could not be read.

        ticketflow incident list --all
    """
    view = View(session)
    found = session.desk.incidents(open_only=not everything, limit=limit, after=after)
    if session.json:
        session.dump(*(session.zoned(asdict(row)) for row in found))
    elif found:
        session.table(
            ("id", "ticket", "timer", "due", "since", "status", "why"),
            (
                (
                    row.id,
                    row.ticket_id,
                    row.timer.split(":")[1],
                    view.moment(row.due_at),
                    view.moment(row.opened_at),
                    session.tell("closed" if row.closed_at else "still open"),
                    row.reason,
                )
                for row in found
            ),
            fold=True,
        )
    else:
        session.hint("No incidents.")


@incident.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=options.TICKET)
@pass_session
def retry(session: Session, ids: tuple[int, ...]) -> None:
    """Let the timers of incidents fire now.

    One that fails again stays an incident. Where what the timer was about is over, the incident is closed. Each is a
    unit of its own; if some fail, the exit code is 8.

        ticketflow incident retry 3 4
    """
    failed = 0
    for incident_id in ids:
        try:
            ticket = session.desk.retry(incident_id, actor=session.actor)
        except TicketflowError as error:
            if len(ids) == 1 or error.exit_code == 7:
                raise
            failed += 1
            session.fail(error)
        else:
            changed(
                session, ticket, "Incident {incident} is closed; ticket {ticket} is in {state}, with {owner}.",
                incident=incident_id,
            )  # fmt: skip
    if failed:
        raise PartlyDone(
            "{done} done, {failed} refused", "the reasons stand above", done=len(ids) - failed, failed=failed
        )


@click.command("repair", cls=Command)
@options.ticket
@click.option("--to", required=True, metavar="STATE", help="The state; of a stage, its first.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the history.")
@options.at
@options.if_version
@pass_session
def repair(session: Session, ticket_id: int, *, at: str | None, **given: Any) -> None:
    """Put ticket ID into a state that no transition leads to.

    For an administrator, where a ticket is stuck. No condition is asked. The ticket enters the state as by any move,
    with its team and its timers. The repair is part of the chain, and every report names it: history, show, explain,
    stats, audit verify. An archived ticket stays final.

        ticketflow repair 12 --to handle --reason "the line was cancelled, nobody can reply" --actor admin_01
    """
    ticket = session.desk.repair(ticket_id, actor=session.actor, at=session.time(at), **given)
    changed(session, ticket, "Ticket {ticket} was repaired by hand: it is in {state}, with {owner}.")
