"""Who gets a ticket: the team that fits it best, and of that team whoever its policy means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.core.conftest import DESK, NINE, Trial
from workflow.core import giving
from workflow.core.events import Advance, Assign, Claim
from workflow.core.giving import Roster
from workflow.core.model import Customer, Ticket, replace

Make = Callable[..., Trial]
NIGHT = datetime(2026, 3, 2, 14, tzinfo=UTC)  # 22:00 in Shanghai
TO_BACK = {"intake": {"team": "front", "transitions": {"send": "handle"}}, "handle": {"team": "back"}}


def team(*members: str, **says: Any) -> dict[str, Any]:
    return {"lead": "li", "members": list(members), **says}


def chosen(made: Trial, roster: Roster, times: int, at: datetime = NINE) -> list[str | None]:
    """Who is given one ticket after the other."""
    names = []
    for _ in range(times):
        name = giving.choose(made.rules, replace(made.ticket, assignee=None), at, roster, None)
        roster.follow(None, replace(made.ticket, assignee=name))
        names.append(name)
    return names


def test_the_least_loaded_on_duty_is_meant_and_what_is_given_counts(trial: Make) -> None:
    made = trial({}, desk_says={"teams": {"front": team("ann", "bob", "cem")}})
    asked: list[list[str]] = []

    def loads(names: Any) -> dict[str, int]:
        asked.append(list(names))
        return {"ann": 2, "bob": 1}

    assert chosen(made, Roster(loads), 6) == ["cem", "bob", "cem", "ann", "bob", "cem"]
    assert asked == [["ann", "bob", "cem"]], "one question for the whole transaction"
    alone = trial({}, desk_says={"teams": {"front": team("bob")}})
    assert chosen(alone, Roster(loads), 1) == ["bob"]
    assert len(asked) == 1, "none where there is nobody else"


def test_a_ticket_that_ends_or_goes_makes_its_holder_free(trial: Make) -> None:
    made = trial({}, desk_says={"teams": {"front": team("ann", "bob")}})
    roster = Roster(lambda _: {"ann": 3, "bob": 2})
    his = replace(made.ticket, assignee="bob")
    roster.follow(his, replace(his, assignee="ann"))
    roster.follow(replace(his, assignee="ann"), replace(his, assignee="ann", stage="archive"))
    assert chosen(made, roster, 2) == ["bob", "bob"]


def test_in_turn_everybody_on_duty_gets_one_whatever_they_have(trial: Make) -> None:
    shifts = {"calendars": {"day": {"weekly": {"daily": "08:00-20:00"}}}}
    members = {**DESK["members"], "bob": {"roles": ["agent"], "shift": "day"}}
    teams = {"front": team("ann", "bob", "cem", assignment="round_robin")}
    made = trial({}, desk_says={**shifts, "members": members, "teams": teams})
    roster = Roster(lambda _: {"ann": 9}, lambda _: "ann")
    assert chosen(made, roster, 4) == ["bob", "cem", "ann", "bob"]
    assert chosen(made, roster, 3, NIGHT) == ["cem", "ann", "cem"]
    assert roster.turns == {"front": "cem"}


def test_nobody_on_duty_leaves_it_to_the_team(trial: Make) -> None:
    shifts = {"calendars": {"day": {"weekly": {"daily": "20:00-22:00"}}}}
    members = {name: {**member, "shift": "day"} for name, member in DESK["members"].items()}
    made = trial({}, desk_says={**shifts, "members": members, "teams": {"front": team("ann", "bob")}})
    assert (made.ticket.team, made.ticket.assignee) == ("front", None)
    assert "assignee" not in made.entries[0].data


def test_an_expert_goes_before_whoever_has_less_to_do(trial: Make) -> None:
    members = {**DESK["members"], "bob": {"roles": ["agent"], "skills": ["Hard"]}}
    teams = {"front": team("ann", "bob", "cem")}
    made = trial({}, desk_says={"members": members, "teams": teams}, tags=("hard",))
    assert made.ticket.assignee == "bob"
    assert chosen(made, Roster(lambda _: {"bob": 50}), 1) == ["bob"]
    plain = trial({}, desk_says={"members": members, "teams": teams})
    assert chosen(plain, Roster(lambda _: {"bob": 50}), 2) == ["ann", "cem"], "to whom nothing speaks for an expert"


def test_a_team_gives_out_what_comes_to_it_by_a_move_an_assignment_or_an_opening(trial: Make) -> None:
    made = trial(TO_BACK, desk_says={"teams": {"front": team("ann", "bob"), "back": team("dan", "eve")}})
    assert made.entries[0].data == {
        "priority": "normal", "team": "front", "assignee": "ann", "policy": "least_loaded",
    }  # fmt: skip
    (entry,) = made.does(Advance("send"), roster=Roster(lambda _: {"dan": 1})).entries
    assert entry.data == {"team": "back", "assignee": "eve", "policy": "least_loaded"}
    (entry,) = made.does(Assign("front"), roster=Roster(lambda _: {"ann": 1})).entries
    assert entry.data == {"team": "front", "assignee": "bob", "policy": "least_loaded"}
    assert made.does(Assign(None)).ticket.assignee is None, "taken back for the team to claim"


def test_whoever_the_definition_names_gets_it_instead(trial: Make) -> None:
    moves = {
        "mine": {"dest": "classify", "actions": [{"assign": "actor"}]},
        "lead": {"dest": "handle", "actions": [{"assign": "lead"}]},
    }
    stages = {"intake": {"team": "front", "transitions": moves}, "classify": {"team": "back"}, "handle": {}}
    teams = {"front": team("ann", "bob"), "back": team("dan", "eve")}
    made = trial(stages, desk_says={"teams": teams})
    made.does(Advance("mine"), "eve")
    assert (made.ticket.team, made.ticket.assignee) == ("back", "eve")
    assert made.entries[-1].data["assignee"] == "eve"
    assert trial(stages, desk_says={"teams": teams}).does(Advance("lead"), "bob").ticket.assignee == "li"


def test_what_its_team_gave_to_a_colleague_may_be_claimed_while_that_one_has_not_touched_it(trial: Make) -> None:
    made = trial({}, desk_says={"teams": {"front": team("ann", "bob"), "back": team("dan")}})
    assert giving.is_untouched(made.ticket, made.entries[1:]) is False
    assert giving.is_untouched(replace(made.ticket, assignee="cem"), made.entries)
    assert made.does(Claim(untouched=True), "dan").refusal is not None, "who is not of the team"
    assert made.does(Claim(), "bob").refusal is not None
    assert made.does(Claim(untouched=True), "bob").ticket.assignee == "bob"
    assert not giving.is_untouched(made.ticket, made.entries), "a claim is no gift of the team's"


SERVING = {
    "front": team("ann"),
    "lines": team("bob", serves=["front"], lines=["Broadband"]),
    "north": team("cem", serves=["front"], regions=["North"]),
    "north_lines": team("dan", serves=["front"], lines=["broadband"], regions=["north"]),
    "night": team("eve", serves=["front"]),
}


@pytest.mark.parametrize(
    ("facts", "team_"),
    [
        ({}, "front"),
        ({"tags": ("broadband",)}, "lines"),
        ({"fields": {"line": "broadband"}}, "lines"),
        ({"fields": {"region": "ＮＯＲＴＨ"}}, "north"),
        ({"customer": Customer(1, {"region": "north"})}, "north"),
        ({"customer": Customer(1, {"region": "north"}), "tags": ("broadband",)}, "north_lines"),
        ({"customer": Customer(1, {"region": "south"}), "tags": ("mobile",)}, "front"),
        ({"team": "night", "tags": ("broadband",)}, "night"),
        ({"team": "back", "tags": ("broadband",)}, "lines"),
    ],
)
def test_the_team_that_fits_best_serves_a_queue_and_keeps_what_it_has(
    trial: Make, facts: dict[str, Any], team_: str
) -> None:
    made = trial({}, desk_says={"teams": {**SERVING, "back": team("dan")}})
    ticket: Ticket = replace(made.ticket, **facts)
    assert giving.queue(made.rules, ticket, "front") == team_


def test_a_ticket_stays_with_the_team_that_serves_and_finds_it_again(trial: Make) -> None:
    stages = {
        "intake": {"team": "front", "transitions": {"accept": "classify"}},
        "classify": {"team": "front", "transitions": {"ask": "handle"}},
        "handle": {"team": "back", "transitions": {"return": {"dest": "classify", "back": "continue"}}},
    }
    made = trial(stages, desk_says={"teams": {**SERVING, "back": team("dan")}}, tags=("broadband",))
    assert (made.ticket.team, made.ticket.assignee) == ("lines", "bob")
    assert made.does(Advance("accept")).ticket.team == "lines"
    assert made.does(Advance("ask")).ticket.team == "back"
    made.does(Advance("return"), after=timedelta(minutes=1))
    assert (made.ticket.team, made.ticket.assignee) == ("lines", "bob")
