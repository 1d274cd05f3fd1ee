"""SLA clocks: seeing them, asking for more time, excusing a miss, proving that they are what history says."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session
from workflow.cli.tickets import changed
from workflow.cli.views import View
from workflow.errors import PartlyDone

CLOCKS = ("clock", "cycle", "status", "due", "elapsed", "goal", "breached", "excused")


@click.group("sla", cls=Group)
def sla() -> None:
    """Look after the SLA clocks of tickets."""


clock_argument = click.argument("clock", metavar="CLOCK")
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why.")


@sla.command("list")
@options.ticket
@pass_session
def list_clocks(session: Session, ticket_id: int) -> None:
    """List every cycle of the SLA clocks of ticket ID.

    What has elapsed is counted up to now, in the hours of the clock's calendar.

        ticketflow sla list 12
    """
    ticket, clocks = session.desk.get(ticket_id), session.desk.clocks(ticket_id)
    view = View(session)
    if session.json:
        session.dump(*(session.zoned(clock._asdict()) for clock in clocks))
    elif clocks:
        session.table(
            CLOCKS,
            (
                (
                    view.clock_label(ticket, clock.name),
                    clock.cycle,
                    view.clock_status(clock),
                    view.moment(clock.due_at),
                    clock.elapsed,
                    clock.goal,
                    clock.breached,
                    clock.excused,
                )
                for clock in clocks
            ),
        )
    else:
        session.hint("No SLA clock of ticket {ticket} has started.", ticket=ticket_id)


@sla.command("extend")
@options.ticket
@clock_argument
@options.open_time("--by", "How much longer, like 24h; counted in the hours of the clock's calendar.")
@reason_option
@options.at
@options.if_version
@pass_session
def extend(session: Session, ticket_id: int, clock: str, *, by: timedelta, at: str | None, **given: Any) -> None:
    """Ask for more time on the clock CLOCK of ticket ID.

    It must be asked for before the clock is due. The lead is told, and may approve.

        ticketflow sla extend 12 reply --by 24h --reason "waiting for the manufacturer"
    """
    ticket = session.desk.extend(ticket_id, clock, by, actor=session.actor, at=session.time(at), **given)
    changed(session, ticket, "{by} more were asked for on {clock} of ticket {ticket}; a lead may approve.",
            by=by, clock=View(session).clock_label(ticket, clock))  # fmt: skip


@sla.command("approve")
@options.ticket
@clock_argument
@click.option("--refuse", is_flag=True, help="Refuse it instead.")
@options.note
@options.at
@options.if_version
@pass_session
def approve(session: Session, ticket_id: int, clock: str, *, refuse: bool, at: str | None, **given: Any) -> None:
    """Grant the time that was asked for on the clock CLOCK of ticket ID.

    The customer is told.

        ticketflow sla approve 12 reply --note "agreed with the customer"
        ticketflow sla approve 12 reply --refuse
    """
    ticket = session.desk.approve(
        ticket_id, clock, actor=session.actor, granted=not refuse, at=session.time(at), **given
    )
    label, found = View(session).clock_label(ticket, clock), ticket.clock(clock)
    if refuse:
        changed(session, ticket, "{clock} of ticket {ticket} is not extended.", clock=label)
    else:
        changed(session, ticket, "{clock} of ticket {ticket} is extended; due: {due}.", clock=label,
                due=found and found.due_at)  # fmt: skip


@sla.command("excuse")
@options.ticket
@clock_argument
@reason_option
@click.option("--cycle", type=click.IntRange(min=1), metavar="N", help="Which cycle; the last missed one unless said.")
@options.at
@options.if_version
@pass_session
def excuse(session: Session, ticket_id: int, clock: str, *, at: str | None, **given: Any) -> None:
    """Excuse a miss of the clock CLOCK of ticket ID.

    The miss stays in the record, beside the excuse.

        ticketflow sla excuse 12 reply --reason "the power was out in the whole district"
    """
    ticket = session.desk.excuse(ticket_id, clock, actor=session.actor, at=session.time(at), **given)
    label = View(session).clock_label(ticket, clock)
    changed(session, ticket, "The miss of {clock} of ticket {ticket} is excused; it stays in the record.", clock=label)


@sla.command("rebuild")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=options.TICKET)
@click.option("--check", is_flag=True, help="Change nothing; exit 8 where something differs.")
@pass_session
def rebuild(session: Session, ids: tuple[int, ...], *, check: bool) -> None:
    """Put the stored SLA clocks and timers right by what history says: of the tickets named, or of all.

    A timer that is missing is armed, one that waits for nothing is dropped. Each ticket that was wrong is mended in a
    recorded step. One that cannot be read is named and passed over; the exit code is then 8 too.

        ticketflow sla rebuild --check
    """
    from workflow import SlaClock, TimerDifference, UnreadableTicket

    wanted = ids or None
    found = session.desk.check_clocks(wanted) if check else session.desk.rebuild_clocks(wanted, actor=session.actor)
    view, many, tickets, damaged = View(session), 0, set(), list[int]()
    for difference in found:
        if isinstance(difference, UnreadableTicket):
            damaged.append(difference.ticket_id)
            if session.json:
                session.dump({"ticket_id": difference.ticket_id, "damaged": difference.reason})
            else:
                session.say(
                    "Ticket {ticket} cannot be read: {reason}.", **asdict(difference), ticket=difference.ticket_id
                )
            continue
        many += 1
        tickets.add(difference.ticket_id)
        if session.json:
            both = {"stored": difference.stored, "told": difference.told}
            plain = {name: one._asdict() if isinstance(one, SlaClock) else one for name, one in both.items()}
            session.dump(session.zoned(asdict(difference) | plain))
            continue
        if isinstance(difference, TimerDifference):
            timer = (difference.kind, difference.name, difference.cycle, difference.occurrence)
            session.say(
                "Ticket {ticket}, timer {timer}: stored {stored}; by history {told}.", ticket=difference.ticket_id,
                timer=":".join(map(str, timer)) if difference.cycle else difference.name,
                stored=difference.stored or session.tell("nothing"), told=difference.told or session.tell("nothing"),
            )  # fmt: skip
            continue
        stored, told = view.differing(difference)
        session.say(
            "Ticket {ticket}, {clock}, cycle {cycle}: stored {stored}; by history {told}.", ticket=difference.ticket_id,
            clock=difference.name, cycle=difference.cycle, stored=stored, told=told,
        )  # fmt: skip
    if not check and many and not session.json:
        session.say(
            "{count} SLA clocks and timers of {tickets} tickets were put right.", count=many, tickets=len(tickets)
        )
    if damaged:
        raise PartlyDone(
            "{damaged} tickets cannot be read, and {count} SLA clocks and timers are not what history says: {tickets}"
            if check and many
            else "{damaged} tickets cannot be read: {tickets}",
            "restore their rows from a backup",
            damaged=len(damaged), count=many, tickets=", ".join(map(str, damaged[:50])),
        )  # fmt: skip
    if check and many:
        raise PartlyDone(
            "{count} SLA clocks and timers are not what history says",
            "mend them with `ticketflow sla rebuild`",
            count=many,
        )
    if not (many or session.json):
        session.say("Every SLA clock and timer is what history says.")
