"""Commands that keep time: the timeout run, the scheduler, the outbox."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from workflow.cli.context import Session
from workflow.cli.shell import Command, Group, pass_session
from workflow.cli.views import View
from workflow.errors import UsageError

if TYPE_CHECKING:
    from workflow import RunReport


@click.group("timeouts", cls=Group)
def timeouts() -> None:
    """Fire what is due."""


@timeouts.command("run")
@click.option("--as-of", metavar="TIME", help="Fire what was due at TIME; not later than now.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many tickets.")
@pass_session
def run_timeouts(session: Session, *, as_of: str | None, limit: int | None) -> None:
    """Fire every timer that is due, once.

    Any number of these may run at a time. Meant for cron:

        * * * * *  cd /srv/desk && ticketflow timeouts run
    """
    report = session.desk.run_timeouts(as_of=session.time(as_of), limit=limit)
    _show(session, report)


@click.command("scheduler", cls=Command)
@click.option(
    "--every",
    type=click.FloatRange(0.05, 86_400),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@pass_session
def scheduler(session: Session, *, every: float) -> None:
    """Run timeouts as they fall due, until told to stop.

    Ctrl-C or SIGTERM stop it after the run in hand. It is safe beside cron and beside other schedulers: nothing fires
    twice.
    """
    from workflow.scheduler import run

    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a beat that a long run covers is no news
    if session.setting("now"):
        raise UsageError("a clock that stands at --now never comes to what is due", "use `ticketflow timeouts run`")

    run(session.desk, every=every, on_run=lambda report: _show(session, report))


def _show(session: Session, report: RunReport) -> None:
    facts = asdict(report)
    if session.json:
        session.dump(session.zoned(facts))
    else:
        session.say("As of {as_of}: {fired} fired, {skipped} skipped, {incidents} incidents, {lost} locked.", **facts)


@click.group("outbox", cls=Group)
def outbox() -> None:
    """See what must be told to whom."""


@outbox.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@click.option("--after", type=int, metavar="ID", help="Only messages after this one.")
@pass_session
def list_outbox(session: Session, *, limit: int, after: int | None) -> None:
    """List the messages, the oldest first."""
    view, rows = View(session), session.desk.outbox(limit=limit, after=after)
    if session.json:
        session.dump(*(session.zoned(asdict(row)) for row in rows))
    elif rows:
        session.table(
            ("id", "ticket", "when", "to", "what", "why", "status"),
            (
                (
                    row.id,
                    row.ticket_id,
                    view.moment(row.created_at),
                    row.to,
                    session.tell(row.kind),
                    _why(row.reason),
                    session.tell(row.state),
                )
                for row in rows
            ),
        )
    else:
        session.hint("No messages.")


def _why(reason: str) -> str:
    """Return a cause without its counters: the timeout's name, the trigger, or `raised`."""
    kind, _, rest = reason.partition(":")
    return rest.partition(":")[0] if kind == "timeout" else kind
