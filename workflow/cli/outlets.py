"""The ways by which messages leave, and whether they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session

if TYPE_CHECKING:
    from workflow import OutletState


@click.group("outlets", cls=Group)
def outlets() -> None:
    """See by which ways messages leave, and try one before going live."""


@outlets.command("list")
@pass_session
def list_outlets(session: Session) -> None:
    """List the outlets of desk.yaml, mail and the webhook, and which of their settings are made here.

    No setting is ever shown, only whether it is there: run this as the user, and where, `ticketflow deliver` runs.
    """
    from workflow.delivery.settings import address_of

    found = session.sending_desk.outlets()
    if session.json:
        session.dump(*map(asdict, found))
    else:
        rows = (
            (state.name, state.kind, _whom(session, state), ", ".join(_settings(session, state))) for state in found
        )
        session.table(("outlet", "kind", "for whom", "settings"), rows)
    for name in sorted(set(session.desk.delivery.outlets) - set(session.spec.outlets)):
        session.hint("{setting} is set, and desk.yaml has no outlet {outlet}.", setting=address_of(name), outlet=name)


def _whom(session: Session, state: OutletState) -> str:
    if state.kind == "mail":
        return session.tell("members with an email")
    return session.tell("everybody else") if state.kind == "webhook" else session.plain(state.to)


def _settings(session: Session, state: OutletState) -> Iterator[str]:
    for name, made in state.settings.items():
        yield f"{name}: {session.tell('is set' if made else 'not set')}"


@outlets.command("try")
@click.argument("outlet", metavar="OUTLET")
@click.option(
    "--to", metavar="NAME", help="The member or team that is called or written to; for mail there must be one."
)
@click.option("--text", metavar="TEXT", help="What is said; a sentence that this is a trial unless given.")
@pass_session
def try_outlet(session: Session, outlet: str, to: str | None, text: str | None) -> None:
    """Send one text by OUTLET, `mail` or `webhook`, at once and as `deliver` would; exit 9 if it is not taken.

    Says the receiver's own code, whether a message would be tried again, and what mends it. The books know nothing of
    it; the group, the mailbox or the receiver (a message of the kind `trial`, of ticket 0) does.

        ticketflow outlets try leads --to lead_day
    """
    found = session.sending_desk.try_outlet(outlet, to=to, text=text)
    if session.json:
        session.dump(asdict(found))
    found.demand()
    if not session.json:
        session.say("Sent by {outlet}.", outlet=outlet)
        if found.error:
            session.hint("But: {reason}", reason=found.error)
