"""Relays that die at any point, and relays that run at once: every message arrives, and doubles can be told apart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.desks import hooked, job, states, telling
from tests.delivery.servers import SECRET, MailHost, Posted, Receiver
from tests.store.small import MINUTE, NOON
from workflow.delivery.way import LEASE
from workflow.desk.desk import Desk

ROOT = Path(__file__).parents[2]
MESSAGES = 3
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and forks of POSIX")


class Victim:
    """Relays that kill themselves."""

    def __init__(self, url: str, receiver: Receiver) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.victim", url, receiver.url],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def deliver(self, statement: int, minutes: int) -> str:
        """Have a relay deliver until it dies before that statement."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{statement} {minutes}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def victim(url: str, receiver: Receiver) -> Iterator[Victim]:
    """Give relays that kill themselves."""
    found = Victim(url, receiver)
    with found.process:
        try:
            yield found
        finally:
            assert found.process.stdin is not None
            found.process.stdin.close()
            found.process.wait(30)


@pytest.mark.prove
def test_killed_before_any_statement_nothing_is_lost(database_url: str, definitions: Path, receiver: Receiver) -> None:
    with telling(database_url, definitions) as desk:
        pass
    minutes, points, twice = 0, 0, 0
    with victim(database_url, receiver) as relays:
        for statement in range(1, 500):
            now = NOON + minutes * MINUTE
            with telling(database_url, definitions, at=now) as desk:
                job(desk, *["tell_customer"] * MESSAGES)
            receiver.accepted.clear()
            answer = relays.deliver(statement, minutes)
            assert answer in ("killed", "done")
            minutes += 1 + int(LEASE / MINUTE)
            with telling(database_url, definitions, hooked(receiver), at=NOON + minutes * MINUTE) as desk:
                desk.deliver()
                assert set(states_of(desk)) == {"sent"}
            assert len(receiver.accepted) == MESSAGES
            assert max(receiver.accepted.values()) <= 2
            twice += sum(times > 1 for times in receiver.accepted.values())
            minutes += 1
            if answer == "done":
                break
            points += 1
    assert points > 4 * MESSAGES, "claiming, looking up, marking and their commits"
    assert 0 < twice <= points, "sent, and killed before it was written down"


def states_of(desk: Desk) -> list[str]:
    return [row.state for row in desk.outbox(limit=10_000)]


@pytest.mark.prove
def test_killed_by_sigkill_while_the_server_has_not_answered(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    with telling(database_url, definitions) as desk:
        job(desk, *["tell_customer"] * MESSAGES)
    relay: list[subprocess.Popen[bytes]] = []

    def kill(_posted: Posted) -> None:
        while not relay:
            time.sleep(0.01)
        relay[0].kill()

    receiver.before_answer = kill
    relay.append(deliver_by_command(database_url, definitions, receiver, NOON))
    assert relay[0].wait(30) == -signal.SIGKILL
    relay[0].communicate()
    with telling(database_url, definitions, hooked(receiver)) as desk:
        assert states(desk) == ["sending"] * MESSAGES
    receiver.before_answer = lambda _posted: None
    with deliver_by_command(database_url, definitions, receiver, NOON + LEASE + timedelta(seconds=1)) as again:
        assert report(again)["sent"] == MESSAGES
    assert sorted(receiver.keys.values()) == [1, 1, 2]


@pytest.mark.prove
def test_ctrl_c_ends_it_though_every_server_hangs(database_url: str, definitions: Path, receiver: Receiver) -> None:
    with telling(database_url, definitions) as desk:
        job(desk, "tell_customer", "tell_team")
    receiver.answer = "hang"
    with MailHost() as host:
        host.answer = "hang"
        relay = deliver_by_command(database_url, definitions, receiver, NOON, TICKETFLOW_SMTP_URL=host.url())
        wait_until(lambda: receiver.posted and host.asked)
        began = time.monotonic()
        relay.send_signal(signal.SIGINT)
        relay.communicate(timeout=30)
        assert (relay.returncode, time.monotonic() - began < 5) == (130, True)
    with telling(database_url, definitions) as desk:
        assert states(desk) == ["sending"] * 2, "until their lease ends"


@pytest.mark.prove
def test_several_relays_at_once_send_each_message_once(
    database_url: str, definitions: Path, receiver: Receiver
) -> None:
    many = 240
    with telling(database_url, definitions) as desk:
        for _ in range(many // 8):
            job(desk, *["tell_customer"] * 8)
    receiver.before_answer = lambda _posted: time.sleep(0.02)
    relays = [deliver_by_command(database_url, definitions, receiver, NOON) for _ in range(3)]
    sent = [report(relay)["sent"] for relay in relays]
    assert sum(sent) == many
    assert sum(number > 0 for number in sent) >= 2, "they did run at once"
    assert receiver.keys == Counter(dict.fromkeys(receiver.keys, 1))
    assert len(receiver.keys) == many


def wait_until(done: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


def deliver_by_command(
    url: str, definitions: Path, receiver: Receiver, now: Any, **more: str
) -> subprocess.Popen[bytes]:
    """Start `ticketflow deliver` in a process of its own."""
    settings: Mapping[str, str] = {
        "TICKETFLOW_DATABASE": url,
        "TICKETFLOW_DEFINITIONS": str(definitions),
        "TICKETFLOW_NOW": now.isoformat(),
        "TICKETFLOW_BUSY_TIMEOUT": "30",
        "TICKETFLOW_WEBHOOK_URL": receiver.url,
        "TICKETFLOW_WEBHOOK_SECRET": SECRET,
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "workflow.cli.main", "deliver", "--json"],
        cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def report(relay: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, err = relay.communicate(timeout=120)
    assert relay.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return found
