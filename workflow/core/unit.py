"""One unit of work on one ticket: catch up, judge the event, settle what was asked for (law 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from workflow.core import firing, ladder, people, sla
from workflow.core.decide import decide
from workflow.core.guard import Rules
from workflow.core.model import (
    Acknowledge,
    Actor,
    Advance,
    Assign,
    Claim,
    Decision,
    Effect,
    Event,
    HistoryEntry,
    Incident,
    Ladder,
    LadderChange,
    Link,
    Message,
    Outcome,
    SlaClock,
    Ticket,
    Timer,
    replace,
)
from workflow.core.moves import assigned, record
from workflow.errors import Conflict, DefinitionError, Refused, TicketflowError, UsageError

FIRINGS_AT_ONE_INSTANT = 100
TICK = timedelta(microseconds=1)
Revision: TypeAlias = tuple[datetime, Rules]
IsDue: TypeAlias = Callable[[datetime], bool]


def event_time(ticket: Ticket, now: datetime, at: datetime | None) -> datetime:
    """Return when an event happens: `at`, or else now.

    It never lies before the ticket's last event, nor at or before the due time of its last fired timer. Raise
    UsageError for an `at` that cannot be true.
    """
    if at is None:
        return _not_before_its_last(ticket, now)
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


def _not_before_its_last(ticket: Ticket, instant: datetime) -> datetime:
    after_firing = ticket.last_fired_due + TICK if ticket.last_fired_due else instant
    return max(instant, ticket.updated_at, after_firing)


def _before(limit: datetime) -> IsDue:
    return lambda instant: instant < limit


def _by(limit: datetime) -> IsDue:
    return lambda instant: instant <= limit


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
    newer: Sequence[Revision] = (),
) -> Outcome:
    """Return what a unit does to the ticket.

    It fires the ticket's own timers due before `limit` (without an event: at or before it), then judges the event,
    then settles assignments and messages. A refused event keeps its catch-up. A `quiet` unit only records whom it
    would have told. A `refusal` known beforehand takes the event's place. `newer` are the desk revisions that were put
    in force after the one of `rules`, the oldest first: each is an event of its own at its time.
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
    unit.catch_up_through(newer)
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


def retry_timer(
    rules: Rules,
    ticket: Ticket,
    timers: Iterable[Timer],
    timer: Timer,
    *,
    at: datetime,
    fired_at: datetime,
    actor: str,
    newer: Sequence[Revision] = (),
) -> Outcome:
    """Return what a timer that could not fire does now: `due_at` keeps the old time, all else happens at `at`.

    Where what armed it has ended, or it has fired since, that is recorded and nothing else. Raise Refused if it fails
    again.
    """
    unit = _Unit(rules, ticket, timers, limit=at, fired_at=fired_at, inclusive=False)
    unit.catch_up_through(newer)
    who = Actor(actor)
    if not (_lives(unit.ticket, timer) and sla.awaits(unit.ticket, timer)):
        unit.write("incident_closed", who, at, {"timer": ":".join(map(str, timer.key)), "why": "left"})
        return unit.outcome()
    unit.write("incident_closed", who, at, {"timer": ":".join(map(str, timer.key)), "why": "retried"})
    try:
        decision = unit.fire(replace(timer, due_at=at), _before(at), timer.due_at)
    except Exception as fault:
        raise Refused(
            "the timer {timer} fails again: {reason}", "mend what it needs, then retry", rule="incident",
            ticket=ticket.id, timer=timer.name, reason=str(fault) or type(fault).__name__,
        ) from fault  # fmt: skip
    armed = {known[:2] for known in unit.timers}
    unit.absorb(replace(decision, arm=tuple(more for more in decision.arm if more.key[:2] not in armed)))
    unit.settle(at, people.TIMER)
    return unit.outcome()


def rebuilt(
    rules: Rules, ticket: Ticket, timers: Iterable[Timer], clocks: tuple[SlaClock, ...], *, at: datetime, actor: str
) -> Outcome:
    """Return the ticket with these clocks in place of its own, and their timers armed."""
    unit = _Unit(rules, ticket, timers, limit=at, fired_at=at, inclusive=False)
    unit.timers = {key: timer for key, timer in unit.timers.items() if timer.kind != "sla"}
    unit.timers |= {timer.key: timer for clock in clocks for timer in sla.timers(rules, clock, at)}
    unit.ticket = replace(ticket, clocks=clocks)
    unit.write("rebuilt", Actor(actor), at, {"rebuilt": sorted({clock.name for clock in clocks})})
    return unit.outcome()


