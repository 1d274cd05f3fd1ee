"""Commands about personal data: whom we talk to, who was shown what, and what is removed for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.cli.tickets import changed
from workflow.cli.views import View
from workflow.errors import PartlyDone, StoreError, UsageError


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
    from workflow.core.masking import mask_text

    view = View(session)
    found = [
        replace(row, reason=row.reason and mask_text(row.reason))
        for row in session.desk.disclosures(ticket_id, limit=limit, after=after)
    ]
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


def _facts(_context: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Read `name=digits`. No error repeats what was given, which may be the digits alone."""
    found: dict[str, str] = {}
    for item in given:
        name, equals, digits = item.partition("=")
        if not equals or not name.strip():
            raise UsageError("--fact takes name=what the caller says", "name the fact too", field="fact")
        found[name.strip()] = options.text_of("fact", digits) or ""
    return found


@click.command("verify", cls=Command)
@options.ticket
@click.option("--fact", "facts", multiple=True, required=True, metavar="NAME=DIGITS", callback=_facts,
              help="What the caller says; @FILE reads it from a file. Repeatable.")  # fmt: skip
@click.option("--of-right", is_flag=True, help="The caller is not the holder, but a person of right.")
@options.at
@options.if_version
@pass_session
def verify(
    session: Session, ticket_id: int, *, facts: dict[str, str], of_right: bool, at: str | None, if_version: int | None
) -> None:
    """Compare what the caller says with the customer's record of ticket ID.

    Which facts were compared, by whom and whether they were right is recorded, the digits never. What is wrong is
    refused (exit 5) and counted: after a few wrong answers a colleague has to go on.

        ticketflow verify 12 --fact phone_last4=5678
    """
    party = "person_of_right" if of_right else "holder"
    ticket = session.desk.verify(
        ticket_id, facts, actor=session.actor, party=party, at=session.time(at), if_version=if_version
    )
    changed(session, ticket, "Ticket {ticket}: the caller knows {facts}.", facts=sorted(facts))


@click.command("redact", cls=Command)
@options.ticket
@click.option("--field", "-f", "fields", multiple=True, metavar="NAME", help="A field of the ticket. Repeatable.")
@click.option("--customer", "-c", "customer", multiple=True, metavar="NAME",
              help="A field of its customer, on all their tickets. Repeatable.")  # fmt: skip
@click.option("--entry", "entries", multiple=True, type=click.IntRange(min=1), metavar="SEQ",
              help="What is written in this entry of the history. Repeatable.")  # fmt: skip
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the history.")
@pass_session
def redact(session: Session, ticket_id: int, **given: Any) -> None:
    """Remove personal data of ticket ID for good.

    They go from every table with all their earlier values, and from every text of the ticket that repeats them. The
    history's chain still closes. An SQLite file is then written anew; on PostgreSQL run `ticketflow db compact`. Where
    data stand that cannot go, such as in a tag, that is told (exit 8).

        ticketflow redact 12 --field statement --customer phone --reason "the customer asked for it"
    """
    desk = session.desk
    found = desk.redact(ticket_id, actor=session.actor, **given)
    compacted = desk.url.startswith("sqlite")
    if compacted:
        try:
            desk.compact()
        except StoreError:  # what is redacted is so all the same
            compacted = False
    if session.json:
        session.dump({"tickets": list(found.tickets), "left": list(found.left), "compacted": compacted})
    else:
        session.say("Redacted on the tickets {tickets}.", tickets=list(found.tickets))
    if not compacted:
        session.hint("What was deleted may still stand in the database's files: run `ticketflow db compact`.")
    if found.left:
        raise PartlyDone(
            "the data still stand in {places}", "what the chain or a unique name is made of cannot be changed",
            places="; ".join(found.left),
        )  # fmt: skip
