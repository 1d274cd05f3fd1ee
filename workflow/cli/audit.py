"""Proving that histories are what was written, and sealing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workflow.cli import options
from workflow.cli.context import Session
from workflow.cli.output import styled
from workflow.cli.shell import Group, pass_session
from workflow.errors import Unhealthy, UsageError

if TYPE_CHECKING:
    from workflow.core.audit import Fault
    from workflow.desk.auditing import Audit

SENTENCES = {
    "altered": "Ticket {ticket}, entry {seq}: it is not what was written.",
    "text": "Ticket {ticket}, entry {seq}: its {what} is not what was written.",
    "erased": "Ticket {ticket}, entry {seq}: its {what} is gone, and no redaction says so.",
    "missing": "Ticket {ticket}, entry {seq}: it is gone.",
    "cut": "Ticket {ticket}, entry {seq}: the history does not end where the ticket's row says.",
    "standing": "Ticket {ticket}, entry {seq}: the ticket's row says another {what}.",
    "shortened": "Ticket {ticket}, entry {seq}: it was sealed, and is gone.",
    "rewritten": "Ticket {ticket}, entry {seq}: it is not the one that was sealed.",
    "removed": "Ticket {ticket}: it is gone.",
}
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("audit", cls=Group)
def audit() -> None:
    """Prove that nobody changed what was written, and seal it."""


@audit.command("key")
@click.argument("path", metavar="FILE", type=FILE)
@pass_session
def key(session: Session, path: Path) -> None:
    """Make a key to seal with, in FILE, and its public half in FILE.pub.

    Keep FILE where those who can write the database cannot read it; whoever proves seals needs FILE.pub alone.

        ticketflow audit key seal.key
    """
    from workflow.desk import seals

    _demand_library()
    public = seals.new_key(path)
    if session.json:
        session.dump({"private": str(path), "public": str(seals.public_path(path)), "key": public})
    else:
        session.say("{path} seals; {public} proves.", path=str(path), public=str(seals.public_path(path)))


@audit.command("seal")
@click.argument("folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path))
@click.option("--key", "key_path", type=FILE, required=True, envvar="TICKETFLOW_SEAL_KEY", metavar="FILE",
              help="The private key; also from TICKETFLOW_SEAL_KEY.")  # fmt: skip
@click.option("--all", "whole", is_flag=True, help="Seal every ticket, so that no earlier seal is needed.")
@pass_session
def seal(session: Session, folder: Path, *, key_path: Path, whole: bool) -> None:
    """Seal the histories of all tickets that changed since the last seal in FOLDER.

    Writes one small signed file. Keep the folder, or a copy of it, where those who can write the database cannot: then
    `audit verify` finds what a history alone cannot tell, such as a tail cut off or everything written anew. What
    commits meanwhile falls into this seal or the next. Nothing is sealed that is not proved first. Meant for cron:

        0 3 * * *  ticketflow audit seal /mnt/seals --key /etc/ticketflow/seal.key
    """
    from workflow.clock import SystemClock
    from workflow.desk import auditing, seals

    _demand_library()
    private = seals.private_key(key_path)
    with session.store(of_desk=True) as store:
        path = auditing.seal(store, folder, private, store.clock(SystemClock()), whole=whole)
    if session.json:
        session.dump({"seal": None if path is None else str(path)})
    elif path is None:
        session.say("Nothing has changed since the last seal.")
    else:
        session.say("Sealed: {path}", path=str(path))


@audit.command("verify")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=options.TICKET)
@click.option("--seals", "paths", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="PATH",
              help="A seal, or a folder of seals. Repeatable.")  # fmt: skip
@click.option("--key", "key_path", type=FILE, metavar="FILE", help="The public key that the seals must be signed by.")
@pass_session
def verify(session: Session, ids: tuple[int, ...], *, paths: tuple[Path, ...], key_path: Path | None) -> None:
    """Prove the histories of the tickets named, or of all; exit 9 if one is not what was written.

    Names the first wrong entry of each ticket, who repaired one by hand, and what cannot be known. Reads only, so that
    it may run on a copy of the database, on a machine that has nothing else.

        ticketflow audit verify
        ticketflow --database sqlite:///copy.db audit verify --seals /mnt/seals --key seal.key.pub
    """
    from workflow.desk import auditing, seals

    if paths:
        _demand_library()
    trusted = seals.public_key(key_path) if key_path else None
    given = seals.read(paths, trusted)
    with session.store(of_desk=True) as store:
        found = auditing.verify(store, ids or None, given)
    unknown = [session.tell(template, values) for template, values in _unknown(found, pinned=key_path is not None)]
    if session.json:
        repaired = [each._asdict() for each in found.repaired]
        faults = [fault._asdict() | {"sentence": _sentence(session, fault)} for fault in found.faults]
        session.dump(asdict(found) | {"faults": faults, "repaired": repaired, "unknown": unknown})
    else:
        for fault in found.faults:
            session.print(styled(_sentence(session, fault), fg="red"))
        if not found.faults:
            session.say("{tickets} tickets, {entries} entries: every one is what was written.",
                        tickets=found.tickets, entries=found.entries)  # fmt: skip
        for each in found.repaired:
            session.say("Ticket {ticket}, entry {seq}: {actor} repaired it by hand; its history says why.",
                        ticket=each.ticket_id, seq=each.seq, actor=each.actor)  # fmt: skip
        for sentence in unknown:
            session.hint(sentence)
    if found.faults:
        raise Unhealthy(
            "{count} of {tickets} tickets are not what was written", "restore them from a backup", check="audit",
            count=len(found.faults), tickets=found.tickets,
        )  # fmt: skip


def _sentence(session: Session, fault: Fault) -> str:
    return session.tell(SENTENCES[fault.code], {"ticket": fault.ticket_id, "seq": fault.seq, "what": fault.what})


def _unknown(found: Audit, *, pinned: bool) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what no proof here reaches."""
    if not found.seals:
        yield (
            "Without seals nobody can tell whether a history was written anew as a whole, or a ticket taken away.", {}
        )  # fmt: skip
        return
    if not pinned:
        yield "No --key was given: whoever wrote these seals may have signed them with a key of their own.", {}
    if found.gaps:
        yield (
            "Seals {gaps} were not given: what only they cover is proved by its own chain alone.",
            {"gaps": found.gaps},
        )
    yield (
        "The last seal given is number {number}, of {sealed}: whether later ones were taken away nobody here can tell.",
        {"number": found.last, "sealed": f"{found.sealed_at:%Y-%m-%d %H:%M} UTC"},
    )
    if found.unsealed:
        yield "{count} entries were written after the last seal of their ticket.", {"count": found.unsealed}


def _demand_library() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise UsageError("seals need the package cryptography", "install ticketflow[audit]", field="seals") from None
