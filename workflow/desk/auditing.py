"""Proving that histories are what was written, and sealing them so that more than their own chains can prove it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from workflow.clock import Clock
from workflow.core.audit import Fault, Head, Repaired, Written, fault
from workflow.desk import seals
from workflow.desk.seals import Seal
from workflow.errors import NotFound, Unhealthy
from workflow.store import audit
from workflow.store.engine import Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PAGE = 200  # tickets by one statement


@dataclass(frozen=True, slots=True)
class Audit:
    """What `verify` found: the first fault of each ticket that has one, and how far the seals reach.

    `gaps` are the numbers of seals that were not given: what only they cover is proved by the chains alone. `last` is
    the number of the last that was, from `sealed_at`: nobody here can tell whether there were later ones. Of
    `entries`, `unsealed` were written after the last seal that covers their ticket, and `repaired` are those by which a
    ticket was put into another state by hand.
    """

    tickets: int
    entries: int
    faults: tuple[Fault, ...]
    seals: int = 0
    gaps: tuple[int, ...] = ()
    last: int = 0
    sealed_at: datetime | None = None
    key: str = ""
    unsealed: int = 0
    repaired: tuple[Repaired, ...] = ()


def verify(store: Store, ids: Iterable[int] | None = None, sealed: list[Seal] | None = None) -> Audit:
    """Walk the chains of these tickets, or of all, and hold them against the seals. Nothing is written.

    Tickets may be changed meanwhile. Works on a copy of the database as well.
    """
    given, wanted = sealed or [], None if ids is None else sorted(set(ids))
    covered = _covered(given)
    with store.read() as connection:
        known, strays = audit.heads(connection), audit.strays(connection)
    there = {*known, *covered, *strays}
    if missing := sorted(set(wanted or ()) - there):
        raise NotFound("there is no ticket {ticket}", "list the tickets with `ticketflow list`", ticket=missing[0])
    every = sorted(there) if wanted is None else wanted
    faults, repaired, entries, unsealed = [], list[Repaired](), 0, 0
    for ticket_id, history, found in _examined(store, every, covered):
        entries += len(history)
        repaired += (Repaired(ticket_id, each.seq, each.actor) for each in history if each.kind == "repaired")
        unsealed += max(0, len(history) - covered.get(ticket_id, (0, ""))[0])
        if found:
            faults.append(found)
    numbers = {seal.number for seal in given}
    return Audit(
        len(every), entries, tuple(faults), len(given),
        tuple(sorted(set(range(1, max(numbers, default=0) + 1)) - numbers)),
        max(numbers, default=0),
        given[-1].sealed_at if given else None, given[-1].key if given else "", unsealed,
        tuple(repaired),
    )  # fmt: skip


def seal(store: Store, folder: Path, key: Ed25519PrivateKey, clock: Clock, *, whole: bool = False) -> Path | None:
    """Write the heads of all tickets that changed since the last seal of a folder, or of all, into its next seal.

    Return its path, or None where nothing has changed. What is sealed is proved first: raise Unhealthy with the first
    fault of each ticket that has one, tickets gone since they were sealed among them; UsageError where a folder holds
    seals of another key. What commits while this runs is in this seal or the next.
    """
    before = seals.read([folder] if folder.is_dir() else [], seals.public_half(key))
    covered = _covered(before)
    with store.read() as connection:
        known, now = audit.heads(connection), clock.now()
    changed = sorted(
        ticket_id for ticket_id in {*known, *covered} if whole or known.get(ticket_id) != covered.get(ticket_id)
    )
    heads: dict[int, Head] = {}
    faults = [found for _, _, found in _examined(store, changed, covered, heads) if found]
    if faults:
        raise Unhealthy(
            "{count} tickets are not what their history says, the first of them {ticket}",
            "nothing was sealed; see `ticketflow audit verify --seals {folder}`",
            check="audit", count=len(faults), ticket=faults[0].ticket_id, folder=str(folder),
        )  # fmt: skip
    if not heads:
        return None
    last = before[-1] if before else None
    new = Seal(last.number + 1 if last else 1, now, last.digest if last else "", len(known), heads, "")
    return seals.save(seals.sign(new, key), folder)


def _covered(given: Iterable[Seal]) -> dict[int, Head]:
    covered: dict[int, Head] = {}
    for each in given:
        covered.update(each.heads)
    return covered


def _examined(
    store: Store, ids: Iterable[int], covered: dict[int, Head], heads: dict[int, Head] | None = None
) -> Iterator[tuple[int, list[Written], Fault | None]]:
    """Yield each ticket, its history and its first fault; note the heads of those that were read."""
    waiting = iter(ids)
    while page := list(islice(waiting, PAGE)):
        with store.read() as connection:
            found = audit.written(connection, page)
        for ticket_id in page:
            standing, history = found.get(ticket_id, (None, []))
            if heads is not None and standing is not None:
                heads[ticket_id] = (standing.seq, standing.head)
            yield ticket_id, history, fault(ticket_id, standing, history, covered.get(ticket_id))
