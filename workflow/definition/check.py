"""Whether a definition makes sense: every name exists, every value fits, and every condition can be asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from workflow.definition.clocks import check_clocks
from workflow.definition.conditions import conditions_of
from workflow.definition.desk import ANYBODY, DeskSpec
from workflow.definition.expressions import BUILT_IN, RESERVED
from workflow.definition.fields import check_fields, misfit
from workflow.definition.flow import check_flow
from workflow.definition.hours import check_calendars, check_zone
from workflow.definition.identitycheck import check_demands, check_facts
from workflow.definition.inheritance import resolve
from workflow.definition.model import (
    AUTOMATIC_ACTORS,
    STAGES,
    Actions,
    Branch,
    Room,
    StateSpec,
    TicketTypeSpec,
    Timeout,
)
from workflow.definition.outletcheck import check_outlets
from workflow.definition.resolve import ALWAYS, TicketType, first_state, state_names
from workflow.definition.sheet import Sheet
from workflow.definition.timekeeping import SlaCheck, check_calendar, check_duration, check_people
from workflow.definition.tree import Path

ADDRESSEES = ("owner", "team", "lead", "customer")
ASSIGNEES = ("team", "lead")
BY_PERSON = (*ASSIGNEES, "actor")
RESERVED_TRIGGERS = ("state", "trigger")
NOTICES = ("notify", "escalate")
UNSOUND = frozenset({"unknown-place", "unknown-mark", "stage-missing", "bad-level", "goal-missing"})


class Hosts(NamedTuple):
    """The names of the conditions and actions that the host registered."""

    conditions: Collection[str] = ()
    actions: Collection[str] = ()


def check_desk(desk: DeskSpec, sheet: Sheet) -> None:
    """Report what is wrong with desk.yaml."""
    check_zone(desk.zone, ("zone",), sheet)
    check_calendars(desk, sheet)
    if desk.default_actor:
        sheet.expect(("default_actor",), "unknown-member", desk.default_actor, desk.members)
    for user, known in desk.act_as.items():
        for at, name in enumerate(known):
            sheet.expect(("act_as", user, at), "unknown-member", name, [ANYBODY, *desk.members])
            if user == ANYBODY:
                sheet.report(("act_as", user, at), "anybody-acts", name)
    for kind, names in (("teams", desk.teams), ("members", desk.members)):
        for name in names:
            if name in (*AUTOMATIC_ACTORS, *ADDRESSEES, *BY_PERSON):
                sheet.report((kind, name), "reserved-name", name, key=True)
    for name, team in desk.teams.items():
        if name in desk.members:
            sheet.report(("teams", name), "ambiguous-name", name, key=True)
        for at, lead in enumerate(team.lead):
            sheet.expect(("teams", name, "lead", at), "lead-not-member", lead, desk.members)
        for at, member in enumerate(team.members):
            sheet.expect(("teams", name, "members", at), "unknown-member", member, desk.members)
        for at, served in enumerate(team.serves):
            others = [other for other in desk.teams if other != name]
            sheet.expect(("teams", name, "serves", at), "unknown-team", served, others)
        for key in ("lines", "regions"):
            if getattr(team, key) and not team.serves:
                sheet.report(("teams", name, key), "serves-nobody", name, key=True)
    users: dict[str, str] = {}
    for name, person in desk.members.items():
        for at, role in enumerate(person.roles):
            sheet.expect(("members", name, "roles", at), "unknown-role", role, desk.roles)
        for at, user in enumerate(person.os_user):
            if (other := users.setdefault(user, name)) != name:
                sheet.report(("members", name, "os_user", at), "duplicate-os-user", user, other=other)
    if desk.is_locked and desk.appliers:
        sheet.report(("members",), "nobody-applies", ", ".join(desk.appliers), key=True)
    check_fields(desk.customer.fields, ("customer", "fields"), sheet, RESERVED)
    for at, line in enumerate(desk.customer.same_by):
        for inner, name in enumerate(line):
            sheet.expect(("customer", "same_by", at, inner), "unknown-field", name, desk.customer.fields)
    check_facts(desk, sheet)
    check_outlets(desk, sheet)
    check_people(desk, sheet)


def check_type(
    spec: TicketTypeSpec, desk: DeskSpec | None, sheet: Sheet, hosts: Hosts, *, whole: bool = True
) -> TicketType | None:
    """Report what is wrong with a ticket type, and return it with its inheritance worked out.

    Without a `desk` its names go unchecked. Where parts of the type did not fit, so that it is not `whole`, or a place
    is missing, nobody asks where its ways lead, and None is returned.
    """
    names = _TypeCheck(spec, desk, sheet, hosts)
    names.run()
    if whole:
        _check_stages(spec, sheet)
    if not whole or sheet.codes & UNSOUND:
        return None
    definition = resolve(spec)
    check_clocks(definition, check_flow(definition, desk, sheet, names.conditions.constant), sheet)
    return definition


def _check_stages(spec: TicketTypeSpec, sheet: Sheet) -> None:
    for at, stage in enumerate(spec.skips):
        if stage in ("intake", "archive"):
            sheet.report(("skips", at), "bad-skip", stage)
    for stage in STAGES:
        if stage not in spec.stages and (stage not in spec.skips or stage in ("intake", "archive")):
            sheet.report(("stages",), "stage-missing", stage, key=True)


class _TypeCheck:
    """One pass over a ticket type as its author wrote it, inheritance not yet worked out."""

    def __init__(self, spec: TicketTypeSpec, desk: DeskSpec | None, sheet: Sheet, hosts: Hosts) -> None:
        self.spec, self.desk, self.sheet, self.hosts = spec, desk, sheet, hosts
        self.states = state_names(spec)
        self.places = list(dict.fromkeys([*spec.stages, *self.states]))
        self.conditions = conditions_of(spec, desk, list(self.states), sheet, hosts.conditions)

    def run(self) -> None:
        check_fields(self.spec.fields, ("fields",), self.sheet, {*RESERVED, *BUILT_IN, *RESERVED_TRIGGERS})
        for path, room, inherited in self._rooms():
            self._check_room(path, room, inherited)
        self._check_actions(("on_open",), self.spec.on_open, BY_PERSON)
        if category := self.spec.category:
            choices = [name for name, field in self.spec.fields.items() if field.type == "choice"]
            self.sheet.expect(("category",), "unknown-choice-field", category, choices)
        if self.spec.joins:
            triggers = [name for _, room, _ in self._rooms() for name, known in room.transitions.items() if known]
            self.sheet.expect(("joins",), "unknown-trigger", self.spec.joins, triggers)
        SlaCheck(self.spec, self.desk, self.sheet, self.places, self._check_actions).check()

    def _rooms(self) -> Iterator[tuple[Path, Room | TicketTypeSpec, tuple[Room | TicketTypeSpec, ...]]]:
        """Yield the type, its stages and their states, each with the rooms it inherits from."""
        yield (), self.spec, ()
        for stage, found in self.spec.stages.items():
            room = found or StateSpec()
            around = () if stage == "archive" else (self.spec,)
            yield ("stages", stage), room, around
            for name, state in getattr(room, "states", {}).items():
                yield ("stages", stage, "states", name), state or StateSpec(), (*around, room)

    def _check_room(
        self, path: Path, room: Room | TicketTypeSpec, inherited: tuple[Room | TicketTypeSpec, ...]
    ) -> None:
        if room.team and self.desk:
            self.sheet.expect((*path, "team"), "unknown-team", room.team, self.desk.teams)
        check_calendar((*path, "calendar"), room.calendar, self.desk, self.sheet)
        self._check_roles((*path, "roles"), room.roles)
        for kind in ("transitions", "timeouts"):
            declared: Mapping[str, object] = getattr(room, kind)
            if declared and path[1:2] == ("archive",):
                self.sheet.report((*path, kind), "final-archive", kind, key=True)
            removable = {name for outer in inherited for name, entry in getattr(outer, kind).items() if entry}
            for name, entry in declared.items():
                if entry is None and name not in removable:
                    self.sheet.report((*path, kind, name), "nothing-to-remove", name, key=True)
        for name, transition in room.transitions.items():
            at = (*path, "transitions", name)
            self._check_trigger_name(at, name)
            for index, branch in enumerate(transition.branches if transition else ()):
                self._check_branch((*at, "branches", index), branch)
        calendar = next((outer.calendar for outer in (room, *reversed(inherited)) if outer.calendar), ALWAYS)
        for name, timeout in room.timeouts.items():
            if timeout:
                self._check_timeout((*path, "timeouts", name), name, timeout, calendar)

    def _check_trigger_name(self, path: Path, name: str) -> None:
        if name in RESERVED_TRIGGERS:
            self.sheet.report(path, "reserved-name", name, key=True)
        elif name in STAGES or any(name in place.split(".") for place in self.places):
            self.sheet.report(path, "trigger-is-place", name, key=True)

    def _check_roles(self, path: Path, roles: tuple[str, ...] | None) -> None:
        desk = self.desk
        if roles == ():
            self.sheet.report(path, "empty-list")
        for at, role in enumerate(roles or ()):
            if desk is None or not self.sheet.expect((*path, at), "unknown-role", role, desk.roles):
                continue
            if "advance" not in desk.roles[role].may:
                self.sheet.report((*path, at), "role-may-not-advance", role)
            if not any(role in member.roles for member in desk.members.values()):
                self.sheet.report((*path, at), "unheld-role", role)

    def _check_branch(self, path: Path, branch: Branch) -> None:
        self._check_roles((*path, "roles"), branch.roles)
        for key in ("requires", "asks"):
            for at, name in enumerate(getattr(branch, key)):
                self.sheet.expect((*path, key, at), "unknown-field", name, self.spec.fields)
        truths = [name for name, field in self.spec.fields.items() if field.type == "bool"]
        check_demands(branch, path, truths, self.desk, self.sheet)
        for at, place in enumerate(branch.not_by):
            self.sheet.expect((*path, "not_by", at), "unknown-place", place, self.places)
        self._check_way(path, branch, BY_PERSON)

    def _check_way(self, path: Path, way: Branch | Timeout, assignees: Collection[str] = ASSIGNEES) -> None:
        if way.dest and not first_state(self.states, way.dest):
            self.sheet.report((*path, "dest"), "unknown-place", way.dest, known=self.places)
        self._check_actions((*path, "actions"), way.actions, assignees)
        for key in ("conditions", "unless"):
            self.conditions.check((*path, key), getattr(way, key))

    def _check_timeout(self, path: Path, name: str, timeout: Timeout, calendar: str) -> None:
        self._check_way(path, timeout)
        check_calendar((*path, "calendar"), timeout.calendar, self.desk, self.sheet)
        calendar = timeout.calendar or calendar
        check_duration((*path, "after"), timeout.after, calendar, self.desk, self.sheet)
        if timeout.every:
            check_duration((*path, "every"), timeout.every, calendar, self.desk, self.sheet)
        if timeout.late:
            check_duration((*path, "late", "skip_after"), timeout.late.skip_after, ALWAYS, self.desk, self.sheet)
        more = ["dest"] if timeout.dest else []
        more += [action.kind for action in timeout.actions if action.kind not in NOTICES]
        for option, code in (("every", "every-does-more"), ("late", "late-does-more")):
            if more and getattr(timeout, option):
                self.sheet.report((*path, option), code, more[0], key=True)
        if not timeout.dest and not timeout.actions:
            self.sheet.report(path, "idle-timeout", name, key=True)

    def _check_actions(self, path: Path, actions: Actions, assignees: Collection[str] = ASSIGNEES) -> None:
        people = self.desk
        for index, action in enumerate(actions):
            at = (*path, index, action.kind)
            if people and action.assign:
                self.sheet.expect(at, "unknown-assignee", action.assign, [*people.teams, *people.members, *assignees])
            if people and action.escalate and people.ladder is None and "no-ladder" not in self.sheet.codes:
                self.sheet.report(at, "no-ladder")
            if people and action.notify:
                self.sheet.expect(at, "unknown-target", action.notify, [*ADDRESSEES, *people.members, *people.teams])
            if action.count:
                numbers = [name for name, field in self.spec.fields.items() if field.type == "int"]
                self.sheet.expect(at, "unknown-field", action.count, numbers)
            if action.call:
                self.sheet.expect(at, "unknown-host-action", action.call, self.hosts.actions)
            for name, value in (action.set or {}).items():
                if not self.sheet.expect((*at, name), "unknown-field", name, self.spec.fields, key=True):
                    continue
                reason = None if value is None else misfit(self.spec.fields[name], value)
                if reason:
                    self.sheet.report((*at, name), "bad-set-value", str(value), field=name, reason=reason)
