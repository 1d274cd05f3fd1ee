"""The desk's figures as they are read: what was counted, added up, with the shares and percentiles of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias, get_args

from workflow.definition.model import STAGES

By: TypeAlias = Literal["type", "team", "agent", "channel", "day"]
BYS: tuple[By, ...] = get_args(By)
Histograms: TypeAlias = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many lengths of time there were, and of these the median and the ninth decile in seconds.

    A percentile is the least length that so many in a hundred do not exceed (the nearest rank); each length is rounded
    down, by less than a second up to 200 s, by less than one per cent after.
    """

    count: int = 0
    median: int | None = None
    p90: int | None = None

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> Lengths:
        """Return what a histogram says.

        >>> Lengths.of({60: 5, 120: 4, 3600: 1})
        Lengths(count=10, median=60, p90=120)
        """
        return cls(sum(counts.values()), percentile(counts, 50), percentile(counts, 90))


def percentile(counts: Mapping[int, int], share: int) -> int | None:
    """Return the least value that at least `share` in a hundred do not exceed; None of nothing."""
    left = -(-sum(counts.values()) * share // 100)
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted for one type, team, agent, channel or day, or (without a key) in all.

    `on_time`, `late` and `waiting` are tickets whose first answer came within its limit, came late, or has not come yet
    though the limit has passed; `stages` has the time in each stage that tickets have left. `breaches` are SLA cycles
    that were missed, `excused` those of them that a lead excused. `escalations` says how many reached which rung.
    `repaired` counts how often an administrator put a ticket into another state by hand.
    `open` and `oldest_open_at` are as of now; by day there are none.
    """

    key: str | None
    opened: int = 0
    archived: int = 0
    reopened: int = 0
    on_time: int = 0
    late: int = 0
    waiting: int = 0
    response: Lengths = Lengths()
    stages: Mapping[str, Lengths] = field(default_factory=dict)
    breaches: int = 0
    excused: int = 0
    escalations: Mapping[int, int] = field(default_factory=dict)
    satisfied: int = 0
    dissatisfied: int = 0
    score: float | None = None
    repaired: int = 0
    open: int | None = None
    oldest_open_at: datetime | None = None

    @property
    def connect_rate(self) -> float | None:
        """The share of first answers that came within their limit 接通率, of those that came or should have."""
        return _share(self.on_time, self.on_time + self.late + self.waiting)

    @property
    def satisfaction(self) -> float | None:
        """The share of answers to the question of satisfaction 满意度 that were yes."""
        return _share(self.satisfied, self.satisfied + self.dissatisfied)


@dataclass(frozen=True, slots=True)
class Stats:
    """The desk's figures from the first to the last of some days (None: from the beginning, until now).

    `rows` are by key, `total` is over all of them. `damaged` counts tickets whose history could not be read.
    """

    by: By | None
    since: date | None
    until: date | None
    rows: tuple[Figures, ...]
    total: Figures
    damaged: int = 0


def figures(key: str | None, found: Histograms, open_now: tuple[int, datetime | None] | None = None) -> Figures:
    """Return the figures that histograms by measure amount to."""
    many = {name: sum(counts.values()) for name, counts in found.items()}
    names = ("opened", "archived", "reopened", "on_time", "late", "waiting", "breaches", "excused", "satisfied")
    scores, rung = found.get("score", {}), "escalated."
    return Figures(
        key,
        **{name: many.get(name, 0) for name in (*names, "dissatisfied", "repaired")},
        response=Lengths.of(found.get("response", {})),
        stages={name: Lengths.of(found[f"stage.{name}"]) for name in STAGES if many.get(f"stage.{name}")},
        escalations={int(name.removeprefix(rung)): many[name] for name in sorted(many) if name.startswith(rung)},
        score=sum(score * count for score, count in scores.items()) / many["score"] if scores else None,
        open=open_now[0] if open_now else None,
        oldest_open_at=open_now[1] if open_now else None,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
