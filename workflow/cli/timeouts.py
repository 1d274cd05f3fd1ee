"""Timeouts: the run that cron calls, what is due and what comes next, the runs there were."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session
from workflow.cli.views import View

if TYPE_CHECKING:
    from workflow import RunReport

RARE = ("escalated", "skipped", "incidents", "locked", "raced", "errors")  # a terminal shows them where there are any
RUNS = ("id", "as of", "tickets", "fired", *RARE, "latest by", "empty")


@click.group("timeouts", cls=Group)
def timeouts() -> None:
    """Fire what is due."""


@timeouts.command("run")
@click.option("--as-of", metavar="TIME", help="Fire what was due at TIME; not later than now.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many tickets.")
@options.chunk
@click.option("--dry-run", is_flag=True, help="Say what would fire, and change nothing.")
@options.since
@pass_session
def run_timeouts(session: Session, *, as_of: str | None, since: str | None, **given: Any) -> None:
    """Fire every timer that is due, once.

    Any number of these may run at a time. What others were faster with, what they have in hand and what could not
    be read is counted apart; they, or the next run, take it up. Meant for cron:

        * * * * *  cd /srv/desk && .venv/bin/ticketflow timeouts run > /dev/null
    """
    when = session.time(as_of)
    if not given["dry_run"]:
        options.resume(session, since)
    with _progress(session) as progress:
        report = session.desk.run_timeouts(as_of=when, progress=progress, **given)
    facts = asdict(report)
    if session.json:
        session.dump(session.zoned(facts))
        return
    session.say(
        "As of {as_of}: {fired} fired, {skipped} skipped, {escalated} escalated, {incidents} incidents.", **facts
    )
    if report.raced or report.locked or report.errors:
        session.say("Others were first on {raced} tickets and have {locked} in hand; {errors} cannot be read.", **facts)
    if report.dry_run:
        session.hint("Nothing was changed: this is what a run would do.")


@contextmanager
def _progress(session: Session) -> Iterator[Callable[[RunReport], object] | None]:
    """Show on a terminal how far the run is."""
    if session.json or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(report: RunReport) -> None:
            done = {"tickets": report.tickets, "fired": report.fired}
            bar.update(task, description=session.tell("{tickets} tickets, {fired} fired", done))

        yield show


@timeouts.command("list")
@click.option("--until", metavar="TIME", help="Only what is due by then.")
@options.limit
@pass_session
def list_timers(session: Session, *, until: str | None, limit: int) -> None:
    """List what is due and what comes next.

    The lines are in the order in which they fall due.

        ticketflow timeouts list --until "2026-03-02 18:00"
    """
    view, now = View(session), session.desk.clock.now()
    found = session.desk.agenda(until=session.time(until), limit=limit)
    if session.json:
        session.dump(
            *({"ticket_id": error.ticket, "damaged": error.values["reason"]} for error in found.damaged),
            *(session.zoned(asdict(timer)) for timer in found.timers),
        )
    elif found.timers or found.damaged:
        damaged = (("-", None, error.ticket, session.tell("damaged"), None, None) for error in found.damaged)
        timers = (
            (
                view.moment(timer.due_at),
                _to_the_second(now - timer.due_at) if timer.due_at <= now else None,
                timer.ticket_id,
                *view.agenda_row(timer),
            )
            for timer in found.timers
        )
        session.table(("due", "late", "ticket", "type", "state", "what"), (*damaged, *timers))
    else:
        session.hint("Nothing is due, and nothing comes.")


@timeouts.command("log")
@options.limit
@pass_session
def list_runs(session: Session, *, limit: int) -> None:
    """List the last runs, the newest first.

    A run that found nothing to do is only counted beside the one before.

        ticketflow timeouts log --limit 10
    """
    view, found = View(session), session.desk.runs(limit=limit)
    if session.json:
        session.dump(*(session.zoned(asdict(run)) for run in found))
    elif found:
        rows = [
            (
                *(run.id, view.moment(run.as_of), run.tickets, run.fired, run.escalated, run.skipped, run.incidents),
                *(run.locked, run.raced, run.errors),
                None if run.oldest_lateness is None else _to_the_second(timedelta(seconds=run.oldest_lateness)),
                run.empty,
            )
            for run in found
        ]
        said = [
            at
            for at, _ in enumerate(RUNS)
            if session.width is None or RUNS[at] not in RARE or any(row[at] for row in rows)
        ]
        session.table([RUNS[at] for at in said], ([row[at] for at in said] for row in rows))
    else:
        session.hint("No runs.")


def _to_the_second(length: timedelta) -> timedelta:
    return timedelta(seconds=int(length.total_seconds()))
