"""One unit of work on one ticket: catch up, judge the event, settle what was asked for (law 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from workflow.core import firing, giving, ladder, people, sla
from workflow.core.decide import decide
from workflow.core.events import Acknowledge, Advance, Assign, Claim, Event, Link, Transfer
from workflow.core.giving import Roster
from workflow.core.guard import Rules
from workflow.core.instants import IsDue, before, by, not_before_its_last
from workflow.core.joining import Repeat, joined
from workflow.core.migrate import Migrate, migrated
from workflow.core.model import (
    Actor,
    Decision,
    Effect,
    HistoryEntry,
    Incident,
    Ladder,
    LadderChange,
    Message,
    Outcome,
    Ticket,
    Timer,
    replace,
)
from workflow.core.moves import ASSIGNS, record, refused
from workflow.core.settling import settle
from workflow.errors import Conflict, DefinitionError, TicketflowError

FIRINGS_AT_ONE_INSTANT = 100
Revision: TypeAlias = tuple[datetime, Rules]


def run_unit(
    rules: Rules,
    ticket: Ticket,
    timers: Iterable[Timer],
    *,
    limit: datetime,
    fired_at: datetime,
    event: Event | Migrate | Repeat | None = None,
    actor: Actor = people.TIMER,
    if_version: int | None = None,
    quiet: bool = False,
    refusal: TicketflowError | None = None,
    newer: Sequence[Revision] = (),
    roster: Roster | None = None,
) -> Outcome:
    """Return what a unit does to the ticket.

    It fires the ticket's own timers due before `limit` (without an event: at or before it), then judges the event,
    then settles assignments and messages. A refused event keeps its catch-up. A `quiet` unit only records whom it
    would have told. A `refusal` known beforehand takes the event's place. `newer` are the desk revisions that were put
    in force after the one of `rules`, the oldest first: each is an event of its own at its time. Whom a team gives the
    ticket, `roster` decides.
    """
    unit = Unit(rules, ticket, timers, limit=limit, fired_at=fired_at, inclusive=event is None, quiet=quiet,
                roster=roster)  # fmt: skip
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
    unit.roster.follow(ticket, unit.ticket)
    return unit.outcome()


def caught_up(
    rules: Rules, ticket: Ticket, timers: Iterable[Timer], limit: datetime, newer: Sequence[Revision] = ()
) -> tuple[Ticket, tuple[Timer, ...]]:
    """Return the ticket and its timers as a person acting at `limit` would find them; nothing is written."""
    unit = Unit(rules, ticket, timers, limit=limit, fired_at=limit, inclusive=False)
    unit.catch_up_through(newer)
    outcome = unit.outcome()
    return outcome.ticket, outcome.timers


def opened(
    rules: Rules,
    decision: Decision,
    actor: Actor,
    *,
    wall: datetime,
    then: Event | None = None,
    quiet: bool = False,
    roster: Roster | None = None,
) -> Outcome:
    """Return the outcome of a ticket's opening: in the right team, with what its type and its risk ask for at once.

    `then` is what a machine does with it; what the rules refuse to a machine waits for a person. Who is on duty is
    asked as of `wall`.
    """
    decision = _queued(rules, decision)
    ticket, at = decision.ticket, decision.ticket.entered_at
    if not decision.effects and then is None:
        return Outcome(_shown(ticket, decision.arm), decision.arm, decision.entries, links=decision.links)
    unit = Unit(rules, ticket, decision.arm, limit=at, fired_at=wall, inclusive=False, quiet=quiet, roster=roster)
    unit.entries = list(decision.entries)
    unit.absorb(Decision(ticket, effects=decision.effects, links=decision.links), actor)
    if then is not None:
        unit.judge(then, people.MACHINE)
        unit.refusal = None
    unit.settle(at, actor)
    unit.roster.follow(None, unit.ticket)
    return unit.outcome()


def _queued(rules: Rules, decision: Decision) -> Decision:
    """Return an opening with the ticket in the team that fits it best, now that its customer is known."""
    ticket, (entry, *more) = decision.ticket, decision.entries
    state = rules.compiled.definition.states[ticket.state]
    if ticket.team == state.team and (team := giving.queue(rules, ticket, state.team)) != ticket.team:
        ticket, entry = replace(ticket, team=team), replace(entry, data={**entry.data, "team": team})
    effects = decision.effects
    if not any(effect.action in ASSIGNS for effect in effects):
        effects = giving.give(rules, ticket, f"opened:{entry.seq}", entry.seq) + effects
    return decision._replace(ticket=ticket, entries=(entry, *more), effects=effects)


def then(first: Outcome, later: Outcome) -> Outcome:
    """Return what two units one after the other do to a ticket."""
    both = ("entries", "messages", "links", "incidents", "ladders", "fired", "skipped")
    return later._replace(refusal=None, **{name: getattr(first, name) + getattr(later, name) for name in both})


def _shown(ticket: Ticket, timers: Iterable[Timer]) -> Ticket:
    """Show people the earliest unmet timeout, SLA or promise as the ticket's due time."""
    dues = [timer.due_at for timer in timers if timer.kind == "timeout"]
    dues += [clock.due_at for clock in ticket.clocks if clock.status == "running" and clock.due_at]
    dues += [ticket.missed_at] if ticket.missed_at else []
    dues += [ticket.promise.until] if ticket.promise else []
    due = min(dues, default=None)
    return ticket if due == ticket.next_due_at else replace(ticket, next_due_at=due)


