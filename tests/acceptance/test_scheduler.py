"""The scheduler, embedded and as a process: it fires what is due soon after it is due, whoever armed it, tells people,
stops when told to, and outlives a database that goes away for a while."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from tests.delivery.servers import SECRET, Receiver
from tests.postgres import Server
from tests.store.small import DESK, JOB, Books
from workflow.clock import SystemClock, VirtualClock
from workflow.delivery.relay import DeliveryReport
from workflow.delivery.settings import Delivery
from workflow.desk import runs
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk
from workflow.desk.runs import RunReport
from workflow.scheduler import Scheduler
from workflow.store.engine import Store

ROOT = Path(__file__).parents[2]
STAGES = """
stages:
  intake: {{team: front, transitions: {{end: archive}}, timeouts: {{soon: {{after: {after}, actions: [escalate]}}}}}}
  archive: {{}}
"""
Report = RunReport | DeliveryReport


def desk_folder(folder: Path, after: str = "1s") -> Path:
    """Write a desk whose first timeout comes so soon, and which tells of each by itself."""
    folder.mkdir()
    (folder / "desk.yaml").write_text(DESK + "delivery: {digest_above: 1000}\n")
    (folder / "job.yaml").write_text(JOB.partition("stages:")[0] + STAGES.format(after=after))
    return folder


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """Write a desk whose first timeout comes after one second."""
    return desk_folder(tmp_path / "quick")


@contextmanager
def running(scheduler: Scheduler) -> Iterator[None]:
    scheduler.start()
    try:
        yield
    finally:
        scheduler.stop()


@contextmanager
def process(url: str, folder: Path, *more: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run `ticketflow scheduler` in a process of its own; at the end it is told to stop, and does."""
    settings |= {"TICKETFLOW_DATABASE": url, "TICKETFLOW_DEFINITIONS": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-m", "workflow.cli.main", "scheduler", *more],
        cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as found:  # fmt: skip
        try:
            yield found
        finally:
            found.kill()


def ended(found: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    """Tell a scheduler to stop and return what it printed."""
    found.send_signal(number)
    out, err = found.communicate(timeout=20)
    assert found.returncode == 0, err
    return out, err


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def opened(desk: Desk) -> int:
    return desk.open("job", actor="ann", fields={"statement": "x"}).id


def fired(desk: Desk, number: int) -> list[float]:
    """Return how late each firing of a ticket was, in seconds."""
    return [entry.data["late_by"] for entry in desk.history(number) if entry.kind == "fired"]


def test_it_fires_what_another_process_armed_soon_after_it_is_due(database_url: str, quick: Path) -> None:
    reports: list[Report] = []
    with Desk.connect(database_url, definitions=quick) as desk, Desk.connect(database_url) as other:
        with running(Scheduler(desk, every=0.1, on_run=reports.append)), running(Scheduler(other, every=0.1)):
            ticket = other.open("job", actor="ann", fields={"statement": "x"})
            wait_for(lambda: desk.outbox())
        (message,) = desk.outbox()
        assert (message.ticket_id, message.to) == (ticket.id, "member:boss")
        entries = [entry for entry in desk.history(ticket.id) if entry.kind == "fired"]
        assert len(entries) == 1  # of two schedulers, one
        assert entries[0].happened_at == ticket.opened_at + timedelta(seconds=1)
        assert sum(report.fired for report in reports if isinstance(report, RunReport)) <= 1


def test_it_wakes_at_the_due_instant_however_seldom_it_looks(sqlite_url: str, quick: Path) -> None:
    with Desk.connect(sqlite_url, definitions=quick) as desk:
        number = opened(desk)
        with running(Scheduler(desk, every=60)):
            wait_for(lambda: fired(desk, number))
        assert fired(desk, number)[0] < 1


def test_it_runs_at_its_safety_interval_though_nothing_is_due(sqlite_url: str, quick: Path) -> None:
    books = Books(sqlite_url)
    with Desk.connect(sqlite_url, definitions=quick) as desk:
        with running(Scheduler(desk, every=0.05, safety=0.1)):
            wait_for(lambda: books.of("runs") and books.of("runs")[0]["empty"] >= 3)
        with running(Scheduler(desk, every=0.05, safety=60)):
            before = books.of("runs")[0]["empty"]
            time.sleep(0.5)
            assert books.of("runs")[0]["empty"] <= before + 1
    books.close()


def test_messages_leave_and_a_server_that_hangs_delays_no_timer(
    database_url: str, quick: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "workflow.scheduler")
    with Receiver() as receiver:
        receiver.answer = "hang"
        settings = Delivery(webhook_url=receiver.url, webhook_secret=SECRET, timeout=30)
        with Desk.connect(database_url, definitions=quick, delivery=settings) as desk:
            first = opened(desk)
            reports: list[Report] = []
            scheduler = Scheduler(desk, every=0.1, on_run=reports.append)
            with running(scheduler):
                wait_for(lambda: receiver.posted)
                second = opened(desk)
                wait_for(lambda: fired(desk, second), 5)
                receiver.answer = 200
                receiver.let_go.set()
                wait_for(lambda: desk.outbox(state="sent"))
            assert fired(desk, first)
            assert any(isinstance(report, DeliveryReport) and report.sent for report in reports)
        assert re.search(r"run: 1 tickets, 1 fired, .*\n(.*\n)*.*delivery: 1 sent, 0 failed", caplog.text)


def test_a_run_stops_between_two_chunks(database_url: str, quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "CHUNKS", {"sqlite": 1, "postgresql": 1})
    clock = VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))
    with Desk.connect(database_url, definitions=quick, clock=clock) as desk:
        for _ in range(3):
            opened(desk)
        clock.advance(timedelta(minutes=1))
        asked = iter([False, True])
        assert desk.run_timeouts(stop=lambda: next(asked)).fired == 1
        assert desk.run_timeouts().fired == 2


