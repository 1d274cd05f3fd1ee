"""Several processes on one desk at the same moment, many times over."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.crash.herd import herd
from tests.crash.racing import answer, racers, send
from tests.store.small import MINUTE, Books, write
from workflow.clock import SystemClock
from workflow.core.model import Ticket
from workflow.desk.contacts import Contact
from workflow.desk.desk import Desk

pytestmark = [pytest.mark.prove, pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")]
X = {"statement": "x"}


@pytest.fixture
def desk(database_url: str, definitions: Path) -> Iterator[Desk]:
    """The small desk on the system's clock, as the command line runs it."""
    with Desk.connect(database_url, definitions=definitions) as desk:
        yield desk


def settings(url: str, folder: Path) -> list[str]:
    return ["--database", url, "--definitions", str(folder), "--actor", "ann"]


def advance(url: str, folder: Path, version: int) -> list[str]:
    return [*settings(url, folder), "advance", "1", "told", "--if-version", str(version)]


def test_of_two_that_saw_the_same_version_one_is_done_and_one_conflicts(
    desk: Desk, database_url: str, definitions: Path, books: Books
) -> None:
    desk.open("job", actor="ann", fields=X)
    seen = desk.advance(1, "accept", actor="ann")
    with racers(2) as both:
        for round in range(200):
            for racer in both:
                send(racer, advance(database_url, definitions, seen.ticket_version + round))
            assert sorted(map(answer, both)) == ["0", "6"]
    after = desk.get(1)
    assert (after.ticket_version, after.seq) == (seen.ticket_version + 200, seen.seq + 200)
    books.assert_balanced()


def test_so_do_two_commands_that_start_from_nothing(
    desk: Desk, database_url: str, definitions: Path, books: Books
) -> None:
    desk.open("job", actor="ann", fields=X)
    seen = desk.advance(1, "accept", actor="ann")
    for round in range(20):
        arguments = advance(database_url, definitions, seen.ticket_version + round)
        command = [sys.executable, "-m", "workflow.cli.main", *arguments]
        both = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)
        ]
        told = {process.communicate()[1] for process in both}
        assert sorted(process.returncode for process in both) == [0, 6]
        assert any("version" in text for text in told)
    books.assert_balanced()


def test_two_processes_with_one_key_open_one_ticket_each_time(
    desk: Desk, database_url: str, definitions: Path, books: Books
) -> None:
    with racers(2) as both:
        for round in range(30):
            for racer in both:
                opening = ["open", "job", "--field", "statement=x", "--key", str(round), "--external-id", str(round)]
                send(racer, [*settings(database_url, definitions), *opening])
            assert list(map(answer, both)) == ["0", "0"]
    assert len(desk.find(limit=100).tickets) == books.count("idempotency") == 30
    books.assert_balanced()


def test_of_two_processes_that_take_one_customer_s_call_one_opens_the_ticket_and_one_urges(
    desk: Desk, database_url: str, definitions: Path, books: Books
) -> None:
    file = definitions / "job.yaml"
    file.write_text(file.read_text("utf-8").replace("version: 1\n", "version: 1\njoins: nudge\n", 1), "utf-8")
    desk.apply(definitions)
    with racers(2) as both:
        for round in range(30):
            for racer in both:
                opening = ["open", "job", "--field", "statement=x", "--customer", f"phone={13800000000 + round}"]
                send(racer, [*settings(database_url, definitions), *opening])
            assert list(map(answer, both)) == ["0", "0"]
    found = desk.find(limit=100).tickets
    assert (len(found), {ticket.tags for ticket in found}) == (30, {("nudged",)})
    assert (books.count("customers"), books.count("outbox")) == (30, 30)
    books.assert_balanced()


def test_four_runs_at_once_fire_every_timer_once(
    desk: Desk, database_url: str, definitions: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETFLOW_BUSY_TIMEOUT", "60")
    some = (Contact(n, X, opened_at=SystemClock().now() - 30 * MINUTE) for n in range(2000))
    assert desk.intake(some, actor="boss", ticket_type="job", past="fire").opened == 2000
    with racers(4) as all_four:
        for racer in all_four:
            send(racer, [*settings(database_url, definitions), "timeouts", "run"])
        assert list(map(answer, all_four)) == ["0"] * 4
    assert_fired_once(books, 2000)


def test_runs_that_take_a_few_tickets_each_fire_every_timer_once(
    desk: Desk, database_url: str, definitions: Path, books: Books
) -> None:
    some = (Contact(n, X, opened_at=SystemClock().now() - 30 * MINUTE) for n in range(1000))
    desk.intake(some, actor="boss", ticket_type="job", past="fire")
    fired = []

    def run() -> None:
        with Desk.connect(database_url, definitions=definitions, busy_timeout=60) as own:
            while (report := own.run_timeouts(limit=20)).tickets:
                fired.append(report.fired)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fired) == 1000
    assert_fired_once(books, 1000)


