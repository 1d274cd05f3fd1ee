"""The desk's figures: how many, how fast, how well, for whom."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click

from workflow.cli.context import Session
from workflow.cli.shell import Group, pass_session
from workflow.errors import PartlyDone, UsageError

if TYPE_CHECKING:
    from workflow import Figures, Stats

BYS = ("type", "team", "agent", "channel", "day")
WORK = ("opened", "archived", "sent back", "open now", "oldest", "satisfied", "score")
LIMITS = ("in time", "late", "unanswered", "missed", "excused", "escalated")
STAGES = ("intake", "classify", "handle", "review", "callback")
HOUR = 3600
UNITS = (("s", 1, 100), ("m", 60, 100), ("h", HOUR, 48), ("d", 24 * HOUR, sys.maxsize))


def _day(_context: click.Context, parameter: click.Parameter, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        option = parameter.opts[0]
        raise UsageError(
            "{option} takes a day, not {given}", "write it like 2026-03-02", field=option, option=option, given=text
        ) from None


@click.group("stats", cls=Group, invoke_without_command=True)
@click.option("--by", type=click.Choice(BYS), help="A line for each type, team, agent, channel or day.")
@click.option("--from", "since", metavar="DATE", callback=_day, help="The first day, in the desk's zone.")
@click.option("--to", "until", metavar="DATE", callback=_day, help="The last day.")
@pass_session
def stats(session: Session, *, by: str | None, since: date | None, until: date | None) -> None:
    """Count what the desk has done.

    That is how many tickets came in and were archived, how soon they were answered, how long they stayed in each stage,
    which limits were missed, how satisfied the customers are, and what is open now. Each thing counts on the day on
    which it happened. The figures are exact as of now; docs/operations.md says what each means.

        ticketflow stats --by team --from 2026-03-01 --to 2026-03-31
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    with _progress(session) as progress:
        found = session.desk.stats(by=by, since=since, until=until, progress=progress)
    if session.json:
        span = {"by": by, "since": since, "until": until}
        session.dump(*(session.zoned(span | _json(each)) for each in (*found.rows, found.total)))
    elif by is None:
        _overview(session, found)
    else:
        _tables(session, found)
    if found.total.repaired and by is not None and not session.json:
        session.hint("{count} times a ticket was repaired by hand: `ticketflow audit verify` names each.",
                     count=found.total.repaired)  # fmt: skip
    if found.damaged:
        session.hint("{count} tickets are not counted: their history cannot be read.", count=found.damaged)


@contextmanager
def _progress(session: Session) -> Iterator[Callable[[int], object] | None]:
    """Show on a terminal how many tickets were counted, which the first time takes long."""
    if session.json or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda count: status.update(session.tell("{count} tickets counted", {"count": count}))


def _json(found: Figures) -> dict[str, Any]:
    return asdict(found) | {"connect_rate": found.connect_rate, "satisfaction": found.satisfaction}


def _overview(session: Session, found: Stats) -> None:
    session.details((session.tell(label), value) for label, value in _facts(session, found))
    if found.total.stages:
        session.table(
            ("stage", "left it", "half in", "9 of 10 in"),
            (
                (session.tell(name), stay.count, _length(session, stay.median), _length(session, stay.p90))
                for name, stay in found.total.stages.items()
            ),
        )


def _facts(session: Session, found: Stats) -> Iterator[tuple[str, object]]:
    total, tell = found.total, session.tell
    if found.since or found.until:
        yield "days", f"{found.since or '…'} – {found.until or '…'}"
    yield "opened", total.opened
    yield "archived", total.archived
    yield "sent back", total.reopened
    yield "open now", total.open
    yield "oldest", total.oldest_open_at
    answered = {"on_time": total.on_time, "late": total.late, "waiting": total.waiting}
    told = tell("{on_time} in time, {late} late, {waiting} still unanswered", answered)
    yield "first answer in time", f"{_percent(total.connect_rate)}: {told}"
    times = {"median": _length(session, total.response.median), "p90": _length(session, total.response.p90)}
    yield "first answer", tell("half within {median}, 9 of 10 within {p90}", times)
    yield (
        "limits missed",
        tell("{missed}, of these {excused} excused", {"missed": total.breaches, "excused": total.excused}),
    )
    rungs = (tell("rung {rung}: {count}", {"rung": rung, "count": many}) for rung, many in total.escalations.items())
    yield "escalated", ", ".join(rungs) or "0"
    said = {"yes": total.satisfied, "all": total.satisfied + total.dissatisfied}
    yield "satisfied", f"{_percent(total.satisfaction)}: {tell('{yes} of {all}', said)}"
    yield "score", _score(total.score)
    if total.repaired:
        yield "REPAIRED by hand", total.repaired


