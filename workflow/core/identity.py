"""Whom we talk to: what a caller says, compared with the customer's record, and what is done only then (P4, P6).

Of what was said nothing is kept but which facts it was about and whether it was right.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime

from workflow.core import people
from workflow.core.events import Verify
from workflow.core.guard import Rules
from workflow.core.model import Actor, Decision, Identity, Ticket
from workflow.core.moves import record
from workflow.definition.desk import CustomerField
from workflow.definition.identity import Fact, IdentityDemand
from workflow.definition.resolve import Branch
from workflow.errors import BadValue, NotFound, Refused, UsageError

PARTIES = ("holder", "person_of_right")
TRUTHS = ("consent", "self_service")  # rules that the same call can fulfil, by filling the field
_BETWEEN = re.compile(r"[\s\-]")


def verified(rules: Rules, ticket: Ticket, event: Verify, actor: Actor, now: datetime) -> Decision:
    """Return what an identity check does: it is recorded, and refused besides where what was said is not right."""
    people.demand(rules.desk, actor, "verify", ticket.id)
    policy = rules.desk.identity
    known = policy.facts if policy else {}
    if not event.facts:
        raise UsageError("no fact is named", "the facts are: {known}", field="fact", known=", ".join(known) or "-")
    for name in event.facts:
        if name not in known:
            raise NotFound(
                "there is no fact {fact}", "the facts are: {known}", field="fact", fact=name,
                known=", ".join(known) or "-",
            )  # fmt: skip
    if event.party not in PARTIES:
        raise UsageError("nobody is a {party}", "a caller is: {known}", party=event.party, known=", ".join(PARTIES))
    failed = dict(ticket.identity.failed) if ticket.identity else {}
    if policy and failed.get(actor.name, 0) >= policy.attempts:
        raise Refused(
            "{actor} was given {attempts} wrong answers on this ticket", "let a colleague go on", rule="attempts",
            ticket=ticket.id, actor=actor.name, attempts=failed[actor.name],
        )  # fmt: skip
    compared = [_compare(ticket, name, known[name], said) for name, said in event.facts.items()]
    if not (matched := all(compared)):
        failed[actor.name] = failed.get(actor.name, 0) + 1
    check = Identity(tuple(sorted(event.facts)), matched, actor.name, event.party, now, ticket.entry, failed)
    data = {"facts": list(check.facts), "party": check.party}
    ticket, entry = record(ticket, "verified" if matched else "mismatched", actor, now, {"identity": check}, data=data)
    refusal = Refused(
        "what the caller says is not what the customer's record says ({facts})",
        "ask again, or do not go on with this caller",
        rule="identity",
        ticket=ticket.id,
        facts=", ".join(check.facts),
    )
    return Decision(ticket, (entry,), refusal=None if matched else refusal)


def _compare(ticket: Ticket, name: str, fact: Fact, said: str) -> bool:
    """Say whether what was said of a fact is how the customer's field ends; no error tells anything of either."""
    known = _plain(str(ticket.customer.fields.get(fact.field) or "")) if ticket.customer else ""
    if len(known) < fact.last:
        raise Refused(
            "the customer's record has no {field} to compare with", "compare another fact", rule="identity",
            ticket=ticket.id, field=fact.field,
        )  # fmt: skip
    given = _plain(said)
    if len(given) != fact.last:
        raise BadValue(
            "the fact {fact} takes the last {last} of {known}", "give just these", field="fact", fact=name,
            last=fact.last, known=fact.field,
        )  # fmt: skip
    return hmac.compare_digest(known[-fact.last :].encode(), given.encode())


def _plain(text: str) -> str:
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()


def holds(demand: IdentityDemand, ticket: Ticket, now: datetime) -> bool:
    """Say whether the last identity check of a ticket is what is demanded."""
    check = ticket.identity
    if check is None or not check.matched or len({*check.facts} & {*demand.facts}) < demand.at_least:
        return False
    return check.entry == ticket.entry if demand.within is None else now <= check.at + demand.within.length


def unmet(ticket: Ticket, trigger: str, branch: Branch, now: datetime) -> Refused | None:
    """Return which demand of the chosen branch is not met: the customer's consent, self-service first, identity."""
    if branch.consent and ticket.fields.get(branch.consent) is not True:
        return Refused(
            "{trigger} takes the customer's consent: {field} is not yes",
            "ask the customer, then give --field {field}=yes",
            rule="consent",
            ticket=ticket.id,
            field=branch.consent,
            trigger=trigger,
        )
    if branch.self_service and ticket.fields.get(branch.self_service) is not True:
        return Refused(
            "{trigger} comes after self-service was offered: {field} is not yes",
            "offer it, then give --field {field}=yes",
            rule="self_service",
            ticket=ticket.id,
            field=branch.self_service,
            trigger=trigger,
        )
    if branch.identity and not holds(branch.identity, ticket, now):
        return Refused(
            "{trigger} takes an identity check that holds: {count} of {facts}",
            "ask the caller, then `ticketflow verify {ticket} --fact {first}=…`",
            rule="identity",
            ticket=ticket.id,
            trigger=trigger,
            count=branch.identity.at_least,
            facts=", ".join(branch.identity.facts),
            first=branch.identity.facts[0],
        )
    return None


def to_affirm(ticket: Ticket, branch: Branch) -> tuple[str, ...]:
    """Return the fields that are to be given as yes with the call."""
    return tuple(name for name in (branch.consent, branch.self_service) if name and ticket.fields.get(name) is not True)


def withheld(specs: Mapping[str, CustomerField], ticket: Ticket, now: datetime) -> frozenset[str]:
    """Return the customer's fields that stay masked, whoever asks, for want of an identity check that holds."""
    return frozenset(
        name for name, spec in specs.items() if spec.identity is not None and not holds(spec.identity, ticket, now)
    )
