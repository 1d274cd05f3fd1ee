"""A desk small enough to see through, and its books read past it: what the conformance suite works on."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select

from workflow.clock import VirtualClock
from workflow.core import chain
from workflow.core.model import HistoryEntry
from workflow.desk.book import Book
from workflow.desk.desk import Desk
from workflow.desk.repair import Difference, differences
from workflow.store import tables
from workflow.store.claims import UNREADABLE
from workflow.store.moments import instant
from workflow.store.tables import metadata

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
TELLING = ("escalated", "notified", "called", "promised", "extended", "extension_asked")

DESK = """
desk: small_desk
zone: Asia/Shanghai
act_as: {"*": "*"}
channels: [phone, web]
roles:
  agent: {may: [open, advance, claim, note, set, tag, link, escalate, promise]}
  lead: {may: [open, intake, advance, assign, claim, note, set, tag, link, escalate, acknowledge, apply, retry]}
  guest: {may: []}
teams:
  front: {lead: boss, members: [ann, bob], assignment: manual}
  back: {lead: chief, members: [cat], assignment: manual}
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


HOURS = DESK.replace("channels:", "calendars: {office: {weekly: {mon-fri: 09:00-18:00}}}\nchannels:")
LONGER = HOURS.replace("09:00-18:00", "09:00-22:00")
VISIT = """
ticket_type: visit
version: 1
calendar: office
skips: [classify, handle, review, callback]
fields: {statement: {type: text}}
stages:
  intake:
    team: front
    transitions:
      ring: {actions: [{call: bell}]}
      shelve: handle
      end: archive
    timeouts: {slow: {after: 3h, actions: [escalate]}}
  handle:
    team: back
    transitions: {take_up: {dest: intake, back: rework}}
  archive: {}
sla:
  visited: {goal: 5h, start: intake, stop: archive, pause: handle, levels: [{at: -1h, actions: [{notify: owner}]}]}
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
        """Return every row of every table, but for the record of what was refused."""
        with self.engine.connect() as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
                if table is not tables.refusals
            }

    def of(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of one table, in the order of their keys."""
        found = metadata.tables[tables.PREFIX + table]
        with self.engine.connect() as connection:
            rows = connection.execute(select(found).order_by(*found.primary_key))
            names = tuple(rows.keys())
            return [dict(zip(names, row, strict=True)) for row in rows]

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return len(self.of(table))

    def assert_balanced(self) -> None:
        """Assert that all that is kept of every ticket tells one story, and its chain is whole."""
        tickets = {ticket["id"]: ticket for ticket in self.of("tickets")}
        history, timers, clocks, lines = (
            self.by_ticket(table) for table in ("history", "timers", "slas", "escalations")
        )
        unreadable = {
            row["ticket_id"] for row in self.of("incidents") if row["timer"] == UNREADABLE and not row["closed_at"]
        }
        for key, ticket in tickets.items():
            entries, armed = history[key], timers[key]
            last = entries[-1]
            assert [entry["seq"] for entry in entries] == list(range(1, ticket["seq"] + 1))
            times = [entry["happened_at"] for entry in entries]
            assert times == sorted(times)
            assert times[-1] == ticket["updated_at"]
            kept = ("type", "version", "state", "entry")
            assert [last[name] for name in kept] == [ticket[name] for name in kept]
            moves = [entry["dest"] or "" for entry in entries if entry["dest"] or entry["kind"] == "migrated"]
            assert sum(map(bool, moves)) == ticket["entry"]
            assert moves[-1] in (ticket["state"], "")
            due = None if key in unreadable else min((timer["due_at"] for timer in armed), default=None)
            assert due == ticket["next_timer_at"]
            assert chained(key, entries) == [entry["hash"] for entry in entries]
            assert last["hash"] == ticket["head"]
            assert_ladder(ticket, lines[key], entries)
            if key not in unreadable:
                assert_armed(ticket, armed, clocks[key])
                assert_shown(ticket, armed, clocks[key])
        self.assert_told(history)
        fired = Counter(
            (key, row["timer"])
            for key, rows in history.items()
            for row in rows
            if row["timer"] and row["kind"] != "incident"
        )
        assert all(times == 1 for times in fired.values())
        assert self.differences([key for key in tickets if key not in unreadable]) == []

    def by_ticket(self, table: str) -> dict[int, list[dict[str, Any]]]:
        """Return the rows of a table by their ticket."""
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in self.of(table):
            found[row["ticket_id"]].append(row)
        return found

    def assert_told(self, history: Mapping[int, list[dict[str, Any]]]) -> None:
        """Assert that each message is one that its entry tells of, and each telling a message, unless overtaken."""
        entries = {(key, row["seq"]): (row, json.loads(row["data"])) for key, rows in history.items() for row in rows}
        messages = {(row["ticket_id"], row["seq"]): row["addressee"] for row in self.of("outbox")}
        for key, to in messages.items():
            row, data = entries[key]
            assert row["kind"] in (*TELLING, "joined")
            assert data.get("to", to) == to
        dropped, spared, joined = Counter[tuple[int, str]](), Counter[tuple[int, str]](), Counter[tuple[int, str]]()
        for key, (row, data) in entries.items():
            if row["kind"] == "overtaken" and data["action"] == "escalate":
                dropped[key[0], data["cause"]] += 1
            elif key in messages:
                continue
            elif row["kind"] == "escalated":
                spared[key[0], data["cause"]] += 1
            elif row["kind"] == "joined":
                joined[key[0], data["cause"]] += 1
            else:
                assert row["kind"] not in TELLING
        assert spared <= dropped <= spared + joined

    def differences(self, ids: list[int]) -> list[Difference]:
        """Return the stored SLA clocks and timers that are not what history says."""
        with self.engine.connect() as connection:
            book = Book.read(connection, {})
            return differences(connection, book, ids)


