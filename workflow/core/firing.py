"""What one timer does when its turn comes: a timeout, a level of an SLA clock, a promise, a rung of the ladder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from workflow.core import ladder, people, sla
from workflow.core.calendar import Calendar
from workflow.core.guard import Judge, Rules
from workflow.core.instants import IsDue
from workflow.core.model import Decision, Ticket, Timer, replace
from workflow.core.moves import record, take, with_spent
from workflow.definition.model import Action
from workflow.definition.resolve import Branch, Timeout, timeout_trigger
from workflow.errors import UsageError

PROMISED = {
    "warning": Branch(None, actions=(Action(notify="owner"),)),
    "due": Branch(None, actions=(Action(notify="owner"), Action(notify="lead"))),
}


class Turn(NamedTuple):
    """A timer's turn among the ticket's `timers`. `quiet` says that nobody is told."""

    rules: Rules
    ticket: Ticket
    timer: Timer
    fired_at: datetime
    is_due: IsDue
    timers: Iterable[Timer]
    quiet: bool = False
    due_at: datetime | None = None

    @property
    def others(self) -> tuple[datetime, int, int] | None:
        """The order of the next other timer."""
        return min((timer.order for timer in self.timers if timer.key != self.timer.key), default=None)

    @property
    def facts(self) -> dict[str, Any]:
        """What the history says of every firing: when it was due, when it happened, and how late that was."""
        due = self.due_at or self.timer.due_at
        late_by = (self.fired_at - due).total_seconds()
        return {"due_at": due.isoformat(), "fired_at": self.fired_at.isoformat(), "late_by": late_by}

    def merged(self, dues: Sequence[datetime]) -> dict[str, Any]:
        """Return what the history says of one firing for several due times."""
        if len(dues) == 1:
            return self.facts
        return self.facts | {"due_at": dues[-1].isoformat(), "merged": [instant.isoformat() for instant in dues]}

    def reaches(self, due: datetime) -> bool:
        """Say whether a repeat that piled up belongs to this turn: it passes neither an event nor another timer."""
        return self.is_due(due) and not (self.others is not None and (due, self.timer.position) > self.others[:2])

    def opens_ladder(self, branch: Branch) -> bool:
        """Say whether a branch opens a ladder: such a turn stands for itself alone."""
        return self.ticket.ladder is None and not self.quiet and ("escalate", None) in branch.wishes


def lives(ticket: Ticket, timer: Timer) -> bool:
    """Say whether what armed a timer still stands. The timers of a clock come and go with the clock."""
    match timer.kind:
        case "timeout":
            return timer.cycle == ticket.entry
        case "promise":
            return ticket.promise is not None and ticket.promise.number == timer.cycle
        case "rung":
            return ticket.ladder is not None and (ticket.ladder.id, ticket.ladder.raised) == (
                timer.cycle, timer.occurrence,
            )  # fmt: skip
    return True


def fire(turn: Turn) -> Decision:
    """Return what the timer does to its ticket; raise for one that cannot fire."""
    return _KINDS[turn.timer.kind](turn)


def again(rules: Rules, timer: Timer, timeout: Timeout, entered_at: datetime) -> tuple[Timer, ...]:
    """Return the next occurrence of a timeout that repeats, if it has one, in a stay that began at `entered_at`."""
    if timeout.every is None or (timeout.times and timer.occurrence >= timeout.times):
        return ()
    calendar = rules.calendar(timeout.calendar)
    due = calendar.add(uncut(calendar, timeout, timer.due_at, entered_at), timeout.every)
    return (replace(timer, occurrence=timer.occurrence + 1, due_at=due),)


def uncut(calendar: Calendar, timeout: Timeout, due_at: datetime, entered_at: datetime) -> datetime:
    """Return from when the occurrence after the one due then counts.

    Where working days were cut at a closing, that is the time of day which the first occurrence had asked for.
    """
    if timeout.every is None or not timeout.every.working_days or calendar.is_open(due_at):
        return due_at
    return calendar.at_time_of(
        due_at, entered_at if timeout.after.working_days else calendar.add(entered_at, timeout.after)
    )


def recounted(old: Rules, new: Rules, ticket: Ticket, timer: Timer, at: datetime) -> Timer:
    """Return a timeout's timer under another desk revision: what is left of it counts on the new calendar."""
    timeout = new.compiled.definition.states[ticket.state].timeouts.get(timer.name) if timer.kind == "timeout" else None
    if timeout is None:
        return timer
    before, after = old.calendar(timeout.calendar), new.calendar(timeout.calendar)
    length = timeout.after if timer.occurrence == 1 else timeout.every
    if length is not None and length.working_days:
        start = ticket.entered_at
        if timer.occurrence > 1:
            start = before.working_days_before(uncut(before, timeout, timer.due_at, start), length.working_days)
        return replace(timer, due_at=max(after.add(start, length), at))
    return replace(timer, due_at=after.add(at, before.elapsed(at, timer.due_at)))


def _spent(ticket: Ticket, timer: Timer) -> dict[str, Any]:
    """Return what becomes of a ticket one of whose timers had its turn."""
    return {"last_fired": timer.name, "last_fired_due": max(timer.due_at, ticket.last_fired_due or timer.due_at)}


