"""Four schedulers on one PostgreSQL of which one is killed again and again: `python -m tests.crash.herd`.

Each is `ticketflow scheduler` in a process of its own. Whichever has just claimed a chunk is killed 50 to 300 ms later,
and another takes its place. A kill hits if the process held tickets whose chunk was not yet written. In the end every
timer must have fired once, each ticket's message and rung must be there once, and every chain must be whole.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.crash.herded import work
from tests.postgres import fresh_database, make_server, scratch_folder
from tests.store.small import MINUTE, write
from workflow.clock import SystemClock
from workflow.desk import auditing
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.store.engine import Store

HERD = multiprocessing.get_context("forkserver")
HERD.set_forkserver_preload(["tests.crash.herded"])
LOOK = """
SELECT (SELECT min(next_timer_at) FROM ticketflow_tickets) <= now(),
       count(*) FILTER (WHERE state <> 'idle'), count(*) FILTER (WHERE wait_event_type = 'Lock')
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
COUNTED = """
SELECT (SELECT count(*) FROM ticketflow_tickets WHERE next_timer_at <= now()),
       (SELECT count(*) FROM ticketflow_history WHERE kind = 'fired'),
       (SELECT count(DISTINCT (ticket_id, timer)) FROM ticketflow_history WHERE kind = 'fired'),
       (SELECT count(*) FROM ticketflow_outbox), (SELECT count(*) FROM ticketflow_escalations),
       (SELECT count(*) FROM ticketflow_incidents)
"""


class Beast:
    """One scheduler: what it holds, and what it is known to have committed."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self.held = self.done = self.claims = 0
        self.written = False
        self._told = threading.Condition()
        self._pipe, other = HERD.Pipe(duplex=False)
        self.process = HERD.Process(target=work, args=(other, arguments, log))
        self.process.start()
        other.close()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        with suppress(EOFError):
            while True:
                many = self._pipe.recv()
                with self._told:
                    if many < 0:
                        self.written = True
                        continue
                    self.done += self.held if self.written else 0  # who claims again has committed
                    self.held, self.written, self.claims = many, False, self.claims + bool(many)
                    self._told.notify_all()

    def claims_within(self, seconds: float) -> bool:
        """Wait for its next claim."""
        with self._told:
            before = self.claims
            return self._told.wait_for(lambda: self.claims > before, seconds)

    def kill(self) -> bool:
        """Kill it; return whether that hit: it held a chunk that was not yet written."""
        self.process.kill()
        self._end()
        return self.process.exitcode == -signal.SIGKILL and self.held > 0 and not self.written

    def stop(self) -> None:
        """Tell it to stop, and see that it does; one that is not at work yet just ends."""
        self.process.terminate()
        self._end()
        assert self.process.exitcode == 0 or (self.process.exitcode, self.claims) == (-signal.SIGTERM, 0)

    def _end(self) -> None:
        self.process.join(60)
        self._listener.join()


@dataclass
class Outcome:
    """What came of it. `shares` are the tickets that the processes of each place are known to have committed.

    `busy` sessions were seen in a transaction, and of these `waiting` for another's lock.
    """

    due: int = 0
    kills: int = 0
    hits: int = 0
    seconds: float = 0.0
    shares: list[int] = field(default_factory=list)
    busy: int = 0
    waiting: int = 0
    fired: int = 0
    timers: int = 0
    messages: int = 0
    rungs: int = 0
    incidents: int = 0
    left: int = 0
    faults: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether every timer fired exactly once."""
        once = {self.fired, self.timers, self.messages, self.rungs} == {self.due}
        return once and not (self.incidents or self.left or self.faults)


