"""The story that `ticketflow demo` tells."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from workflow.cli import demo, render


def test_the_demo_tells_the_whole_story(empty: Terminal) -> None:
    shown = empty("demo", "--keep", "story")
    kept = empty.folder / "story"
    assert shown.endswith("Everything is still in story.\n")
    for part in (
        "$ ticketflow check", "76 opened, 1 joined, 0 known already", "0 opened, 0 joined, 77 known already", "1 fired",
        "member:lead_day",
        "Half an hour later nobody has acknowledged it", "supervisor_01", "The escalation of ticket 78 is with",
        "The desk is healthy.", "Error: passed takes one of the roles reviewer", "stateDiagram-v2",
        "$ ticketflow history",
    ):  # fmt: skip
        assert part in shown, part
    assert all(render.cells(line) <= 80 for line in shown.splitlines() if "--" not in line and ": remark " not in line)
    env: dict[str, Any] = {
        "TICKETFLOW_NOW": "2026-03-05T09:00:00+08:00",
        "TICKETFLOW_DATABASE": f"sqlite:///{kept}/ticketflow.db",
    }
    archived = [json.loads(line) for line in empty("list", "--stage", "archive", "--json", **env).splitlines()]
    assert sorted(ticket["type"] for ticket in archived) == [
        "activation", "complaint", "emergency", "follow_up", "inquiry", "service", "suggestion",
    ]  # fmt: skip


def test_the_demo_leaves_nothing_behind(empty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETFLOW_ACTOR", "nobody")
    monkeypatch.setattr(demo._Story, "tell", lambda story: story.run("init"))
    before = dict(os.environ)
    assert "新的服务台在 ." in empty("demo", "--lang", "zh")
    assert dict(os.environ) == before
    assert list(empty.folder.iterdir()) == []


def test_the_demo_wants_a_folder_of_its_own(empty: Terminal) -> None:
    (empty.folder / "mine").mkdir()
    (empty.folder / "mine" / "file").touch()
    assert "is not empty" in empty.error("demo", "--keep", "mine", code=2)["message"]


def test_a_story_that_goes_wrong_says_so(empty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo._Story, "tell", lambda story: story.run("show", "1"))
    empty("demo", code=1)
    assert "ended with 4, not 0" in empty.err


def test_ctrl_c_ends_the_story(empty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run", lambda *_, **__: 130)
    empty("demo", code=130)


def test_the_examples_are_found_beside_the_package() -> None:
    assert (demo.examples() / "contacts.csv").is_file()
