"""One way by which messages leave: what is due is claimed a few at a time, sent with no transaction open, and marked.

Each message is sent at least once, under a key by which the receiver drops doubles. A relay that dies leaves its claims
behind; when their lease ends they are due again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from workflow.clock import Clock
from workflow.core import ladder
from workflow.delivery.failure import Failure
from workflow.delivery.notice import Notice
from workflow.delivery.routes import Routes
from workflow.errors import StoreError, TicketflowError
from workflow.store import crash, outbox
from workflow.store.engine import Store
from workflow.store.outbox import OutboxRow, Takes

log = logging.getLogger("workflow.delivery")
LEASE = timedelta(minutes=2)
TURN = 5.0  # so many seconds after the claim nothing more of it is begun: an attempt ends well before its lease
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_WAIT = timedelta(days=1)  # however long a receiver asks to be left alone
ATTEMPTS = 36
AWAY = 3  # so many messages in a row that reached nobody, and nobody is there
WORDS = {"sent": "sent", "suppressed": "suppressed", "waiting": "failed", "failed": "given_up"}
NoticeOf = Callable[[Connection, OutboxRow], Notice]


def pause(key: str, attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts: doubling from ten seconds to an hour.

    It is longer or shorter by up to a fifth, as the key has it: what failed together is not tried together again.
    """
    longest = min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)
    lot = hashlib.sha256(f"{key}:{attempts}".encode()).digest()
    share: float = 0.8 + 0.4 * int.from_bytes(lot[:4]) / 2**32
    return longest * share


@dataclass(frozen=True, slots=True)
class Shut:
    """Why and until when a way is closed; `counts` unless the receiver only asked to be left alone."""

    until: datetime
    why: str
    counts: bool


class Way:
    """One way while a delivery lasts; for one thread at a time.

    It is closed for the rest of the delivery once several messages in a row reached nobody, or the receiver asked to be
    left alone; what is due waits then, with the try counted that would have been as vain.
    """

    def __init__(self, takes: Takes, store: Store, clock: Clock, routes: Routes, notice_of: NoticeOf) -> None:
        self.takes, self.store, self.clock, self.routes, self.notice_of = takes, store, clock, routes, notice_of
        self.away: list[datetime] = []
        self.shut: Shut | None = None

    def turn(self, due: datetime, most: int, stop: Callable[[], bool]) -> Counter[str]:
        """Try up to so many of the messages that are due, the oldest first; return what became of how many."""
        done: Counter[str] = Counter()
        if self.shut or not self._is_due(due):
            return done
        lease, claimed_at = self.clock.now() + LEASE, time.monotonic()
        batch = self.store.unit(
            lambda connection: outbox.claim(connection, self.takes, due=due, lease=lease, most=most)
        )
        crash.point("relay.claimed")
        untried: list[OutboxRow] = []
        for row in batch:
            if untried or self.shut or stop() or time.monotonic() - claimed_at > TURN:
                untried.append(row)
            else:
                done[self._try_one(row, lease)] += 1
        if untried:
            self.store.unit(lambda connection: outbox.put_back(connection, untried, lease))
        if shut := self.shut:
            done["given_up"] += self.store.unit(lambda connection: self._let_wait(connection, due, shut))
        return +done

    def _is_due(self, due: datetime) -> bool:
        with self.store.read() as connection:
            first = outbox.next_try(connection, self.takes)
        return first is not None and first <= due

    def _let_wait(self, connection: Connection, due: datetime, shut: Shut) -> int:
        """Let what is due wait until the way may be open again; return how many that was the last try of."""
        tries = ATTEMPTS if shut.counts else None
        return outbox.postpone(connection, self.takes, due=due, until=shut.until, why=shut.why, tries=tries)

    def _try_one(self, row: OutboxRow, lease: datetime) -> str:
        """Send a message whose cause still stands, and write down what became of it; return that as a word."""
        now, attempts = self.clock.now(), row.attempts + 1
        try:
            notice = self._look_up(row)
            if row.to != "customer" and row.stands and not ladder.stands(notice.ticket, row.stands):
                ended = f"its cause has ended: {row.stands}"
                return self._mark(row, lease, "suppressed", next_try_at=None, last_error=ended)
            crash.point("relay.sending")
            remark = self.routes.send(notice, now)
            crash.point("relay.sent")
        except Failure as failure:
            return self._failed(row, lease, attempts, failure)
        self.away.clear()
        sent_at = self.clock.now()
        return self._mark(row, lease, "sent", attempts=attempts, next_try_at=None, sent_at=sent_at, last_error=remark)

    def _failed(self, row: OutboxRow, lease: datetime, attempts: int, failure: Failure) -> str:
        now, why = self.clock.now(), str(failure)
        asked = min(failure.retry_after or timedelta(), LONGEST_WAIT)
        again = now + max(pause(row.key, attempts), asked)
        if not failure.unreachable:
            self.away.clear()
        else:
            self.away.append(again)
            if asked:
                self.shut = Shut(now + asked, why, counts=False)
            elif len(self.away) == AWAY:
                self.shut = Shut(min(self.away), why, counts=True)
        if failure.permanent or attempts >= ATTEMPTS:
            return self._mark(row, lease, "failed", attempts=attempts, next_try_at=None, last_error=why)
        return self._mark(row, lease, "waiting", attempts=attempts, next_try_at=again, last_error=why)

    def _look_up(self, row: OutboxRow) -> Notice:
        """Return what is to be told, as the ticket stands now."""
        with self.store.read() as connection:
            try:
                return self.notice_of(connection, row)
            except StoreError:
                raise
            except TicketflowError as error:  # one message that cannot be written must not keep the others
                raise Failure(error.message) from error

    def _mark(self, row: OutboxRow, lease: datetime, state: str, **values: Any) -> str:
        if not self.store.unit(lambda connection: outbox.mark(connection, row, lease, state=state, **values)):
            log.warning("message %s was held for longer than its lease; it may be sent twice", row.key)
        crash.point("relay.marked")
        return WORDS[state]
