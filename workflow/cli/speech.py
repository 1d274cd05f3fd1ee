"""Words for customers: what to say on a ticket, what not to, and the record of what was said and done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options, paper, render
from workflow.cli.context import Session
from workflow.cli.output import styled
from workflow.cli.shell import Command, Group, pass_session
from workflow.cli.views import View
from workflow.errors import BadValue, UsageError

if TYPE_CHECKING:
    from workflow import Remark

LANGUAGE = click.option(
    "--in", "language", metavar="LANG", help="The customer's language, where it is not yours: en, zh or another."
)


@click.command("say", cls=Command)
@options.ticket
@LANGUAGE
@options.reveal
@pass_session
def say(session: Session, ticket_id: int, *, language: str | None, reveal: options.Reveal | None) -> None:
    """Print what to say to the customer of ticket ID now, and what else to do.

    Of each passage the first lines are the words for the customer; after an arrow stands what to do. A name in brackets
    is not known yet. What is due already counts as fired, though nothing is written.

        ticketflow say 12 --in en
    """
    found = session.desk.what_to_say(ticket_id, actor=session.actor, lang=language or session.lang, **_asked(reveal))
    if session.json:
        minutes = int(found.waited.total_seconds() // 60)
        lines = [asdict(line) for line in found.lines]
        session.dump(session.zoned({"ticket": ticket_id, "as_of": found.as_of, "waited": minutes, "lines": lines}))
        return
    view, ticket = View(session), found.ticket
    session.heading(
        "Ticket {ticket}: {type}, in {state}", ticket=ticket.id, type=view.type_label(ticket),
        state=view.state_label(ticket, ticket.state),
    )  # fmt: skip
    for line in found.lines:
        session.print(styled(render.clean(line.label), bold=True))
        session.print(*_indented(session, line.say), *_indented(session, line.do, mark="→ "))
    if not found.lines:
        session.say("The guidance has nothing for this state.")


def _indented(session: Session, text: str, mark: str = "") -> Iterator[str]:
    """Yield the lines of a text, indented; the first bears a mark, and the others stand below its text."""
    room = session.width and session.width - render.cells(render.GAP + mark)
    for paragraph in map(render.clean, text.splitlines()):
        for line in render.wrap(paragraph, room) if room else [paragraph]:
            yield f"{render.GAP}{mark}{line}".rstrip()
            mark = " " * render.cells(mark)


def _asked(reveal: options.Reveal | None) -> dict[str, Any]:
    return {"reveal": reveal is not None, "reason": reveal.reason if reveal else None}


@click.command("form", cls=Command)
@options.ticket
@click.option("--format", "form_", type=click.Choice(["md", "html", "json"]), default="md", show_default=True,
              help="Markdown, a page of HTML, or JSON.")  # fmt: skip
@LANGUAGE
@options.reveal
@pass_session
def form(session: Session, ticket_id: int, *, form_: str, language: str | None, reveal: options.Reveal | None) -> None:
    """Print the strategy record of ticket ID.

    Who asked for what, what was done and said, what came of it and how it stands.

        ticketflow form 12 --format html > form.html
    """
    record = session.desk.form(ticket_id, actor=session.actor, lang=language or session.lang, **_asked(reveal))
    if session.json or form_ == "json":
        session.dump({name: value for name, value in asdict(record).items() if name != "labels"})
    else:
        session.print(*(paper.markdown if form_ == "md" else paper.html)(record, session.width))


@click.group("phrases", cls=Group)
def phrases() -> None:
    """Look after the words that customers read and hear."""


@phrases.command("check")
@click.option("--text", required=True, metavar="TEXT", help="What is to be said; @FILE reads it from a file.")
@click.option("--ticket", "ticket_id", type=options.TICKET, metavar="ID", help="To the customer of this ticket.")
@pass_session
def check(session: Session, text: str, *, ticket_id: int | None) -> None:
    """Say whether TEXT may go to a customer, and how to say it better.

    Exits 2 if one of its phrases is refused. The same check is made of every text that a customer is told.

        ticketflow phrases check --text "Please wait"
    """
    given = options.text_of("text", text)
    if not given:
        raise UsageError("there is no text to check", "give it with --text", field="text")
    found = session.desk.check_phrases(given, ticket_id=ticket_id)
    refused = any(remark.refused for remark in found)
    if session.json:
        session.dump({"refused": refused, "remarks": [asdict(remark) for remark in found]})
    for remark in found if not session.json else ():
        session.say("refused: “{found}”" if remark.refused else "better not: “{found}”", found=remark.found)
        pairs: list[tuple[str, Any]] = [("say instead", remark.instead), ("because", remark.why)]
        session.details((session.tell(label), value) for label, value in pairs)
    if not found and not session.json:
        session.say("Nothing to remark.")
    if refused:
        raise click.exceptions.Exit(BadValue.exit_code)


def hint(session: Session, remarks: Iterable[Remark]) -> None:
    """Tell what a command let pass and had better be said otherwise."""
    for remark in remarks:
        session.hint(
            "The customer is told “{found}”; better: {instead}", found=remark.found, instead=remark.instead,
            phrase=remark.phrase,
        )  # fmt: skip
