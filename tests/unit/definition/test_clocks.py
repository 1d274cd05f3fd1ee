"""Where a type's clocks run: which states somebody watches, which pauses end, and which goals cannot be kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.definition.samples import DESK, load

TYPE = """\
ticket_type: t
version: 1
skips: [classify, review, callback]
stages:
  intake:
    team: front
    transitions:
      accept: handle.one
      hand_on: handle.two
    timeouts: {unseen: {after: 1h, actions: [notify: lead]}}
  handle:
    transitions: {done: archive}
    states:
      one: {transitions: {next: handle.two, ask: handle.asking, told: {}}}
      two: {transitions: {again: handle.one}}
      asking: {transitions: {answered: handle.one, asked_more: handle.waiting}}
      waiting: {transitions: {came: handle.asking}, timeouts: {silent: {after: 24h, dest: handle.two}}}
  archive: {}
transitions: {withdraw: archive}
sla: {c: {goal: 48h, SLA}}
"""


def told(folder: Path, sla: str, text: str = TYPE) -> list[tuple[str, str]]:
    return [(each.code, each.text) for each in load(folder, t=text.replace("SLA", sla))[1]]


@pytest.mark.parametrize(
    ("sla", "unseen"),
    [
        ("start: handle, stop: archive", []),
        ("start: intake, stop: archive", []),
        ("start: [accept, hand_on], stop: done", []),
        ("start: handle.one, stop: archive", ["two"]),
        ("start: accept, stop: archive", ["one", "two", "asking"]),
        ("start: handle, stop: archive, pause: handle.asking", ["asking"]),
        ("start: handle, stop: [archive, next]", ["one", "two", "asking"]),
        ("start: handle, stop: handle.two", ["one", "two", "asking"]),
        ("start: handle, stop: archive, cancel: handle.waiting", ["one", "two", "asking"]),
        ("start: handle, stop: archive, cancel: ask", ["one", "two", "asking"]),
        ("start: handle, stop: archive, reset: ask", []),
        ("start: [handle, answered], stop: archive, cancel: answered", []),
    ],
)
def test_a_state_is_watched_if_a_clock_is_sure_to_run_there(sla: str, unseen: list[str], tmp_path: Path) -> None:
    assert told(tmp_path, sla) == [("resting-unseen", f"handle.{name}") for name in unseen]


def test_two_clocks_watch_more_than_one(tmp_path: Path) -> None:
    second = TYPE.replace("SLA}}", "SLA}, d: {goal: 1h, start: handle.two, stop: [archive, again]}}")
    assert told(tmp_path, "start: [handle.one, handle.asking], stop: [archive, next, silent]", second)[0] == (
        "unknown-mark", "silent",
    )  # fmt: skip
    assert told(tmp_path, "start: [handle.one, handle.asking], stop: [archive, next]", second) == []


def test_a_timeout_stops_only_what_anyone_may_stop(tmp_path: Path) -> None:
    stopped = TYPE.replace("silent: {after: 24h, dest: handle.two}", "silent: {after: 24h, dest: handle.left}")
    stopped = stopped.replace("      two: {", "      left: {transitions: {found: handle.two}}\n      two: {")
    anyone = "start: handle, stop: [archive, handle.left]"
    assert ("resting-unseen", "handle.left") in told(tmp_path, anyone, stopped)
    assert told(tmp_path, anyone + ", stop_by: person", stopped) == []


def test_entering_a_place_once_more_starts_only_by_its_own_name(tmp_path: Path) -> None:
    again = TYPE.replace("told: {}", "told: handle.one")
    assert told(tmp_path, "start: told, stop: [archive, handle.one]", again) == [("start-inside-stop", "told")]
    assert told(tmp_path, "start: [accept, hand_on, handle.one], stop: archive, cancel: told", again) == []
    around = told(tmp_path, "start: [accept, hand_on, handle], stop: archive, cancel: told", again)
    assert around == [("resting-unseen", f"handle.{name}") for name in ("one", "two", "asking")]


def test_the_way_out_of_one_pause_may_lead_through_another(tmp_path: Path) -> None:
    assert told(tmp_path, "start: intake, stop: archive, pause: [handle.waiting, handle.asking]") == [
        ("resting-unseen", "handle.asking")
    ]
    walled = TYPE.replace("{answered: handle.one, asked_more", "{done: null, asked_more")
    walled = walled.replace("dest: handle.two}", "dest: handle.asking}").replace("came:", "done: null, came:")
    code = ("pause-without-end", "handle.asking")
    assert code in told(tmp_path, "start: intake, stop: archive, pause: [handle.waiting, handle.asking]", walled)
    assert code not in told(tmp_path, "start: intake, stop: archive, pause: handle.waiting", walled)


@pytest.mark.parametrize(
    ("after", "goal", "outlasts"),
    [
        ("after: 4h", "goal: 4h", False),
        ("after: 5h", "goal: 4h", True),
        ("after: 5h", "goal: {urgent: 4h, default: 6h}", False),
        ("after: 5h", "goal: 4h, pause: handle.waiting", False),
        ("after: 5h, calendar: office", "goal: 4h", True),
        ("after: 5h", "goal: 4h, calendar: office", False),
        ("after: 5h, calendar: office", "goal: 4h, calendar: office", True),
        ("after: 3wd, calendar: office", "goal: 2wd, calendar: office", True),
        ("after: 2wd, calendar: office", "goal: 3wd, calendar: office", False),
        ("after: 5h, calendar: office", "goal: 2wd, calendar: office", False),
        ("after: 2wd, calendar: office", "goal: 4h, calendar: office", False),
    ],
)
def test_a_timeout_that_moves_a_ticket_after_the_goal(after: str, goal: str, outlasts: bool, tmp_path: Path) -> None:
    text = TYPE.replace("after: 24h", after).replace("goal: 48h, SLA", f"{goal}, start: intake, stop: archive")
    assert told(tmp_path, "", text) == ([("goal-outlasted", after.split(",")[0][7:])] if outlasts else [])


CHAIN = """\
ticket_type: t
version: 1
skips: [classify, review, callback]
stages:
  intake: {team: front, transitions: {accept: handle}, timeouts: {first: {after: 3h, dest: handle.one}}}
  handle:
    transitions: {done: archive}
    states:
      one: {timeouts: {second: {after: 2h, calendar: office, dest: handle.two}}}
      two: {timeouts: {third: {after: 4h, dest: handle.three}}}
      three: {timeouts: {back: {after: 1h, times: 3, dest: handle.one}}}
  archive: {}
