"""The relay: every way has a thread of its own, so that a slow one keeps nobody from another."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from workflow.clock import Clock
from workflow.delivery.routes import HOST
from workflow.delivery.way import BATCH, Office, Way
from workflow.store import outbox

AT_ONCE = 8  # so many threads at the most; more ways than that take turns
LOOK = 0.2  # how often who is done looks again, in seconds, while another is not


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a delivery did: messages `sent`, `failed` (to be tried again), `given_up` and `suppressed`.

    `waiting` are all that are still to be sent; of these, `unrouted` have nobody here who takes them, and `held` wait
    for the hours in which people are told. `unset_outlets` are those of the desk whose address is not set here.
    """

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    suppressed: int = 0
    waiting: int = 0
    unrouted: int = 0
    unset_outlets: tuple[str, ...] = ()
    held: int = 0
    seconds: float = 0.0


def deliver(
    office: Office,
    *,
    limit: int | None = None,
    seconds: float = math.inf,
    stop: Callable[[], bool] = lambda: False,
) -> DeliveryReport:
    """Try every message that is due once, the oldest of each way first, at most `limit`.

    What becomes due meanwhile leaves too, by those ways that are done with that. After so many `seconds` no way that is
    not is waited for any longer than until its turn ends. `stop` is asked before each message. The host's actions are
    called in the caller's thread.
    """
    began, routes = time.perf_counter(), office.routes
    ways = {name: Way(name, takes, office) for name, takes in routes.ways.items()}
    relay = _Relay(ways, office.clock, limit, seconds, stop)
    relay.run()
    with office.store.read() as connection:
        everybody, ours = outbox.counts(connection), outbox.counts(connection, routes.takes)
    waiting, routed = (sum(counts[state] for state in outbox.PENDING) for counts in (everybody, ours))
    seconds = round(time.perf_counter() - began, 3)
    return DeliveryReport(
        **relay.done, waiting=waiting, unrouted=waiting - routed, held=everybody["held"], unset_outlets=routes.unset,
        seconds=seconds,
    )  # fmt: skip


class _Relay:
    def __init__(
        self, ways: dict[str, Way], clock: Clock, limit: int | None, seconds: float, stop: Callable[[], bool]
    ) -> None:
        self.ways, self.clock, self.left, self.asked = ways, clock, limit, stop
        self.until = time.monotonic() + seconds
        self.done: Counter[str] = Counter()
        self.due = clock.now()
        self.behind = set(ways)  # those that have not done yet what was due at the beginning
        self.idle, self.rested, self.looked = deque(ways), list[str](), time.monotonic()
        self.turned = threading.Condition()
        self.ended, self.error = False, list[BaseException]()

    def run(self) -> None:
        """Work in this thread, and in one for each way besides."""
        others = [
            threading.Thread(target=self.work_beside, name="ticketflow-way", daemon=True)
            for _ in range(min(len(self.ways), AT_ONCE) - 1)
        ]
        for thread in others:
            thread.start()
        try:
            self.work(calls=HOST in self.ways)
            for thread in others:
                thread.join()
        finally:
            self.ended = True  # by Ctrl-C: what is in hand stays so until its lease ends
        if self.error:
            raise self.error[0]

    def work_beside(self) -> None:
        try:
            self.work(calls=False)
        except BaseException as error:  # raised again by who waits for this thread
            self.ended = True
            self.error.append(error)

    def stop(self) -> bool:
        return self.ended or self.asked()

    def work(self, *, calls: bool) -> None:
        """Give one way after another a turn; the host's calls if it is `calls`, else any but those."""
        while way := self.pick(calls=calls):
            due, most = self.due if way in self.behind else self.clock.now(), self.allot()
            done: Counter[str] = Counter()
            try:
                if most != 0:
                    done = self.ways[way].turn(due, most, self.stop)
            finally:
                self.give_back(way, most, done)

    def pick(self, *, calls: bool) -> str | None:
        """Take a way that nobody works for, or wait for one; return None when all have done what was due at first."""
        with self.turned:
            while self.behind and not self.stop():
                for way in self.idle:
                    if (way == HOST) == calls:
                        self.idle.remove(way)
                        return way
                self.turned.wait(LOOK)
                if time.monotonic() - self.looked >= LOOK:
                    self.idle.extend(self.rested)
                    self.rested.clear()
                    self.looked = time.monotonic()
        return None

    def allot(self) -> int | None:
        with self.turned:
            if self.left is None:
                return None
            most = min(BATCH, self.left)
            self.left -= most
            return most

    def give_back(self, way: str, most: int | None, done: Counter[str]) -> None:
        with self.turned:
            if self.left is not None and most is not None:
                self.left += max(most - done.total(), 0)
            self.done += done
            del self.done["held"]
            (self.idle if done else self.rested).append(way)
            if not done or time.monotonic() > self.until:
                self.behind.discard(way)
            self.turned.notify_all()
