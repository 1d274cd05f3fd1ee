"""Contacts as they come in within one transaction: each opens a ticket, or is joined to the customer's open one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from workflow.core import people, phrases
from workflow.core.classify import Fault, Proposal, Voice
from workflow.core.events import Advance
from workflow.core.giving import Roster
from workflow.core.instants import as_named, not_before_its_last
from workflow.core.joining import Repeat, alike, category_of, linked
from workflow.core.model import NOTHING, Actor, Customer, Decision, Joined, Outcome, Ticket, Value, replace
from workflow.core.opening import for_customer, open_ticket
from workflow.core.unit import opened, run_unit, then
from workflow.core.values import coerce_all
from workflow.desk import sorting
from workflow.desk.book import Book
from workflow.desk.unit import remarks_on
from workflow.errors import BadValue, Conflict, Damaged
from workflow.store import crash, proposals, records, tickets
from workflow.store.changes import Change, save
from workflow.store.customers import Callers
from workflow.store.rosters import keep_turns, roster_of
from workflow.store.rows import Timers
from workflow.store.sql import allocate
from workflow.store.tables import tickets as table


@dataclass(frozen=True, slots=True)
class Opening:
    """What somebody says of a ticket that is to be opened; one with `state` or `entered_at` comes in mid-flow."""

    ticket_type: str | None
    fields: Mapping[str, object] = NOTHING
    customer: Mapping[str, object] = NOTHING
    channel: str | None = None
    priority: str | None = None
    tags: tuple[str, ...] = ()
    external_id: str | None = None
    note: str | None = None
    at: datetime | None = None
    state: str | None = None
    entered_at: datetime | None = None
    separate: str | None = None

    @property
    def in_mid_flow(self) -> bool:
        """Whether it is a ticket of its own already, elsewhere."""
        return self.state is not None or self.entered_at is not None


@dataclass(slots=True, eq=False)
class Case:
    """An open ticket of a customer, and what became of it here: nothing, as long as there is no outcome."""

    known: tickets.Case
    before: Ticket | None = None
    timers: Timers = ()
    outcome: Outcome | None = None
    proposal: Proposal | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags as they are now."""
        return self.outcome.ticket.tags if self.outcome else self.known.tags

    @property
    def fields(self) -> Mapping[str, Any]:
        """Its fields as they are now."""
        return self.outcome.ticket.fields if self.outcome else self.known.fields

    @property
    def is_open(self) -> bool:
        """Whether it has not been archived here."""
        return self.outcome is None or self.outcome.ticket.stage != "archive"


