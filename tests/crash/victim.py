"""A program that is killed on demand: `python -m tests.crash.victim`, then lines of `URL FOLDER WORK WHERE`.

Each line is done by a fork of its own. Where a number is given, it kills itself before it sends that statement (or the
commit in its place) to the database; else it dies at that crash point, as `run.claimed:2`. `killed` or `done` is the
answer. Forks of a process that has done all work once, because one that starts anew takes a second.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, event

from tests.crash.forks import serve
from tests.store.small import DESK, JOB, LONGER, MINUTE, NOON, VISIT, opened, write
from workflow.delivery.notice import Notice
from workflow.desk import auditing, migrate, revise, seals
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.store import copying, crash, schema
from workflow.store.engine import Store

LATE = NOON + 11 * MINUTE
VERSION_2 = JOB.replace("version: 1", "version: 2")
JOINING = JOB.replace("version: 1", "version: 1\njoins: nudge")
MASTER = DESK.replace("apply, retry]", "apply, retry, migrate, redact]")


def _open(desk: Desk) -> None:
    desk.open(
        "job", actor="ann", fields={"statement": "new", "secret": 7}, customer={"phone": "139", "name": "Wu"},
        external_id="new", tags=["a"], key="k",
    )  # fmt: skip


def _advance(desk: Desk) -> None:
    desk.advance(1, "accept", actor="ann", fields={"amount": 1}, note="caught up first", key="k")


def _run(desk: Desk) -> None:
    while desk.run_timeouts(as_of=LATE, limit=1).tickets:
        pass


def _intake(desk: Desk) -> None:
    some = (
        Contact(n, {"statement": str(n)}, {"phone": str(n % 2)}, external_id=f"e{n}", opened_at=NOON - n * 5 * MINUTE)
        for n in range(6)
    )
    desk.intake(some, actor="boss", ticket_type="job", past="record", batch=2)


def _rearm(desk: Desk) -> None:
    revise.CHUNK = 2
    folder = Path(desk.folder)
    desk.apply(write(folder.with_name("longer"), JOB, VISIT, desk=LONGER), actor="boss")


def _deliver(desk: Desk) -> None:
    """Deliver six minutes after whoever tried before, when the leases of one that died have ended."""
    tries = Path(desk.folder).with_name("tries")
    with tries.open("a") as trying:
        trying.write("x")
    desk.clock.move_to(LATE + 6 * MINUTE * len(tries.read_text()))  # type: ignore[attr-defined]
    desk.deliver()


def _apply(desk: Desk) -> None:
    folder = Path(desk.folder)
    desk.apply(write(folder.with_name("second"), VERSION_2), actor="boss")


def _join(desk: Desk) -> None:
    some = (Contact(n, {"statement": "again"}, {"phone": "138"}, external_id=f"again {n}") for n in range(4))
    desk.intake(some, actor="boss", ticket_type="job", batch=2)


def _migrate(desk: Desk) -> None:
    migrate.CHUNK = 2
    desk.migrate("job", to_version=2, actor="boss")


def _beside(desk: Desk, name: str) -> Path:
    return Path(desk.folder).with_name(name)


def _copy(desk: Desk, *, restored: bool = False) -> None:
    copying.SLICE = 2
    source, target = desk._transactions.store, Store(f"sqlite:///{_beside(desk, 'target.db')}")  # type: ignore[attr-defined]
    copying.copy(source, target, live=restored, restored=restored)
    target.close()


def _backup(desk: Desk) -> None:
    copying.backup(desk._transactions.store, _beside(desk, "backup.db"))  # type: ignore[attr-defined]


def _seal(desk: Desk) -> None:
    if not (key := _beside(desk, "seal.key")).exists():
        seals.new_key(key)
    auditing.seal(desk._transactions.store, _beside(desk, "seals"), seals.private_key(key), desk.clock)  # type: ignore[attr-defined]


def _host(desk: Desk) -> None:
    with desk._transactions.store.engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("INSERT INTO orders VALUES (1)")
        desk.within(connection).open("job", actor="ann", fields={"statement": "of an order"})


def _upgrade(url: str) -> None:
    store = Store(url)
    schema.upgrade(store)
    store.close()


WORK: dict[str, Callable[[Desk], object]] = {
    "open": _open,
    "advance": _advance,
    "escalate": lambda desk: desk.escalate(1, actor="ann", reason="urgent"),
    "link": lambda desk: desk.link(1, 2, actor="ann"),
    "apply": _apply,
    "connect": lambda desk: desk.types,
    "run": _run,
    "intake": _intake,
    "rearm": _rearm,
    "deliver": _deliver,
    "join": _join,
    "migrate": _migrate,
    "redact": lambda desk: desk.redact(1, ["statement"], actor="boss", reason="asked for"),
    "retry": lambda desk: desk.retry(1, actor="boss"),
    "rebuild": lambda desk: desk.rebuild_clocks(actor="boss"),
    "count": lambda desk: desk.count_figures(),
    "recount": lambda desk: desk.rebuild_figures(actor="boss"),
    "resume": lambda desk: desk.resume(LATE),
    "copy": _copy,
    "restore": partial(_copy, restored=True),
    "backup": _backup,
    "seal": _seal,
    "host": _host,
}


@contextmanager
def connected(url: str, folder: Path, at: datetime = LATE) -> Iterator[Desk]:
    """Give the desk; whom its bell calls is written down beside the definitions."""

    def ring(notice: Notice) -> None:
        with folder.with_name("told").open("a") as told:
            print(notice.key, file=told)

    with opened(url, folder, at, busy_timeout=30, actions={"bell": ring}) as desk:
        yield desk


def work(url: str, folder: Path, name: str) -> None:
    """Do one piece of work to the end."""
    if name == "upgrade":
        _upgrade(url)
        return
    with connected(url, folder) as desk:
        WORK[name](desk)


def killed_at(url: str, place: str, name: str, where: str) -> None:
    """Do one piece of work, and be killed before a statement of it, or before a commit, or at a crash point."""
    folder = Path(place)
    if not where.isdecimal():
        os.environ["TICKETFLOW_CRASH_AT"] = where
        importlib.reload(crash)
        work(url, folder, name)
        return
    left = int(where)

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm() -> None:
        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)

    if name == "connect":
        arm()
    with connected(url, folder) as desk:
        if name != "connect":
            arm()
        WORK[name](desk)


ELSEWHERE = ("rearm", "migrate", "redact", "retry", "rebuild", "recount", "restore", "host")  # not on so small a desk


def warm_up() -> None:
    """Do once on a desk of its own whatever leaves nothing behind in this process."""
    with TemporaryDirectory() as scratch:
        url, folder = f"sqlite:///{scratch}/t.db", write(Path(scratch) / "definitions")
        with connected(url, folder, NOON) as desk:
            for _ in range(2):
                desk.open("job", actor="ann", fields={"statement": "x"})
        for name in WORK:
            if name not in ELSEWHERE:
                work(url, folder, name)


def main() -> None:
    """Serve."""
    warm_up()
    serve(killed_at)


if __name__ == "__main__":
    main()