sla: {c: {goal: 9h, start: intake, stop: archive}}
"""


@pytest.mark.parametrize(
    ("old", "new", "outlasting"),
    [
        ("", "", {"3h + 2h + 4h + 1h", "2 × 4h + 1h + 2h"}),
        ("goal: 9h", "goal: 8h", {"3h + 2h + 4h"}),
        ("goal: 9h", "goal: 29h", {"3h + 4 × 2h + 4 × 4h + 3 × 1h"}),
        ("goal: 9h", "goal: 30h", set()),
        ("goal: 9h", "goal: {high: 2h, default: 31h}", set()),
        ("goal: 9h", "goal: 9h, pause: handle.two", {"3h + 3 × 2h + 2 × 1h"}),
        ("goal: 9h", "goal: 9h, reset: handle.three", set()),
        ("goal: 9h", "goal: 9h, cancel: handle.three", set()),
        ("goal: 9h", "goal: 7h, calendar: office", {"4 × 2h"}),
        ("goal: 9h", "goal: 8h, calendar: office", set()),
        ("times: 3, ", "", {"timer-loop"}),
        ("times: 3", "times: 1000", {"3h + 2h + 4h + 1h", "2 × 4h + 1h + 2h"}),
    ],
)
def test_timeouts_that_outlast_a_goal_one_after_the_other(
    old: str, new: str, outlasting: set[str], tmp_path: Path
) -> None:
    found = load(tmp_path, t=CHAIN.replace(old, new))[1]
    codes = {each.code: each.text for each in found}
    if "timer-loop" in codes:
        assert outlasting == set(codes)
    else:
        assert {each.text for each in found if each.code == "goal-outlasted"} == outlasting


def test_a_notice_may_come_after_the_goal(tmp_path: Path) -> None:
    text = TYPE.replace("dest: handle.two}", "actions: [notify: lead]}")
    assert told(tmp_path, "start: intake, stop: archive", text.replace("goal: 48h", "goal: 4h")) == []


def test_a_goal_is_compared_only_where_its_clock_may_run(tmp_path: Path) -> None:
    text = TYPE.replace("goal: 48h", "goal: 4h")
    assert ("goal-outlasted", "24h") not in told(tmp_path, "start: intake, stop: handle", text)
    assert ("goal-outlasted", "24h") in told(tmp_path, "start: accept, stop: next", text)


def test_the_problem_names_its_values(tmp_path: Path) -> None:
    text = TYPE.replace("SLA", "start: intake, stop: archive").replace("goal: 48h", "goal: 4h")
    (outlasted,) = load(tmp_path, t=text)[1]
    assert (outlasted.values["sla"], outlasted.values["goal"], outlasted.severity) == ("c", "4h", "warning")
    (inside,) = load(tmp_path, t=TYPE.replace("SLA", "start: [intake, handle.one], stop: [done, handle]"))[1]
    assert (inside.code, inside.text, inside.values["stop"]) == ("start-inside-stop", "handle.one", "handle")
    (never,) = load(tmp_path, t=TYPE.replace("SLA", "start: handle.one, stop: [intake, hand_on]"))[1]
    assert (never.code, never.text) == ("sla-never-stops", "intake, hand_on")


def test_clocks_that_nothing_can_be_said_of_are_left_alone(tmp_path: Path) -> None:
    """Without desk.yaml, calendars are unknown; a type that does not stand is not walked."""
    _, problems = load(tmp_path, None, t=TYPE.replace("SLA", "calendar: any, start: intake, stop: archive"))
    assert [each.code for each in problems] == ["no-desk"]
    broken = TYPE.replace("SLA", "start: intake, stop: archive").replace("done: archive", "done: archiv")
    assert [each.code for each in load(tmp_path, DESK, t=broken)[1]] == ["unknown-place"]
