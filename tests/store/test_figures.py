"""Figures as they are kept: each entry counted once, whoever counts; exact at the moment of reading."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url, text

from tests.acceptance.hosts import host_engine
from tests.store.small import Books
from workflow import Desk, FigureDifference, Forbidden, Stats, StoreError, UsageError, VirtualClock
from workflow.desk import figures as counting
from workflow.store.figures import cover

BYS = (None, "type", "team", "agent", "channel", "day")
TODAY = date(2026, 3, 2)


def lives(desk: Desk, clock: VirtualClock, many: int = 6, between: Callable[[], object] = lambda: None) -> None:
    """Take some tickets through the desk over two of its days; the last two stay open."""
    for number in range(many):
        clock.advance(timedelta(minutes=50))
        ticket = desk.open("job", actor="ann", fields={"statement": "x"}, channel=("phone", "web")[number % 2])
        between()
        clock.advance(timedelta(minutes=7 * number))
        desk.advance(ticket.id, "accept", actor=("ann", "bob")[number % 2])
        between()
        if number < many - 2:
            desk.advance(ticket.id, "pass_on", actor="cat")
            desk.advance(ticket.id, "done", actor="chief")
    desk.run_timeouts()


def every(desk: Desk) -> list[Stats]:
    return [desk.stats(by=by) for by in BYS]


def test_counted_bit_by_bit_or_all_at_once_figures_are_the_same(desk: Desk, clock: VirtualClock, books: Books) -> None:
    lives(desk, clock, between=lambda: desk.count_figures(limit=1))
    bit_by_bit = every(desk)
    assert desk.check_figures() == ()
    assert desk.count_figures() == 0, "nothing is left"
    with pytest.raises(Forbidden):
        desk.rebuild_figures(actor="ann")
    assert desk.rebuild_figures(actor="boss") == books.count("tickets")
    assert (every(desk), desk.check_figures()) == (bit_by_bit, ())

    total, ann, bob = bit_by_bit[0].total, *bit_by_bit[3].rows[:2]
    assert (total.opened, total.archived, total.open, total.oldest_open_at) == (6, 4, 2, desk.get(5).opened_at)
    assert (total.response.count, total.response.median, total.response.p90) == (6, 834, 2088), (
        "14 and 35 minutes, rounded"
    )
    assert (ann.key, ann.opened, ann.response.count, bob.key, bob.opened, bob.response.count) == (
        "ann",
        6,
        3,
        "bob",
        0,
        3,
    )
    assert [row.key for row in bit_by_bit[4].rows] == ["phone", "web"]
    assert [(row.key, row.opened) for row in bit_by_bit[5].rows] == [("2026-03-02", 4), ("2026-03-03", 2)], (
        "in Shanghai"
    )


def test_figures_of_some_days_are_those_of_each_added_up(desk: Desk, clock: VirtualClock) -> None:
    lives(desk, clock)
    days = desk.stats(by="day")
    for row in days.rows:
        day = date.fromisoformat(str(row.key))
        of_one = desk.stats(by="team", since=day, until=day)
        assert (of_one.total.opened, of_one.total.stages) == (row.opened, row.stages)
    assert desk.stats(since=TODAY).total == desk.stats(until=date(2027, 1, 1)).total == desk.stats().total
    assert desk.stats(since=date(2026, 3, 4)).total.opened == 0
    for wrong in ({"by": "priority"}, {"since": TODAY, "until": date(2026, 3, 1)}):
        with pytest.raises(UsageError):
            desk.stats(**wrong)


def test_many_who_count_at_once_count_nothing_twice(
    desk: Desk, clock: VirtualClock, database_url: str, definitions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives(desk, clock, many=12)
    monkeypatch.setattr(counting, "CHUNK", 2)
    start = Barrier(3)

    def count(_: int) -> int:
        with Desk.connect(database_url, definitions=definitions, clock=VirtualClock(clock.now())) as other:
            start.wait()
            return other.count_figures()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(count, range(3))) == 12
    assert (desk.check_figures(), desk.stats().total.opened) == ((), 12)


def test_inside_a_hosts_transaction_nothing_is_counted_for_good(
    desk: Desk, clock: VirtualClock, database_url: str, books: Books
) -> None:
    lives(desk, clock)
    with host_engine(database_url) as engine, engine.begin() as connection:
        inside = desk.within(connection)
        inside.open("job", actor="ann", fields={"statement": "not yet for others"})
        assert [stats.total.opened for stats in every(inside)] == [7] * len(BYS)
    assert books.count("figures") == 0
    assert [stats.total.opened for stats in every(desk)] == [7] * len(BYS)
    assert books.count("figures") > 0


def test_a_database_that_is_only_read_is_answered_from_its_histories(
    database_url: str, definitions: Path, books: Books
) -> None:
    with Desk.connect(database_url, definitions=definitions) as desk:
        first, _ = (desk.open("job", actor="ann", fields={"statement": "x"}) for _ in range(2))
        desk.advance(first.id, "only_lead", actor="boss")
    url = database_url
    if database_url.startswith("sqlite"):
        url = database_url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    else:
        execute(url, f"ALTER DATABASE {make_url(url).database} SET default_transaction_read_only = on")
    with Desk.connect(url, definitions=definitions) as reader:
        found = every(reader)
        with pytest.raises(StoreError):
            reader.count_figures()
    assert books.count("figures") == 0
    assert [(stats.total.opened, stats.total.archived, stats.total.open) for stats in found] == [(2, 1, 1)] * len(BYS)


def test_a_history_that_makes_no_sense_is_left_out_and_told(desk: Desk, clock: VirtualClock, database_url: str) -> None:
    lives(desk, clock)
    execute(database_url, "UPDATE ticketflow_history SET data = 'broken' WHERE ticket_id = 2 AND seq = 1")
    found = desk.stats(by="type")
    assert (found.damaged, found.total.opened) == (1, 5)
    assert desk.count_figures() == 0


def test_figures_that_are_wrong_are_found_and_mended(desk: Desk, clock: VirtualClock, database_url: str) -> None:
    lives(desk, clock)
    right = desk.stats()
    execute(
        database_url,
        """UPDATE ticketflow_figures SET counts = '{"0"\\:9}'
        WHERE dimension = 'type' AND period = '2026-03-02' AND measure = 'opened'""",
        "DELETE FROM ticketflow_figures WHERE dimension = 'type' AND period = '2026-03-02' AND measure = 'archived'",
    )
    assert desk.check_figures() == (
        FigureDifference("type", "2026-03-02", "job", "archived", 0, 3),
        FigureDifference("type", "2026-03-02", "job", "opened", 9, 4),
    )
    desk.rebuild_figures(actor="boss")
    assert (desk.check_figures(), desk.stats()) == ((), right)


def execute(url: str, *statements: str) -> None:
    with host_engine(url) as engine, engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@given(st.dates(date(2024, 1, 1), date(2028, 1, 1)), st.integers(-1, 900))
def test_the_periods_that_cover_some_days_are_these_days(since: date, more: int) -> None:
    until = since + timedelta(days=more)
    days = {(since + timedelta(days=at)).isoformat() for at in range(more + 1)}
    found = cover(since, until)
    assert sum(_days_of(period) for period in found) == len(days)
    assert all(any(day.startswith(period) for day in days) for period in found)
    assert all(any(day.startswith(period) for period in found) for day in days)
    assert len(found) <= 2 * 30 + 2 * 11 + 4


def _days_of(period: str) -> int:
    first = date.fromisoformat((period + "-01-01")[:10])
    step = {4: 366, 7: 31, 10: 1}[len(period)]
    following = (first + timedelta(days=step)).isoformat()[: len(period)]
    return (date.fromisoformat((following + "-01-01")[:10]) - first).days