def test_a_database_that_goes_away_is_waited_for(
    sqlite_url: str, quick: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "workflow.scheduler")
    with Desk.connect(sqlite_url, definitions=quick, busy_timeout=0.1) as desk:
        opened(desk)
        wait_for(lambda: datetime.now(UTC) > (desk.next_due() or datetime.max.replace(tzinfo=UTC)))
        scheduler = Scheduler(desk, every=0.1)
        with Store(sqlite_url).write() as blocking, running(scheduler):
            blocking.execute(text("SELECT 1"))
            wait_for(lambda: "run failed" in caplog.text)
            time.sleep(0.5)
            blocking.rollback()
            wait_for(lambda: "run: works again" in caplog.text)
            wait_for(lambda: desk.outbox())
    assert caplog.text.count("run failed") == 1


def test_what_nobody_foresaw_does_not_stop_it(sqlite_url: str, quick: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_report: Report) -> None:
        raise ZeroDivisionError("of the host")

    with Desk.connect(sqlite_url, definitions=quick) as desk, running(Scheduler(desk, every=0.1, on_run=broken)):
        first = opened(desk)
        wait_for(lambda: fired(desk, first))
        second = opened(desk)
        wait_for(lambda: fired(desk, second))
    assert "of the host" in caplog.text


def test_a_virtual_clock_months_ago_is_no_trouble(quick: Path) -> None:
    clock = VirtualClock(datetime(2020, 1, 1, tzinfo=UTC))
    with Desk.connect("sqlite://", definitions=quick, clock=clock) as desk:
        opened(desk)
        with running(Scheduler(desk, every=0.05)):
            clock.advance(timedelta(seconds=1))
            wait_for(lambda: desk.outbox())


class Machine(SystemClock):
    """The clock of a machine, which is set to and fro."""

    off = timedelta()

    def now(self) -> datetime:
        return super().now() + self.off


