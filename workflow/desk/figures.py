"""The desk's figures: what histories add to them is counted when somebody asks, each entry once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import chain, groupby
from typing import TypeAlias
from zlib import crc32
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from workflow.core import people, summary
from workflow.core.figures import NOBODY, Counted, counted
from workflow.core.summary import BYS, By, Figures, Stats
from workflow.desk.book import Book
from workflow.desk.refusing import Refusing
from workflow.desk.transactions import Own
from workflow.errors import StoreError, UsageError
from workflow.store import crash
from workflow.store import figures as store

CHUNK = 2000  # tickets in one transaction
Found: TypeAlias = dict[str, dict[str, int]]
Uncounted: TypeAlias = tuple[store.Behind, list[Counted] | None]


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """Figures that are not what the histories say: how many things were stored, and how many are told."""

    dimension: str
    period: str
    key: str
    measure: str
    stored: int
    told: int


class FigureVerbs(Refusing):
    """What the desk's figures are, and whether they are right."""

    def stats(
        self,
        *,
        by: str | None = None,
        since: date | None = None,
        until: date | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> Stats:
        """Return the desk's figures over the days from `since` to `until`, both included, in the desk's zone.

        They are exact as of now. `by` parts them by type, team, agent, channel or day. What is new since the last call
        is counted for good, chunk by chunk, and `progress` called with how many tickets that were; inside a host's
        transaction, or where nothing can be written, it is counted for this answer alone.
        """
        if by is not None and by not in BYS:
            raise UsageError("figures go by {known}, not by {given}", "choose one of them", field="by", given=by,
                             known=", ".join(BYS))  # fmt: skip
        if since is not None and until is not None and since > until:
            raise UsageError("{since} comes after {until}", "swap the two days", field="from",
                             since=since.isoformat(), until=until.isoformat())  # fmt: skip
        with suppress(StoreError):  # a database that is only read, or locked: see below
            self.count_figures(progress=progress)
        return self._read(partial(_stats, by=by, since=since, until=until))

    def count_figures(self, *, limit: int | None = None, progress: Callable[[int], object] | None = None) -> int:
        """Count what histories have added to the figures, of `limit` tickets at most; return of how many.

        Inside a host's transaction nothing is counted for good. What is locked is left to the next call.
        """
        last, done = 0, 0
        while isinstance(self._transactions, Own) and (limit is None or done < limit):
            most = min(CHUNK, limit - done) if limit is not None else CHUNK
            found = self._read(partial(_behind, after=last, most=most))
            if not found:
                break
            last = found[-1][0].ticket_id
            done += self._transactions.unit(partial(_keep, found=found))
            if progress:
                progress(done)
        return done

    def rebuild_figures(self, *, actor: str, progress: Callable[[int], object] | None = None) -> int:
        """Drop every figure and count all histories anew; return of how many tickets. Raise Forbidden.

        Meanwhile the figures that anybody reads are right, but slow.
        """
        with self._judged("rebuild_figures", actor):
            self._read(lambda _, book: people.demand(book.desk, people.actor_of(book.desk, actor), "retry"))

        def forget(connection: Connection) -> None:
            store.alone_with_figures(connection)
            store.forget(connection)

        self._transactions.unit(forget)
        crash.point("figures.forgotten")
        return self.count_figures(progress=progress)

    def check_figures(self) -> tuple[FigureDifference, ...]:
        """Return where the figures that are kept are not what the histories say. Every history is read."""
        return self._read(_differences)


def _behind(connection: Connection, book: Book, *, after: int, most: int) -> list[Uncounted]:
    return list(_counted(connection, book, store.behind(connection, after, most)))


def _keep(connection: Connection, *, found: list[Uncounted]) -> int:
    """Count for good what nobody else has counted meanwhile; return of how many tickets that is."""
    store.alone_with_figures(connection)
    still = store.still_behind(connection, [one for one, what in found if what is not None])
    store.keep(connection, chain.from_iterable(what or () for one, what in found if one in still), still)
    crash.point("figures.counted")
    return len(still)


def _counted(connection: Connection, book: Book, some: list[store.Behind]) -> Iterator[Uncounted]:
    """Yield tickets with what each adds to the figures; None for one whose history makes no sense."""
    zones: dict[int, ZoneInfo] = {}

    def day_of(at: datetime, revision: int) -> str:
        if revision not in zones:
            zones[revision] = ZoneInfo(book.desk_of(revision).zone)
        return at.astimezone(zones[revision]).date().isoformat()

    histories = store.histories(connection, [one.ticket_id for one in some])
    for one in some:
        history = histories[one.ticket_id]
        try:
            if isinstance(history, Exception):
                raise history
            found = counted(history, book.definition, day_of, after=one.counted)
            yield one, [each for each in found if each.seq <= one.seq]  # more may have happened since it was looked up
        except Exception:  # whatever a damaged row raises, the others are counted
            yield one, None


def _pages(of: Callable[[int, int], list[store.Behind]]) -> Iterator[list[store.Behind]]:
    last = 0
    while page := of(last, CHUNK):
        yield page
        last = page[-1].ticket_id


def _stats(connection: Connection, book: Book, *, by: By | None, since: date | None, until: date | None) -> Stats:
    """Return what is counted for good, and what is not yet so."""
    store.alone_with_figures(connection, shared=True)
    dimension = store.ALL if by in (None, "day") else str(by)
    first, last, damaged = str(since or ""), str(until or "9999"), 0
    fresh = []
    for page in _pages(partial(store.behind, connection)):
        for _, what in _counted(connection, book, page):
            damaged += what is None
            fresh += [each for each in what or () if first <= each.day <= last]
    new = [(row, counts) for row, counts in store.rows_of(fresh).items() if row[0] == dimension]
    kept = store.kept(connection, dimension, _periods(connection, since, until))
    found = _by(chain(kept, new), store.KEY)
    load = store.load(connection, dimension)
    rows: list[Figures] = []
    if by == "day":
        days = {day for day in store.periods(connection, store.DAY) if first <= day <= last}
        for some in _months(days.union(row[1] for row, _ in new)):
            news = (each for each in new if each[0][1] in some)
            of_day = _by(chain(store.kept(connection, dimension, some), news), store.PERIOD)
            rows += (_figures(day, of_day[day]) for day in some)
    elif by:
        keys = sorted({*found, *load}, key=lambda key: (key == NOBODY, key))
        rows = [_figures(key, found[key], load.get(key, (0, None))) for key in keys]
    total: Found = defaultdict(dict)
    for histograms in found.values():
        for measure, counts in histograms.items():
            store.add(total[measure], counts)
    oldest = min((opened_at for _, opened_at in load.values() if opened_at is not None), default=None)
    whole = _figures(None, total, (sum(many for many, _ in load.values()), oldest))
    return Stats(by, since, until, tuple(rows), whole, damaged)


def _by(found: Iterable[tuple[store.Row, Mapping[str, int]]], place: int) -> dict[str, Found]:
    """Return histograms by measure, added up by what stands at a place of their rows."""
    total: dict[str, Found] = defaultdict(lambda: defaultdict(dict))
    for row, counts in found:
        store.add(total[row[place]][row[-1]], counts)
    return total


def _figures(key: str | None, found: Found, open_now: tuple[int, datetime | None] | None = None) -> Figures:
    whole = {measure: {int(value): many for value, many in counts.items()} for measure, counts in found.items()}
    return summary.figures(key, whole, open_now)


def _months(days: Iterable[str]) -> Iterator[list[str]]:
    """Yield the days of each month: no more than theirs is held at once."""
    for _, some in groupby(sorted(days), key=lambda day: day[: store.MONTH]):
        yield list(some)


def _periods(connection: Connection, since: date | None, until: date | None) -> list[str]:
    """Return the periods that make up the days asked for."""
    years = store.periods(connection, store.YEAR)
    if not years:
        return []
    begin, end = date(int(years[0]), 1, 1), date(int(years[-1]), 12, 31)
    return store.cover(max(since or begin, begin), min(until or end, end))


def _differences(connection: Connection, book: Book) -> tuple[FigureDifference, ...]:
    store.alone_with_figures(connection, shared=True)
    told: dict[store.Row, int] = defaultdict(int)
    for page in _pages(partial(store.all_counted, connection)):
        found = chain.from_iterable(what or () for _, what in _counted(connection, book, page))
        for row, counts in store.rolled_up(store.rows_of(found)).items():
            told[row] += _print(counts)
    stored = {row: _print(counts) for row, counts in store.everything(connection)}
    return tuple(
        FigureDifference(*row, _many(stored.get(row, 0)), _many(told.get(row, 0)))
        for row in sorted({*told, *stored})
        if stored.get(row, 0) != told.get(row, 0)
    )


def _print(counts: dict[str, int]) -> int:
    """Return a number that adds up as histograms do and tells them apart, which takes less memory than they do."""
    return sum(many * ((1 << 64) + crc32(value.encode())) for value, many in counts.items())


def _many(found: int) -> int:
    return found >> 64