def assert_fired_once(books: Books, many: int) -> None:
    fired = Counter(row["ticket_id"] for row in books.of("history") if row["kind"] == "fired")
    assert (len(fired), set(fired.values())) == (many, {1})
    assert books.count("outbox") == many
    assert sum(row["fired"] for row in books.of("runs")) == many
    books.assert_balanced()


@pytest.mark.timeout(1200)
def test_four_runs_of_which_one_is_killed_again_and_again_fire_every_timer_once(
    desk: Desk, database_url: str, definitions: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETFLOW_BUSY_TIMEOUT", "120")
    due, kills, many = 20_000, 0, 0
    run = [*settings(database_url, definitions), "timeouts", "run", "--chunk", "20"]
    chance = random.Random(due)  # noqa: S311 - for pauses
    with racers(4) as (victim, *others):
        while kills < 20:
            opened_at = SystemClock().now() - 30 * MINUTE
            some = (Contact(n, X, opened_at=opened_at) for n in range(due))
            many += desk.intake(some, actor="boss", ticket_type="job", past="fire").opened
            before = kills
            for racer in others:
                send(racer, run)
            while True:
                send(victim, {"run": run, "killed_after": chance.uniform(0.05, 0.3)})
                if (code := answer(victim)) == "0":
                    break
                assert code == str(-signal.SIGKILL)
                kills += 1
            assert list(map(answer, others)) == ["0"] * 3
            assert kills > before
    assert desk.run_timeouts().locked == 0  # what a server had not yet noticed the death of is free by now
    now = SystemClock().now()
    assert [timer for timer in desk.agenda(until=now, limit=9).timers if timer.due_at <= now] == []
    fired = Counter((row["ticket_id"], row["timer"]) for row in books.of("history") if row["kind"] == "fired")
    assert (len(fired), set(fired.values())) == (many, {1})
    assert (books.count("outbox"), books.count("escalations"), books.count("incidents")) == (many, many, 0)
    books.assert_balanced()


@pytest.mark.timeout(600)
def test_four_schedulers_of_which_one_is_killed_again_and_again_fire_every_timer_once(
    postgres_url: str, tmp_path: Path
) -> None:
    found = herd(postgres_url, write(tmp_path / "desk"), due=2000, hits=6, chunk=50)
    assert found.is_sound, found
    assert found.hits >= 6
    books = Books(postgres_url)
    books.assert_balanced()
    books.close()


def test_people_and_runs_at_once_lose_nothing(desk: Desk, database_url: str, definitions: Path, books: Books) -> None:
    for _ in range(40):
        desk.open("job", actor="ann", fields=X, at=SystemClock().now() - timedelta(minutes=30))
    faults: list[Exception] = []

    def work(step: int) -> None:
        with Desk.connect(database_url, definitions=definitions, busy_timeout=60) as own:
            for number in range(1, 41):
                try:
                    if step == 0:
                        own.run_timeouts(limit=3)
                    else:
                        own.note(1 + number * (7, 11)[step - 1] % 40, f"by {step}", actor="ann")
                except Exception as fault:
                    faults.append(fault)

    threads = [threading.Thread(target=work, args=(step,)) for step in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.run_timeouts()
    assert faults == []
    kinds = Counter(row["kind"] for row in books.of("history"))
    assert (kinds["noted"], kinds["fired"], kinds["opened"]) == (80, 40, 40)
    books.assert_balanced()


def test_eight_threads_with_one_key_open_one_ticket_each_time(desk: Desk, books: Books) -> None:
    for round in range(25):
        barrier, found = threading.Barrier(8), list[Ticket]()

        def open_one(barrier: threading.Barrier = barrier, found: list[Ticket] = found, key: str = str(round)) -> None:
            barrier.wait()
            found.append(desk.open("job", actor="ann", fields=X, customer={"phone": "138"}, key=key))

        threads = [threading.Thread(target=open_one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ticket.replayed for ticket in found) == [False, *[True] * 7]
        assert len({ticket.id for ticket in found}) == 1
    assert (books.count("tickets"), books.count("customers"), books.count("idempotency")) == (25, 1, 25)
    books.assert_balanced()
