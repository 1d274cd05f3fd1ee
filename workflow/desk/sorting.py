"""Sorting contacts by the rules in force, and what came of it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Connection

from workflow.core.classify import DEFAULT, Facts, Fault, Proposal, Voice, corrections, may_correct
from workflow.core.events import Event
from workflow.core.migrate import Migrate
from workflow.core.model import Actor, Customer, Ticket, Value
from workflow.desk.book import Book
from workflow.desk.machines import Machines
from workflow.store import proposals

if TYPE_CHECKING:
    from workflow.desk.contacts import Contact
    from workflow.desk.reception import Opening

UNSORTED = ("intake", "classify")  # stages in which nobody has looked at the sorting yet


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """How often a rule (or a machine, or the default) spoke, and what people made of it.

    `agreed` counts contacts for which what it said held and was left as it was by the person who sorted the ticket, or
    is what the file says; `corrected` those where not. The rest nobody has looked at, or others were preferred.
    """

    rule: str
    spoke: int = 0
    agreed: int = 0
    corrected: int = 0


@dataclass(frozen=True, slots=True)
class RulesReport:
    """How many contacts were sorted into which types, by which rules; `defaulted` are those that no rule knew."""

    contacts: int
    defaulted: int
    types: dict[str, int]
    rules: tuple[RuleFigures, ...]
    faults: int = 0


Situation: TypeAlias = tuple[Customer | None, list[tuple[str, tuple[str, ...]]]]


def facts_of(book: Book, said: Opening | Contact, at: datetime) -> Facts:
    """Return what a contact says of itself; nothing is looked up."""
    return Facts(
        text=book.classifier.text_of(said.fields), channel=said.channel, fields=said.fields, customer=said.customer,
        tags=tuple(said.tags), opened_at=at,
    )  # fmt: skip


def asked(book: Book, machines: Machines, facts: Facts) -> list[Voice | Fault]:
    """Return what the host's machines say of a contact."""
    return machines.ask(facts, book.desk, book.in_force) if machines else []


def propose(
    book: Book,
    facts: Facts,
    situation: Callable[[Mapping[str, Value]], Situation],
    machines: Sequence[Voice | Fault] = (),
    *,
    ticket_type: str | None = None,
) -> Proposal | None:
    """Sort a contact by what it says and by the `situation` of its customer; see Classifier.propose."""
    classifier = book.classifier
    if classifier.reads_customer and facts.customer:
        customer, tickets = situation(classifier.customer_of(facts.customer))
        facts = dataclasses.replace(
            facts,
            customer_tags=customer.tags if customer else (),
            open_types=tuple(kind for kind, _ in tickets),
            open_tags=tuple(tag for _, tags in tickets for tag in tags),
        )
    return classifier.propose(facts, machines, ticket_type=ticket_type)


def stored_situation(connection: Connection, book: Book) -> Callable[[Mapping[str, Value]], Situation]:
    """Return what tells the situation of a customer as it is stored."""
    return lambda given: proposals.situation(connection, book.desk.customer, given)


def correct(connection: Connection, book: Book, ticket: Ticket, event: Event | Migrate, actor: Actor) -> None:
    """Note beside a ticket's proposal what a person's event makes of it."""
    category = book.definition(ticket.type, ticket.version).spec.category
    if not may_correct(event, category) or actor.automatic:
        return
    known = proposals.of(connection, ticket.id)
    changes = corrections(known, ticket, event, category) if known else None
    if known and changes:
        proposals.correct(connection, ticket.id, known, changes, actor.name)


class _Tally:
    """Counts what became of proposals."""

    def __init__(self) -> None:
        self.contacts = self.defaulted = self.faults = 0
        self.types, self.spoke, self.agreed, self.corrected = Counter[str](), *(Counter[str]() for _ in range(3))

    def add(self, proposal: Proposal, kind: str | None, *, looked: bool, wrong: Collection[str]) -> None:
        """Count a proposal for a ticket that is of this type; what of it is `wrong`, if somebody `looked`."""
        self.contacts += 1
        self.faults += len(proposal.faults)
        self.defaulted += proposal.defaulted
        self.types[kind or "-"] += 1
        for who in dict.fromkeys(
            [*(voice.by for voice in proposal.voices), *([DEFAULT] if proposal.defaulted else [])]
        ):
            self.spoke[who] += 1
            held = {name for name, by in proposal.by.items() if by == who}
            if held & set(wrong):
                self.corrected[who] += 1
            elif held and looked:
                self.agreed[who] += 1

    def report(self, names: Iterable[str]) -> RulesReport:
        """Return the figures of these rules, and of whoever else spoke."""
        rules = (
            RuleFigures(name, self.spoke[name], self.agreed[name], self.corrected[name])
            for name in dict.fromkeys([*names, *self.spoke, DEFAULT])
        )
        return RulesReport(self.contacts, self.defaulted, dict(self.types.most_common()), tuple(rules), self.faults)


def report_of_tickets(connection: Connection, book: Book) -> RulesReport:
    """Return how the desk's tickets were sorted that were opened without a type, or at a risk."""
    tally = _Tally()
    for kind, stage, proposal in proposals.every(connection):
        tally.add(proposal, kind, looked=stage not in UNSORTED, wrong=proposal.corrected)
    return tally.report(book.classifier.names)


def report_of_contacts(
    connection: Connection, book: Book, contacts: Iterable[Contact], machines: Machines, at: datetime
) -> RulesReport:
    """Return how contacts would be sorted; a type that one brings is what a person says. Nothing is written."""
    tally = _Tally()
    for contact in contacts:
        if contact.error is not None:
            continue
        facts = facts_of(book, contact, contact.opened_at or at)
        proposal = propose(book, facts, stored_situation(connection, book), asked(book, machines, facts))
        if proposal is None:
            continue
        theirs, ours = contact.ticket_type, proposal.proposed.get("type")
        wrong = ["type"] if theirs and theirs != ours else []
        tally.add(proposal, ours, looked=theirs is not None, wrong=wrong)
    return tally.report(book.classifier.names)
