"""One unit of work on one ticket: catch up, judge the event, settle what was asked for (law 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from workflow.core import people
from workflow.core.decide import decide
from workflow.core.guard import Judge, Rules
from workflow.core.model import (
    Actor,
    Assign,
    Claim,
    Decision,
    Effect,
    Event,
    HistoryEntry,
    Incident,
    Link,
    Message,
    Outcome,
    Ticket,
    Timer,
)
from workflow.core.moves import assigned, record, take
from workflow.definition.resolve import Timeout, timeout_trigger
from workflow.errors import Conflict, TicketflowError, UsageError

FIRINGS_AT_ONE_INSTANT = 100
TICK = timedelta(microseconds=1)


def event_time(ticket: Ticket, now: datetime, at: datetime | None) -> datetime:
    """Return when an event happens: `at`, or else now.

    It never lies before the ticket's last event, nor at or before the due time of its last fired timer. Raise
    UsageError for an `at` that cannot be true.
    """
    if at is None:
        after_firing = ticket.last_fired_due + TICK if ticket.last_fired_due else now
        return max(now, ticket.updated_at, after_firing)
    if at > now:
        raise UsageError(
            "{at} lies in the future", "leave the time out, or give an earlier one", field="at", at=at.isoformat()
        )
    if ticket.last_fired_due and at <= ticket.last_fired_due:
        raise UsageError(
            "{at} is not after {due}, when the timer {timer} had its turn: people may have been told",
            "give a later time",
            field="at",
            ticket=ticket.id,
            at=at.isoformat(),
            due=ticket.last_fired_due.isoformat(),
            timer=ticket.last_fired,
        )
    if at < ticket.updated_at:
        raise UsageError(
            "{at} lies before the ticket's last event at {last}",
            "give a later time",
            field="at",
            ticket=ticket.id,
            at=at.isoformat(),
            last=ticket.updated_at.isoformat(),
        )
    return at


def run_unit(
    rules: Rules,
    ticket: Ticket,
    timers: Iterable[Timer],
    *,
    limit: datetime,
    fired_at: datetime,
    event: Event | None = None,
    actor: Actor = people.TIMER,
    if_version: int | None = None,
    quiet: bool = False,
    refusal: TicketflowError | None = None,
) -> Outcome:
    """Return what a unit does to the ticket.

    It fires the ticket's own timers due before `limit` (without an event: at or before it), then judges the event,
    then settles assignments and messages. A refused event keeps its catch-up. A `quiet` unit only records whom it
    would have told. A `refusal` known beforehand takes the event's place.
    """
    unit = _Unit(rules, ticket, timers, limit=limit, fired_at=fired_at, inclusive=event is None, quiet=quiet)
    if if_version is not None and if_version != ticket.ticket_version:
        unit.refusal = Conflict(
            "ticket {ticket} is at version {found}, not {expected}",
            "read it again and decide anew",
            ticket=ticket.id,
            found=ticket.ticket_version,
            expected=if_version,
        )
        return unit.outcome()
    unit.catch_up()
    if event is not None:
        if if_version is not None and unit.ticket.entry != ticket.entry:
            unit.refusal = Conflict(
                "ticket {ticket} was moved by a timer to {state} before this event",
                "read it again and decide anew",
                ticket=ticket.id,
                state=unit.ticket.state,
            )
        elif refusal is not None:
            unit.refusal = refusal
        else:
            unit.judge(event, actor)
    unit.settle(limit, actor)
    return unit.outcome()


def caught_up(rules: Rules, ticket: Ticket, timers: Iterable[Timer], limit: datetime) -> Ticket:
    """Return the ticket as a person acting at `limit` would find it, without anything being written."""
    unit = _Unit(rules, ticket, timers, limit=limit, fired_at=limit, inclusive=False)
    unit.catch_up()
    return unit.ticket


def opened(decision: Decision) -> Outcome:
    """Return the outcome of a ticket's opening."""
    return Outcome(_shown(decision.ticket, decision.arm), decision.arm, decision.entries)


def _shown(ticket: Ticket, timers: tuple[Timer, ...], missed: datetime | None = None) -> Ticket:
    """Show people the earliest timeout as the ticket's due time; one that was missed shows until its entry ends."""
    dues = [timer.due_at for timer in timers] + ([missed] if missed else [])
    return replace(ticket, next_due_at=min(dues, default=None))


