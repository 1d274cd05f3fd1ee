"""Machines whose clocks are minutes apart, or step: on one PostgreSQL they agree, and who is far off is told."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine

from tests.store.small import DESK, JOB, MINUTE, NOON, timed, write
from workflow.cli.app import cli
from workflow.clock import DatabaseClock, SystemClock, VirtualClock
from workflow.desk.desk import Desk

ROOT = Path(__file__).parents[2]
OFF = 600
SECOND = timedelta(seconds=1)


class Machine(SystemClock):
    """A machine's clock that is off by so much."""

    def __init__(self, off: timedelta = timedelta()) -> None:
        self.off = off

    def now(self) -> datetime:
        return super().now() + self.off


def by_faketime(seconds: int) -> list[str]:
    program = shutil.which("faketime")
    if program is None:
        pytest.skip("no faketime here")
    told = subprocess.run([program, "-f", "+0s", "env"], capture_output=True, text=True, check=True).stdout
    (library,) = re.findall("^LD_PRELOAD=.*", told, re.MULTILINE)  # faketime itself would take the signals
    settings = [library, f"FAKETIME={seconds:+}s", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
    return ["env", *settings, sys.executable, "-m", "workflow.cli.main"]


def by_injection(seconds: int) -> list[str]:
    return [sys.executable, "-m", "tests.acceptance.shifted", str(seconds)]


def said_on(machine: list[str], url: str, *words: str) -> tuple[str, str]:
    """Run a command on such a machine and return what it printed, and on standard error."""
    settings = {"TICKETFLOW_DATABASE": url, "TICKETFLOW_ACTOR": "ann"}
    done = subprocess.run([*machine, *words], cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="faketime")
@pytest.mark.prove
@pytest.mark.parametrize("machine", [by_faketime, by_injection])
def test_machines_ten_minutes_apart_agree_and_are_told(postgres_url: str, tmp_path: Path, machine: Any) -> None:
    with Desk.connect(postgres_url, definitions=write(tmp_path / "job")) as desk:
        _, err = said_on(machine(OFF), postgres_url, "open", "job", "-f", "statement=x")
        assert re.fullmatch(r"Warning: this machine's clock is 10m ahead of the database's; set it .*\n", err)
        assert desk.get(1).opened_at == pytest.approx(datetime.now(UTC), abs=60 * SECOND)
        _, err = said_on(machine(-OFF), postgres_url, "advance", "1", "accept", "--lang", "zh")
        assert re.fullmatch("注意： 本机时钟比数据库慢 10m；.*\n", err)
        assert desk.get(1).opened_at < desk.get(1).updated_at < datetime.now(UTC) + SECOND
        out, err = said_on(machine(OFF), postgres_url, "timeouts", "run", "--json")  # nothing is due for half an hour
        assert (json.loads(out)["fired"], json.loads(err)["warning"]["code"]) == (0, "unhealthy")
        assert desk.health().ok


@pytest.mark.prove
@pytest.mark.skipif(os.name == "nt", reason="faketime")
def test_schedulers_runs_and_a_host_ten_minutes_apart_fire_each_timer_once_and_none_early(
    postgres_url: str, tmp_path: Path
) -> None:
    timeouts = "soon: {after: 3s, actions: [escalate]}\nlater: {after: 5m, actions: [escalate]}"
    folder, off = write(tmp_path / "desk", timed(timeouts)), (OFF, -OFF)
    machines = {seconds: by_faketime(seconds) for seconds in off}
    settings = {"TICKETFLOW_DATABASE": postgres_url}
    with Desk.connect(postgres_url, definitions=folder) as desk, ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [*machines[seconds], "scheduler", "--every", "0.2", "--chunk", "1"],
                    cwd=ROOT, env={**os.environ, **settings}, stderr=subprocess.DEVNULL,
                )
            )
            for seconds in off
        ]  # fmt: skip
        for process in running:
            stack.callback(process.kill)
        for seconds in off:
            said_on(machines[seconds], postgres_url, "open", "timed")
        for _ in range(4):
            desk.open("timed", actor="ann")
        deadline = time.monotonic() + 60
        while len(desk.outbox()) < 6:
            said_on(machines[-OFF], postgres_url, "timeouts", "run")
            desk.run_timeouts()
            assert time.monotonic() < deadline
            assert [process.poll() for process in running] == [None, None]
        for process in running:
            process.terminate()
            assert process.wait(20) == 0
        fired = [entry for number in range(1, 7) for entry in desk.history(number) if entry.kind == "fired"]
        assert [entry.timer and entry.timer[1] for entry in fired] == ["soon"] * 6
        assert {entry.happened_at - desk.get(number).opened_at for number, entry in enumerate(fired, 1)} == {3 * SECOND}
        assert desk.health().ok


