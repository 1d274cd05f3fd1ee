"""One way by which messages leave: what is due is claimed a few at a time, sent with no transaction open, and marked.

Each message is sent at least once, under a key by which the receiver drops doubles. A relay that dies leaves its claims
behind; when their lease ends they are due again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import ladder
from workflow.definition.desk import DeskSpec
from workflow.definition.telling import Retry
from workflow.delivery.digest import digest
from workflow.delivery.failure import Failure
from workflow.delivery.hours import QuietHours
from workflow.delivery.notice import Notice
from workflow.delivery.routes import OUTLET, Routes
from workflow.errors import StoreError, TicketflowError
from workflow.store import crash, outbox
from workflow.store.engine import Store
from workflow.store.outbox import OutboxRow, Takes

log = logging.getLogger("workflow.delivery")
LEASE = timedelta(minutes=2)
TURN = 5.0  # so many seconds after the claim nothing more of it is begun: an attempt ends well before its lease
LONGEST_WAIT = timedelta(days=1)  # however long a receiver asks to be left alone
AWAY = 3  # so many messages in a row that reached nobody, and nobody is there
BATCH = 20
BUNDLE = 500
ROOM, ROOM_IN_CHAT = 100_000, 1_800  # bytes that the text of a digest may take
WORDS = {"sent": "sent", "suppressed": "suppressed", "held": "held", "waiting": "failed", "failed": "given_up"}
NoticeOf = Callable[[Connection, OutboxRow], Notice]


def pause(key: str, attempts: int, retry: Retry) -> timedelta:
    """Return how long to wait after so many failed attempts: doubling from the first pause to the longest.

    It is longer or shorter by up to a fifth, as the key has it: what failed together is not tried together again.
    """
    longest = min(retry.first.length * (1 << min(attempts - 1, 20)), retry.longest.length)
    lot = hashlib.sha256(f"{key}:{attempts}".encode()).digest()
    share: float = 0.8 + 0.4 * int.from_bytes(lot[:4]) / 2**32
    return longest * share


@dataclass(frozen=True, slots=True)
class Office:
    """What all ways of a delivery have in common."""

    store: Store
    clock: Clock
    routes: Routes
    desk: DeskSpec
    notice_of: NoticeOf
    hours: QuietHours
    lang: str


@dataclass(frozen=True, slots=True)
class Shut:
    """Why and until when a way is closed; `counts` unless the receiver only asked to be left alone."""

    until: datetime
    why: str
    counts: bool


class Way:
    """One way while a delivery lasts; for one thread at a time.

    It is closed for a while once several messages in a row reached nobody, or the receiver asked to be left alone; what
    is due waits then, with the try counted that would have been as vain.
    """

    def __init__(self, name: str, takes: Takes, office: Office) -> None:
        self.takes, self.office, self.store, self.clock = takes, office, office.store, office.clock
        self.telling = office.desk.delivery
        self.room = ROOM_IN_CHAT if name.startswith(OUTLET) else ROOM
        self.away: list[datetime] = []
        self.shut: Shut | None = None
        self.until = 0.0  # when the turn ends

    def turn(self, due: datetime, limit: int | None, stop: Callable[[], bool]) -> Counter[str]:
        """Try some of the messages that are due, the oldest first, at most so many; return what became of how many.

        Where more are due to the same than are told one by one, those go first, as one; what is refused for good as one
        goes by halves.
        """
        done: Counter[str] = Counter()
        if self.shut and self.clock.now() >= self.shut.until:
            self.shut, self.away = None, []
        if self.shut or not self._is_due(due):
            return done
        lease, self.until = self.clock.now() + LEASE, time.monotonic() + TURN
        parcels = deque(self._claim(due, lease, limit))
        crash.point("relay.claimed")
        untried: list[OutboxRow] = []
        while parcels:
            parcel = parcels.popleft()
            if untried or self.shut or stop() or time.monotonic() > self.until:
                untried.extend(parcel)
                continue
            rows, notices = self._what_stands(parcel, lease, done)
            if 1 < len(rows) <= self.telling.digest_above:
                parcels.extendleft((row,) for row in reversed(rows))
            elif rows and (word := self._send(rows, notices, lease)):
                done[word] += len(rows)
            else:
                half = len(rows) // 2
                parcels.extendleft(filter(None, (rows[half:], rows[:half])))
        if untried:
            self.store.unit(lambda connection: outbox.put_back(connection, untried, lease))
        if shut := self.shut:
            done["given_up"] += self.store.unit(lambda connection: self._let_wait(connection, due, shut))
        return +done

    def _is_due(self, due: datetime) -> bool:
        with self.store.read() as connection:
            first = outbox.next_try(connection, self.takes)
        return first is not None and first <= due

    def _claim(self, due: datetime, lease: datetime, limit: int | None) -> Iterator[Sequence[OutboxRow]]:
        """Take messages in hand, together what may become one."""

        def claim(connection: Connection, takes: Takes, most: int) -> Sequence[OutboxRow]:
            most = most if limit is None else min(most, limit)
            return outbox.claim(connection, takes, due=due, lease=lease, most=most)

        def work(connection: Connection) -> Iterator[Sequence[OutboxRow]]:
            outbox.wake(connection, due)
            above = self.telling.digest_above
            to = outbox.crowd(connection, self.takes, due=due, above=above)
            if to and (crowd := claim(connection, Takes(frozenset((to,))), BUNDLE)):  # unless another has them in hand
                return _bundles(crowd, above)
            return ((row,) for row in claim(connection, self.takes, BATCH))

        return self.store.unit(work)

    def _let_wait(self, connection: Connection, due: datetime, shut: Shut) -> int:
        """Let what is due wait until the way may be open again; return how many that was the last try of."""
        tries = self.telling.retry.tries if shut.counts else None
        return outbox.postpone(connection, self.takes, due=due, until=shut.until, why=shut.why, tries=tries)

    def _what_stands(
        self, parcel: Sequence[OutboxRow], lease: datetime, done: Counter[str]
    ) -> tuple[list[OutboxRow], list[Notice]]:
        """Return what is to be told as the tickets stand now; write down what is told to nobody, or not yet."""
        now, rows, notices = self.clock.now(), list[OutboxRow](), list[Notice]()
        ended: defaultdict[str, list[OutboxRow]] = defaultdict(list)
        held: defaultdict[datetime, list[OutboxRow]] = defaultdict(list)
        faulty: list[tuple[OutboxRow, Failure]] = []
        with self.store.read() as connection:
            for row in parcel:
                try:
                    notice = self.office.notice_of(connection, row)
                    if row.to != "customer" and row.stands and not ladder.stands(notice.ticket, row.stands):
                        ended[row.stands].append(row)
                    elif until := self.office.hours.until(row, notice.ticket, now):
                        held[until].append(row)
                    else:
                        rows.append(row)
                        notices.append(notice)
                except StoreError:
                    raise
                except TicketflowError as error:  # one message that cannot be written must not keep the others
                    faulty.append((row, Failure(error.message)))
        for cause, those in ended.items():
            why = f"its cause has ended: {cause}"
            done[self._mark(those, lease, "suppressed", next_try_at=None, last_error=why)] += len(those)
        for until, those in held.items():
            done[self._mark(those, lease, "held", next_try_at=until)] += len(those)
        for row, failure in faulty:
            done[self._failed((row,), row.key, lease, failure)] += 1
        return rows, notices

    def _send(self, rows: Sequence[OutboxRow], notices: Sequence[Notice], lease: datetime) -> str | None:
        """Send a message, or several as one, and write down what became of it; return that as a word.

        Return None where several are refused for good as one, and there is time to send them by halves.
        """
        notice = notices[0]
        if len(notices) > 1:
            notice = digest(notices, self.office.desk, lang=self.office.lang, room=self.room)
        try:
            crash.point("relay.sending")
            remark = self.office.routes.send(notice, self.clock.now())
            crash.point("relay.sent")
        except Failure as failure:
            if len(rows) > 1 and failure.permanent and not failure.nobody:
                if time.monotonic() < self.until:
                    return None
                failure.permanent = False  # of its parts nothing is known yet
            return self._failed(rows, notice.key, lease, failure)
        self.away.clear()
        if len(notices) > 1:
            remark = "; ".join(filter(None, (f"told in {notice.key}", remark)))
        tried, sent_at = outbox.TRIED, self.clock.now()
        return self._mark(rows, lease, "sent", attempts=tried, next_try_at=None, sent_at=sent_at, last_error=remark)

    def _failed(self, rows: Sequence[OutboxRow], key: str, lease: datetime, failure: Failure) -> str:
        now, why, attempts = self.clock.now(), str(failure), max(row.attempts for row in rows) + 1
        asked = min(failure.retry_after or timedelta(), LONGEST_WAIT)
        again = now + max(pause(key, attempts, self.telling.retry), asked)
        if not failure.unreachable:
            self.away.clear()
        else:
            self.away.append(again)
            if asked:
                self.shut = Shut(now + asked, why, counts=False)
            elif len(self.away) == AWAY:
                self.shut = Shut(min(self.away), why, counts=True)
        if failure.permanent or attempts >= self.telling.retry.tries:
            return self._mark(rows, lease, "failed", attempts=outbox.TRIED, next_try_at=None, last_error=why)
        return self._mark(rows, lease, "waiting", attempts=outbox.TRIED, next_try_at=again, last_error=why)

    def _mark(self, rows: Sequence[OutboxRow], lease: datetime, state: str, **values: Any) -> str:
        if self.store.unit(lambda connection: outbox.mark(connection, rows, lease, state=state, **values)) < len(rows):
            log.warning("message %s was held for longer than its lease; it may be sent twice", rows[0].key)
        crash.point("relay.marked")
        return WORDS[state]


def _bundles(batch: Iterable[OutboxRow], above: int) -> Iterator[Sequence[OutboxRow]]:
    """Yield what may become one message; what did before, and was not taken, is kept together."""
    tried: defaultdict[datetime | None, list[OutboxRow]] = defaultdict(list)
    for row in batch:
        tried[row.next_try_at if row.attempts else None].append(row)
    rest = tried.pop(None, [])
    for again in tried.values():
        if len(again) > above:
            yield again
        else:
            rest += again
    if rest:
        yield rest
