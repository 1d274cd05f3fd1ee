"""APScheduler as a metronome over the timeout run and the delivery of messages.

It owns no timers: those are rows, and any number of schedulers, cron lines and hosts may run over the same ones.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from workflow.clock import SystemClock
from workflow.delivery.relay import DeliveryReport
from workflow.desk.desk import Desk
from workflow.desk.runs import RunReport
from workflow.errors import TicketflowError

log = logging.getLogger("workflow.scheduler")
OnRun = Callable[[RunReport | DeliveryReport], object]
WALL = SystemClock()
RUN, DELIVERY = "run", "delivery"
DELIVERY_ENDS = 30.0  # however long the backlog: then it is told of, and other settings count
LOOK_AFTER_CLOCK = 5.0
AT_ONCE = timedelta(milliseconds=50)


class _Every(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Beats so often, counted from now: APScheduler's own adds up every beat that a jump of the clock left out."""

    def __init__(self, length: timedelta) -> None:
        self.length = length

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return when the next beat is, whenever the last one was."""
        del previous_fire_time
        return now + self.length


class Scheduler:
    """Runs the timeouts when one is due and sends messages when one is due, whoever armed or wrote them.

    It looks every `every` seconds, wakes besides at the next due instant, and every `safety` seconds runs whatever
    the look says, which also shows in the runs' log that it lives. Messages have a thread of their own, so that a
    server that hangs delays no timer. `start` returns at once; `stop` waits for the chunk and the message in hand;
    `chunk` is how many tickets one transaction of a run takes. A database that goes away is waited for. `on_run` is
    given the report of every run and delivery that did something.
    """

    def __init__(
        self, desk: Desk, *, every: float = 1.0, safety: float = 60.0, chunk: int | None = None,
        on_run: OnRun | None = None,
    ) -> None:  # fmt: skip
        self.desk, self._every, self._chunk, self._on_run = desk, timedelta(seconds=every), chunk, on_run
        self._safety, self._ran_at = safety, -math.inf
        self._ending, self._failing = threading.Event(), set[str]()
        self._watching = threading.Thread(target=self._watch, name="ticketflow-watch", daemon=True)
        self._beating = {name: threading.Lock() for name in (RUN, DELIVERY)}
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )
        for name, beat in ((RUN, self._run_timeouts), (DELIVERY, self._deliver)):
            self._scheduler.add_job(self._beat, _Every(self._every), (name, beat), id=name, next_run_time=WALL.now())

    def start(self) -> None:
        """Start looking, in threads of its own."""
        self._scheduler.start()
        self._watching.start()

    def stop(self) -> None:
        """Stop after the chunk and the message in hand."""
        self._ending.set()
        for beating in self._beating.values():  # APScheduler waits under a lock that a beat in hand may ask for
            with beating:
                pass
        self._scheduler.shutdown(wait=True)
        if self._watching.is_alive():
            self._watching.join()

    def _run_timeouts(self) -> None:
        due, started = self.desk.next_timer_due(), time.monotonic()
        if not self._has_come(due) and started < self._ran_at + self._safety:
            self._wake(RUN, due)
            return
        report = self.desk.run_timeouts(chunk=self._chunk, stop=self._ending.is_set)
        self._ran_at = started
        if report.tickets or report.errors:
            log.info(
                "run: %d tickets, %d fired, %d skipped, %d incidents, %d errors, %d locked, %.3f s",
                report.tickets, report.fired, report.skipped, report.incidents, report.errors, report.locked,
                report.seconds,
            )  # fmt: skip
            self._tell(report)
        self._wake(RUN, self.desk.next_timer_due())

    def _deliver(self) -> None:
        due = self.desk.next_message_due()
        if not self._has_come(due):
            self._wake(DELIVERY, due)
            return
        ends = time.monotonic() + DELIVERY_ENDS
        report = self.desk.deliver(seconds=DELIVERY_ENDS, stop=self._ending.is_set)
        if report.sent or report.failed or report.given_up or report.suppressed:
            log.info(
                "delivery: %d sent, %d failed, %d given up, %d suppressed, %d waiting, %.3f s",
                report.sent, report.failed, report.given_up, report.suppressed, report.waiting, report.seconds,
            )  # fmt: skip
            self._tell(report)
        cut_short = time.monotonic() > ends
        self._wake(DELIVERY, self.desk.clock.now() + AT_ONCE if cut_short else self.desk.next_message_due())

    def _watch(self) -> None:
        """Go on where the machine's clock was set back: APScheduler would wait for the time that it had planned."""
        most = self._every + timedelta(seconds=1)
        while not self._ending.wait(min(self._every.total_seconds(), LOOK_AFTER_CLOCK)):
            for job in self._scheduler.get_jobs():
                if job.next_run_time and job.next_run_time > WALL.now() + most:
                    job.modify(next_run_time=WALL.now())

    def _has_come(self, due: datetime | None) -> bool:
        return due is not None and due <= self.desk.clock.now()

    def _wake(self, name: str, due: datetime | None) -> None:
        """Look again at the very instant that something is due, where that comes before the next look."""
        if due is None or self._ending.is_set():
            return
        left = due - self.desk.clock.now()
        if timedelta() < left < self._every:
            self._scheduler.modify_job(name, next_run_time=WALL.now() + left)

    def _beat(self, name: str, work: Callable[[], None]) -> None:
        """Do one beat; what keeps it from being done is logged once, and once that it is over."""
        with self._beating[name]:
            if self._ending.is_set():
                return
            try:
                work()
            except Exception as error:  # a metronome does not stop
                told = f"{error.message}; {error.remedy}" if isinstance(error, TicketflowError) else repr(error)
                known = name in self._failing
                log.log(logging.DEBUG if known else logging.WARNING, "%s failed: %s", name, told, exc_info=_bug(error))
                self._failing.add(name)
            else:
                if name in self._failing:
                    self._failing.discard(name)
                    log.info("%s: works again", name)

    def _tell(self, report: RunReport | DeliveryReport) -> None:
        if self._on_run:
            self._on_run(report)


def _bug(error: Exception) -> Exception | None:
    """Return what nobody foresaw, to be logged with where it came from."""
    return None if isinstance(error, TicketflowError) else error


def run(desk: Desk, *, every: float = 1.0, chunk: int | None = None, on_run: OnRun | None = None) -> None:
    """Run a scheduler in the foreground until SIGTERM or SIGINT; the chunk in hand is finished first.

    A second signal ends the process as if nobody handled it.
    """
    ended = threading.Event()

    def end(_number: int, _frame: Any) -> None:
        ended.set()
        give_back()

    def give_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a look that a long run covers is no news
    scheduler = Scheduler(desk, every=every, chunk=chunk, on_run=on_run)
    log.info("scheduler started, looking every %g s", every)
    scheduler.start()
    try:
        while not ended.wait(3600):
            pass
    finally:
        scheduler.stop()
        give_back()
        log.info("scheduler stopped")
