"""The ladder: an escalation is raised rung by rung until somebody acknowledges it or its causes have ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from workflow.core import people
from workflow.core.guard import Rules
from workflow.core.model import (
    NOTHING,
    Actor,
    Decision,
    Effect,
    HistoryEntry,
    Ladder,
    LadderChange,
    Rung,
    Ticket,
    Timer,
    replace,
)
from workflow.core.moves import PERSON, noted, record
from workflow.definition.desk import Ladder as LadderSpec
from workflow.definition.desk import Rung as RungSpec
from workflow.errors import UsageError

POSITION = 2_000_000  # after timeouts, SLA levels and promises
NO_LADDER = LadderSpec(rungs=(RungSpec(to="lead"),))


def stands(ticket: Ticket, on: str) -> bool:
    """Say whether what a cause or a message stands on still holds.

    `entry:3` is a stay, `sla:reply:1` a cycle of a clock, `ladder:2` an open ladder, `promise:1` a promise; `person`
    holds until somebody acknowledges. Nothing outlives the archive.
    """
    if ticket.stage == "archive":
        return False
    kind, _, rest = on.partition(":")
    match kind:
        case "entry":
            return ticket.entry == int(rest)
        case "sla":
            name, _, cycle = rest.partition(":")
            clock = ticket.clock(name)
            return clock is not None and clock.cycle == int(cycle) and clock.is_open
        case "ladder":
            return ticket.ladder is not None and ticket.ladder.id == int(rest)
        case "promise":
            return ticket.promise is not None and ticket.promise.number == int(rest)
    return True


def raised(rules: Rules, ticket: Ticket, effect: Effect, actor: Actor, at: datetime, wall: datetime) -> Decision:
    """Open a ladder for a cause, or let the cause join the open one. Who is on duty is asked as of `wall`."""
    ladder, on = ticket.ladder, effect.stands or PERSON
    if ladder is None:
        ladder = Ladder(ticket.ladders + 1, 0, 0, at, {effect.cause: on})
        return _climb(rules, ticket, ladder, effect, actor, at, wall, {"ladders": ladder.id})
    earlier = {cause: on for cause, on in ladder.causes.items() if _source(cause) != _source(effect.cause)}
    joined = replace(ladder, causes={**earlier, effect.cause: on})
    data = {"ladder": ladder.id, "cause": effect.cause}
    ticket, entry = record(ticket, "joined", actor, at, {"ladder": joined}, data=data)
    told = (_telling(ladder, ladder.held_by, effect, entry),) if ladder.held_by else ()
    return Decision(ticket, (entry,), told)


def _source(cause: str) -> str:
    """Return a cause without its last number: the timer whose occurrence it is."""
    return cause.rpartition(":")[0]


def passed_on(
    rules: Rules,
    ticket: Ticket,
    ladder: Ladder,
    timer: Timer,
    wall: datetime,
    changes: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> Decision:
    """Raise the next rung: nobody acknowledged in time, or the hold of who did is over.

    `changes` are the ticket's besides, `facts` what the history says of the timer that told so.
    """
    effect = Effect("escalate", None, f"rung:{timer.cycle}:{timer.occurrence}", ticket.entry, timed=True)
    return _climb(rules, ticket, ladder, effect, people.TIMER, timer.due_at, wall, changes, timer, facts)


def repeats(rules: Rules, ladder: Ladder, timer: Timer) -> Iterator[datetime]:
    """Yield when the last rung is due again after this turn, where that counts from when it was due."""
    spec = rules.desk.ladder or NO_LADDER
    after = spec.rungs[-1].after
    if after is None or spec.counts_from == "raised" or ladder.rung < len(spec.rungs):
        return
    due = timer.due_at
    while True:
        due += after.length
        yield due


def _climb(
    rules: Rules,
    ticket: Ticket,
    ladder: Ladder,
    effect: Effect,
    actor: Actor,
    at: datetime,
    wall: datetime,
    changes: Mapping[str, Any],
    timer: Timer | None = None,
    facts: Mapping[str, Any] = NOTHING,
) -> Decision:
    spec = rules.desk.ladder or NO_LADDER
    entries: list[HistoryEntry] = []
    effects: list[Effect] = []
    lines = []
    wall = max(wall, at)
    while True:
        repeated = ladder.rung == len(spec.rungs)
        number = min(ladder.rung + 1, len(spec.rungs))
        to = people.on_rung(rules, ticket, spec.rungs[number - 1].to, wall)
        told = (to, wall) if to else (ladder.addressee, ladder.told_at)
        ladder = Ladder(ladder.id, number, ladder.raised + 1, ladder.opened_at, ladder.causes, *told)
        data: dict[str, Any] = {"ladder": ladder.id, "rung": number, "cause": effect.cause}
        if to:
            data["to"] = f"member:{to}"
        kind = "escalated" if to else "unattended"
        if entries:
            ticket, entry = record(ticket, kind, actor, at, {"ladder": ladder}, data=data)
        else:
            ticket, entry = record(
                ticket, kind, actor, at, {**changes, "ladder": ladder}, data={**data, **facts},
                timer=timer.key if timer else None,
            )  # fmt: skip
        entries.append(entry)
        line = Rung(ladder.id, number, ladder.raised, to, wall, at)
        lines.append(LadderChange("repeated" if repeated else "raised", ladder.id, wall, line))
        if to:
            effects.append(_telling(ladder, to, effect, entry))
        if to or number == len(spec.rungs):
            break
    after = spec.rungs[ladder.rung - 1].after
    due = (wall if spec.counts_from == "raised" else at) + after.length if after else None
    return Decision(
        ticket, tuple(entries), tuple(effects), arm=(_timer(ladder, due),) if due else (), ladders=tuple(lines)
    )


def _telling(ladder: Ladder, to: str, effect: Effect, entry: HistoryEntry) -> Effect:
    return Effect(
        "tell", f"member:{to}", effect.cause, effect.cause_entry, effect.timed, f"ladder:{ladder.id}", entry.seq
    )


def _timer(ladder: Ladder, due: datetime) -> Timer:
    return Timer("rung", "rung", ladder.id, ladder.raised, due, POSITION)


def following(rules: Rules, ladder: Ladder, raised_at: datetime) -> Timer | None:
    """Return what an open ladder waits for: the end of a hold, or of the time to acknowledge, if it has one."""
    spec = rules.desk.ladder or NO_LADDER
    after = spec.rungs[min(ladder.rung, len(spec.rungs)) - 1].after
    due = ladder.held_until or (after and raised_at + after.length)
    return _timer(ladder, due) if due else None


def acknowledged(
    rules: Rules, ticket: Ticket, ladder: Ladder, actor: Actor, at: datetime, note: str | None = None
) -> Decision:
    """Let somebody take the open ladder on: it holds, and if a cause then stands, the next rung is raised."""
    until = at + (rules.desk.ladder or NO_LADDER).hold.length
    causes = {cause: on for cause, on in ladder.causes.items() if on != PERSON}
    ladder = replace(ladder, causes=causes, raised=ladder.raised + 1, held_by=actor.name, held_until=until)
    data = {"ladder": ladder.id, "rung": ladder.rung, "until": until.isoformat()}
    ticket, entry = record(ticket, "acknowledged", actor, at, {"ladder": ladder}, data=data, private=noted(note))
    change = LadderChange("acknowledged", ladder.id, at, by=actor.name)
    return Decision(ticket, (entry,), arm=(_timer(ladder, until),), ladders=(change,))


def demand_told(ticket: Ticket, at: datetime) -> None:
    """Raise UsageError for an acknowledgement said to be of a time before its rung was told."""
    ladder = ticket.ladder
    if ladder is not None and ladder.told_at is not None and at < ladder.told_at:
        raise UsageError(
            "{at} lies before {told}, when rung {rung} of the escalation was told",
            "leave the time out, or give a later one",
            field="at",
            ticket=ticket.id,
            at=at,
            told=ladder.told_at,
            rung=ladder.rung,
        )


def settled(ticket: Ticket, at: datetime) -> Decision | None:
    """End the ladder if none of its causes stands any more; None where nothing changes."""
    if ticket.ladder is None:
        return None
    ladder = ticket.ladder
    causes = {cause: on for cause, on in ladder.causes.items() if stands(ticket, on)}
    if causes:
        return Decision(replace(ticket, ladder=replace(ladder, causes=causes))) if causes != ladder.causes else None
    ticket, entry = record(ticket, "ladder_ended", people.TIMER, at, {"ladder": None}, data={"ladder": ladder.id})
    return Decision(ticket, (entry,), ladders=(LadderChange("ended", ladder.id, at),))
