"""Whether a ticket's history is what was written: its chain walked anew, held against the ticket and against a seal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from workflow.core import chain
from workflow.core.model import HistoryEntry

Head: TypeAlias = tuple[int, str]  # how many entries a history had, and the hash of the last of them


class Written(NamedTuple):
    """One history entry as it lies in the database; `data`, `digests` and `private` are the stored texts.

    `kind` and `actor` are what it says of itself. `entry` makes it an entry, of which the chain takes the rest; it
    raises whatever a damaged row makes it raise.
    """

    seq: int
    kind: str
    actor: str
    hash: str
    data: str
    digests: str | None
    private: str | None
    entry: Callable[[], HistoryEntry]


class Standing(NamedTuple):
    """What a ticket's row says of itself that its history says as well."""

    state: str
    stage: str
    entry: int
    type: str
    version: int
    seq: int
    head: str


class Repaired(NamedTuple):
    """An entry by which somebody put a ticket into another state by hand."""

    ticket_id: int
    seq: int
    actor: str


class Fault(NamedTuple):
    """The first thing that is wrong with a ticket's history: what `code` names, at entry `seq`."""

    ticket_id: int
    seq: int
    code: str
    what: str = ""


def fault(ticket_id: int, standing: Standing | None, history: Sequence[Written], sealed: Head | None) -> Fault | None:
    """Return the first thing that is wrong with a ticket's history, or None.

    `altered` is an entry that its hash does not cover, `text` a private text that is not the one digested, `erased` one
    that is gone though no redaction was recorded since, `missing` a gap, `cut` a history that does not end where the
    ticket's row says, `standing` a row that says otherwise than the last entry, `shortened` and `rewritten` one that is
    not what was sealed, `removed` a ticket without its row.
    """
    if standing is None:
        return Fault(ticket_id, 0, "removed")
    return next(_faults(ticket_id, standing, history, sealed), None)


def _faults(ticket_id: int, standing: Standing, history: Sequence[Written], sealed: Head | None) -> Iterator[Fault]:
    head = ""
    redacted = max((at for at, each in enumerate(history, 1) if each.kind == "redacted"), default=0)
    for seq, written in enumerate(history, 1):
        if written.seq != seq:
            yield Fault(ticket_id, seq, "missing")
        try:
            told = chain.link(head, ticket_id, written.entry(), written.data, written.digests or "{}")
            wrong = _text_wrong(written, whole=seq > redacted)
        except Exception:  # whatever a damaged row raises
            yield Fault(ticket_id, seq, "altered")
            return
        if told != written.hash:
            yield Fault(ticket_id, seq, "altered")
        if wrong is not None:
            yield Fault(ticket_id, seq, *wrong)
        head = written.hash
        if sealed and seq == sealed[0] and head != sealed[1]:
            yield Fault(ticket_id, seq, "rewritten")
    if sealed and len(history) < sealed[0]:
        yield Fault(ticket_id, len(history) + 1, "shortened")
    if not history or (standing.seq, standing.head) != (len(history), head):
        yield Fault(ticket_id, len(history) + 1, "cut")
        return
    last = history[-1].entry()
    for name in ("state", "entry", "type", "version"):
        if getattr(standing, name) != getattr(last, name):
            yield Fault(ticket_id, last.seq, "standing", name)
    if standing.stage != last.state.partition(".")[0]:
        yield Fault(ticket_id, last.seq, "standing", "stage")


def _text_wrong(written: Written, *, whole: bool) -> tuple[str, str] | None:
    """Return what is wrong with a private text, and its name: not the one digested, or gone where all are `whole`."""
    digests: Mapping[str, str] = json.loads(written.digests or "{}")
    private: Mapping[str, Any] = json.loads(written.private or "{}")
    for name, kept in private.items():
        if chain.digest(bytes.fromhex(kept["salt"]), kept["value"]) != digests.get(name):
            return "text", name
    gone = digests.keys() - private.keys()
    return ("erased", min(gone)) if gone and whole else None
