"""What no role grants is denied: every verb of a desk, tried by a member without a role, and named in the page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.store.small import NOON, opened, write
from workflow import Contact, Desk, Forbidden
from workflow.definition.model import VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
METHODS = {name: found for name, found in inspect.getmembers(Desk, inspect.isfunction) if not name.startswith("_")}
ACTED = {name for name, method in METHODS.items() if "actor" in inspect.signature(method).parameters}
READ = {"what_next", "explain", "preview_retype", "record_refusal"}  # take an actor and do nothing in their name
SAID: dict[str, Any] = {
    "ticket_id": 1, "ticket_type": "job", "trigger": "accept", "to": None, "text": "x", "other": 2, "until": None,
    "sla": "x", "by": timedelta(hours=1), "reason": "x", "announced": True, "customer_id": 1, "facts": {}, "how": "x",
    "tickets": 1, "incident_id": 1, "to_version": 1, "before": NOON, "reveal": True,
}  # fmt: skip


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(sqlite_url, write(tmp_path / "definitions")) as desk:
        for number in range(2):
            desk.open("job", actor="ann", fields={"statement": "x"}, customer={"phone": f"1380000000{number}"})
        yield desk


def table(heading: str) -> dict[str, str]:
    """Return the two columns of a table of the page, each name of the first with its second."""
    part = PAGE.split(f"\n{heading}\n")[1].split("\n| --- | --- |\n")[1].split("\n\n")[0]
    rows = (line.strip("| ").split(" | ") for line in part.splitlines())
    return {name: cells[1] for cells in rows for name in re.findall(r"`(\w+)`", cells[0])}


def tried(desk: Desk, name: str) -> Forbidden:
    """Let a member without a role call a verb, with whatever it takes; return the refusal."""
    method, given = getattr(desk, name), list[Any]()
    if name == "intake":
        given = [[Contact(1, {"statement": "x"}, {})]]
    elif name == "reveal":
        given = [desk.get(1)]
    takes = inspect.signature(method).parameters
    wanted = {
        key: SAID[key]
        for key, parameter in list(takes.items())[len(given) :]
        if key in ("reveal", "ticket_type") or (parameter.default is parameter.empty and key != "actor")
    }
    with pytest.raises(Forbidden) as refused:
        method(*given, **wanted, actor="eve")
    return refused.value


@pytest.mark.parametrize("name", sorted(ACTED - READ))
def test_a_member_without_a_role_is_refused_every_verb_and_that_is_on_record(desk: Desk, name: str) -> None:
    grant = tried(desk, name).values["verb"]
    assert table("## Who may do what")[name] == f"`{grant}`"
    (row,) = desk.refusals()
    assert (row.actor, row.rule) == ("eve", "verb")
    assert row.verb in (name, grant)


def test_every_method_stands_in_the_page() -> None:
    """A method that is added later has a demand and its row here, or is known to take nobody's name."""
    granted, free = table("## Who may do what"), table("Nobody's name is asked for by")
    assert granted.keys() == ACTED - READ
    assert {grant.strip("`") for grant in granted.values()} == set(VERBS)
    assert free.keys() == METHODS.keys() - granted.keys() >= READ
