"""APScheduler as a metronome over the timeout run.

It owns no timers: those are rows, and any number of schedulers, cron lines and hosts may run over the same ones.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from workflow.clock import SystemClock
from workflow.desk.desk import Desk
from workflow.desk.runs import RunReport
from workflow.errors import TicketflowError

log = logging.getLogger("workflow.scheduler")


class Scheduler:
    """Looks every `every` seconds whether a timer is due, whoever armed it, and if so runs the timeouts.

    `start` returns at once; `stop` waits for the chunk in hand. A database that goes away is waited for.
    `on_run` is given the report of every run that did something.
    """

    def __init__(self, desk: Desk, *, every: float = 1.0, on_run: Callable[[RunReport], object] | None = None) -> None:
        self.desk, self._on_run, self._reachable = desk, on_run, True
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )
        self._scheduler.add_job(self.beat, "interval", seconds=every, next_run_time=SystemClock().now())

    def start(self) -> None:
        """Start looking, in a thread of its own."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop after the run in hand."""
        self._scheduler.shutdown(wait=True)

    def beat(self) -> RunReport | None:
        """Run the timeouts if one is due; return what was done. A store that cannot be reached is logged once."""
        try:
            due = self.desk.next_due()
            report = self.desk.run_timeouts() if due is not None and due <= self.desk.clock.now() else None
        except TicketflowError as error:
            log.log(logging.WARNING if self._reachable else logging.DEBUG, "run failed: %s", error.message)
            self._reachable = False
            return None
        if not self._reachable:
            log.info("the database is back")
            self._reachable = True
        if report is None or not report.tickets:
            return None
        log.info(
            "run: %d tickets, %d fired, %d skipped, %d incidents, %d lost, %.3f s",
            report.tickets, report.fired, report.skipped, report.incidents, report.lost, report.seconds,
        )  # fmt: skip
        if self._on_run:
            self._on_run(report)
        return report


def run(desk: Desk, *, every: float = 1.0, on_run: Callable[[RunReport], object] | None = None) -> None:
    """Run a scheduler in the foreground until SIGTERM or SIGINT; the run in hand is finished first."""
    ended = threading.Event()

    def end(_number: int, _frame: Any) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    scheduler = Scheduler(desk, every=every, on_run=on_run)
    scheduler.start()
    try:
        while not ended.wait(3600):
            pass
    finally:
        scheduler.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
