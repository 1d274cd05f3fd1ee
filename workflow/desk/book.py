"""The rules in force, read from the database once and again whenever somebody applied others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import Connection

from workflow.core.calendar import calendars_of
from workflow.core.classify import Classifier
from workflow.core.guard import HostCondition, Rules
from workflow.core.model import Ticket, replace
from workflow.core.unit import Revision
from workflow.definition.desk import DeskSpec
from workflow.definition.document import content_hash, document
from workflow.definition.expressions import ConditionError
from workflow.definition.holidays import newest_edition
from workflow.definition.machine import Compiled, compile_type
from workflow.definition.model import FieldSpec
from workflow.definition.resolve import ALWAYS, Definitions, TicketType
from workflow.definition.stored import holiday_editions, read_desk, read_guidance, read_type, with_editions
from workflow.errors import Conflict, DefinitionChanged, NotFound, SchemaOutdated
from workflow.store import crash
from workflow.store import definitions as store
from workflow.store.engine import OPENING, alone
from workflow.store.rows import Shapes
from workflow.store.tickets import unreadable

if TYPE_CHECKING:
    from workflow.definition.speech import Guidance

Registered = Mapping[str, HostCondition]
GUIDANCE = "guidance"


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """What applying a folder does to one definition: new, changed, relabelled, unchanged or retired."""

    kind: str
    name: str
    version: int | None
    change: str
    pinned: int = 0


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What `apply` did, or with `dry_run` would do: to definitions, and to open tickets under other calendars.

    `rearmed` tickets have their timers armed anew, `moved` counts the due times that this changes, and `set_aside`
    tickets could not be decided: each is an incident.
    """

    changes: tuple[DefinitionChange, ...]
    dry_run: bool = False
    rearmed: int = 0
    moved: int = 0
    set_aside: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything is different from what was in force."""
        return any(change.change != "unchanged" for change in self.changes)


@dataclass
class Book:
    """The definitions of one desk as the database has them. Compiling is done once for each (type, version)."""

    generation: str
    desk_id: int
    desk: DeskSpec
    stored: Mapping[tuple[str, int], store.StoredType]
    hosts: Registered
    revisions: Sequence[store.StoredDesk] = ()
    words: str | None = None
    _compiled: dict[tuple[str, int], Compiled] = field(default_factory=dict)
    _read: dict[tuple[str, int], TicketType] = field(default_factory=dict)
    _rules: dict[tuple[str, int, int], Rules] = field(default_factory=dict)
    _desks: dict[int, DeskSpec] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection, hosts: Registered) -> Book:
        """Read what is in force."""
        known = generation(connection)  # before the rest: an apply in between is then noticed by the next unit
        revisions = store.desks(connection)
        if not revisions:
            raise SchemaOutdated("the database holds no desk", "run `ticketflow apply`")
        desk = revisions[-1]
        stored = {(item.type, item.version): item for item in store.types(connection)}
        return cls(
            known, desk.id, read_desk(desk.document), stored, hosts, revisions, store.setting(connection, GUIDANCE)
        )

    @cached_property
    def classifier(self) -> Classifier:
        """The rules by which contacts are sorted."""
        return Classifier(self.desk, self.in_force)

    @property
    def in_force(self) -> dict[str, TicketType]:
        """The types that new tickets may have, by name."""
        return {name: self.definition(name, version) for (name, version), item in self.stored.items() if item.in_force}

    def version_of(self, name: str) -> int:
        """Return the version of a type that new tickets get; raise NotFound."""
        known = {item.type: item.version for item in self.stored.values() if item.in_force}
        if name not in known:
            raise NotFound(
                "there is no ticket type {type}", "the types are: {known}", field="type", type=name,
                known=", ".join(sorted(known)) or "-",
            )  # fmt: skip
        return known[name]

    def definition(self, name: str, version: int) -> TicketType:
        """Return a version of a type; raise NotFound."""
        key = (name, version)
        if key not in self._read:
            if key not in self.stored:
                raise NotFound(
                    "the database has no {type} version {version}", "restore a backup", type=name, version=version
                )
            self._read[key] = read_type(self.stored[key].document)
        return self._read[key]

    def compiled(self, name: str, version: int) -> Compiled:
        """Return a version of a type, compiled."""
        key = (name, version)
        if key not in self._compiled:
            self._compiled[key] = compile_type(self.definition(name, version), self.desk)
        return self._compiled[key]

    def rules(self, name: str, version: int, revision: int | None = None) -> Rules:
        """Return everything that decisions about a ticket of this type may consult.

        Under an earlier `revision` of the desk that is the desk of today with the calendars of then.
        """
        key = (name, version, self.desk_id if revision is None else revision)
        if key not in self._rules:
            desk = self.desk
            if key[2] != self.desk_id:
                then = self.desk_of(key[2])
                calendars = {
                    known: calendar if calendar.zone else calendar.model_copy(update={"zone": then.zone})
                    for known, calendar in then.calendars.items()
                }
                desk = desk.model_copy(update={"calendars": {**desk.calendars, **calendars}})
            self._rules[key] = Rules(self.compiled(name, version), desk, key[2], self.hosts)
        return self._rules[key]

    def desk_of(self, revision: int) -> DeskSpec:
        """Return the desk as it was under one of its revisions."""
        if revision == self.desk_id:
            return self.desk
        if revision not in self._desks:
            known = {item.id: item.document for item in self.revisions}
            if revision not in known:
                raise Conflict("the desk's rules were just changed", "try again")
            self._desks[revision] = read_desk(known[revision])
        return self._desks[revision]

    @cached_property
    def guidance(self) -> Guidance | None:
        """What the people of the desk say, or None where it has no guidance; read when it is first needed."""
        return read_guidance(self.words) if self.words else None

    @property
    def newer_holidays(self) -> tuple[str, ...]:
        """The editions of public holidays that this release has, and the desk was not applied with."""
        return tuple(new for old in holiday_editions(self.desk) if (new := newest_edition(old)) != old)

    def newer_calendars(self, revision: int) -> list[store.StoredDesk]:
        """Return the desk revisions after one that brought other calendars than the one before."""
        if revision == self.desk_id:
            return []
        found, before = [], self.desk_of(revision)
        for item in self.revisions:
            if item.id <= revision:
                continue
            desk = self.desk_of(item.id)
            if (desk.calendars, desk.zone) != (before.calendars, before.zone):
                found.append(item)
            before = desk
        return found

    def standing(self, ticket: Ticket) -> tuple[Rules, Ticket, list[Revision]]:
        """Return the rules under which a ticket's timers were armed, the ticket, and the revisions it has yet to meet.

        Where no later revision changed a calendar, that is the desk of today.
        """
        name, version = ticket.type, ticket.version
        if ticket.state not in self.definition(name, version).states:
            raise unreadable(ticket.id, f"{name} version {version} has no state {ticket.state}")
        newer = self.newer_calendars(ticket.desk_revision)
        if not newer:
            known = ticket if ticket.desk_revision == self.desk_id else replace(ticket, desk_revision=self.desk_id)
            return self.rules(name, version), known, []
        last = newer[-1]
        later = [
            (item.applied_at, self.rules(name, version, self.desk_id if item is last else item.id)) for item in newer
        ]
        return self.rules(name, version, ticket.desk_revision), ticket, later

    def fields_of(self, name: str, version: int) -> Mapping[str, FieldSpec]:
        """Return the fields that a version of a type declares."""
        return self.definition(name, version).fields

    @property
    def shapes(self) -> Shapes:
        """What the stored JSON of tickets and customers means."""
        return Shapes(self.fields_of, self.desk.customer.fields)


def generation(connection: Connection) -> str:
    """Return a word that changes with every `apply` and never comes back, not even after a rollback."""
    return store.setting(connection, "generation") or ""


def apply(connection: Connection, definitions: Definitions, at: datetime, *, print_of_folder: str = "") -> ApplyReport:
    """Put definitions in force in one step; raise DefinitionChanged where tickets are pinned to another meaning."""
    desk = with_editions(definitions.desk)
    _demand_open(desk, at)
    alone(connection, OPENING)
    stored = {(item.type, item.version): item for item in store.types(connection)}
    changes = []
    for name, definition in definitions.types.items():
        old = stored.get((name, definition.version))
        text = document(definition.spec)
        pinned = store.pinned(connection, name, definition.version) if old else 0
        change = _change(old, definition.content_hash, text)
        if change == "changed" and pinned:
            raise DefinitionChanged(
                "{type} version {version} was edited, and {pinned} tickets are pinned to it as it was",
                "give the edited definition version {next} and apply again",
                type=name,
                version=definition.version,
                next=definition.version + 1,
                pinned=pinned,
            )
        changes.append(DefinitionChange("type", name, definition.version, change, pinned))
        if change != "unchanged":
            new = store.StoredType(name, definition.version, definition.content_hash, text, in_force=True)
            store.put_type(connection, new, at)
    for item in stored.values():
        current = definitions.types.get(item.type)
        replaced = current is not None and current.version == item.version
        if not replaced and store.pinned(connection, item.type, item.version):
            demand_fits(item, desk)
        if item.in_force and not replaced:
            if current is None:
                changes.append(DefinitionChange("type", item.type, item.version, "retired"))
            store.retire(connection, item.type, item.version)
    changes.append(_apply_desk(connection, desk, at))
    changes += _apply_guidance(connection, definitions.guidance)
    report = ApplyReport(tuple(changes))
    store.put_setting(connection, "folder", print_of_folder)
    if report.changed:
        store.put_setting(connection, "generation", uuid4().hex)
    crash.point("apply.written")
    return report


def _demand_open(desk: DeskSpec, at: datetime) -> None:
    """Raise DefinitionError for a calendar that does not open from now on."""
    for calendar in calendars_of(desk).values():
        calendar.add(at, timedelta(microseconds=1))


def _escalates(definition: TicketType) -> bool:
    branches = [
        branch
        for state in definition.states.values()
        for branch in (
            *(branch for trigger in state.triggers.values() for branch in trigger.branches),
            *(timeout.branch for timeout in state.timeouts.values()),
        )
    ]
    actions = [definition.spec.on_open, *(branch.actions for branch in branches)]
    actions += [level.actions for sla in definition.slas.values() for level in sla.levels.values()]
    return any(action.escalate for some in actions for action in some)


def demand_fits(item: store.StoredType, desk: DeskSpec) -> None:
    """Refuse a desk under which a version that tickets are pinned to could not be read or timed any more."""
    definition = read_type(item.document)
    if desk.ladder is None and _escalates(definition):
        raise DefinitionChanged(
            "{type} version {version}, which tickets are pinned to, escalates, and the desk has no ladder",
            "keep the ladder in desk.yaml",
            type=item.type,
            version=item.version,
        )
    used = {timeout.calendar for state in definition.states.values() for timeout in state.timeouts.values()}
    used |= {sla.calendar for sla in definition.slas.values()}
    for calendar in sorted(used - {ALWAYS}):
        if calendar not in desk.calendars:
            raise DefinitionChanged(
                "{type} version {version}, which tickets are pinned to, counts by the calendar {calendar}",
                "keep that calendar in desk.yaml",
                type=item.type,
                version=item.version,
                calendar=calendar,
            )
    try:
        compile_type(definition, desk)
    except ConditionError as error:
        raise DefinitionChanged(
            "{type} version {version}, which tickets are pinned to, does not fit this desk: {reason}",
            "keep in desk.yaml the customer's fields that its conditions read",
            type=item.type,
            version=item.version,
            reason=str(error),
        ) from error


def _change(old: store.StoredType | None, new_hash: str, text: str) -> str:
    if old is None:
        return "new"
    if old.content_hash != new_hash:
        return "changed"
    if not old.in_force:
        return "new"
    return "unchanged" if old.document == text else "relabelled"


def _apply_desk(connection: Connection, desk: DeskSpec, at: datetime) -> DefinitionChange:
    old = store.latest_desk(connection)
    text, meaning = document(desk), content_hash(desk)
    change = "new" if old is None else "changed" if old.content_hash != meaning else "unchanged"
    if old is not None and change == "unchanged" and old.document != text:
        change = "relabelled"
        store.relabel_desk(connection, old.id, text)
    elif change != "unchanged":
        store.put_desk(connection, meaning, text, at)
    return DefinitionChange("desk", desk.desk, None, change)


def _apply_guidance(connection: Connection, new: Guidance | None) -> list[DefinitionChange]:
    """Keep the guidance beside the desk's revisions: words arm no timer, so editing them makes none."""
    old, text = store.setting(connection, GUIDANCE) or "", new.model_dump_json(exclude_unset=True) if new else ""
    if not old and not text:
        return []
    if old != text:
        store.put_setting(connection, GUIDANCE, text)
    change = "unchanged" if old == text else "new" if not old else "changed" if text else "retired"
    return [DefinitionChange("guidance", ", ".join(new.languages) if new else "-", None, change)]
