"""The outbox: what must be told to whom, claimed by one relay at a time and marked with what became of it.

A message is `waiting`; `sending` while a relay holds it, until its lease ends; and then `sent`, `suppressed` (its cause
had ended), `failed` (given up), `held` until the hours in which people are told, or waiting again. `next_try_at` is
when it is due, or when the lease ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, false, func, or_, select, update

from workflow.core.model import NOTHING
from workflow.errors import NotFound, Refused
from workflow.store.sql import ASKED_AT_ONCE
from workflow.store.tables import outbox

STATES = ("waiting", "held", "sending", "sent", "suppressed", "failed")
PENDING = ("waiting", "held", "sending")
TRIED = outbox.c.attempts + 1


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that waits, was sent, or failed. `key` is the same however often it is sent."""

    id: int
    ticket_id: int
    to: str
    kind: str
    reason: str
    state: str
    created_at: datetime
    attempts: int
    data: Mapping[str, Any]
    seq: int = 0
    stands: str | None = None
    next_try_at: datetime | None = None
    sent_at: datetime | None = None
    last_error: str | None = None

    @property
    def key(self) -> str:
        """What receivers tell doubles by."""
        return f"{self.ticket_id}-{self.seq}"


@dataclass(frozen=True, slots=True)
class Takes:
    """Whose messages a relay can send: those to these addressees; with `all_others` to everybody `but` some.

    A call of the host counts only by its name.
    """

    names: frozenset[str] = frozenset()
    all_others: bool = False
    but: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.names) or self.all_others


def rows(
    connection: Connection, *, limit: int, after: int | None = None, state: str | None = None,
    ticket_id: int | None = None,
) -> tuple[OutboxRow, ...]:  # fmt: skip
    """Return messages in the order they were written, those of one ticket if it is named."""
    query = select(outbox).order_by(outbox.c.id).limit(limit)
    if after is not None:
        query = query.where(outbox.c.id > after)
    if state is not None:
        query = query.where(outbox.c.state == state)
    if ticket_id is not None:
        query = query.where(outbox.c.ticket_id == ticket_id)
    return tuple(_row(row) for row in connection.execute(query))


def wake(connection: Connection, due: datetime) -> None:
    """Let wait again what was held until now, and what a relay held that did not live to mark it: that was a try."""
    over = outbox.c.state.in_(("sending", "held")) & (outbox.c.next_try_at <= due)
    lost = case((outbox.c.state == "sending", 1), else_=0)
    connection.execute(update(outbox).where(over).values(state="waiting", attempts=outbox.c.attempts + lost))


