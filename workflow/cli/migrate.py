"""Commands that put open tickets under another type, or another version of theirs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.cli.tickets import changed
from workflow.errors import PartlyDone

if TYPE_CHECKING:
    from workflow import Moved

MOVES = ("ticket", "state", "becomes", "lost", "due anew", "late at once")
state_map = click.option(
    "--map", "states", multiple=True, metavar="OLD=NEW", callback=options.mapping,
    help="What a state becomes; the one of the same name unless said. Repeatable.",
)  # fmt: skip
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")


@click.command("retype", cls=Command)
@options.ticket
@click.argument("ticket_type", metavar="TYPE")
@state_map
@options.fields("A field that the new type needs; @FILE reads it from a file. Repeatable.")
@click.option("--reason", metavar="TEXT", help="Why.")
@dry_run_option
@options.at
@options.if_version
@pass_session
def retype(
    session: Session,
    ticket_id: int,
    ticket_type: str,
    *,
    states: dict[str, str],
    fields: options.Pairs,
    dry_run: bool,
    at: str | None,
    **given: Any,
) -> None:
    """Make ticket ID one of TYPE.

    Fields go with it where they fit; the history keeps what is lost. What has fired in its present stay does not fire
    again, and clocks of the same name go on with the new goal.

        ticketflow retype 12 complaint --map handle.answering=handle.by_phone --reason "it is a complaint"
    """
    if dry_run:
        _show(session, [session.desk.preview_retype(
            ticket_id, ticket_type, actor=session.actor, states=states, fields=fields)])  # fmt: skip
        return
    ticket = session.desk.retype(
        ticket_id, ticket_type, actor=session.actor, states=states, fields=fields, at=session.time(at), **given
    )
    changed(session, ticket, "Ticket {ticket} is of the type {type} now, in {state}, with {owner}.")


@click.command("migrate", cls=Command)
@click.argument("ticket_type", metavar="TYPE")
@click.option(
    "--to-version", type=click.IntRange(min=1), required=True, metavar="N", help="The version they come under."
)
@state_map
@dry_run_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many tickets; all unless said.")
@pass_session
def migrate(
    session: Session, ticket_type: str, *, to_version: int, states: dict[str, str], dry_run: bool, limit: int | None
) -> None:
    """Let the open tickets of TYPE follow one of its versions.

    Each is moved in a recorded step of its own. Interrupted, the next call does the rest; the version of before, with
    the states mapped the other way round, undoes it. If a ticket is left, the exit code is 8.

        ticketflow migrate complaint --to-version 2 --map handle.case_file=handle.file --dry-run
    """
    report = session.desk.migrate(
        ticket_type, to_version=to_version, actor=session.actor, states=states, limit=limit, dry_run=dry_run
    )
    if session.json:
        session.dump(session.zoned(asdict(report)))
    else:
        if dry_run and report.moved:
            _show(session, report.moved)
        if report.failed:
            rows = ((ticket, session.plain(reason)) for ticket, reason in report.failed.items())
            session.table(("ticket", "why it stays"), rows)
        session.say(
            "{migrated} tickets would follow version {version}; {left} are under another."
            if dry_run
            else "{migrated} tickets follow version {version} now; {left} are under another.",
            migrated=report.migrated, version=report.version, left=report.left,
        )  # fmt: skip
    if report.locked or report.failed:
        raise PartlyDone(
            "{locked} tickets are in use, and {failed} cannot follow: {tickets}", "mend those, then call it again",
            locked=len(report.locked), failed=len(report.failed),
            tickets=", ".join(map(str, sorted((*report.locked, *report.failed))[:50])),
        )  # fmt: skip


def _show(session: Session, moved: Iterable[Moved]) -> None:
    if session.json:
        session.dump(*(session.zoned(asdict(each)) for each in moved))
        return
    session.table(
        MOVES,
        (
            (
                each.ticket_id,
                each.source,
                each.state,
                list(each.lost),
                [f"{name} {session.plain(due)}" for name, due in each.dues.items()],
                list(each.breached),
            )
            for each in moved
        ),
    )
    session.say("Nothing was changed.")
