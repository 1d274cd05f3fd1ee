"""The scheduler embedded in a host: it fires what is due soon after it is due, whoever armed it, and outlives a
database that goes away for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.store.small import DESK, JOB
from workflow.clock import VirtualClock
from workflow.desk.desk import Desk
from workflow.desk.runs import RunReport
from workflow.scheduler import Scheduler
from workflow.store.engine import Store

STAGES = """
stages:
  intake: {team: front, transitions: {end: archive}, timeouts: {soon: {after: 1s, actions: [escalate]}}}
  archive: {}
"""


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """Write a desk whose first timeout comes after one second."""
    folder = tmp_path / "quick"
    folder.mkdir()
    (folder / "desk.yaml").write_text(DESK)
    (folder / "job.yaml").write_text(JOB.partition("stages:")[0] + STAGES)
    return folder


@contextmanager
def running(scheduler: Scheduler) -> Iterator[None]:
    scheduler.start()
    try:
        yield
    finally:
        scheduler.stop()


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def test_it_fires_what_another_process_armed_soon_after_it_is_due(database_url: str, quick: Path) -> None:
    reports: list[RunReport] = []
    with Desk.connect(database_url, definitions=quick) as desk, Desk.connect(database_url) as other:
        with running(Scheduler(desk, every=0.1, on_run=reports.append)), running(Scheduler(other, every=0.1)):
            ticket = other.open("job", actor="ann", fields={"statement": "x"})
            wait_for(lambda: desk.outbox())
        (message,) = desk.outbox()
        assert (message.ticket_id, message.to) == (ticket.id, "member:boss")
        fired = [entry for entry in desk.history(ticket.id) if entry.kind == "fired"]
        assert len(fired) == 1  # of two schedulers, one
        assert fired[0].happened_at == ticket.opened_at + timedelta(seconds=1)
        assert sum(report.fired for report in reports) <= 1


def test_a_database_that_goes_away_is_waited_for(
    sqlite_url: str, quick: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "workflow.scheduler")
    with Desk.connect(sqlite_url, definitions=quick, busy_timeout=0.1) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
        wait_for(lambda: datetime.now(UTC) > (desk.next_due() or datetime.max.replace(tzinfo=UTC)))
        with running(Scheduler(desk, every=0.1)):
            pass
        desk.open("job", actor="ann", fields={"statement": "y"})
        scheduler = Scheduler(desk, every=0.1)
        with Store(sqlite_url).write() as blocking, running(scheduler):
            blocking.execute(text("SELECT 1"))
            wait_for(lambda: "run failed" in caplog.text)
            blocking.rollback()
            wait_for(lambda: "the database is back" in caplog.text)
        assert len(desk.outbox()) == 2
    assert caplog.text.count("run failed") == 1


def test_a_virtual_clock_months_ago_is_no_trouble(quick: Path) -> None:
    clock = VirtualClock(datetime(2020, 1, 1, tzinfo=UTC))
    with Desk.connect("sqlite://", definitions=quick, clock=clock) as desk:
        desk.open("job", actor="ann", fields={"statement": "x"})
        with running(Scheduler(desk, every=0.05)):
            clock.advance(timedelta(seconds=1))
            wait_for(lambda: desk.outbox())