@pytest.mark.prove
def test_a_clock_that_jumps_by_a_day_freezes_and_repeats_nothing(
    database_url: str, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()

    class Time(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + machine.off

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Time)
    monkeypatch.setattr("workflow.scheduler.WALL", machine)
    with Desk.connect(database_url, definitions=quick, clock=machine) as desk, running(Scheduler(desk, every=0.1)):
        for days in (0, 1, 0, -1, 0):
            machine.off = timedelta(days=days)
            number = opened(desk)
            wait_for(lambda number=number: fired(desk, number))  # type: ignore[misc]
        assert [len(fired(desk, number)) for number in range(1, 6)] == [1] * 5
        if database_url.startswith("postgresql"):
            assert desk.health().ok


@pytest.mark.prove
def test_a_postgresql_that_goes_away_and_comes_back(postgres_server: Server, tmp_path: Path) -> None:
    url = make_url(postgres_server.url).render_as_string(hide_password=False)
    folder = desk_folder(tmp_path / "quick")
    with Desk.connect(url, definitions=folder) as desk, process(url, folder) as scheduler:
        first = opened(desk)
        wait_for(lambda: fired(desk, first))
        second = opened(desk)
        postgres_server.stop()
        time.sleep(3)
        postgres_server.start()
        wait_for(lambda: fired(desk, second))
        third = opened(desk)
        wait_for(lambda: fired(desk, third))
        _, err = ended(scheduler)
        assert [len(fired(desk, number)) for number in (first, second, third)] == [1, 1, 1]
    assert err.count("run failed") == 1
    assert "run: works again" in err
    assert str(make_url(url).password) not in err


def is_overrun() -> bool:
    """Say whether the machine has far more to do than it can: nobody is punctual there."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.prove)])
def test_the_process_is_punctual_and_ends_when_told(database_url: str, tmp_path: Path, number: signal.Signals) -> None:
    folder = desk_folder(tmp_path / "desk", "2s")
    hook = {"TICKETFLOW_WEBHOOK_SECRET": SECRET}
    with Receiver() as receiver, Desk.connect(database_url, definitions=folder) as desk:
        with process(database_url, folder, TICKETFLOW_WEBHOOK_URL=receiver.url, **hook) as scheduler:
            ticket = opened(desk)
            wait_for(lambda: receiver.posted)
            out, err = ended(scheduler, number)
        assert fired(desk, ticket)[0] < 3 or is_overrun()
        assert receiver.posted[0].message["reason"].startswith("timeout:soon")
    assert out == ""
    lines = err.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO ", line) for line in lines)
    assert [re.split("[:,]", line.split(" INFO ")[1])[0] for line in lines] == [
        "scheduler started", "run", "delivery", "scheduler stopped",
    ]  # fmt: skip
    assert "token" not in err


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_process_tells_programs_what_it_did(sqlite_url: str, quick: Path) -> None:
    with Desk.connect(sqlite_url, definitions=quick) as desk:
        opened(desk)
        with process(sqlite_url, quick, "--every", "0.1", "--json") as scheduler:
            wait_for(lambda: desk.outbox())
            out, _ = ended(scheduler)
    (report,) = map(json.loads, out.splitlines())
    assert report["fired"] == 1


@pytest.mark.prove
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("point", ["inside", "between"])
def test_killed_inside_a_chunk_and_between_two(database_url: str, tmp_path: Path, point: str) -> None:
    many, past = 5000, datetime.now(UTC) - timedelta(hours=1)
    contacts = (Contact(n, {"statement": str(n)}, {}, opened_at=past, external_id=str(n)) for n in range(many))
    folder = desk_folder(tmp_path / "desk")
    books = Books(database_url)
    with Desk.connect(database_url, definitions=folder) as desk:
        desk.intake(contacts, actor="boss", ticket_type="job", past="fire")
        doomed = subprocess.run([sys.executable, "-m", "tests.acceptance.doomed", database_url, point], cwd=ROOT)
        assert doomed.returncode == -signal.SIGKILL
        assert len(firings(books)) == 1000
        with process(database_url, folder) as scheduler:
            wait_for(lambda: len(firings(books)) == many, 60)
            ended(scheduler)
    found = firings(books)
    assert len(found) == len(set(found)) == many
    assert len(books.of("outbox")) == many
    books.close()


def firings(books: Books) -> list[int]:
    """Return the ticket of each firing."""
    query = "SELECT ticket_id FROM ticketflow_history WHERE kind = 'fired'"
    with books.engine.connect() as connection:
        return [row[0] for row in connection.exec_driver_sql(query)]


@pytest.mark.prove
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_again_and_again_nothing_is_lost_or_doubled(database_url: str, tmp_path: Path) -> None:
    many = 400
    folder = desk_folder(tmp_path / "desk")
    kills = 0
    with Receiver() as receiver, Desk.connect(database_url, definitions=folder) as desk:
        receiver.before_answer = lambda _posted: time.sleep(0.01)
        hook: dict[str, Any] = {"TICKETFLOW_WEBHOOK_URL": receiver.url, "TICKETFLOW_WEBHOOK_SECRET": SECRET}
        for _ in range(many):
            opened(desk)
        while len(receiver.keys) < many:
            before = len(receiver.posted)
            with process(database_url, folder, **hook) as scheduler:
                wait_for(lambda before=before: len(receiver.posted) > before + 60 or len(receiver.keys) == many)  # type: ignore[misc]
                scheduler.kill()
            kills += 1
            leases_end(database_url)
        assert kills >= 5
        assert [len(fired(desk, number)) for number in range(1, many + 1)] == [1] * many
        assert set(receiver.keys) == {row.key for row in desk.outbox(limit=10_000)}
        assert len(receiver.posted) <= many + kills


def leases_end(url: str) -> None:
    """Let the time pass after which what a dead relay held is due again."""
    store = Store(url)
    with store.write() as connection:
        connection.execute(text("UPDATE ticketflow_outbox SET next_try_at = created_at WHERE state = 'sending'"))
    store.close()
