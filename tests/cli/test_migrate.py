"""The commands that put open tickets under another type or version."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal

ADMIN = ("--actor", "admin_01")


@pytest.fixture
def asked(empty: Terminal) -> Terminal:
    """A desk of its own with one inquiry."""
    empty("init", ".")
    empty("open", "inquiry", "-f", "statement=I complain", "-c", "name=张伟", "-c", "phone=13812345678")
    return empty


def second(name: str, *changes: tuple[str, str]) -> None:
    """Make the second version of a type."""
    path = Path(f"definitions/{name}.yaml")
    text = path.read_text("utf-8")
    for old, new in (("version: 1", "version: 2"), *changes):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def test_an_inquiry_turns_out_to_be_a_complaint(asked: Terminal) -> None:
    seen = asked.one("retype", "1", "complaint", "--dry-run")
    assert (seen["ticket_id"], seen["source"], seen["state"]) == (1, "intake", "intake")
    assert "Nothing was changed." in asked("retype", "1", "complaint", "--dry-run")
    said = asked("retype", "1", "complaint", "--reason", "they complain")
    assert said.startswith("Ticket 1 is of the type complaint now, in intake")
    assert "inquiry v1 intake → complaint v1 intake" in asked("history", "1")
    assert "改用新定义" in asked("--lang", "zh", "history", "1")
    asked("sla", "rebuild", "--check")


def test_what_cannot_be_mapped_is_asked_for(asked: Terminal) -> None:
    error = asked.error("retype", "1", "emergency", "--map", "intake=nowhere", code=2)
    assert error["message"].endswith("version 1 has no open state nowhere")
    assert (
        "没有这样的未结状态"
        in asked.error("--lang", "zh", "retype", "1", "emergency", "--map", "a=b", code=2)["message"]
    )
    assert asked.error("retype", "1", "complaint", "--map", "intake=", code=2)["field"] == "map"


def test_open_tickets_follow_a_version_and_come_back(asked: Terminal) -> None:
    second("inquiry")
    assert asked.error(*ADMIN, "migrate", "inquiry", "--to-version", "2", code=4)["message"].endswith("no version 2")
    asked(*ADMIN, "apply")
    told = asked.one(*ADMIN, "migrate", "inquiry", "--to-version", "2", "--dry-run")
    assert (told["migrated"], told["left"], [each["ticket_id"] for each in told["moved"]]) == (1, 1, [1])
    done = asked(*ADMIN, "migrate", "inquiry", "--to-version", "2")
    assert done == "1 tickets follow version 2 now; 0 are under another.\n"
    done = asked(*ADMIN, "--lang", "zh", "migrate", "inquiry", "--to-version", "1")
    assert done == "1 张工单已改用版本 1；0 张仍是其他版本。\n"
    asked.error("migrate", "inquiry", "--to-version", "2", code=5)
