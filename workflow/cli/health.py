"""Whether the desk does what it promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.osuser import tell_locked
from workflow.cli.output import styled
from workflow.cli.shell import Command, pass_session

if TYPE_CHECKING:
    from workflow import Health
    from workflow.store.health import Found


@click.command("health", cls=Command)
@options.length("--max-late", "How late the oldest timer may be.", default="5m")
@options.length("--max-since-run", "How long ago the last run may have been.", default="10m")
@options.length("--max-undelivered", "How long a message may wait to be sent.", default="15m")
@options.length("--max-unheld", "How long an escalation may stay without anybody who took it on.", default="24h")
@click.option("--max-incidents", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="How many incidents may be open.")  # fmt: skip
@click.option("--max-failed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="How many messages may have been given up.")  # fmt: skip
@options.length("--window", "How far back to look for how late timers fired.", default="24h")
@pass_session
def health(session: Session, *, window: timedelta, **limits: Any) -> None:
    """Say whether what is due fires, and what must be told is told; exit 9 if not.

    Each finding is a line: what, how much, and what to do. Meant for a monitor, which so notices too when nothing fires
    at all; exit 7 means that the database cannot be used, or that there is no desk in it.

        ticketflow health --max-late 5m --max-since-run 10m
    """
    from workflow import Limits

    if not session.setting("app"):
        with session.store(of_desk=True):
            pass
    found = session.sending_desk.health(limits=Limits(**limits), window=window)
    if session.json:
        session.dump(session.zoned(_health_json(session, found)))
    else:
        _show(session, found)
    found.demand()


def _health_json(session: Session, found: Health) -> dict[str, Any]:
    facts = asdict(found)
    findings = [session.error(finding) | {"check": finding.check} for finding in found.findings]
    return facts | {"ok": found.ok, "findings": findings}


def _show(session: Session, found: Health) -> None:
    session.details((session.tell(label), value) for label, value in _facts(session, found))
    if found.definitions_changed:
        session.say("The definition files differ from what is in force; see `ticketflow apply --dry-run`.")
    if found.newer_holidays:
        session.say(
            "Newer public holidays are known, {editions}; `ticketflow apply` re-arms open tickets by them.",
            editions=found.newer_holidays,
        )
    if found.nobody_applies:
        tell_locked(session)
    if found.anybody_acts:
        session.say("This desk is on trial, where anybody here may act under other names (`act_as` in desk.yaml).")
    for finding in found.findings:
        what = session.tell(finding.template, finding.values)
        remedy = session.tell(finding.remedy_template, finding.values)
        session.print(styled(what, fg="red") + f": {remedy}")
    if found.ok:
        session.say("The desk is healthy.")


def _facts(session: Session, found: Health) -> Iterator[tuple[str, object]]:
    from workflow.store.health import LATER

    tell, run = session.tell, found.last_run
    if run is None:
        yield "last run", tell("never")
    else:
        values: dict[str, Any] = {"when": found.ran_at, "as_of": run.as_of, "empty": run.empty, "since": run.started_at}
        yield (
            "last run",
            (
                tell("{when}, as of {as_of}; {empty} runs without anything to do since {since}", values)
                if run.empty
                else tell("{when}, as of {as_of}", values)
            ),
        )
    yield "next due", found.next_due_at
    yield "overdue", _found(session, found.overdue)
    classes = (f"{'>1d' if name == LATER else f'≤{name}'}: {count}" for name, count in found.lateness.items())
    yield "lateness of firings", ", ".join(classes)
    yield "open incidents", _found(session, found.incidents)
    yield "messages unsent too long", _found(session, found.undelivered)
    if found.unset_outlets:
        yield "outlets without an address here", ", ".join(found.unset_outlets)
    yield "messages given up", _found(session, found.failed)
    if found.held.count:
        held: dict[str, Any] = {"count": found.held.count, "until": found.held.since}
        yield "messages held", tell("{count}; the first until {until}", held)
    yield "escalations untaken too long", _found(session, found.unheld)
    yield "tickets ahead of the clock", _found(session, found.ahead)
    if found.clock_ahead:
        yield "this machine's clock ahead by", found.clock_ahead
    yield "tables", found.schema


def _found(session: Session, found: Found) -> str:
    if not found.count:
        return "0"
    what: dict[str, Any] = {"count": found.count, "ticket": found.ticket_id, "since": found.since}
    return session.tell("{count}; first: ticket {ticket}, {since}", what)
