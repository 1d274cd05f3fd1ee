"""What figures are counted from random histories: the same as by a plain look at what came of them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.worlds import Played, World, play, worlds
from workflow.core.figures import IDLE, Counted, counted, rounded
from workflow.core.summary import Lengths, percentile
from workflow.definition.resolve import TicketType

FEWER = settings(max_examples=max(25, settings().max_examples // 4))


def day_of(at: datetime, _revision: int) -> str:
    return at.date().isoformat()


def figures_of(played: Played, upto: int | None = None) -> list[Counted]:
    def definition_of(_type: str, version: int) -> TicketType:
        return played.rules_of("world", version, 0).compiled.definition

    told = [entry for entry in played.entries[:upto] if entry.kind not in IDLE]
    return list(counted(told, definition_of, day_of))


@FEWER
@given(worlds(), st.data())
def test_what_is_counted_is_what_came_of_the_ticket(world: World, data: st.DataObject) -> None:
    played = play(world)
    found = figures_of(played)
    many = Counter[str]()
    for each in found:
        many[each.measure] += each.many

    clocks = played.ticket.clocks
    assert many["breaches"] == sum(clock.breached for clock in clocks)
    assert many["excused"] == sum(clock.excused for clock in clocks)

    entries = played.entries
    stages = [(entries[0].happened_at, entries[0].state.split(".")[0])]
    for before, entry in pairwise(entries):
        if entry.state.split(".")[0] != before.state.split(".")[0]:
            stages.append((entry.happened_at, entry.state.split(".")[0]))
    stays = Counter((f"stage.{stage}", rounded(left - came)) for (came, stage), (left, _) in pairwise(stages))
    assert Counter((each.measure, each.value) for each in found if each.measure.startswith("stage.")) == stays
    assert (many["opened"], many["archived"]) == (1, stages[-1][1] == "archive")
    rungs = {
        (entry.data["ladder"], entry.data["rung"]) for entry in entries if "to" in entry.data and "rung" in entry.data
    }
    passed = {
        (entry.data["ladder"], entry.data["rung"])
        for entry in entries
        if entry.kind == "unattended" and "rung" in entry.data
    }
    assert sum(many[name] for name in many if name.startswith("escalated.")) == len(rungs | passed)

    cut = data.draw(st.integers(0, len(entries)))
    assert figures_of(played, cut) == [each for each in found if each.seq <= cut], "nothing is known beforehand"


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=4000)), min_size=1))
def test_percentiles_are_right_to_the_step(lengths: list[timedelta]) -> None:
    found = Lengths.of(Counter(map(rounded, lengths)))
    for share, seconds in ((50, found.median), (90, found.p90)):
        exact = sorted(lengths)[ceil(len(lengths) * share / 100) - 1] // timedelta(seconds=1)
        assert seconds is not None
        assert seconds == exact if exact <= 200 else exact / 1.01 < seconds <= exact


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 50) is None
