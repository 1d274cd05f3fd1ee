"""Law 5: late = punctual. Few late runs leave what a run at every tick leaves, each firing at its own due time; and
people who act in between, at the times they acted, change nothing about that. So does no clock that runs ahead."""

from __future__ import annotations

import pytest
from hypothesis import event as event_seen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.worlds import World, features, play, replay, standing, told, worlds

BITES = (
    "a pause over a due time", "a person between two runs", "re-arming inside a run", "a ladder", "merged repeats",
    "another revision of the desk", "a migration", "a migration of what has fired",
)  # fmt: skip

RARER = ("a breach armed again", "a clock brought in")


@given(worlds())
def test_any_schedule_of_runs_leaves_what_a_punctual_one_leaves(world: World) -> None:
    late = play(world)
    for feature in features(late):
        event_seen(feature)
    punctual = replay(late)
    assert told(late.entries) == told(punctual.entries)
    assert standing(late) == standing(punctual)


@pytest.mark.prove
def test_the_worlds_bite() -> None:
    seen: dict[str, int] = {}
    many = 300  # fewer say too little about shares

    @settings(max_examples=many, derandomize=True, database=None, deadline=None)
    @given(worlds(), st.none())
    def count(world: World, _: None) -> None:
        for feature in {*features(play(world)), "world"}:
            seen[feature] = seen.get(feature, 0) + 1

    count()
    wanted = dict.fromkeys(BITES, 0.2) | dict.fromkeys(RARER, 0.05)
    shares = {feature: seen.get(feature, 0) / seen["world"] for feature in wanted}
    assert {feature: share for feature, share in shares.items() if share < wanted[feature]} == {}
