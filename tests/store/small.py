"""A desk small enough to see through, and its books read past it: what the conformance suite works on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select

from workflow.clock import VirtualClock
from workflow.core import chain
from workflow.core.model import HistoryEntry
from workflow.desk.desk import Desk
from workflow.store import tables
from workflow.store.tables import metadata

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)

DESK = """
desk: small_desk
zone: Asia/Shanghai
channels: [phone, web]
roles:
  agent: {may: [open, advance, claim, note, set, tag, link, escalate]}
  lead: {may: [open, intake, advance, assign, claim, note, set, tag, link, escalate, apply]}
  guest: {may: []}
teams:
  front: {lead: boss, members: [ann, bob]}
  back: {lead: chief, members: [cat]}
members:
  ann: {roles: [agent]}
  bob: {roles: [agent]}
  cat: {roles: [agent]}
  boss: {roles: [lead]}
  chief: {roles: [lead]}
  eve: {roles: [guest]}
ladder: {rungs: [{to: lead, after: 30m}, {to: chief, after: 1h}]}
customer:
  fields:
    name: {type: text, pii: true}
    phone: {type: text, pii: true}
    company: {type: text}
  same_by: [[phone], [name, company]]
"""

JOB = """
ticket_type: job
version: 1
skips: [classify, handle, review, callback]
fields:
  statement: {type: text, required: true}
  severity: {type: choice, choices: [low, high], default: low}
  agreed: {type: bool}
  amount: {type: int}
  fees: {type: decimal, min: 0, max: 1000000000000000000}
  day: {type: date}
  moment: {type: datetime}
  words: {type: list}
  secret: {type: int, pii: true}
  code: {type: text, pattern: '[A-Z]{2}[0-9]+'}
stages:
  intake:
    team: front
    transitions:
      accept: {dest: handle.first}
      only_lead: {dest: archive, roles: [lead]}
      when_agreed: {dest: archive, conditions: 'agreed && severity == "high"'}
      broken: {dest: archive, conditions: '10 / amount > 1'}
      with_code: {dest: archive, requires: [code, day]}
      nudge: {actions: [{tag: nudged}, {notify: owner}]}
    timeouts:
      unanswered: {after: 10m, actions: [reassign, escalate]}
  handle:
    team: back
    transitions:
      done: {dest: archive, not_by: handle.first}
      told: {}
    timeouts:
      forgotten: {after: 2h, actions: [{notify: lead}]}
    states:
      first:
        transitions:
          pass_on: {dest: handle.second}
        timeouts:
          too_slow: {after: 30m, dest: handle.second, actions: [escalate]}
      second: {}
  archive: {}
"""


def write(folder: Path, *documents: str, desk: str = DESK) -> Path:
    """Write definitions into a folder, each type into a file of its name, and return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "desk.yaml").write_text(desk, encoding="utf-8")
    for text in documents or (JOB,):
        name = text.split("ticket_type:")[1].split()[0]
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def timed(timeouts: str, *, fields: str = "", elsewhere: str = "{}") -> str:
    """Return a type whose intake has these timeouts (lines of YAML in flow style)."""
    block = "".join(f"      {line.strip()}\n" for line in timeouts.strip().splitlines())
    return f"""
ticket_type: timed
version: 1
skips: [classify, handle, review, callback]
fields:
  statement: {{type: text}}
  count: {{type: int}}
  agreed: {{type: bool}}
{fields}
stages:
  intake:
    team: front
    transitions:
      finish: archive
      stay: {{}}
      again: intake
      shelve: handle
    timeouts:
{block}
  handle:
    team: back
    transitions:
      finish: archive
    timeouts: {elsewhere}
  archive: {{}}
"""


@contextmanager
def opened(url: str, folder: Path, at: datetime = NOON, **more: Any) -> Iterator[Desk]:
    """Give a desk on a virtual clock that stands at `at`."""
    with Desk.connect(url, definitions=folder, clock=VirtualClock(at), **more) as desk:
        yield desk


class Books:
    """What stands in the database, read past the desk."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url)

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        with self.engine.connect() as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }

    def of(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of one table, in the order of their keys."""
        found = metadata.tables[tables.PREFIX + table]
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(select(found).order_by(*found.primary_key))]

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return len(self.of(table))

    def assert_balanced(self) -> None:
        """Assert that state, history, timers and outbox of every ticket tell one story, and its chain is whole."""
        history: dict[int, list[dict[str, Any]]] = {ticket["id"]: [] for ticket in self.of("tickets")}
        timers: dict[int, list[dict[str, Any]]] = {ticket: [] for ticket in history}
        for row in self.of("history"):
            history[row["ticket_id"]].append(row)
        for row in self.of("timers"):
            timers[row["ticket_id"]].append(row)
        for ticket in self.of("tickets"):
            entries, armed = history[ticket["id"]], timers[ticket["id"]]
            last = entries[-1]
            assert [entry["seq"] for entry in entries] == list(range(1, ticket["seq"] + 1))
            times = [entry["happened_at"] for entry in entries]
            assert times == sorted(times)
            assert times[-1] == ticket["updated_at"]
            assert (last["state"], last["entry"]) == (ticket["state"], ticket["entry"])
            moves = [entry["dest"] for entry in entries if entry["dest"]]
            assert (moves[-1], len(moves)) == (ticket["state"], ticket["entry"])
            assert min((timer["due_at"] for timer in armed), default=None) == ticket["next_timer_at"]
            assert all(timer["cycle"] == ticket["entry"] for timer in armed)
            assert chained(ticket["id"], entries) == [entry["hash"] for entry in entries]
            assert last["hash"] == ticket["head"]
        said = [
            (row["ticket_id"], row["seq"], json.loads(row["data"])["to"])
            for row in self.of("history")
            if row["kind"] in ("escalated", "notified", "called")
        ]
        assert said == sorted((row["ticket_id"], row["seq"], row["addressee"]) for row in self.of("outbox"))
        fired = Counter((row["ticket_id"], row["timer"]) for row in self.of("history") if row["timer"])
        assert all(times == 1 for times in fired.values())


def chained(ticket_id: int, rows: list[dict[str, Any]]) -> list[str]:
    """Return the hashes that the stored rows of a ticket's history should have."""
    previous, found = "", []
    for row in rows:
        digests = json.loads(row["digests"] or "{}")
        for name, item in json.loads(row["private"] or "{}").items():
            assert chain.digest(bytes.fromhex(item["salt"]), item["value"]) == digests[name]
        kind, name, cycle, occurrence = (row["timer"] or ":::").split(":")
        previous = chain.link(
            previous,
            ticket_id,
            HistoryEntry(
                seq=row["seq"], kind=row["kind"], happened_at=row["happened_at"], actor=row["actor"],
                state=row["state"], entry=row["entry"], type=row["type"], version=row["version"],
                trigger=row["trigger"], source=row["source"], dest=row["dest"],
                timer=(kind, name, int(cycle), int(occurrence)) if row["timer"] else None,
                data=json.loads(row["data"]), desk_revision=row["desk_revision"],
            ),
            digests,
        )  # fmt: skip
        found.append(previous)
    return found
