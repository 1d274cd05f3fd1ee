"""Commands that show tickets and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workflow.cli import options, views
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.cli.sorting import Sorting, as_json
from workflow.cli.views import View
from workflow.errors import NotFound, UsageError

if TYPE_CHECKING:
    from workflow import Page
    from workflow.cli.options import Reveal

F = TypeVar("F", bound=Callable[..., Any])
SORTS = [sign + name for name in ("id", "due", "updated", "opened", "priority") for sign in ("", "-")]
TIMES = ("opened_from", "opened_before", "closed_from", "closed_before")
PAGE = 500


def filters(function: F) -> F:
    """Add the options that choose tickets."""
    for decorate in reversed(
        (
            click.option("--type", metavar="TYPE", help="Only this ticket type."),
            click.option("--state", metavar="STATE", help="Only in this state."),
            click.option("--stage", metavar="STAGE", help="Only in this stage."),
            click.option("--team", metavar="TEAM", help="Only this team's."),
            click.option("--assignee", metavar="NAME", help="Only this member's."),
            click.option("--mine", is_flag=True, help="Only those assigned to you."),
            click.option("--priority", metavar="WORD", help="Only this priority."),
            click.option(
                "--customer", metavar="TEXT", help="Only this customer's: an id, or a part of what is known of them."
            ),
            click.option("--tag", metavar="TAG", help="Only with this tag."),
            click.option("--channel", metavar="NAME", help="Only from this channel."),
            click.option("--opened-from", metavar="TIME", help="Only opened at this time or later."),
            click.option("--opened-before", metavar="TIME", help="Only opened before this time."),
            click.option("--closed-from", metavar="TIME", help="Only archived at this time or later."),
            click.option("--closed-before", metavar="TIME", help="Only archived before this time."),
            click.option("--external-id", metavar="ID", help="Only the one of this contact: opened by it or joined."),
            click.option("--overdue", is_flag=True, help="Only those whose next due time has passed."),
            click.option(
                "--sort",
                type=click.Choice(SORTS),
                metavar="ORDER",
                default="id",
                show_default=True,
                help="The order; a minus turns it round.",
            ),
        )
    ):
        function = decorate(function)
    return function


def paging(function: F) -> F:
    """Add the options that say how many."""
    for decorate in reversed(
        (
            click.option(
                "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
            ),
            click.option("--after", metavar="CURSOR", help="Go on where a page ended, as it said."),
            click.option("--all", "everything", is_flag=True, help="All of them."),
        )
    ):
        function = decorate(function)
    return function


def chosen(session: Session, *, text: str | None = None, mine: bool = False, **wanted: Any) -> dict[str, Any]:
    """Return the arguments of `Desk.find` for what the options say."""
    if mine:
        if wanted.get("assignee"):
            raise UsageError("--mine and --assignee exclude each other", "leave one of the two out")
        wanted["assignee"] = session.actor
    times: dict[str, Any] = {name: session.time(wanted[name]) for name in TIMES if name in wanted}
    return {"text": text, **wanted, **times}


def demand_known(session: Session, wanted: dict[str, Any]) -> None:
    """Where nothing was found, refuse the names that nobody knows: a misspelling must not look like an empty desk."""
    from workflow.definition.model import PRIORITIES, STAGES

    spec, types = session.spec, session.desk.types
    states = {state for known in types.values() for state in known.states}
    known = {
        "type": types, "state": states, "stage": STAGES, "team": spec.teams, "assignee": spec.members,
        "priority": PRIORITIES, "channel": spec.channels,
    }  # fmt: skip
    for what, names in known.items():
        given = wanted.get(what)
        if given and names and given not in names:
            raise NotFound(
                "there is no {what} {given}, and no ticket has it", "known are: {known}",
                what=what, given=given, known=", ".join(names),
            )  # fmt: skip


def every(session: Session, wanted: dict[str, Any], after: str | None = None) -> Iterator[Page]:
    """Yield every ticket that is wanted, in pages; tell which cannot be read."""
    while True:
        page = one_page(session, wanted, limit=PAGE, after=after)
        yield page
        if page.next is None:
            return
        after = page.next


def one_page(session: Session, wanted: dict[str, Any], *, limit: int, after: str | None) -> Page:
    """Return a page of tickets; tell which of them cannot be read."""
    page = session.desk.find(**wanted, limit=limit, after=after)
    for error in page.damaged:
        session.fail(error)
    return page


def show_list(
    session: Session, *, limit: int, after: str | None, everything: bool, reveal: Reveal | None, **wanted: Any
) -> None:
    """Print the chosen tickets and say how to see more."""
    view, choice = View(session, reveal=reveal), chosen(session, **wanted)
    if everything and session.json:
        for page in every(session, choice, after):
            session.dump(*view.page(page))
        return
    pages = list(every(session, choice, after)) if everything else [one_page(session, choice, limit=limit, after=after)]
    following = None if everything else pages[0].next
    found = any(page.tickets or page.damaged for page in pages)
    if not found:
        demand_known(session, wanted)
    if session.json:
        session.dump(*(line for page in pages for line in view.page(page)))
    elif found:
        session.table(view.columns, (row for page in pages for row in view.rows(page)))
    else:
        session.hint("No tickets.")
    if following:
        session.hint("There are more: --after {next}, or --all.", next=following)


@click.command("list", cls=Command)
@filters
@paging
@options.reveal
@pass_session
def list_(session: Session, **given: Any) -> None:
    """List tickets.

    With --json each line is one ticket. `limits` says who an escalation is with, what is promised and which SLA clocks
    run; on a narrow terminal an arrow marks what is escalated.
    """
    show_list(session, **given)


@click.command("find", cls=Command)
@click.argument("text")
@filters
@paging
@options.reveal
@pass_session
def find(session: Session, text: str, **given: Any) -> None:
    """Find tickets whose fields, customer or tags contain TEXT."""
    show_list(session, text=text, **given)


@click.command("show", cls=Command)
@options.ticket
@options.reveal
@pass_session
def show(session: Session, ticket_id: int, *, reveal: Reveal | None) -> None:
    """Show ticket ID, and what can happen to it next.

    Each trigger is shown with where it leads, or with the reason why not.
    """
    view = View(session, reveal=reveal)
    (ticket,) = view.asked(session.desk.get(ticket_id))
    following, proposal = session.desk.what_next(ticket_id, actor=session.actor), session.desk.proposal(ticket_id)
    repairs = session.desk.repairs(ticket_id)
    if session.json:
        more = {"proposal": proposal and as_json(proposal), "repairs": [view.entry(entry) for entry in repairs]}
        session.dump(view.ticket(ticket) | more | {"next": [view.option(option) for option in following]})
        return
    session.heading("Ticket {ticket}", ticket=ticket.id)
    session.details([*view.details(ticket), *((session.tell("REPAIRED"), view.repair(entry)) for entry in repairs)])
    if clocks := list(view.clocks(ticket)):
        session.heading("SLA clocks")
        session.details(clocks)
    if fields := view.fields(ticket):
        session.heading("Fields")
        session.details(fields.items())
    if proposal:
        session.heading("How it was sorted")
        Sorting(session).write(proposal)
    session.heading("What can happen next, by {actor}", actor=session.actor)
    session.details((option.trigger, view.option_line(ticket, option)) for option in following)
    if not following:
        session.say("Nothing: it is archived.")


@click.command("history", cls=Command)
@options.ticket
@options.reveal
@pass_session
def history(session: Session, ticket_id: int, *, reveal: Reveal | None) -> None:
    """Show everything that happened to ticket ID, in order."""
    view = View(session, reveal=reveal)
    view.asked(session.desk.get(ticket_id))
    entries = session.desk.history(ticket_id)
    if session.json:
        session.dump(*(view.entry(entry) for entry in entries))
    else:
        session.table(views.HISTORY, (view.entry_row(entry) for entry in entries), fold=True)
