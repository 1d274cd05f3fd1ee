"""What a desk does all day, against the driver writing the same rows, and against the same by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import NamedTuple

from sqlalchemy import create_engine

from benchmarks.by_hand import ByHand
from benchmarks.databases import Database
from benchmarks.floor import Books, books, counts, differences, locked_read, play, statements, written
from tests.postgres import ROOT
from workflow import Desk
from workflow.clock import VirtualClock
from workflow.desk.contacts import Contact
from workflow.store.tables import slas, tickets, timers


class Size(NamedTuple):
    """How much is measured."""

    quick: bool = False
    million: bool = False


class Row(NamedTuple):
    """One line of the table: milliseconds, or what `work` says."""

    work: str
    against: str
    theirs: float
    ours: float
    goal: str = ""


RAW, BY_HAND = "raw driver, same rows", "by hand, fewer rows"
EARLIER = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LATER = EARLIER + timedelta(hours=1)
NOW = LATER + timedelta(minutes=5)
LATE = "opened_at = (SELECT min(opened_at) FROM ticketflow_tickets)"


def advance(database: Database, size: Size) -> list[Row]:
    """Measure one durable advance: `classified`, with two conditions, a field, new timers and two clocks."""
    many, base = 60 if size.quick else 300, database.fresh()

    def classify(desk: Desk, ticket: int) -> object:
        return desk.advance(ticket, "classified", actor="agent_01", fields={"category": "billing"})

    with desk_at(base) as desk:
        desk.intake(complaints(many), actor="agent_01", past="fire")
        for ticket in range(1, many + 1):
            desk.advance(ticket, "accept", actor="agent_01")
    before, after = _learn(database, base, lambda desk: [classify(desk, ticket) for ticket in range(1, many + 1)])
    wrote = written(before, after)
    scripts = {
        ticket: locked_read(database, ticket) + statements(database, [part.of(ticket) for part in wrote])
        for ticket in range(1, many + 1)
    }
    urls = [database.copy(base) for _ in range(3)]
    raw, host = database.connect(urls[0]), create_engine(urls[2])
    with (
        desk_at(urls[1]) as own,
        desk_at(urls[2]) as hosted,
        ByHand(database.fresh(), many, due=timedelta(days=1)) as by_hand,
    ):

        def in_host(ticket: int) -> None:
            with host.begin() as connection:
                classify(hosted.within(connection), ticket)

        theirs, ours, joined, hand = medians(
            many,
            lambda ticket: play(database, raw, scripts[ticket]),
            lambda ticket: classify(own, ticket),
            in_host,
            by_hand.advance,
        )
    host.dispose()
    raw.close()
    _compare(database, after, *urls)
    goals = ("≤ 1.5", "≤ 1.8") if database.name == "SQLite" else ("≤ 1.2", "≤ 1.2")
    return [
        Row(f"advance, {database.name}", RAW, theirs, ours, goals[0]),
        Row(f"advance in a host's transaction, {database.name}", RAW, theirs, joined, goals[1]),
        Row(f"advance, {database.name}", BY_HAND, hand, ours),
    ]


def run(database: Database, size: Size) -> list[Row]:
    """Measure a timeout run: of each ten tickets one is late (of each five, if quick)."""
    taken, late_of, factor = (2_000, 5, 5) if size.quick else (10_000, 10, 100 if size.million else 10)
    many, base = taken * factor // late_of, database.fresh()
    with desk_at(base) as desk:
        desk.intake(complaints(taken, late_of=late_of), actor="agent_01", past="fire")
    multiply(database, base, factor)
    rounds = 1 if size.quick or size.million else 3
    theirs, ours = _many_rows(database, base, Desk.run_timeouts, 1, rounds, only=LATE)
    name = f"timeout run, {many:,} due of {taken * factor:,}, {database.name}"
    with ByHand(database.fresh(), 100 if size.quick else 500, due=timedelta(0)) as by_hand:
        hand = _milliseconds(by_hand.run) / by_hand.many
    return [
        Row(name, RAW, theirs / many, ours / many, "≤ 1.8"),
        Row(name, BY_HAND, hand, ours / many, "≤ 0.01" if database.name == "SQLite" else ""),
    ]


def nothing(database: Database, size: Size) -> list[Row]:
    """Measure a run that finds nothing due, on a desk full of open tickets and on an empty one."""
    taken, factor = (2_000, 5) if size.quick else (10_000, 100 if size.million else 10)
    full, empty = database.fresh(), database.fresh()
    with desk_at(full) as desk:
        desk.intake(complaints(taken), actor="agent_01", past="fire")
    multiply(database, full, factor)
    with desk_at(full) as many, desk_at(empty) as none:
        theirs, ours = medians(
            30 if size.quick else 100,
            lambda _: none.run_timeouts(),
            lambda _: many.run_timeouts(),
        )
        assert many.run_timeouts().tickets == none.run_timeouts().tickets == 0
    return [Row(f"nothing due among {taken * factor:,}, {database.name}", "an empty desk", theirs, ours, "≤ 1.2")]


def intake(database: Database, size: Size) -> list[Row]:
    """Measure taking in contacts, in batches of 500."""
    many, base = 2_000 if size.quick else 10_000, database.fresh()
    desk_at(base).close()
    contacts = list(complaints(many, named=True))

    def take_in(desk: Desk) -> object:
        return desk.intake(contacts, actor="agent_01", past="fire", batch=500)

    theirs, ours = _many_rows(database, base, take_in, many // 500, 1 if size.quick else 3)
    with ByHand(database.fresh(), 0, due=timedelta(days=1)) as by_hand:
        (hand,) = medians(50 if size.quick else 300, by_hand.take_in)
    name = f"intake of {many:,} contacts, {database.name}"
    return [Row(name, RAW, theirs / many, ours / many, "≤ 2"), Row(name, BY_HAND, hand, ours / many)]


def desk_at(url: str) -> Desk:
    """Return a desk at NOW: complaints opened EARLIER are late (10 minutes), those opened LATER are not yet."""
    return Desk.connect(url, definitions=ROOT / "definitions", clock=VirtualClock(NOW))


def complaints(many: int, *, late_of: int = 0, named: bool = False) -> Iterator[Contact]:
    """Give contacts; the first of each `late_of` was opened EARLIER. Of five, two come from one customer.

    They complain of two things: for the same one they would be joined, and there is nothing to write as fast as that.
    """
    for number in range(many):
        yield Contact(
            line=number + 1,
            ticket_type="complaint",
            fields={
                "statement": f"二月份的账单多收了{number}元“视频会员”，我从来没有订过，请你们退钱。",
                "category": ("billing", "service")[number % 5 == 4],
            },
            customer={"name": "李女士", "phone": str(13800000000 + number - (number % 5 == 4))},
            channel="phone",
            external_id=f"C-{number}" if named else None,
            opened_at=EARLIER if late_of and number % late_of == 0 else LATER,
        )


def medians(rounds: int, *contenders: Callable[[int], object]) -> tuple[float, ...]:
    """Let the contenders take turns, each round another one first, and return the median milliseconds of each."""
    taken: list[list[float]] = [[] for _ in contenders]
    for turn in range(1, rounds + 1):
        for offset in range(len(contenders)):
            place = (turn + offset) % len(contenders)
            taken[place].append(_milliseconds(partial(contenders[place], turn)))
    return tuple(map(median, taken))


def _many_rows(
    database: Database, base: str, work: Callable[[Desk], object], transactions: int, rounds: int, only: str = ""
) -> tuple[float, float]:
    """Return the median milliseconds of the driver, writing in so many transactions what the desk does, and ours."""
    before, after = _learn(database, base, work, only)
    wrote = written(before, after)
    script = [statements(database, [each.part(at, transactions) for each in wrote]) for at in range(transactions)]
    theirs, ours = [], []
    for _ in range(rounds):
        urls = [database.copy(base), database.copy(base)]
        raw = database.connect(urls[0])
        theirs.append(_milliseconds(partial(play, database, raw, *script)))
        raw.close()
        with desk_at(urls[1]) as desk:
            assert desk.types  # compiled before the clock starts
            ours.append(_milliseconds(partial(work, desk)))
        _compare(database, after, *urls, only=only)
    return median(theirs), median(ours)


def _learn(database: Database, base: str, work: Callable[[Desk], object], only: str = "") -> tuple[Books, Books]:
    """Return the books before and after the work, done once on a copy."""
    url = database.copy(base)
    before = books(database, url, only)
    with desk_at(url) as desk:
        work(desk)
    return before, books(database, url, only)


def _compare(database: Database, after: Books, raw: str, *desks: str, only: str = "") -> None:
    """See to it that the driver has written the very same rows, and each desk the same but for what chance decides."""
    many = counts(database, raw)
    for url in (raw, *desks):
        assert counts(database, url) == many, f"not as many rows: {many}, {counts(database, url)}"
        found = differences(after, books(database, url, only), chance=url != raw)
        assert not found, f"other rows: {found[:3]}"


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def multiply(database: Database, url: str, factor: int) -> None:
    """Put `factor - 1` copies of every ticket, its timers and its clocks beside it."""
    connection = database.connect(url)
    (most,) = connection.execute(f"SELECT max(id) FROM {tickets.name}").fetchone()
    for table, key in ((tickets, "id"), (timers, "ticket_id"), (slas, "ticket_id")):
        values = [f"{key} + {most} * copy" if c.name == key else f'"{c.name}"' for c in table.columns]
        connection.execute(
            f"INSERT INTO {table.name} WITH RECURSIVE copies(copy) AS "
            f"(SELECT 1 UNION ALL SELECT copy + 1 FROM copies WHERE copy < {factor - 1}) "
            f"SELECT {', '.join(values)} FROM copies CROSS JOIN {table.name} WHERE {key} <= {most}"
        )
    database.settle(connection)
    connection.close()
