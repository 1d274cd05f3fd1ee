"""The scheduler, and what leaves: sending messages, seeing them, bringing them back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.shell import Command, Group, pass_session
from workflow.cli.views import View
from workflow.errors import UsageError

if TYPE_CHECKING:
    from workflow import OutboxRow

STATES = ("waiting", "held", "sending", "sent", "suppressed", "failed")


@click.command("deliver", cls=Command)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many messages.")
@options.since
@pass_session
def deliver(session: Session, *, limit: int | None, since: str | None) -> None:
    """Send the messages that are due.

    They leave by a signed webhook, by mail, and by the outlets of desk.yaml: bots of WeCom, DingTalk and Feishu, and
    files. Addresses and secrets are set in the environment or in ticketflow.toml (webhook_url, webhook_secret,
    smtp_url; TICKETFLOW_OUTLET_NAME_URL and _SECRET, or url and secret under [outlets.NAME]). What fails is tried
    again later, at growing intervals. Any number of these may run at a time. Meant for cron:

        * * * * *  cd /srv/desk && .venv/bin/ticketflow deliver > /dev/null
    """
    from workflow.delivery.settings import address_of

    options.resume(session, since)
    report = session.sending_desk.deliver(limit=limit)
    if session.json:
        session.dump(asdict(report))
        return
    session.say(
        "{sent} sent, {failed} failed, {given_up} given up, {suppressed} suppressed, {waiting} waiting.",
        **asdict(report),
    )
    if report.held:
        session.hint("Held until the hours in which people are told: {held}.", held=report.held)
    for outlet in report.unset_outlets if report.unrouted else ():
        session.hint(
            "The outlet {outlet} has no address here: {setting} is not set, and what is for it waits.",
            outlet=outlet,
            setting=address_of(outlet),
        )
    if report.unrouted and not report.unset_outlets:
        session.hint(
            "Nobody takes {unrouted} of them: set webhook_url or smtp_url, or register the host's action.",
            unrouted=report.unrouted,
        )


@click.command("scheduler", cls=Command)
@click.option(
    "--every",
    type=click.FloatRange(0.05, 86_400),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@options.chunk
@options.since
@pass_session
def scheduler(session: Session, *, every: float, chunk: int | None, since: str | None) -> None:
    """Run timeouts as they fall due and send messages, until told to stop.

    Each run is a line on standard error; with --json, also an object on standard output. Ctrl-C or SIGTERM stop it
    after the chunk in hand. It is safe beside cron and beside other schedulers: nothing fires twice.
    """
    from workflow.scheduler import run

    if session.setting("now"):
        raise UsageError("a clock that stands at --now never comes to what is due", "use `ticketflow timeouts run`")
    options.resume(session, since)
    desk = session.sending_desk
    _log_to_stderr()

    def show(report: Any) -> None:
        session.dump(session.zoned(asdict(report)))

    run(desk, every=every, chunk=chunk, on_run=show if session.json else None)


def _log_to_stderr() -> None:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logger = logging.getLogger("workflow")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)


@click.group("outbox", cls=Group)
def outbox() -> None:
    """See what must be told to whom, and bring back what failed."""


@outbox.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only messages in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@click.option("--after", type=int, metavar="ID", help="Only messages after this one.")
@pass_session
def list_outbox(session: Session, *, state: str | None, limit: int, after: int | None) -> None:
    """List the messages, the oldest first."""
    view, rows = View(session), session.desk.outbox(limit=limit, after=after, state=state)
    if session.json:
        session.dump(*(session.zoned(_facts(row)) for row in rows))
    elif rows:
        session.table(
            ("id", "ticket", "when", "recipient", "what", "why", "status"),
            (
                (
                    row.id,
                    row.ticket_id,
                    view.moment(row.created_at),
                    row.to,
                    session.tell(row.kind),
                    _why(row.reason),
                    _status(session, row),
                )
                for row in rows
            ),
        )
    else:
        session.hint("No messages.")


@outbox.command("retry")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1, max=2**63 - 1))
@click.option("--all", "everything", is_flag=True, help="Every message that was given up.")
@pass_session
def retry_outbox(session: Session, *, ids: tuple[int, ...], everything: bool) -> None:
    """Make messages due again: those that were given up, that wait for their next try, or that are held."""
    if everything == bool(ids):
        raise UsageError("say which messages to try again", "give their ids, or --all")
    many = session.desk.retry_outbox(None if everything else ids, actor=session.actor)
    if session.json:
        session.dump({"retried": many})
    else:
        session.say("{many} messages are due again.", many=many)


def _facts(row: OutboxRow) -> dict[str, Any]:
    return {
        "id": row.id, "key": row.key, "ticket_id": row.ticket_id, "to": row.to, "kind": row.kind, "reason": row.reason,
        "state": row.state, "created_at": row.created_at, "attempts": row.attempts, "next_try_at": row.next_try_at,
        "sent_at": row.sent_at, "last_error": row.last_error, "data": row.data,
    }  # fmt: skip


def _status(session: Session, row: OutboxRow) -> str:
    """Return a message's state, with until when it is held, how often it was tried, and what was amiss."""
    state = session.tell(row.state)
    if row.state == "held":
        return session.tell("held until {when}", {"when": row.next_try_at})
    if row.state == "failed":
        state = session.tell("given up, tries: {tries}", {"tries": row.attempts})
    return f"{state}: {session.spoken(row.last_error)}" if row.last_error else state


def _why(reason: str) -> str:
    from workflow.delivery.notice import why

    return why(reason)
