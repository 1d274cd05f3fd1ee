"""Commands that change one ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options, speech
from workflow.cli.context import Session
from workflow.cli.shell import Command, pass_session
from workflow.cli.views import View
from workflow.errors import NotFound, UsageError

if TYPE_CHECKING:
    from workflow.core.model import Ticket


def changed(session: Session, ticket: Ticket, template: str, *, trigger: str | None = None, **values: Any) -> None:
    """Say what a command did to a ticket, or print the ticket as JSON."""
    view = View(session)
    speech.hint(session, ticket.remarks)
    if session.json:
        session.dump(view.ticket(ticket))
        return
    session.say(
        template,
        ticket=ticket.id,
        type=view.type_label(ticket),
        state=view.state_label(ticket, ticket.state),
        owner=ticket.assignee or ticket.team,
        trigger=view.trigger_label(ticket, trigger) if trigger else None,
        **values,
    )
    if ticket.replayed:
        session.hint("The key was used before: this is the first call's result, and nothing was done again.")


@click.command("open", cls=Command)
@click.argument("ticket_type", metavar="TYPE", required=False)
@options.fields("A field of the ticket; @FILE reads it from a file. Repeatable.")
@options.customer("A field of the customer. Repeatable.")
@click.option("--channel", metavar="NAME", help="Where the contact came from.")
@click.option("--priority", metavar="WORD", help="low, normal, high or urgent.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Repeatable.")
@click.option("--external-id", metavar="ID", help="Its name in another system; opening it twice is a conflict.")
@click.option("--separate", metavar="REASON", help="Open a second ticket, though the customer has one open; say why.")
@options.note
@options.at
@options.key
@pass_session
def open_(session: Session, ticket_type: str | None, *, at: str | None, **given: Any) -> None:
    """Open a ticket of TYPE.

    It starts in the first state of its type. Without TYPE the rules of the desk sort it; `classify` shows how. If the
    customer has an open ticket of this type and category, they are urging: the contact is joined to that one.

        ticketflow open complaint -f severity=special -f statement=@letter.txt -c name=Ann -c phone=13812345678
    """
    ticket = session.desk.open(ticket_type, actor=session.actor, at=session.time(at), **given)
    if ticket.joined is None:
        changed(session, ticket, "Ticket {ticket} is open: {type}, in {state}, with {owner}.")
        return
    changed(
        session, ticket,
        "No second ticket: joined to ticket {ticket}, open since {since}, for the same {why}. Its priority is "
        "{priority}, it is in {state}, with {owner}.",
        since=ticket.opened_at, why=View(session).sameness(ticket), priority=session.tell(ticket.priority),
    )  # fmt: skip


@click.command("assign", cls=Command)
@options.ticket
@click.argument("to", metavar="TO", required=False)
@click.option("--nobody", is_flag=True, help="Take it from its assignee instead.")
@options.note
@options.at
@options.if_version
@pass_session
def assign(session: Session, ticket_id: int, to: str | None, *, nobody: bool, at: str | None, **given: Any) -> None:
    """Give ticket ID to a team or a member."""
    if bool(to) == nobody:
        raise UsageError("assign takes a team or a member, or --nobody", "name one of them")
    ticket = session.desk.assign(ticket_id, to, actor=session.actor, at=session.time(at), **given)
    changed(session, ticket, "Ticket {ticket} is with {owner}.")


@click.command("transfer", cls=Command)
@options.ticket
@click.option("--to", metavar="TO", help="The team, or the member.")
@click.option("--skill", metavar="WORD", help="Tag the ticket with it: an expert of the team goes on.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--announced", is_flag=True, help="The customer was told that somebody else goes on.")
@options.at
@options.if_version
@pass_session
def transfer(session: Session, ticket_id: int, *, at: str | None, **given: Any) -> None:
    """Hand ticket ID over to another team, member or expert.

    The customer is told first; say --announced when that is done. Whoever goes on is told as well.

        ticketflow transfer 12 --to complaints --reason "has asked three times" --announced
    """
    ticket = session.desk.transfer(ticket_id, actor=session.actor, at=session.time(at), **given)
    changed(session, ticket, "Ticket {ticket} is with {owner}.")


@click.command("claim", cls=Command)
@options.ticket
@options.if_version
@pass_session
def claim(session: Session, ticket_id: int, **given: Any) -> None:
    """Take ticket ID."""
    ticket = session.desk.claim(ticket_id, actor=session.actor, **given)
    changed(session, ticket, "Ticket {ticket} is with {owner}.")


@click.command("note", cls=Command)
@options.ticket
@click.argument("text")
@options.at
@options.if_version
@pass_session
def note(session: Session, ticket_id: int, text: str, *, at: str | None, **given: Any) -> None:
    """Write TEXT down in the history of ticket ID."""
    ticket = session.desk.note(ticket_id, text, actor=session.actor, at=session.time(at), **given)
    changed(session, ticket, "Noted on ticket {ticket}.")


@click.command("urge", cls=Command)
@options.ticket
@options.note
@options.at
@options.if_version
@options.key
@pass_session
def urge(session: Session, ticket_id: int, *, at: str | None, **given: Any) -> None:
    """Record that the customer of ticket ID asks again.

    What that does, such as raising the priority, the ticket's type says under its trigger `urge`.
    """
    ticket = session.desk.urge(ticket_id, actor=session.actor, at=session.time(at), **given)
    changed(session, ticket, "Urged ticket {ticket}; its priority is {priority}.", priority=ticket.priority)


@click.command("set", cls=Command)
@options.ticket
@options.fields("A field of the ticket; NAME= empties it, @FILE reads it from a file. Repeatable.")
@click.option("--priority", metavar="WORD", help="low, normal, high or urgent.")
@options.note
@options.at
@options.if_version
@pass_session
def set_(session: Session, ticket_id: int, *, at: str | None, **given: Any) -> None:
    """Fill, change or empty fields of ticket ID, or set its priority."""
    ticket = session.desk.set_fields(ticket_id, actor=session.actor, at=session.time(at), **given)
    changed(session, ticket, "Ticket {ticket} is changed.")


@click.command("tag", cls=Command)
@options.ticket
@click.argument("add", metavar="TAG...", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag away. Repeatable.")
@click.option("--customer", "of_customer", is_flag=True, help="Tag the ticket's customer instead.")
@options.if_version
@pass_session
def tag(session: Session, ticket_id: int, *, of_customer: bool, if_version: int | None, **given: Any) -> None:
    """Tag ticket ID, or take tags away."""
    desk = session.desk
    if not of_customer:
        ticket = desk.tag(ticket_id, actor=session.actor, if_version=if_version, **given)
        changed(session, ticket, "Ticket {ticket} has the tags: {tags}.", tags=ticket.tags)
        return
    if if_version is not None:
        raise UsageError("--customer and --if-version exclude each other", "leave one of the two out")
    customer = desk.get(ticket_id).customer
    if customer is None:
        raise NotFound("ticket {ticket} has no customer", "tag the ticket itself", ticket=ticket_id)
    tags = desk.tag_customer(customer.id, actor=session.actor, **given).tags
    changed(session, desk.get(ticket_id), "The customer of ticket {ticket} has the tags: {tags}.", tags=tags)


@click.command("link", cls=Command)
@options.ticket
@click.argument("other", metavar="OTHER", type=options.TICKET)
@click.option("--kind", default="related", show_default=True, metavar="WORD", help="What the other ticket is to it.")
@options.if_version
@pass_session
def link(session: Session, ticket_id: int, other: int, **given: Any) -> None:
    """Link ticket ID to the ticket OTHER."""
    ticket = session.desk.link(ticket_id, other, actor=session.actor, **given)
    changed(session, ticket, "Ticket {ticket} is linked to {other}.", other=other)


@click.command("promise", cls=Command)
@options.ticket
@click.option("--until", metavar="TIME", help="When it will be done; in the desk's zone.")
@click.option("--kept", is_flag=True, help="Say that what was promised is done.")
@click.option("--reason", metavar="TEXT", help="Why; another promise in its place takes one.")
@options.at
@options.if_version
@pass_session
def promise(session: Session, ticket_id: int, *, until: str | None, kept: bool, at: str | None, **given: Any) -> None:
    """Promise the customer of ticket ID something by a time, or say that it is done.

    The customer is told; an hour before, the owner is warned. A later time given in its place takes a reason, which the
    customer is told as well.

        ticketflow promise 12 --until "2026-03-04 12:00"
        ticketflow promise 12 --kept
    """
    if (until is not None) == kept:
        raise UsageError("promise takes --until TIME or --kept", "say one of the two")
    ticket = session.desk.promise(ticket_id, session.time(until), actor=session.actor, at=session.time(at), **given)
    if kept:
        changed(session, ticket, "What was promised on ticket {ticket} is done.")
    else:
        changed(
            session, ticket, "The customer of ticket {ticket} is promised an answer until {until}.",
            until=ticket.promise and ticket.promise.until,
        )  # fmt: skip
