"""Where the ways of a type lead, and how a problem with them is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.definition.samples import TYPE, load

ACCEPT = "accept: handle"
HANDLE = "    transitions:\n      done: archive\n"


def told(folder: Path, text: str) -> list[tuple[str, str]]:
    return [(each.code, each.text) for each in load(folder, t=text)[1]]


@pytest.mark.parametrize(
    ("old", "new", "code", "values"),
    [
        (HANDLE, HANDLE + "      again: intake\n", "back-missing", {"source": "handle", "dest": "intake"}),
        (ACCEPT, "accept: {dest: handle, back: rework}", "back-not-backward", {"source": "intake", "dest": "handle"}),
        (ACCEPT, ACCEPT + "\n      stay: {dest: intake, back: rework}", "back-not-backward",
         {"source": "intake", "dest": "intake"}),
        (ACCEPT, ACCEPT + "\n      at_once: archive", "stage-skipped",
         {"text": "handle", "source": "intake", "dest": "archive"}),
        (HANDLE, HANDLE + "    states: {one: {}, two: {}}\n", "unreachable-state",
         {"text": "handle.two"}),
        (HANDLE, "    states: {one: {transitions: {done: archive, on: handle.two}}, two: {}}\n", "no-way-to-archive",
         {"text": "handle.two"}),
        (ACCEPT, ACCEPT + "\n    timeouts: {a: {after: 1h, dest: intake}, b: {after: 2h, dest: intake}}", "timer-loop",
         {"text": "a, b"}),
        ("    team: front\n    transitions:\n      accept: handle",
         "    transitions:\n      accept: {dest: handle, actions: [notify: lead]}", "nobody-to-tell",
         {"text": "notify: lead", "state": "handle"}),
        (ACCEPT, "accept: {dest: handle, conditions: 'kind == \"c\"'}", "condition-value",
         {"text": "c", "variable": "kind", "known": "a, b"}),
        (ACCEPT, "accept: {dest: handle, conditions: 'kind == a'}", "condition-text-unquoted", {"text": "a"}),
        (ACCEPT, "accept: {dest: handle, conditions: '1 < 2'}", "condition-always",
         {"text": "1 < 2", "answer": "true"}),
        (ACCEPT, "accept: {dest: handle, conditions: 'assignee == \"li\"'}", "condition-of-chance",
         {"text": "assignee"}),
        (ACCEPT, "accept: {dest: handle, conditions: ok}", "unquoted-condition", {"text": "ok", "quoted": "'ok'"}),
        (ACCEPT, "accept: {dest: handle,\n        conditions: n > 2}", "unquoted-condition",
         {"text": "n > 2", "quoted": "'n > 2'"}),
        (ACCEPT, ACCEPT + "\n    timeouts: {t: {after: 1h, every: 2h, dest: handle}}", "every-does-more",
         {"text": "dest"}),
        (ACCEPT, ACCEPT + "\n    timeouts: {t: {after: 1h, late: {skip_after: 2h}, actions: [reassign]}}",
         "late-does-more", {"text": "reassign"}),
        (ACCEPT, ACCEPT + "\n    timeouts: {t: {after: 1h}}", "idle-timeout", {"text": "t"}),
        ("team: front", "team: front\n    calendar: ofice", "unknown-calendar", {"text": "ofice", "near": "office"}),
    ],
)  # fmt: skip
def test_a_problem_names_what_it_is_about(
    old: str, new: str, code: str, values: dict[str, Any], tmp_path: Path
) -> None:
    assert TYPE.count(old) == 1
    (problem,) = load(tmp_path, t=TYPE.replace(old, new))[1]
    assert problem.code == code
    assert {name: problem.values[name] for name in values} == values
    assert problem.text == problem.values["text"]


def test_constants_neither_hide_nor_shut_out_a_branch(tmp_path: Path) -> None:
    """What always holds asks nothing: branches are compared without it. What never holds takes no ticket."""
    always = ("condition-always", "1 < 2")
    ways = {
        "[{dest: handle, conditions: ['1 < 2', 'ok']}, {dest: handle, conditions: 'ok'}]": [
            always, ("dead-branch", ""),
        ],
        "[{dest: handle, unless: ['2 < 1', 'ok']}, {dest: handle, unless: 'ok'}]": [
            ("condition-always", "2 < 1"), ("dead-branch", ""),
        ],
        "[{dest: handle, conditions: '2 < 1'}, {dest: handle}]": [("condition-always", "2 < 1")],
        "[{dest: handle, unless: '1 < 2'}, {dest: handle}]": [always],
        "[{dest: handle, conditions: 'ok'}, {dest: handle, unless: 'ok'}]": [],
        "[{dest: handle, conditions: 'ok'}, {dest: handle, conditions: 'n > 2'}, {dest: handle}]": [],
        "[{dest: handle, conditions: ['ok', 'n > 2']}, {dest: handle, conditions: 'ok'}]": [],
    }  # fmt: skip
    for way, problems in ways.items():
        assert told(tmp_path, TYPE.replace(ACCEPT, f"accept: {way}")) == problems, way


def test_a_branch_that_is_shut_out_leads_nowhere(tmp_path: Path) -> None:
    text = TYPE.replace(ACCEPT, "accept: [{dest: handle}, {dest: review}]")
    text = text.replace("skips: [", "skips: [handle, ").replace(
        "  archive: {}", "  review: {transitions: {checked: archive}}\n  archive: {}"
    )
    assert told(tmp_path, text) == [("dead-branch", ""), ("unreachable-state", "review")]


def test_only_the_round_itself_is_a_loop(tmp_path: Path) -> None:
    """Timeouts that lead into a round, or out of it, are not named; two rounds are told apart."""
    states = {
        "one": "{on: {after: 1h, dest: handle.two}}",
        "two": "{there: {after: 1h, dest: handle.three}}",
        "three": "{home: {after: 1h, dest: handle.two}, out: {after: 2h, dest: handle.four}}",
        "four": "{round: {after: 1h, dest: handle.four}}",
    }
    inner = "".join(f"      {name}: {{timeouts: {timeouts}}}\n" for name, timeouts in states.items())
    text = TYPE.replace(HANDLE, HANDLE + "    states:\n" + inner)
    assert told(tmp_path, text) == [("timer-loop", "there, home"), ("timer-loop", "round")]
    for name, entry in states.items():
        bounded = text.replace(entry, entry.replace("after: 1h", "times: 2, after: 1h"))
        loops = {"two": ["round"], "three": ["round"], "four": ["there, home"]}.get(name, ["there, home", "round"])
        assert [loop for _, loop in told(tmp_path, bounded)] == loops, name


def test_what_the_desk_would_know_goes_unchecked_without_it(tmp_path: Path) -> None:
    condition = "'customer.fone == \"1\" && nn > 2'"
    text = TYPE.replace(ACCEPT, f"accept: {{dest: handle, roles: [x], conditions: {condition}, actions: [notify: y]}}")
    _, problems = load(tmp_path, None, t=text)
    assert [(each.code, each.text) for each in problems] == [("no-desk", ""), ("condition-unknown-name", "nn")]
