"""The command that moves tickets on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TextIO

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.cli.tickets import changed
from workflow.errors import PartlyDone, TicketflowError, UsageError


@click.command("advance", cls=Command)
@click.argument("words", metavar="ID... TRIGGER", nargs=-1, required=True)
@click.option(
    "--from",
    "source",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Take the ids from a file or `-`: one a line, or the lines that `list --json` prints.",
)
@options.fields("A field to fill on the way; @FILE reads it from a file. Repeatable.")
@options.note
@options.at
@options.if_version
@options.key
@pass_session
def advance(
    session: Session,
    words: tuple[str, ...],
    *,
    source: TextIO | None,
    at: str | None,
    fields: options.Pairs,
    note: str | None,
    if_version: int | None,
    key: str | None,
) -> None:
    """Fire TRIGGER on one or more tickets.

    Each ticket is a unit of its own: one that is refused does not stop the others, and the exit code is then 8.

        ticketflow advance 12 accept --note "called back"
        ticketflow list --state classify --json | ticketflow advance --from - classified
    """
    *given, trigger = words
    ids = [*map(_id, given), *_read(source)] if source else [*map(_id, given)]
    if not ids and not source:
        raise UsageError("no ticket is named", "name the tickets before the trigger, or say --from")
    if len(ids) != 1 and (if_version is not None or key is not None):
        raise UsageError("--if-version and --key go with one ticket only", "advance the tickets one by one")
    when, failed = session.time(at), 0
    for ticket_id in ids:
        try:
            ticket = session.desk.advance(
                ticket_id,
                trigger,
                actor=session.actor,
                fields=fields,
                note=note,
                at=when,
                if_version=if_version,
                key=key,
            )
        except TicketflowError as error:
            if len(ids) == 1 or error.exit_code == 7:
                raise
            failed += 1
            session.fail(error, ticket=ticket_id)
        else:
            changed(session, ticket, "Ticket {ticket}: {trigger}; now in {state}, with {owner}.", trigger=trigger)
    if failed:
        raise PartlyDone(
            "{done} done, {failed} refused", "the reasons stand above", done=len(ids) - failed, failed=failed
        )
    if len(ids) != 1 and not session.json:
        session.say("{done} done.", done=len(ids))


def _id(word: str) -> int:
    if not word.isdecimal() or not word.isascii() or not 0 < int(word[:20]) < 2**63:
        raise UsageError(
            "{given} is no ticket id", "ids are whole numbers, as `ticketflow list` shows them", given=word[:40]
        )
    return int(word)


def _read(source: TextIO) -> Iterator[int]:
    """Yield the ids of the lines: plain ones, or those of JSON objects with an `id`."""
    for line in source:
        word: Any = line.strip()
        if word.startswith("{"):
            with suppress(ValueError):
                word = json.loads(word).get("id")
        if word != "":
            yield _id(str(word))