def _tables(session: Session, found: Stats) -> None:
    """Write a table for each matter, so that they fit a terminal; a program gets a single one."""
    rows = [*found.rows, found.total]

    def table(columns: Iterable[str], *parts: Callable[[Session, Figures], list[object]]) -> None:
        lines = (
            (_key(session, found.by, row.key), *(cell for part in parts for cell in part(session, row))) for row in rows
        )
        session.table(("date" if found.by == "day" else str(found.by), *columns), lines)

    if session.width is None:
        spans = (f"{session.tell(name)} {share}" for name in ("first answer", *STAGES) for share in ("50%", "90%"))
        table((*WORK, *LIMITS, *spans), _work, _limits, _spans)
        return
    table(WORK, _work)
    session.heading("Limits: of the first answer, of SLA clocks; escalations by rung")
    table(LIMITS, _limits)
    session.heading("Time in each stage: half within, 9 of 10 within")
    table(STAGES, _stays)


def _key(session: Session, by: str | None, key: str | None) -> str:
    if key is None:
        return session.tell("all")
    known = session.desk.types.get(key) if by == "type" and session.lang != "en" else None
    return session.label(known.spec.label, key) if known else key


def _work(session: Session, row: Figures) -> list[object]:
    oldest: object = row.oldest_open_at
    if row.oldest_open_at is not None and session.width is not None:
        oldest = _length(session, int((session.desk.clock.now() - row.oldest_open_at).total_seconds()))
    satisfied = _percent(row.satisfaction)
    return [row.opened, row.archived, row.reopened, row.open, oldest, satisfied, _score(row.score)]


def _limits(_: Session, row: Figures) -> list[object]:
    rungs = "/".join(str(row.escalations.get(rung, 0)) for rung in range(1, max(row.escalations, default=0) + 1))
    return [_percent(row.connect_rate), row.late, row.waiting, row.breaches, row.excused, rungs or 0]


def _stays(session: Session, row: Figures) -> list[object]:
    _, _, *found = _spans(session, row)
    return [None if half is None else f"{half} {most}" for half, most in zip(found[::2], found[1::2], strict=True)]


def _spans(session: Session, row: Figures) -> list[object]:
    """Return the median and the ninth decile of the first answer and of each stage."""
    from workflow import Lengths

    lengths = [row.response, *(row.stages.get(stage, Lengths()) for stage in STAGES)]
    return [_length(session, value) for each in lengths for value in (each.median, each.p90)]


def _length(session: Session, seconds: int | None) -> str | None:
    """Return a length of time: on a terminal short, for a program to the second."""
    if seconds is None:
        return None
    if session.width is None:
        return session.plain(timedelta(seconds=seconds))
    unit, size = next((unit, size) for unit, size, most in UNITS if seconds < size * most)
    return f"{seconds / size:.1f}{unit}" if size >= HOUR else f"{seconds // size}{unit}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _score(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.2f}"


@stats.command("rebuild")
@click.option("--check", is_flag=True, help="Change nothing; exit 8 where something differs.")
@pass_session
def rebuild(session: Session, *, check: bool) -> None:
    """Count every history anew.

    Figures are kept by day, so that they are read quickly; what they are is what the histories say. This takes some
    minutes for a million tickets, and may be interrupted: what is not counted yet is counted when it is needed.

        ticketflow stats rebuild --check
    """
    if not check:
        with _progress(session) as progress:
            counted = session.desk.rebuild_figures(actor=session.actor, progress=progress)
        session.dump({"counted": counted}) if session.json else session.say("{count} tickets counted.", count=counted)
        return
    found = session.desk.check_figures()
    for each in found:
        if session.json:
            session.dump(asdict(each))
        else:
            place = (each.dimension, each.key, each.period, each.measure)
            session.say("{place}: {stored} stored; by history {told}.", place=place, stored=each.stored, told=each.told)
    if found:
        raise PartlyDone("{count} figures are not what history says", "mend them with `ticketflow stats rebuild`",
                         count=len(found))  # fmt: skip
    if not session.json:
        session.say("Every figure is what history says.")