def _timeout(turn: Turn) -> Decision:
    rules, ticket, timer = turn.rules, turn.ticket, turn.timer
    timeout = rules.compiled.definition.states[ticket.state].timeouts.get(timer.name)
    trigger = timeout_trigger(timer.name)
    if timeout is None or not rules.compiled.knows(ticket.state, trigger):
        raise UsageError("{state} has no timeout {name}", "", state=ticket.state, name=timer.name)
    facts = turn.facts
    if timeout.late and turn.fired_at - (turn.due_at or timer.due_at) > timeout.late.skip_after.length:
        return _skip(turn, timeout, facts | {"why": "late"})
    judge = Judge(rules, ticket, people.TIMER, timer.due_at)
    branch = rules.compiled.step(ticket.state, trigger, judge.holds)
    if branch is None:
        return _skip(turn, timeout, facts | {"why": "; ".join(judge.failed)})
    dues = _merged(turn, timeout, trigger)
    last = timer
    if len(dues) > 1:
        last, facts = _last(timer, dues), turn.merged(dues)
    changes = _spent(ticket, last)
    if branch.dest is None:
        changes["missed_at"] = min(timer.due_at, ticket.missed_at or timer.due_at)
    else:
        walk = f"{ticket.state}/{timer.name}"
        changes["walks"] = {**ticket.walks, walk: ticket.walks.get(walk, 0) + 1}
    cause = f"timeout:{timer.name}:{timer.cycle}:{last.occurrence}"
    decision = take(
        rules, ticket, branch, people.TIMER, last.due_at, cause, "fired", changes=changes, timer=last.key, data=facts
    )
    more = again(rules, last, timeout, ticket.entered_at) if branch.dest is None else ()
    if timeout.every and timeout.times and not more:
        ticket, entries = with_spent(decision.ticket, decision.entries, (timer.name,), last.due_at)
        decision = replace(decision, ticket=ticket, entries=entries)
    return _fired(decision, timer, more, len(dues))


def _last(timer: Timer, dues: Sequence[datetime]) -> Timer:
    """Return the last of the occurrences that fire as one."""
    return replace(timer, occurrence=timer.occurrence + len(dues) - 1, due_at=dues[-1])


def _fired(decision: Decision, timer: Timer, more: tuple[Timer, ...] = (), many: int = 1) -> Decision:
    """Return what a firing does, its timer gone and perhaps another armed."""
    ticket, entries, effects, arm, _, links, ladders, *_ = decision
    return Decision(ticket, entries, effects, arm + more, (timer,), links, ladders, many)


def _skip(turn: Turn, timeout: Timeout, facts: dict[str, Any]) -> Decision:
    timer = turn.timer
    changes = _spent(turn.ticket, timer)
    ticket, entry = record(turn.ticket, "skipped", people.TIMER, timer.due_at, changes, timer=timer.key, data=facts)
    return Decision(
        ticket, (entry,), drop=(timer,), arm=again(turn.rules, timer, timeout, ticket.entered_at), skipped=1
    )


def _merged(turn: Turn, timeout: Timeout, trigger: str) -> list[datetime]:
    """Return the due times that one firing stands for: a repeat that piled up.

    It never passes another armed timer, nor a due time at which its condition does not hold; what opens a ladder fires
    alone.
    """
    rules, ticket, timer = turn.rules, turn.ticket, turn.timer
    dues = [timer.due_at]
    if timeout.every is None:
        return dues
    if turn.opens_ladder(timeout.branch):
        return dues
    while more := again(rules, _last(timer, dues), timeout, ticket.entered_at):
        due = more[0].due_at
        if not turn.reaches(due):
            break
        if timeout.branch.conditions or timeout.branch.unless:
            judge = Judge(rules, ticket, people.TIMER, due)
            if rules.compiled.step(ticket.state, trigger, judge.holds) is None:
                break
        dues.append(due)
    return dues


def _level(turn: Turn) -> Decision:
    rules, ticket, timer = turn.rules, turn.ticket, turn.timer
    rule, level = sla.level_of(rules, timer.name)
    clock = ticket.clock(rule.name)
    if clock is None or clock.cycle != timer.cycle:
        raise UsageError("the clock {name} does not run", "", name=rule.name)
    late_joiner = sla.is_late_joiner(clock, level)
    dues = [timer.due_at]
    alone = late_joiner or turn.due_at or level.branch.at_once or turn.opens_ladder(level.branch)
    if level.repeat and not alone:
        dues += takewhile(turn.reaches, sla.repeats(rules, clock, level))
    last = _last(timer, dues)
    decision = take(
        rules, ticket, level.branch, people.TIMER, last.due_at,
        f"sla:{timer.name}:{timer.cycle}:{last.occurrence}", "fired", f"sla:{rule.name}:{timer.cycle}",
        changes=_spent(ticket, last), timer=last.key,
        data=turn.merged(dues) | ({"on_attach": True} if late_joiner else {}),
    )  # fmt: skip
    return _fired(decision, timer, many=len(dues))


def _promise(turn: Turn) -> Decision:
    rules, ticket, timer = turn.rules, turn.ticket, turn.timer
    decision = take(
        rules, ticket, PROMISED[timer.name], people.TIMER, timer.due_at,
        f"promise:{timer.name}:{timer.cycle}:{timer.occurrence}", "fired", f"promise:{timer.cycle}",
        changes=_spent(ticket, timer), timer=timer.key, data=turn.facts,
    )  # fmt: skip
    return _fired(decision, timer)


def _rung(turn: Turn) -> Decision:
    rules, ticket, timer = turn.rules, turn.ticket, turn.timer
    if ticket.ladder is None:
        raise UsageError("no escalation is open", "")
    dues = [timer.due_at]
    if turn.due_at is None:
        dues += takewhile(turn.reaches, ladder.repeats(rules, ticket.ladder, timer))
    last = replace(timer, due_at=dues[-1])
    decision = ladder.passed_on(
        rules, ticket, ticket.ladder, last, turn.fired_at, _spent(ticket, last), turn.merged(dues)
    )
    return _fired(decision, timer)


_KINDS: dict[str, Callable[[Turn], Decision]] = {
    "timeout": _timeout, "sla": _level, "promise": _promise, "rung": _rung
}  # fmt: skip
