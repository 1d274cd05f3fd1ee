"""The reference model beside the product: the same definition, people and runs, and what each makes of them.

`python -m tests.property.model_adapter 10000` compares so many random cases and prints the first that differ. A tick
of the model is 864 seconds, so that its hundred ticks are a day and its desk is open from midnight.

What the two declare to do differently is levelled here, and nothing else:

- Of the levels already past when a goal changes only the highest fires, and of repeats past at one instant one: of the
  model's firings of a clock at one instant the highest, first one counts, and a warning after the miss under the same
  goal does not. Cases in which they were so many that the model made incidents of them are left out.
- A goal that stays as it was re-arms nothing: no case changes a priority to itself, and no clock has one goal for both.
- Archive stops every clock: a clock of the model that would still run there counts as stopped on arrival, one that it
  resets on arrival does not begin anew, and what the model does to an archived ticket is not looked at.
- What is told, to whom, and when a rung is raised after the first may differ: of a ladder its opening, its
  acknowledgements and its end are compared.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from workflow.core import instants, unit
from workflow.core.events import Acknowledge, Advance, Escalate, Event, Note, SetFields
from workflow.core.guard import Rules
from workflow.core.model import HistoryEntry, Outcome
from workflow.core.opening import open_ticket
from workflow.core.people import actor_of
from workflow.definition.desk import DeskSpec
from workflow.definition.duration import Duration
from workflow.definition.inheritance import resolve
from workflow.definition.machine import compile_type
from workflow.definition.model import TicketTypeSpec

START = datetime(2026, 3, 2, tzinfo=UTC)
TICK = timedelta(seconds=864)
STATE = {"A": "intake", "B": "classify", "C": "handle", "Z": "archive"}
PLACE = {state: place for place, state in STATE.items()}
PRIORITY = {"lo": "normal", "hi": "high"}
FIRST_WIDTH = 60
VERBS = ["open", "advance", "set", "escalate", "note"]
Line = tuple[Any, ...]


def model_path() -> Path:
    """Return where the model is looked for: TICKETFLOW_MODEL, or beside the checkout."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "model" / "model.py"
    return Path(os.environ.get("TICKETFLOW_MODEL", beside))


@cache
def load_model() -> ModuleType:
    """Return the reference model as a module; raise FileNotFoundError where there is none."""
    spec = importlib.util.spec_from_file_location("reference_model", model_path())
    assert spec is not None and spec.loader is not None  # noqa: PT018 - one thing: it is a Python file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def length(ticks: int) -> Duration:
    return Duration(f"{ticks * 864}s", ticks * TICK)


def instant(tick: int) -> datetime:
    return START + tick * TICK


def tick(at: datetime) -> float:
    return (at - START) / TICK


@cache
def desk(width: int, counts_from: str) -> DeskSpec:
    """Return the model's desk: open the first `width` ticks of a day, with two rungs on duty in its first half."""
    minutes = width * 864 // 60
    rungs = [{"to": name, "after": length(30)} for name in ("one", "two", "top")]
    return DeskSpec.model_validate(
        {
            "desk": "model",
            "zone": "UTC",
            "calendars": {
                "desk": {"weekly": {"daily": f"00:00-{minutes // 60:02}:{minutes % 60:02}"}},
                "half": {"weekly": {"daily": "00:00-12:00"}},
            },
            "roles": {"agent": {"may": VERBS}, "lead": {"may": ["acknowledge"]}},
            "members": {
                "ann": {"roles": ["agent"]},
                "one": {"roles": ["lead"], "shift": "half"},
                "two": {"shift": "half"},
                "top": {},
            },
            "ladder": {"rungs": rungs, "hold": length(50), "counts_from": counts_from},
        }
    )


def timeout(spec: dict[str, Any]) -> dict[str, Any]:
    actions = [{"set": {"n": spec["set"]}}] if spec["set"] is not None else []
    found: dict[str, Any] = {"after": length(spec["after"]), "calendar": spec["cal"]}
    found["actions"] = [*actions, *(["escalate"] if spec["esc"] else [])]
    if spec["dest"]:
        found["dest"] = STATE[spec["dest"]]
    if spec["every"]:
        found["every"] = length(spec["every"])
    if spec["times"]:
        found["times"] = spec["times"]
    if spec["cond"] is not None:
        found["conditions"] = f"n == {spec['cond']}"
    return found


