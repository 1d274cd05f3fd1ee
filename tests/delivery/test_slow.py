"""Servers that are slow: none holds a message for longer than an attempt may take, nor those that go another way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.delivery.desks import hooked, job, telling
from tests.delivery.servers import SECRET, Dripper, MailHost, Receiver
from workflow.delivery import relay
from workflow.delivery.line import SILENCES
from workflow.delivery.relay import LEASE
from workflow.delivery.settings import Delivery
from workflow.errors import UsageError

HEAD, MORE = b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"


@pytest.mark.parametrize(
    ("way", "begin", "drop"),
    [
        ("http", HEAD, MORE),
        ("http", HEAD + b"Content-Length: 5000\r\n\r\n{", b" "),
        ("https", b"\x16\x03\x03\x40\x00", b"\x02"),
        ("smtp", b"220-", b"x"),
        ("smtps", b"\x16\x03\x03\x40\x00", b"\x02"),
    ],
    ids=["head", "body", "tls", "mail", "mail-tls"],
)
def test_a_server_that_drips_is_given_up_in_time(definitions: Path, way: str, begin: bytes, drop: bytes) -> None:
    with Dripper(begin, drop) as server:
        url = f"{way}://127.0.0.1:{server.port}"
        settings = (
            Delivery(webhook_url=f"{url}/in", webhook_secret=SECRET, timeout=0.2)
            if way.startswith("http")
            else Delivery(smtp_url=f"{url}?from=desk@example.org" + "&tls=none" * (way == "smtp"), timeout=0.2)
        )
        with telling("sqlite://", definitions, settings) as desk:
            job(desk, "tell_customer" if way.startswith("http") else "tell_team")
            began = time.monotonic()
            assert desk.deliver().failed == 1
            assert 0.2 <= time.monotonic() - began < 6
            assert desk.outbox()[0].last_error == "no answer in time"


def test_an_attempt_ends_well_before_its_lease() -> None:
    longest = 30.0
    Delivery(timeout=longest)
    with pytest.raises(UsageError, match="31 seconds"):
        Delivery(timeout=31)
    assert LEASE.total_seconds() > SILENCES * longest + relay.TURN


def test_a_slow_way_keeps_nobody_from_another(
    database_url: str, definitions: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "TURN", 0.1)
    mails_before: list[int] = []

    def answer_slowly(_posted: object) -> None:
        mails_before.append(len(host.mails))
        time.sleep(0.4)

    receiver.before_answer = answer_slowly
    with MailHost() as host:
        settings = hooked(receiver, smtp_url=host.url(), timeout=5)
        with telling(database_url, definitions, settings) as desk:
            job(desk, *["tell_customer"] * 4, *["tell_team"] * 4)
            report = desk.deliver()
            assert (report.sent, report.waiting) == (8, 0)
    assert mails_before[-1] > 1, "by age alone it would be none"
