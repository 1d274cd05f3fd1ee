"""Ten thousand open tickets follow a new version while four timeout runs go on: nothing lost, nothing fired twice."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.crash.racing import answer, racers, send
from tests.store.small import DESK, Books, write
from workflow import Contact, Desk
from workflow.clock import SystemClock

pytestmark = [pytest.mark.prove, pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")]
MANY = 10_000
MOVERS = DESK.replace("apply, retry]", "apply, retry, migrate, retype]")
CALL = """
ticket_type: call
version: 1
skips: [classify, review, callback]
fields: {statement: {type: text}}
stages:
  intake:
    team: front
    transitions: {take: {dest: handle}}
    timeouts:
      slow: {after: 20m, actions: [escalate]}
      leave: {after: 40m, dest: handle}
  handle:
    team: back
    transitions: {done: {dest: archive}}
    timeouts: {forgotten: {after: 1h, actions: [{notify: lead}]}}
  archive: {}
sla:
  reply: {goal: 30m, calendar: always, start: intake, stop: archive}
  gone: {goal: 2h, calendar: always, start: intake, stop: archive}
"""
SECOND = (
    CALL.replace("version: 1", "version: 2").replace("after: 20m", "after: 25m").replace("goal: 30m", "goal: 35m")
    .replace("gone: {goal: 2h", "fresh: {goal: 3h").replace("dest: handle}", "dest: handle.work}")
    .replace("transitions: {done: {dest: archive}}\n", "states:\n      work: {transitions: {done: {dest: archive}}}\n")
)  # fmt: skip


@pytest.mark.timeout(1800)
def test_open_tickets_follow_while_runs_go_on(
    database_url: str, tmp_path: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETFLOW_BUSY_TIMEOUT", "120")
    folder = write(tmp_path / "definitions", CALL, desk=MOVERS)
    command = ["--database", database_url, "--definitions", str(folder), "--actor", "boss"]
    over, codes = threading.Event(), Counter[str]()
    with Desk.connect(database_url, definitions=folder) as desk:
        since = SystemClock().now() - timedelta(minutes=50)  # of each ticket, something is due by now or soon
        old = (Contact(n, {"statement": "x"}, opened_at=since + n * timedelta(minutes=50) / MANY) for n in range(MANY))
        assert desk.intake(old, actor="boss", ticket_type="call", past="fire").opened == MANY
        write(folder, SECOND, desk=MOVERS)
        desk.apply(actor="boss")
        with racers(5) as (mover, *runners):

            def run_on(number: int) -> None:
                while not over.is_set():
                    send(runners[number], [*command, "timeouts", "run", "--chunk", "50"])
                    codes[answer(runners[number])] += 1

            threads = [threading.Thread(target=run_on, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            began, calls = time.perf_counter(), 0
            moving = [*command, "migrate", "call", "--to-version", "2", "--map", "handle=handle.work"]
            code = "8"
            while code == "8":  # what a run held just then is left to another call
                send(mover, moving)
                code, calls = answer(mover), calls + 1
            seconds = time.perf_counter() - began
            over.set()
            for thread in threads:
                thread.join()
            assert (code, set(codes)) == ("0", {"0"})
            now = SystemClock().now()
            send(mover, [*command, "timeouts", "run"])
            send(mover, [*command, "sla", "rebuild", "--check"])
            assert [answer(mover), answer(mover)] == ["0", "0"]
        due = [timer for timer in desk.agenda(until=now, limit=9).timers if timer.due_at <= now]
    print(f"\n{MANY} migrated in {seconds:.1f} s, {calls} calls, {codes.total()} runs beside them")
    tickets, entries = books.of("tickets"), books.of("history")
    assert (len(tickets), {ticket["version"] for ticket in tickets}) == (MANY, {2})
    assert {ticket["state"] for ticket in tickets} == {"intake", "handle.work"}
    assert Counter(row["ticket_id"] for row in entries if row["kind"] == "migrated") == dict.fromkeys(
        range(1, MANY + 1), 1
    )
    fired = Counter((row["ticket_id"], row["timer"]) for row in entries if row["kind"] == "fired")
    told = Counter(ticket for ticket, timer in fired if timer.startswith("timeout:slow:"))
    slow = {row["id"] for row in tickets if row["opened_at"] < now - timedelta(minutes=25)}
    assert set(fired.values()) == set(told.values()) == {1}
    assert slow <= set(told)
    assert (due, books.count("incidents")) == ([], 0)
    books.assert_balanced()