def clock(spec: dict[str, Any]) -> dict[str, Any]:
    due = {"at": "100%", "actions": ["escalate"] if spec["esc"] else [], "repeat": spec["repeat"]}
    return {
        "goal": {"high": length(spec["goal"]["hi"]), "default": length(spec["goal"]["lo"])},
        "calendar": spec["cal"],
        "start": STATE[spec["start"]],
        "stop": STATE[spec["stop"]],
        "pause": [STATE[spec["pause"]]] if spec["pause"] else [],
        "reset": [spec["reset"]] if spec["reset"] else [],
        "levels": [{"at": f"-{20 * 864}s"}, due],
    }


def ticket_type(model_definition: dict[str, Any]) -> TicketTypeSpec:
    """Return a definition of the model as one of the product."""
    stages: dict[str, Any] = {name: {} for name in ("review", "callback", "archive")}
    for place in "ABC":
        moves = {name: dest for (at, name), dest in model_definition["tr"].items() if at == place}
        stages[STATE[place]] = {
            "transitions": {name: STATE[dest] if dest else {} for name, dest in moves.items()},
            "timeouts": {
                f"{place.lower()}{at}": timeout(spec) for at, spec in enumerate(model_definition["to"].get(place, ()))
            },
        }
    return TicketTypeSpec.model_validate(
        {
            "ticket_type": "model",
            "version": 1,
            "fields": {"n": {"type": "int", "default": 0}},
            "stages": stages,
            "sla": {name: clock(spec) for name, spec in model_definition["sla"].items()},
        }
    )


