"""Mail goes to members who have an address, through servers that want TLS and a login, refuse, hang and recover."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from tests.delivery.desks import hooked, job, telling
from tests.delivery.servers import CERTIFICATE, MailHost, Receiver
from tests.store.small import NOON
from workflow.clock import VirtualClock
from workflow.core.model import Ticket
from workflow.delivery.failure import Failure
from workflow.delivery.mail import Mail
from workflow.delivery.notice import Notice
from workflow.delivery.settings import Delivery, MailServer


def mailed(host: MailHost, **more: str) -> Delivery:
    return Delivery(smtp_url=host.url(**more), timeout=2)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the servers of these tests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("tls", ["none", "starttls", "ssl"])
def test_a_member_gets_mail(definitions: Path, tls: str) -> None:
    with MailHost(tls=tls, login=("desk", "p@ss")) as host:
        settings = mailed(host, login="desk:p%40ss@")
        with telling("sqlite://", definitions, settings) as desk:
            number = job(desk, "tell_team")
            desk.assign(number, "ann", actor="boss")
            desk.advance(number, "tell_owner", actor="ann")
            assert desk.deliver().sent == 2
    team, ann = host.mails
    assert (team.recipients, ann.recipients) == (["ann@example.org", "bob@example.org"], ["ann@example.org"])
    assert (ann.sender, ann.user, ann.encrypted) == ("desk@example.org", "desk", tls != "none")
    assert ann.mail["Message-ID"] == f"<{number}-6@small_desk.example.org>"
    assert ann.mail["Auto-Submitted"] == "auto-generated"
    assert ann.mail["Subject"] == f"[Ticket {number}] To your notice: Job, intake"
    assert ann.mail["Date"].datetime == NOON
    text = ann.mail.get_content()
    assert "Why: tell_owner" in text
    assert "Zhang" not in text


def test_mail_speaks_chinese(definitions: Path) -> None:
    with MailHost() as host, telling("sqlite://", definitions, Delivery(smtp_url=host.url(), lang="zh")) as desk:
        job(desk, "tell_team")
        assert desk.deliver().sent == 1
        (sent,) = host.mails
    assert sent.mail["Subject"] == "[工单 1] 通知: 任务, 受理中"
    assert "原因: tell_team" in sent.mail.get_content()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("busy", "SMTP 421: too busy"),
        ("hang", "timed out"),
        ("full", "SMTP 452: mailbox full"),
        ("drop", "Connection unexpectedly closed"),
    ],
)  # fmt: skip
def test_a_server_that_refuses_or_hangs_is_tried_again(definitions: Path, answer: str, error: str) -> None:
    clock = VirtualClock(NOON)
    with MailHost() as host, telling("sqlite://", definitions, mailed(host), clock=clock) as desk:
        host.answer = answer
        job(desk, "tell_team")
        assert desk.deliver().failed == 1
        assert error in (desk.outbox()[0].last_error or "")
        assert host.mails == []
        host.answer = "take"
        assert desk.deliver().sent == 0, "not yet"
        clock.advance(timedelta(seconds=12))
        assert desk.deliver().sent == 1
        assert len(host.mails) == 1


def test_a_wrong_password_is_told_and_not_shown(definitions: Path) -> None:
    with (
        MailHost(login=("desk", "right")) as host,
        telling("sqlite://", definitions, mailed(host, login="desk:hunter2@")) as desk,
    ):
        job(desk, "tell_team")
        desk.deliver()
        assert desk.outbox()[0].last_error == "SMTP 535: who are you?"


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_a_certificate_that_nobody_vouches_for_is_refused(definitions: Path, tls: str) -> None:
    with MailHost(tls=tls) as host, telling("sqlite://", definitions, mailed(host)) as desk:
        job(desk, "tell_team")
        assert desk.deliver().failed == 1
        assert "CERTIFICATE_VERIFY_FAILED" in (desk.outbox()[0].last_error or "")
        assert host.mails == []


def test_a_server_without_tls_is_not_trusted_with_the_mail(definitions: Path) -> None:
    with MailHost() as host, telling("sqlite://", definitions, mailed(host, more="&tls=starttls")) as desk:
        job(desk, "tell_team")
        assert desk.deliver().failed == 1
        assert "STARTTLS" in (desk.outbox()[0].last_error or "")
        assert host.mails == []


def test_of_several_recipients_one_may_be_refused(definitions: Path) -> None:
    with MailHost() as host, telling("sqlite://", definitions, mailed(host)) as desk:
        host.unknown = {"bob@example.org"}
        job(desk, "tell_team")
        assert desk.deliver().sent == 1
        assert host.mails[0].recipients == ["ann@example.org"]
        assert desk.outbox()[0].last_error == "1 of 2 refused: SMTP 550: no such mailbox"
        host.unknown = {"ann@example.org", "bob@example.org"}
        job(desk, "tell_team")
        assert desk.deliver().given_up == 1, "none of these mailboxes will ever be there"


def test_who_has_no_address_is_told_by_the_webhook(definitions: Path, receiver: Receiver) -> None:
    with MailHost() as host:
        both = hooked(receiver, smtp_url=host.url())
        with telling("sqlite://", definitions, both) as desk:
            desk.escalate(job(desk, "tell_team", "tell_customer"), actor="ann")
            assert desk.deliver().sent == 3
        assert len(host.mails) == 1
    assert sorted(posted.message["to"] for posted in receiver.posted) == ["customer", "member:boss"]


def test_without_a_webhook_they_wait_and_are_counted(definitions: Path) -> None:
    with MailHost() as host, telling("sqlite://", definitions, mailed(host)) as desk:
        job(desk, "tell_customer", "tell_team")
        report = desk.deliver()
        assert (report.sent, report.waiting, report.unrouted) == (1, 1, 1)
        assert desk.next_message_due() is None


def test_a_name_that_no_server_can_have_fails_and_ends_nothing_else(definitions: Path) -> None:
    broken = Delivery(smtp_url="smtp://mail..example.org?from=desk@example.org&tls=none")
    with telling("sqlite://", definitions, broken) as desk:
        job(desk, "tell_team", "ring")
        report = desk.deliver()
        assert (report.sent, report.failed) == (1, 1)
        assert desk.outbox()[0].last_error == "the server's name cannot be used"


def test_the_sender_may_have_a_name(definitions: Path) -> None:
    with MailHost() as host:
        settings = Delivery(
            smtp_url=host.url().replace("desk@example.org", "%E5%AE%A2%E6%9C%8D+%3Cdesk@example.org%3E")
        )
        with telling("sqlite://", definitions, settings) as desk:
            job(desk, "tell_team")
            assert desk.deliver().sent == 1
        (sent,) = host.mails
    assert (sent.sender, sent.mail["From"]) == ("desk@example.org", "客服 <desk@example.org>")
    assert sent.mail["Message-ID"].endswith(".example.org>")


def test_an_address_that_a_server_cannot_take_is_no_sign_that_the_server_is_away() -> None:
    told = Notice("1-2", "member:li", "notify", "x", NOON, cast("Ticket", None), subject="s", text="t\n")
    with MailHost() as host:
        mail = Mail(MailServer("localhost", host.port, "desk@example.org", "none"), "d", 2)
        with pytest.raises(Failure) as caught:
            mail.send(told, ["li@例子.org"], NOON)
    assert (caught.value.permanent, caught.value.unreachable) == (True, False)
