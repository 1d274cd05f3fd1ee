"""What the workers of a soak do to a desk, by chance, and the ledger in which each notes what it was told is done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from tests.store.small import DESK, write
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import StoreError, TicketflowError

Deed: TypeAlias = dict[str, Any]
QUICK = DESK.replace("after: 30m", "after: 4s").replace("after: 1h", "after: 20s")
QUICK = QUICK.replace("apply, retry]", "apply, retry, migrate]")
JOB = """
ticket_type: job
version: 1
skips: [classify, handle, review, callback]
fields: {statement: {type: text, required: true}, amount: {type: int}}
stages:
  intake:
    team: front
    transitions:
      accept: handle.first
      nudge: {actions: [{tag: nudged}, {notify: team}]}
      drop: archive
    timeouts: {unanswered: {after: 2s, actions: [reassign, escalate]}}
  handle:
    team: back
    transitions: {done: archive, told: {actions: [{notify: customer}]}, again: {dest: intake, back: rework}}
    timeouts: {forgotten: {after: 5s, actions: [{notify: lead}]}}
    states:
      first:
        transitions: {pass_on: handle.second}
        timeouts: {too_slow: {after: 3s, dest: handle.second, actions: [escalate]}}
      second: {}
  archive: {}
sla:
  reply: {goal: 8s, calendar: always, start: intake, stop: archive, pause: handle.second,
          levels: [{at: -4s, actions: [{notify: lead}]}, {at: 100%, actions: [escalate]}]}
"""
TRIGGERS = ("accept", "nudge", "drop", "done", "told", "again", "pass_on")
VERBS = {
    "open": 12, "advance": 30, "note": 8, "escalate": 2, "acknowledge": 2, "intake": 2, "run": 14, "deliver": 10,
    "migrate": 2, "count": 2,
}  # fmt: skip
REPEATED = ("open", "advance", "intake")  # done again under their key, they are done once


def folder(at: Path) -> Path:
    """Write the definitions, where every timer is due within seconds, and return their folder."""
    return write(at, JOB, desk=QUICK)


def second(at: Path) -> Path:
    """Write them with another version of the type, to which tickets go and from which they come back."""
    return write(at, JOB.replace("version: 1", "version: 2").replace("after: 5s", "after: 6s"), desk=QUICK)


class Ledger:
    """A worker's own file: each deed before it is tried, and what became of it once that was known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.deeds: dict[str, Deed] = {}
        self.known: dict[str, str] = {}
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            try:
                said = json.loads(line)
            except ValueError:  # its writer was killed over it
                continue
            if "verb" in said:
                self.deeds[said["key"]] = said
            else:
                self.known.update(said)

    @property
    def pending(self) -> Iterator[Deed]:
        """The deeds of which nobody knows yet what became of them, as far as they may be repeated."""
        for key, deed in list(self.deeds.items()):
            if key not in self.known and deed["verb"] in REPEATED:
                yield deed

    def begin(self, deed: Deed) -> None:
        """Note what is about to be tried."""
        self.deeds[deed["key"]] = deed
        self._append(deed)

    def end(self, key: str, became: str) -> None:
        """Note for good what became of it: `done`, `refused`, or `unknown` when the store failed over it."""
        self.known[key] = became
        self._append({key: became})

    def _append(self, line: Mapping[str, Any]) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(file, f"\n{json.dumps(line)}".encode())
            os.fsync(file)
        finally:
            os.close(file)


def drawn(chance: Random, key: str, tickets: Sequence[int]) -> Deed:
    """Return a deed by chance, on one of these tickets."""
    (verb,) = chance.choices(tuple(VERBS), tuple(VERBS.values()))
    return {
        "key": key, "verb": verb, "ticket": chance.choice(tickets or (1,)), "trigger": chance.choice(TRIGGERS),
        "many": chance.randint(1, 6), "version": chance.randint(1, 2),
    }  # fmt: skip


def tokens(deed: Deed) -> list[str]:
    """Return the words that a history holds, each once, when this was done."""
    match deed["verb"]:
        case "open" | "advance" | "note" | "escalate":
            return [deed["key"]]
        case "intake":
            return [f"{deed['key']}.{number}" for number in range(deed["many"])]
    return []


def do(desk: Desk, deed: Deed) -> None:
    """Do it; what it leaves in the history bears its key."""
    key, ticket, many = deed["key"], deed["ticket"], deed["many"]
    match deed["verb"]:
        case "open":
            phone = {"phone": f"138{many}"} if many > 1 else {}
            desk.open("job", actor="ann", fields={"statement": key, "amount": many}, customer=phone, key=key)
        case "advance":
            desk.advance(ticket, deed["trigger"], actor="boss", note=key, key=key)
        case "note":
            desk.note(ticket, key, actor="ann")
        case "escalate":
            desk.escalate(ticket, actor="ann", reason=key)
        case "acknowledge":
            desk.acknowledge(ticket, actor="boss")
        case "intake":
            some = [Contact(n, {"statement": token}, external_id=token) for n, token in enumerate(tokens(deed))]
            report = desk.intake(some, actor="boss", ticket_type="job", past="fire", batch=2)
            assert report.opened + report.known == many, report
        case "run":
            desk.run_timeouts(chunk=many)
        case "deliver":
            desk.deliver(limit=10 * many)
        case "migrate":
            desk.migrate("job", to_version=deed["version"], limit=10 * many, actor="boss")
        case "count":
            desk.count_figures(limit=20 * many)


def attempt(desk: Desk, ledger: Ledger, deed: Deed) -> None:
    """Do a deed, and note what became of it; raise StoreError for one that is to be tried again."""
    try:
        do(desk, deed)
    except StoreError:
        if deed["verb"] not in REPEATED:
            ledger.end(deed["key"], "unknown")
        raise
    except TicketflowError:
        ledger.end(deed["key"], "refused")
    else:
        ledger.end(deed["key"], "done")