def test_a_step_of_the_machines_clock_moves_nothing(postgres_url: str, tmp_path: Path, caplog: Any) -> None:
    machine = Machine()
    with Desk.connect(postgres_url, definitions=write(tmp_path / "job"), clock=machine) as desk:
        for off in (timedelta(days=1), timedelta(days=-1), timedelta()):
            machine.off = off
            before = desk.clock.now()
            assert before == pytest.approx(datetime.now(UTC), abs=SECOND)
            ticket = desk.open("job", actor="ann", fields={"statement": "x"})
            assert timedelta() <= ticket.opened_at - before < 5 * SECOND
            health = desk.health()
            assert health.clock_ahead == pytest.approx(off, abs=SECOND)
            assert [finding.check for finding in health.findings] == (["clock"] if off else [])
            assert desk.run_timeouts().fired == 0
    assert [record.getMessage().partition(" is ")[2].partition(" the ")[0] for record in caplog.records] == [
        "1 day, 0:00:00 ahead of", "1 day, 0:00:00 behind",
    ]  # fmt: skip


def test_a_host_that_only_works_in_its_own_transactions_goes_by_the_database_too(
    postgres_url: str, tmp_path: Path
) -> None:
    machine, engine = Machine(), create_engine(postgres_url)
    with Desk.connect(postgres_url, definitions=write(tmp_path / "job"), clock=machine) as desk:
        machine.off = timedelta(hours=-5)
        with engine.begin() as connection:
            ticket = desk.within(connection).open("job", actor="ann", fields={"statement": "x"})
        assert ticket.opened_at == pytest.approx(datetime.now(UTC), abs=5 * SECOND)
        assert isinstance(desk.clock, DatabaseClock)
        assert desk.clock.ahead == pytest.approx(machine.off, abs=SECOND)
    engine.dispose()


def test_the_database_is_asked_seldom_and_half_the_way_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    beat = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: beat)
    own = VirtualClock(NOON)
    clock, asked = DatabaseClock(own), []

    def database() -> datetime:  # an hour behind, and two seconds away
        nonlocal beat
        beat += 2
        own.advance(2 * SECOND)
        asked.append(beat)
        return own.now() - timedelta(hours=1) - SECOND

    for step in range(200):
        if clock.is_stale:
            clock.ask(database)
            assert own.now() - clock.now() == timedelta(hours=1) == clock.ahead, step
        beat += 1
        own.advance(SECOND)
    assert len(asked) == 2 * 4
    assert not clock.is_stale
    own.advance(MINUTE)  # it slept, or was set
    assert clock.is_stale


def test_a_file_goes_by_its_machines_own_clock_and_a_virtual_one_stays(
    sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "job", JOB, desk=DESK)
    machine = Machine(timedelta(hours=3))
    with Desk.connect(sqlite_url, definitions=folder, clock=machine) as desk:
        assert desk.clock is machine
        assert desk.health().clock_ahead == timedelta()
    virtual = VirtualClock(NOON)
    with Desk.connect(postgres_url, definitions=folder, clock=virtual) as desk:
        assert desk.clock is virtual


def test_an_event_after_one_in_the_future_is_warned_about_and_done(
    sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(timedelta(hours=1))
    with Desk.connect(sqlite_url, definitions=write(tmp_path / "job"), clock=machine) as desk:
        first = desk.open("job", actor="ann", fields={"statement": "x"})
        machine.off = timedelta(minutes=59, seconds=30)
        assert desk.note(1, "soon", actor="ann").updated_at >= first.updated_at
        assert caplog.records == []
        machine.off = timedelta()
        assert desk.note(1, "now", actor="ann").updated_at >= first.updated_at
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("workflow.desk", logging.WARNING)
    assert re.fullmatch(r"the last event of ticket 1 lies (1:00|0:59):\d\d in the future, and .*", record.getMessage())
    done = CliRunner().invoke(cli, ["note", "1", "later", "--database", sqlite_url, "--actor", "ann"])
    assert re.fullmatch(r"Warning: the last event of ticket 1 lies (1h|59m\d+s) in the future, .*\n", done.stderr)
