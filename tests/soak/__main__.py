"""`make soak`: desks under workers that are killed and a server that is stopped, and then their books are balanced.

`python -m tests.soak --minutes 10` runs four workers on PostgreSQL and four on SQLite, which open, advance, take in,
migrate, fire and deliver by chance. Meanwhile workers are killed (SIGKILL), the server is stopped as if it had crashed,
connections are cut, the file is locked, the receiver of messages refuses. It exits with 1 when a book does not balance.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy import make_url

from tests.delivery.servers import SECRET, Receiver
from tests.postgres import Server, make_server, scratch_folder
from tests.soak.accounts import Balance, Receipts, balance, settle, standing
from tests.soak.deeds import OTHERWISE, folder
from tests.soak.worker import connected, work
from workflow.clock import SystemClock
from workflow.delivery.settings import Delivery
from workflow.desk import auditing, seals
from workflow.errors import TicketflowError
from workflow.store import copying
from workflow.store.engine import Store

BETWEEN = 1.5  # seconds at most between two faults
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


@dataclass
class Scene:
    """One desk, its workers, and whom its messages go to."""

    url: str
    place: Path
    receiver: Receiver
    workers: list[BaseProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Keep what the receiver takes."""
        self.receipts = Receipts(self.receiver)

    @property
    def definitions(self) -> Path:
        """The folder of definitions."""
        return self.place / "definitions"

    @property
    def ledgers(self) -> list[Path]:
        """What the workers were told."""
        return sorted(self.place.glob("*.ledger"))

    @property
    def backup(self) -> Path:
        """Where the last backup that was made meanwhile lies."""
        return self.place / "backup.db"

    @property
    def delivery(self) -> Delivery:
        """By which way messages leave."""
        return Delivery(webhook_url=self.receiver.url, webhook_secret=SECRET, timeout=5)

    def make(self) -> None:
        """Make the desk, with two versions of its type."""
        self.place.mkdir()
        folder(self.place / "other", hours=OTHERWISE)
        with connected(self.url, folder(self.definitions, version=1), self.delivery) as desk:
            desk.apply(folder(self.definitions), actor="boss")

    def start(self, number: int, chance: Random) -> BaseProcess:
        """Start a worker, which finds the ledger of the one that was killed in its place."""
        ledger = self.place / f"w{number}.ledger"
        context = multiprocessing.get_context("forkserver")
        worker = context.Process(
            target=work, args=(self.url, self.definitions, ledger, self.delivery, chance.randrange(1 << 30))
        )
        worker.start()
        return worker


class Soak:
    """Workers on some desks, and what befalls them."""

    def __init__(self, scenes: list[Scene], server: Server | None, chance: Random) -> None:
        self.scenes, self.server, self.chance = scenes, server, chance
        self.befell, self.faults = Counter[str](), list[str]()

    def run(self, seconds: float, workers: int) -> None:
        """Let the workers work and be killed for so long, then let them end."""
        for scene in self.scenes:
            scene.workers = [scene.start(number, self.chance) for number in range(workers)]
        ends = time.monotonic() + seconds
        faults: dict[Callable[[], None], int] = {
            self.kill: 40,
            self.lock: 4,
            self.refuse: 4,
            self.backup: 1,
            self.seal: 1,
            self.apply: 1,
        }
        if self.server:
            faults |= {self.cut: 8, self.crash: 2}
        while time.monotonic() < ends:
            time.sleep(self.chance.uniform(0.2, BETWEEN))
            (fault,) = self.chance.choices(list(faults), list(faults.values()))
            try:
                fault()
            except TicketflowError as error:
                self.faults.append(f"{fault.__name__}: {error.message}")
            self.befell[fault.__name__] += 1
        for scene in self.scenes:
            scene.receiver.answer = 200
            for worker in scene.workers:
                worker.terminate()
        for worker in [worker for scene in self.scenes for worker in scene.workers]:
            worker.join(120)
            self.look(worker, 0, -signal.SIGTERM)  # that one had only just been started

    def kill(self) -> None:
        """Kill a worker, and start another one in its place."""
        scene = self.chance.choice(self.scenes)
        number = self.chance.randrange(len(scene.workers))
        scene.workers[number].kill()
        scene.workers[number].join()
        self.look(scene.workers[number], -signal.SIGKILL)
        scene.workers[number] = scene.start(number, self.chance)

    def look(self, worker: BaseProcess, *wanted: int) -> None:
        """See whether a worker has ended as it should have."""
        if worker.exitcode not in wanted:
            self.faults.append(f"a worker ended with {worker.exitcode}")

    def lock(self) -> None:
        """Lock the file for a while."""
        for scene in self.scenes:
            if scene.url.startswith("sqlite"):
                with closing(sqlite3.connect(make_url(scene.url).database or "", timeout=30)) as holder:
                    holder.execute("BEGIN IMMEDIATE")
                    time.sleep(self.chance.uniform(0.1, 2))

    def refuse(self) -> None:
        """Let a receiver refuse, or hang up, until another fault of this kind."""
        answers: tuple[int | str, ...] = (200, 200, 500, "close")
        self.chance.choice(self.scenes).receiver.answer = self.chance.choice(answers)

    def backup(self) -> None:
        """Make a backup, in place of the last one."""
        scene = self.chance.choice(self.scenes)
        scene.backup.unlink(missing_ok=True)
        store = Store(scene.url)
        copying.backup(store, scene.backup)
        store.close()

    def seal(self) -> None:
        """Seal what has changed since the last seal."""
        scene = self.chance.choice(self.scenes)
        if not (key := scene.place / "seal.key").exists():
            seals.new_key(key)
        store = Store(scene.url)
        auditing.seal(store, scene.place / "seals", seals.private_key(key), SystemClock())
        store.close()

    def apply(self) -> None:
        """Put other hours in force, or those of before."""
        scene = self.chance.choice(self.scenes)
        folder = scene.place / self.chance.choice(["definitions", "other"])
        with connected(scene.url, scene.definitions, scene.delivery) as desk:
            desk.apply(folder, actor="boss")

    def cut(self) -> None:
        """Cut every connection to the server."""
        for scene in self.scenes:
            if scene.url.startswith("postgresql"):
                url = make_url(scene.url).set(drivername="postgresql").render_as_string(hide_password=False)
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(CUT, [connection.info.backend_pid])

    def crash(self) -> None:
        """Stop the server as if it had crashed, and start it again."""
        assert self.server is not None
        self.server.stop(mode="immediate")
        time.sleep(self.chance.uniform(0, 1))
        self.server.start()


