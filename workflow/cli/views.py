"""Tickets, history and messages as people and programs see them: personal data masked, times in the desk's zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from workflow.cli.context import Session
from workflow.cli.facts import FACTS, FLAGS, QUIET, STEPS
from workflow.cli.labels import Labels

if TYPE_CHECKING:
    from workflow import ClockDifference, Page, SlaClock
    from workflow.cli.options import Reveal
    from workflow.core.model import HistoryEntry, Option, Ticket
    from workflow.definition.model import FieldSpec

LIST = ("id", "type", "state", "priority", "with", "next due", "customer", "limits")
ROOM_FOR_LIMITS = 120  # narrower terminals show no more than a mark at what is escalated
HISTORY = ("seq", "when", "who", "what", "details")
LOST = "lost."


class View(Labels):
    """Shows tickets to one session. With `reveal`, the personal data of those that were `asked` for is shown."""

    def __init__(self, session: Session, *, reveal: Reveal | None = None) -> None:
        super().__init__(session)
        self.reveal = reveal

    def asked(self, *tickets: Ticket) -> tuple[Ticket, ...]:
        """Return tickets as they may be shown; what personal data that reveals is recorded, or refused."""
        if self.reveal is None:
            return tickets
        how, reason = self.reveal.how, self.reveal.reason
        return self.session.desk.reveal(*tickets, actor=self.session.actor, how=how, reason=reason)

    def ticket(self, ticket: Ticket) -> dict[str, Any]:
        """Return a ticket's stable JSON form."""
        customer = ticket.customer
        return self.session.zoned(
            {
                "id": ticket.id,
                "type": ticket.type,
                "version": ticket.version,
                "state": ticket.state,
                "stage": ticket.stage,
                "priority": ticket.priority,
                "team": ticket.team,
                "assignee": ticket.assignee,
                "customer": customer
                and {"id": customer.id, "fields": self.customer(ticket), "tags": list(customer.tags)},
                "tags": list(ticket.tags),
                "fields": self.fields(ticket),
                "channel": ticket.channel,
                "external_id": ticket.external_id,
                "opened_at": ticket.opened_at,
                "updated_at": ticket.updated_at,
                "next_due_at": ticket.next_due_at,
                "missed_at": ticket.missed_at,
                "clocks": [clock._asdict() for clock in ticket.clocks],
                "ladder": ticket.ladder and ticket.ladder._asdict(),
                "promise": ticket.promise and ticket.promise._asdict(),
                "identity": ticket.identity and ticket.identity._asdict(),
                "ticket_version": ticket.ticket_version,
                "replayed": ticket.replayed,
                "joined": ticket.joined and ticket.joined._asdict(),
            }
        )

    def sameness(self, ticket: Ticket) -> list[str]:
        """Return why a contact was joined to this ticket: what of the customer is the same, the type, the category."""
        if ticket.joined is None:
            return []
        label, definition = self.session.label, self.definition(ticket.type, ticket.version)
        facts = [label(self.session.spec.customer.fields[name].label, name) for name in ticket.joined.same_by]
        choices = definition.fields[definition.spec.category].choices if definition.spec.category else {}
        category = ticket.joined.category
        return [*facts, self.type_label(ticket), *([label(choices.get(category, {}), category)] if category else [])]

    def entry(self, entry: HistoryEntry) -> dict[str, Any]:
        """Return a history entry's stable JSON form."""
        return self.session.zoned(
            {
                "seq": entry.seq,
                "kind": entry.kind,
                "happened_at": entry.happened_at,
                "actor": entry.actor,
                "state": entry.state,
                "entry": entry.entry,
                "type": entry.type,
                "version": entry.version,
                "trigger": entry.trigger,
                "source": entry.source,
                "dest": entry.dest,
                "timer": entry.timer and dict(zip(("kind", "name", "cycle", "occurrence"), entry.timer, strict=True)),
                "data": entry.data,
                "private": self._private(entry),
                "hash": entry.hash,
            }
        )

    def option(self, option: Option) -> dict[str, Any]:
        """Return the JSON form of one trigger: allowed, or why not."""
        return {
            "trigger": option.trigger,
            "dest": option.dest,
            "allowed": option.allowed,
            "label": dict(option.label),
            "requires": list(option.requires),
            "refusal": option.refusal and self.session.error(option.refusal),
        }

    def fields(self, ticket: Ticket) -> dict[str, Any]:
        """Return the ticket's fields, the personal ones masked."""
        return self._masked(ticket.fields, self.definition(ticket.type, ticket.version).fields)

    def customer(self, ticket: Ticket) -> dict[str, Any]:
        """Return the customer's fields, the personal ones masked."""
        specs = self.session.spec.customer.fields
        return self._masked(ticket.customer.fields, specs) if ticket.customer else {}

    def _masked(self, values: Mapping[str, Any], specs: Mapping[str, FieldSpec]) -> dict[str, Any]:
        from workflow.core.masking import masked

        return dict(values) if self.reveal else masked(values, specs)

    def _private(self, entry: HistoryEntry) -> dict[str, Any]:
        prefix = "fields."
        values = {name.removeprefix(prefix): value for name, value in entry.private.items() if name.startswith(prefix)}
        shown = self._masked(values, self.definition(entry.type, entry.version).fields)
        shown = {prefix + name: value for name, value in shown.items()}
        if entry.kind == "migrated":
            was = self.definition(*entry.data["from"][:2]).fields
            lost = {name: value for name, value in entry.private.items() if name.startswith(LOST)}
            known = self._masked({name.removeprefix(LOST): value for name, value in lost.items()}, was)
            shown |= {LOST + name: value for name, value in known.items()}
        return {name: self._text(value) for name, value in entry.private.items()} | shown

    def _text(self, value: Any) -> Any:
        """Return what somebody wrote, with what is telling in it masked."""
        from workflow.core.masking import mask_text

        return mask_text(value) if isinstance(value, str) and not self.reveal else value

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a list: without the limits where a terminal has no room for them."""
        return LIST if self._has_room else LIST[:-1]

    @property
    def _has_room(self) -> bool:
        width = self.session.width
        return width is None or width >= ROOM_FOR_LIMITS

    def page(self, page: Page) -> Iterator[dict[str, Any]]:
        """Yield the JSON form of a page's tickets, and for each that cannot be read its id and the reason."""
        yield from map(self.ticket, self.asked(*page.tickets))
        yield from ({"id": error.ticket, "damaged": error.values["reason"]} for error in page.damaged)

    def rows(self, page: Page) -> Iterator[tuple[object, ...]]:
        """Yield the lines of a page in a list; of a ticket that cannot be read only that."""
        yield from map(self.row, self.asked(*page.tickets))
        for error in page.damaged:
            yield (error.ticket, self.session.tell("damaged"), *[None] * (len(self.columns) - 2))

    def row(self, ticket: Ticket) -> tuple[object, ...]:
        """Return a ticket's line in a list."""
        who = next((value for value in self.customer(ticket).values() if value), None)
        due = self.moment(ticket.next_due_at)
        found = (
            ticket.id,
            self.type_label(ticket),
            self.state_label(ticket, ticket.state),
            self.session.tell(ticket.priority),
            ticket.assignee or ticket.team,
            due if self._has_room or ticket.ladder is None else f"{self.session.plain(due)} ↑",
            who,
        )
        return (*found, "; ".join(self._limits(ticket))) if self._has_room else found

    def _limits(self, ticket: Ticket) -> Iterator[str]:
        """Yield what time asks of a ticket: who an escalation is with, what is promised, which clocks run."""
        tell = self.session.tell
        if ladder := ticket.ladder:
            yield tell(
                "held: {by}" if ladder.held_by else "escalated: {by}", {"by": ladder.held_by or ladder.addressee}
            )
        if ticket.promise:
            yield tell("promised {until}", {"until": self.moment(ticket.promise.until)})
        for clock in ticket.clocks:
            if clock.is_open:
                when = self.session.plain(self.moment(clock.due_at)) if clock.status == "running" else tell("paused")
                late = [tell("missed")] if clock.breached else []
                yield " ".join([self.clock_label(ticket, clock.name), *late, when])

    def moment(self, when: datetime | None) -> object:
        """Return a time as a list shows it: on a terminal without the year where it is this one."""
        session = self.session
        if when is None or session.width is None:
            return when
        local, now = when.astimezone(session.zone), session.desk.clock.now().astimezone(session.zone)
        return f"{local:%m-%d %H:%M}" if local.year == now.year else when

    def details(self, ticket: Ticket) -> Iterable[tuple[str, object]]:
        """Return everything about a ticket that its page shows, with labels."""
        found = ((self.session.tell(label), value) for label, value in self._details(ticket))
        return (pair for pair in found if pair[1] not in (None, "", [], ()))

    def _details(self, ticket: Ticket) -> Iterator[tuple[str, object]]:
        yield "type", f"{self.type_label(ticket)} v{ticket.version}"
        yield "state", self._both(self.state_label(ticket, ticket.state), ticket.state)
        yield "since", ticket.entered_at
        yield "priority", self.session.tell(ticket.priority)
        yield "team", ticket.team
        yield "assignee", ticket.assignee
        yield "customer", list(self.customer(ticket).values())
        yield "channel", ticket.channel
        yield "external id", ticket.external_id
        yield "tags", list(ticket.tags)
        yield "opened at", ticket.opened_at
        yield "updated at", ticket.updated_at
        yield "next due", ticket.next_due_at
        yield "missed", ticket.missed_at
        yield "escalated", self._ladder(ticket)
        if promise := ticket.promise:
            made = {"until": promise.until, "by": promise.made_by, "when": promise.made_at}
            yield "promised", self.session.tell("until {until}, by {by} on {when}", made)
        if check := ticket.identity:
            told = {"facts": list(check.facts), "by": check.by, "when": check.at, "party": self._party(check.party)}
            yield (
                "identity",
                self.session.tell(
                    "{facts} right: {party}, asked by {by} on {when}"
                    if check.matched
                    else "{facts} wrong: {party}, asked by {by} on {when}",
                    told,
                ),
            )
        yield "ticket version", ticket.ticket_version

    def repair(self, entry: HistoryEntry) -> str:
        """Return who put a ticket into another state by hand, when and why."""
        places = {name: self.state_label(entry, str(getattr(entry, name))) for name in ("source", "dest")}
        why = {"who": entry.actor, "when": entry.happened_at, "reason": self._text(entry.private.get("reason"))}
        return self.session.tell("{who} put it by hand from {source} into {dest} on {when}: {reason}", places | why)

    def _party(self, party: str) -> str:
        return self.session.tell("the holder" if party == "holder" else "a person of right")

    def _ladder(self, ticket: Ticket) -> str | None:
        ladder = ticket.ladder
        if ladder is None:
            return None
        told = {"since": ladder.opened_at, "rung": ladder.rung, "to": ladder.addressee}
        if ladder.held_by is None:
            return self.session.tell("since {since}, on rung {rung}: {to}", told)
        held = told | {"by": ladder.held_by, "until": ladder.held_until}
        return self.session.tell("since {since}; {by} took it on, until {until}", held)

    def clocks(self, ticket: Ticket) -> Iterator[tuple[str, object]]:
        """Yield a line for the last cycle of every SLA clock that has started: what it does, and when it is due."""
        for name in dict.fromkeys(clock.name for clock in ticket.clocks):
            clock = ticket.clock(name)
            if clock is None:
                continue
            told = self.clock_status(clock)
            if clock.ended_at or clock.due_at:
                facts = {"status": told, "due": clock.due_at, "ended": clock.ended_at}
                told = self.session.tell("{status} on {ended}" if clock.ended_at else "{status}; due {due}", facts)
            yield self.clock_label(ticket, name), told

    def differing(self, found: ClockDifference) -> tuple[str, str]:
        """Return what of a clock is stored and what history says, where the two differ."""
        stored, told = found.stored, found.told
        if stored is None or told is None:
            return self._facts_of(stored), self._facts_of(told)
        names = [name for name in stored._fields if getattr(stored, name) != getattr(told, name)]
        return self._facts_of(stored, names), self._facts_of(told, names)

    def _facts_of(self, clock: SlaClock | None, names: Iterable[str] = ("status", "elapsed", "due_at")) -> str:
        if clock is None:
            return self.session.tell("nothing")
        values = ((name, getattr(clock, name)) for name in names)
        return ", ".join(
            f"{name}={dict(value) if isinstance(value, Mapping) else self.session.plain(value)}"
            for name, value in values
        )

    def option_line(self, ticket: Ticket, option: Option) -> str:
        """Return where a trigger leads, or why it is refused."""
        tell = self.session.tell
        if option.refusal:
            return tell("no: {reason}", {"reason": option.refusal})
        line = tell("stays here") if option.dest is None else f"→ {self.state_label(ticket, option.dest)}"
        if label := option.label.get(self.session.lang):
            line += f"  {label}"
        return line + (tell(" (needs {fields})", {"fields": option.requires}) if option.requires else "")

    @staticmethod
    def _both(label: str, name: str) -> str:
        return name if label == name else f"{label} ({name})"

    def entry_row(self, entry: HistoryEntry) -> tuple[object, ...]:
        """Return a history entry's line."""
        what = self.session.tell(entry.kind).replace("_", " ")
        what = what.upper() if entry.kind == "repaired" else what
        return (entry.seq, self.moment(entry.happened_at), entry.actor, what, self._facts(entry))

    def _facts(self, entry: HistoryEntry) -> str:
        name = None
        if entry.timer:
            definition = self.definition(entry.type, entry.version)
            name = self._timer(definition, entry.source or entry.state, *entry.timer[:2])
        if entry.trigger:
            name = self.trigger_label(entry, entry.trigger)
        move = ""
        if entry.dest:
            dest = self.state_label(entry, entry.dest)
            move = f"{self.state_label(entry, entry.source)} → {dest}" if entry.source else dest
        data = {**entry.data}
        if entry.kind == "migrated":
            source, dest = (f"{name} v{version} {place}" for name, version, place in (data.pop("from"), data.pop("to")))
            move = f"{source} → {dest}"
        told = list(self._steps_of_clocks(entry, data.pop("clocks", {})))
        told += self._skipped(entry, data.pop("skipped", ()))
        if merged := data.pop("merged", None):
            times = {"count": len(merged), "first": _instant(merged[0]), "last": _instant(merged[-1])}
            told.append(self.session.tell("stands for {count} due times, {first} to {last}", times))
        data |= self._private(entry)
        told += filter(None, (self._fact(entry, key, value) for key, value in data.items() if value is not None))
        return "; ".join(part for part in (": ".join(filter(None, (name, move))), ", ".join(told)) if part)

    def _steps_of_clocks(self, entry: HistoryEntry, steps: Mapping[str, Iterable[str]]) -> Iterator[str]:
        for clock, words in steps.items():
            yield f"{self.clock_label(entry, clock)} " + ", ".join(
                self.session.tell(STEPS.get(word, word)) for word in words
            )

    def _skipped(self, entry: HistoryEntry, skipped: Mapping[str, Iterable[str]] | Iterable[str]) -> Iterator[str]:
        """Yield what had its time before it could: levels of clocks, or a promise's warning."""
        levels = (
            [f"{self.clock_label(entry, clock)} {level}" for clock, found in skipped.items() for level in found]
            if isinstance(skipped, Mapping)
            else [self.session.tell(name) for name in skipped]
        )
        if levels:
            yield self.session.tell("skipped: {names}", {"names": levels})

    def _fact(self, entry: HistoryEntry, key: str, value: Any) -> str | None:
        """Return what one fact of an entry says, or None for one that is of no use to people."""
        tell, plain = self.session.tell, self.session.plain
        if key in QUIET:
            return None
        if key in FLAGS:
            return tell(FLAGS[key]) if value else None
        if key not in FACTS:
            return f"{key.removeprefix('fields.')}={plain(value)}"
        match key:
            case "late_by" | "by":
                if not int(value):
                    return None
                value = timedelta(seconds=int(value))
            case "came_at" if _instant(value) == entry.happened_at:
                return None
            case "instead_of" if "until" not in entry.data:  # a member's place, not a time's
                pass
            case "came_at" | "until" | "instead_of" | "opened_at":
                value = self.moment(_instant(value))
            case "proposal":
                value = list(dict.fromkeys(value.values()))
            case "party":
                value = self._party(value)
            case "sla":
                value = self.clock_label(entry, value)
            case "action" | "promise" | "why" | "priority" | "back":
                value = tell(value)
        return f"{tell(FACTS[key])}={plain(value)}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
