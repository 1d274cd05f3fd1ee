"""What single entries add to the figures, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workflow.core.figures import Whose, counted, rounded
from workflow.core.model import HistoryEntry
from workflow.definition.inheritance import resolve
from workflow.definition.model import TicketTypeSpec

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEFINITION = resolve(
    TicketTypeSpec.model_validate(
        {
            "ticket_type": "job",
            "version": 1,
            "skips": ["classify", "review", "callback"],
            "stages": {
                "intake": {
                    "transitions": {"accept": "handle", "spam": "archive"},
                    "timeouts": {"first_response": {"after": "10m", "actions": [{"notify": "team"}]}},
                },
                "handle": {"transitions": {"done": "archive"}},
                "archive": {},
            },
            "sla": {"reply": {"goal": "1h", "start": "intake", "stop": "archive"}},
        }
    )
)
FIRED = {"timer": ("timeout", "first_response", 1, 1), "actor": "timer"}
OPENED = ("opened", 0, "intake", {"dest": "intake", "data": {"team": "front", "channel": "web"}})
ACCEPTED = ("advanced", 5, "handle", {"dest": "handle", "actor": "bob", "data": {"team": "back"}})
Told = tuple[str, int, str, dict[str, Any]]


def figures(*told: Told) -> Iterable[tuple[str, Whose, int]]:
    """Return what is counted: the measure, for whom, how many. Of each entry its kind, minute, state and the rest."""
    history = [
        HistoryEntry(
            seq, kind, NINE + timedelta(minutes=minute), more.pop("actor", "ann"), state, 1,
            more.pop("type", "job"), 1, **more,
        )
        for seq, (kind, minute, state, more) in enumerate(((*each[:3], dict(each[3])) for each in told), 1)
    ]  # fmt: skip
    found = counted(history, lambda *_: DEFINITION, lambda at, _: at.date().isoformat())
    return [(each.measure, each.whose, each.many) for each in found]


def test_a_stay_counts_for_who_ended_it_in_the_team_that_had_it() -> None:
    front = Whose("job", "front", "bob", "web")
    assert figures(OPENED, ACCEPTED) == [
        ("opened", front._replace(agent="ann"), 1), ("response", front, 1), ("on_time", front, 1),
        ("stage.intake", front, 1),
    ]  # fmt: skip


def test_who_is_late_waits_until_the_answer_comes() -> None:
    waiting = ("waiting", Whose("job", "front", "-", "web"))
    found = figures(OPENED, ("fired", 10, "intake", FIRED), ACCEPTED)
    assert [each for each in found if each[0] in ("waiting", "late", "on_time")] == [
        (*waiting, 1), ("late", Whose("job", "front", "bob", "web"), 1), (*waiting, -1),
    ]  # fmt: skip


def test_what_a_machine_takes_on_in_time_is_no_answer_of_anybody() -> None:
    bot = ("advanced", 1, "handle", {"dest": "handle", "actor": "machine"})
    found = figures(OPENED, bot, ("advanced", 30, "archive", {"dest": "archive", "actor": "bob"}))
    assert [measure for measure, _, _ in found] == ["opened", "stage.intake", "stage.handle", "archived"]


def test_a_miss_counts_for_who_has_the_ticket_and_for_nobody_in_a_team_that_it_has_just_come_to() -> None:
    missed = ("fired", 60, "handle", {"timer": ("sla", "reply/100%", 1, 1), "actor": "timer"})
    again = ("fired", 90, "handle", {"timer": ("sla", "reply/100%", 1, 2), "actor": "timer"})
    claimed = ("assigned", 9, "handle", {"data": {"assignee": "cat"}})
    excused = ("excused", 99, "handle", {"data": {"sla": "reply", "cycle": 1}, "actor": "boss"})
    for before, agent in (((), "-"), ((claimed,), "cat")):
        found = figures(OPENED, ACCEPTED, *before, missed, again, excused, excused)
        whose = Whose("job", "back", agent, "web")
        assert [each for each in found if each[0] in ("breaches", "excused")] == [
            ("breaches", whose, 1), ("excused", whose, 1),
        ]  # fmt: skip


def test_another_type_begins_where_the_ticket_became_one() -> None:
    other = ("migrated", 20, "handle", {"type": "case", "data": {}})
    done = ("advanced", 30, "archive", {"type": "case", "dest": "archive", "actor": "bob"})
    kinds = {measure: whose.type for measure, whose, _ in figures(OPENED, ACCEPTED, other, done)}
    assert (kinds["opened"], kinds["stage.handle"], kinds["archived"]) == ("job", "case", "case")


def test_what_customers_say_counts_for_who_handled_their_ticket() -> None:
    handled = ("advanced", 30, "callback", {"dest": "callback", "actor": "cat", "data": {"team": "calls"}})
    said = {"dest": "archive", "actor": "dan", "data": {"fields.satisfied": True, "fields.score": 5}}
    found = {
        measure: whose for measure, whose, _ in figures(OPENED, ACCEPTED, handled, ("advanced", 40, "archive", said))
    }
    assert found["satisfied"] == found["score"] == Whose("job", "back", "cat", "web")
    assert found["stage.callback"] == Whose("job", "calls", "dan", "web")


@pytest.mark.parametrize(("seconds", "told"), [(0, 0), (59.9, 59), (200, 200), (201, 200), (7200, 7194)])
def test_lengths_are_rounded_down(seconds: float, told: int) -> None:
    assert rounded(timedelta(seconds=seconds)) == told
