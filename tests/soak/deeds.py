"""What the workers of a soak do to a desk, by chance, and the ledger in which each notes what it was told is done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from tests.store.small import DESK, write
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.errors import StoreError, TicketflowError

Deed: TypeAlias = dict[str, Any]
QUICK = DESK.replace("after: 30m", "after: 4s").replace("after: 1h", "after: 20s")
QUICK = QUICK.replace("apply, retry]", "apply, retry, migrate, promise, repair]")
ALWAYS, OTHERWISE = "'00:00-24:00'", "['00:00-03:00', '03:30-24:00']"
QUICK = QUICK.replace("channels:", f"calendars: {{office: {{weekly: {{mon-sun: {ALWAYS}}}}}}}\nchannels:")
JOB = """
ticket_type: job
version: 1
joins: nudge
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
    transitions:
      done: archive
      told: {actions: [{notify: customer}, {call: bell}]}
      again: {dest: intake, back: rework}
    timeouts: {forgotten: {after: 5s, actions: [{notify: lead}]}}
    states:
      first:
        transitions: {pass_on: handle.second}
        timeouts: {too_slow: {after: 3s, dest: handle.second, actions: [escalate]}}
      second: {}
  archive: {}
sla:
  reply: {goal: 8s, calendar: office, start: intake, stop: archive, pause: handle.second,
          levels: [{at: -4s, actions: [{notify: lead}]}, {at: 100%, actions: [escalate]}]}
"""
STATES = ("intake", "handle.first", "handle.second")
TRIGGERS = ("accept", "nudge", "drop", "done", "told", "again", "pass_on")
VERBS = {
    "open": 14, "advance": 30, "note": 8, "escalate": 2, "acknowledge": 2, "assign": 2, "promise": 2, "repair": 2,
    "intake": 3, "run": 14, "deliver": 12, "migrate": 2, "count": 2,
}  # fmt: skip
REPEATED = ("open", "advance", "intake")  # done again under their key, they are done once


def folder(at: Path, *, version: int = 2, hours: str = ALWAYS) -> Path:
    """Write the definitions, where every timer is due within seconds, and return their folder.

    Tickets go from one version to the other and come back; other hours arm every clock anew.
    """
    job = JOB if version == 1 else JOB.replace("version: 1", "version: 2").replace("after: 5s", "after: 6s")
    return write(at, job, desk=QUICK.replace(ALWAYS, hours))


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
        append(self.path, json.dumps(deed))

    def end(self, key: str, became: str) -> None:
        """Note for good what became of it: `done`, `refused`, or `unknown` when the store failed over it."""
        self.known[key] = became
        append(self.path, json.dumps({key: became}))


def append(path: Path, line: str) -> None:
    """Write a line, and wait for the disk."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, f"\n{line}".encode())
        os.fsync(file)
    finally:
        os.close(file)


def drawn(chance: Random, key: str, tickets: Sequence[int]) -> Deed:
    """Return a deed by chance, on one of these tickets."""
    (verb,) = chance.choices(tuple(VERBS), tuple(VERBS.values()))
    return {
        "key": key, "verb": verb, "ticket": chance.choice(tickets or (1,)), "trigger": chance.choice(TRIGGERS),
        "many": chance.randint(1, 6), "version": chance.randint(1, 2),
        "caller": chance.randint(1, 200), "state": chance.choice(STATES),
    }  # fmt: skip


def tokens(deed: Deed) -> list[str]:
    """Return the words that a history holds, each once, when this was done."""
    match deed["verb"]:
        case "open" | "advance" | "note" | "escalate" | "promise" | "repair":
            return [deed["key"]]
        case "intake":
            return [f"{deed['key']}.{number}" for number in range(deed["many"])]
    return []


def do(desk: Desk, deed: Deed) -> None:
    """Do it; what it leaves in the history bears its key."""
    key, ticket, many = deed["key"], deed["ticket"], deed["many"]
    match deed["verb"]:
        case "open":
            who = {"phone": f"138{deed['caller']}"} if many > 1 else {}
            desk.open("job", actor="ann", fields={"statement": key, "amount": many}, customer=who, key=key)
        case "advance":
            desk.advance(ticket, deed["trigger"], actor="boss", note=key, key=key)
        case "note":
            desk.note(ticket, key, actor="ann")
        case "escalate":
            desk.escalate(ticket, actor="ann", reason=key)
        case "acknowledge":
            desk.acknowledge(ticket, actor="boss")
        case "intake":
            who = {"phone": f"138{deed['caller']}"}
            some = [Contact(n, {"statement": word}, who, external_id=word) for n, word in enumerate(tokens(deed))]
            report = desk.intake(some, actor="boss", ticket_type="job", past="fire", batch=2)
            assert report.opened + report.known + report.joined == many, report
        case "assign":
            desk.assign(ticket, "cat" if many > 3 else None, actor="boss")
        case "promise":
            desk.promise(ticket, desk.clock.now() + timedelta(seconds=3600 + many), actor="boss", reason=key)
        case "repair":
            desk.repair(ticket, deed["state"], actor="boss", reason=key)
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
