"""The keys that docs/cli.md promises are the keys that come."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from tests.cli.conftest import Terminal
from workflow import ClockDifference, Disclosure, IncidentRow, Refusal, Trial

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")


def documented(command: str) -> set[str]:
    """Return the keys in the table's row for a command; what stands in brackets belongs to the key before."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{command}`"))
    return set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", row.split("|")[2])))


def test_the_documented_keys_come(terminal: Terminal) -> None:
    (terminal.folder / "calls.csv").write_text("statement\nhello\n")
    number = terminal.ticket()
    terminal("advance", number, "accept")
    terminal("advance", number, "classified", "-f", "category=billing")
    terminal("escalate", number)
    shown = terminal.one("show", number)
    of_show = {"next", "proposal", "repairs"}
    assert set(shown) - of_show == documented("open")
    assert of_show | set(shown["next"][0]) == documented("show")
    printed: dict[str, list[object]] = {
        "history": ["history", number],
        "check": ["check"],
        "apply": ["apply", "--dry-run", "--actor", "admin_01"],
        "types": ["types"],
        "diagram": ["diagram", "inquiry"],
        "init": ["init", "new"],
        "intake": ["intake", "calls.csv", "--type", "inquiry"],
        "timeouts run": ["timeouts", "run"],
        "timeouts list": ["timeouts", "list"],
        "timeouts log": ["timeouts", "log"],
        "escalations": ["escalations"],
        "sla list": ["sla", "list", number],
        "outbox list": ["outbox", "list"],
        "outlets list": ["outlets", "list"],
        "deliver": ["deliver"],
        "db current": ["db", "current"],
        "db upgrade": ["db", "upgrade"],
    }
    for command, words in printed.items():
        assert set(terminal.objects(*words)[0]) == documented(command), command
    assert documented("disclosures") == {field.name for field in fields(Disclosure)}
    assert documented("outlets try") == {field.name for field in fields(Trial)}
    assert documented("refusals list") == {field.name for field in fields(Refusal)}
    assert documented("incident list") == {field.name for field in fields(IncidentRow)}
    assert documented("sla rebuild") == {field.name for field in fields(ClockDifference)}
