"""Inheritance worked out: what a state says itself goes before what its stage and its type say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from workflow.definition.duration import parse_duration
from workflow.definition.model import Level, Room, Sla, Stage, TicketTypeSpec
from workflow.definition.model import Timeout as TimeoutSpec
from workflow.definition.model import Transition as TransitionSpec
from workflow.definition.problems import Wrong
from workflow.definition.resolve import (
    Branch,
    SlaLevel,
    SlaRule,
    State,
    TicketType,
    Timeout,
    Trigger,
    first_state,
    state_names,
)

GOAL = "100%"
_SHARE = re.compile(r"([1-9][0-9]{0,2})%", re.ASCII)


def resolve(spec: TicketTypeSpec) -> TicketType:
    """Work out inheritance. The spec should have passed `check`; a dest that names no place is left as it stands."""
    names = state_names(spec)
    states = {name: _state(spec, name, stage, room, own, names) for name, (stage, room, own) in names.items()}
    initial = next((name for name, state in states.items() if state.stage == "intake"), "intake")
    slas = {name: _sla(name, at, sla, spec.calendar) for at, (name, sla) in enumerate(spec.sla.items())}
    return TicketType(spec.ticket_type, spec.version, spec, MappingProxyType(states), initial, MappingProxyType(slas))


def _sla(name: str, position: int, spec: Sla, calendar: str) -> SlaRule:
    levels = {level.at: _level(level) for level in spec.levels}
    if not any(level.is_goal for level in levels.values()):
        levels[GOAL] = SlaLevel(GOAL, 1, timedelta())
    return SlaRule(
        name, position, spec.goal, spec.calendar or calendar, spec.start, spec.stop, spec.pause, spec.reset,
        spec.cancel, spec.stop_by, spec.reopen, MappingProxyType(levels), spec.label,
    )  # fmt: skip


def _level(spec: Level) -> SlaLevel:
    return SlaLevel(spec.at, *level_place(spec.at), spec.actions, spec.repeat)


def level_place(text: str) -> tuple[float, timedelta]:
    """Return a level's share of the goal and its offset from there; raise ValueError for no level.

    >>> level_place("80%"), level_place("-1h")
    ((0.8, datetime.timedelta(0)), (1, datetime.timedelta(days=-1, seconds=82800)))
    """
    if found := _SHARE.fullmatch(text):
        return int(found[1]) / 100, timedelta()
    offset = parse_duration(text[1:]) if text[:1] in ("-", "+") else None
    if offset is None or offset.working_days:
        raise Wrong("bad-level", text=text)
    return 1, offset.length if text[0] == "+" else -offset.length


def _state(
    spec: TicketTypeSpec, name: str, stage: Stage, room: Room, own: Room | None, names: Mapping[str, object]
) -> State:
    path: tuple[str, ...] = ("stages", stage)
    rooms: list[tuple[tuple[str, ...], Room | TicketTypeSpec]] = [(path, room)]
    if stage != "archive":
        rooms.insert(0, ((), spec))
    if own is not None:
        rooms.append(((*path, "states", name.partition(".")[2]), own))
    triggers: dict[str, Trigger] = {}
    timeouts: dict[str, Timeout] = {}
    roles: tuple[str, ...] | None = None
    calendar = spec.calendar
    for path, outer in rooms:
        roles = outer.roles if outer.roles is not None else roles
        calendar = outer.calendar or calendar
        here = {
            trigger: _trigger(trigger, transition, roles, names, (*path, "transitions", trigger))
            for trigger, transition in outer.transitions.items()
            if transition is not None
        }
        triggers = here | {name: trigger for name, trigger in triggers.items() if name not in outer.transitions}
        for timer, timeout in outer.timeouts.items():
            timeouts.pop(timer, None)
            if timeout is not None:
                timeouts[timer] = _timeout(timer, timeout, calendar, names, (*path, "timeouts", timer))
    inner = own or room
    return State(
        name=name,
        stage=stage,
        team=next((outer.team for _, outer in reversed(rooms) if outer.team), None),
        label=inner.label or room.label,
        help=inner.help or room.help,
        triggers=MappingProxyType(triggers),
        timeouts=MappingProxyType(
            {timer: replace(timeout, position=at) for at, (timer, timeout) in enumerate(timeouts.items())}
        ),
    )


def _trigger(
    name: str,
    spec: TransitionSpec,
    roles: tuple[str, ...] | None,
    names: Mapping[str, object],
    origin: tuple[str, ...],
) -> Trigger:
    branches = tuple(
        Branch(
            _place(branch.dest, names),
            branch.conditions,
            branch.unless,
            branch.requires,
            branch.roles if branch.roles is not None else roles,
            branch.not_by,
            branch.back,
            branch.actions,
            branch.asks,
            branch.consent,
            branch.self_service,
            branch.identity,
        )
        for branch in spec.branches
    )
    return Trigger(name, branches, spec.label, spec.help, origin)


def _timeout(
    name: str, spec: TimeoutSpec, calendar: str, names: Mapping[str, object], origin: tuple[str, ...]
) -> Timeout:
    return Timeout(
        name,
        0,
        spec.after,
        spec.calendar or calendar,
        spec.every,
        spec.times,
        spec.late,
        Branch(_place(spec.dest, names), spec.conditions, spec.unless, back=spec.back, actions=spec.actions),
        spec.label,
        origin,
    )


def _place(dest: str | None, names: Mapping[str, object]) -> str | None:
    return dest and (first_state(names, dest) or dest)
