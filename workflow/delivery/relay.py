"""The relay: claims messages that are due, sends them with no transaction open, and writes down what became of each.

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
BATCH = 20
LEASE = timedelta(minutes=2)
TURN = 5.0  # so many seconds one way may have before the others are looked after
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_WAIT = timedelta(days=1)  # however long a receiver asks to be left alone
ATTEMPTS = 36
WORDS = {"sent": "sent", "suppressed": "suppressed", "waiting": "failed", "failed": "given_up"}
NoticeOf = Callable[[Connection, OutboxRow], Notice]


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a delivery did: messages `sent`, `failed` (to be tried again), `given_up` and `suppressed`.

    `waiting` are all that are still to be sent; of these, `unrouted` have nobody here who takes them.
    """

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    suppressed: int = 0
    waiting: int = 0
    unrouted: int = 0
    seconds: float = 0.0


def pause(key: str, attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts: doubling from ten seconds to an hour.

    It is longer or shorter by up to a fifth, as the key has it: what failed together is not tried together again.
    """
    longest = min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)
    lot = hashlib.sha256(f"{key}:{attempts}".encode()).digest()
    share: float = 0.8 + 0.4 * int.from_bytes(lot[:4]) / 2**32
    return longest * share


def deliver(
    store: Store,
    clock: Clock,
    routes: Routes,
    notice_of: NoticeOf,
    *,
    limit: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> DeliveryReport:
    """Try every message that is due once, the oldest first, at most `limit`; `stop` is asked before each."""
    began, takes = time.perf_counter(), routes.takes
    relay = _Relay(store, clock, routes, notice_of, stop)
    relay.run(limit)
    with store.read() as connection:
        everybody, ours = outbox.counts(connection), outbox.counts(connection, takes)
    waiting, routed = (sum(counts[state] for state in outbox.PENDING) for counts in (everybody, ours))
    seconds = round(time.perf_counter() - began, 3)
    return DeliveryReport(**relay.done, waiting=waiting, unrouted=waiting - routed, seconds=seconds)


class _Relay:
    def __init__(
        self, store: Store, clock: Clock, routes: Routes, notice_of: NoticeOf, stop: Callable[[], bool]
    ) -> None:
        self.store, self.clock, self.routes, self.notice_of, self.stop = store, clock, routes, notice_of, stop
        self.due = clock.now()
        self.done: Counter[str] = Counter()

    def run(self, limit: int | None) -> None:
        """Send by each way in turn, next by the one that has had the least time: a slow one delays no other."""
        spent = dict.fromkeys(self.routes.ways, 0.0)
        while spent and not self.stop():
            left = BATCH if limit is None else min(BATCH, limit - self.done.total())
            way = min(spent, key=lambda name: spent[name])
            takes, began = self.routes.ways.get(way), time.monotonic()
            if left < 1:
                return
            if takes is None or not self.is_due(takes) or not self.take_turn(takes, left):
                del spent[way]
            else:
                spent[way] += time.monotonic() - began

    def take_turn(self, takes: Takes, most: int) -> bool:
        """Try a few messages of one way; return whether there were any."""
        lease, claimed_at = self.clock.now() + LEASE, time.monotonic()
        batch = self.claim(takes, lease, most)
        crash.point("relay.claimed")
        untried: list[OutboxRow] = []
        for row in batch:
            if untried or self.stop() or time.monotonic() - claimed_at > TURN or not self.routes.is_open(row.to):
                untried.append(row)
            else:
                self.done[self.try_one(row, lease)] += 1
        self.put_back(untried, lease)
        return bool(batch)

    def is_due(self, takes: Takes) -> bool:
        with self.store.read() as connection:
            first = outbox.next_try(connection, takes)
        return first is not None and first <= self.due

    def claim(self, takes: Takes, lease: datetime, most: int) -> tuple[OutboxRow, ...]:
        return self.store.unit(lambda connection: outbox.claim(connection, takes, due=self.due, lease=lease, most=most))

    def put_back(self, untried: list[OutboxRow], lease: datetime) -> None:
        if untried:
            self.store.unit(lambda connection: outbox.put_back(connection, untried, lease))

    def try_one(self, row: OutboxRow, lease: datetime) -> str:
        """Send a message whose cause still stands, and write down what became of it; return that as a word."""
        now, attempts = self.clock.now(), row.attempts + 1
        try:
            notice = self.look_up(row)
            if row.to != "customer" and row.stands and not ladder.stands(notice.ticket, row.stands):
                ended = f"its cause has ended: {row.stands}"
                return self.mark(row, lease, "suppressed", next_try_at=None, last_error=ended)
            crash.point("relay.sending")
            remark = self.routes.send(notice, now)
            crash.point("relay.sent")
        except Failure as failure:
            if failure.permanent or attempts >= ATTEMPTS:
                return self.mark(row, lease, "failed", attempts=attempts, next_try_at=None, last_error=str(failure))
            asked = min(failure.retry_after or timedelta(), LONGEST_WAIT)
            again = self.clock.now() + max(pause(row.key, attempts), asked)
            return self.mark(row, lease, "waiting", attempts=attempts, next_try_at=again, last_error=str(failure))
        sent_at = self.clock.now()
        return self.mark(row, lease, "sent", attempts=attempts, next_try_at=None, sent_at=sent_at, last_error=remark)

    def look_up(self, row: OutboxRow) -> Notice:
        """Return what is to be told, as the ticket stands now."""
        with self.store.read() as connection:
            try:
                return self.notice_of(connection, row)
            except StoreError:
                raise
            except TicketflowError as error:  # one message that cannot be written must not keep the others
                raise Failure(error.message) from error

    def mark(self, row: OutboxRow, lease: datetime, state: str, **values: Any) -> str:
        if not self.store.unit(lambda connection: outbox.mark(connection, row, lease, state=state, **values)):
            log.warning("message %s was held for longer than its lease; it may be sent twice", row.key)
        crash.point("relay.marked")
        return WORDS[state]
