"""The seven ticket types and the desk that come with the program: whole, in two languages, true to their sources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import pytest
import yaml
from jsonschema import Draft202012Validator

from workflow.definition.holidays import holiday_table
from workflow.definition.hours import OpeningHours
from workflow.definition.model import STAGES, FieldSpec, Room, TicketTypeSpec
from workflow.definition.parse import load_definitions
from workflow.definition.resolve import ALWAYS, Definitions, TicketType
from workflow.definition.schema import json_schema
from workflow.definition.shipped import shipped_folder

TYPES = ["activation", "complaint", "emergency", "follow_up", "inquiry", "service", "suggestion"]
FOLDER = shipped_folder()
FILES = sorted(FOLDER.glob("*.yaml"))
PROCESS = re.compile(r"#.*\bP([1-9]|[123]\d|40)\b")


@pytest.fixture(scope="module")
def shipped() -> Definitions:
    definitions, problems = load_definitions(FOLDER)
    assert [problem.code for problem in problems] == ["anybody-acts"]
    assert definitions is not None
    return definitions


@pytest.fixture(params=TYPES)
def ticket_type(request: pytest.FixtureRequest, shipped: Definitions) -> TicketType:
    return shipped.types[request.param]


def test_there_are_seven_types(shipped: Definitions) -> None:
    assert sorted(shipped.types) == TYPES
    assert sorted(file.stem for file in FILES) == sorted([*TYPES, "desk", "rules"])


def words(spec: TicketTypeSpec) -> Iterator[tuple[str, dict[str, str], dict[str, str] | None]]:
    """Everything in a type that people read: where it stands, its label, its help (None where it has none)."""
    yield "type", spec.label, spec.help
    for name, field in spec.fields.items():
        yield f"field {name}", field.label, field.help
        yield from choices(name, field)
    yield from room_words("everywhere", spec)
    for name, clock in spec.sla.items():
        yield f"clock {name}", clock.label, None
    for stage, room in spec.stages.items():
        assert room is not None, f"{stage} says nothing about itself"
        yield f"stage {stage}", room.label, room.help
        yield from room_words(stage, room)
        for name, state in room.states.items():
            assert state is not None, f"{stage}.{name} says nothing about itself"
            yield f"state {stage}.{name}", state.label, state.help
            yield from room_words(f"{stage}.{name}", state)


def choices(name: str, field: FieldSpec) -> Iterator[tuple[str, dict[str, str], None]]:
    for choice, label in field.choices.items():
        yield f"choice {name}={choice}", label, None


def room_words(place: str, room: Room | TicketTypeSpec) -> Iterator[tuple[str, dict[str, str], dict[str, str] | None]]:
    for name, transition in room.transitions.items():
        if transition:
            yield f"{place}: {name}", transition.label, transition.help
    for name, timeout in room.timeouts.items():
        if timeout:
            yield f"{place}: {name}", timeout.label, None


def test_everything_is_said_in_both_languages(ticket_type: TicketType) -> None:
    for place, label, help_text in words(ticket_type.spec):
        for text in (label, help_text):
            assert text is None or (set(text) == {"en", "zh"} and all(text.values())), f"{place}: {text}"
            if text:
                assert not re.search(r"[\u4e00-\u9fff]", text["en"]), f"{place}: {text['en']}"
                assert re.search(r"[\u4e00-\u9fff]", text["zh"]), f"{place}: {text['zh']}"
        assert len(label["en"]) <= 40, f"{place}: a label is short"


def test_the_desk_is_labelled_in_both_languages(shipped: Definitions) -> None:
    desk = shipped.desk
    parts = (desk.roles, desk.teams, desk.members, desk.customer.fields, desk.calendars)
    labels = [desk.label, *(part.label for named in parts for part in named.values())]
    assert all(set(label) == {"en", "zh"} for label in labels)


def test_a_label_means_one_thing(ticket_type: TicketType) -> None:
    """Two triggers that a person can choose from in one state never look the same."""
    for state in ticket_type.states.values():
        for language in ("en", "zh"):
            seen = [trigger.label[language] for trigger in state.triggers.values()]
            assert len(seen) == len(set(seen)), f"{state.name}: {seen}"


def reached(ticket_type: TicketType, *, by_timers: bool = False, start: str | None = None) -> set[str]:
    """The states that people (or timers) alone can reach."""
    found, todo = set[str](), [start or ticket_type.initial]
    while todo:
        state = ticket_type.states[todo.pop()]
        if by_timers:
            branches = [timeout.branch for timeout in state.timeouts.values()]
        else:
            branches = [branch for trigger in state.triggers.values() for branch in trigger.branches]
        todo += [branch.dest for branch in branches if branch.dest and branch.dest not in found]
        found.update(branch.dest for branch in branches if branch.dest)
    return found


def test_people_can_reach_every_state_and_from_each_the_archive(ticket_type: TicketType) -> None:
    assert reached(ticket_type) | {ticket_type.initial} == set(ticket_type.states)
    for name in ticket_type.states.keys() - {"archive"}:
        assert "archive" in reached(ticket_type, start=name), name


def test_no_loop_is_walked_by_timers_alone(ticket_type: TicketType) -> None:
    for name in ticket_type.states:
        assert name not in reached(ticket_type, by_timers=True, start=name), name


def test_every_handling_is_watched_by_a_clock(ticket_type: TicketType) -> None:
    """In every state where a case is handled a timeout or a clock tells somebody; `check` warns of the others."""
    for state in ticket_type.states.values():
        clocks = [clock for clock in ticket_type.slas.values() if state.name not in clock.pause]
        assert state.timeouts or (clocks and state.stage == "handle") or state.name == "archive", state.name


def test_no_limit_lies_beyond_what_the_announced_holidays_reach() -> None:
    """On the last working days of a year alone may `check` warn of due times after it."""
    last = holiday_table("cn").announced_through
    for left, codes in ((14, []), (1, ["holidays-unannounced"])):
        _, problems = load_definitions(FOLDER, today=last - timedelta(days=left))
        assert [problem.code for problem in problems] == ["anybody-acts", *codes]


def test_skips_says_what_is_passed_by_and_no_more(ticket_type: TicketType) -> None:
    passed = set(STAGES) - set(ticket_type.spec.stages)
    for state in ticket_type.states.values():
        triggers = [each for each in state.triggers.values() if each.name not in ticket_type.spec.transitions]
        branches = [branch for trigger in triggers for branch in trigger.branches]
        for branch in [*branches, *(timeout.branch for timeout in state.timeouts.values())]:
            there = ticket_type.stage_of(branch.dest or state.name)
            passed.update(STAGES[STAGES.index(state.stage) + 1 : STAGES.index(there)])
    assert ticket_type.spec.skips == tuple(stage for stage in STAGES if stage in passed)


def test_the_archive_says_how_it_ended(ticket_type: TicketType) -> None:
    for state in ticket_type.states.values():
        for trigger in state.triggers.values():
            for branch in trigger.branches:
                if branch.dest == "archive":
                    outcome = [action.set["outcome"] for action in branch.actions if action.set]
                    assert len(outcome) == 1
                    assert outcome[0] in ticket_type.fields["outcome"].choices
                    assert outcome == ["resolved"] or branch.requires, f"{trigger.name}: an early end has a reason"


def test_an_agent_who_is_unsure_can_ask_the_lead_anywhere_in_handling(ticket_type: TicketType) -> None:  # P38
    for state in ticket_type.states.values():
        if state.stage == "handle":
            (branch,) = state.triggers["ask_lead"].branches
            assert branch.dest is None
            assert branch.actions, state.name


def test_nobody_reviews_their_own_work(ticket_type: TicketType) -> None:  # P16
    for state in ticket_type.states.values():
        if state.stage == "review":
            for name in ("passed", "failed"):
                (branch,) = state.triggers[name].branches
                assert branch.roles == ("reviewer",)
                assert branch.not_by in (("handle",), ("classify",))
                assert branch.asks == ("review_faults", "review_reason") or name == "passed"


def test_a_bare_contact_can_be_opened(ticket_type: TicketType) -> None:
    assert [name for name, field in ticket_type.fields.items() if field.required] == ["statement"]


@pytest.mark.parametrize(
    ("name", "state", "after", "row"),
    [
        ("complaint", "handle.specialist_call", "24h", "P4"),
        *((name, "callback", "24h", "P23") for name in TYPES if name != "activation"),
        ("activation", "callback.phone_call", "24h", "P23"),
    ],
)
def test_limits_that_the_guides_set(shipped: Definitions, name: str, state: str, after: str, row: str) -> None:
    """What the guides count in hours counts by day and by night."""
    timeouts = shipped.types[name].states[state].timeouts.values()
    found = [(str(each.after), each.calendar, each.branch.actions[0].kind) for each in timeouts if each.branch.actions]
    assert (after, "always", "escalate") in found, row


@pytest.mark.parametrize("name", [name for name in TYPES if name != "emergency"])
def test_an_answer_is_due_in_three_days(shipped: Definitions, name: str) -> None:  # P5, P22
    clock = shipped.types[name].slas["setup" if name == "activation" else "reply"]
    assert (str(clock.goal_for("normal")), clock.calendar, clock.stop) == ("72h", "always", ("callback",))
    done = {at: [action.notify or action.kind for action in level.actions] for at, level in clock.levels.items()}
    assert done == {"-1h": ["owner"], "100%": ["escalate"]}


def test_a_technician_calls_five_minutes_after_the_intake(shipped: Definitions) -> None:  # P21
    clock = shipped.types["emergency"].slas["first_call"]
    assert (str(clock.goal_for("normal")), clock.calendar, clock.start) == ("5m", "always", ("intake",))
    assert [action.kind for action in clock.levels["100%"].actions] == ["escalate", "notify"]


@pytest.mark.parametrize("name", [name for name in TYPES if name != "suggestion"])
def test_progress_is_told_every_two_hours(shipped: Definitions, name: str) -> None:  # P20
    clock = shipped.types[name].slas["progress"]
    assert (str(clock.goal_for("normal")), clock.reset) == ("2h", ("progress_given",))
    assert clock.levels["100%"].repeat
    assert clock.levels["100%"].actions[0].notify == "owner"


def test_the_desk_keeps_service_hours(shipped: Definitions) -> None:  # P39
    hours = OpeningHours(shipped.desk.calendars["desk"], shipped.desk.zone)
    assert hours.day(date(2026, 3, 2)).segments == ((9 * 60, 18 * 60 + 30),)
    assert not hours.day(date(2026, 3, 7)).segments, "a Saturday"
    assert not hours.day(date(2026, 10, 1)).segments, "the National Day"
    assert hours.day(date(2026, 10, 10)).segments, "a Saturday that makes up for it"
    always = {name for name, each in shipped.types.items() if each.spec.calendar == ALWAYS}
    assert always == {"emergency"}, "an emergency does not wait for the morning"


def test_the_ladder_goes_up_to_the_region_and_can_be_answered_on_every_rung(shipped: Definitions) -> None:  # P37
    desk = shipped.desk
    assert desk.ladder is not None
    assert [rung.to for rung in desk.ladder.rungs] == ["lead", "supervisor", "region_01"]
    told = {lead for team in desk.teams.values() for lead in team.lead} | {"region_01"}
    told |= {name for name, member in desk.members.items() if "supervisor" in member.roles}
    for name in told:
        assert any("acknowledge" in desk.roles[role].may for role in desk.members[name].roles), name
    holders = {role for role, spec in desk.roles.items() if "acknowledge" in spec.may}
    assert holders == {"lead", "supervisor", "region"}, "whoever holds it and moves a ticket has acknowledged"


def test_a_lead_can_take_over_whatever_is_talked_about_with_a_customer(shipped: Definitions) -> None:  # P10, P38
    for name in TYPES:
        for state in shipped.types[name].states.values():
            if state.stage == "handle" and state.name != "handle.with_lead":
                (branch,) = state.triggers["take_over"].branches
                assert (branch.dest, branch.roles) == ("handle.with_lead", ("lead", "supervisor")), state.name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_limit_cites_its_process(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    for line in limit_lines(yaml.compose(text)):
        assert PROCESS.search(lines[line]), f"{file.name}:{line + 1}: {lines[line].strip()}"


def limit_lines(node: yaml.Node | None) -> Iterator[int]:
    """The lines, from 0, on which the name of a timeout or a clock stands, or one of what the whole desk says."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.value == "calendars":
            yield key.start_mark.line - 1
        elif key.value == "ladder":
            yield key.start_mark.line
        elif key.value in ("timeouts", "sla"):
            yield from (name.start_mark.line for name, timeout in value.value if timeout.tag.endswith("map"))
        else:
            yield from limit_lines(value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_editors_are_told_the_schema(file: Path) -> None:
    schema = file.stem if file.stem in ("desk", "rules") else "ticket-type"
    first, *_ = file.read_text(encoding="utf-8").splitlines()
    assert first == f"# yaml-language-server: $schema={schema}.schema.json"
    stored = json.loads((FOLDER / f"{schema}.schema.json").read_text(encoding="utf-8"))
    which: Literal["desk", "rules", "type"] = "desk" if schema == "desk" else "rules" if schema == "rules" else "type"
    assert stored == json_schema(which), "write it anew with `ticketflow schema`"
    Draft202012Validator.check_schema(stored)
    Draft202012Validator(stored).validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_a_trial_desk_works_out_of_the_box_and_denies_by_default(shipped: Definitions) -> None:
    desk = shipped.desk
    assert desk.default_actor is not None
    allowed = {verb for role in desk.members[desk.default_actor].roles for verb in desk.roles[role].may}
    assert "open" in allowed
    assert not allowed & {"assign", "reveal", "apply"}
    assert all(desk.roles[role].may for role in desk.roles)


def test_every_team_can_work(shipped: Definitions) -> None:
    """Whoever is in the team of a state, or leads it where the lead took over, may use a trigger that leads on."""
    desk = shipped.desk
    for ticket_type in shipped.types.values():
        for state in ticket_type.states.values():
            if state.stage == "archive":
                continue
            assert state.team, f"{ticket_type.name}: {state.name} belongs to no team"
            team = desk.teams[state.team]
            onward = set(state.triggers) - set(ticket_type.spec.transitions) - {"ask_lead", "progress_given"}
            for member in team.lead if state.name == "handle.with_lead" else team.members:
                held = set(desk.members[member].roles)
                assert any(
                    branch.roles is None or held & set(branch.roles)
                    for name in onward
                    for branch in state.triggers[name].branches
                ), f"{ticket_type.name}: {member} can do nothing in {state.name}"