class _Unit:
    def __init__(
        self,
        rules: Rules,
        ticket: Ticket,
        timers: Iterable[Timer],
        *,
        limit: datetime,
        fired_at: datetime,
        inclusive: bool,
        quiet: bool = False,
    ) -> None:
        self.rules, self.ticket = rules, ticket
        self.timers = {timer.key: timer for timer in timers}
        armed = {timer.due_at for timer in self.timers.values()}
        self.missed = ticket.next_due_at if ticket.next_due_at not in armed else None
        self.limit, self.fired_at, self.inclusive, self.quiet = limit, fired_at, inclusive, quiet
        self.entries: list[HistoryEntry] = []
        self.messages: list[Message] = []
        self.links: list[Link] = []
        self.incidents: list[Incident] = []
        self.effects: list[Effect] = []
        self.overtaking: Event | None = None
        self.left_entry: int | None = None
        self.fired = self.skipped = 0
        self.refusal: TicketflowError | None = None

    def outcome(self) -> Outcome:
        timers = tuple(sorted(self.timers.values(), key=lambda timer: timer.order))
        return Outcome(
            _shown(self.ticket, timers, self.missed),
            timers,
            tuple(self.entries),
            tuple(self.messages),
            tuple(self.links),
            tuple(self.incidents),
            self.fired,
            self.skipped,
            self.refusal,
        )

    def absorb(self, decision: Decision) -> None:
        if decision.ticket.entry != self.ticket.entry:
            self.timers = {key: timer for key, timer in self.timers.items() if timer.kind != "timeout"}
            self.missed = None
        self.ticket = decision.ticket
        self.entries += decision.entries
        self.effects += decision.effects
        self.links += decision.links
        for timer in decision.drop:
            self.timers.pop(timer.key, None)
        for timer in decision.arm:
            self.timers[timer.key] = timer

    def is_due(self, instant: datetime) -> bool:
        return instant < self.limit or (self.inclusive and instant == self.limit)

    def catch_up(self) -> None:
        at_once, previous = 0, None
        while self.timers:
            timer = min(self.timers.values(), key=lambda timer: timer.order)
            if not self.is_due(timer.due_at):
                return
            at_once = at_once + 1 if timer.due_at == previous else 1
            previous = timer.due_at
            if at_once > FIRINGS_AT_ONE_INSTANT:
                self.give_up(timer, f"more than {FIRINGS_AT_ONE_INSTANT} timers fired at one instant")
                continue
            try:
                self.absorb(self.fire(timer))
            except Exception as fault:
                self.give_up(timer, str(fault) or type(fault).__name__)
            if self.inclusive:
                self.settle(timer.due_at, people.TIMER)

    def give_up(self, timer: Timer, reason: str) -> None:
        """Make an incident of a timer that cannot fire, so that it blocks nothing."""
        del self.timers[timer.key]
        timeout = self.rules.compiled.definition.states[self.ticket.state].timeouts.get(timer.name)
        again = self.again(timer, timeout) if timeout else ()
        while again and self.is_due(again[0].due_at):  # what would fail meanwhile is not tried one by one
            again = self.again(again[0], timeout) if timeout else ()
        self.timers |= {each.key: each for each in again}
        self.incidents.append(Incident(timer, reason))
        at = max(timer.due_at, self.ticket.updated_at)
        self.ticket, entry = record(
            self.ticket, "incident", people.TIMER, at, timer=timer.key, data={"due_at": timer.due_at.isoformat()},
            private={"reason": reason},
        )  # fmt: skip
        self.entries.append(entry)

    def fire(self, timer: Timer) -> Decision:
        ticket, due = self.ticket, timer.due_at
        timeout = self.rules.compiled.definition.states[ticket.state].timeouts.get(timer.name)
        trigger = timeout_trigger(timer.name)
        if timeout is None or not self.rules.compiled.knows(ticket.state, trigger):
            raise UsageError("{state} has no timeout {name}", "", state=ticket.state, name=timer.name)
        late_by = self.fired_at - due
        facts = {"due_at": due.isoformat(), "fired_at": self.fired_at.isoformat(), "late_by": late_by.total_seconds()}
        if timeout.late and late_by > timeout.late.skip_after.length:
            return self.skip(timer, timeout, facts | {"why": "late"})
        judge = Judge(self.rules, ticket, people.TIMER, due)
        branch = self.rules.compiled.step(ticket.state, trigger, judge.holds)
        if branch is None:
            return self.skip(timer, timeout, facts | {"why": "; ".join(judge.failed)})
        dues = self.merge(timer, timeout, trigger)
        last = replace(timer, occurrence=timer.occurrence + len(dues) - 1, due_at=dues[-1])
        facts["due_at"] = last.due_at.isoformat()
        if len(dues) > 1:
            facts["merged"] = [instant.isoformat() for instant in dues]
        if branch.dest is not None:
            key = f"{ticket.state}/{timer.name}"
            ticket = replace(ticket, walks={**ticket.walks, key: ticket.walks.get(key, 0) + 1})
        ticket = replace(
            ticket, last_fired=timer.name, last_fired_due=max(last.due_at, ticket.last_fired_due or last.due_at)
        )
        cause = f"{timer.kind}:{timer.name}:{timer.cycle}:{last.occurrence}"
        decision = take(
            self.rules, ticket, branch, people.TIMER, last.due_at, cause, "fired", timer=last.key, data=facts
        )
        self.fired += len(dues)
        if branch.dest is None:
            self.missed = min(timer.due_at, self.missed or timer.due_at)
        again = self.again(last, timeout) if branch.dest is None else ()
        return replace(decision, drop=(timer,), arm=(*decision.arm, *again))

    def merge(self, timer: Timer, timeout: Timeout, trigger: str) -> list[datetime]:
        """Return the due times that one firing stands for: a repeat that piled up.

        It never passes another armed timer, nor a due time at which its condition does not hold.
        """
        dues = [timer.due_at]
        if timeout.every is None:
            return dues
        others = min((other.order[:2] for key, other in self.timers.items() if key != timer.key), default=None)
        while True:
            due = dues[-1] + timeout.every.length
            if not self.is_due(due) or (timeout.times and timer.occurrence + len(dues) > timeout.times):
                return dues
            if others is not None and (due, timer.position) > others:
                return dues
            if timeout.branch.conditions or timeout.branch.unless:
                judge = Judge(self.rules, self.ticket, people.TIMER, due)
                if self.rules.compiled.step(self.ticket.state, trigger, judge.holds) is None:
                    return dues
            dues.append(due)

    def skip(self, timer: Timer, timeout: Timeout, facts: dict[str, Any]) -> Decision:
        self.skipped += 1
        ticket = replace(
            self.ticket,
            last_fired=timer.name,
            last_fired_due=max(timer.due_at, self.ticket.last_fired_due or timer.due_at),
        )
        ticket, entry = record(ticket, "skipped", people.TIMER, timer.due_at, timer=timer.key, data=facts)
        return Decision(ticket, (entry,), drop=(timer,), arm=self.again(timer, timeout))

    def again(self, timer: Timer, timeout: Timeout) -> tuple[Timer, ...]:
        if timeout.every is None or (timeout.times and timer.occurrence >= timeout.times):
            return ()
        due = timer.due_at + timeout.every.length
        return (replace(timer, occurrence=timer.occurrence + 1, due_at=due),)

    def judge(self, event: Event, actor: Actor) -> None:
        before = self.ticket.entry
        decision = decide(self.rules, self.ticket, event, actor, self.limit)
        if decision.refusal:
            self.refusal = decision.refusal
            return
        self.overtaking = event
        if decision.ticket.entry != before:
            self.left_entry = before
        self.absorb(decision)

    def settle(self, at: datetime, actor: Actor) -> None:
        """Do the assignments and write the messages that actions asked for."""
        effects, self.effects = self.effects, []
        at = max(at, self.ticket.updated_at)
        for effect in effects:
            actor_of_effect = people.TIMER if effect.timed else actor
            if effect.timed and self.is_overtaken(effect):
                self.write("overtaken", actor_of_effect, at, {"action": effect.action, "cause": effect.cause})
            elif self.quiet:
                self.write("suppressed", actor_of_effect, at, {"action": effect.action, "cause": effect.cause})
            elif effect.action in ("assign", "reassign"):
                self.settle_assignment(effect, actor_of_effect, at)
            else:
                self.settle_message(effect, actor_of_effect, at)

    def is_overtaken(self, effect: Effect) -> bool:
        if self.overtaking is None:
            return False
        if isinstance(self.overtaking, Assign | Claim) and effect.action in ("assign", "reassign"):
            return True
        return self.left_entry is not None and effect.cause_entry <= self.left_entry

    def settle_assignment(self, effect: Effect, actor: Actor, at: datetime) -> None:
        to = effect.target if effect.action == "assign" else people.next_member(self.rules.desk, self.ticket)
        if to not in self.rules.desk.members or self.ticket.stage == "archive":
            self.write("unattended", actor, at, {"action": effect.action, "cause": effect.cause})
            return
        self.ticket = assigned(self.rules, self.ticket, to)
        data = {"team": self.ticket.team, "assignee": self.ticket.assignee, "cause": effect.cause}
        self.write("assigned", actor, at, data)

    def settle_message(self, effect: Effect, actor: Actor, at: datetime) -> None:
        kind = {"escalate": "escalated", "notify": "notified", "call": "called"}[effect.action]
        to = self.addressee(effect)
        if to is None:
            self.write("unattended", actor, at, {"action": effect.action, "cause": effect.cause})
            return
        self.write(kind, actor, at, {"to": to, "cause": effect.cause})
        self.messages.append(Message(to, effect.action, effect.cause, self.ticket.seq, effect.cause_entry, at))

    def addressee(self, effect: Effect) -> str | None:
        lead = people.lead_of(self.rules.desk, self.ticket)
        if effect.action == "call":
            return f"host:{effect.target}"
        if effect.action == "notify" and effect.target == "customer":
            return "customer"
        if effect.action == "notify" and effect.target == "team":
            return f"team:{self.ticket.team}" if self.ticket.team else None
        if effect.action == "notify" and effect.target == "owner":
            owner = self.ticket.assignee or lead
            return f"member:{owner}" if owner else None
        if effect.action == "escalate" or effect.target == "lead":
            return f"member:{lead}" if lead else None
        return f"member:{effect.target}"

    def write(self, kind: str, actor: Actor, at: datetime, data: dict[str, Any]) -> None:
        self.ticket, entry = record(self.ticket, kind, actor, at, data=data)
        self.entries.append(entry)