@contextmanager
def scenes(place: Path, *, sqlite_only: bool) -> Iterator[tuple[list[Scene], Server | None]]:
    """Make the desks."""
    with ExitStack() as stack:
        found = [Scene(f"sqlite:///{place / 'sqlite' / 't.db'}", place / "sqlite", stack.enter_context(Receiver()))]
        server = None
        if not sqlite_only:
            server = make_server(place / "server")
            stack.callback(server.stop, mode="immediate")
            server.start(durable=True)
            found.append(Scene(server.url, place / "postgresql", stack.enter_context(Receiver())))
        for scene in found:
            scene.make()
        yield found, server


def told(scene: Scene, found: Balance) -> None:
    """Print how the books of a desk stand."""
    print(
        f"{scene.place.name}: {found.deeds:,} units acknowledged and {found.refused:,} refused; {found.tickets:,} "
        f"tickets, {found.entries:,} entries, {found.fired:,} timers fired, {found.messages:,} messages "
        f"({found.told_again:,} sent again under their key); lost {len(found.lost)}, doubled {len(found.doubled)}, "
        f"other faults {len(found.faults)}",
        flush=True,
    )
    for line in (found.lost + found.doubled + found.faults)[:50]:
        print(f"  {line}")


def main() -> None:
    """Soak, and balance the books."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=4, help="on each desk")
    parser.add_argument("--sqlite-only", action="store_true")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.soak.worker"])
    place = scratch_folder()
    even = False
    try:
        with scenes(place, sqlite_only=options.sqlite_only) as (found, server):
            soak = Soak(found, server, Random(options.seed))  # noqa: S311 - for faults
            began = time.monotonic()
            soak.run(options.minutes * 60, options.workers)
            befell = ", ".join(f"{name} {many}" for name, many in sorted(soak.befell.items()))
            print(f"{(time.monotonic() - began) / 60:.1f} minutes, seed {options.seed}: {befell}", flush=True)
            even = not soak.faults
            for fault in soak.faults:
                print(f"  {fault}")
            for scene in found:
                settle(scene.url, scene.definitions, scene.ledgers, scene.delivery)
                books = balance(scene.url, scene.definitions, scene.ledgers, scene.receipts.accepted)
                if scene.backup.exists():
                    books.faults += [f"backup: {fault}" for fault in standing(f"sqlite:///{scene.backup}")]
                told(scene, books)
                even = even and books.even
    finally:
        if even:
            shutil.rmtree(place)
        else:
            print(f"what is left of it: {place}", file=sys.stderr)
    sys.exit(0 if even else 1)


if __name__ == "__main__":
    main()
