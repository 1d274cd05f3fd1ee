"""Tickets, history and messages as people and programs see them: personal data masked, times in the desk's zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from workflow.cli.context import Session

if TYPE_CHECKING:
    from workflow.core.model import HistoryEntry, Option, Ticket
    from workflow.definition.model import FieldSpec
    from workflow.definition.resolve import TicketType

LIST = ("id", "type", "state", "priority", "with", "next due", "customer")
HISTORY = ("seq", "when", "who", "what", "details")
QUIET_FACTS = ("due_at", "fired_at", "cause")


class View:
    """Shows tickets to one session. With `reveal`, personal data is shown if a role of the actor may see it."""

    def __init__(self, session: Session, *, reveal: bool = False) -> None:
        self.session, self.reveal = session, reveal
        if reveal:
            self._demand_reveal()

    def _demand_reveal(self) -> None:
        from workflow.core import people

        people.demand(self.session.spec, self.session.desk.member(self.session.actor), "reveal")

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
                "ticket_version": ticket.ticket_version,
                "replayed": ticket.replayed,
            }
        )

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
        """Mask personal values; one whose field nothing declares counts as personal."""
        from workflow.core.masking import mask

        return {
            name: mask(str(value))
            if not self.reveal and value is not None and (name not in specs or specs[name].pii)
            else value
            for name, value in values.items()
        }

    def _private(self, entry: HistoryEntry) -> dict[str, Any]:
        prefix = "fields."
        values = {name.removeprefix(prefix): value for name, value in entry.private.items() if name.startswith(prefix)}
        shown = self._masked(values, self.definition(entry.type, entry.version).fields)
        return {
            name: shown[name.removeprefix(prefix)] if name.startswith(prefix) else value
            for name, value in entry.private.items()
        }

    def row(self, ticket: Ticket) -> tuple[object, ...]:
        """Return a ticket's line in a list."""
        who = next((value for value in self.customer(ticket).values() if value), None)
        return (
            ticket.id,
            self.type_label(ticket),
            self.state_label(ticket, ticket.state),
            self.session.tell(ticket.priority),
            ticket.assignee or ticket.team,
            self.moment(ticket.next_due_at),
            who,
        )

    def moment(self, when: datetime | None) -> object:
        """Return a time as a list shows it: on a terminal without the year where it is this one."""
        session = self.session
        if when is None or session.width is None:
            return when
        local, now = when.astimezone(session.zone), session.desk.clock.now().astimezone(session.zone)
        return f"{local:%m-%d %H:%M}" if local.year == now.year else when

    def type_label(self, ticket: Ticket) -> str:
        """Return the type's name, in Chinese its label."""
        return self._word(self.definition(ticket.type, ticket.version).spec.label, ticket.type)

    def state_label(self, at: Ticket | HistoryEntry, state: str) -> str:
        """Return the state's name, in Chinese its label; `at` says of which definition."""
        found = self.definition(at.type, at.version).states.get(state)
        return self._word(found.label if found else {}, state)

    def trigger_label(self, at: Ticket | HistoryEntry, trigger: str) -> str:
        """Return the trigger's name, in Chinese its label."""
        states = self.definition(at.type, at.version).states.values()
        found = next((state.triggers[trigger] for state in states if trigger in state.triggers), None)
        return self._word(found.label if found else {}, trigger)

    @cache  # noqa: B019 - a view lives as long as its command
    def definition(self, name: str, version: int) -> TicketType:
        """Return the definition that a ticket is pinned to."""
        return self.session.desk.definition(name, version)

    def _word(self, label: Mapping[str, str], name: str) -> str:
        return self.session.label(label, name) if self.session.lang != "en" else name

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
        yield "ticket version", ticket.ticket_version

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
        what = self.session.tell(entry.kind)
        return (entry.seq, self.moment(entry.happened_at), entry.actor, what, self._facts(entry))

    def _facts(self, entry: HistoryEntry) -> str:
        name = entry.timer[1] if entry.timer else None
        if entry.trigger:
            name = self.trigger_label(entry, entry.trigger)
        move = ""
        if entry.dest:
            dest = self.state_label(entry, entry.dest)
            move = f"{self.state_label(entry, entry.source)} → {dest}" if entry.source else dest
        facts = {key: value for key, value in _flat(entry.data).items() if key not in QUIET_FACTS and value is not None}
        if late := facts.pop("late_by", None):
            facts["late_by"] = timedelta(seconds=int(late))
        facts |= _flat(self._private(entry))
        told = ", ".join(f"{key}={self.session.plain(value)}" for key, value in facts.items())
        return "; ".join(part for part in (": ".join(filter(None, (name, move))), told) if part)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat |= value
        else:
            flat[key.removeprefix("fields.")] = value
    return flat
