"""Servers that are slow: none holds a message for longer than an attempt may take, nor those that go another way."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.delivery.desks import hooked, job, telling
from tests.delivery.servers import SECRET, Dripper, MailHost, Receiver
from tests.store.small import NOON
from workflow.clock import VirtualClock
from workflow.delivery import way
from workflow.delivery.line import SILENCES
from workflow.delivery.settings import Delivery
from workflow.delivery.way import LEASE
from workflow.errors import TicketflowError, UsageError

HEAD, MORE = b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"


@pytest.mark.parametrize(
    ("by", "begin", "drop"),
    [
        ("http", HEAD, MORE),
        ("http", HEAD + b"Content-Length: 5000\r\n\r\n{", b" "),
        ("https", b"\x16\x03\x03\x40\x00", b"\x02"),
        ("smtp", b"220-", b"x"),
        ("smtps", b"\x16\x03\x03\x40\x00", b"\x02"),
    ],
    ids=["head", "body", "tls", "mail", "mail-tls"],
)
def test_a_server_that_drips_is_given_up_in_time(definitions: Path, by: str, begin: bytes, drop: bytes) -> None:
    with Dripper(begin, drop) as server:
        url = f"{by}://127.0.0.1:{server.port}"
        settings = (
            Delivery(webhook_url=f"{url}/in", webhook_secret=SECRET, timeout=0.2)
            if by.startswith("http")
            else Delivery(smtp_url=f"{url}?from=desk@example.org" + "&tls=none" * (by == "smtp"), timeout=0.2)
        )
        with telling("sqlite://", definitions, settings) as desk:
            job(desk, "tell_customer" if by.startswith("http") else "tell_team")
            began = time.monotonic()
            assert desk.deliver().failed == 1
            assert 0.2 <= time.monotonic() - began < 6
            assert desk.outbox()[0].last_error == "no answer in time"


def test_an_attempt_ends_well_before_its_lease() -> None:
    longest = 30.0
    Delivery(timeout=longest)
    with pytest.raises(UsageError, match="31 seconds"):
        Delivery(timeout=31)
    assert LEASE.total_seconds() > SILENCES * longest + way.TURN


def test_a_server_that_hangs_keeps_nobody_from_another(definitions: Path, receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer, took, rung_at = "hang", list[float](), 0.0

    def ring_again() -> None:
        nonlocal rung_at
        if len(host.mails) == 4:
            rung_at = time.monotonic()
            desk.advance(1, "ring", actor="ann")

    with MailHost() as host:
        settings = hooked(receiver, smtp_url=host.url(), timeout=3)
        actions = {"bell": lambda _notice: took.append(time.monotonic() - rung_at)}
        with telling(f"sqlite:///{tmp_path}/desk.db", definitions, settings, actions=actions) as desk:
            job(desk, "tell_customer", *["tell_team"] * 4, "ring")
            host.before_answer = ring_again
            began = rung_at = time.monotonic()
            report = desk.deliver()
            assert time.monotonic() - began >= 3, "it did hang"
            assert (report.sent, report.failed, report.waiting) == (6, 1, 1)
    assert len(took) == 2, "what came meanwhile left too"
    assert max(took) < 2, "a tenth of a second where the machine has nothing else to do"


def test_a_long_backlog_is_left_to_the_next_delivery(definitions: Path, receiver: Receiver) -> None:
    with telling("sqlite://", definitions, hooked(receiver)) as desk:
        job(desk, *["tell_customer"] * 25, *["ring"] * 3)
        report = desk.deliver(seconds=0)
        assert (report.sent, report.waiting) == (way.BATCH + 3, 5)
        assert desk.deliver(seconds=60).sent == 5


def test_a_server_that_is_back_is_asked_again_while_another_is_slow(definitions: Path, receiver: Receiver) -> None:
    clock = VirtualClock(NOON)
    receiver.answer = 503
    with MailHost() as host:
        settings = hooked(receiver, smtp_url=host.url(), timeout=5)
        with telling("sqlite://", definitions, settings, clock=clock) as desk:
            job(desk, *["tell_customer"] * 3, "tell_team")

            def come_back() -> None:
                while len(receiver.posted) < 3 or desk.outbox()[0].attempts == 0:
                    time.sleep(0.02)
                receiver.answer = 200
                clock.advance(timedelta(minutes=1))
                while len(receiver.posted) < 6:
                    time.sleep(0.02)

            host.before_answer = come_back
            report = desk.deliver()
            assert (report.sent, report.failed, report.waiting) == (4, 3, 0)


def test_what_one_way_breaks_by_is_raised_and_ends_the_others(definitions: Path, receiver: Receiver) -> None:
    with MailHost() as host:
        settings = hooked(receiver, smtp_url=host.url(), timeout=1)
        with telling("sqlite://", definitions, settings) as desk:
            job(desk, "tell_customer", "tell_team")
            receiver.before_answer = lambda _posted: time.sleep(0.2)
            host.before_answer = lambda: desk.close()
            with pytest.raises(TicketflowError):
                desk.deliver()
