"""Which timers must wait for a ticket, by its history: what `sla rebuild` proves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from workflow.core import firing, ladder, migrate, sla
from workflow.core.decide import promised
from workflow.core.guard import Rules
from workflow.core.model import HistoryEntry, SlaClock, Ticket, Timer, replace
from workflow.core.moves import arm
from workflow.core.sla import RulesOf

Key: TypeAlias = tuple[str, str, int, int]


@dataclass(frozen=True, slots=True)
class Unlike:
    """A timer that is not what it must be: due when it is `stored`, and as `told`; None where it is not there."""

    key: Key
    stored: datetime | None
    told: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A timer that must wait. Of a `loose` one neither the due time nor the occurrence can be told."""

    timer: Timer
    loose: bool = False

    def is_met_by(self, timer: Timer) -> bool:
        """Say whether an armed timer is this one."""
        if self.loose:
            return timer.key[:3] == self.timer.key[:3] and timer.occurrence >= self.timer.occurrence
        return timer == self.timer


def wanted(
    rules: Rules, ticket: Ticket, clocks: Iterable[SlaClock], history: Sequence[HistoryEntry], rules_of: RulesOf
) -> list[Wanted]:
    """Return every timer that must wait for a ticket whose clocks are these."""
    if ticket.stage == "archive":
        return []
    found = [*_timeouts(ticket, history, rules_of), *_promised(ticket, history), *_rung(rules, ticket, history)]
    for clock in clocks:
        found += [Wanted(timer) for timer in sla.timers(rules, clock, clock.since or clock.started_at)]
    return found


def compare(
    stored: Iterable[Timer],
    wanted: Iterable[Wanted],
    failed: Iterable[Key],
    now: datetime,
    rebuilt: Collection[datetime] = (),
) -> tuple[list[Unlike], list[Timer]]:
    """Return how the armed timers differ from those that must wait, and what to arm instead, none of it in the past.

    A timer that `failed` and became an incident need not wait. One that was armed late, as the ticket was `rebuilt`, is
    right.
    """
    left, unlike, right = {timer.key: timer for timer in stored}, list[Unlike](), list[Timer]()
    for want in wanted:
        met = next((timer for timer in left.values() if want.is_met_by(timer)), None)
        was = met or left.get(want.timer.key)
        if was is not None and want.timer.due_at < was.due_at and was.due_at in rebuilt:
            met = was
        if was is not None:
            del left[was.key]
        elif want.timer.key in failed:
            continue
        if met is None:
            unlike.append(Unlike(want.timer.key, was.due_at if was else None, want.timer.due_at))
        right.append(met or replace(want.timer, due_at=max(want.timer.due_at, now)))
    return unlike + [Unlike(key, timer.due_at, None) for key, timer in left.items()], right


def _timeouts(ticket: Ticket, history: Sequence[HistoryEntry], rules_of: RulesOf) -> Iterable[Wanted]:
    """Fold the history: entering a state arms, firing spends and perhaps arms again, other calendars count anew."""
    waiting: dict[str, Wanted] = {}
    entered, revision = ticket.opened_at, 0
    for place, entry in enumerate(history):
        rules, at = rules_of(entry.type, entry.version, entry.desk_revision), entry.happened_at
        if entry.kind == "rearmed":
            then = rules_of(entry.type, entry.version, revision)
            as_of = replace(ticket, state=entry.state, entered_at=entered)
            waiting = {
                name: replace(want, timer=firing.recounted(then, rules, as_of, want.timer, at))
                for name, want in waiting.items()
            }
        revision = entry.desk_revision
        if entry.dest is not None:
            entered = at
            as_of = replace(ticket, state=entry.state, entry=entry.entry, walks={})
            waiting = {timer.name: Wanted(timer) for timer in arm(rules, as_of, at)[0]}
        elif entry.kind == "migrated":
            kind, version, source = entry.data["from"]
            then = rules_of(kind, version, entry.desk_revision)
            as_of = replace(ticket, state=entry.state, entry=entry.entry, entered_at=entered, walks={})
            known = [want.timer for want in waiting.values()]
            timers, _ = migrate.timeouts(then, rules, source, as_of, known, history[:place], at)
            loose = {want.timer.key for want in waiting.values() if want.loose}
            waiting = {timer.name: Wanted(timer, loose=timer.key in loose) for timer in timers}
        elif entry.kind == "used_up":
            waiting.pop(entry.data["timeout"], None)
        elif entry.timer is not None and entry.timer[0] == "timeout" and entry.timer[2] == entry.entry:
            _spend(waiting, rules, entry, entered)
    return waiting.values()


def _spend(waiting: dict[str, Wanted], rules: Rules, entry: HistoryEntry, entered_at: datetime) -> None:
    """Let a timeout have had its turn; one that was retried finds its next occurrence waiting already."""
    assert entry.timer is not None  # noqa: S101 - it is what was spent
    kind, name, cycle, occurrence = entry.timer
    if name in waiting and waiting[name].timer.occurrence > occurrence:
        return
    waiting.pop(name, None)
    failed = entry.kind == "incident"
    due = datetime.fromisoformat(entry.data["due_at"]) if failed else entry.happened_at
    timeout = rules.compiled.definition.states[entry.state].timeouts.get(name)
    if timeout is None:  # of a timer that was no timer of this state: it became an incident
        return
    for timer in firing.again(rules, Timer(kind, name, cycle, occurrence, due, timeout.position), timeout, entered_at):
        waiting[name] = Wanted(timer, loose=failed)


def _promised(ticket: Ticket, history: Iterable[HistoryEntry]) -> Iterable[Wanted]:
    if ticket.promise is None:
        return
    had_turn = {entry.timer for entry in history if entry.timer is not None and entry.timer[0] == "promise"}
    for timer in promised(ticket.promise.number, ticket.promise.until, ticket.promise.made_at):
        if timer.key not in had_turn:
            yield Wanted(timer)


def _rung(rules: Rules, ticket: Ticket, history: Sequence[HistoryEntry]) -> Iterable[Wanted]:
    """Tell that a rung waits; until when, only where somebody holds it: when it was raised in fact is not told."""
    if ticket.ladder is None:
        return
    held_until = ticket.ladder.held_until
    raised = [
        entry.happened_at for entry in history if entry.kind in ("escalated", "unattended") and "rung" in entry.data
    ]
    timer = ladder.following(rules, ticket.ladder, raised[-1] if raised else ticket.ladder.opened_at)
    if timer is not None:
        yield Wanted(timer, loose=held_until is None)