def caught_up(
    rules: Rules, ticket: Ticket, timers: Iterable[Timer], limit: datetime, newer: Sequence[Revision] = ()
) -> tuple[Ticket, tuple[Timer, ...]]:
    """Return the ticket and its timers as a person acting at `limit` would find them; nothing is written."""
    unit = _Unit(rules, ticket, timers, limit=limit, fired_at=limit, inclusive=False)
    unit.catch_up_through(newer)
    outcome = unit.outcome()
    return outcome.ticket, outcome.timers


def opened(decision: Decision) -> Outcome:
    """Return the outcome of a ticket's opening."""
    return Outcome(_shown(decision.ticket, decision.arm), decision.arm, decision.entries)


def _shown(ticket: Ticket, timers: Iterable[Timer]) -> Ticket:
    """Show people the earliest unmet timeout, SLA or promise as the ticket's due time."""
    dues = [timer.due_at for timer in timers if timer.kind == "timeout"]
    dues += [clock.due_at for clock in ticket.clocks if clock.status == "running" and clock.due_at]
    dues += [ticket.missed_at] if ticket.missed_at else []
    dues += [ticket.promise.until] if ticket.promise else []
    return replace(ticket, next_due_at=min(dues, default=None))


def _lives(ticket: Ticket, timer: Timer) -> bool:
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
        self.limit, self.fired_at, self.inclusive, self.quiet = limit, fired_at, inclusive, quiet
        self.entries: list[HistoryEntry] = []
        self.messages: list[Message] = []
        self.links: list[Link] = []
        self.incidents: list[Incident] = []
        self.ladders: list[LadderChange] = []
        self.effects: list[Effect] = []
        self.overtaken: list[Effect] = []
        self.fired = self.skipped = 0
        self.refusal: TicketflowError | None = None

    def outcome(self) -> Outcome:
        timers = tuple(sorted(self.timers.values(), key=lambda timer: timer.order))
        return Outcome(
            _shown(self.ticket, timers),
            timers,
            tuple(self.entries),
            tuple(self.messages),
            tuple(self.links),
            tuple(self.incidents),
            tuple(self.ladders),
            self.fired,
            self.skipped,
            self.refusal,
        )

    def absorb(self, decision: Decision, actor: Actor = people.TIMER) -> None:
        ticket, entries = decision.ticket, list(decision.entries)
        if ticket.entry != self.ticket.entry:
            ticket = replace(ticket, missed_at=None)
        for timer in decision.drop:
            self.timers.pop(timer.key, None)
        if entries:
            ticket, entries[0] = self.keep_promise(ticket, entries[0])
            ticket, entries[0], clocks = sla.follow(self.rules, ticket, entries[0])
            for clock in clocks:
                prefix = sla.timer_name(clock.name, "")
                self.timers = {key: timer for key, timer in self.timers.items() if not timer.name.startswith(prefix)}
                for timer in sla.timers(self.rules, clock, entries[0].happened_at):
                    self.timers[timer.key] = timer
        for timer in decision.arm:
            self.timers[timer.key] = timer
        self.ticket = ticket
        self.timers = {key: timer for key, timer in self.timers.items() if _lives(ticket, timer)}
        self.entries += entries
        self.links += decision.links
        self.ladders += decision.ladders
        self.fired, self.skipped = self.fired + decision.fired, self.skipped + decision.skipped
        if ended := ladder.settled(ticket, ticket.updated_at):
            self.absorb(ended)
        for effect in decision.effects:
            if effect.action == "escalate" and not self.quiet and self.ticket.stage != "archive":
                at = self.ticket.updated_at
                self.absorb(ladder.raised(self.rules, self.ticket, effect, actor, at, self.fired_at), actor)
            else:
                self.effects.append(effect)

    def keep_promise(self, ticket: Ticket, entry: HistoryEntry) -> tuple[Ticket, HistoryEntry]:
        """End the promise of a ticket that is archived: kept, if that was in time."""
        if ticket.promise is None or ticket.stage != "archive":
            return ticket, entry
        word = "kept" if entry.happened_at <= ticket.promise.until else "broken"
        return replace(ticket, promise=None), replace(entry, data={**entry.data, "promise": word})

    def catch_up_through(self, newer: Sequence[Revision]) -> None:
        """Catch up to each newer revision of the desk, put it in force for this ticket, and then to the limit."""
        for applied_at, rules in newer:
            if applied_at > self.limit:
                break
            at = _not_before_its_last(self.ticket, applied_at)
            self.catch_up(_before(at))
            try:
                self.revise(rules, _not_before_its_last(self.ticket, at))
            except DefinitionError:  # a calendar that does not open: a later revision mends that, or nothing does
                if rules is newer[-1][1]:
                    raise
        self.catch_up(_by(self.limit) if self.inclusive else _before(self.limit))

    def revise(self, rules: Rules, at: datetime) -> None:
        """Re-arm under another desk revision: what has elapsed stays as counted, what remains counts anew."""
        old, ticket = self.rules, replace(self.ticket, desk_revision=rules.desk_revision)
        running = any(clock.status == "running" for clock in ticket.clocks)
        if not self.timers and not running:
            self.rules, self.ticket = rules, ticket
            return
        clocks = tuple(sla.recount(old, rules, clock, ticket.priority, at) for clock in ticket.clocks)
        ticket, entry = record(
            replace(ticket, clocks=clocks), "rearmed", people.TIMER, at, data={"desk_revision": rules.desk_revision}
        )
        timers = [firing.recounted(old, rules, ticket, timer, at) for timer in self.timers.values()]
        timers += [timer for clock in clocks for timer in sla.timers(rules, clock, at)]
        self.rules, self.timers = rules, {timer.key: timer for timer in timers}
        self.absorb(Decision(ticket, (entry,)))

    def catch_up(self, is_due: IsDue) -> None:
        at_once, previous = 0, None
        while self.timers:
            timer = min(self.timers.values(), key=lambda timer: timer.order)
            if not is_due(timer.due_at):
                return
            at_once = at_once + 1 if timer.due_at == previous else 1
            previous = timer.due_at
            if at_once > FIRINGS_AT_ONE_INSTANT:
                self.give_up(timer, f"more than {FIRINGS_AT_ONE_INSTANT} timers fired at one instant", is_due)
                continue
            try:
                self.absorb(self.fire(timer, is_due))
            except Exception as fault:
                self.give_up(timer, str(fault) or type(fault).__name__, is_due)
            if self.inclusive:
                self.settle(timer.due_at, people.TIMER)

    def fire(self, timer: Timer, is_due: IsDue, due_at: datetime | None = None) -> Decision:
        others = min((other.order for key, other in self.timers.items() if key != timer.key), default=None)
        turn = firing.Turn(
            self.rules, self.ticket, timer, max(self.fired_at, timer.due_at), is_due, others, self.quiet, due_at
        )
        return firing.fire(turn)

    def give_up(self, timer: Timer, reason: str, is_due: IsDue) -> None:
        """Make an incident of a timer that cannot fire, so that it blocks nothing."""
        del self.timers[timer.key]
        timeouts = self.rules.compiled.definition.states[self.ticket.state].timeouts
        timeout = timeouts.get(timer.name) if timer.kind == "timeout" else None
        again = firing.again(self.rules, timer, timeout) if timeout else ()
        while again and is_due(again[0].due_at):  # what would fail meanwhile is not tried one by one
            again = firing.again(self.rules, again[0], timeout) if timeout else ()
        self.timers |= {each.key: each for each in again}
        self.incidents.append(Incident(timer, reason))
        at = max(timer.due_at, self.ticket.updated_at)
        self.ticket, entry = record(
            self.ticket, "incident", people.TIMER, at, timer=timer.key, data={"due_at": timer.due_at.isoformat()},
            private={"reason": reason},
        )  # fmt: skip
        self.entries.append(entry)

    def judge(self, event: Event, actor: Actor) -> None:
        """Let the event happen, and note which of the catch-up's wishes it has overtaken."""
        decision = decide(self.rules, self.ticket, event, actor, self.limit)
        if decision.refusal:
            self.refusal = decision.refusal
            return
        stood = [effect for effect in self.effects if self.stands(effect)]
        self.absorb(decision, actor)
        held = self.ticket.ladder
        if held is not None and self.takes_on(held, event, decision, actor):
            note = event.note if isinstance(event, Acknowledge) else None
            self.absorb(ladder.acknowledged(self.rules, self.ticket, held, actor, self.limit, note), actor)
        self.overtaken = [effect for effect in stood if effect.timed and not self.stands(effect)]
        if isinstance(event, Assign | Claim):
            self.overtaken += [effect for effect in stood if effect.timed and effect.action in ("assign", "reassign")]

    def takes_on(self, held: Ladder, event: Event, decision: Decision, actor: Actor) -> bool:
        """Say whether an event acknowledges the open ladder. Whoever escalates by it does not take it over."""
        if isinstance(event, Acknowledge):
            return True
        return (
            isinstance(event, Advance | Claim)
            and not actor.automatic
            and people.may(self.rules.desk, actor, "acknowledge")
            and held.held_by != actor.name
            and not any(effect.action == "escalate" for effect in decision.effects)
        )

    def stands(self, effect: Effect) -> bool:
        if effect.action == "tell" and self.ticket.ladder is not None and self.ticket.ladder.held_by is not None:
            return False
        return effect.stands is None or ladder.stands(self.ticket, effect.stands)

    def settle(self, at: datetime, actor: Actor) -> None:
        """Do the assignments and write the messages that actions asked for; one cause tells nobody the same twice."""
        effects, self.effects = self.effects, []
        at = max(at, self.ticket.updated_at)
        for effect in effects:
            actor_of_effect = people.TIMER if effect.timed else actor
            if effect in self.overtaken:
                action = "escalate" if effect.action == "tell" else effect.action
                self.write("overtaken", actor_of_effect, at, {"action": action, "cause": effect.cause})
            elif self.quiet or effect.action == "escalate":
                self.write("suppressed", actor_of_effect, at, {"action": effect.action, "cause": effect.cause})
            elif effect.action in ("assign", "reassign"):
                self.settle_assignment(effect, actor_of_effect, at)
            else:
                self.settle_message(effect, actor_of_effect, at)

    def settle_assignment(self, effect: Effect, actor: Actor, at: datetime) -> None:
        to = (
            effect.target
            if effect.action == "assign"
            else people.next_member(self.rules, self.ticket, max(at, self.fired_at))
        )
        if to not in self.rules.desk.members or self.ticket.stage == "archive":
            self.write("unattended", actor, at, {"action": effect.action, "cause": effect.cause})
            return
        self.ticket = assigned(self.rules, self.ticket, to)
        data = {"team": self.ticket.team, "assignee": self.ticket.assignee, "cause": effect.cause}
        self.write("assigned", actor, at, data)

    def settle_message(self, effect: Effect, actor: Actor, at: datetime) -> None:
        seq, to = effect.seq, self.addressee(effect)
        if to is None:
            self.write("unattended", actor, at, {"action": effect.action, "cause": effect.cause})
            return
        if effect.action == "notify" and any(
            (message.to, message.kind, message.reason) == (to, "notify", effect.cause) for message in self.messages
        ):
            return
        if seq is None:
            kind = {"notify": "notified", "call": "called"}[effect.action]
            self.write(kind, actor, at, {"to": to, "cause": effect.cause})
            seq = self.ticket.seq
        kind = "escalate" if effect.action == "tell" else effect.action
        self.messages.append(Message(to, kind, effect.cause, seq, effect.cause_entry, at, effect.stands, effect.data))

    def addressee(self, effect: Effect) -> str | None:
        lead = people.lead_of(self.rules, self.ticket, max(self.limit, self.fired_at))
        target = effect.target
        if effect.action == "call":
            return f"host:{target}"
        if target == "customer" or ":" in target:
            return str(target)
        if target == "team":
            return f"team:{self.ticket.team}" if self.ticket.team else None
        member = {"owner": self.ticket.assignee or lead, "lead": lead}.get(target, target)
        return f"member:{member}" if member else None

    def write(self, kind: str, actor: Actor, at: datetime, data: Mapping[str, object]) -> None:
        self.ticket, entry = record(self.ticket, kind, actor, at, data=data)
        self.entries.append(entry)