def herd(url: str, folder: Path, *, due: int, hits: int, chunk: int, many: int = 4) -> Outcome:
    """Let schedulers fire so many timers, and kill until so many kills have hit: over as many anew if need be."""
    found, chance, log = Outcome(), random.Random(due), folder / "log"  # noqa: S311 - for pauses
    scheduler = ["--database", url, "--definitions", str(folder), "scheduler", "--every", "0.2", "--chunk", str(chunk)]
    store = Store(url)
    with ExitStack() as stack:
        stack.callback(store.close)

        def beast() -> Beast:
            new = Beast(scheduler, log)
            stack.callback(new.process.kill)
            return new

        def is_due() -> bool:
            with store.read() as connection:
                left, busy, waiting = connection.exec_driver_sql(LOOK).one()
            found.busy, found.waiting = found.busy + busy, found.waiting + waiting
            return bool(left)

        herd, gone = list[Beast](), [0] * many
        while not herd or found.hits < hits:
            found.due += take_in(url, folder, due)
            began = time.monotonic()
            herd = herd or [beast() for _ in range(many)]
            while is_due():
                place, done = chance.randrange(many), sum(gone) + sum(each.done for each in herd)
                assert herd[place].process.is_alive(), log.read_text()
                if found.hits >= hits or done < due * 0.8 * found.hits / hits:  # spread over the first four fifths
                    time.sleep(0.1)
                elif herd[place].claims_within(2):
                    time.sleep(chance.uniform(0.05, 0.3))
                    found.hits += herd[place].kill()
                    found.kills += 1
                    gone[place] += herd[place].done
                    herd[place] = beast()
            found.seconds += time.monotonic() - began
        for each in herd:
            each.stop()
        found.shares = [before + each.done for before, each in zip(gone, herd, strict=True)]
        with store.read() as connection:
            counted = connection.exec_driver_sql(COUNTED).one()
        found.left, found.fired, found.timers, found.messages, found.rungs, found.incidents = counted
        found.faults = len(auditing.verify(store).faults)
    return found


def take_in(url: str, folder: Path, many: int) -> int:
    """Open tickets that are overdue, and whose next rung is far off."""
    opened_at = SystemClock().now() - 25 * MINUTE
    with Desk.connect(url, definitions=folder) as desk:
        contacts = (Contact(n, {"statement": "x"}, opened_at=opened_at) for n in range(many))
        return desk.intake(contacts, actor="boss", ticket_type="job", past="fire").opened


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of a PostgreSQL that waits for the disk."""
    if given := os.environ.get("TICKETFLOW_TEST_POSTGRES"):
        yield given
        return
    folder = scratch_folder()
    own = make_server(folder / "server")
    own.start(durable=True)
    try:
        yield own.url
    finally:
        own.stop(mode="immediate")
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Do it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.herd")
    parser.add_argument("--due", type=int, default=100_000, help="so many due tickets")
    parser.add_argument("--hits", type=int, default=50, help="so many kills that hit")
    parser.add_argument("--chunk", type=int, default=100, help="so many tickets in one transaction")
    chosen = parser.parse_args()
    with server() as given, fresh_database(given) as url, tempfile.TemporaryDirectory() as folder:
        found = herd(url, write(Path(folder) / "desk"), **vars(chosen))
    known = sum(found.shares)
    print(f"{found.due:,} due, {timedelta(seconds=round(found.seconds))} until none was, "
          f"{found.due / found.seconds:.0f} a second; {found.kills} kills, {found.hits} of which hit")  # fmt: skip
    print("share of each place: " + ", ".join(f"{share / found.due:.1%}" for share in found.shares)
          + f"; {found.due - known:,} committed by one that was killed at that moment")  # fmt: skip
    print(f"seen in a transaction {found.busy:,} times, waiting for a lock {found.waiting:,} times")
    print(f"fired {found.fired:,}, timers {found.timers:,}, messages {found.messages:,}, rungs {found.rungs:,}, "
          f"incidents {found.incidents}, still due {found.left}, broken chains {found.faults}")  # fmt: skip
    sys.exit(0 if found.is_sound and found.hits >= chosen.hits else 1)


if __name__ == "__main__":
    main()
