"""Commands about personal data: who was shown it."""

from __future__ import annotations

from dataclasses import asdict

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.cli.views import View


@click.command("disclosures", cls=Command)
@click.option("--ticket", "ticket_id", type=options.TICKET, metavar="ID", help="Only of this ticket.")
@options.limit
@click.option("--after", type=int, metavar="ID", help="Only rows after this one.")
@pass_session
def disclosures_(session: Session, *, ticket_id: int | None, limit: int, after: int | None) -> None:
    """List who was shown personal data of which tickets, and why.

    Each use of --reveal is a row for each ticket that was shown, the oldest first. Nothing takes one away.

        ticketflow disclosures --ticket 12
    """
    view = View(session)
    found = session.desk.disclosures(ticket_id, limit=limit, after=after)
    if session.json:
        session.dump(*(session.zoned(asdict(row)) for row in found))
    elif found:
        session.table(
            ("id", "ticket", "when", "who", "by", "fields", "why"),
            (
                (row.id, row.ticket_id, view.moment(row.happened_at), row.actor, row.how, list(row.fields), row.reason)
                for row in found
            ),
            fold=True,
        )
    else:
        session.hint("Nobody was shown any.")
