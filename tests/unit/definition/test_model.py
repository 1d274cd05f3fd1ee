"""The shape of a definition: short forms, durations, inheritance, and the schema that editors read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from tests.unit.definition.samples import DESK, TYPE
from workflow.definition.desk import DeskSpec
from workflow.definition.document import content_hash
from workflow.definition.duration import Duration, parse_duration
from workflow.definition.inheritance import resolve
from workflow.definition.model import Action, FieldSpec, TicketTypeSpec, Transition
from workflow.definition.problems import RULES, Wrong
from workflow.definition.resolve import TicketType
from workflow.definition.schema import json_schema


def type_of(**stages: Any) -> TicketType:
    data = {"ticket_type": "t", "version": 1, "stages": {"intake": {}, "archive": {}} | stages}
    return resolve(TicketTypeSpec.model_validate(data))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("3d", 259_200), ("PT1H30M", 5400), ("P1DT1S", 86_401)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == Duration(text, timedelta(seconds=seconds))
    assert str(parse_duration(text)) == text
    assert parse_duration(parse_duration(text)) == parse_duration(text)


def test_working_days_are_no_length() -> None:
    assert parse_duration("2wd") == Duration("2wd", working_days=2)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(text, "bad-duration") for text in (
            "", "P", "PT", "1", 7, None, "1 h", "1.5h", "-1h", "2w", "1mo", "1y", "P1M", "１h", "30m1h", "2wd4h",
            "9999999wd",
        )],
        *[(text, "zero-duration") for text in ("0s", "0h0m", "0wd", "PT0S")],
        *[(text, "long-duration") for text in ("3661d", "9999999s", "87841h")],
    ],
)  # fmt: skip
def test_what_is_no_duration(text: object, code: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse_duration(text)
    assert caught.value.code == code
    assert str(caught.value) == RULES[code].sentence.format(text=text)


def test_short_forms_mean_their_long_forms() -> None:
    long = Transition.model_validate({"branches": [{"dest": "handle"}]})
    assert Transition.model_validate("handle") == Transition.model_validate({"dest": "handle"}) == long
    assert Transition.model_validate([{"dest": "handle"}]) == long
    assert Transition.model_validate(long) is long
    stay = Transition.model_validate({})
    assert stay.branches[0].dest is None
    shared = Transition.model_validate(
        {"label": "Done", "roles": "agent", "branches": [{"dest": "archive", "conditions": "ok"}, {"roles": ["lead"]}]}
    )
    assert shared.label == {"en": "Done"}
    assert [branch.roles for branch in shared.branches] == [("agent",), ("lead",)]
    assert shared.branches[0].conditions == ("ok",)
    assert Action.model_validate("escalate") == Action.model_validate({"escalate": True})
    assert Action.model_validate({"tag": "重点"}).tag == ("重点",)
    assert Action.model_validate(Action(notify="lead")) == Action(notify="lead")
    assert FieldSpec.model_validate({"type": "choice", "choices": ["a"]}).choices == {"a": {}}


def test_privacy_of_fields() -> None:
    assert FieldSpec(type="text").private
    assert FieldSpec(type="int", pii=True).private
    assert not FieldSpec(type="int").private


def test_labels_and_comments_are_no_part_of_the_meaning() -> None:
    plain = TicketTypeSpec.model_validate(yaml.safe_load(TYPE))
    worded = TicketTypeSpec.model_validate(yaml.safe_load(TYPE) | {"label": "T", "help": {"zh": "票"}})
    other = TicketTypeSpec.model_validate(yaml.safe_load(TYPE) | {"skips": ["classify"]})
    assert content_hash(plain) == content_hash(worded) == resolve(plain).content_hash
    assert content_hash(plain) != content_hash(other)


def test_an_inner_place_overrides_the_one_around_it() -> None:
    spec = TicketTypeSpec.model_validate({
        "ticket_type": "t", "version": 1, "team": "front", "roles": "agent",
        "transitions": {"close": "archive", "note": {}},
        "timeouts": {"slow": {"after": "1h", "actions": ["escalate"]}, "lost": {"after": "9d", "dest": "archive"}},
        "stages": {
            "intake": {"label": "In", "transitions": {"close": None, "go": {"dest": "handle", "roles": ["lead"]}}},
            "handle": {
                "label": "Handle", "team": "back", "roles": ["office"], "transitions": {"ask": {}},
                "timeouts": {"slow": {"after": "2h", "actions": ["escalate"]}},
                "states": {
                    "one": {"transitions": {"ask": None, "close": {"dest": "archive", "requires": "why"}}},
                    "two": {"label": "Two", "team": "far", "timeouts": {"lost": None}},
                },
            },
            "archive": None,
        },
    })  # fmt: skip
    definition = resolve(spec)
    assert list(definition.states) == ["intake", "handle.one", "handle.two", "archive"]
    assert definition.initial == "intake"
    intake, one, two, archive = definition.states.values()
    assert [list(state.triggers) for state in definition.states.values()] == [
        ["go", "note"], ["close", "note"], ["ask", "close", "note"], [],
    ], "the nearest first"  # fmt: skip
    assert [state.team for state in (intake, one, two, archive)] == ["front", "back", "far", None]
    assert [state.label for state in (intake, one, two)] == [{"en": "In"}, {"en": "Handle"}, {"en": "Two"}]
    assert intake.triggers["go"].branches[0].dest == "handle.one", "a stage is entered by its first state"
    assert intake.triggers["go"].branches[0].roles == ("lead",)
    assert two.triggers["ask"].branches[0].roles == ("office",)
    assert two.triggers["close"].branches[0].roles == ("agent",), "the roles of the place that declares it"
    assert one.triggers["close"].branches[0].requires == ("why",)
    assert {name: (timeout.position, timeout.after.text) for name, timeout in one.timeouts.items()} == {
        "lost": (0, "9d"), "slow": (1, "2h"),
    }  # fmt: skip
    assert list(two.timeouts) == ["slow"]
    assert one.triggers["close"].origin == ("stages", "handle", "states", "one", "transitions", "close")
    assert definition.triggers == {"note", "go", "close", "ask"}
    assert definition.stage_of("handle.two") == "handle"


def test_a_dest_that_names_no_place_is_left_as_it_stands() -> None:
    definition = type_of(intake={"transitions": {"go": "handle"}})
    assert definition.states["intake"].triggers["go"].branches[0].dest == "handle"
    spec = TicketTypeSpec.model_validate({"ticket_type": "t", "version": 1, "stages": {}})
    assert resolve(spec).initial == "intake"


TYPE_SCHEMA = Draft202012Validator(json_schema("type"))
DESK_SCHEMA = Draft202012Validator(json_schema("desk"))


@pytest.mark.parametrize("schema", [TYPE_SCHEMA, DESK_SCHEMA], ids=["type", "desk"])
def test_the_schema_is_one(schema: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(schema.schema)


WITH = "accept: handle"


@pytest.mark.parametrize(
    "way",
    [
        "accept: handle",
        "accept: {dest: handle}",
        "accept: [{dest: handle, conditions: 'ok'}, {dest: handle}]",
        "accept: {label: Go, roles: agent, branches: [{dest: handle, conditions: ['ok', {call: is_vip}]}, {}]}",
        "accept: {label: {en: Go, zh: 走}, help: x, unless: {call: is_vip}, requires: note, not_by: intake}",
        "accept: {dest: handle, actions: [escalate, {escalate: true}, notify: lead, tag: [a, 重点], {set: {n: 1}}]}",
        "accept: handle\n      done: null",
        "accept: handle\n    timeouts: {t: {after: 1h, dest: handle, times: 3, label: T}, u: null}",
        "accept: handle\n    states: [one, two]",
        "accept: handle\n    states: {one: null, two: {label: Two}}",
    ],
)
def test_the_schema_accepts_what_the_reader_accepts(way: str) -> None:
    data = yaml.safe_load(TYPE.replace(WITH, way))
    TicketTypeSpec.model_validate(data)
    TYPE_SCHEMA.validate(data)


@pytest.mark.parametrize(
    "way",
    [
        "accept: 7",
        "accept: []",
        "accept: {dset: handle}",
        "accept: Handle",
        "accept: {dest: handle, back: maybe}",
        "accept: {dest: handle, actions: escalate}",
        "accept: {dest: handle, actions: [fly]}",
        "accept: {dest: handle, actions: [{notify: lead, assign: front}]}",
        "accept: {dest: handle, actions: [{escalate: false}]}",
        "accept: {dest: handle, actions: [{notify: null}]}",
        "accept: {dest: handle, conditions: 7}",
        "accept: {dest: handle, conditions: {cal: is_vip}}",
        "Accept: handle",
        "accept: handle\n    timeouts: {t: {dest: handle}}",
        "accept: handle\n    timeouts: {t: {after: 5, dest: handle}}",
        "accept: handle\n    label: {EN: x}",
        "accept: handle\n    tema: front",
        "accept: handle\n  arcive: {}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(way: str) -> None:
    data = yaml.safe_load(TYPE.replace(WITH, way))
    with pytest.raises(ValidationError):
        TicketTypeSpec.model_validate(data)
    assert list(TYPE_SCHEMA.iter_errors(data))


CLOCKS = [
    "{goal: 4h, start: intake, stop: archive}",
    "{goal: {low: 2wd, default: PT4H}, calendar: office, start: [intake], stop: archive, pause: handle, reset: accept,"
    " cancel: [done], stop_by: person, reopen: ignore, label: {zh: 钟}, levels: [{at: 80%},"
    " {at: -1h, actions: [escalate, {notify: owner}]}, {at: 100%, repeat: true}]}",
]
NO_CLOCKS = [
    "{goal: 4h, start: intake}",
    "{goal: 4, start: intake, stop: archive}",
    "{goal: 4h, start: Intake, stop: archive}",
    "{goal: 4h, start: intake, stop: archive, stop_by: agent}",
    "{goal: 4h, start: intake, stop: archive, levels: [{at: 80%, dest: handle}]}",
    "{goal: 4h, start: intake, stop: archive, levels: [{actions: [escalate]}]}",
]


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_schema_accepts_clocks(clock: str) -> None:
    data = yaml.safe_load(TYPE) | {"sla": {"c": yaml.safe_load(clock)}}
    TicketTypeSpec.model_validate(data)
    TYPE_SCHEMA.validate(data)


@pytest.mark.parametrize("clock", NO_CLOCKS)
def test_the_schema_refuses_what_is_no_clock(clock: str) -> None:
    data = yaml.safe_load(TYPE) | {"sla": {"c": yaml.safe_load(clock)}}
    with pytest.raises(ValidationError):
        TicketTypeSpec.model_validate(data)
    assert list(TYPE_SCHEMA.iter_errors(data))


def test_the_schema_of_the_desk() -> None:
    data = yaml.safe_load(DESK)
    DeskSpec.model_validate(data)
    DESK_SCHEMA.validate(data)
    broken: list[dict[str, object]] = [
        {"zone": None},
        {"teams": {"a": {}}},
        {"members": {"Li": {}}},
        {"roles": {"a": {"may": ["fly"]}}},
        {"x": 1},
        {"ladder": {}},
        {"ladder": {"rungs": [{"after": "1h"}]}},
        {"ladder": {"rungs": [], "counts_from": "now"}},
        {"members": {"li": {"shift": ["day"]}}},
        {"calendars": {"office": {"weekly": "daily"}}},
    ]
    for change in broken:
        assert list(DESK_SCHEMA.iter_errors(data | change))
