"""Commands about what people tried and were refused."""

from __future__ import annotations

from dataclasses import asdict

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session
from workflow.cli.views import View


@click.group("refusals", cls=Group)
def refusals() -> None:
    """See what people tried and were refused."""


@refusals.command("list")
@click.option("--member", metavar="NAME", help="Only attempts under this name.")
@click.option("--ticket", "ticket_id", type=options.TICKET, metavar="ID", help="Only of this ticket.")
@options.limit
@click.option("--after", type=int, metavar="ID", help="Only rows after this one.")
@pass_session
def list_refusals(
    session: Session, *, member: str | None, ticket_id: int | None, limit: int, after: int | None
) -> None:
    """List who tried what and was refused, when, and by which rule; the oldest first.

    The same within a minute is one row with its number. The user is that of the operating system, at a command line.

        ticketflow refusals list --member agent_01
    """
    view = View(session)
    found = session.desk.refusals(member=member, ticket_id=ticket_id, limit=limit, after=after)
    if session.json:
        session.dump(*(session.zoned(asdict(row)) for row in found))
    elif found:
        session.table(
            ("id", "when", "who", "user", "what", "trigger", "ticket", "rule", "times"),
            (
                (
                    row.id, view.moment(row.happened_at), row.actor, row.os_user, row.verb, row.trigger, row.ticket_id,
                    row.rule, row.times,
                )
                for row in found
            ),
        )  # fmt: skip
    else:
        session.hint("Nobody was refused anything.")


@refusals.command("forget")
@click.option("--before", required=True, metavar="TIME", help="Only what was refused before then.")
@pass_session
def forget(session: Session, before: str) -> None:
    """Remove old rows for good.

    It takes a role that may `redact`, and leaves those of the last 30 days.

        ticketflow refusals forget --before 2025-12-31
    """
    from workflow.core.times import parse_time

    when = parse_time(before, session.zone, field="before")
    count = session.desk.forget_refusals(when, actor=session.actor)
    if session.json:
        session.dump({"forgotten": count})
    else:
        session.say("{count} rows are removed.", count=count)