@dataclass
class Seen:
    """What one side made of a case: what happened, in order, and how the ticket and its clocks stand."""

    lines: list[Line] = field(default_factory=list)
    verdicts: list[Line] = field(default_factory=list)
    stands: Line = ()
    armed: list[Line] = field(default_factory=list)

    def differences(self, other: Seen) -> str:
        for name in ("lines", "verdicts", "stands", "armed"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                at = next((at for at, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), None)
                at = min(len(mine), len(theirs)) if at is None else at
                return f"{name} {at}: product {mine[at : at + 3]}, model {theirs[at : at + 3]}"
        return ""


class Product:
    """The product, driven as the model is. Its microsecond between a firing and a person is a tick here."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self.counts_from = definition["from"]
        self.compiled = compile_type(resolve(ticket_type(definition)), desk(FIRST_WIDTH, self.counts_from))
        self.revisions = [(START, self.rules(FIRST_WIDTH, 0))]
        rules = self.revisions[0][1]
        ann = actor_of(rules.desk, "ann")
        self.outcome = unit.opened(rules, open_ticket(rules, ann, START), ann, wall=START)
        self.entries: list[HistoryEntry] = list(self.outcome.entries)

    def rules(self, width: int, revision: int) -> Rules:
        return Rules(self.compiled, desk(width, self.counts_from), revision)

    def unit(self, limit: datetime, event: Event | None = None, actor: str = "ann") -> Outcome:
        first = self.outcome.ticket.desk_revision
        rules, newer = self.revisions[first][1], self.revisions[first + 1 :]
        self.outcome = unit.run_unit(
            rules, self.outcome.ticket, self.outcome.timers, limit=limit, fired_at=limit, event=event,
            actor=actor_of(rules.desk, actor), newer=newer,
        )  # fmt: skip
        self.entries += self.outcome.entries
        return self.outcome

    def run(self, now: int) -> None:
        self.unit(instant(now))

    def person(self, now: int, event: Line) -> int:
        """Let somebody act; return the tick that it counts for."""
        when = instants.event_time(self.outcome.ticket, instant(now), None)
        match event:
            case ("apply", width):
                self.revisions.append((when, self.rules(width, len(self.revisions))))
                if self.counts_from == "raised":  # rungs are raised now, as in the model, and not by whoever comes next
                    self.unit(when, Note("the hours change"))
            case ("ack",):
                self.unit(when, Acknowledge(), "one")
            case ("prio", word):
                self.unit(when, SetFields(priority=PRIORITY[word]))
            case ("escalate",):
                self.unit(when, Escalate())
            case ("do", trigger):
                self.unit(when, Advance(trigger))
        return round(tick(when))

    def seen(self) -> Seen:
        ticket = self.outcome.ticket
        seen = Seen(list(self.lines()))
        seen.verdicts = sorted(
            (cycle.name, cycle.cycle, cycle.status, tick(cycle.ended_at)) for cycle in ticket.clocks if cycle.ended_at
        )
        live = [(each.name, each.cycle, each.status, each.breached) for each in ticket.clocks if each.is_open]
        seen.stands = (PLACE[ticket.state], ticket.fields["n"], ticket.ladder is not None, *live)
        seen.armed = sorted(
            (timer.name.replace(f"/-{20 * 864}s", ".warn").replace("/100%", ".due"), timer.cycle, tick(timer.due_at))
            for timer in self.outcome.timers
            if timer.kind != "rung"
        )
        return seen

    def lines(self) -> Iterable[Line]:
        ladders = 0
        for entry in self.entries[1:]:
            at = tick(entry.happened_at)
            if entry.kind in ("fired", "skipped", "incident") and entry.timer and entry.timer[0] != "rung":
                kind, name, cycle, occurrence = entry.timer
                dues = [tick(datetime.fromisoformat(due)) for due in entry.data.get("merged", ())] or [at]
                if kind == "sla":
                    level = "due" if name.endswith("%") else "warn"
                    for due in dues:
                        yield entry.kind, due, f"{name.partition('/')[0]}.{level}", cycle
                else:
                    for place, due in enumerate(dues, start=occurrence - len(dues) + 1):
                        yield entry.kind, due, name, cycle, place
            if entry.kind == "advanced" and entry.dest is None:
                yield "stay", at, entry.trigger
            elif entry.dest is not None:
                yield "move", at, PLACE[entry.dest], entry.trigger or (entry.timer and entry.timer[1])
            if entry.kind == "set" or (entry.kind == "advanced" and "priority" in entry.data):
                yield "prio", at, entry.data["priority"]
            if entry.kind in ("escalated", "unattended") and entry.data.get("ladder", 0) > ladders:
                ladders = entry.data["ladder"]
                yield "ladder", at
            if entry.kind == "ladder_ended":
                yield "ladder_end", at
            if entry.kind == "acknowledged":
                yield "ack", at


def model_seen(ticket: Any) -> Seen:
    """Return what the model made of a case, levelled as the module's docstring says."""
    seen = Seen()
    archived: int | None = None
    late: dict[str, Line] = {}
    warned: dict[str, tuple[int, int]] = {}
    dues_told: set[Line] = set()
    ended_on_arrival: set[str] = set()
    for entry in ticket.h[1:]:
        at, kind = entry["t"], entry["kind"]
        if archived is not None and kind != "ladder_end" and not (kind == "verdict" and at == archived):
            continue
        if kind in ("fired", "skipped", "incident") and entry["key"][0] != "rung":
            of, name, cycle, occurrence = entry["key"]
            if of == "sla":
                clock_name, _, level = name.partition(".")
                goal = (cycle, occurrence // 100)
                if kind == "fired" and level == "due":
                    if (clock_name, cycle, at) in dues_told:
                        continue
                    dues_told.add((clock_name, cycle, at))
                    late[clock_name] = goal
                    if warned.get(clock_name, (0, 0))[0] == at:
                        seen.lines[warned[clock_name][1]] = ()
                elif kind == "fired":
                    if late.get(clock_name) == goal:  # the goal itself is past, and was told
                        continue
                    warned[clock_name] = (at, len(seen.lines))
                seen.lines.append((kind, at, name, cycle))
            else:
                dues = entry.get("dues", [at])
                seen.lines += [
                    (kind, due, name.lower(), cycle, place) for place, due in enumerate(dues, start=occurrence)
                ]
        if kind == "move":
            trigger = entry["trig"]
            seen.lines.append((kind, at, entry["to"], trigger.lower() if entry["auto"] else trigger))
            if entry["to"] == "Z":
                archived = at
        elif kind == "stay":
            seen.lines.append((kind, at, entry["trig"]))
        elif kind == "prio":
            seen.lines.append((kind, at, PRIORITY[entry["prio"]]))
        elif kind in ("ladder", "ladder_end", "ack"):
            seen.lines.append((kind, at))
        elif kind == "verdict":
            if archived is not None:
                ended_on_arrival.add(entry["sla"])
            seen.verdicts.append((entry["sla"], entry["cyc"], entry["v"], at))
    seen.lines = [line for line in seen.lines if line]
    live = []
    for name, each in ticket.sla.items():
        if each["st"] not in ("running", "paused"):
            continue
        if archived is not None:
            verdict = "missed" if late.get(name, (0,))[0] == each["cyc"] else "met"
            if name not in ended_on_arrival:
                seen.verdicts.append((name, each["cyc"], verdict, archived))
        else:
            live.append((name, each["cyc"], each["st"], each["br"]))
    seen.verdicts.sort()
    seen.stands = (ticket.state, ticket.x, ticket.lad is not None, *sorted(live))
    if archived is None:
        seen.armed = sorted(
            (key[1].lower(), key[2], float(due)) for key, (due, _) in ticket.timers.items() if key[0] != "rung"
        )
    return seen


def levelled(definition: dict[str, Any]) -> dict[str, Any]:
    for spec in definition["sla"].values():
        if spec["goal"]["hi"] == spec["goal"]["lo"]:
            spec["goal"]["hi"] = 10
    return definition


def compare(seed: int) -> tuple[str, dict[str, Any], list[Line]]:
    """Return how product and model differ on one random case ('' where they agree), with its definition and trace."""
    model = load_model()
    draw = random.Random(seed)  # noqa: S311 - cases, not secrets
    definition, people, runs = model.gen(draw)
    definition = levelled(definition)
    reference, product = model.Ticket(definition, model.MENDS), Product(definition)
    steps = [(at, draw.random(), event) for at, event in people] + [(at, draw.random(), None) for at in runs]
    trace: list[Line] = []
    for now, _, event in sorted(steps, key=lambda step: step[:2]):
        if event is None:
            trace.append(("run", now))
            reference.run(now)
            product.run(now)
        elif event != ("prio", reference.prio) and reference.state != "Z":
            at, found = reference.person(now, event), product.person(now, event)
            trace.append((*event, "at", at))
            if at != found:
                return f"{event} happens at {found}, the model says {at}", definition, trace
    reference.run(model.H)
    product.run(model.H)
    trace.append(("run", model.H))
    if any(entry["kind"] == "incident" and entry["key"][0] == "sla" for entry in reference.h):
        return "", definition, trace
    return product.seen().differences(model_seen(reference)), definition, trace


def with_ticks(cases: Iterable[int]) -> Iterable[tuple[int, str, dict[str, Any], list[Line]]]:
    """Compare cases under the model's granularity, and yield those that differ."""
    kept = instants.TICK, unit.FIRINGS_AT_ONE_INSTANT
    instants.TICK, unit.FIRINGS_AT_ONE_INSTANT = TICK, load_model().CHAIN
    try:
        for seed in cases:
            difference, definition, trace = compare(seed)
            if difference:
                yield seed, difference, definition, trace
    finally:
        instants.TICK, unit.FIRINGS_AT_ONE_INSTANT = kept


def main(many: int, first: int = 0) -> int:
    """Print the first few cases that differ; return how many do."""
    found = 0
    for seed, difference, definition, trace in with_ticks(range(first, first + many)):
        found += 1
        if found <= 5:
            print(f"case {seed}: {difference}\n  {trace}")
            for place, specs in definition["to"].items():
                for spec in specs:
                    print(f"  in {place}:", {name: value for name, value in spec.items() if value is not None})
            print(f"  sla {definition['sla']}\n  {definition['tr']} from {definition['from']}")
    print(f"{found} of {many} cases differ")
    return found


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]] or [10_000]
    sys.exit(1 if main(*arguments) else 0)
