"""The timeout run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session

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


def _show(session: Session, report: RunReport) -> None:
    facts = asdict(report)
    if session.json:
        session.dump(session.zoned(facts))
    else:
        session.say("As of {as_of}: {fired} fired, {skipped} skipped, {incidents} incidents, {lost} locked.", **facts)