class Reception:
    """Takes contacts one after the other; each sees what those before it left. Nothing is written before `save`.

    `told` are all that are to come: their customers are locked, so that nobody else opens a ticket of theirs meanwhile.
    If it is `quiet` nobody is told anything, and what has passed by now counts as over.
    """

    def __init__(
        self, connection: Connection, book: Book, actor: Actor, now: datetime, told: Sequence[Opening], *,
        verb: str = "open", quiet: bool = False,
    ) -> None:  # fmt: skip
        self.connection, self.book, self.actor, self.now = connection, book, actor, now
        self.verb, self.quiet, self.overdue = verb, quiet, False
        facts = [book.classifier.customer_of(opening.customer) for opening in told]
        self._callers = Callers(connection, book.desk.customer, facts)
        self.known = tickets.external_ids(connection, [opening.external_id for opening in told if opening.external_id])
        self._ids = iter(allocate(connection, table, len(told)))
        self._joins = any(kind.spec.joins is not None for kind in book.in_force.values())
        self._cases: dict[int, list[Case]] = {}
        if self._joins or book.classifier.reads_customer:
            for owner, case in tickets.open_cases(connection, self._callers.known):
                self._cases.setdefault(owner, []).append(Case(case))
        self._roster = roster_of(connection)
        self._changed: list[Case] = []
        self._contacts: list[tuple[str, int]] = []

    def sort(self, opening: Opening, said: Sequence[Voice | Fault] = ()) -> Proposal | None:
        """Return how the rules, and the host's machines by what they `said`, sort a contact."""
        facts = sorting.facts_of(self.book, opening, opening.at or self.now)
        return sorting.propose(self.book, facts, self._situation, said, ticket_type=opening.ticket_type)

    def _situation(self, given: Mapping[str, Value]) -> sorting.Situation:
        found = self._callers.find(given)
        cases = self._cases.get(found[0].id, ()) if found else ()
        return found[0] if found else None, [(case.known.type, case.tags) for case in cases if case.is_open]

    def receive(self, opening: Opening, proposal: Proposal | None) -> tuple[int, Joined | None]:
        """Join a contact to the customer's open ticket about the same case, or open one; return its id.

        With it comes why the contact was joined, if it was. Raise what is wrong with it; then nothing of it remains.
        """
        decision, given = decide_opening(self.book, opening, self.actor, self.now, proposal, verb=self.verb)
        came = decision.ticket
        joins = self.book.definition(came.type, came.version).spec.joins
        found = self._callers.find(given) if joins is not None and not opening.in_mid_flow else None
        others = list(self._alike(came, found[0])) if found else []
        if found and joins and not opening.separate:
            who = Customer(found[0].id, {**found[0].fields, **given}, found[0].tags)
            repeat = repeat_of(for_customer(decision, who), opening)
            for case in others:
                if self._join(case, repeat):
                    self._callers.meet(given, came.opened_at)
                    self._note(opening, case, joined=True)
                    category = category_of(self.book.definition(came.type, came.version), came.fields)
                    return case.known.ticket, Joined(found[1], category)
            others = [case for case in others if case.is_open]
        decision = replace(decision, ticket=replace(came, id=next(self._ids)))
        decision = for_customer(decision, self._callers.meet(given, came.opened_at))
        if others:
            decision = linked(decision, others[0].known.ticket)
        self._open(opening, decision, proposal)
        return decision.ticket.id, None

    def _open(self, opening: Opening, decision: Decision, proposal: Proposal | None) -> None:
        self.overdue = self.overdue or any(timer.due_at <= self.now for timer in decision.arm)
        first = begun(self.book, decision, self.actor, self.now, proposal, self._roster, quiet=self.quiet)
        new = decision.ticket
        known = tickets.Case(new.id, new.type, new.version, new.tags, {}, new.opened_at)
        case = Case(known, outcome=self._over(first), proposal=proposal)
        if new.customer:
            self._cases.setdefault(new.customer.id, []).append(case)
        self._changed.append(case)
        self._note(opening, case)

    def _note(self, opening: Opening, case: Case, *, joined: bool = False) -> None:
        if opening.external_id is not None:
            self.known[opening.external_id] = case.known.ticket
            if joined:
                self._contacts.append((opening.external_id, case.known.ticket))

    def _alike(self, came: Ticket, customer: Customer) -> list[Case]:
        """Return the customer's open tickets that may be the same case: of the same category first, then the newest."""
        mine = category_of(self.book.definition(came.type, came.version), came.fields)

        def theirs(case: Case) -> str | None:
            return category_of(self.book.definition(case.known.type, case.known.version), case.fields)

        cases = [
            case
            for case in self._cases.get(customer.id, ())
            if case.is_open and case.known.type == came.type and alike(mine, theirs(case))
        ]
        return sorted(
            cases, key=lambda case: (theirs(case) == mine, case.known.opened_at, case.known.ticket), reverse=True
        )

    def _join(self, case: Case, repeat: Repeat) -> bool:
        """Let a repeat contact happen to an open ticket; return whether it still is the same case."""
        try:
            if case.outcome is None:
                case.before, case.timers = tickets.lock(self.connection, case.known.ticket, self.book.shapes)
                case.outcome = Outcome(case.before, case.timers)
            rules, ticket, newer = self.book.standing(case.outcome.ticket)
        except Damaged:  # it keeps no contact out
            return False
        at = not_before_its_last(ticket, repeat.instead_of.opened_at)
        outcome = run_unit(
            rules, ticket, case.outcome.timers, limit=at, fired_at=max(self.now, at), event=repeat, actor=self.actor,
            quiet=self.quiet, newer=newer, roster=self._roster,
        )  # fmt: skip
        case.outcome = self._over(then(case.outcome, outcome))
        if case not in self._changed:
            self._changed.append(case)
        if outcome.refusal is not None and outcome.refusal.values.get("rule") != "joins":
            raise outcome.refusal
        return outcome.refusal is None

    def _over(self, outcome: Outcome) -> Outcome:
        """Return an outcome with what a quiet reception lets pass at once."""
        if not self.quiet:
            return outcome
        ticket = outcome.ticket
        rules = self.book.rules(ticket.type, ticket.version)
        later = run_unit(
            rules, ticket, outcome.timers, limit=self.now, fired_at=self.now, quiet=True, roster=self._roster
        )
        return then(outcome, later)

    def save(self) -> list[Ticket] | None:
        """Write it all and return the tickets, in the order in which they came up.

        Return None, with nothing written, if somebody was first with one of the customers: begin anew.
        """
        crash.point("opening.decided")
        if not self._callers.keep():
            return None
        changes = [Change(case.before, case.timers, case.outcome) for case in self._changed if case.outcome]
        saved = save(self.connection, changes, self.now)
        keep_turns(self.connection, self._roster)
        opened_ = [case for case in self._changed if case.before is None]
        proposals.keep(self.connection, [(case.known.ticket, case.proposal) for case in opened_])
        records.keep_joined(self.connection, self._contacts, self.now)
        crash.point("opening.written")
        return saved