class Unit:
    """A unit at work: the ticket and its timers as they have become, and what there is to write of that."""

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
        roster: Roster | None = None,
    ) -> None:
        self.roster = roster or Roster()
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
        """Return what there is to write."""
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
        """Let a decision become true: clocks, timers and the ladder follow it."""
        before, ticket = self.ticket, decision.ticket
        self.rules = decision.rules or self.rules
        for timer in decision.drop:
            self.timers.pop(timer.key, None)
        if decision.entries:
            entry, *more = decision.entries
            ticket, entry = self.keep_promise(ticket, entry)
            ticket, entry, clocks = sla.follow(self.rules, ticket, entry)
            if clocks:
                names = tuple(sla.timer_name(clock.name, "") for clock in clocks)
                self.timers = {key: timer for key, timer in self.timers.items() if not timer.name.startswith(names)}
                needed = [timer for clock in clocks for timer in sla.timers(self.rules, clock, entry.happened_at)]
                self.timers |= {timer.key: timer for timer in needed}
            self.entries += (entry, *more)
        for timer in decision.arm:
            self.timers[timer.key] = timer
        self.ticket = ticket
        if (
            ticket.entry != before.entry or ticket.ladder is not before.ladder or ticket.promise is not before.promise
        ):  # what arms timers
            self.timers = {key: timer for key, timer in self.timers.items() if firing.lives(ticket, timer)}
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
            at = not_before_its_last(self.ticket, applied_at)
            self.catch_up(before(at))
            try:
                self.revise(rules, not_before_its_last(self.ticket, at))
            except DefinitionError:  # a calendar that does not open: a later revision mends that, or nothing does
                if rules is newer[-1][1]:
                    raise
        self.catch_up(by(self.limit) if self.inclusive else before(self.limit))

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
        """Fire what is due, always the least first, those just armed included."""
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
        """Return what a timer does at its turn; one that is retried was due at `due_at`."""
        fired_at = max(self.fired_at, timer.due_at)
        turn = firing.Turn(self.rules, self.ticket, timer, fired_at, is_due, self.timers.values(), self.quiet, due_at)
        return firing.fire(turn)

    def give_up(self, timer: Timer, reason: str, is_due: IsDue) -> None:
        """Make an incident of a timer that cannot fire, so that it blocks nothing."""
        del self.timers[timer.key]
        timeouts = self.rules.compiled.definition.states[self.ticket.state].timeouts
        timeout = timeouts.get(timer.name) if timer.kind == "timeout" else None
        again = firing.again(self.rules, timer, timeout, self.ticket.entered_at) if timeout else ()
        while again and is_due(again[0].due_at):  # what would fail meanwhile is not tried one by one
            again = firing.again(self.rules, again[0], timeout, self.ticket.entered_at) if timeout else ()
        self.timers |= {each.key: each for each in again}
        self.incidents.append(Incident(timer, reason))
        at = max(timer.due_at, self.ticket.updated_at)
        self.ticket, entry = record(
            self.ticket, "incident", people.TIMER, at, timer=timer.key, data={"due_at": timer.due_at.isoformat()},
            private={"reason": reason},
        )  # fmt: skip
        self.entries.append(entry)

    def judge(self, event: Event | Migrate | Repeat, actor: Actor) -> None:
        """Let the event happen, and note which of the catch-up's wishes it has overtaken."""
        try:
            decision = self.decision_on(event, actor)
        except TicketflowError as refusal:
            decision = refused(self.ticket, refusal)
        self.refusal = decision.refusal
        if decision.refusal and not decision.entries:
            return
        stood = [effect for effect in self.effects if self.stands(effect)]
        self.absorb(decision, actor)
        held = self.ticket.ladder
        if held is not None and self.takes_on(held, event, decision, actor):
            note = event.note if isinstance(event, Acknowledge) else None
            self.absorb(ladder.acknowledged(self.rules, self.ticket, held, actor, self.limit, note), actor)
        self.overtaken = [effect for effect in stood if effect.timed and not self.stands(effect)]
        if isinstance(event, Assign | Transfer | Claim):
            self.overtaken += [effect for effect in stood if effect.timed and effect.action in ASSIGNS]

    def decision_on(self, event: Event | Migrate | Repeat, actor: Actor) -> Decision:
        """Return what the event does to the ticket."""
        if isinstance(event, Migrate):
            history = (*event.history, *self.entries)
            return migrated(self.rules, self.ticket, self.timers.values(), history, event, actor, self.limit)
        if isinstance(event, Repeat):
            return joined(self.rules, self.ticket, event, actor, self.limit)
        return decide(self.rules, self.ticket, event, actor, self.limit)

    def takes_on(self, held: Ladder, event: Event | Migrate | Repeat, decision: Decision, actor: Actor) -> bool:
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
        """Say whether what was asked for still has a cause."""
        if effect.action == "tell" and self.ticket.ladder is not None and self.ticket.ladder.held_by is not None:
            return False
        return effect.stands is None or ladder.stands(self.ticket, effect.stands)

    def settle(self, at: datetime, actor: Actor) -> None:
        """Do what was asked for, but for what the event has overtaken."""
        effects, self.effects = self.effects, []
        if effects:
            at = max(at, self.ticket.updated_at)
            wall = max(at, self.limit, self.fired_at)
            done = settle(
                self.rules, self.ticket, effects, actor, at, wall, self.roster, overtaken=self.overtaken,
                quiet=self.quiet,
            )  # fmt: skip
            self.ticket = done.ticket
            for place, entry in enumerate(self.entries if done.given else ()):
                if entry.seq in done.given:
                    self.entries[place] = replace(entry, data={**entry.data, **done.given[entry.seq]})
            self.entries += done.entries
            self.messages += done.messages

    def write(self, kind: str, actor: Actor, at: datetime, data: Mapping[str, object]) -> None:
        """Note something in the history."""
        self.ticket, entry = record(self.ticket, kind, actor, at, data=data)
        self.entries.append(entry)
