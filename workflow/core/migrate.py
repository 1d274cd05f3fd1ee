"""Another type, or another version of its type, for an open ticket: what goes on, what ends, what begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflow.core import firing, giving, people, sla
from workflow.core.guard import Rules
from workflow.core.model import (
    NOTHING,
    Actor,
    Decision,
    HistoryEntry,
    Ladder,
    Ticket,
    Timer,
    Value,
    replace,
)
from workflow.core.moves import merged, noted, record, split, with_spent
from workflow.core.values import coerce, coerce_all, decode, encode
from workflow.definition.model import FieldSpec
from workflow.definition.resolve import TicketType, Timeout
from workflow.errors import BadValue, NotFound, Refused, UsageError

LOST = "lost."


@dataclass(frozen=True, slots=True)
class Migrate:
    """Somebody puts a ticket under another definition: `to` gives its rules under a revision of the desk.

    `states` says what an old state becomes, by the same name unless said. `history` is what the ticket went through:
    the turns of its timers and its earlier migrations are read.
    """

    to: Callable[[int], Rules]
    verb: str
    states: Mapping[str, str] = NOTHING
    fields: Mapping[str, object] = NOTHING
    reason: str | None = None
    history: Sequence[HistoryEntry] = ()


def migrated(
    rules: Rules,
    ticket: Ticket,
    timers: Iterable[Timer],
    history: Sequence[HistoryEntry],
    event: Migrate,
    actor: Actor,
    now: datetime,
) -> Decision:
    """Return what putting a caught-up ticket under other rules does; its own (type, version) changes nothing.

    Its stay goes on with its number and its start. What has fired in it does not fire again. Raise what refuses it.
    """
    people.demand(rules.desk, actor, event.verb, ticket.id)
    if ticket.stage == "archive":
        raise Refused(
            "an archived ticket is final: {verb} is refused", "open a new ticket and link it", rule="archived",
            verb=event.verb,
        )  # fmt: skip
    new = event.to(rules.desk_revision)
    was, to = rules.compiled.definition, new.compiled.definition
    if (was.name, was.version) == (to.name, to.version):
        return Decision(ticket)
    state = to.states[demand_places(to, event.states, [ticket.state])[ticket.state]]
    earlier = [entry for entry in history if entry.kind == "migrated"]
    fields, data, private = _fields(rules, new, ticket, event.fields, earlier)
    data |= {"from": [was.name, was.version, ticket.state], "to": [to.name, to.version, state.name]}
    changes: dict[str, Any] = {
        "type": to.name, "version": to.version, "state": state.name, "stage": state.stage, "fields": fields,
        "acted": _renamed(ticket.acted, event.states), "walks": _walked(ticket.walks, event.states),
    }  # fmt: skip
    own = was.states[ticket.state].team
    if state.team not in (own, None) and ticket.team in (own, *rules.serving.get(own or "", ())):
        team = giving.queue(new, ticket, state.team, changes)
        members = rules.desk.teams[team].members if team in rules.desk.teams else ()
        changes |= {"team": team, "assignee": ticket.assignee if ticket.assignee in members else None}
        data["team"] = team
    if ticket.ladder is not None:
        changes["ladder"], ended = _standing(ticket.ladder, to)
        data |= {"causes_ended": ended} if ended else {}
    if resumed := [clock for clock in to.slas if _was_cancelled(ticket, clock, earlier)]:
        data["resumed"] = resumed
    after, entry = record(
        ticket, "migrated", actor, now, changes, data=data, private=private | noted(event.reason, "reason")
    )
    gives = giving.give(rules, after, f"migrated:{entry.seq}", entry.seq) if "team" in changes else ()
    after, entry, altered = sla.migrated(rules, new, after, entry)
    old = {timer.key: timer for timer in timers if timer.kind in ("timeout", "sla")}
    armed, spent = timeouts(rules, new, ticket.state, after, old.values(), history, now)
    for clock in after.clocks:
        levels = sla.timers(new, clock, now if clock in altered else clock.since or now)
        armed += [timer for timer in levels if clock in altered or timer.key in old]
    after, entries = with_spent(after, (entry,), spent, now)
    return Decision(after, entries, gives, arm=tuple(armed), drop=tuple(old.values()), rules=new)


def demand_places(to: TicketType, states: Mapping[str, str], found: Iterable[str]) -> dict[str, str]:
    """Return what each state that was found becomes; raise UsageError with every one that becomes none."""
    places = {state: states.get(state, state) for state in found}
    open_states = [name for name, state in to.states.items() if state.stage != "archive"]
    unknown = sorted({dest for dest in states.values() if dest not in open_states})
    if unknown:
        raise UsageError(
            "{type} version {version} has no open state {unknown}", "its states are: {known}", field="map",
            type=to.name, version=to.version, unknown=", ".join(unknown), known=", ".join(open_states),
        )  # fmt: skip
    lost = sorted(state for state, dest in places.items() if dest not in open_states)
    if lost:
        raise UsageError(
            "{type} version {version} does not have the states {unmapped}",
            "say what they become, like --map {first}=STATE; its states are: {known}",
            field="map",
            type=to.name,
            version=to.version,
            unmapped=", ".join(lost),
            first=lost[0],
            known=", ".join(open_states),
        )
    return places


def _fields(
    old: Rules, new: Rules, ticket: Ticket, given: Mapping[str, object], earlier: Sequence[HistoryEntry]
) -> tuple[Mapping[str, Value], dict[str, Any], dict[str, Any]]:
    """Return the fields under the new declarations, and what the history says of that, in the clear and not."""
    was, specs = old.compiled.definition.fields, new.compiled.definition.fields
    kept = {name: fit for name, value in ticket.fields.items() if (fit := _fit(name, specs, value, new)) is not None}
    lost = {name: value for name, value in ticket.fields.items() if name not in kept}
    begun = {
        name: value for name in specs if name not in kept and (value := _begun(name, was, new, earlier)) is not None
    }
    begun |= {name: value for name, value in coerce_all(specs, given, new.zone).items() if value is not None}
    fields = merged(kept, begun)
    for name, spec in specs.items():
        if spec.required and name not in fields:
            raise BadValue(
                "{type} needs the field {field}", "give it, like --field {field}=…", field=name,
                type=new.compiled.definition.name,
            )  # fmt: skip
    public, private = split(specs, {name: value for name, value in fields.items() if ticket.fields.get(name) != value})
    for name, value in lost.items():
        (private if name not in was or was[name].private else public)[LOST + name] = encode(value)
    return fields, public, private


def _fit(name: str, specs: Mapping[str, FieldSpec], value: Value, rules: Rules) -> Value | None:
    if name not in specs:
        return None
    try:
        return coerce(name, specs[name], value, rules.zone)
    except (BadValue, NotFound):
        return None


def _begun(name: str, was: Mapping[str, FieldSpec], rules: Rules, earlier: Sequence[HistoryEntry]) -> Value | None:
    """Return the value of a field that the old type did not have: the one an earlier migration lost, or its default."""
    spec = rules.compiled.definition.fields[name]
    if name in was:
        return None
    for entry in reversed(earlier):
        said = {**entry.data, **entry.private}
        if LOST + name in said:
            try:
                return coerce(name, spec, decode(spec.type, said[LOST + name]), rules.zone)
            except (BadValue, ValueError, TypeError, ArithmeticError):
                break
    return coerce(name, spec, spec.default, rules.zone)


def _renamed(acted: Mapping[str, tuple[str, ...]], states: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for state, names in acted.items():
        place = states.get(state, state)
        found[place] = tuple(dict.fromkeys((*found.get(place, ()), *names)))
    return found


def _walked(walks: Mapping[str, int], states: Mapping[str, str]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for walk, times in walks.items():
        state, _, timeout = walk.partition("/")
        place = f"{states.get(state, state)}/{timeout}"
        found[place] = max(times, found.get(place, 0))
    return found


def _standing(ladder: Ladder, to: TicketType) -> tuple[Ladder, list[str]]:
    """Return the open ladder without the causes whose timeout the new definition does not know, and those."""
    known = {name for state in to.states.values() for name in state.timeouts}
    gone = [cause for cause in ladder.causes if cause.startswith("timeout:") and cause.split(":")[1] not in known]
    causes = {cause: on for cause, on in ladder.causes.items() if cause not in gone}
    return (replace(ladder, causes=causes) if gone else ladder), gone


def _was_cancelled(ticket: Ticket, name: str, earlier: Sequence[HistoryEntry]) -> bool:
    """Say whether a migration ended this clock, which this one therefore brings back."""
    clock = ticket.clock(name)
    return (
        clock is not None
        and clock.status == "cancelled"
        and any(
            entry.happened_at == clock.ended_at and "cancelled" in entry.data.get("clocks", {}).get(name, ())
            for entry in earlier
        )
    )


def timeouts(
    old: Rules,
    new: Rules,
    source: str,
    ticket: Ticket,
    armed: Iterable[Timer],
    history: Iterable[HistoryEntry],
    now: datetime,
) -> tuple[list[Timer], list[str]]:
    """Return the timers of the stay that goes on in the ticket's state, and the names of those that are used up.

    `source` is what the state was. One that keeps its lengths stays as it is armed; any other counts from the start of
    the stay, or from its last turn.
    """
    was = old.compiled.definition.states[source].timeouts
    known = {timer.name: timer for timer in armed if timer.kind == "timeout"}
    turns: dict[str, tuple[int, datetime]] = {}
    for entry in history:
        if entry.timer is not None and entry.timer[0] == "timeout" and entry.timer[2] == ticket.entry:
            turn = (entry.timer[3], datetime.fromisoformat(entry.data["due_at"]))
            turns[entry.timer[1]] = max(turn, turns.get(entry.timer[1], turn))
    found, spent = [], []
    for name, timeout in new.compiled.definition.states[ticket.state].timeouts.items():
        timer, declared = known.get(name), was.get(name)
        occurrence, since = turns.get(name, (0, ticket.entered_at))
        length = timeout.every if occurrence else timeout.after
        if timer is not None and declared is not None and _rhythm(declared) == _rhythm(timeout):
            found.append(replace(timer, position=timeout.position))
        elif timeout.times and timeout.branch.dest and ticket.walks.get(f"{ticket.state}/{name}", 0) >= timeout.times:
            spent.append(name)
        elif length is not None and not (timeout.times and not timeout.branch.dest and occurrence >= timeout.times):
            calendar = new.calendar(timeout.calendar)
            start = firing.uncut(calendar, timeout, since, ticket.entered_at) if occurrence else since
            due = max(calendar.add(start, length), now)
            found.append(Timer("timeout", name, ticket.entry, occurrence + 1, due, timeout.position))
    return found, spent


def _rhythm(timeout: Timeout) -> tuple[object, ...]:
    return (timeout.after, timeout.every, timeout.calendar)