def assert_ladder(ticket: Mapping[str, Any], lines: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
    """Assert that the open ladder, its lines and the history of a ticket agree."""
    ladder = json.loads(ticket["ladder"]) if ticket["ladder"] else None
    number = ladder["id"] if ladder else None
    assert ticket["ladders"] == len({line["ladder"] for line in lines})
    assert number in (None, ticket["ladders"])
    assert all((line["ended_at"] is None) == (line["ladder"] == number) for line in lines)
    if not lines:
        return
    said = Counter((entry["kind"], json.loads(entry["data"]).get("ladder")) for entry in entries)
    assert all(said["ladder_ended", past] == (past != number) for past in range(1, ticket["ladders"] + 1))
    if ladder is None:
        return
    own = [line for line in lines if line["ladder"] == number]
    told, held = sum(line["times"] for line in own), said["acknowledged", number]
    assert told == said["escalated", number] + said["unattended", number]
    assert ladder["raised"] == told + held
    last = max(own, key=lambda line: int(line["occurrence"]))
    assert ladder["rung"] == last["rung"]
    assert bool(held) >= bool(ladder["held_by"])
    if ladder["held_by"]:
        assert last["acknowledged_at"] is not None


def assert_armed(ticket: Mapping[str, Any], armed: list[dict[str, Any]], clocks: list[dict[str, Any]]) -> None:
    """Assert that what armed each timer of a ticket still stands."""
    ladder = json.loads(ticket["ladder"]) if ticket["ladder"] else {"id": None, "raised": None}
    promise = json.loads(ticket["promise"]) if ticket["promise"] else {"number": None}
    running = {(clock["name"], clock["cycle"]) for clock in clocks if clock["status"] == "running"}
    for timer in armed:
        match timer["kind"]:
            case "timeout":
                assert timer["cycle"] == ticket["entry"]
            case "sla":
                assert (timer["name"].split("/")[0], timer["cycle"]) in running
            case "rung":
                assert (timer["cycle"], timer["occurrence"]) == (ladder["id"], ladder["raised"])
            case kind:
                assert (kind, timer["cycle"]) == ("promise", promise["number"])


def assert_shown(ticket: Mapping[str, Any], armed: list[dict[str, Any]], clocks: list[dict[str, Any]]) -> None:
    """Assert that people are shown the earliest unmet timeout, SLA or promise."""
    dues = [timer["due_at"] for timer in armed if timer["kind"] == "timeout"]
    dues += [clock["due_at"] for clock in clocks if clock["status"] == "running"]
    dues += [ticket["missed_at"]] if ticket["missed_at"] else []
    dues += [instant(json.loads(ticket["promise"])["until"])] if ticket["promise"] else []
    assert ticket["next_due_at"] == min(dues, default=None)


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
                desk_revision=row["desk_revision"],
            ),
            chain.canonical(json.loads(row["data"])),
            chain.canonical(digests),
        )  # fmt: skip
        found.append(previous)
    return found