def crowd(connection: Connection, takes: Takes, *, due: datetime, above: int) -> str | None:
    """Return the member or team to whom the most messages are due, if there are more than so many."""
    many, to = func.count(), outbox.c.addressee
    query = (
        select(to)
        .where(outbox.c.state == "waiting", outbox.c.next_try_at <= due, _taken(takes))
        .where(or_(to.like("member:%"), to.like("team:%")))
        .group_by(to)
        .having(many > above)
        .order_by(many.desc(), to)
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar()
    return found


def claim(connection: Connection, takes: Takes, *, due: datetime, lease: datetime, most: int) -> tuple[OutboxRow, ...]:
    """Take up to `most` messages that are due, the oldest first, until the lease ends; skip what others hold."""
    query = (
        select(outbox)
        .where(outbox.c.state == "waiting", outbox.c.next_try_at <= due, _taken(takes))
        .order_by(outbox.c.next_try_at, outbox.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = [_row(row) for row in connection.execute(query)]
    if found:
        held = outbox.c.id.in_([row.id for row in found])
        connection.execute(update(outbox).where(held).values(state="sending", next_try_at=lease))
    return tuple(found)


def mark(connection: Connection, held: Sequence[OutboxRow], lease: datetime, **values: Any) -> int:
    """Write what became of messages that are held; return of how many the lease was not lost meanwhile."""
    same = outbox.c.id.in_([row.id for row in held]) & (outbox.c.state == "sending") & (outbox.c.next_try_at == lease)
    return connection.execute(update(outbox).where(same).values(**values)).rowcount


def put_back(connection: Connection, held: Iterable[OutboxRow], lease: datetime) -> None:
    """Let messages that were claimed and not tried wait as they did before."""
    for row in held:
        mark(connection, (row,), lease, state="waiting", next_try_at=row.next_try_at)


def postpone(
    connection: Connection, takes: Takes, *, due: datetime, until: datetime, why: str, tries: int | None
) -> int:
    """Let all that is due wait until a moment; with `tries` that was one of so many, and the last one gives up.

    Return how many were given up.
    """
    those = (outbox.c.state == "waiting", outbox.c.next_try_at <= due, _taken(takes))
    given_up = 0
    if tries is not None:
        last = update(outbox).where(*those, tries <= TRIED)
        given_up = connection.execute(
            last.values(state="failed", attempts=TRIED, next_try_at=None, last_error=why)
        ).rowcount
    attempts = outbox.c.attempts if tries is None else TRIED
    connection.execute(update(outbox).where(*those).values(attempts=attempts, next_try_at=until, last_error=why))
    return given_up


def next_try(connection: Connection, takes: Takes) -> datetime | None:
    """Return when the next message of these is due, or None."""
    if not takes:
        return None
    dues = [
        connection.execute(
            select(outbox.c.next_try_at)
            .where(outbox.c.state == state, outbox.c.next_try_at.is_not(None), _taken(takes))
            .order_by(outbox.c.next_try_at)
            .limit(1)
        ).scalar()
        for state in PENDING
    ]
    return min((due for due in dues if due is not None), default=None)


def counts(connection: Connection, takes: Takes | None = None) -> dict[str, int]:
    """Return how many messages are in each state; with `takes`, only those that such a relay can send."""
    query = select(outbox.c.state, func.count()).group_by(outbox.c.state)
    if takes is not None:
        query = query.where(_taken(takes))
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in connection.execute(query)}


def suppress(connection: Connection, before: datetime) -> None:
    """Let nobody be told any more what waits since before a moment."""
    old = outbox.c.state.in_(PENDING) & (outbox.c.created_at < before)
    connection.execute(update(outbox).where(old).values(state="suppressed", next_try_at=None))


def release(connection: Connection, now: datetime) -> None:
    """Have it judged anew whether what is held must be."""
    held = outbox.c.state == "held"
    connection.execute(update(outbox).where(held).values(state="waiting", next_try_at=now))


def retry(connection: Connection, ids: Sequence[int] | None, now: datetime) -> int:
    """Make messages due now, their attempts forgotten: all that failed, or those named, which failed or wait.

    Raise NotFound or Refused for one that is not such a message; then nothing is changed.
    """
    fresh = update(outbox).values(state="waiting", attempts=0, next_try_at=now)
    if ids is None:
        return connection.execute(fresh.where(outbox.c.state == "failed")).rowcount
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        some = wanted[start : start + ASKED_AT_ONCE]
        query = select(outbox.c.id, outbox.c.state).where(outbox.c.id.in_(some)).with_for_update()
        known = {row.id: row.state for row in connection.execute(query)}
        for number in some:
            _demand_retriable(number, known.get(number))
        connection.execute(fresh.where(outbox.c.id.in_(some)))
    return len(wanted)


def _demand_retriable(number: int, state: str | None) -> None:
    if state is None:
        raise NotFound(
            "there is no message {message}", "list the messages with `ticketflow outbox list`", message=number
        )
    if state not in ("failed", "waiting", "held"):
        raise Refused(
            "message {message} is {found}, and is not tried again",
            "only what failed or waits can be",
            rule="outbox",
            message=number,
            found=state,
        )


def _taken(takes: Takes) -> ColumnElement[bool]:
    to = outbox.c.addressee
    named = to.in_(sorted(takes.names)) if takes.names else false()
    if not takes.all_others:
        return named
    others = to.not_like("host:%") & to.not_in(sorted(takes.but)) if takes.but else to.not_like("host:%")
    return or_(named, others)


def _row(row: Any) -> OutboxRow:
    return OutboxRow(
        id=row.id, ticket_id=row.ticket_id, to=row.addressee, kind=row.kind, reason=row.reason, state=row.state,
        created_at=row.created_at, attempts=row.attempts, data=json.loads(row.data) or NOTHING, seq=row.seq,
        stands=row.stands, next_try_at=row.next_try_at, sent_at=row.sent_at, last_error=row.last_error,
    )  # fmt: skip