def open_one(
    connection: Connection, book: Book, opening: Opening, actor: str, now: datetime, said: Sequence[Voice | Fault] = ()
) -> Ticket:
    """Open a ticket, or join the contact to one that is open. `said` is what the host's machines say of it."""
    who = people.actor_of(book.desk, actor)
    while True:
        reception = Reception(connection, book, who, now, [opening])
        if opening.external_id in reception.known:
            raise Conflict(
                "ticket {ticket} has the external id {external_id} already",
                "look at that ticket",
                ticket=reception.known[opening.external_id],
                external_id=opening.external_id,
            )
        proposal = reception.sort(opening, said)
        tags = (*opening.tags, *(proposal.proposed.get("tags", ()) if proposal else ()))
        remarks = remarks_on(book, phrases.texts_among(opening.fields), tags)
        if (refusal := phrases.refusal(remarks, None)) is not None:
            raise refusal
        ticket_id, joined = reception.receive(opening, proposal)
        if (saved := reception.save()) is not None:
            ticket = next(ticket for ticket in saved if ticket.id == ticket_id)
            return replace(ticket, joined=joined, remarks=remarks) if joined or remarks else ticket


def decide_opening(
    book: Book, opening: Opening, actor: Actor, now: datetime, proposal: Proposal | None, *, verb: str = "open"
) -> tuple[Decision, dict[str, Value]]:
    """Return the new ticket and what is said of its customer; nothing is read from the database or written to it.

    Whoever opens a ticket in mid-flow must be one who may take contacts in.
    """
    name = opening.ticket_type or (proposal.proposed.get("type") if proposal else None)
    if name is None:
        raise BadValue(
            "the contact has no type", "give --type, map a column to type, or sort contacts by rules.yaml", field="type"
        )
    rules = book.rules(name, book.version_of(name))
    opened_at = as_named(opening.at or opening.entered_at or now, now)
    at = as_named(opening.entered_at or opened_at, now)
    state = opening.state or (rules.compiled.definition.initial if opening.entered_at else None)
    for field, when in (("at", opened_at), ("entered_at", at)):
        if when > now:
            raise BadValue("{at} lies in the future", "give an earlier time", field=field, at=when)
    if at < opened_at:
        raise BadValue(
            "it came into its state at {at}, before it was opened at {opened_at}", "give a later time",
            field="entered_at", at=at, opened_at=opened_at,
        )  # fmt: skip
    customer = coerce_all(rules.desk.customer.fields, opening.customer, rules.zone)
    decision = open_ticket(
        rules, actor, at, fields=opening.fields, channel=opening.channel, priority=opening.priority,
        tags=opening.tags, external_id=opening.external_id, note=opening.note,
        verb="intake" if state else verb, proposal=proposal, state=state, opened_at=opened_at,
        separate=opening.separate,
    )  # fmt: skip
    return decision, {name: value for name, value in customer.items() if value is not None}


def begun(
    book: Book,
    decision: Decision,
    actor: Actor,
    now: datetime,
    proposal: Proposal | None,
    roster: Roster,
    *,
    quiet: bool = False,
) -> Outcome:
    """Return the outcome of an opening; a machine that has an answer gives it, where the type knows what that is.

    An answer with a phrase that no customer is told is left to a person.
    """
    ticket, answers = decision.ticket, book.desk.rules and book.desk.rules.answers
    rules, event = book.rules(ticket.type, ticket.version), None
    first = ticket.state == rules.compiled.definition.initial
    if first and proposal and proposal.answer and answers and rules.compiled.knows(ticket.state, answers.trigger):
        said = {answers.field: proposal.answer[1]}
        if phrases.refusal(remarks_on(book, said, ticket), ticket.id) is None:
            event = Advance(answers.trigger, said)
    return opened(rules, decision, actor, wall=now, then=event, quiet=quiet, roster=roster)


def repeat_of(decision: Decision, opening: Opening) -> Repeat:
    """Return a contact as what it is to a ticket that is open already."""
    ticket = decision.ticket
    said = {name: ticket.fields[name] for name in opening.fields if name in ticket.fields}
    return Repeat(ticket, decision.entries[0], said, opening.note)
